"""``cytosurf fold-vertices``: the vertices behind each test fold of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cytosurf.cli.options import RunDirectory


def fold_vertices_command(
    run_dir: RunDirectory,
    out: Annotated[Path, typer.Option(help="Folder for fold-1.npz and so on.")],
    space: Annotated[
        str, typer.Option(help="Where features are made, and what is written.")
    ] = "bigbrain-164k",
) -> None:
    """Write which vertices the features at each fold's test vertices are made from.

    For training without them: cytosurf train --set subset.exclude=DIR/fold-1.npz

    Example: cytosurf fold-vertices cytosurf-run-yeo7 --out folds
    """
    from cytosurf.runs import load_run, write_fold_vertices
    from cytosurf.surfaces import Space

    for path in write_fold_vertices(load_run(run_dir), Space.parse(space), out):
        typer.echo(path)
