"""Options of `decode`, in the order of its help, and what other commands share with it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

INPUTS, FOLDS, TESTS, RUN = "Inputs", "Folds", "Tests", "Run"

# Inputs

Features = Annotated[
    str,
    typer.Option(
        help="Feature sets, separated by commas, such as hist, neighbourhood:pca32 or "
        "my.dscalar.nii; + joins sets, :pcaD takes components, an unknown name lists all.",
        rich_help_panel=INPUTS,
    ),
]
Targets = Annotated[
    str,
    typer.Option(
        help="Parcellations to decode, separated by commas, such as yeo7 or my.dlabel.nii; an "
        "unknown name lists all.",
        rich_help_panel=INPUTS,
    ),
]
Baseline = Annotated[
    str | None,
    typer.Option(
        help="Feature sets to compare with (default: coordinates; coordinates:mirrored where "
        "one hemisphere is trained on and the other tested).",
        show_default=False,
        rich_help_panel=INPUTS,
    ),
]
Space = Annotated[str, typer.Option(help="Space of the analysis.", rich_help_panel=INPUTS)]
Hemisphere = Annotated[str, typer.Option(help="L, R or both.", rich_help_panel=INPUTS)]
Mask = Annotated[
    str | None,
    typer.Option(help="File whose non-zero vertices are analysed.", rich_help_panel=INPUTS),
]
MinClassVertices = Annotated[
    int, typer.Option(help="Leave out smaller classes.", rich_help_panel=INPUTS)
]

# Folds

NFolds = Annotated[int, typer.Option(help="Number of folds.", rich_help_panel=FOLDS)]
NBlocks = Annotated[int, typer.Option(help="Superblocks per hemisphere.", rich_help_panel=FOLDS)]
Blocks = Annotated[
    str,
    typer.Option(
        help="midthickness (published) or sphere (contiguous on it).", rich_help_panel=FOLDS
    ),
]
Scheme = Annotated[
    str,
    typer.Option(
        help="blocks, homotopic, slabs, left-to-right, right-to-left or across.",
        rich_help_panel=FOLDS,
    ),
]
BufferMm = Annotated[
    float, typer.Option(help="Gap between training and test.", rich_help_panel=FOLDS)
]
Repeats = Annotated[
    int, typer.Option(help="Decode with this many fold seeds.", rich_help_panel=FOLDS)
]
BlockSweep = Annotated[
    str, typer.Option(help="Other --n-blocks, e.g. 50,200.", rich_help_panel=FOLDS)
]

# Tests

Rotation = Annotated[
    str,
    typer.Option(
        help="How the hemispheres turn: both policies one after the other, or one of them in "
        "half the time: independent (as published, for differences to position alone) or "
        "mirrored (valid for every statistic).",
        rich_help_panel=TESTS,
    ),
]
StopAfterExceedances = Annotated[
    int | None,
    typer.Option(
        help="End the spins when so many have reached the observed difference to the baselines "
        "(20 is usual; default: never).",
        show_default=False,
        rich_help_panel=TESTS,
    ),
]
Statistic = Annotated[
    str,
    typer.Option(
        help="Statistics to test besides macro-F1: accuracy, balanced_accuracy, mcc, kappa, "
        "pooled_macro_f1, f1:CLASS. They can be chosen later too: cytosurf report.",
        show_default=False,
        rich_help_panel=TESTS,
    ),
]
MaxDistortion = Annotated[
    float | None,
    typer.Option(
        help="Leave out spins that change distances along the cortex by more than this share "
        "on average, e.g. 0.18; spin_quality.tsv of a run lists them (default: keep all).",
        show_default=False,
        rich_help_panel=TESTS,
    ),
]
ApproximateTail = Annotated[
    bool,
    typer.Option(
        "--approximate-tail",
        help="Add an approximate p from a fitted tail where few spins exceed.",
        rich_help_panel=TESTS,
    ),
]

# Run

Spins = Annotated[
    int,
    typer.Option(
        help="Spins of each rotation policy, so twice as many with --rotation both; 0 for none.",
        rich_help_panel=RUN,
    ),
]
Seed = Annotated[int, typer.Option(help="Seed of folds, spins and all else.", rich_help_panel=RUN)]
Jobs = Annotated[
    int | None, typer.Option(help="Processes; all cores if left out.", rich_help_panel=RUN)
]
Device = Annotated[
    str,
    typer.Option(
        help="Where refits are done: cpu, cuda (many spins at once in torch; not yet run on a "
        "GPU), torch-cpu.",
        rich_help_panel=RUN,
    ),
]
MatchedPosition = Annotated[
    bool,
    typer.Option(
        help="Decode position with as many columns beside every feature set.",
        rich_help_panel=RUN,
    ),
]
ConfigFile = Annotated[
    Path | None,
    typer.Option(
        help="YAML file of options, as a run directory holds it. Options on the command line "
        "come before it.",
        rich_help_panel=RUN,
    ),
]
Out = Annotated[
    Path | None,
    typer.Option(help="Run directory; ./cytosurf-run-<target> if left out.", rich_help_panel=RUN),
]

# Of commands on a run directory, and on the configuration of a training

RunDirectory = Annotated[
    Path, typer.Argument(metavar="RUN_DIR", help="Run directory, as decode makes it.")
]
JobsOfRun = Annotated[int | None, typer.Option(help="Processes (default: as the run).")]
Changes = Annotated[
    list[str],
    typer.Option("--set", metavar="A.B=VALUE", help="Change one value of the configuration."),
]


def listed(text: str) -> tuple[str, ...]:
    """Return what an option holds separated by commas.

    Examples
    --------
    >>> listed("labels, features,")
    ('labels', 'features')
    """
    return tuple(part.strip() for part in text.split(",") if part.strip())
