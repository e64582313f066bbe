"""Numba kernels of the barycentric weights: the nearest point of a mesh."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit

Float64 = npt.NDArray[np.float64]
Int32 = npt.NDArray[np.int32]


@njit(cache=True)
def _nearest_in_triangle(p: Float64, a: Float64, b: Float64, c: Float64, weights: Float64) -> float:
    """Fill `weights` with those of the point of triangle abc nearest to p; return |p - point|².

    The plane of the triangle falls into seven regions: the face, three edges, three corners. Signs
    of the products of edges and differences to p tell which one p lies over (Ericson, 2005,
    Real-Time Collision Detection, 5.1.5). A weight is exactly 0 where the point lies on an edge or
    a corner. Triangles without area are met at their edges.
    """
    ab_ap, ac_ap, ab_bp, ac_bp, ab_cp, ac_cp = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for i in range(3):
        ab, ac = b[i] - a[i], c[i] - a[i]
        ab_ap += ab * (p[i] - a[i])
        ac_ap += ac * (p[i] - a[i])
        ab_bp += ab * (p[i] - b[i])
        ac_bp += ac * (p[i] - b[i])
        ab_cp += ab * (p[i] - c[i])
        ac_cp += ac * (p[i] - c[i])
    area_a = ab_bp * ac_cp - ab_cp * ac_bp
    area_b = ab_cp * ac_ap - ab_ap * ac_cp
    area_c = ab_ap * ac_bp - ab_bp * ac_ap
    from_b, from_c = ac_bp - ab_bp, ab_cp - ac_cp
    if ab_ap <= 0 and ac_ap <= 0:
        wa, wb, wc = 1.0, 0.0, 0.0
    elif ab_bp >= 0 and ac_bp <= ab_bp:
        wa, wb, wc = 0.0, 1.0, 0.0
    elif ac_cp >= 0 and ab_cp <= ac_cp:
        wa, wb, wc = 0.0, 0.0, 1.0
    elif area_c <= 0 and ab_ap >= 0 >= ab_bp and ab_ap > ab_bp:
        wb = ab_ap / (ab_ap - ab_bp)
        wa, wc = 1 - wb, 0.0
    elif area_b <= 0 and ac_ap >= 0 >= ac_cp and ac_ap > ac_cp:
        wc = ac_ap / (ac_ap - ac_cp)
        wa, wb = 1 - wc, 0.0
    elif area_a <= 0 and from_b >= 0 and from_c >= 0 and from_b + from_c > 0:
        wc = from_b / (from_b + from_c)
        wa, wb = 0.0, 1 - wc
    elif min(area_a, area_b, area_c) < 0 or area_a + area_b + area_c <= 0:
        return np.inf  # no area but by rounding: its neighbours have the point as well
    else:
        total = area_a + area_b + area_c
        wa, wb, wc = area_a / total, area_b / total, area_c / total
    weights[0], weights[1], weights[2] = wa, wb, wc
    squared = 0.0
    for i in range(3):
        squared += (p[i] - wa * a[i] - wb * b[i] - wc * c[i]) ** 2
    return squared


@njit(cache=True)
def nearest_points(
    points: Float64,
    corners: Float64,
    faces: Int32,
    starts: Int32,
    around: Int32,
    face: Int32,
    weights: Float64,
) -> None:
    """Find the point of a mesh nearest to each of `points`: its triangle and its three weights.

    Parameters
    ----------
    points, corners, faces
        Points (n, 3), and the vertices and triangles of the mesh.
    starts, around
        Triangles around each vertex v: ``around[starts[v]:starts[v + 1]]``.
    face : (n,)
        A triangle near each point; replaced by that of its nearest point. The search goes on from
        a triangle to the best of those that share a corner with it, until none is better.
    weights : (n, 3)
        Filled with the weights of the three corners.
    """
    candidate = np.zeros(3)
    for n in range(len(points)):
        corner = faces[face[n]]
        point = points[n]
        smallest = _nearest_in_triangle(
            point, corners[corner[0]], corners[corner[1]], corners[corner[2]], weights[n]
        )
        here = -1
        while here != face[n]:
            here = face[n]
            for k in range(3):
                vertex = faces[here, k]
                for e in range(starts[vertex], starts[vertex + 1]):
                    corner = faces[around[e]]
                    squared = _nearest_in_triangle(
                        point, corners[corner[0]], corners[corner[1]], corners[corner[2]], candidate
                    )
                    if squared < smallest:
                        smallest = squared
                        face[n] = around[e]
                        weights[n] = candidate
