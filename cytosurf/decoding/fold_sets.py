"""Several sets of folds of the same cortex: other seeds, other block sizes.

One way of dealing superblocks is one draw, and the size of the superblocks is a choice. Both are
worth varying before a difference between scores is believed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypedDict, Unpack

import numpy as np
import numpy.typing as npt

from cytosurf.decoding.folds import Folds, make_folds
from cytosurf.decoding.superblocks import remesh_cells
from cytosurf.surfaces.mesh import Mesh


class FoldOptions(TypedDict, total=False):
    """Options of `make_folds` that every repeat and every block size share."""

    spheres: Mapping[str, Mesh] | None
    n_folds: int
    method: str
    scheme: str
    buffer_mm: float


def repeat_folds(
    n_repeats: int,
    mask: npt.NDArray[np.bool_],
    meshes: Mapping[str, Mesh],
    *,
    seed: int = 0,
    n_blocks: int = 100,
    **options: Unpack[FoldOptions],
) -> list[Folds]:
    """Make folds for several seeds, remeshing once.

    Parameters
    ----------
    n_repeats : int
        How many; repeat r equals ``make_folds(..., seed=seed + r)``.
    mask, meshes, seed, n_blocks, **options
        As in `make_folds`.

    Returns
    -------
    list of Folds
        One per repeat. Both the superblocks and their folds differ.
    """
    cells = _cells(meshes, options)
    return [
        make_folds(mask, meshes, seed=seed + r, n_blocks=n_blocks, cells=cells, **options)
        for r in range(n_repeats)
    ]


def sweep_block_counts(
    block_counts: Sequence[int],
    mask: npt.NDArray[np.bool_],
    meshes: Mapping[str, Mesh],
    *,
    seed: int = 0,
    **options: Unpack[FoldOptions],
) -> dict[int, Folds]:
    """Make folds for several numbers of superblocks, remeshing once.

    A score that falls as blocks grow says that the smaller blocks let neighbours leak.

    Parameters
    ----------
    block_counts : sequence of int
        Superblocks per hemisphere; each entry n equals ``make_folds(..., n_blocks=n)``.
    mask, meshes, seed, **options
        As in `make_folds`.

    Returns
    -------
    dict of int to Folds
        The folds of each number of superblocks, in the order given.
    """
    cells = _cells(meshes, options)
    return {
        n: make_folds(mask, meshes, seed=seed, n_blocks=n, cells=cells, **options)
        for n in block_counts
    }


def _cells(
    meshes: Mapping[str, Mesh], options: FoldOptions
) -> dict[str, npt.NDArray[np.int32]] | None:
    if options.get("method", "midthickness") != "midthickness":
        return None
    return {hemisphere: remesh_cells(mesh) for hemisphere, mesh in meshes.items()}
