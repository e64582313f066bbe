"""From volumes to surfaces: sampling an image between the white and the pial surface.

On the way from white (0) to pial (1) samples are taken at the middles of as many layers of equal
thickness: one sample midway, five at 0.1, 0.3, 0.5, 0.7 and 0.9. This is not the ribbon-constrained
mapping of Connectome Workbench, which weights voxels by their overlap with a column of cortex and
so averages over a voxel or more along the surface too; here nothing is taken from beside the line.

Surface and image must be in the same millimetre space, or a warp must lead from one to the other.
`cytosurf.surfaces.volume_space` knows which space template surfaces are in.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from cytosurf.errors import InputError, unknown_name
from cytosurf.surfaces.mesh import Mesh
from cytosurf.surfaces.volume_image import Volume

METHODS = {"nearest": 0, "linear": 1}  # order of interpolation
N_SAMPLES = 5

# From points of the surface's space to where the volume holds them, (n, 3) mm in both.
PointWarp = Callable[[npt.NDArray[np.float64], Volume], npt.NDArray[np.float64]]


@dataclass(frozen=True, eq=False)
class Samples:
    """What a volume holds at the points of each row: mostly those between white and pial.

    Parameters
    ----------
    values : (n_rows, n_volumes) ndarray of float64
        Mean of the samples; NaN where none lies in the image or none has a value.
    covered : (n_rows,) ndarray of bool
        Rows of which at least one sample lies in the image.
    """

    values: npt.NDArray[np.float64]
    covered: npt.NDArray[np.bool_]


def sample_volume(
    image: Any,
    white: Mesh,
    pial: Mesh,
    *,
    method: str = "linear",
    n_samples: int = N_SAMPLES,
    warp: PointWarp | None = None,
) -> npt.NDArray[np.float64]:
    """Sample a volume at the vertices of a cortical surface.

    Parameters
    ----------
    image : nibabel image or path-like
        Three dimensions, or four with one volume after the other.
    white, pial : Mesh
        Inner and outer surface of one hemisphere, in mm. The same mesh twice samples that surface.
    method : {"linear", "nearest"}, optional
        ``"linear"``: trilinear. ``"nearest"``: the voxel that holds the point. For labels use
        `cytosurf.surfaces.volume_labels.sample_labels`, which votes.
    n_samples : int, optional
        Samples between white and pial, of which the mean is taken; 1 is midway.
    warp : callable, optional
        From (n, 3) points of the surface's space, in mm, and the volume to the points in the
        volume's space, such as `DisplacementField.to_volume`. Without it both must be in one
        space.

    Returns
    -------
    (n_vertices, n_volumes) ndarray of float64
        NaN where no sample of a vertex lies in the image. Voxels that are NaN or infinite, and
        samples outside the image, are left out, and the weights of the others scaled up.

    Raises
    ------
    InputError
        If the method or the number of samples is none; the file is no image; the image has not
        three or four dimensions of real numbers or no valid affine; the surfaces have different
        numbers of vertices, or lie outside the image altogether; or a volume has no finite voxel
        along the whole surface.

    Examples
    --------
    >>> import nibabel
    >>> ramp = np.arange(27, dtype=np.float32).reshape(3, 3, 3)
    >>> image = nibabel.Nifti1Image(ramp, np.diag([2.0, 2, 2, 1]))
    >>> white, pial = (Mesh([[x, 2, 2]] * 3, [[0, 1, 2]]) for x in (0, 2))
    >>> sample_volume(image, white, pial)[0].tolist()
    [8.5]
    """
    if method not in METHODS:
        raise unknown_name("method", method, METHODS)
    points = np.concatenate(points_between(white, pial, n_samples))
    volume = Volume.open(image)
    return samples_at(volume, points, white.n_vertices, order=METHODS[method], warp=warp).values


def samples_at(
    volume: Volume,
    points_mm: npt.NDArray[np.float64],
    n_rows: int,
    *,
    order: int,
    warp: PointWarp | None = None,
) -> Samples:
    """Sample a volume at points, and average the points of each row.

    Parameters
    ----------
    volume : Volume
        The image.
    points_mm : (n_samples * n_rows, 3) ndarray of float64
        The first sample of every row, then the second, and so on.
    n_rows : int
        Rows of the result.
    order : int
        0 for the voxel that holds a point, 1 for trilinear.
    warp : callable, optional
        As for `sample_volume`.

    Returns
    -------
    Samples

    Raises
    ------
    InputError
        If no point lies in the image, or a volume has no finite value at any of them.
    """
    voxels, inside = _in_voxels(volume, points_mm, warp)
    weights, used = _voxel_weights(voxels, inside, order, volume.shape, n_rows)
    values = _weighted_means(weights, volume.values_at(used))
    empty = np.flatnonzero(~np.isfinite(values).any(axis=0))
    if empty.size:
        raise InputError(
            volume.where,
            ("" if volume.n_volumes == 1 else f"in volume {empty[0] + 1} ")
            + "NaN or infinity in all voxels along the surface",
            "values on the cortex",
            "Is this the right file, and is 0 or a mask stored as NaN?",
        )
    covered: npt.NDArray[np.bool_] = np.logical_or.reduce(inside.reshape(-1, n_rows))
    return Samples(values, covered)


def points_between(white: Mesh, pial: Mesh, n_samples: int) -> list[npt.NDArray[np.float64]]:
    """Return the points of each depth, (n_vertices, 3) mm each, from white to pial.

    Raises
    ------
    InputError
        If there is no sample, or the surfaces have different numbers of vertices.

    Examples
    --------
    >>> white, pial = (Mesh([[x, 0, 0]] * 3, [[0, 1, 2]]) for x in (0, 10))
    >>> [points[0, 0].item() for points in points_between(white, pial, 5)]
    [1.0, 3.0, 5.0, 7.0, 9.0]
    """
    if n_samples < 1:
        raise InputError("n_samples", str(n_samples), "at least 1")
    if white.n_vertices != pial.n_vertices:
        raise InputError(
            "pial surface",
            f"{pial.n_vertices:,} vertices",
            f"{white.n_vertices:,}, as the white surface",
            "White and pial must be of the same hemisphere and mesh.",
        )
    inner, outer = (mesh.vertices.astype(np.float64) for mesh in (white, pial))
    return [inner + (2 * i + 1) / (2 * n_samples) * (outer - inner) for i in range(n_samples)]


def _in_voxels(
    volume: Volume, points_mm: npt.NDArray[np.float64], warp: PointWarp | None
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Return points as (3, n) voxel coordinates, and which of them lie in the image."""
    where = points_mm if warp is None else warp(points_mm, volume)
    to_voxels = np.linalg.inv(volume.affine)
    voxels = to_voxels[:3, :3] @ where.T + to_voxels[:3, 3:]
    limits = np.array(volume.shape)[:, None] - 0.5
    inside = np.all((voxels >= -0.5) & (voxels <= limits), axis=0)  # NaN of a warp is outside
    if not inside.any():
        raise InputError(
            volume.where,
            "no vertex of the surface within the image",
            "surface and image in the same space, in mm",
            "Is the surface of another space, or the affine wrong?",
        )
    return voxels, inside


