"""BigBrain profile patches: the staining of 18 depths over a small unfolded piece of cortex.

The smallest image of cortex that the published profiles allow: around each vertex of BigBrain, a
square grid of vertices along the surface (7 x 7 at 1 mm if nothing else is said), and at each of
them the grey value at 18 depths from the pial to the white surface. Depths are the channels.
Coordinates are those of the midsurface in BigBrainSym, whose millimetres are those of a brain in
vivo, or in histological space: the two differ strongly, and so do distances along them.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cytosurf import data
from cytosurf.compute.files import arrays_sha256, atomic_path
from cytosurf.errors import CytosurfWarning, InputError
from cytosurf.features.bigbrain import BIGBRAIN, bigbrain_profiles
from cytosurf.histology.source import Float32, Int64, checked_hemispheres
from cytosurf.surfaces.maps import SurfaceMap, hemisphere_rows
from cytosurf.surfaces.mesh import Mesh
from cytosurf.surfaces.space import HEMISPHERES, KNOWN_SPACES
from cytosurf.surfaces.templates import load_mesh

SURFACES = {"bigbrainsym": "midthickness_sym", "bigbrain": "midthickness"}
WHITE = 65_535.0  # of 16 bit

# Part of the file name: raise it when the grids of the same surface change.
METHOD = "profile-grid-1"


@dataclass(frozen=True, eq=False)
class ProfileSource:
    """Patches gathered from staining profiles, (18, side, side) each.

    Parameters
    ----------
    profiles : (n_vertices, 18) ndarray of float32
        Grey values of 0 (black) to 1 (white) of all vertices, the left hemisphere first.
    taken : (n, side²) ndarray of int32
        Rows of `profiles` at the points of each patch.
    ids : (n,) ndarray of int64
        Rows of `profiles` at the centres.
    coordinates_mm : (n, 3) ndarray of float32
        Midsurface at the centres.
    space : str
        ``"bigbrainsym"`` or ``"bigbrain"`` (histological mm).
    reach_mm : float
        No vertex of a patch is farther along the surface from its centre than this.
    """

    profiles: Float32
    taken: npt.NDArray[np.int32]
    ids: Int64
    coordinates_mm: Float32
    space: str
    reach_mm: float

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels (depths), and the side of the grid twice."""
        side = round(self.taken.shape[1] ** 0.5)
        return self.profiles.shape[1], side, side

    @property
    def is_left(self) -> npt.NDArray[np.bool_]:
        """Which centres are vertices of the left hemisphere: not a matter of x, which crosses 0."""
        left: npt.NDArray[np.bool_] = self.ids < KNOWN_SPACES["bigbrain", "164k"]
        return left

    @property
    def groups(self) -> Mapping[str, Int64]:
        """None: it is one brain, without labels."""
        return {}

    def read(self, indices: Int64) -> Float32:
        """Return patches (n_indices, 18, side, side)."""
        points = self.profiles[self.taken[indices]]
        patches = points.transpose(0, 2, 1).reshape(len(indices), *self.shape)
        return np.ascontiguousarray(patches)


def bigbrain_patches(
    *,
    side: int = 7,
    spacing_mm: float = 1.0,
    space: str = "bigbrainsym",
    hemispheres: tuple[str, ...] = HEMISPHERES,
    normalise_bin_mm: float | None = None,
) -> ProfileSource:
    """Return the patches around all intact cortex vertices of BigBrain.

    Parameters
    ----------
    side : int, optional
        Grid points along an edge of a patch; odd.
    spacing_mm : float, optional
        Distance of neighbouring grid points along the surface, in the mm of `space`. The patch
        covers ``(side - 1) / 2 * spacing_mm`` to each side of its centre.
    space : {"bigbrainsym", "bigbrain"}, optional
        Space of coordinates and of distances; ``"bigbrain"`` is the histological one.
    hemispheres : tuple of str, optional
        ``("L", "R")`` or one of them, in any order.
    normalise_bin_mm : float, optional
        Width of coronal slabs (along y of histological space, the cutting direction) within which
        profiles are normalised, see `normalised_in_bins`. None leaves them as they are.

    Returns
    -------
    ProfileSource
        ``ids`` are vertices of BigBrain 164k, right ones counted on from the left.

    Raises
    ------
    InputError
        If an option is out of range.
    MissingDataError
        If a file of BigBrain is missing and cannot be downloaded.
    """
    from cytosurf.histology.tangent import patch_reach_mm  # loads numba

    if space not in SURFACES:
        raise InputError("space", repr(space), f"one of {', '.join(SURFACES)}")
    hemispheres = checked_hemispheres(hemispheres)
    staining, _ = bigbrain_profiles()
    meshes = {h: load_mesh(BIGBRAIN, h, SURFACES[space]) for h in HEMISPHERES}
    grey: Float32 = (staining.values / np.float32(WHITE)).astype(np.float32)
    if normalise_bin_mm is not None:
        histological = [load_mesh(BIGBRAIN, h, "midthickness").vertices for h in HEMISPHERES]
        y_mm = np.concatenate(histological)[:, 1]
        grey = normalised_in_bins(grey, staining.valid, y_mm, normalise_bin_mm)
    folder = data.data_directory() / "features"
    parts = [_hemisphere(staining, meshes[h], h, side, spacing_mm, folder) for h in hemispheres]
    ids = np.concatenate([centres for centres, _ in parts]).astype(np.int64)
    points = np.concatenate([meshes[h].vertices for h in HEMISPHERES])[ids]
    taken = parts[0][1] if len(parts) == 1 else np.concatenate([taken for _, taken in parts])
    return ProfileSource(grey, taken, ids, points, space, patch_reach_mm(side, spacing_mm))


