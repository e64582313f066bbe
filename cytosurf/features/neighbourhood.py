"""The staining of a neighbourhood: moments of the profiles over a disc of cortex.

A profile is one vertex wide and noisy, while areas differ over millimetres. For every vertex of
BigBrain, `neighbourhood` takes the vertices within 5 mm along the midsurface (in BigBrainSym,
whose millimetres are those of a brain in vivo) and gives the mean and the standard deviation of
each of the 18 depths over those of them that are intact cortex: 36 columns.
"""

from __future__ import annotations

import warnings
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cytosurf import data
from cytosurf.compute.files import arrays_sha256, write_npz
from cytosurf.errors import CytosurfWarning
from cytosurf.features.bigbrain import BIGBRAIN, PROFILE_SOURCES, bigbrain_profiles
from cytosurf.features.sets import FeatureSet, carried, standardised
from cytosurf.surfaces.maps import SurfaceMap, hemisphere_rows
from cytosurf.surfaces.mesh import Mesh
from cytosurf.surfaces.space import HEMISPHERES, Space
from cytosurf.surfaces.templates import load_mesh

RADIUS_MM = 5.0

# Part of the file name: raise it when the moments of the same inputs change.
METHOD = "disc-moments-1"


def neighbourhood(space: Space) -> FeatureSet:
    """Return mean and SD of the 18 staining depths over a geodesic disc of 5 mm: 36 columns.

    Computed on BigBrain and kept in the data directory, carried to `space` with masked weights,
    and standardised there over the valid vertices of both hemispheres. A vertex is valid where
    its own profile is (intact cortex).
    """
    profiles, notes = bigbrain_profiles()
    meshes = {h: load_mesh(BIGBRAIN, h, "midthickness_sym") for h in HEMISPHERES}
    surface_map = disc_map(profiles, meshes, RADIUS_MM, data.data_directory() / "features")
    note = (
        f"moments over the intact vertices within {RADIUS_MM:g} mm along the BigBrainSym "
        "midsurface; columns standardised over all valid vertices"
    )
    sources = (*PROFILE_SOURCES, "bigbrainwarp")
    features = FeatureSet("neighbourhood", surface_map, sources, (*notes, note))
    return standardised(carried(features, space))


def disc_map(
    profiles: SurfaceMap, meshes: Mapping[str, Mesh], radius_mm: float, folder: Path
) -> SurfaceMap:
    """Return mean and standard deviation of each column over the geodesic disc of each vertex.

    Parameters
    ----------
    profiles : SurfaceMap
        The columns; vertices that are not valid take part in no disc.
    meshes : mapping of str to Mesh
        The surface of each hemisphere on which distances are measured.
    radius_mm : float
        Radius of the discs.
    folder : pathlib.Path
        Where computed moments are kept.

    Returns
    -------
    SurfaceMap
        Columns ``x_mean`` for each column ``x``, then ``x_sd``; valid where `profiles` is.
    """
    values = np.empty((profiles.n_vertices, 2 * len(profiles.columns)), dtype=np.float32)
    for hemisphere in profiles.hemispheres:
        rows = hemisphere_rows(profiles, hemisphere)
        values[rows] = cached_moments(
            meshes[hemisphere], profiles.values[rows], profiles.valid[rows], radius_mm, folder
        )
    columns = tuple(f"{name}_{moment}" for moment in ("mean", "sd") for name in profiles.columns)
    return SurfaceMap(values, profiles.space, columns, profiles.valid, profiles.hemispheres)


def cached_moments(
    mesh: Mesh,
    values: npt.NDArray[np.float32],
    valid: npt.NDArray[np.bool_],
    radius_mm: float,
    folder: Path,
) -> npt.NDArray[np.float32]:
    """Return means and standard deviations over discs, from a file if they were computed before.

    The file is named by the hash of mesh, values, mask and radius, and holds the hash of its own
    content: a file that is damaged, or of other inputs, is computed again. Where nothing can be
    written the moments are computed each time, with a warning.

    Parameters
    ----------
    mesh : Mesh
        The surface on which distances are measured.
    values : (n_vertices, n_columns) ndarray of float32
        Values at the vertices.
    valid : (n_vertices,) ndarray of bool
        Vertices that count.
    radius_mm : float
        Radius of the discs.
    folder : pathlib.Path
        Where the files are kept.

    Returns
    -------
    (n_vertices, 2 * n_columns) ndarray of float32
        All means, then all standard deviations; 0 where a disc holds no valid vertex.
    """
    content = arrays_sha256(
        {
            "vertices": mesh.vertices,
            "faces": mesh.faces,
            "values": values,
            "valid": valid,
            "radius_mm": np.array([radius_mm]),
        }
    )
    path = folder / f"{METHOD}-{content[:32]}.npz"
    kept = _read(path)
    if kept is not None and kept.shape == (len(values), 2 * values.shape[1]):
        return kept
    from cytosurf.surfaces.geodesic import disc_moments  # loads numba

    mean, sd, _ = disc_moments(mesh, values, valid, radius_mm)
    moments: npt.NDArray[np.float32] = np.nan_to_num(np.hstack([mean, sd])).astype(np.float32)
    try:
        write_npz(path, moments=moments, sha256=arrays_sha256({"moments": moments}))
    except OSError as error:
        warnings.warn(
            f"{folder}: disc moments cannot be kept there ({error.strerror}); "
            "they are computed each time.",
            CytosurfWarning,
            stacklevel=2,
        )
    return moments


def _read(path: Path) -> npt.NDArray[np.float32] | None:
    """Return the moments in a file, or None unless it is whole."""
    try:
        with np.load(path, allow_pickle=False) as file:
            moments: npt.NDArray[np.float32] = file["moments"]
            sha256 = str(file["sha256"])
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error):
        return None
    whole = moments.dtype == np.float32 and sha256 == arrays_sha256({"moments": moments})
    return moments if whole else None
