"""``cytosurf decode``: decode a map from maps."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cytosurf.cli.naming import naming_options
from cytosurf.cli.options import (
    FOLDS,
    INPUTS,
    RUN,
    TESTS,
    Jobs,
    Mask,
    NBlocks,
    NFolds,
    Scheme,
    Seed,
    Space,
)
from cytosurf.errors import InputError

if TYPE_CHECKING:
    from cytosurf.runs import NullRecord
    from cytosurf.workflow import Decoding


# Arguments of `decode` and its folds; those whose option has another name.
_FIELDS = (
    *("features", "target", "baseline", "space", "hemispheres", "mask", "min_class_vertices"),
    *("spins", "seed", "jobs", "n_folds", "n_blocks", "method", "scheme", "buffer_mm", "repeats"),
    "device",
    *("block_sweep", "rotation", "stop_after_exceedances", "statistics", "max_distortion"),
)
_OPTION_OF = {"hemispheres": "hemisphere", "method": "blocks", "statistics": "statistic"}


def decode_command(
    context: typer.Context,
    features: Annotated[
        str,
        typer.Option(
            help="Feature sets, separated by commas; + joins sets, :pcaD takes components. "
            "Names are listed in the documentation, and by a wrong one.",
            rich_help_panel=INPUTS,
        ),
    ] = "microstructure",
    target: Annotated[
        str, typer.Option(help="Parcellations to decode, or label files.", rich_help_panel=INPUTS)
    ] = "schaefer400-7networks",
    baseline: Annotated[
        str | None,
        typer.Option(
            help="Feature sets to compare with (default: coordinates; coordinates:mirrored where "
            "one hemisphere is trained on and the other tested).",
            show_default=False,
            rich_help_panel=INPUTS,
        ),
    ] = None,
    space: Space = "fsLR-32k",
    hemisphere: Annotated[str, typer.Option(help="L, R or both.", rich_help_panel=INPUTS)] = "both",
    mask: Mask = None,
    min_class_vertices: Annotated[
        int, typer.Option(help="Leave out smaller classes.", rich_help_panel=INPUTS)
    ] = 1,
    n_folds: NFolds = 5,
    n_blocks: NBlocks = 100,
    blocks: Annotated[
        str,
        typer.Option(
            help="midthickness (published) or sphere (contiguous on it).", rich_help_panel=FOLDS
        ),
    ] = "midthickness",
    scheme: Scheme = "blocks",
    buffer_mm: Annotated[
        float, typer.Option(help="Gap between training and test.", rich_help_panel=FOLDS)
    ] = 0.0,
    repeats: Annotated[
        int, typer.Option(help="Decode with this many fold seeds.", rich_help_panel=FOLDS)
    ] = 1,
    block_sweep: Annotated[
        str, typer.Option(help="Other --n-blocks, e.g. 50,200.", rich_help_panel=FOLDS)
    ] = "",
    spins: Annotated[
        int, typer.Option(help="Number of spins; 0 for none.", rich_help_panel=RUN)
    ] = 99,
    rotation: Annotated[
        str,
        typer.Option(
            help="How the hemispheres turn: both policies one after the other, or one of them in "
            "half the time: independent (as published, for differences to position alone) or "
            "mirrored (valid for every statistic).",
            rich_help_panel=TESTS,
        ),
    ] = "both",
    stop_after_exceedances: Annotated[
        int | None,
        typer.Option(
            help="End the spins when so many have reached the observed difference to the baselines "
            "(20 is usual; default: never).",
            show_default=False,
            rich_help_panel=TESTS,
        ),
    ] = None,
    statistic: Annotated[
        str,
        typer.Option(
            help="Statistics to test besides macro-F1: accuracy, balanced_accuracy, mcc, kappa, "
            "pooled_macro_f1, f1:CLASS. They can be chosen later too: cytosurf report.",
            show_default=False,
            rich_help_panel=TESTS,
        ),
    ] = "",
    max_distortion: Annotated[
        float | None,
        typer.Option(
            help="Leave out spins that change distances along the cortex by more than this share "
            "on average, e.g. 0.18; spin_quality.tsv of a run lists them (default: keep all).",
            show_default=False,
            rich_help_panel=TESTS,
        ),
    ] = None,
    approximate_tail: Annotated[
        bool,
        typer.Option(
            "--approximate-tail",
            help="Add an approximate p from a fitted tail where few spins exceed.",
            rich_help_panel=TESTS,
        ),
    ] = False,
    seed: Seed = 0,
    jobs: Jobs = None,
    device: Annotated[
        str,
        typer.Option(
            help="Where refits are done: cpu, cuda (many spins at once in torch), torch-cpu.",
            rich_help_panel=RUN,
        ),
    ] = "cpu",
    matched_position: Annotated[
        bool,
        typer.Option(
            help="Decode position with as many columns beside every feature set.",
            rich_help_panel=RUN,
        ),
    ] = True,
    config: Annotated[
        Path | None,
        typer.Option(
            help="YAML file of options, as a run directory holds it. Options on the command line "
            "come before it.",
            rich_help_panel=RUN,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Run directory; ./cytosurf-run-<target> if left out.", rich_help_panel=RUN
        ),
    ] = None,
) -> None:
    """Decode parcellations from feature maps, with baselines and a spin test.

    Without options: seven networks from the microstructure maps that come with BrainSpace.

    Example: cytosurf decode --features neighbourhood:pca32,hist --target yeo7,yeo17
    """
    from cytosurf.runs.options import read_options
    from cytosurf.workflow import decode, default_folder

    options: dict[str, Any] = {
        "features": features,
        "target": target,
        "baseline": baseline,
        "space": space,
        "hemispheres": _hemispheres(hemisphere),
        "mask": mask,
        "min_class_vertices": min_class_vertices,
        "seed": seed,
        "spins": spins,
        "jobs": jobs,
        "matched_position": matched_position,
        "rotation": rotation,
        "stop_after_exceedances": stop_after_exceedances,
        "statistics": statistic,
        "approximate_tail": approximate_tail,
        "max_distortion": max_distortion,
        "device": device,
    }
    fold_options: dict[str, Any] = {
        "n_folds": n_folds,
        "n_blocks": n_blocks,
        "method": blocks,
        "scheme": scheme,
        "buffer_mm": buffer_mm,
        "repeats": repeats,
        "block_sweep": _numbers("--block-sweep", block_sweep),
    }
    if config is not None:
        written = read_options(config)
        fold_options = written.pop("folds", {}) | _typed(context, fold_options)
        options = written | _typed(context, options)
    options["folds"] = fold_options
    folder = out if out is not None else default_folder(options["target"])
    command = shlex.join(["cytosurf", *sys.argv[1:]])
    with naming_options(_FIELDS, _OPTION_OF):
        result = decode(**options, out=folder, command=command)
    for decoding in result.values() if isinstance(result, dict) else [result]:
        print_summary(decoding)


def print_summary(result: Decoding) -> None:
    """Print scores and primary p-values of a run, and where its report is."""
    from rich.console import Console
    from rich.table import Column, Table

    from cytosurf.report.formatting import mean_sd, over_folds

    console = Console()
    results = result.record.results
    n_folds = results["n_folds"]
    table = Table(
        Column("features", overflow="fold"),
        "columns",
        Column(f"macro-F1\n({over_folds(n_folds)})", no_wrap=True),
        Column("pooled macro-F1\n(95 % CI)", no_wrap=True),
    )
    for name, entry in results["feature_sets"].items():
        score, interval = entry["macro_f1"], entry["ci95"]
        pooled = f"{entry['pooled_macro_f1']:.3f}"
        if interval:
            pooled += f" ({interval[0]:.3f} to {interval[1]:.3f})"
        table.add_row(
            name,
            str(entry["n_features"]),
            mean_sd(score["mean"], score["sd"], n_folds),
            pooled,
        )
    n_tested = results.get("n_vertices_tested", results["n_vertices"])
    vertices = f"{n_tested:,} vertices tested"
    if n_tested != results["n_vertices"]:
        vertices += f" of {results['n_vertices']:,} analysed"
    console.print(f"\n{results['target']}, {vertices}")
    console.print(table)
    for test in (*result.record.nulls, *result.record.other_nulls):
        if test.primary:
            console.print(_test_line(test), markup=False)
    for test in result.record.increment_nulls:
        console.print(_drawn_line(test, f"when added to {test.baseline}"), markup=False)
    for test in result.record.feature_nulls:
        console.print(_drawn_line(test, f"above {test.baseline}"), markup=False)
    console.print(f"Report: {result.directory / 'report.html'}", soft_wrap=True)


def _test_line(test: NullRecord) -> str:
    """Return a spin test as one line."""
    name = test.statistic.removesuffix(" difference").replace("macro_f1", "macro-F1")
    score = f"{name} {test.observed:.3f}"
    if test.baseline:
        score = f"{name} {test.observed:+.3f} above {test.baseline}"
    p = f"p = {test.p:.3g}"
    if test.tail and test.tail["p"] is not None:
        p += f", approximately {test.tail['p']:.1g} by its tail"
    if test.p_holm is not None:
        p += f", corrected {test.p_holm:.3g}"
    how = "" if test.complete else "; provisional, the run stopped for other tests"
    reached = f"{test.exceed} of {len(test.null)} {test.rotation} spins reach it"
    return f"{test.features}: {score}, {p} ({reached}{how})"


def _drawn_line(test: NullRecord, where: str) -> str:
    """Return a test by draws of the features as one line."""
    return (
        f"{test.features}: macro-F1 {test.observed:+.3f} {where}, "
        f"p = {test.p:.3g} ({test.exceed} of {len(test.null)} {test.rotation} {test.draws} of "
        "the features reach it)"
    )


def _hemispheres(text: str) -> tuple[str, ...]:
    known = {"both": ("L", "R"), "L": ("L",), "R": ("R",)}
    if text not in known:
        raise InputError("--hemisphere", repr(text), "L, R or both")
    return known[text]


def _numbers(option: str, text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",") if part.strip()]
    except ValueError:
        raise InputError(option, repr(text), "whole numbers separated by commas") from None


def _typed(context: typer.Context, options: dict[str, Any]) -> dict[str, Any]:
    """Return the options that were on the command line."""
    sources = {name: context.get_parameter_source(_OPTION_OF.get(name, name)) for name in options}
    return {
        name: options[name]
        for name, source in sources.items()
        if source is not None and source.name == "COMMANDLINE"
    }