def normalised_in_bins(
    values: Float32, valid: npt.NDArray[np.bool_], y_mm: Float32, width_mm: float
) -> Float32:
    """Give every slab along an axis the mean and SD that all valid vertices have, per column.

    BigBrain was cut coronally and each section stained by itself, so that the brightness of a
    slab is a fingerprint of its position; this takes the mean and the SD of each depth away.
    Results are clipped to 0..1.

    Parameters
    ----------
    values : (n, n_columns) ndarray of float32
        Grey values of 0 to 1.
    valid : (n,) ndarray of bool
        Rows that count and are changed.
    y_mm : (n,) ndarray
        Position along the axis.
    width_mm : float
        Width of the slabs; the first begins at the smallest valid position.

    Examples
    --------
    >>> grey = np.array([[0.1], [0.3], [0.5], [0.7]], np.float32)
    >>> bins = normalised_in_bins(grey, np.ones(4, bool), np.array([0, 0, 5, 5.0]), 1.0)
    >>> [round(value, 2) for value in bins.ravel().tolist()]
    [0.18, 0.62, 0.18, 0.62]
    """
    if not (np.isfinite(width_mm) and width_mm > 0):
        raise InputError("normalise_bin_mm", str(width_mm), "a positive number of mm")
    inside = values[valid].astype(np.float64)
    slab = np.floor((y_mm[valid] - y_mm[valid].min()) / width_mm).astype(np.int64)
    count = np.maximum(np.bincount(slab), 1)[:, None]
    mean = np.stack([np.bincount(slab, column) for column in inside.T], axis=1) / count
    residual = inside - mean[slab]
    sd = np.sqrt(np.stack([np.bincount(slab, c**2) for c in residual.T], axis=1) / count)
    scaled = residual / np.where(sd > 0, sd, 1)[slab]
    result = values.copy()
    result[valid] = np.clip(inside.mean(axis=0) + inside.std(axis=0) * scaled, 0, 1)
    return result


def _hemisphere(
    staining: SurfaceMap, mesh: Mesh, hemisphere: str, side: int, spacing_mm: float, folder: Path
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """Return centres and taken vertices of a hemisphere, numbered over both hemispheres."""
    rows = hemisphere_rows(staining, hemisphere)
    first = np.arange(staining.n_vertices)[rows][0]
    valid = staining.valid[rows]
    return cached_grid(mesh, hemisphere, valid, side, spacing_mm, int(first), folder)


def cached_grid(
    mesh: Mesh,
    hemisphere: str,
    valid: npt.NDArray[np.bool_],
    side: int,
    spacing_mm: float,
    first: int,
    folder: Path,
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """Return `grid_vertices` plus `first`, memory-mapped from a file if it was computed before.

    The file is named by the hash of mesh, mask and grid. Where nothing can be written the grid is
    computed each time, with a warning.
    """
    key = arrays_sha256(
        {
            "vertices": mesh.vertices,
            "faces": mesh.faces,
            "valid": valid,
            "grid": np.array([side, spacing_mm, first, hemisphere == "R"], np.float64),
        }
    )
    path = folder / f"{METHOD}-{key[:32]}.npy"
    centres = np.flatnonzero(valid).astype(np.int32) + np.int32(first)
    kept = _read(path, (len(centres), side * side))
    if kept is not None:
        return centres, kept
    from cytosurf.histology.tangent import grid_vertices  # loads numba

    _, taken = grid_vertices(mesh, hemisphere, valid, side, spacing_mm)
    taken += np.int32(first)
    try:
        with atomic_path(path) as temporary, temporary.open("wb") as stream:
            np.save(stream, taken, allow_pickle=False)
    except OSError as error:
        warnings.warn(
            f"{folder}: profile grids cannot be kept there ({error.strerror}); "
            "they are computed each time.",
            CytosurfWarning,
            stacklevel=2,
        )
        return centres, taken
    kept = _read(path, taken.shape)
    return centres, taken if kept is None else kept


def _read(path: Path, shape: tuple[int, ...]) -> npt.NDArray[np.int32] | None:
    """Return the file as a memory map, or None unless it is whole."""
    try:
        taken = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return taken if taken.shape == shape and taken.dtype == np.int32 else None
