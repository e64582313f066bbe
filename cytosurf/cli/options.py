"""Options that several commands share, declared once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

INPUTS, FOLDS, TESTS, RUN = "Inputs", "Folds", "Tests", "Run"

Space = Annotated[str, typer.Option(help="Space of the analysis.", rich_help_panel=INPUTS)]
Mask = Annotated[
    str | None,
    typer.Option(help="File whose non-zero vertices are analysed.", rich_help_panel=INPUTS),
]
NFolds = Annotated[int, typer.Option(help="Number of folds.", rich_help_panel=FOLDS)]
NBlocks = Annotated[int, typer.Option(help="Superblocks per hemisphere.", rich_help_panel=FOLDS)]
Scheme = Annotated[
    str,
    typer.Option(
        help="blocks, homotopic, slabs, left-to-right, right-to-left or across.",
        rich_help_panel=FOLDS,
    ),
]
Seed = Annotated[int, typer.Option(help="Seed of folds, spins and all else.", rich_help_panel=RUN)]
Jobs = Annotated[
    int | None, typer.Option(help="Processes; all cores if left out.", rich_help_panel=RUN)
]
JobsOfRun = Annotated[int | None, typer.Option(help="Processes (default: as the run).")]
RunDirectory = Annotated[
    Path, typer.Argument(metavar="RUN_DIR", help="Run directory, as decode makes it.")
]
