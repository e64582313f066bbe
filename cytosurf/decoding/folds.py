"""Folds: which vertices train and which are tested in each round of cross-validation.

`Folds` holds two numbers per vertex, its superblock and the fold in which it is tested, and
optionally a table of vertices that a fold leaves out of its training (the buffer). Everything
else follows from these: fold k is tested on ``fold == k`` and trained on the other analysed
vertices, less those left out.

Schemes:

- ``blocks`` (published): superblocks of both hemispheres shuffled and dealt to the folds.
- ``homotopic``: the same, but a block and its mirror image share a fold. The two hemispheres are
  near copies of one another, so that a block is otherwise predicted from its own mirror image.
- ``slabs``: every fold is one coronal slab over both hemispheres. Histological sections are coronal
  and each is stained by itself, so that what is tested shares no section with what is trained on.
  Superblocks are thinner slabs.
- ``left-to-right``: one fold, trained on the left hemisphere and tested on the right.
- ``right-to-left``: one fold, the other way round.
- ``across``: two folds, first left to right, then right to left.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cytosurf.decoding.slabs import coronal_slabs
from cytosurf.decoding.superblocks import (
    DEALING_STREAM,
    make_superblocks,
    seeded_generator,
    split_mask,
)
from cytosurf.errors import InputError, unknown_name
from cytosurf.surfaces.mesh import Mesh

# Hemisphere that is tested in each fold of the schemes that go from one to the other.
_TESTED = {"left-to-right": ("R",), "right-to-left": ("L",), "across": ("R", "L")}
SCHEMES = ("blocks", "homotopic", "slabs", *_TESTED)
MAX_FOLDS = 127  # what int8 holds


@dataclass(frozen=True, eq=False)
class Folds:
    """Superblock and fold of every vertex.

    Parameters
    ----------
    block : (n_vertices,) array_like
        Superblock of each analysed vertex, -1 outside the mask; kept as int32.
    fold : (n_vertices,) array_like
        Fold in which each vertex is tested, kept as int8; -1 outside the mask, and at analysed
        vertices that are only ever trained on.
    excluded : (n_folds, n_vertices) ndarray of bool, optional
        Vertices that a fold leaves out of its training.

    Raises
    ------
    InputError
        If shapes differ, a superblock lies in two folds, or a fold has nothing to train or test.

    Examples
    --------
    >>> folds = Folds(block=[0, 0, 1, 2, -1], fold=[0, 0, 1, 1, -1])
    >>> folds.n_folds
    2
    >>> folds.train(0).tolist(), folds.test(0).tolist()
    ([False, False, True, True, False], [True, True, False, False, False])
    """

    block: npt.NDArray[np.int32]
    fold: npt.NDArray[np.int8]
    excluded: npt.NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        block = np.array(self.block, dtype=np.int32)
        fold = np.array(self.fold)
        if block.ndim != 1 or fold.shape != block.shape:
            raise InputError("folds", f"shapes {block.shape} and {fold.shape}", "(n_vertices,)")
        if fold.size and not -1 <= fold.min() <= fold.max() < MAX_FOLDS:
            raise InputError(
                "folds", f"numbers {fold.min()} to {fold.max()}", f"-1 to {MAX_FOLDS - 1}"
            )
        fold = fold.astype(np.int8)
        if (fold[block < 0] >= 0).any():
            raise InputError("folds", "a tested vertex without superblock", "a block of 0 or more")
        object.__setattr__(self, "block", block)
        object.__setattr__(self, "fold", fold)
        if self.excluded is not None:
            excluded = np.array(self.excluded, dtype=bool)
            if excluded.shape != (self.n_folds, len(block)):
                raise InputError(
                    "excluded vertices", f"shape {excluded.shape}", f"{self.n_folds, len(block)}"
                )
            excluded.setflags(write=False)
            object.__setattr__(self, "excluded", excluded)
        block.setflags(write=False)
        fold.setflags(write=False)
        self._check()

    def _check(self) -> None:
        analysed = self.mask
        pairs = np.unique(np.stack([self.block[analysed], self.fold[analysed]]), axis=1)
        blocks, n_of_block = np.unique(pairs[0], return_counts=True)
        if (n_of_block > 1).any():
            number = blocks[n_of_block > 1][0]
            raise InputError("folds", f"superblock {number} in two folds", "one fold per block")
        for k in range(max(self.n_folds, 1)):
            for what, rows in (("tested", self.test(k)), ("trained on", self.train(k))):
                if not rows.any():
                    raise InputError(
                        "folds",
                        f"no vertex that is {what} in fold {k}",
                        "training and test vertices in every fold",
                        "Use a larger mask, fewer folds or a smaller buffer.",
                    )

    @property
    def n_folds(self) -> int:
        """Number of folds."""
        return int(self.fold.max(initial=-1)) + 1

    @property
    def mask(self) -> npt.NDArray[np.bool_]:
        """The analysed vertices, (n_vertices,)."""
        analysed: npt.NDArray[np.bool_] = self.block >= 0
        return analysed

    def test(self, k: int) -> npt.NDArray[np.bool_]:
        """Return the vertices that fold `k` is tested on, (n_vertices,)."""
        rows: npt.NDArray[np.bool_] = self.fold == k
        return rows

    def train(self, k: int) -> npt.NDArray[np.bool_]:
        """Return the vertices that fold `k` is trained on, (n_vertices,)."""
        rows: npt.NDArray[np.bool_] = self.mask & (self.fold != k)
        return rows if self.excluded is None else rows & ~self.excluded[k]

    def only(self, k: int) -> Folds:
        """Return fold `k` as the only one; vertices of the others are trained on alone.

        For features that differ from fold to fold, such as those of an encoder that was trained
        without the vertices of the fold: decode each fold with its own.

        Examples
        --------
        >>> folds = Folds(block=[0, 0, 1, 2], fold=[0, 0, 1, 2]).only(1)
        >>> folds.train(0).tolist(), folds.test(0).tolist()
        ([True, True, False, True], [False, False, True, False])
        """
        if not 0 <= k < self.n_folds:
            raise InputError("fold", str(k), f"0 to {self.n_folds - 1}")
        excluded = None if self.excluded is None else self.excluded[[k]]
        return Folds(self.block, np.where(self.test(k), 0, -1), excluded)


def make_folds(
    mask: npt.NDArray[np.bool_],
    meshes: Mapping[str, Mesh],
    *,
    spheres: Mapping[str, Mesh] | None = None,
    n_folds: int = 5,
    n_blocks: int = 100,
    seed: int = 0,
    method: str = "midthickness",
    scheme: str = "blocks",
    buffer_mm: float = 0.0,
    cells: Mapping[str, npt.NDArray[np.int32]] | None = None,
) -> Folds:
    """Make superblocks and deal them to folds; the same inputs and seed give the same folds.

    Parameters
    ----------
    mask : (n_vertices,) ndarray of bool
        The analysed vertices of all hemispheres, left then right.
    meshes : mapping of str to Mesh
        Midthickness of each hemisphere: ``{"L": ..., "R": ...}`` in this order, or one of them.
    spheres : mapping of str to Mesh, optional
        Sphere of each hemisphere; needed for ``method="sphere"`` alone.
    n_folds : int
        Number of folds, 2 to 127. The schemes that go from one hemisphere to the other have one
        or two folds whatever this says.
    n_blocks : int
        Superblocks per hemisphere; with ``scheme="slabs"`` those of both together.
    seed : int
        Seed of k-means and of the shuffle.
    method : {"midthickness", "sphere"}
        How superblocks are made: see `cytosurf.decoding.superblocks`.
    scheme : {"blocks", "homotopic", "slabs", "left-to-right", "right-to-left", "across"}
        Which superblocks share a fold: see the top of this module. Between hemispheres, features
        that are signed left to right (x coordinates) must be mirrored by the caller.
    buffer_mm : float
        Training vertices closer than this to a test vertex are left out, in a straight line on
        the midthickness and across both hemispheres.
    cells : mapping of str to (n_vertices,) ndarray of int32, optional
        What `remesh_cells` gave for each hemisphere, to save doing it again.

    Returns
    -------
    Folds
        Superblock and fold of every vertex.

    Raises
    ------
    InputError
        If an option is out of range or unknown, the mask does not fit the meshes, there are
        fewer superblocks than folds, or a fold has no training vertices left.
    """
    _check_options(mask, meshes, n_folds, scheme, buffer_mm)
    points = np.concatenate([mesh.vertices for mesh in meshes.values()])
    if scheme == "slabs":
        folds = Folds(*coronal_slabs(points[:, 1], mask, n_folds, n_blocks))
    else:
        block = make_superblocks(
            mask,
            meshes,
            spheres=spheres,
            n_blocks=n_blocks,
            seed=seed,
            method=method,
            homotopic=scheme == "homotopic",
            cells=cells,
        )
        if scheme in _TESTED:
            fold = _fold_of_hemisphere(mask, meshes, _TESTED[scheme])
        else:
            unit = np.where(mask, block % n_blocks, -1) if scheme == "homotopic" else block
            fold = deal_blocks(unit, n_folds, seed)
        folds = Folds(block, fold)
    if buffer_mm > 0:
        folds = exclude_near_test(folds, points, buffer_mm)
    return folds


def deal_blocks(block: npt.NDArray[np.integer], n_folds: int, seed: int) -> npt.NDArray[np.int8]:
    """Shuffle blocks by the seed and deal each to the fold with the fewest vertices so far.

    The largest and the smallest fold differ by at most the vertices of the largest block.

    Parameters
    ----------
    block : (n_vertices,) ndarray of int
        Block of each vertex, -1 for vertices that take no part.
    n_folds : int
        Number of folds.
    seed : int
        Seed of the shuffle.

    Returns
    -------
    (n_vertices,) ndarray of int8
        Fold of each vertex, -1 where `block` is -1.

    Raises
    ------
    InputError
        If there are fewer blocks than folds.

    Examples
    --------
    >>> fold = deal_blocks(np.array([0, 0, 1, 1, 2, 2, 3, 3, -1]), n_folds=2, seed=0)
    >>> np.bincount(fold[:8]).tolist(), int(fold[8])
    ([4, 4], -1)
    """
    dealt = block >= 0
    numbers, member, size = np.unique(block[dealt], return_inverse=True, return_counts=True)
    if len(numbers) < n_folds:
        raise InputError(
            "n_folds",
            f"{n_folds} folds for {len(numbers)} superblocks",
            "at least as many superblocks as folds",
            "Ask for fewer folds or more superblocks.",
        )
    fold_of_block = np.zeros(len(numbers), np.int8)
    n_dealt = np.zeros(n_folds, np.int64)
    for i in seeded_generator(seed, DEALING_STREAM).permutation(len(numbers)):
        smallest = int(n_dealt.argmin())
        fold_of_block[i] = smallest
        n_dealt[smallest] += size[i]
    fold = np.full(len(block), -1, np.int8)
    fold[dealt] = fold_of_block[member]
    return fold


def exclude_near_test(folds: Folds, points_mm: npt.NDArray[np.floating], buffer_mm: float) -> Folds:
    """Leave training vertices out of a fold that lie closer than a distance to its test vertices.

    Distances are straight lines. They are never longer than the way along the cortex, so
    whatever a geodesic buffer would leave out is left out here as well, and so are the vertices
    on the other bank of a sulcus, which share voxels with the test vertices.

    Parameters
    ----------
    folds : Folds
        Folds without a buffer.
    points_mm : (n_vertices, 3) ndarray
        Position of each vertex of all hemispheres, in one coordinate system.
    buffer_mm : float
        The distance in mm.

    Returns
    -------
    Folds
        The same blocks and folds with `excluded` filled in.

    Raises
    ------
    InputError
        If a fold has no training vertices left.

    Examples
    --------
    >>> line = np.c_[np.arange(4.0), np.zeros((4, 2))]
    >>> folds = exclude_near_test(Folds([0, 0, 1, 1], [0, 0, 1, 1]), line, 1.5)
    >>> folds.train(0).tolist()
    [False, False, False, True]
    """
    from scipy.spatial import cKDTree

    excluded = np.zeros((folds.n_folds, len(folds.block)), bool)
    for k in range(folds.n_folds):
        rows = np.flatnonzero(folds.train(k))
        tree = cKDTree(points_mm[folds.test(k)])
        distance, _ = tree.query(points_mm[rows], distance_upper_bound=buffer_mm)
        excluded[k, rows[np.isfinite(distance)]] = True
    return Folds(folds.block, folds.fold, excluded)


def _check_options(
    mask: npt.NDArray[np.bool_],
    meshes: Mapping[str, Mesh],
    n_folds: int,
    scheme: str,
    buffer_mm: float,
) -> None:
    parts = split_mask(mask, meshes)
    if scheme not in SCHEMES:
        raise unknown_name("scheme", scheme, SCHEMES)
    if not 2 <= n_folds <= MAX_FOLDS:
        raise InputError("n_folds", str(n_folds), f"2 to {MAX_FOLDS} folds")
    if not (np.isfinite(buffer_mm) and buffer_mm >= 0):
        raise InputError("buffer_mm", str(buffer_mm), "a distance of 0 mm or more")
    if scheme in _TESTED and not (len(parts) == 2 and all(part.any() for part in parts.values())):
        filled = [hemisphere for hemisphere, part in parts.items() if part.any()]
        raise InputError(
            f"scheme {scheme}",
            f"analysed vertices on {'+'.join(filled)} alone",
            "analysed vertices on both hemispheres",
        )


def _fold_of_hemisphere(
    mask: npt.NDArray[np.bool_], meshes: Mapping[str, Mesh], tested: tuple[str, ...]
) -> npt.NDArray[np.int8]:
    """Return the fold of each vertex where fold k tests hemisphere ``tested[k]``."""
    fold_of = [tested.index(hemisphere) if hemisphere in tested else -1 for hemisphere in meshes]
    fold = np.repeat(fold_of, [mesh.n_vertices for mesh in meshes.values()])
    return np.where(mask, fold, -1).astype(np.int8)
