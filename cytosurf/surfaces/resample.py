"""Moving maps and labels between the meshes of known spaces."""

from __future__ import annotations

import logging
import warnings
from dataclasses import replace
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from scipy import sparse

from cytosurf import data
from cytosurf.errors import CytosurfWarning, InputError
from cytosurf.surfaces.applying import masked_weights, resample_labels
from cytosurf.surfaces.gifti import read_mesh
from cytosurf.surfaces.maps import Parcellation, SurfaceMap
from cytosurf.surfaces.routes import Step, route, sphere_path
from cytosurf.surfaces.space import Space
from cytosurf.surfaces.weights import Method, cached_weights, check_method

Data = TypeVar("Data", SurfaceMap, Parcellation)
Bools = npt.NDArray[np.bool_]
_LOG = logging.getLogger(__name__)


def resample(
    data_in: Data,
    to: Space,
    *,
    method: str = "barycentric",
    masked: bool = True,
    mask: npt.ArrayLike | None = None,
    areas: str = "midsurface",
) -> Data:
    """Carry a map or a parcellation to another space.

    Every step of `route` is a resampling between two registered spheres, whose files are taken
    from the data directory; the weights are kept there for the next time. The spheres are named
    in the log (level INFO) and by `spheres_used`.

    Parameters
    ----------
    data_in : SurfaceMap or Parcellation
        What is carried, of one hemisphere or both.
    to : Space
        Where it goes.
    method : {"barycentric", "adaptive", "nearest"}, optional
        "barycentric": the mean of the three corners around each target vertex. "adaptive": a mean
        over all source vertices, corrected for areas (ADAP_BARY_AREA of Connectome Workbench).
        "nearest": the nearest source vertex. Labels are never averaged: the label with the largest
        summed weight wins.
    masked : bool, optional
        For maps. True: only valid vertices count, see `apply_weights`; vertices with NaN or
        infinite values are not valid. False: every vertex counts, those of the medial wall with
        their value (0 where it is NaN), and every target vertex is valid; the shipped
        BigBrainWarp maps were made like this.
        For labels it makes no difference: key 0 (medial wall, unassigned) takes part as a label
        like any other, as upstream did it.
    mask : (n_vertices,) array_like of bool, optional
        Vertices of `data_in` that count, for maps beside being valid. Labels are 0 where none
        counts.
    areas : {"midsurface", "sphere"}, optional
        For "adaptive": on which surface of the two spaces areas are measured.

    Returns
    -------
    SurfaceMap or Parcellation
        Of the same kind, columns or names and hemispheres, on `to`.

    Raises
    ------
    InputError
        If no route joins the spaces, a name is unknown, the mask does not fit, or valid values of
        an unmasked map are not finite.
    MissingDataError
        If a sphere is missing and cannot be downloaded.

    Examples
    --------
    >>> brain = SurfaceMap(np.ones(64984), Space("fsLR", "32k"), ("thickness",))
    >>> resample(brain, Space("fsLR", "32k")) is brain  # to fsLR-164k: needs its sphere
    True
    """
    chosen = check_method(method)
    counted = checked_mask(mask, data_in.n_vertices, masked)
    steps = route(data_in.space, to, method=chosen)
    if not steps:
        return data_in
    if isinstance(data_in, SurfaceMap):
        data_in = _with_finite_values(data_in, masked)
    n_sides = len(data_in.hemispheres)
    masks = [None] * n_sides if counted is None else np.split(counted, n_sides)
    parts = []
    for side, side_mask in zip(data_in.hemispheres, masks, strict=True):
        matrices = [step_weights(step, side, method=chosen, areas=areas) for step in steps]
        part = data_in.hemisphere(side)
        if isinstance(part, SurfaceMap):
            parts.append(_carry_map(part, to, matrices, side_mask, masked))
        else:
            parts.append(_carry_labels(part, to, matrices, side_mask))
    return parts[0] if n_sides == 1 else type(data_in).join(*parts)


def checked_mask(mask: npt.ArrayLike | None, n_vertices: int, masked: bool = True) -> Bools | None:
    """Return a mask of source vertices as an array, or raise `InputError` if it does not fit."""
    if mask is None:
        return None
    array = np.asarray(mask)
    if array.shape != (n_vertices,) or array.dtype != bool:
        raise InputError(
            "mask",
            f"{array.dtype} array of shape {array.shape}",
            f"bool array of shape ({n_vertices},), one per vertex of the map",
            "It must be on the mesh that the map comes from.",
        )
    if not masked:
        raise InputError(
            "mask", "one although nothing is to be masked", "a mask, or masked=False (--unmasked)"
        )
    return array


def step_weights(
    step: Step, hemisphere: str, *, method: str = "barycentric", areas: str = "midsurface"
) -> sparse.csr_array:
    """Return the weights of one step of a route on hemisphere "L" or "R", kept on disk.

    Parameters
    ----------
    step : Step
        One of `route`.
    hemisphere : str
        ``"L"`` or ``"R"``.
    method, areas : str, optional
        As in `resample`.

    Raises
    ------
    InputError
        If a sphere file is of the other hemisphere, damaged, or no sphere, or areas are not known.
    MissingDataError
        If a file is missing and cannot be downloaded.
    """
    chosen: Method = check_method(method)
    names = step.sphere_names(hemisphere)
    _LOG.info(
        "%s, %s to %s by %s: source sphere %s, target sphere %s",
        *(hemisphere, step.source, step.target, chosen, *names),
    )
    source, target = (read_mesh(sphere_path(name), hemisphere) for name in names)
    pair = None
    if chosen == "adaptive":
        from cytosurf.surfaces.areas import check_surface, midsurface_areas

        if check_surface(areas) == "midsurface":
            pair = (
                midsurface_areas(step.source, hemisphere),
                midsurface_areas(step.target, hemisphere),
            )
    folder = data.data_directory() / "weights"
    return cached_weights(source, target, folder, method=chosen, areas=pair)


def joined_weights(
    matrices: list[sparse.csr_array], valid: Bools | None
) -> tuple[sparse.csr_array, Bools]:
    """Return one matrix for several steps, with a mask of the source, and the targets reached."""
    joined, reached = masked_weights(matrices[0], valid)
    for matrix in matrices[1:]:
        kept, after = masked_weights(matrix, reached if valid is not None else None)
        joined, reached = sparse.csr_array(kept @ joined), after
    return joined, reached


def _carry_map(
    part: SurfaceMap,
    to: Space,
    matrices: list[sparse.csr_array],
    mask: Bools | None,
    masked: bool,
) -> SurfaceMap:
    """Carry the values of one hemisphere."""
    valid = (part.valid if mask is None else part.valid & mask) if masked else None
    matrix, reached = joined_weights(matrices, valid)
    values = matrix @ part.values.astype(np.float64)
    return SurfaceMap(values, to, part.columns, reached, part.hemispheres)


def _carry_labels(
    part: Parcellation, to: Space, matrices: list[sparse.csr_array], mask: Bools | None
) -> Parcellation:
    """Carry the labels of one hemisphere, step by step."""
    keys, valid = part.keys, mask
    for matrix in matrices:
        keys = resample_labels(matrix, keys, valid)
        if valid is not None:
            valid = masked_weights(matrix, valid)[1]
    return Parcellation(keys, to, part.names, part.hemispheres)


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
