"""From points in the brain to the cortex: embeddings onto the BigBrain midsurface.

The published rule (arXiv:2511.01870, section 4.8) is a nearest-neighbour lookup in 3-D: every
vertex of the midsurface takes the features of the point nearest to it. A largest distance, which
the publication does not name, keeps vertices without any point near them (the medial wall, damaged
tissue) from taking features of somewhere else; how far each vertex was is kept beside the map.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse

from cytosurf.errors import CytosurfWarning, InputError
from cytosurf.features.embedding_check import check_near
from cytosurf.features.embedding_spaces import POINT_SPACES, load_midsurfaces, title_of
from cytosurf.features.embedding_table import EmbeddingTable
from cytosurf.features.pca import check_rank, components_of_blocks
from cytosurf.surfaces.maps import SurfaceMap
from cytosurf.surfaces.mesh import Mesh
from cytosurf.surfaces.midsurface import Method, point_weights
from cytosurf.surfaces.space import Space
from cytosurf.surfaces.templates import BIGBRAIN

MAX_DISTANCE_MM = 5.0
K_NEAREST = 8  # points of a weighted mean
SIGMA_MM = 1.0
BLOCK_ROWS = 8192  # vertices whose components are computed at once
MOST_REPEATED = 0.5  # share of rows that may stand at the point of another row
SMALL_SHARE = 0.01  # of points; a hemisphere with fewer than that has none of its own


@dataclass(frozen=True, eq=False)
class AssignedEmbeddings:
    """Embeddings on the vertices of a midsurface.

    Attributes
    ----------
    features : SurfaceMap
        Features or their principal components; valid where a point is near enough.
    distance : SurfaceMap
        One column, ``distance_mm``: how far the nearest point of every vertex is.
    nearest : (n_vertices,) ndarray of int64
        Row of the table of that point, whether it is near enough or not.
    explained : (n_components,) ndarray of float64 or None
        Share of the variance of each principal component; None for features.
    notes : tuple of str
        What a reader of the result should know about how it was made.
    """

    features: SurfaceMap
    distance: SurfaceMap
    nearest: npt.NDArray[np.int64]
    explained: npt.NDArray[np.float64] | None
    notes: tuple[str, ...]


def assign_to_midsurface(
    table: EmbeddingTable,
    *,
    method: Method = "nearest",
    k: int | None = None,
    sigma_mm: float | None = None,
    max_distance_mm: float = MAX_DISTANCE_MM,
    n_components: int | None = None,
    midsurfaces: Mapping[str, Mesh] | None = None,
    mesh_space: Space | None = None,
    tolerance_mm: float | None = None,
) -> AssignedEmbeddings:
    """Give every vertex of the midsurface the features of the points near it.

    Features are read from the table some rows at a time; memory is taken for the features of the
    vertices (1 GB for 768 on both hemispheres of BigBrain).

    Parameters
    ----------
    table : EmbeddingTable
        Points and features. The space of the points chooses the midsurface: that of BigBrain in
        histological space or in BigBrainSym. For MNI Colin 27 the one in BigBrainSym, another
        brain's, stands in with a warning.
    method : {"nearest", "inverse-distance", "gaussian"}
        "nearest": the published rule. The others take the mean of the `k` nearest points with
        weights ``1 / d`` or ``exp(-d**2 / (2 * sigma_mm**2))``.
    k : int, optional
        Points of a weighted mean; 8 if left out.
    sigma_mm : float, optional
        Width of the Gaussian; 1 mm if left out.
    max_distance_mm : float
        Points further away are not taken; vertices without any are not valid. Infinity is the
        published rule without a limit.
    n_components : int, optional
        Give so many principal components in place of the features, fitted over the valid vertices
        of all hemispheres (see `cytosurf.features.pca`).
    midsurfaces : mapping of str to Mesh, optional
        The user's own midsurface of each hemisphere, "L" and "R", in the space of the points.
    mesh_space : Space, optional
        The mesh of these midsurfaces, e.g. fs_LR 32k; BigBrain's if left out.
    tolerance_mm : float, optional
        90 % of the points must lie this near to the midsurface; 2 mm if left out, 8 mm where
        another brain's stands in.

    Returns
    -------
    AssignedEmbeddings

    Raises
    ------
    InputError
        If the points do not lie near the midsurface (the likely mix-up is named: unit, voxels,
        space, axes), more than half of the rows repeat a point, no vertex has a point near it, or
        more components are asked for than there are.

    Warns
    -----
    CytosurfWarning
        If rows repeat a point (the first row of each point counts), a hemisphere has no points,
        or another brain's surface stands in.

    Examples
    --------
    >>> mesh = Mesh([[0, 0, 0], [9, 0, 0], [0, 9, 0]], [[0, 1, 2]])
    >>> table = EmbeddingTable([[0, 0, 1], [8, 0, 0]], [[1.0], [2.0]], space="other:toy")
    >>> assigned = assign_to_midsurface(
    ...     table, midsurfaces={"L": mesh}, mesh_space=Space("toy", "3"), max_distance_mm=2
    ... )
    >>> assigned.features.values.ravel().tolist(), assigned.features.valid.tolist()
    ([1.0, 2.0, 0.0], [True, True, False])
    >>> [round(d, 1) for d in assigned.distance.values.ravel().tolist()]
    [1.0, 1.0, 9.1]
    """
    midsurfaces, mesh_space = _midsurfaces(table, midsurfaces, mesh_space)
    check_near(
        table.points_mm, table.space, midsurfaces, where=table.name, tolerance_mm=tolerance_mm
    )
    first = _first_rows(table)
    midsurfaces, notes = _with_points(table.points_mm[first], midsurfaces, table.name)
    hemispheres = tuple(sorted(midsurfaces))
    weights, nearest, distance_mm = point_weights(
        np.concatenate([midsurfaces[h].vertices for h in hemispheres]).astype(np.float64),
        table.points_mm[first],
        method=method,
        k=points_per_vertex(method, k),
        sigma_mm=gaussian_sigma_mm(method, sigma_mm),
        max_distance_mm=max_distance_mm,
    )
    valid = np.diff(weights.indptr) > 0
    if not valid.any():
        found = f"no vertex with a point within {max_distance_mm:g} mm"
        raise InputError(table.name, found, "at least one", "Raise the largest distance.")
    values = gather(table, weights, first)
    column, explained = "feature_", None
    notes = (_rule(method, table, valid, distance_mm, max_distance_mm), *notes)
    if n_components is not None:
        values, explained = _components(table.name, values, valid, n_components)
        column = "pc"
        notes += (_fit(table, valid, explained),)
    columns = tuple(f"{column}{i + 1}" for i in range(values.shape[1]))
    return AssignedEmbeddings(
        SurfaceMap(values, mesh_space, columns, valid, hemispheres),
        SurfaceMap(distance_mm, mesh_space, ("distance_mm",), None, hemispheres),  # type: ignore[arg-type]
        first[nearest],
        explained,
        notes,
    )


def points_per_vertex(method: str, k: int | None) -> int:
    """Return how many points a vertex takes: as asked for, else 1 or 8 by the method."""
    if k is not None:
        return k
    return 1 if method == "nearest" else K_NEAREST


def _midsurfaces(
    table: EmbeddingTable, midsurfaces: Mapping[str, Mesh] | None, mesh_space: Space | None
) -> tuple[Mapping[str, Mesh], Space]:
    """Return the given midsurfaces, or else those of the points' space, and their mesh."""
    if midsurfaces is None:
        if mesh_space not in (None, BIGBRAIN):
            found = f"{mesh_space} without a midsurface of it"
            raise InputError("mesh_space", found, f"one, or {BIGBRAIN}")
        midsurfaces = load_midsurfaces(table.space, table.name)
        _warn_of_stand_in(table)
    mesh_space = mesh_space or BIGBRAIN
    for hemisphere, mesh in midsurfaces.items():
        if mesh_space.n_vertices not in (None, mesh.n_vertices):
            raise InputError(
                "mesh_space",
                f"{mesh_space}, of {mesh_space.n_vertices:,} vertices",
                f"the mesh of the midsurface, of {mesh.n_vertices:,} on hemisphere {hemisphere}",
            )
    return midsurfaces, mesh_space


