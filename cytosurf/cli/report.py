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
    statistic: Annotated[
        str,
        typer.Option(
            help="Test other statistics with the spins that are there: accuracy, "
            "balanced_accuracy, mcc, kappa, pooled_macro_f1, or f1:CLASS, precision:CLASS, "
            "recall:CLASS of a class; several separated by commas.",
            show_default=False,
        ),
    ] = "",
    approximate_tail: Annotated[
        bool,
        typer.Option(
            "--approximate-tail",
            help="Add an approximate p from a fitted tail where few spins exceed.",
        ),
    ] = False,
) -> None:
    """Write report and tables of runs; several runs are corrected by Holm as one family.

    Prints each file that was written: the reports, and family.json of several runs.

    Example: cytosurf report cytosurf-run-yeo7 --statistic mcc,f1:Vis
    """
    from cytosurf.workflow import write_reports

    pages = write_reports(
        run_dirs, out=out, statistics=statistic, approximate_tail=approximate_tail
    )
    for path in pages:
        typer.echo(path)
