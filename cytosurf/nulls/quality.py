"""How good a spin is: what a rotation keeps of the labels and of the cortex.

A rotated medial wall covers a part of the cortex, the nearest vertex is not a one-to-one
assignment, and a small region may be lost under the wall. None of this makes a spin test wrong,
but a user should see it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cytosurf.errors import InputError


@dataclass(frozen=True)
class SpinQuality:
    """What one spin keeps.

    Parameters
    ----------
    distinct : float
        Share of vertices that serve as a source, of all vertices.
    kept : float
        Share of the cortex that has a label after the spin.
    classes : tuple of int
        Keys that occur on the cortex after the spin, in increasing order.
    """

    distinct: float
    kept: float
    classes: tuple[int, ...]


def spin_quality(
    index: npt.NDArray[np.int32], spun_keys: npt.NDArray[np.int32], mask: npt.NDArray[np.bool_]
) -> SpinQuality:
    """Return the three measures of one spin.

    Parameters
    ----------
    index : (n_vertices,) ndarray of int32
        Source vertex of every vertex, from `SpinAssigner.assign`.
    spun_keys : (n_vertices,) ndarray of int32
        Keys after the spin, 0 where the medial wall came to lie.
    mask : (n_vertices,) ndarray of bool
        The cortex: where features are valid.

    Raises
    ------
    InputError
        If the shapes differ, or the mask is empty.

    Examples
    --------
    >>> index = np.array([1, 1, 3, 3], np.int32)
    >>> keys = np.array([0, 5, 0, 6], np.int32)
    >>> spin_quality(index, keys[index], np.array([True, True, False, False]))
    SpinQuality(distinct=0.5, kept=1.0, classes=(5,))
    """
    if not index.shape == spun_keys.shape == mask.shape:
        found = f"shapes {index.shape}, {spun_keys.shape} and {mask.shape}"
        raise InputError("index, keys and mask of a spin", found, "three times (n_vertices,)")
    if not mask.any():
        raise InputError("mask", "no vertex", "at least one vertex of cortex")
    on_cortex = spun_keys[mask]
    labelled = on_cortex > 0
    classes = np.unique(on_cortex[labelled]).tolist()
    return SpinQuality(distinct_share(index), float(labelled.mean()), tuple(classes))


def distinct_share(index: npt.NDArray[np.int32]) -> float:
    """Return the number of different source vertices over the number of vertices.

    1 is a permutation; about 0.9 is usual for the nearest vertex on an even mesh.

    Examples
    --------
    >>> distinct_share(np.array([2, 2, 0, 1], np.int32))
    0.75
    """
    is_source = np.zeros(index.max(initial=-1) + 1, bool)
    is_source[index] = True
    return int(is_source.sum()) / len(index)