def gaussian_sigma_mm(method: str, sigma_mm: float | None) -> float:
    """Return the width of the Gaussian: as asked for, else 1 mm.

    Raises
    ------
    InputError
        If a width is asked for with another method.
    """
    if sigma_mm is None:
        return SIGMA_MM
    if method != "gaussian":
        raise InputError("sigma_mm", f"{sigma_mm:g}", f"nothing with the method {method}")
    return sigma_mm


def gather(
    table: EmbeddingTable, weights: sparse.csr_array, first: npt.NDArray[np.int64]
) -> npt.NDArray[np.float32]:
    """Return ``weights @ features[first]``, reading the features some rows at a time.

    Parameters
    ----------
    table : EmbeddingTable
        Its features are read once, in order.
    weights : (n_vertices, n_points) scipy.sparse.csr_array
        As from `point_weights`.
    first : (n_points,) ndarray of int64
        The row of the table of each point, in increasing order.

    Returns
    -------
    (n_vertices, n_features) ndarray of float32
        0 where a vertex has no point.
    """
    values = np.zeros((weights.shape[0], table.n_features), dtype=np.float32)
    by_point = sparse.csc_array(weights.astype(np.float32))  # as precise as the features
    for start, rows in table.chunks():
        low, high = np.searchsorted(first, [start, start + len(rows)])
        begin, end = by_point.indptr[low], by_point.indptr[high]
        if begin == end:
            continue
        points = np.repeat(first[low:high] - start, np.diff(by_point.indptr[low : high + 1]))
        vertices, row = np.unique(by_point.indices[begin:end], return_inverse=True)
        part = sparse.csr_array(
            (by_point.data[begin:end], (row, points)), shape=(len(vertices), len(rows))
        )
        values[vertices] += part @ rows
    return values


