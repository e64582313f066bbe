"""What a contrastive loss is given, looked at before it can do harm.

Shapes and options are always checked. Values are not looked at inside `torch.compile`, where doing
so would cut the graph.
"""

from __future__ import annotations

import warnings

import torch
from torch import Tensor

from cytosurf.errors import CytosurfWarning, InputError

LARGEST_BRAIN_MM = 500.0  # twice a human brain, cerebellum and all
SMALLEST_SPREAD = 0.05  # of sigma


def vectors(embeddings: Tensor) -> None:
    """Raise unless embeddings are rows of floating-point numbers."""
    if embeddings.ndim != 2 or not embeddings.is_floating_point():
        raise InputError(
            "embeddings",
            f"shape {tuple(embeddings.shape)} of {embeddings.dtype}",
            "floating-point numbers of shape (samples, width)",
        )


def samples(embeddings: Tensor, other: Tensor, where: str, ndim: int) -> None:
    """Raise unless `other` has `ndim` axes and one row for each of the embeddings."""
    vectors(embeddings)
    if other.ndim != ndim or len(other) != len(embeddings):
        shape = f"({len(embeddings)}, axes)" if ndim == 2 else f"({len(embeddings)},)"
        raise InputError(where, f"shape {tuple(other.shape)}", f"shape {shape}, as of embeddings")
    if ndim == 1 and (other.is_floating_point() or other.is_complex()):
        raise InputError(where, str(other.dtype), "whole numbers")


def positive(**options: float) -> None:
    """Raise for the first option that is not a finite number above 0."""
    for name, value in options.items():
        if not 0 < value < float("inf"):
            raise InputError(name, str(value), "a number above 0")


def spread(positions_mm: Tensor, sigma_mm: float) -> None:
    """Raise if positions cannot be millimetres of a brain; warn if all of them are one place.

    Parameters
    ----------
    positions_mm : torch.Tensor
        (N, D) of all ranks.
    sigma_mm : float
        Bandwidth of the weights.
    """
    if torch.compiler.is_compiling():
        return
    extent = float((positions_mm.amax(0) - positions_mm.amin(0)).max())
    if not torch.isfinite(positions_mm).all():
        raise InputError("coordinates_mm", "NaN or infinity", "finite numbers")
    if extent > LARGEST_BRAIN_MM:
        raise InputError(
            "coordinates_mm",
            f"positions that are {extent:,.0f} apart",
            f"millimetres of a brain, at most {LARGEST_BRAIN_MM:.0f} apart",
            "Are they micrometres, voxels or pixels? Multiply them by their size in mm.",
        )
    if extent < SMALLEST_SPREAD * sigma_mm:
        warnings.warn(
            f"all samples lie within {SMALLEST_SPREAD * sigma_mm:.3g} mm, far less than sigma_mm = "
            f"{sigma_mm:g}: each is a full positive of every other. Are the coordinates in mm?",
            CytosurfWarning,
            stacklevel=3,
        )


def not_all_isolated(kept: Tensor, min_mass: float) -> None:
    """Raise if no anchor has positives."""
    if torch.compiler.is_compiling() or bool(kept.any()):
        return
    raise InputError(
        "batch",
        f"no sample that has positives (weights that add up to {min_mass:g} or more)",
        "samples with neighbours in the batch",
        "Raise sigma_mm or the batch size, or sample neighbours together.",
    )
