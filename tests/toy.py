"""Small surfaces and maps that the tests make themselves."""

import numpy as np
from scipy import sparse

from cytosurf.surfaces.mesh import Mesh


def icosphere(subdivisions, radius=100.0):
    """Return a subdivided icosahedron (10 * 4**subdivisions + 2 vertices) facing outwards."""
    g = (1 + 5**0.5) / 2
    vertices = [(-1, g, 0), (1, g, 0), (-1, -g, 0), (1, -g, 0), (0, -1, g), (0, 1, g)]
    vertices += [(0, -1, -g), (0, 1, -g), (g, 0, -1), (g, 0, 1), (-g, 0, -1), (-g, 0, 1)]
    vertices = np.array(vertices, float)
    faces = np.array(
        [
            *[(0, 11, 5), (0, 5, 1), (0, 1, 7), (0, 7, 10), (0, 10, 11)],
            *[(1, 5, 9), (5, 11, 4), (11, 10, 2), (10, 7, 6), (7, 1, 8)],
            *[(3, 9, 4), (3, 4, 2), (3, 2, 6), (3, 6, 8), (3, 8, 9)],
            *[(4, 9, 5), (2, 4, 11), (6, 2, 10), (8, 6, 7), (9, 8, 1)],
        ]
    )
    for _ in range(subdivisions):
        pairs = np.sort(faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
        edges, inverse = np.unique(pairs, axis=0, return_inverse=True)
        ab, bc, ca = (len(vertices) + inverse.reshape(-1, 3)).T
        vertices = np.vstack([vertices, vertices[edges].mean(axis=1)])
        a, b, c = faces.T
        faces = np.concatenate(
            [np.stack(t, 1) for t in ((a, ab, ca), (b, bc, ab), (c, ca, bc), (ab, bc, ca))]
        )
    vertices *= radius / np.linalg.norm(vertices, axis=1, keepdims=True)
    return Mesh(vertices, faces)


def mirrored(mesh):
    """Return the mirror image across x = 0 with the same vertex order, still facing outwards."""
    return Mesh(mesh.vertices * [-1, 1, 1], mesh.faces[:, ::-1])


def vertex_areas(mesh):
    """Return the area of each vertex: a third of the triangles around it."""
    return np.bincount(mesh.faces.ravel(), np.repeat(mesh.face_areas() / 3, 3), mesh.n_vertices)


def edge_graph(mesh):
    """Return the symmetric matrix of edge lengths."""
    edges = mesh.edges()
    lengths = np.linalg.norm(np.diff(mesh.vertices[edges].astype(float), axis=1)[:, 0], axis=1)
    upper = sparse.csr_array((lengths, edges.T), shape=(mesh.n_vertices, mesh.n_vertices))
    return upper + upper.T
