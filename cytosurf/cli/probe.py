"""``cytosurf probe``: what features of the X-ray slice know of its regions."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cytosurf.cli.extras import from_extra
from cytosurf.cli.naming import naming_options
from cytosurf.cli.options import Changes, listed

ARGUMENTS = (
    *("models", "classes", "min_share", "strip_tiles", "gap_tiles", "n_folds", "components", "C"),
)


def probe_command(
    config: Annotated[
        Path, typer.Argument(metavar="CONFIG", help="YAML configuration of a training.")
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Directory of the comparison.")],
    models: Annotated[
        str,
        typer.Option(help="Any of spatialnce, simclr, untrained, supervised, pca, coordinates."),
    ] = "spatialnce,simclr,supervised,untrained,pca,coordinates",
    classes: Annotated[
        str, typer.Option(help="Regions that are scored; all others are counted.")
    ] = "CTX,STR,VP,ZI",
    min_share: Annotated[
        float, typer.Option(help="A tile has the label that covers more than this share of it.")
    ] = 0.5,
    strip_tiles: Annotated[int, typer.Option(help="Width of a strip of a fold, in tiles.")] = 2,
    gap_tiles: Annotated[int, typer.Option(help="Tiles between training and test.")] = 1,
    n_folds: Annotated[int, typer.Option(help="Number of folds.")] = 5,
    components: Annotated[int, typer.Option(help="Principal components of the pixels.")] = 32,
    penalty: Annotated[
        float, typer.Option("--C", help="Inverse strength of the penalty of the probe.")
    ] = 1.0,
    changes: Changes = [],  # noqa: B006
) -> None:
    """Compare features of the X-ray slice by a linear probe of its regions, over spatial folds.

    Each model is trained in each fold without its test tiles; the same command goes on with a
    comparison that was stopped.

    Example: cytosurf probe pipelines/xray_thalamocortical/config.yaml --out probe
    """
    from cytosurf.spatialnce.config_files import read_config

    checked = read_config(config, changes)
    with from_extra("train"):
        from cytosurf.probes.comparison import Protocol, compare_models

    def show(model: str, fold: int) -> None:
        typer.echo(f"{model}: fold {fold + 1} of {n_folds}", err=True)

    regions = listed(classes)
    with naming_options(ARGUMENTS):
        protocol = Protocol(
            regions, min_share, strip_tiles, gap_tiles, n_folds, components, penalty
        )
        found = compare_models(checked, out, models=listed(models), protocol=protocol, on_fold=show)
    typer.echo("\t".join(["model", "macro_f1", "sd", "pooled", *regions]))
    for model, scores in found.record["models"].items():
        macro = scores["macro_f1"]
        row = [macro["mean"], macro["sd"], scores["pooled_macro_f1"], *scores["f1"].values()]
        typer.echo("\t".join([model, *(f"{value:.3f}" for value in row)]))
