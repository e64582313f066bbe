"""Meshes of the known spaces.

fs_LR 32k sphere and midthickness are the Conte69 surfaces that the BrainSpace package ships: no
download, and the sphere has the bytes of the one of the Human Connectome Project. Everything else
comes from the data directory. fs_LR 164k and fsaverage5 have no midthickness of their own at hand:
theirs is that of fs_LR 32k, carried to their mesh along the registration spheres.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from cytosurf import data
from cytosurf.errors import InputError, unknown_name
from cytosurf.surfaces.gifti import read_mesh
from cytosurf.surfaces.io import read_map
from cytosurf.surfaces.mesh import Mesh
from cytosurf.surfaces.space import HEMISPHERES, Space

FSLR_32K = Space("fsLR", "32k")
FSLR_164K = Space("fsLR", "164k")
BIGBRAIN = Space("bigbrain", "164k")
FSAVERAGE_10K = Space("fsaverage", "10k")

# Name of the file, or of the array beside the pial surface, of each surface.
_EMBEDDED = {
    "sphere": "surfaces/conte69_32k_{h}h_sphere.gii",
    "midthickness": "surfaces/conte69_32k_{h}h.gii",
}
_EMBEDDED_FSAVERAGE = {"pial": "surfaces/fsa5.pial.{h}h.gii"}
_FSLR = {
    FSLR_32K: {
        "pial": "fs_LR.32k.{H}.pial.surf.gii",
        "white": "fs_LR.32k.{H}.white.surf.gii",
        "inflated": "fs_LR.32k.{H}.very_inflated.surf.gii",
    },
    FSLR_164K: {"sphere": "fsaverage.{H}_LR.spherical_std.164k_fs_LR.surf.gii"},
}
_FSAVERAGE = {"sphere": "fsaverage5_std_sphere.{H}.10k_fsavg_{H}.surf.gii"}
_BIGBRAIN_FILES = {
    "pial": "tpl-bigbrain_hemi-{H}_desc-pial.surf.gii",
    "sphere": "tpl-bigbrain_hemi-{H}_desc-sphere_rot_fs_LR.surf.gii",
}
_BIGBRAIN_ARRAYS = {
    "white": ("white",),
    "pial_sym": ("pial_sym",),
    "white_sym": ("white_sym",),
    "midthickness": ("white",),
    "midthickness_sym": ("pial_sym", "white_sym"),
}


def surfaces_of(space: Space) -> tuple[str, ...]:
    """Return the names of the surfaces that `load_mesh` knows for a space.

    Examples
    --------
    >>> surfaces_of(Space("fsLR", "32k"))
    ('inflated', 'midthickness', 'pial', 'sphere', 'white')
    """
    names = set(_FSLR.get(space, ()))
    if space == FSLR_32K:
        names |= _EMBEDDED.keys()
    if space == FSAVERAGE_10K:
        names |= _EMBEDDED_FSAVERAGE.keys() | _FSAVERAGE.keys()
    if space in (FSLR_164K, FSAVERAGE_10K):
        names.add("midthickness")
    if space == BIGBRAIN:
        names |= _BIGBRAIN_FILES.keys() | _BIGBRAIN_ARRAYS.keys()
    return tuple(sorted(names))


def load_mesh(space: Space, hemisphere: str, surface: str) -> Mesh:
    """Load a surface of a known space, downloading its file on first use.

    Parameters
    ----------
    space : Space
        fs_LR 32k or 164k, BigBrain 164k, or fsaverage 10k (fsaverage5).
    hemisphere : str
        ``"L"`` or ``"R"``.
    surface : str
        One of `surfaces_of` the space. ``midthickness`` of BigBrain is the mean of pial and white
        surface; names in ``_sym`` are in the symmetric space BigBrainSym. ``sphere`` of BigBrain
        is the one rotated towards fs_LR, the target of registrations from fs_LR. ``inflated`` is
        the very inflated surface. ``midthickness`` of fs_LR 164k and of fsaverage5 is that of
        fs_LR 32k, carried to their mesh.

    Returns
    -------
    Mesh
        Coordinates in mm; spheres have radius 100.

    Raises
    ------
    InputError
        If the space, the hemisphere or the surface is unknown.
    MissingDataError
        If the file is not in the data directory and downloads are switched off.

    Examples
    --------
    >>> load_mesh(Space("fsLR", "32k"), "L", "sphere").n_vertices
    32492
    """
    if hemisphere not in HEMISPHERES:
        raise InputError("hemisphere", repr(hemisphere), "'L' or 'R'")
    known = surfaces_of(space)
    if not known:
        names = ", ".join(map(str, (FSLR_32K, FSLR_164K, BIGBRAIN, FSAVERAGE_10K)))
        raise InputError("space", str(space), f"a space with known surfaces ({names})")
    if surface not in known:
        raise unknown_name(f"surface of {space}", surface, known)
    if space == BIGBRAIN:
        return _bigbrain_mesh(hemisphere, surface)
    if space != FSLR_32K and surface == "midthickness":
        return _carried_midthickness(space, hemisphere)
    return read_mesh(_surface_file(space, hemisphere, surface), hemisphere)


def _surface_file(space: Space, hemisphere: str, surface: str) -> Path:
    """Return the file of a surface of fs_LR or fsaverage5."""
    embedded = _EMBEDDED if space == FSLR_32K else _EMBEDDED_FSAVERAGE
    if space in (FSLR_32K, FSAVERAGE_10K) and surface in embedded:
        return data.embedded_path(embedded[surface].format(h=hemisphere.lower()))
    if space == FSAVERAGE_10K:
        return data.path("fsaverage5", _FSAVERAGE[surface].format(H=hemisphere))
    return data.path("fslr", _FSLR[space][surface].format(H=hemisphere))


def _carried_midthickness(space: Space, hemisphere: str) -> Mesh:
    """Return the fs_LR 32k midthickness on the mesh of a space that one step leads to."""
    from cytosurf.surfaces.carrying import step_weights
    from cytosurf.surfaces.routes import route

    (step,) = route(FSLR_32K, space)
    weights = step_weights(step, hemisphere)
    vertices = load_mesh(FSLR_32K, hemisphere, "midthickness").vertices
    return Mesh(weights @ vertices, load_mesh(space, hemisphere, "sphere").faces)


def _bigbrain_mesh(hemisphere: str, surface: str) -> Mesh:
    """Load a BigBrain surface; all of a hemisphere share the triangles of the pial surface."""
    name = _BIGBRAIN_FILES.get(surface, _BIGBRAIN_FILES["pial"]).format(H=hemisphere)
    mesh = read_mesh(data.path("bigbrainwarp", name), hemisphere)
    if surface in _BIGBRAIN_FILES:
        return mesh
    file = data.path("bigbrainwarp", f"tpl-bigbrain_hemi-{hemisphere}_desc-coords.npz")
    with np.load(file, allow_pickle=False) as arrays:
        layers = [arrays[array].astype(np.float64) for array in _BIGBRAIN_ARRAYS[surface]]
    if surface == "midthickness":
        layers.append(mesh.vertices.astype(np.float64))
    return Mesh(np.mean(layers, axis=0), mesh.faces)


def greyordinate_mask(hemispheres: tuple[str, ...] = HEMISPHERES) -> npt.NDArray[np.bool_]:
    """Return which fs_LR 32k vertices are cortex among the 91,282 greyordinates (`atlasroi`).

    Parameters
    ----------
    hemispheres : tuple of str
        ``("L", "R")``, ``("L",)`` or ``("R",)``.

    Returns
    -------
    (n_vertices,) ndarray of bool
        29,696 vertices are True on the left and 29,716 on the right.
    """
    files = [data.path("fslr", f"{side}.atlasroi.32k_fs_LR.shape.gii") for side in hemispheres]
    mask: npt.NDArray[np.bool_] = read_map(files, space=FSLR_32K).values[:, 0] > 0.5
    return mask
