"""``cytosurf merge``: join the shards of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cytosurf.cli.summary import print_summary


def merge_command(
    run_dir: Annotated[Path, typer.Argument(metavar="RUN_DIR", help="Run directory.")],
    shards: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[SHARD_DIR]...", help="Copies of it with spins done elsewhere."),
    ] = None,
) -> None:
    """Join shards of spins into a run, check that none is missing, and test.

    Example: cytosurf merge cytosurf-run-yeo7 node-1/cytosurf-run-yeo7 node-2/cytosurf-run-yeo7
    """
    from cytosurf.spinning import merge

    print_summary(merge(run_dir, shards or []))
