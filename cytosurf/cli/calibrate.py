"""``cytosurf calibrate``: false-positive rate and power of the spin tests for your data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cytosurf.cli.options import (
    INPUTS,
    RUN,
    Jobs,
    Mask,
    NBlocks,
    NFolds,
    Scheme,
    Seed,
    Space,
    listed,
)

if TYPE_CHECKING:
    from cytosurf.runs.calibration import Calibration

FEATURES = "Random features"


def calibrate_command(
    target: Annotated[
        str, typer.Option(help="Parcellation to decode, or a label file.", rich_help_panel=INPUTS)
    ] = "schaefer400-7networks",
    sets: Annotated[int, typer.Option(help="Random feature sets.", rich_help_panel=FEATURES)] = 200,
    smoothness_mm: Annotated[
        float,
        typer.Option(
            help="FWHM of the kernel that white noise is smoothed with.", rich_help_panel=FEATURES
        ),
    ] = 20.0,
    columns: Annotated[
        int, typer.Option(help="Columns of a feature set.", rich_help_panel=FEATURES)
    ] = 4,
    effect: Annotated[
        float,
        typer.Option(
            help="For the power: correlation of each column with the smoothed indicator of a "
            "class; 0 leaves it out.",
            rich_help_panel=FEATURES,
        ),
    ] = 0.3,
    surface: Annotated[
        str,
        typer.Option(
            help="Where features are equally smooth: midthickness, or sphere (no distortion).",
            rich_help_panel=FEATURES,
        ),
    ] = "midthickness",
    baseline: Annotated[
        str | None,
        typer.Option(
            help="Baseline of the difference (default: as for decode).",
            show_default=False,
            rich_help_panel=INPUTS,
        ),
    ] = None,
    space: Space = "fsLR-32k",
    mask: Mask = None,
    n_folds: NFolds = 5,
    n_blocks: NBlocks = 100,
    scheme: Scheme = "blocks",
    spins: Annotated[
        int,
        typer.Option(
            help="Spins, or surrogates, of each feature set and policy.", rich_help_panel=RUN
        ),
    ] = 99,
    nulls: Annotated[
        str,
        typer.Option(
            help="What is spun or made anew, joined by commas: labels, features, surrogates. The "
            "last two test the increment over position as well, and are slow.",
            rich_help_panel=RUN,
        ),
    ] = "labels",
    symmetries: Annotated[
        str,
        typer.Option(
            help="How alike the hemispheres of the features are: some of independent, correlated "
            "(0.8), symmetric.",
            rich_help_panel=FEATURES,
        ),
    ] = "independent,correlated,symmetric",
    seed: Seed = 0,
    jobs: Jobs = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder; ./cytosurf-calibration-<target> if left out. One that holds the same "
            "calibration is continued.",
            rich_help_panel=RUN,
        ),
    ] = None,
) -> None:
    """Measure how often the spin tests reject for random features, and for planted effects.

    Random smooth features that know nothing of the labels are tested on your mesh, mask, folds and
    target; a valid test has p <= 0.05 for at most 5 % of them.

    Example: cytosurf calibrate --target yeo7 --sets 40 --spins 39
    """
    from cytosurf.runs.calibration import calibrate
    from cytosurf.workflow import default_folder

    folder = out if out is not None else default_folder(target, "calibration")
    result = calibrate(
        target,
        sets=sets,
        spins=spins,
        smoothness_mm=smoothness_mm,
        columns=columns,
        effect=effect,
        nulls=listed(nulls),
        symmetries=listed(symmetries),
        surface=surface,
        baseline=baseline,
        space=space,
        folds={"n_folds": n_folds, "n_blocks": n_blocks, "scheme": scheme},
        mask=mask,
        seed=seed,
        jobs=jobs,
        out=folder,
    )
    print_rates(result)
    typer.echo(f"Table: {folder / 'calibration.tsv'}")


def print_rates(result: Calibration) -> None:
    """Print the rates of a calibration: false positives, and then the power."""
    from rich.box import SIMPLE
    from rich.console import Console
    from rich.table import Table

    settings = result.settings
    console = Console()
    console.print(
        f"\n{settings['target']}: {settings['sets']} feature sets of {settings['columns']} columns,"
        f" FWHM {settings['smoothness_mm']:g} mm on the {settings['surface']}, "
        f"{settings['spins']} spins each; a valid test rejects random features at a rate of at "
        f"most {settings['attainable_rate']:.3f}",
        soft_wrap=True,
    )
    titles = {
        "random": "Random features: false positives",
        "planted": f"Planted effect of {settings['effect']:g}: power",
    }
    for kind, title in titles.items():
        rates = [rate for rate in result.rates if rate.kind == kind]
        headers = ("hemispheres", "null", "statistic", "rotation", "p <= 0.05", "95 % CI")
        table = Table(*headers, title=title, title_justify="left", box=SIMPLE, padding=(0, 1, 0, 0))
        for rate in rates:
            table.add_row(
                rate.symmetry,
                rate.null,
                rate.statistic,
                rate.rotation,
                f"{rate.rate:.3f} ({rate.n_rejected}/{rate.n_sets})",
                f"{rate.ci95[0]:.3f} to {rate.ci95[1]:.3f}",
            )
        if rates:
            console.print(table)