def _components(
    name: str, values: npt.NDArray[np.float32], valid: npt.NDArray[np.bool_], n_components: int
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float64]]:
    """Return scores of the first components, 0 where not valid, and their shares of variance."""
    n_features = values.shape[1]
    if not 1 <= n_components <= n_features:
        expected = f"1 to {n_features} components, the number of features"
        raise InputError(name, f"{n_components} components", expected)
    rows = np.flatnonzero(valid)
    blocks = [rows[a : a + BLOCK_ROWS] for a in range(0, len(rows), BLOCK_ROWS)]
    means, loadings, variances = components_of_blocks((values[b] for b in blocks), n_components)
    check_rank(name, n_components, variances)
    scores = np.zeros((len(values), n_components), dtype=np.float32)
    for block in blocks:
        scores[block] = (values[block] - means) @ loadings
    return scores, variances[:n_components] / variances.sum()


def _first_rows(table: EmbeddingTable) -> npt.NDArray[np.int64]:
    """Return the first row of every distinct point, with a warning if there are others."""
    import pandas as pd

    repeated = pd.DataFrame(table.points_mm).duplicated().to_numpy()
    n_repeated = int(repeated.sum())
    if n_repeated > MOST_REPEATED * len(table):
        raise InputError(
            table.name,
            f"{len(table):,} rows at {len(table) - n_repeated:,} different points",
            "a point of its own for most rows",
            "Are these coordinates of sections or areas rather than of patches?",
        )
    if n_repeated:
        warnings.warn(
            f"{table.name}: {n_repeated:,} of {len(table):,} rows stand at the same point as an "
            "earlier row and are left out.",
            CytosurfWarning,
            stacklevel=3,
        )
    return np.flatnonzero(~repeated)


def _with_points(
    points_mm: npt.NDArray[np.float64], midsurfaces: Mapping[str, Mesh], name: str
) -> tuple[Mapping[str, Mesh], tuple[str, ...]]:
    """Leave out a hemisphere that (almost) no point is nearest to, with a warning.

    The medial walls are a few millimetres apart: points of one hemisphere must not become features
    of the other's wall.
    """
    if len(midsurfaces) < 2:
        return midsurfaces, ()
    from scipy.spatial import cKDTree

    rows = np.random.default_rng(0).permutation(len(points_mm))[:1000]
    distances = {h: cKDTree(m.vertices).query(points_mm[rows])[0] for h, m in midsurfaces.items()}
    on_left = float((distances["L"] <= distances["R"]).mean())
    for hemisphere, share in (("L", on_left), ("R", 1 - on_left)):
        if share < SMALL_SHARE:
            note = f"no points on hemisphere {hemisphere}, which is left out"
            warnings.warn(f"{name}: {note}.", CytosurfWarning, stacklevel=3)
            return {h: m for h, m in midsurfaces.items() if h != hemisphere}, (note,)
    return midsurfaces, ()


def _warn_of_stand_in(table: EmbeddingTable) -> None:
    if POINT_SPACES[table.space].is_own:
        return
    warnings.warn(
        f"{table.name}: there is no midsurface in {title_of(table.space)} here; that of BigBrain "
        "in BigBrainSym stands in, a different brain in the same kind of coordinates, a few mm "
        "off. Give a midsurface in the space of the points if you have one.",
        CytosurfWarning,
        stacklevel=4,
    )


def _rule(
    method: str,
    table: EmbeddingTable,
    valid: npt.NDArray[np.bool_],
    distance_mm: npt.NDArray[np.float64],
    max_distance_mm: float,
) -> str:
    rule = "the nearest point" if method == "nearest" else f"several near points ({method})"
    return (
        f"each vertex of the midsurface takes {rule} of {len(table):,} in {title_of(table.space)}, "
        f"at most {max_distance_mm:g} mm away (median {np.median(distance_mm[valid]):.2f} mm); "
        f"{int((~valid).sum()):,} of {len(valid):,} vertices have none"
    )


def _fit(
    table: EmbeddingTable, valid: npt.NDArray[np.bool_], explained: npt.NDArray[np.float64]
) -> str:
    return (
        f"{len(explained)} principal components of {table.n_features} features, fitted over "
        f"{int(valid.sum()):,} vertices of the midsurface; they explain {explained.sum():.1%} of "
        "the variance"
    )