def _voxel_weights(
    voxels: npt.NDArray[np.float64],
    inside: npt.NDArray[np.bool_],
    order: int,
    shape: tuple[int, ...],
    n_rows: int,
) -> tuple[sparse.csr_array, npt.NDArray[np.int64]]:
    """Return the weights of all depths together, and the voxels that they are for.

    Parameters
    ----------
    voxels : (3, n_samples * n_rows) ndarray of float64
        Sample points in voxel coordinates, one depth after the other.
    inside : (n_samples * n_rows,) ndarray of bool
        Points outside the image get no weight; those in the outer half of a border voxel get its
        value.
    order : int
        0 for the voxel that holds the point, 1 for the eight around it.
    shape : tuple of int
        Voxels along each axis.
    n_rows : int
        Rows of the result.

    Returns
    -------
    weights : (n_rows, n_used) sparse array
        A row sums to the number of its points inside.
    used : (n_used,) ndarray of int64
        Voxel of each column, the first axis of the image changing fastest.
    """
    last = np.array(shape)[:, None] - 1
    points = np.clip(voxels[:, inside], 0, last)
    row = np.flatnonzero(inside) % n_rows
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
    rows = np.tile(row, len(corners))
    data = np.concatenate([weight for _, weight in corners])
    return sparse.csr_array((data, (rows, column)), shape=(n_rows, len(used))), used


def _weighted_means(
    weights: sparse.csr_array, values: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Return the means over finite values, (n_rows, n_volumes); NaN where there are none."""
    finite = np.isfinite(values)
    total = weights @ np.where(finite, values, 0)
    if finite.all():
        weight = np.asarray(weights.sum(axis=1))[:, None]
    else:
        weight = weights @ finite.astype(np.float64)
    mean = np.full(total.shape, np.nan)
    np.divide(total, weight, out=mean, where=weight > 0)
    return mean
