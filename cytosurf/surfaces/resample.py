"""Moving maps and labels between the meshes of registered spheres."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from scipy import sparse

from cytosurf import data
from cytosurf.errors import CytosurfWarning, InputError
from cytosurf.surfaces.barycentric import SMALLEST_WEIGHT
from cytosurf.surfaces.gifti import read_mesh
from cytosurf.surfaces.maps import Parcellation, SurfaceMap
from cytosurf.surfaces.routes import Step, route, sphere_path
from cytosurf.surfaces.space import Space
from cytosurf.surfaces.weights import cached_weights

Data = TypeVar("Data", SurfaceMap, Parcellation)


def resample(data_in: Data, to: Space, *, masked: bool = True) -> Data:
    """Carry a map or a parcellation to another space.

    Every step of `route` is a barycentric resampling between two registered spheres, whose files
    are taken from the data directory; the weights are kept there for the next time.

    Parameters
    ----------
    data_in : SurfaceMap or Parcellation
        What is carried, of one hemisphere or both.
    to : Space
        Where it goes.
    masked : bool, optional
        For maps. True: only valid vertices count, see `apply_weights`; vertices with NaN or
        infinite values are not valid. False: every vertex counts, those of the medial wall with
        their value (0 where it is NaN), and every target vertex is valid; the shipped
        BigBrainWarp maps were made like this.
        For labels it makes no difference: key 0 (medial wall, unassigned) takes part as a label
        like any other, as upstream did it.

    Returns
    -------
    SurfaceMap or Parcellation
        Of the same kind, columns or names and hemispheres, on `to`.

    Raises
    ------
    InputError
        If no route joins the spaces, or valid values of an unmasked map are not finite.
    MissingDataError
        If a sphere is missing and cannot be downloaded.

    Examples
    --------
    >>> brain = SurfaceMap(np.ones(64984), Space("fsLR", "32k"), ("thickness",))
    >>> resample(brain, Space("fsLR", "32k")) is brain  # to fsLR-164k: needs its sphere
    True
    """
    steps = route(data_in.space, to)
    if not steps:
        return data_in
    if isinstance(data_in, SurfaceMap):
        data_in = _with_finite_values(data_in, masked)
    parts = [_carry(data_in.hemisphere(h), h, steps, masked) for h in data_in.hemispheres]
    return parts[0] if len(parts) == 1 else type(data_in).join(*parts)


def apply_weights(
    weights: sparse.sparray,
    values: npt.ArrayLike,
    valid: npt.NDArray[np.bool_] | None = None,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Carry values to the target mesh.

    Parameters
    ----------
    weights : (n_target, n_source) scipy.sparse array
        As from `cytosurf.surfaces.barycentric.barycentric_weights`.
    values : (n_source,) or (n_source, n_columns) array_like
        Values on the source mesh. A NaN at a vertex that counts is carried on.
    valid : (n_source,) array of bool, optional
        Source vertices that count. Their weights are scaled to a sum of 1 for each target, and a
        target is valid when any of its sources is (the rule of Connectome Workbench with
        ``-current-roi``); the values of others are 0. If left out, every vertex counts.

    Returns
    -------
    values : (n_target,) or (n_target, n_columns) array of float64
    valid : (n_target,) array of bool

    Raises
    ------
    InputError
        If values or mask do not have one row per source vertex.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy import sparse
    >>> weights = sparse.csr_array([[0.5, 0.5], [0.0, 1.0]])
    >>> values, valid = apply_weights(weights, [4.0, 100.0], np.array([True, False]))
    >>> values.tolist(), valid.tolist()
    ([4.0, 0.0], [True, False])
    """
    source = np.asarray(values, dtype=np.float64)
    _check_rows(len(source), weights, "values")
    if valid is None:
        return weights @ source, np.ones(weights.shape[0], bool)
    if valid.shape != (weights.shape[1],) or valid.dtype != bool:
        raise InputError(
            "mask",
            f"{valid.dtype} array of shape {valid.shape}",
            f"bool array of shape ({weights.shape[1]},), one per source vertex",
        )
    rows = valid if source.ndim == 1 else valid[:, None]
    carried = weights @ np.where(rows, source, 0)
    total = weights @ valid.astype(np.float64)
    reached = total > 0
    total[~reached] = 1
    return carried / (total if source.ndim == 1 else total[:, None]), reached


