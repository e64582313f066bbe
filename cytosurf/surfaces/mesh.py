"""Triangle meshes of one hemisphere, and the few geometric facts that are needed of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cytosurf.errors import InputError


@dataclass(frozen=True, eq=False)
class Mesh:
    """A triangle mesh of one hemisphere.

    Parameters
    ----------
    vertices : (n_vertices, 3) array_like
        Coordinates in mm, kept as float32.
    faces : (n_faces, 3) array_like
        Vertex indices of each triangle, kept as int32.

    Raises
    ------
    InputError
        If an array has another shape, a coordinate is not finite, or a face names a vertex that
        does not exist.

    Examples
    --------
    >>> mesh = Mesh([[0, 0, 0], [1, 0, 0], [0, 1, 0]], [[0, 1, 2]])
    >>> float(mesh.face_areas().sum())
    0.5
    """

    vertices: npt.NDArray[np.float32]
    faces: npt.NDArray[np.int32]

    def __post_init__(self) -> None:
        vertices = np.ascontiguousarray(self.vertices, dtype=np.float32)
        faces = np.ascontiguousarray(self.faces, dtype=np.int32)
        if vertices.ndim != 2 or vertices.shape[1] != 3:
            raise InputError("mesh vertices", f"shape {vertices.shape}", "(n_vertices, 3)")
        if faces.ndim != 2 or faces.shape[1] != 3:
            raise InputError("mesh faces", f"shape {faces.shape}", "(n_faces, 3)")
        if not np.isfinite(vertices).all():
            raise InputError("mesh vertices", "NaN or infinite coordinates", "finite mm")
        if faces.size and (faces.min() < 0 or faces.max() >= len(vertices)):
            raise InputError(
                "mesh faces",
                f"vertex indices {faces.min()} to {faces.max()}",
                f"indices 0 to {len(vertices) - 1}",
            )
        vertices.setflags(write=False)
        faces.setflags(write=False)
        object.__setattr__(self, "vertices", vertices)
        object.__setattr__(self, "faces", faces)

    @property
    def n_vertices(self) -> int:
        """Number of vertices."""
        return len(self.vertices)

    def face_areas(self) -> npt.NDArray[np.float64]:
        """Return the area of each triangle in mm²."""
        a, b, c = (self.vertices[self.faces[:, i]].astype(np.float64) for i in range(3))
        areas: npt.NDArray[np.float64] = 0.5 * np.linalg.norm(np.cross(b - a, c - a), axis=1)
        return areas

    def vertex_areas(self) -> npt.NDArray[np.float64]:
        """Return the area of each vertex in mm²: a third of the triangles around it."""
        thirds = np.repeat(self.face_areas() / 3, 3)
        areas: npt.NDArray[np.float64] = np.bincount(
            self.faces.ravel(), thirds, minlength=self.n_vertices
        ).astype(np.float64)
        return areas

    def edges(self) -> npt.NDArray[np.int32]:
        """Return each edge once, as (n_edges, 2) vertex indices with the smaller one first."""
        pairs = np.sort(self.faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
        return np.unique(pairs, axis=0)
