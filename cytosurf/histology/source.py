"""Patch sources: numbered image patches, each with a place in the cortex.

A source is asked for patches by their indices and gives the same values each time, so that a batch
is decided by its indices alone. Grey values are scaled to 0..1 (black to white). What a source
opens (files, memory maps) is opened where it is read, never sent from one process to another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from cytosurf.errors import InputError
from cytosurf.surfaces.space import HEMISPHERES

Float32 = npt.NDArray[np.float32]
Int64 = npt.NDArray[np.int64]
GROUPS = ("label", "brain")


class PatchSource(Protocol):
    """What training and embedding ask of a source of patches."""

    @property
    def space(self) -> str:
        """Name of the space of the coordinates, such as ``"bigbrainsym"``."""
        ...

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of a patch."""
        ...

    @property
    def coordinates_mm(self) -> Float32:
        """Place of each patch, (n, 3), in mm."""
        ...

    @property
    def ids(self) -> Int64:
        """Identifier of each patch in the user's own numbering, (n,)."""
        ...

    @property
    def groups(self) -> Mapping[str, Int64]:
        """Numbers that tell patches apart, (n,) each, below 0 for none: `GROUPS`, some or none."""
        ...

    def read(self, indices: Int64) -> Float32:
        """Return patches (n_indices, channels, height, width) with values of 0 to 1."""
        ...


@dataclass(frozen=True, eq=False)
class ArraySource:
    """Patches that are an array already, in memory or mapped from a file.

    Parameters
    ----------
    patches : (n, channels, height, width) or (n, height, width) ndarray
        uint8 or uint16 grey values, or floats of 0 to 1.
    coordinates_mm : (n, 3) array_like
        Place of each patch; two columns get a third of zeros.
    space : str
        Name of the space of the coordinates.
    ids : (n,) array_like of int, optional
        The rows' numbers if left out.
    groups : mapping of str to (n,) array_like of int, optional
        ``label`` and ``brain`` of each patch, see `PatchSource`.

    Raises
    ------
    InputError
        If shapes do not fit, a type or a value is not one of an image, or a coordinate is not
        finite.

    Examples
    --------
    >>> patches = np.array([0, 51, 102, 255], np.uint8).reshape(2, 1, 2)
    >>> source = ArraySource(patches, [[0, 0, 0], [1, 0, 0]], "toy")
    >>> source.shape, source.read(np.array([0, 1])).max().item()
    ((1, 1, 2), 1.0)
    """

    patches: npt.NDArray[np.generic]
    coordinates_mm: Float32
    space: str
    ids: Int64 = None  # type: ignore[assignment]
    groups: Mapping[str, Int64] = field(default_factory=dict)

    def __post_init__(self) -> None:
        patches = np.asanyarray(self.patches)
        if patches.ndim == 3:
            patches = patches[:, None]
        if patches.ndim != 4:
            raise InputError(
                "patches", f"shape {patches.shape}", "(n, height, width) or (n, channels, ...)"
            )
        white_of(patches.dtype, "patches")
        points = checked_coordinates(self.coordinates_mm, len(patches), "coordinates_mm")
        ids = np.arange(len(patches)) if self.ids is None else self.ids
        groups = {k: whole_numbers(v, len(patches), k) for k, v in self.groups.items()}
        object.__setattr__(self, "patches", patches)
        object.__setattr__(self, "coordinates_mm", points)
        object.__setattr__(self, "ids", whole_numbers(ids, len(patches), "ids"))
        object.__setattr__(self, "groups", groups)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of a patch."""
        channels, height, width = self.patches.shape[1:]
        return channels, height, width

    def read(self, indices: Int64) -> Float32:
        """Return the patches of these rows, scaled to 0..1."""
        return unit_range(np.asarray(self.patches[indices]), "patches")


@dataclass(frozen=True, eq=False)
class Selection:
    """Some of the patches of another source, renumbered.

    Parameters
    ----------
    source : PatchSource
        All patches.
    rows : (n,) ndarray of int64
        Those that are kept, in this order.
    """

    source: PatchSource
    rows: Int64

    @property
    def space(self) -> str:
        """Name of the space of the coordinates."""
        return self.source.space

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of a patch."""
        return self.source.shape

    @property
    def coordinates_mm(self) -> Float32:
        """Place of each patch, (n, 3), in mm."""
        return self.source.coordinates_mm[self.rows]

    @property
    def ids(self) -> Int64:
        """Identifier of each patch."""
        return self.source.ids[self.rows]

    @property
    def groups(self) -> Mapping[str, Int64]:
        """Numbers that tell patches apart."""
        return {name: numbers[self.rows] for name, numbers in self.source.groups.items()}

    def read(self, indices: Int64) -> Float32:
        """Return the patches of these rows of the selection."""
        return self.source.read(self.rows[indices])


