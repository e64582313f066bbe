"""Areas of the vertices of known spaces, for resampling that keeps areas."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from cytosurf import data
from cytosurf.errors import InputError, unknown_name
from cytosurf.surfaces.io import read_map
from cytosurf.surfaces.space import Space
from cytosurf.surfaces.templates import (
    BIGBRAIN,
    FSAVERAGE_10K,
    FSLR_32K,
    FSLR_164K,
    load_mesh,
)

Surface = Literal["midsurface", "sphere"]
SURFACES: tuple[Surface, ...] = ("midsurface", "sphere")

_FSAVERAGE_10K_AREAS = "fsaverage5.{hemi}.midthickness_va_avg.10k_fsavg_{hemi}.shape.gii"


def check_surface(surface: str) -> Surface:
    """Return the name of a surface with areas if it is one of `SURFACES`, or raise."""
    if surface not in SURFACES:
        raise unknown_name("areas", surface, SURFACES)
    return surface


def check_areas(surface: str, method: str) -> Surface:
    """Return the name of a surface with areas, or raise if it is none or the method uses no areas.

    Examples
    --------
    >>> check_areas("sphere", "adaptive")
    'sphere'
    """
    checked = check_surface(surface)
    if method != "adaptive" and checked != SURFACES[0]:
        raise InputError("areas", f"{surface!r} with the method {method}", "the method adaptive")
    return checked


def midsurface_areas(space: Space, hemisphere: str) -> npt.NDArray[np.float64]:
    """Return the area of each vertex on the midsurface of a known space.

    fs_LR 32k and BigBrain: a third of the triangles around the vertex, on the group midthickness
    and midway between pial and white. fs_LR 164k: the same on the midthickness of 32k, carried to
    the finer mesh along the standard spheres. fsaverage5: the average over midthickness surfaces
    of persons (Human Connectome Project). Only proportions within a space matter.

    Parameters
    ----------
    space : Space
        bigbrain-164k, fsLR-32k, fsLR-164k or fsaverage-10k.
    hemisphere : str
        ``"L"`` or ``"R"``.

    Returns
    -------
    (n_vertices,) ndarray of float64
        Areas in mm².

    Raises
    ------
    InputError
        If the space has no known midsurface.
    MissingDataError
        If a file is not in the data directory and downloads are switched off.

    Examples
    --------
    >>> midsurface_areas(Space("fsLR", "32k"), "L").shape
    (32492,)
    """
    if space in (FSLR_32K, FSLR_164K, BIGBRAIN):
        return load_mesh(space, hemisphere, "midthickness").vertex_areas()
    if space == FSAVERAGE_10K:
        file = data.path("fsaverage5", _FSAVERAGE_10K_AREAS.format(hemi=hemisphere))
        return read_map(file, space=space, hemispheres=(hemisphere,)).values[:, 0].astype(float)
    known = ", ".join(map(str, (BIGBRAIN, FSLR_32K, FSLR_164K, FSAVERAGE_10K)))
    raise InputError(
        "areas",
        f"space {space}",
        f"a space with a known midsurface ({known})",
        "Take the areas of the spheres: --areas sphere.",
    )
