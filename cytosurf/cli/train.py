"""``cytosurf train``: train an encoder with SpatialNCE, or go on with a training."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from cytosurf.cli.extras import from_extra
from cytosurf.cli.options import Changes


def train_command(
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="YAML configuration.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Run directory.")] = Path("training"),
    changes: Changes = [],  # noqa: B006
    show_config: Annotated[
        bool, typer.Option("--show-config", help="Print the resolved configuration and stop.")
    ] = False,
) -> None:
    """Train an encoder of image patches; the same command goes on with a stopped training.

    On several GPUs or CPUs: torchrun --nproc-per-node 4 --no-python cytosurf train CONFIG

    Example: cytosurf train pipelines/spatialnce_bigbrain/config.yaml --out spatialnce
    --set loss.sigma_mm=5
    """
    from cytosurf.spatialnce.config_files import config_text, read_config

    checked = read_config(config, changes)
    if show_config:
        typer.echo(config_text(checked), nl=False)
        return
    with from_extra("train"):
        from cytosurf.spatialnce.loop import train
        from cytosurf.spatialnce.metrics import one_line

    def show(record: dict[str, Any]) -> None:
        typer.echo(one_line(record, checked.steps))

    training = train(checked, out, on_record=show)
    if not training.finished:
        typer.echo(
            f"Stopped after step {training.progress.step} of {checked.steps}. "
            "The same command goes on.",
            err=True,
        )
        raise typer.Exit(1)
    if training.process == 0:
        typer.echo(f"{training.directory / 'model'}")