def away_from(source: PatchSource, excluded: npt.NDArray[np.bool_], buffer_mm: float) -> Int64:
    """Return the rows of a source that are not excluded and not within a buffer of one that is.

    Distances are straight, hence never longer than those along the surface: a buffer of the reach
    of a patch keeps every excluded point out of the patches that stay.

    Parameters
    ----------
    source : PatchSource
        All patches.
    excluded : (n,) ndarray of bool
        Patches that must not be seen.
    buffer_mm : float
        Patches at this distance of an excluded one, or less, are dropped too.

    Raises
    ------
    InputError
        If the mask has another length or nothing is left.

    Examples
    --------
    >>> line = ArraySource(np.zeros((4, 1, 1)), [[0, 0, 0], [1, 0, 0], [2, 0, 0], [3, 0, 0]], "toy")
    >>> away_from(line, np.array([True, False, False, False]), 1.0).tolist()
    [2, 3]
    """
    n = len(source.coordinates_mm)
    if excluded.shape != (n,) or excluded.dtype != bool:
        raise InputError("excluded", f"{excluded.dtype} of shape {excluded.shape}", f"{n} bool")
    keep = ~excluded
    if excluded.any() and keep.any():
        tree = cKDTree(source.coordinates_mm[excluded])
        reach = np.nextafter(np.float64(buffer_mm), np.inf)  # the bound itself is not searched
        found, _ = tree.query(source.coordinates_mm, distance_upper_bound=reach)
        keep &= ~np.isfinite(found)
    if not keep.any():
        raise InputError("excluded", f"all {n} patches within the buffer", "patches to train on")
    return np.flatnonzero(keep).astype(np.int64)


def checked_hemispheres(names: Sequence[str]) -> tuple[str, ...]:
    """Return ``("L", "R")`` or one of them, however they were ordered.

    Raises
    ------
    InputError
        If there is none, another name, or one of them twice.

    Examples
    --------
    >>> checked_hemispheres(["R", "L"])
    ('L', 'R')
    """
    if not names or len(set(names)) < len(names) or not set(names) <= set(HEMISPHERES):
        found = ", ".join(map(str, names)) or "none"
        raise InputError("hemispheres", found, "L, R or both, each once")
    return tuple(sorted(names))


def checked_coordinates(values: npt.ArrayLike, n: int, where: str) -> Float32:
    """Return coordinates as (n, 3) float32, with a third column of zeros if there are two.

    Raises
    ------
    InputError
        If there is not a row for each patch, or a coordinate is not finite.
    """
    points = np.asarray(values, dtype=np.float32)
    if points.ndim != 2 or points.shape[0] != n or points.shape[1] not in (2, 3):
        raise InputError(where, f"shape {points.shape}", f"({n}, 3): x, y, z in mm of each patch")
    if not np.isfinite(points).all():
        raise InputError(where, "NaN or infinite values", "finite mm")
    if points.shape[1] == 2:
        points = np.column_stack([points, np.zeros(n, np.float32)])
    return points


def whole_numbers(values: npt.ArrayLike, n: int, where: str) -> Int64:
    """Return a whole number for each patch, (n,) int64.

    Raises
    ------
    InputError
        If there is not one for each patch, or they are not of a whole type.
    """
    numbers = np.asarray(values)
    if numbers.shape != (n,) or numbers.dtype.kind not in "iu":
        found = f"{numbers.dtype} of shape {numbers.shape}"
        raise InputError(where, found, f"{n} whole numbers, one for each patch")
    return numbers.astype(np.int64)


def unit_range(values: npt.NDArray[np.generic], where: str) -> Float32:
    """Return grey values as float32 of 0 to 1: uint8 and uint16 by their range, floats as they are.

    Raises
    ------
    InputError
        If a float is outside 0..1 or not finite, or the type is another one.
    """
    white = white_of(values.dtype, where)
    scaled: Float32 = values.astype(np.float32)
    if white != 1:
        scaled /= np.float32(white)
    elif not ((scaled >= 0) & (scaled <= 1)).all():
        raise InputError(
            where,
            f"values of {scaled.min():g} to {scaled.max():g}",
            "floats of 0 to 1",
            "Scale them, or store uint8 or uint16.",
        )
    return scaled


def white_of(dtype: np.dtype[np.generic], where: str) -> int:
    """Return the value of white in a type of grey values, in either order of bytes.

    Raises
    ------
    InputError
        If it is another type.
    """
    if dtype.kind == "u" and dtype.itemsize <= 2:
        return int(np.iinfo(dtype).max)  # type: ignore[type-var]
    if dtype.kind == "f":
        return 1
    raise InputError(where, f"type {dtype}", "uint8, uint16 or floats of 0 to 1")