def resample_labels(
    weights: sparse.sparray, keys: npt.NDArray[np.integer]
) -> npt.NDArray[np.int32]:
    """Give each target vertex the key whose source vertices have the largest summed weight.

    Parameters
    ----------
    weights : (n_target, n_source) scipy.sparse array
        As from `cytosurf.surfaces.barycentric.barycentric_weights`.
    keys : (n_source,) array of int
        Keys on the source mesh; 0 takes part like any other.

    Returns
    -------
    (n_target,) array of int32
        Keys on the target mesh. Of keys with the same weight (to 1e-6) the smallest wins.

    Raises
    ------
    InputError
        If there is not one key per source vertex.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy import sparse
    >>> weights = sparse.csr_array([[0.4, 0.3, 0.3]])
    >>> resample_labels(weights, np.array([0, 5, 5])).tolist()
    [5]
    """
    _check_rows(len(keys), weights, "labels")
    used, code = np.unique(keys, return_inverse=True)
    one_hot = sparse.csr_array(
        (np.ones(len(code)), (np.arange(len(code)), code)), shape=(len(code), len(used))
    )
    summed = sparse.csr_array(weights @ one_hot)
    summed.sort_indices()
    starts = summed.indptr[:-1]
    largest = np.maximum.reduceat(summed.data, starts)
    wins = np.flatnonzero(
        summed.data >= np.repeat(largest, np.diff(summed.indptr)) - SMALLEST_WEIGHT
    )
    first = wins[np.searchsorted(wins, starts)]
    largest_key: npt.NDArray[np.int32] = used[summed.indices[first]].astype(np.int32)
    return largest_key


def step_weights(step: Step, hemisphere: str) -> sparse.csr_array:
    """Return the weights of one step of a route on hemisphere "L" or "R", kept on disk.

    Raises
    ------
    InputError
        If a sphere file is of the other hemisphere, damaged, or no sphere.
    MissingDataError
        If a sphere is missing and cannot be downloaded.
    """
    names = step.sphere_names(hemisphere)
    source, target = (read_mesh(sphere_path(name), hemisphere) for name in names)
    return cached_weights(source, target, data.data_directory() / "weights")


def _carry(part: Data, hemisphere: str, steps: list[Step], masked: bool) -> Data:
    """Carry one hemisphere along the steps."""
    matrices = (step_weights(step, hemisphere) for step in steps)
    if isinstance(part, Parcellation):
        keys = part.keys
        for matrix in matrices:
            keys = resample_labels(matrix, keys)
        return Parcellation(keys, steps[-1].target, part.names, part.hemispheres)
    values: npt.NDArray[np.floating] = part.values
    valid = part.valid if masked else None
    for matrix in matrices:
        values, reached = apply_weights(matrix, values, valid)
        valid = reached if masked else None
    return SurfaceMap(values, steps[-1].target, part.columns, reached, part.hemispheres)


def _with_finite_values(data_in: SurfaceMap, masked: bool) -> SurfaceMap:
    """Take vertices with NaN or infinite values out of the mask; without one, refuse them."""
    finite = np.isfinite(data_in.values)
    bad = ~finite.all(axis=1)
    n_bad = int((bad & data_in.valid).sum())
    where, found = f"map on {data_in.space}", f"{n_bad:,} vertices with NaN or infinite values"
    if n_bad and not masked:
        raise InputError(
            where,
            found,
            "finite values at all valid vertices when nothing is masked",
            "Map it with the mask (masked=True, without --unmasked).",
        )
    if n_bad:
        warnings.warn(f"{where}: {found} are left out.", CytosurfWarning, stacklevel=3)
    values = np.where(finite, data_in.values, np.float32(0))
    return replace(data_in, values=values, valid=data_in.valid & ~bad)


def _check_rows(n_rows: int, weights: sparse.sparray, where: str) -> None:
    if n_rows != weights.shape[1]:
        raise InputError(
            where,
            f"{n_rows:,} rows",
            f"{weights.shape[1]:,}, one per vertex of the source sphere",
            "Values and sphere must belong to the same mesh.",
        )
