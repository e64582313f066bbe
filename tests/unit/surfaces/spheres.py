"""Spheres that the tests of resampling share."""

import numpy as np
from scipy.spatial.transform import Rotation

from cytosurf.surfaces.mesh import Mesh


def rotated(mesh, seed):
    """Return the mesh turned by a random rotation."""
    rotation = Rotation.random(rng=np.random.default_rng(seed)).as_matrix()
    return Mesh(mesh.vertices @ rotation.T, mesh.faces)


def warped(mesh, strength):
    """Return the sphere with vertices moved smoothly along it, as a registration does."""
    x, y, z = mesh.vertices.T / 100
    moved = mesh.vertices + strength * 100 * np.stack([np.sin(3 * y), np.sin(3 * z), x * y], 1)
    return Mesh(100 * moved / np.linalg.norm(moved, axis=1, keepdims=True), mesh.faces)
