"""Resampling equals Connectome Workbench; the few vertices that do not have a known cause."""

import numpy as np
import pytest

from cytosurf.bench import parity, workbench
from cytosurf.bench.parity import bench_parity, compare, uncertain
from cytosurf.errors import CytosurfError, InputError
from cytosurf.surfaces.adaptive import adaptive_weights
from cytosurf.surfaces.barycentric import barycentric_weights
from cytosurf.surfaces.io import read_mesh, write_mesh
from cytosurf.surfaces.mesh import Mesh
from tests import toy
from tests.unit.surfaces.spheres import rotated, warped

needs_workbench = pytest.mark.skipif(
    not workbench.is_installed(), reason="no wb_command (Connectome Workbench) here"
)

# A fine and a coarse mesh that are registered, and not nested in each other.
FINE = warped(rotated(toy.icosphere(5), 1), 0.1)
COARSE = warped(rotated(toy.icosphere(4), 2), 0.05)


def midsurface_areas(sphere, seed):
    """Return vertex areas of a folded surface on the mesh of a sphere."""
    depth = 1 + 0.2 * np.sin(sphere.vertices / 9 + seed).sum(axis=1, keepdims=True)
    return Mesh(sphere.vertices * depth, sphere.faces).vertex_areas()


@needs_workbench
@pytest.mark.parametrize(("source", "target"), [(FINE, COARSE), (COARSE, FINE)], ids=["down", "up"])
@pytest.mark.parametrize(
    ("method", "areas_of"),
    [("barycentric", "sphere"), ("adaptive", "midsurface"), ("adaptive", "sphere")],
)
def test_small_meshes_are_carried_as_by_workbench(tmp_path, source, target, method, areas_of):
    """White noise and labels, with and without mask: all but one vertex in 1,000 equal to 1e-4 SD.

    The rest has a known cause, and labels are equal but for ties.
    """
    names = ("source", "target")
    files = tuple(
        write_mesh(mesh, tmp_path / f"{name}.surf.gii", hemisphere="L")
        for name, mesh in zip(names, (source, target), strict=True)
    )
    meshes = [read_mesh(file) for file in files]
    areas = tuple(
        midsurface_areas(mesh, i) if areas_of == "midsurface" else mesh.vertex_areas()
        for i, mesh in enumerate(meshes)
    )
    weights = (
        adaptive_weights(*meshes, *areas) if method == "adaptive" else barycentric_weights(*meshes)
    )
    for found in compare(weights, files, areas, method):
        assert found.n_vertices > 0.8 * target.n_vertices
        assert found.p999_sd < 1e-4
        assert found.n_above == sum(found.causes.values())
        assert found.n_labels <= min(found.n_ties, 0.001 * found.n_vertices)
        assert found.n_reached <= 1


@needs_workbench
def test_a_wrong_method_is_found_out(tmp_path):
    """Barycentric weights do not pass for adaptive ones, nor areas of the sphere for others."""
    files = tuple(
        write_mesh(mesh, tmp_path / f"{name}.surf.gii", hemisphere="L")
        for name, mesh in (("source", FINE), ("target", COARSE))
    )
    meshes = [read_mesh(file) for file in files]
    areas = (midsurface_areas(FINE, 0), midsurface_areas(COARSE, 1))
    spherical = (mesh.vertex_areas() for mesh in meshes)
    for weights in (barycentric_weights(*meshes), adaptive_weights(*meshes, *spherical)):
        found = compare(weights, files, areas, "adaptive")[0]
        assert found.p999_sd > 1e-2
        assert found.n_above > sum(found.causes.values()) + 100


def test_causes_are_rare():
    """What counts as a cause is the exception, so that it cannot explain everything."""
    for method, most in (("barycentric", 0.01), ("adaptive", 0.35)):
        weights = barycentric_weights(COARSE, FINE)
        for rows in uncertain(COARSE, FINE, weights, method).values():
            assert rows.mean() < most


@needs_workbench
@pytest.mark.real_data
@pytest.mark.parametrize(
    "route",
    [
        ("fsLR-164k", "fsLR-32k"),
        *(pytest.param(route, marks=pytest.mark.slow) for route in parity.ROUTES
          if route != ("fsLR-164k", "fsLR-32k")),
    ],
    ids=" to ".join,
)  # fmt: skip
def test_real_spheres_are_carried_as_by_workbench(real_cache, route):
    """Metrics and labels on the real spheres, areas of the midsurfaces given to both.

    The other routes: pytest -m slow tests/unit/bench/test_parity.py, or
    cytosurf bench parity.
    """
    outcome = bench_parity([route])
    assert len(outcome.comparisons) == 4
    assert outcome.failures == ()


def test_without_workbench_the_way_out_is_told(monkeypatch):
    """Where the command is missing, the message says how to get it."""
    monkeypatch.setattr(workbench, "is_installed", lambda: False)
    with pytest.raises(InputError, match="apt-get install connectome-workbench"):
        bench_parity()


@needs_workbench
def test_failures_of_workbench_are_passed_on(tmp_path):
    """A command that fails is an error with Workbench's own words."""
    with pytest.raises(CytosurfError, match=r"wb_command failed: .*absent"):
        workbench.call(["-metric-merge", tmp_path / "out.func.gii", "-metric", "absent.func.gii"])
    assert workbench.version().count(".") >= 1
