"""From volumes to surfaces: sampling an image between the white and the pial surface.

Surface and image must be in the same millimetre space: what an image calls MNI may be one of
several templates that differ by millimetres. The DiFuMo atlas, for instance, does not document
which variant it is in; fs_LR surfaces are in MNI152NLin6Asym. Such a mismatch cannot be seen here.
"""

from __future__ import annotations

import itertools
import os
from typing import Any

import nibabel
import numpy as np
import numpy.typing as npt
from nibabel.filebasedimages import ImageFileError
from scipy import sparse

from cytosurf.errors import InputError, unknown_name
from cytosurf.surfaces.mesh import Mesh

# Where between white (0) and pial (1) each method samples, and the order of interpolation. The
# five depths are the middles of five layers of equal thickness.
METHODS: dict[str, tuple[tuple[float, ...], int]] = {
    "nearest": ((0.5,), 0),
    "linear": ((0.5,), 1),
    "ribbon": ((0.1, 0.3, 0.5, 0.7, 0.9), 1),
}


def sample_volume(
    image: Any, white: Mesh, pial: Mesh, *, method: str = "ribbon"
) -> npt.NDArray[np.float64]:
    """Sample a volume at the vertices of a cortical surface.

    Parameters
    ----------
    image : nibabel image or path-like
        Three dimensions, or four with one volume after the other.
    white, pial : Mesh
        Inner and outer surface of one hemisphere, in the millimetre space of the image.
    method : {"ribbon", "linear", "nearest"}, optional
        ``"nearest"``: the voxel that holds the point midway between white and pial (the only one
        for label volumes). ``"linear"``: trilinear at the same point. ``"ribbon"``: mean of five
        trilinear samples at 0.1, 0.3, 0.5, 0.7 and 0.9 of the way from white to pial.

    Returns
    -------
    (n_vertices, n_volumes) array of float64
        NaN where no sample of a vertex lies in the image. Voxels that are NaN or infinite, and
        samples outside the image, are left out, and the weights of the others scaled up.

    Raises
    ------
    InputError
        If the method is unknown; the file is no image; the image has not three or four dimensions
        of real numbers or no valid affine; the surfaces have different numbers of vertices, or lie
        outside the image altogether.

    Examples
    --------
    >>> ramp = np.arange(27, dtype=np.float32).reshape(3, 3, 3)
    >>> image = nibabel.Nifti1Image(ramp, np.eye(4))
    >>> white, pial = (Mesh([[x, 1, 1]] * 3, [[0, 1, 2]]) for x in (0, 1))
    >>> sample_volume(image, white, pial)[0].tolist()
    [8.5]
    """
    if method not in METHODS:
        raise unknown_name("method", method, METHODS)
    if white.n_vertices != pial.n_vertices:
        raise InputError(
            "pial surface",
            f"{pial.n_vertices:,} vertices",
            f"{white.n_vertices:,}, as the white surface",
            "White and pial must be of the same hemisphere and mesh.",
        )
    where, affine, volumes = _volumes(image)
    depths, order = METHODS[method]
    inner, outer = (mesh.vertices.astype(np.float64) for mesh in (white, pial))
    points_mm = np.concatenate([inner + depth * (outer - inner) for depth in depths])
    to_voxels = np.linalg.inv(affine)
    voxels = to_voxels[:3, :3] @ points_mm.T + to_voxels[:3, 3:]
    limits = np.array(volumes.shape[:3])[:, None] - 0.5
    inside = np.all((voxels >= -0.5) & (voxels <= limits), axis=0)
    if not inside.any():
        raise InputError(
            where,
            "no vertex of the surface within the image",
            "surface and image in the same space, in mm",
            "Is the surface of another space, or the affine wrong?",
        )
    weights, used = _voxel_weights(voxels, inside, order, volumes.shape[:3], white.n_vertices)
    values = volumes.reshape(-1, volumes.shape[3], order="F")[used].astype(np.float64)
    return _weighted_means(weights, values)


def labels_from_loadings(loadings: npt.ArrayLike) -> npt.NDArray[np.int32]:
    """Give each vertex the component with the largest positive loading.

    Parameters
    ----------
    loadings : (n_vertices, n_components) array_like
        NaN counts as no loading.

    Returns
    -------
    (n_vertices,) array of int32
        1 for the first component and so on, the first of equal ones; 0 where no loading is
        positive.

    Examples
    --------
    >>> labels_from_loadings([[0.1, 0.3], [0.2, 0.2], [0.0, -1.0]]).tolist()
    [2, 1, 0]
    """
    values = np.asarray(loadings, dtype=np.float64)
    if values.ndim != 2 or values.shape[1] == 0:
        raise InputError("loadings", f"shape {values.shape}", "(n_vertices, n_components)")
    values = np.where(np.isnan(values), 0, values)
    keys: npt.NDArray[np.int32] = np.where(
        values.max(axis=1) > 0, values.argmax(axis=1) + 1, 0
    ).astype(np.int32)
    return keys


