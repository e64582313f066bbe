"""``cytosurf increment``: test whether the features of a run add to position."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from cytosurf.cli.options import JobsOfRun, RunDirectory
from cytosurf.cli.summary import print_summary


def increment_command(
    run_dir: RunDirectory,
    features: Annotated[
        str | None,
        typer.Option(help="Feature set of the run (default: its first).", show_default=False),
    ] = None,
    position: Annotated[
        str | None,
        typer.Option(
            help="What they may add to (default: harmonics:N with as many columns).",
            show_default=False,
        ),
    ] = None,
    spins: Annotated[
        int | None,
        typer.Option(
            help="Spins in all (default: as many as the run has label spins; 99 without any, and "
            "at most 99 where they stopped early).",
            show_default=False,
        ),
    ] = None,
    rotation: Annotated[
        str, typer.Option(help="How hemispheres go together: mirrored or independent.")
    ] = "mirrored",
    null: Annotated[
        str, typer.Option(help="spins, or surrogates: features that are made anew.")
    ] = "spins",
    statistic: Annotated[
        str,
        typer.Option(help="increment, or difference: features on their own, position subtracted."),
    ] = "increment",
    jobs: JobsOfRun = None,
) -> None:
    """Test whether features add to position: they are spun, labels and position stay.

    The test that label spins cannot make. Its outcome goes into the run and its report. Spins that
    are there are not done again: a stopped command goes on where it was.

    Example: cytosurf increment cytosurf-run-yeo7 --position harmonics:8 --spins 199
    """
    from cytosurf.spinning import increment

    options: dict[str, Any] = {"rotation": rotation, "null": null, "statistic": statistic}
    result = increment(run_dir, features, position=position, spins=spins, jobs=jobs, **options)
    print_summary(result)
