"""Spheres: the real ones that every installation has, and small ones."""

import gc
from importlib.resources import files

import nibabel as nib
import pytest

from cytosurf.surfaces.mesh import Mesh
from tests import toy


@pytest.fixture(scope="session")
def fslr_spheres():
    """Read the fs_LR 32k spheres that BrainSpace ships."""
    folder = files("brainspace") / "datasets" / "surfaces"
    names = {"L": "conte69_32k_lh_sphere.gii", "R": "conte69_32k_rh_sphere.gii"}
    return {h: Mesh(*nib.load(str(folder / name)).agg_data()) for h, name in names.items()}


@pytest.fixture(scope="session")
def toy_spheres():
    """Make a left sphere of 642 vertices and its mirror image."""
    left = toy.icosphere(3)
    return {"L": left, "R": toy.mirrored(left)}


@pytest.fixture(scope="class")
def no_collection():
    """Keep statsmodels from collecting garbage at every call: many small families are tested."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gc, "collect", lambda: 0)
        yield
