"""Which vertices of a mesh the values on another one are made from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from cytosurf.errors import InputError
from cytosurf.surfaces.carrying import joined_weights, step_weights
from cytosurf.surfaces.routes import route
from cytosurf.surfaces.space import HEMISPHERES, Space


def vertices_behind(
    marked: npt.NDArray[np.bool_],
    space: Space,
    source: Space,
    hemispheres: Sequence[str] = HEMISPHERES,
) -> npt.NDArray[np.bool_]:
    """Return the vertices of a source whose values enter those at marked vertices.

    Values are taken to be carried from `source` to `space` by `cytosurf.surfaces.resample` with
    its default method, without a mask: a mask only takes vertices away.

    Parameters
    ----------
    marked : (n_vertices,) ndarray of bool
        Vertices of `space`, of all hemispheres.
    space : Space
        Where they are.
    source : Space
        Where values come from.
    hemispheres : sequence of str, optional
        Hemispheres of both arrays, in their order.

    Returns
    -------
    (n_source,) ndarray of bool

    Raises
    ------
    InputError
        If the array is not on `space`, or no route joins the spaces.
    MissingDataError
        If a sphere is missing and cannot be downloaded.

    Examples
    --------
    >>> fslr = Space("fsLR", "32k")
    >>> vertices_behind(np.arange(64984) < 3, fslr, fslr).nonzero()[0].tolist()
    [0, 1, 2]
    """
    steps = route(source, space)
    if not steps:
        return marked.copy()
    weights = [
        joined_weights([step_weights(step, h) for step in steps], None)[0] for h in hemispheres
    ]
    ends = np.cumsum([matrix.shape[0] for matrix in weights])
    if marked.shape != (ends[-1],):
        raise InputError(
            "marked vertices", f"shape {marked.shape}", f"({ends[-1]},), the vertices of {space}"
        )
    behind = [np.zeros(matrix.shape[1], bool) for matrix in weights]
    for matrix, half, part in zip(weights, behind, np.split(marked, ends[:-1]), strict=True):
        half[matrix[np.flatnonzero(part)].indices] = True
    return np.concatenate(behind)
