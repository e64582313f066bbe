"""To and from nilearn's `SurfaceImage`, which plots and learns on the same vertices.

A vertex that is not valid is NaN in every column of an image, as in GIFTI files.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from cytosurf.errors import InputError
from cytosurf.surfaces.gifti import check_side, whole_keys
from cytosurf.surfaces.maps import Parcellation, SurfaceMap
from cytosurf.surfaces.mesh import Mesh
from cytosurf.surfaces.parts import SIDES
from cytosurf.surfaces.space import Space
from cytosurf.surfaces.templates import load_mesh, surfaces_of


def poly_mesh(meshes: Mapping[str, Mesh]) -> Any:
    """Return meshes of one or both hemispheres as a `nilearn.surface.PolyMesh`.

    Parameters
    ----------
    meshes : mapping of str to Mesh
        By hemisphere, ``"L"`` and ``"R"``.

    Examples
    --------
    >>> from cytosurf.surfaces.templates import load_mesh
    >>> poly_mesh({"L": load_mesh(Space("fsLR", "32k"), "L", "midthickness")}).n_vertices
    32492
    """
    from nilearn.surface import InMemoryMesh, PolyMesh

    return PolyMesh(
        **{SIDES[side]: InMemoryMesh(mesh.vertices, mesh.faces) for side, mesh in meshes.items()}
    )


def to_surface_image(
    data: SurfaceMap | Parcellation, meshes: Mapping[str, Mesh] | None = None
) -> Any:
    """Return a map or labels as a `nilearn.surface.SurfaceImage`.

    Parameters
    ----------
    data : SurfaceMap or Parcellation
        A map with one column gives one value per vertex, with more columns (n_vertices,
        n_columns); labels give their int32 keys.
    meshes : mapping of str to Mesh, optional
        The mesh of each hemisphere; that of the template if left out: the midthickness surface
        where one is known, else the sphere.

    Returns
    -------
    nilearn.surface.SurfaceImage
        With float32 data, NaN where not valid, or int32 keys.

    Raises
    ------
    InputError
        If the space has no known surface and no meshes are given, or a mesh has another number of
        vertices.

    Examples
    --------
    >>> ones = SurfaceMap(np.ones(64984), Space("fsLR", "32k"))
    >>> to_surface_image(ones).shape
    (64984,)
    """
    from nilearn.surface import PolyData, SurfaceImage

    if meshes is None:
        meshes = _template_meshes(data.space, data.hemispheres)
    parts: dict[str, npt.NDArray[Any]] = {}
    for side in data.hemispheres:
        half = data.hemisphere(side)
        if side not in meshes or meshes[side].n_vertices != half.n_vertices:
            found = f"{meshes[side].n_vertices:,} vertices" if side in meshes else "none"
            raise InputError(f"{SIDES[side]} mesh", found, f"{half.n_vertices:,} vertices")
        parts[SIDES[side]] = _image_data(half)
    mesh = poly_mesh({side: meshes[side] for side in data.hemispheres})
    return SurfaceImage(mesh, PolyData(**parts))


def from_surface_image(image: Any, space: Space, columns: tuple[str, ...] = ()) -> SurfaceMap:
    """Return a nilearn `SurfaceImage` as a map.

    Parameters
    ----------
    image : nilearn.surface.SurfaceImage
        Of one or both hemispheres, with one or more values per vertex.
    space : Space
        The space of its mesh: an image does not say it.
    columns : tuple of str, optional
        Names of the columns.

    Returns
    -------
    SurfaceMap
        ``valid`` is False where every column is NaN.

    Raises
    ------
    InputError
        If it is no `SurfaceImage`, its vertices do not fit the space, or its hemispheres are
        swapped.
    """
    halves, hemispheres = _image_halves(image)
    values = np.concatenate([half.reshape(len(half), -1) for half in halves]).astype(np.float32)
    valid = ~np.all(np.isnan(values), axis=1)
    return SurfaceMap(values, space, columns, valid, hemispheres)


def labels_from_surface_image(
    image: Any, space: Space, names: Mapping[int, str] | None = None
) -> Parcellation:
    """Return a nilearn `SurfaceImage` of label keys as a parcellation.

    Parameters
    ----------
    image : nilearn.surface.SurfaceImage
        With one whole number of at least 0 per vertex; 0 is unassigned.
    space : Space
        The space of its mesh.
    names : mapping of int to str, optional
        Names of the keys.

    Raises
    ------
    InputError
        As `from_surface_image`; also if there are several columns or keys are not whole.
    """
    halves, hemispheres = _image_halves(image)
    keys = np.concatenate(halves)
    if keys.ndim == 2 and keys.shape[1] == 1:
        keys = keys[:, 0]
    if keys.ndim != 1:
        raise InputError("surface image", f"{keys.shape[1]} columns", "one column of labels")
    return Parcellation(whole_keys(keys, "surface image"), space, names or {}, hemispheres)


def _template_meshes(space: Space, hemispheres: tuple[str, ...]) -> dict[str, Mesh]:
    known = surfaces_of(space)
    if not known:
        raise InputError(
            "space", f"{space}, of which no surface is known", "meshes", "Give the meshes."
        )
    surface = "midthickness" if "midthickness" in known else "sphere"
    return {side: load_mesh(space, side, surface) for side in hemispheres}


def _image_data(half: SurfaceMap | Parcellation) -> npt.NDArray[Any]:
    if isinstance(half, Parcellation):
        return half.keys
    values = np.where(half.valid[:, None], half.values, np.float32(np.nan))
    return values[:, 0] if values.shape[1] == 1 else values


def _image_halves(image: Any) -> tuple[list[npt.NDArray[Any]], tuple[str, ...]]:
    """Return the data of each hemisphere of an image, left first, and the hemispheres."""
    from nilearn.surface import SurfaceImage

    if not isinstance(image, SurfaceImage):
        raise InputError("surface image", type(image).__name__, "a nilearn SurfaceImage")
    sides = {side: word for side, word in SIDES.items() if word in image.data.parts}
    for side, word in sides.items():
        part = image.mesh.parts[word]
        check_side(Mesh(part.coordinates, part.faces), side, f"{word} mesh of the surface image")
    return [np.asarray(image.data.parts[word]) for word in sides.values()], tuple(sides)
