"""``cytosurf report``: write the report of finished runs again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def report_command(
    run_dirs: Annotated[list[Path], typer.Argument(metavar="RUN_DIR...", help="Finished runs.")],
    out: Annotated[
        Path | None,
        typer.Option(help="Folder of family.json; beside the first run if left out."),
    ] = None,
) -> None:
    """Write report and tables of runs; several runs are corrected by Holm as one family.

    Prints each file that was written: the reports, and family.json of several runs.
    """
    from cytosurf.workflow import write_reports

    for path in write_reports(run_dirs, out=out):
        typer.echo(path)
