"""Registration spheres: what a mesh must be before maps are moved along it.

A registration sphere is a closed triangle mesh around the origin, of constant radius, whose
triangles face outwards. Two meshes whose spheres lie in the same coordinate system are registered:
a point of one corresponds to the point of the other in the same direction from the centre.
"""

from __future__ import annotations

import warnings

import numpy as np
import numpy.typing as npt

from cytosurf.errors import CytosurfWarning, InputError
from cytosurf.surfaces.mesh import Mesh

# Radii of real registration spheres vary by up to 1e-4 of the radius; inflated and pial surfaces,
# the usual mix-ups, by far more than this.
RADIUS_TOLERANCE = 0.01

# The triangles of a sphere cover it exactly once, up to rounding.
COVERAGE_TOLERANCE = 0.001

# On the unit sphere, as a triple product of corners; coordinates in float32 are off by less.
FACING_ROUNDING = 1e-8


def directions(sphere: Mesh) -> npt.NDArray[np.float64]:
    """Return the unit vectors from the centre to the vertices, of shape (n_vertices, 3).

    Examples
    --------
    >>> directions(Mesh([[0, 0, 100], [0, 100, 0], [100, 0, 0]], [[0, 1, 2]]))[0].tolist()
    [0.0, 0.0, 1.0]
    """
    points = sphere.vertices.astype(np.float64)
    unit: npt.NDArray[np.float64] = points / np.linalg.norm(points, axis=1, keepdims=True)
    return unit


def check_sphere(mesh: Mesh, where: str = "sphere") -> None:
    """Raise unless a mesh is a registration sphere.

    Parameters
    ----------
    mesh : Mesh
        The mesh to look at.
    where : str, optional
        What the mesh is, for the message: a file name, for instance.

    Raises
    ------
    InputError
        If the radius around the origin is not constant (another surface, or a sphere with another
        centre), if the triangles face inwards (a mirror image, often of the other hemisphere), or
        if they do not cover the sphere exactly once (holes, folds, vertices of another mesh).

    Warns
    -----
    CytosurfWarning
        If a few triangles face inwards: the sphere is folded there.

    Examples
    --------
    >>> corners = [[1, 0, 0], [0, 1, 0], [-1, 0, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]]
    >>> upper = [[0, 1, 4], [1, 2, 4], [2, 3, 4], [3, 0, 4]]
    >>> lower = [[1, 0, 5], [2, 1, 5], [3, 2, 5], [0, 3, 5]]
    >>> check_sphere(Mesh(corners, upper + lower))
    >>> check_sphere(Mesh(corners, upper), "half.surf.gii")
    Traceback (most recent call last):
        ...
    cytosurf.errors.InputError: half.surf.gii: found triangles that cover the sphere 0.500 times; \
expected a closed sphere, covered once. It has holes or folds, or vertices and triangles of \
different meshes.
    """
    radius_mm = np.linalg.norm(mesh.vertices.astype(np.float64), axis=1)
    lowest, highest = (radius_mm.min(), radius_mm.max()) if len(radius_mm) else (0.0, 0.0)
    if lowest <= 0 or highest - lowest > RADIUS_TOLERANCE * highest:
        raise InputError(
            where,
            f"distances of {lowest:.1f} to {highest:.1f} mm from the origin",
            "a registration sphere: all vertices at the same distance",
            _radius_advice(mesh),
        )
    coverage = sphere_coverage(mesh)
    if abs(coverage + 1) < COVERAGE_TOLERANCE:
        raise InputError(
            where,
            "triangles that face inwards",
            "triangles that face outwards",
            "This is a mirror image: a sphere of the other hemisphere, or flipped in x. Use the "
            "sphere of this hemisphere, or reverse the vertex order of its triangles.",
        )
    if abs(coverage - 1) > COVERAGE_TOLERANCE:
        raise InputError(
            where,
            f"triangles that cover the sphere {coverage:.3f} times",
            "a closed sphere, covered once",
            "It has holes or folds, or vertices and triangles of different meshes.",
        )
    n_inverted = int((_triple_products(mesh) < -FACING_ROUNDING).sum())
    if n_inverted:
        warnings.warn(
            f"{where}: {n_inverted:,} of {len(mesh.faces):,} triangles face inwards; the sphere is "
            "folded there, and what is carried along it is not to be trusted near the fold.",
            CytosurfWarning,
            stacklevel=2,
        )


def sphere_coverage(mesh: Mesh) -> float:
    """Return how often the triangles cover the sphere around the origin, counted with their sign.

    1 for a closed mesh that faces outwards, -1 for one that faces inwards. It is the sum of the
    solid angles of all triangles (van Oosterom and Strackee, 1983, IEEE Trans Biomed Eng 30:125)
    over 4 pi.
    """
    a, b, c = _corners(mesh)
    cosines = 1 + sum(np.einsum("ij,ij->i", p, q) for p, q in ((a, b), (b, c), (c, a)))
    return float(np.arctan2(_triple_products(mesh), cosines).sum() / (2 * np.pi))


def _corners(mesh: Mesh) -> tuple[npt.NDArray[np.float64], ...]:
    """Return the directions of the three corners of every triangle."""
    unit = directions(mesh)
    return tuple(unit[mesh.faces[:, i]] for i in range(3))


def _triple_products(mesh: Mesh) -> npt.NDArray[np.float64]:
    """Return a . (b x c) of every triangle: above 0 where it faces outwards."""
    a, b, c = _corners(mesh)
    products: npt.NDArray[np.float64] = np.einsum("ij,ij->i", a, np.cross(b, c))
    return products


def are_mirrored(left: Mesh, right: Mesh, tolerance_mm: float = 0.01) -> bool:
    """Say whether vertex i of one sphere is the mirror image across x = 0 of vertex i of the other.

    It holds for the standard fs_LR spheres (exactly), and not for BigBrain, whose hemispheres are
    indexed separately. Where it holds, a vertex index means homologous places left and right.

    Parameters
    ----------
    left, right : Mesh
        Spheres of the two hemispheres.
    tolerance_mm : float, optional
        Largest distance between a vertex and the mirror image of its partner.

    Returns
    -------
    bool

    Examples
    --------
    >>> left = Mesh([[-1, 0, 2], [3, 1, 0], [0, 1, 1]], [[0, 1, 2]])
    >>> are_mirrored(left, Mesh([[1, 0, 2], [-3, 1, 0], [0, 1, 1]], [[1, 0, 2]]))
    True
    >>> are_mirrored(left, left)
    False
    """
    if left.n_vertices != right.n_vertices:
        return False
    mirrored = left.vertices.astype(np.float64) * [-1, 1, 1]
    distances_mm = np.linalg.norm(mirrored - right.vertices, axis=1)
    return bool((distances_mm <= tolerance_mm).all())


def _radius_advice(mesh: Mesh) -> str:
    """Tell a sphere with another centre from a surface that is no sphere."""
    points = mesh.vertices.astype(np.float64)
    # |x|^2 = 2 c.x + (r^2 - |c|^2) is linear in the centre c: a least-squares fit finds it.
    system = np.column_stack([2 * points, np.ones(len(points))])
    solution = np.linalg.lstsq(system, (points**2).sum(axis=1), rcond=None)[0]
    radius_mm = np.linalg.norm(points - solution[:3], axis=1)
    if len(points) > 4 and np.ptp(radius_mm) <= RADIUS_TOLERANCE * radius_mm.max():
        centre = ", ".join(f"{x:.1f}" for x in solution[:3])
        return f"It is a sphere around ({centre}): subtract this centre."
    return "It looks like another surface (pial, white, inflated): give its sphere."