def _volumes(image: Any) -> tuple[str, npt.NDArray[np.float64], npt.NDArray[np.float32]]:
    """Return a name for messages, the affine and the (x, y, z, n_volumes) data of an image."""
    where = "image"
    if isinstance(image, str | os.PathLike):
        where = os.fspath(image)
        try:
            image = nibabel.load(where)
        except (OSError, ImageFileError) as error:
            raise InputError(where, str(error), "a volume, such as NIfTI (.nii.gz)") from error
    affine = _valid_affine(image, where)
    if len(image.shape) not in (3, 4):
        raise InputError(
            where,
            f"{len(image.shape)} dimensions {image.shape}",
            "three, or four with one volume after the other",
        )
    if image.get_data_dtype().kind not in "buif":
        raise InputError(where, f"dtype {image.get_data_dtype()}", "real numbers")
    try:
        volumes = np.asarray(image.dataobj, dtype=np.float32)
    except (OSError, EOFError, ValueError) as error:
        raise InputError(where, str(error), "a whole file", "Fetch the file again.") from error
    return where, affine, volumes.reshape(*volumes.shape[:3], -1, order="F")


def _valid_affine(image: Any, where: str) -> npt.NDArray[np.float64]:
    """Return the affine of an image, unless it is missing, made up or not invertible."""
    affine = getattr(image, "affine", None)
    found = ""
    if affine is None:
        found = "no affine"
    elif isinstance(image, nibabel.Nifti1Pair) and not (
        image.header["sform_code"] or image.header["qform_code"]
    ):
        found = "neither sform nor qform"
    elif not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-9:
        found = "an affine that cannot be inverted"
    if found:
        raise InputError(
            where,
            found,
            "an affine from voxels to mm",
            "Write the image again with the affine of its space.",
        )
    return np.asarray(affine, dtype=np.float64)


def _voxel_weights(
    voxels: npt.NDArray[np.float64],
    inside: npt.NDArray[np.bool_],
    order: int,
    shape: tuple[int, ...],
    n_vertices: int,
) -> tuple[sparse.csr_array, npt.NDArray[np.int64]]:
    """Return the weights of all depths together, and the voxels that they are for.

    Parameters
    ----------
    voxels : (3, n_depths * n_vertices) ndarray of float64
        Sample points in voxel coordinates, one depth after the other.
    inside : (n_depths * n_vertices,) ndarray of bool
        Points outside the image get no weight; those in the outer half of a border voxel get its
        value.
    order : int
        0 for the voxel that holds the point, 1 for the eight around it.
    shape : tuple of int
        Voxels along each axis.
    n_vertices : int
        Vertices of the surface.

    Returns
    -------
    weights : (n_vertices, n_used) sparse array
        A row sums to the number of its points inside.
    used : (n_used,) ndarray of int64
        Voxel of each column, the first axis of the image changing fastest.
    """
    last = np.array(shape)[:, None] - 1
    points = np.clip(voxels[:, inside], 0, last)
    vertex = np.flatnonzero(inside) % n_vertices
    if order == 0:
        corners = [(np.minimum(np.floor(points + 0.5), last), np.ones(points.shape[1]))]
    else:
        below = np.floor(points)
        beyond = points - below
        corners = [
            (
                np.minimum(below + np.array(step)[:, None], last),
                np.prod(np.where(np.array(step)[:, None], beyond, 1 - beyond), axis=0),
            )
            for step in itertools.product((0, 1), repeat=3)
        ]
    flat = [np.ravel_multi_index(tuple(c.astype(np.int64)), shape, order="F") for c, _ in corners]
    used, column = np.unique(np.concatenate(flat), return_inverse=True)
    rows = np.tile(vertex, len(corners))
    data = np.concatenate([weight for _, weight in corners])
    return sparse.csr_array((data, (rows, column)), shape=(n_vertices, len(used))), used


def _weighted_means(
    weights: sparse.csr_array, values: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Return the means over finite values, (n_vertices, n_volumes); NaN where there are none."""
    finite = np.isfinite(values)
    total = weights @ np.where(finite, values, 0)
    if finite.all():
        weight = np.asarray(weights.sum(axis=1))[:, None]
    else:
        weight = weights @ finite.astype(np.float64)
    mean = np.full(total.shape, np.nan)
    np.divide(total, weight, out=mean, where=weight > 0)
    return mean
