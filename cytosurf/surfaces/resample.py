"""Moving maps and labels between the meshes of known spaces."""

from __future__ import annotations

from typing import TypeVar

import numpy.typing as npt

from cytosurf.surfaces.areas import check_areas
from cytosurf.surfaces.carrying import Carrier, checked_mask, usable_values
from cytosurf.surfaces.maps import Parcellation, SurfaceMap, hemisphere_rows
from cytosurf.surfaces.routes import route
from cytosurf.surfaces.space import Space
from cytosurf.surfaces.weights import check_method

Data = TypeVar("Data", SurfaceMap, Parcellation)


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
    >>> import numpy as np
    >>> brain = SurfaceMap(np.ones(64984), Space("fsLR", "32k"), ("thickness",))
    >>> resample(brain, Space("fsLR", "32k")) is brain  # to fsLR-164k: needs its sphere
    True
    """
    chosen = check_method(method)
    check_areas(areas, chosen)
    counted = checked_mask(mask, data_in.n_vertices, masked)
    if not route(data_in.space, to, method=chosen) and counted is None:
        return data_in
    carriers = [
        Carrier(data_in.space, to, side, method=chosen, areas=areas) for side in data_in.hemispheres
    ]
    halves: list[Data] = []
    if isinstance(data_in, SurfaceMap):
        where = f"map on {data_in.space}"
        values, valid = usable_values(data_in.values, data_in.valid, where, masked)
        if valid is not None and counted is not None:
            valid &= counted
        for side, carrier in zip(data_in.hemispheres, carriers, strict=True):
            rows = hemisphere_rows(data_in, side)
            carried, reached = carrier.values(values[rows], None if valid is None else valid[rows])
            halves.append(SurfaceMap(carried, to, data_in.columns, reached, (side,)))
    else:
        for side, carrier in zip(data_in.hemispheres, carriers, strict=True):
            rows = hemisphere_rows(data_in, side)
            keys = carrier.labels(data_in.keys[rows], None if counted is None else counted[rows])
            halves.append(Parcellation(keys, to, data_in.names, (side,)))
    return halves[0] if len(halves) == 1 else type(data_in).join(*halves)
