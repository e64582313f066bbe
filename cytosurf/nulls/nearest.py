"""The nearest vertex of a sphere, exactly and fast.

The sphere is wrapped in a cube whose six faces are divided into square cells, and every cell
keeps the list of all vertices that can be nearest to any point of the cell. A query finds its cell
with one division and compares the distances to the few vertices of the list (3.5 on average), so
the answer is exact by construction and needs no property of the triangulation.

Which vertices can be nearest in a cell: let the cell lie within distance `reach` of its centre
`p`, and let `t` be the vertex nearest to `p`. The points at equal distance from `t` and another
vertex `s` form a plane at distance ``(|p - s|² - |p - t|²) / (2 |s - t|)`` from `p`. Where that is
more than `reach`, the whole cell is nearer to `t`, and `s` is dropped. The lists are made from
coarse to fine: those of a cell are what is left of its parent's.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numba
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int32]

# Cells per vertex at least, by trial: fewer make the lists long, more make the table slow to read.
_CELLS_PER_VERTEX = 2
# Share of the radius that every comparison gives away to rounding errors.
_ROUNDING = 1e-9


@dataclass(frozen=True, eq=False)
class SphereGrid:
    """Vertices of a sphere around the origin, arranged for exact nearest-vertex queries.

    Parameters
    ----------
    points_mm : (n_vertices, 3) ndarray of float64
        The vertices. The distances compared are those between these very coordinates; nothing is
        projected, so a sphere whose radius wavers with the rounding of its file is no problem.
    starts : (6 * n_cells**2 + 1,) ndarray of int32
        Where the list of each cell begins in `candidates`.
    candidates : ndarray of int32
        The vertices of all lists, each list in increasing order.
    n_cells : int
        Cells along an edge of the cube.

    Examples
    --------
    >>> grid = SphereGrid.over(np.array([[1.0, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0]]))
    >>> quarter_turn = np.array([[0.0, 1, 0], [-1, 0, 0], [0, 0, 1]])
    >>> grid.nearest_after(quarter_turn).tolist()
    [3, 2, 0, 1]
    """

    points_mm: Floats
    starts: Ints
    candidates: Ints
    n_cells: int

    @classmethod
    def over(cls, points_mm: npt.ArrayLike) -> SphereGrid:
        """Make the grid for the vertices of a sphere: 0.05 s for 32,492 vertices."""
        points = np.ascontiguousarray(points_mm, dtype=np.float64)
        norms = np.linalg.norm(points, axis=1)
        radius = float(np.median(norms))
        # Queries are rotated vertices: as far from the perfect sphere as the vertices are.
        slack = float(np.abs(norms - radius).max()) + _ROUNDING * radius
        n_cells = 1
        starts = np.arange(7, dtype=np.int32) * np.int32(len(points))
        candidates = np.tile(np.arange(len(points), dtype=np.int32), 6)
        while 6 * n_cells**2 < _CELLS_PER_VERTEX * len(points):
            starts, candidates = _refine(points, starts, candidates, n_cells, radius, slack)
            n_cells *= 2
        return cls(points, starts, candidates, n_cells)

    def nearest_after(
        self, rotation: Floats, vertices: npt.NDArray[np.integer] | None = None
    ) -> Ints:
        """Return, for every vertex, the vertex nearest to it after the sphere was rotated.

        Parameters
        ----------
        rotation : (3, 3) ndarray of float64
            Acts on row vectors: the sphere moves to ``points_mm @ rotation``.
        vertices : (n,) ndarray of int, optional
            The vertices asked for; all if left out.

        Returns
        -------
        (n_vertices,) or (n,) ndarray of int32
            For each ``x`` of `points_mm` the vertex nearest to ``x @ rotation.T``. Of vertices at
            exactly the same distance it is the one with the lowest index.
        """
        asked = self.points_mm if vertices is None else self.points_mm[vertices]
        nearest = np.empty(len(asked), dtype=np.int32)
        grid = (self.points_mm, self.starts, self.candidates, self.n_cells)
        _nearest(asked, rotation, *grid, nearest)
        return nearest


@numba.njit(cache=True)
def _on_sphere(face: int, u: float, v: float, radius: float) -> tuple[float, float, float]:
    """Return the point of the sphere behind (u, v), each in [-1, 1], on a face of the cube."""
    scale = radius / math.sqrt(1.0 + u * u + v * v)
    w = scale if face % 2 == 0 else -scale
    u, v = u * scale, v * scale
    if face < 2:
        return w, u, v
    if face < 4:
        return u, w, v
    return u, v, w


@numba.njit(cache=True)
def _cover(face: int, i: int, j: int, n: int, radius: float) -> tuple[float, float, float, float]:
    """Return the centre of a cell on the sphere and the distance to its farthest corner."""
    x, y, z = _on_sphere(face, (2 * i + 1) / n - 1.0, (2 * j + 1) / n - 1.0, radius)
    reach2 = 0.0
    for a in range(2):
        for b in range(2):
            cx, cy, cz = _on_sphere(face, 2 * (i + a) / n - 1.0, 2 * (j + b) / n - 1.0, radius)
            reach2 = max(reach2, (cx - x) ** 2 + (cy - y) ** 2 + (cz - z) ** 2)
    return x, y, z, math.sqrt(reach2)


@numba.njit(cache=True)
def _distance2(points: Floats, s: int, x: float, y: float, z: float) -> float:
    dx, dy, dz = points[s, 0] - x, points[s, 1] - y, points[s, 2] - z
    distance2: float = dx * dx + dy * dy + dz * dz
    return distance2


@numba.njit(cache=True)
def _refine(
    points: Floats, starts: Ints, candidates: Ints, n: int, radius: float, slack: float
) -> tuple[Ints, Ints]:
    """Split every cell of an n x n face into four, and shorten the lists."""
    m = 2 * n
    new_starts = np.zeros(6 * m * m + 1, dtype=np.int32)
    kept = np.empty(4 * len(candidates), dtype=np.int32)  # each list goes to at most four children
    n_kept = 0
    for cell in range(6 * m * m):
        face, i, j = cell // (m * m), cell // m % m, cell % m
        parent = (face * n + i // 2) * n + j // 2
        parents = candidates[starts[parent] : starts[parent + 1]]
        x, y, z, reach = _cover(face, i, j, m, radius)
        reach += slack
        central, central2 = -1, np.inf
        for s in parents:
            distance2 = _distance2(points, s, x, y, z)
            if distance2 < central2:
                central, central2 = s, distance2
        tx, ty, tz = points[central, 0], points[central, 1], points[central, 2]
        for s in parents:
            gap = _distance2(points, s, x, y, z) - central2
            if gap * gap <= 4.0 * reach * reach * _distance2(points, s, tx, ty, tz):
                kept[n_kept] = s
                n_kept += 1
        new_starts[cell + 1] = n_kept
    return new_starts, kept[:n_kept].copy()


@numba.njit(cache=True, nogil=True)
def _nearest(
    asked: Floats,
    rotation: Floats,
    points: Floats,
    starts: Ints,
    candidates: Ints,
    n: int,
    nearest: Ints,
) -> None:
    """Fill `nearest` with the vertex of `points` nearest to each ``asked[k] @ rotation.T``."""
    r00, r01, r02 = rotation[0, 0], rotation[0, 1], rotation[0, 2]
    r10, r11, r12 = rotation[1, 0], rotation[1, 1], rotation[1, 2]
    r20, r21, r22 = rotation[2, 0], rotation[2, 1], rotation[2, 2]
    half = 0.5 * n
    for k in range(len(asked)):
        a, b, c = asked[k, 0], asked[k, 1], asked[k, 2]
        x = a * r00 + b * r01 + c * r02
        y = a * r10 + b * r11 + c * r12
        z = a * r20 + b * r21 + c * r22
        ax, ay, az = abs(x), abs(y), abs(z)
        if ax >= ay and ax >= az:
            face, u, v = (0 if x > 0 else 1), y / ax, z / ax
        elif ay >= az:
            face, u, v = (2 if y > 0 else 3), x / ay, z / ay
        else:
            face, u, v = (4 if z > 0 else 5), x / az, y / az
        i = min(int((u + 1.0) * half), n - 1)
        j = min(int((v + 1.0) * half), n - 1)
        cell = (face * n + i) * n + j
        best, best2 = -1, np.inf
        for q in range(starts[cell], starts[cell + 1]):
            distance2 = _distance2(points, candidates[q], x, y, z)
            if distance2 < best2:
                best, best2 = candidates[q], distance2
        nearest[k] = best
