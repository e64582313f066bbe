"""A toy brain and the real fs_LR 32k cortex, for all tests of decoding."""

from importlib.resources import files

import nibabel
import numpy as np
import pytest

from cytosurf.decoding.superblocks import remesh_cells
from cytosurf.surfaces.mesh import Mesh
from tests import toy

SHIPPED = files("brainspace") / "datasets" / "surfaces"


def read_shipped(name):
    """Return a surface that the BrainSpace package ships."""
    image = nibabel.load(str(SHIPPED / name))
    return Mesh(*(array.data for array in image.darrays[:2]))


@pytest.fixture(scope="session")
def toy_brain():
    """Two egg-shaped hemispheres of 2,562 matched vertices each, 70 mm apart, and a mask."""
    egg = toy.icosphere(4, radius=30.0)
    left = Mesh(egg.vertices * [1, 1.6, 1.2] - [35, 0, 0], egg.faces)
    meshes = {"L": left, "R": toy.mirrored(left)}
    # The medial wall faces the other hemisphere.
    mask = np.concatenate([np.abs(mesh.vertices[:, 0]) > 15 for mesh in meshes.values()])
    return meshes, mask


@pytest.fixture(scope="session")
def conte69():
    """Midthickness, spheres, mask of the real fs_LR 32k cortex, and its cells."""
    sides = {"L": "lh", "R": "rh"}
    meshes = {h: read_shipped(f"conte69_32k_{side}.gii") for h, side in sides.items()}
    spheres = {h: read_shipped(f"conte69_32k_{side}_sphere.gii") for h, side in sides.items()}
    masks = [np.loadtxt(str(SHIPPED / f"conte69_32k_{side}_mask.csv")) for side in sides.values()]
    cells = {h: remesh_cells(mesh) for h, mesh in meshes.items()}
    return meshes, spheres, np.concatenate(masks).astype(bool), cells


@pytest.fixture(scope="session")
def brain(toy_brain):
    """Return toy meshes and mask, and the cells of the meshes."""
    meshes, mask = toy_brain
    return meshes, mask, {h: remesh_cells(mesh) for h, mesh in meshes.items()}
