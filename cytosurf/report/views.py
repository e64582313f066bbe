"""What each pixel of a picture of a cortex shows: a z-buffer in NumPy.

A `View` is made once for a mesh and a camera and holds, for each pixel that sees the mesh, the
three corners of the triangle seen, their weights and the brightness. Every further map on the same
mesh is then a table look-up, so ten maps cost little more than one. No graphics library, no
display and no random choice is involved: the same input gives the same bytes.

Cameras are orthographic, in RAS coordinates (x to the right, y forward, z up), with z up in the
picture. Seen from its lateral side, a left hemisphere looks to the left and a right hemisphere to
the right.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cytosurf.errors import InputError, unknown_name
from cytosurf.surfaces.mesh import Mesh

SIDES = ("lateral", "medial")

# Direction from the mesh to the camera along x.
_TOWARDS_X = {("L", "lateral"): -1.0, ("L", "medial"): 1.0}
_TOWARDS_X |= {("R", "lateral"): 1.0, ("R", "medial"): -1.0}

# The lamp stands at the camera, raised a little; this share of the light comes from everywhere.
_LAMP_UP = 0.35
_AMBIENT = 0.6


@dataclass(frozen=True, eq=False)
class View:
    """What each pixel of one picture of one mesh shows.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns of the picture, in fine pixels.
    supersample : int
        Fine pixels along each side of a pixel of the final picture.
    pixel : (n_seen,) int64
        Flat index of each fine pixel that sees the mesh.
    corners : (n_seen, 3) int32
        Vertices of the triangle that it sees.
    weights : (n_seen, 3) float32
        Barycentric weights of these vertices; rows sum to 1.
    shade : (n_seen,) float32
        Brightness, 0 to 1.
    """

    shape: tuple[int, int]
    supersample: int
    pixel: npt.NDArray[np.int64]
    corners: npt.NDArray[np.int32]
    weights: npt.NDArray[np.float32]
    shade: npt.NDArray[np.float32]

    def interpolate(self, values: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
        """Return vertex values (n_vertices,) or (n_vertices, c) at the pixels, linearly."""
        corner = np.asarray(values, dtype=np.float64)[self.corners]
        mixed: npt.NDArray[np.float64] = np.einsum("nk,nk...->n...", self.weights, corner)
        return mixed

    def majority(self, labels: npt.NDArray[np.integer]) -> npt.NDArray[np.integer]:
        """Return for each pixel the label that has most of its weight.

        Borders between labels then run straight through a triangle instead of along its edges.
        """
        corner = labels[self.corners]
        winner: npt.NDArray[np.integer] = corner[:, 0].copy()
        mixed = np.flatnonzero((corner != corner[:, :1]).any(axis=1))
        mixed_corner = corner[mixed]
        same = mixed_corner[:, :, None] == mixed_corner[:, None, :]
        share = np.einsum("nij,nj->ni", same, self.weights[mixed])
        winner[mixed] = mixed_corner[np.arange(len(mixed)), share.argmax(axis=1)]
        return winner

    def image(
        self, colours: npt.NDArray[np.floating], relief: float = 1.0
    ) -> npt.NDArray[np.uint8]:
        """Return the shaded picture of pixel colours.

        Parameters
        ----------
        colours : (n_seen, 3) ndarray
            sRGB of each fine pixel, 0 to 1.
        relief : float
            Strength of the shading, 0 to 1. Colours that stand for numbers need a weak one.

        Returns
        -------
        (height, width, 4) uint8 ndarray
            RGBA; transparent where nothing is seen, smooth at the outline.
        """
        fine = np.zeros((self.shape[0] * self.shape[1], 4), np.float32)
        light = 1 - relief * (1 - self.shade)
        fine[self.pixel, :3] = np.clip(colours, 0, 1) * light[:, None]
        fine[self.pixel, 3] = 1.0
        s = self.supersample
        blocks = fine.reshape(self.shape[0] // s, s, self.shape[1] // s, s, 4)
        coarse = np.zeros((blocks.shape[0], blocks.shape[2], 4), np.float32)
        for i, j in np.ndindex(s, s):  # four times faster than a mean over two axes
            coarse += blocks[:, i, :, j] / (s * s)
        alpha = coarse[..., 3:]
        coarse[..., :3] = np.divide(
            coarse[..., :3], alpha, out=np.zeros_like(coarse[..., :3]), where=alpha > 0
        )
        return np.round(coarse * 255).astype(np.uint8)


def look(
    mesh: Mesh,
    hemisphere: str,
    side: str,
    *,
    pixels_per_mm: float = 2.0,
    supersample: int = 2,
) -> View:
    """Look at a hemisphere from its lateral or medial side.

    Parameters
    ----------
    mesh : Mesh
        A closed surface in mm; its triangles may face outwards or inwards, but all alike.
    hemisphere : str
        ``"L"`` or ``"R"``.
    side : str
        ``"lateral"`` or ``"medial"``.
    pixels_per_mm : float
        Size of the picture.
    supersample : int
        Fine pixels along each side of a pixel, for smooth edges.

    Returns
    -------
    View
        What each pixel shows.

    Raises
    ------
    InputError
        If the hemisphere or side has another name, or the mesh has no extent.

    Examples
    --------
    >>> mesh = Mesh([[0, 0, 0], [9, 0, 0], [0, 9, 0], [0, 0, 9]],
    ...             [[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]])
    >>> view = look(mesh, "L", "lateral", pixels_per_mm=1, supersample=1)
    >>> sorted(set(view.corners.ravel().tolist()))  # vertex 1 is on the far side
    [0, 2, 3]
    """
    if side not in SIDES:
        raise unknown_name("side", side, SIDES)
    if (hemisphere, side) not in _TOWARDS_X:
        raise InputError("hemisphere", repr(hemisphere), '"L" or "R"')
    towards = np.array([_TOWARDS_X[hemisphere, side], 0.0, 0.0])
    up = np.array([0.0, 0.0, 1.0])
    axes = np.stack([np.cross(up, towards), up, towards])  # right, up and nearer, in the picture
    seen = mesh.vertices.astype(np.float64) @ axes.T
    low, high = seen[:, :2].min(axis=0), seen[:, :2].max(axis=0)
    if not (high > low).all():
        raise InputError("mesh", "a surface without extent", "a surface in three dimensions")
    scale = pixels_per_mm * supersample
    width, height = (int(np.ceil(e * pixels_per_mm)) * supersample for e in high - low)
    picture = np.column_stack([(seen[:, 0] - low[0]) * scale, (high[1] - seen[:, 1]) * scale])
    facing, normals = outward_normals(mesh)
    front = mesh.faces[facing @ towards > 0]
    pixel, face, weights = _z_buffer(picture, seen[:, 2], front, (height, width))
    corners = front[face]
    lamp = towards + _LAMP_UP * up
    lit = np.einsum("nk,nkc->nc", weights, normals[corners]) @ (lamp / np.linalg.norm(lamp))
    shade = _AMBIENT + (1 - _AMBIENT) * np.clip(lit, 0, 1)
    return View(
        (height, width),
        supersample,
        pixel,
        corners,
        weights.astype(np.float32),
        shade.astype(np.float32),
    )


def _z_buffer(
    picture: npt.NDArray[np.float64],
    depth: npt.NDArray[np.float64],
    faces: npt.NDArray[np.int32],
    shape: tuple[int, int],
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Return pixel, face and weights of everything seen; `picture` holds (column, row)."""
    pixel, face = _candidates(picture[faces], shape)
    a, b, c = (picture[faces[face, k]] for k in range(3))
    centre = np.column_stack([pixel % shape[1] + 0.5, pixel // shape[1] + 0.5])
    areas = np.column_stack([_cross(b - centre, c - centre), _cross(c - centre, a - centre)])
    whole = _cross(b - a, c - a)
    with np.errstate(divide="ignore", invalid="ignore"):
        weights = np.column_stack([areas, whole - areas.sum(axis=1)]) / whole[:, None]
    inside = (weights >= -1e-9).all(axis=1)  # false for a triangle seen edge-on (NaN)
    pixel, face, weights = pixel[inside], face[inside], weights[inside]
    weights = np.clip(weights, 0, None)
    weights /= weights.sum(axis=1, keepdims=True)
    nearness = (weights * depth[faces[face]]).sum(axis=1)
    order = np.lexsort((nearness, pixel))
    last = np.ones(len(order), bool)
    last[:-1] = pixel[order][1:] != pixel[order][:-1]
    front = order[last]
    return pixel[front], face[front], weights[front]


def _candidates(
    triangles: npt.NDArray[np.float64], shape: tuple[int, int]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return (pixel, face) pairs: all pixel centres in the bounding box of each triangle."""
    first = np.ceil(triangles.min(axis=1) - 0.5).astype(np.int64).clip(0, None)
    limit = np.array([shape[1], shape[0]]) - 1
    last = np.floor(triangles.max(axis=1) - 0.5).astype(np.int64).clip(None, limit)
    width, height = (last - first + 1).clip(0, None).T
    count = width * height
    face = np.repeat(np.arange(len(triangles)), count)
    step = np.arange(len(face)) - np.repeat(np.cumsum(count) - count, count)
    column = first[face, 0] + step % width[face]
    row = first[face, 1] + step // width[face]
    return row * shape[1] + column, face


def _cross(u: npt.NDArray[np.float64], v: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    product: npt.NDArray[np.float64] = u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]
    return product


def outward_normals(
    mesh: Mesh,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return the normals of faces (length: twice the area) and the unit normals of vertices.

    Both point out of the volume, whichever way the triangles turn.
    """
    points = mesh.vertices.astype(np.float64) - mesh.vertices.mean(axis=0, dtype=np.float64)
    a, b, c = (points[mesh.faces[:, k]] for k in range(3))
    of_faces = np.cross(b - a, c - a)
    if (a * of_faces).sum() < 0:
        of_faces = -of_faces
    ends = mesh.faces.ravel()
    of_vertices = np.column_stack(
        [np.bincount(ends, np.repeat(of_faces[:, k], 3), mesh.n_vertices) for k in range(3)]
    )
    length = np.linalg.norm(of_vertices, axis=1, keepdims=True)
    return of_faces, of_vertices / np.maximum(length, 1e-12)
