"""``cytosurf decode``: decode a map from maps."""

from __future__ import annotations

import shlex
import sys
from typing import Any

import typer

from cytosurf.cli import options as opt
from cytosurf.cli.naming import naming_options
from cytosurf.cli.summary import print_summary
from cytosurf.errors import InputError

# Options that are not called like the argument of `cytosurf.decode` or of its folds.
_OPTION_OF = {"hemispheres": "hemisphere", "method": "blocks", "statistics": "statistic"}


def decode_command(
    context: typer.Context,
    features: opt.Features = "microstructure",
    target: opt.Targets = "schaefer400-7networks",
    baseline: opt.Baseline = None,
    space: opt.Space = "fsLR-32k",
    hemisphere: opt.Hemisphere = "both",
    mask: opt.Mask = None,
    min_class_vertices: opt.MinClassVertices = 1,
    n_folds: opt.NFolds = 5,
    n_blocks: opt.NBlocks = 100,
    blocks: opt.Blocks = "midthickness",
    scheme: opt.Scheme = "blocks",
    buffer_mm: opt.BufferMm = 0.0,
    repeats: opt.Repeats = 1,
    block_sweep: opt.BlockSweep = "",
    spins: opt.Spins = 99,
    rotation: opt.Rotation = "both",
    stop_after_exceedances: opt.StopAfterExceedances = None,
    statistic: opt.Statistic = "",
    max_distortion: opt.MaxDistortion = None,
    approximate_tail: opt.ApproximateTail = False,
    seed: opt.Seed = 0,
    jobs: opt.Jobs = None,
    device: opt.Device = "cpu",
    matched_position: opt.MatchedPosition = True,
    config: opt.ConfigFile = None,
    out: opt.Out = None,
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
    named = (*options, *fold_options)
    if config is not None:
        written = read_options(config)
        fold_options = written.pop("folds", {}) | _typed(context, fold_options)
        options = written | _typed(context, options)
    options["folds"] = fold_options
    folder = out if out is not None else default_folder(options["target"])
    command = shlex.join(["cytosurf", *sys.argv[1:]])
    with naming_options(named, _OPTION_OF):
        result = decode(**options, out=folder, command=command)
    for decoding in result.values() if isinstance(result, dict) else [result]:
        print_summary(decoding)


def _hemispheres(text: str) -> tuple[str, ...]:
    known = {"both": ("L", "R"), "L": ("L",), "R": ("R",)}
    if text not in known:
        raise InputError("--hemisphere", repr(text), "L, R or both")
    return known[text]


def _numbers(option: str, text: str) -> list[int]:
    try:
        return [int(part) for part in opt.listed(text)]
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
