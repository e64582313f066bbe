"""Adaptive weights use every source vertex and give its area away once; nearest takes one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cytosurf.errors import InputError
from cytosurf.surfaces.adaptive import adaptive_weights, nearest_weights
from cytosurf.surfaces.barycentric import barycentric_weights
from cytosurf.surfaces.mesh import Mesh
from tests import toy
from tests.unit.surfaces.spheres import rotated, warped

SPHERES = st.builds(
    lambda level, seed, strength: warped(rotated(toy.icosphere(level), seed), strength),
    st.integers(0, 3),
    st.integers(0, 1000),
    st.floats(0, 0.15),
)


def by_loops(source, target, source_areas, target_areas):
    """Return the dense weights by the words of the method, one target and one source at a time."""
    forward = barycentric_weights(source, target).toarray()
    around = barycentric_weights(target, source).toarray().T
    rows = np.array(
        [f if set(np.flatnonzero(g)) <= set(np.flatnonzero(f)) else g
         for f, g in zip(forward, around, strict=True)]
    )  # fmt: skip
    for i in range(source.n_vertices):
        total = sum(rows[j, i] * target_areas[j] for j in range(target.n_vertices))
        for j in range(target.n_vertices):
            if total:
                rows[j, i] *= target_areas[j] * source_areas[i] / total
    return rows / rows.sum(axis=1, keepdims=True)


@given(source=SPHERES, target=SPHERES, seed=st.integers(0, 1000))
@settings(max_examples=15)
def test_equal_to_the_method_in_words(source, target, seed):
    """For any pair of spheres and any areas, weights are those of plain loops."""
    rng = np.random.default_rng(seed)
    areas = rng.uniform(0.1, 3, source.n_vertices), rng.uniform(0.1, 3, target.n_vertices)
    weights = adaptive_weights(source, target, *areas)
    assert np.abs(weights.toarray() - by_loops(source, target, *areas)).max() < 1e-9


@given(source=SPHERES, target=SPHERES)
@settings(max_examples=20)
def test_rows_add_up_to_one_and_every_source_vertex_is_used(source, target):
    """Constants stay constant, and unlike by three corners no value of a fine mesh is skipped."""
    weights = adaptive_weights(source, target, source.vertex_areas(), target.vertex_areas())
    assert weights.data.min() > 0
    assert np.abs(weights @ np.full(source.n_vertices, 7.0) - 7).max() < 1e-12
    if source.n_vertices >= 4 * target.n_vertices:
        assert (weights.sum(axis=0) > 0).all()


@given(sphere=SPHERES, seed=st.integers(0, 1000))
@settings(max_examples=15)
def test_identity_on_the_same_sphere(sphere, seed):
    """From a sphere to itself the weights are the identity, whatever the areas."""
    areas = np.random.default_rng(seed).uniform(0.1, 3, (2, sphere.n_vertices))
    weights = adaptive_weights(sphere, sphere, *areas)
    assert np.allclose(weights.toarray(), np.eye(sphere.n_vertices), atol=1e-12)


def test_scaling_all_areas_changes_nothing():
    """Only proportions of areas count: units and the size of the brain do not."""
    source, target = rotated(toy.icosphere(3), 1), toy.icosphere(2)
    rng = np.random.default_rng(0)
    areas = rng.uniform(1, 2, source.n_vertices), rng.uniform(1, 2, target.n_vertices)
    weights = adaptive_weights(source, target, *areas)
    scaled = adaptive_weights(source, target, 100 * areas[0], areas[1] / 7)
    assert np.abs((weights - scaled).data).max() < 1e-12
    other = adaptive_weights(source, target, areas[0][::-1], areas[1])
    assert np.abs((weights - other).toarray()).max() > 0.01


def test_large_vertices_count_more():
    """On the way to a coarser mesh a source vertex weighs in proportion to its area."""
    source, target = rotated(toy.icosphere(4), 3), toy.icosphere(1)
    areas = source.vertex_areas(), target.vertex_areas()
    vertex = int(np.argmax(adaptive_weights(source, target, *areas).toarray().sum(axis=0)))
    grown = areas[0].copy()
    grown[vertex] *= 10
    before, after = (
        adaptive_weights(source, target, a, areas[1]).toarray() for a in (areas[0], grown)
    )
    gained = after[:, vertex] > before[:, vertex]
    assert gained.any()
    assert (gained == (before[:, vertex] > 0)).all()


def test_a_source_without_area_has_no_weight():
    """Vertices of area 0 are left out, and a target that has no others gets nothing."""
    source, target = rotated(toy.icosphere(3), 1), toy.icosphere(1)
    areas = source.vertex_areas()
    away = source.vertices[:, 2] > 30
    weights = adaptive_weights(source, target, np.where(away, 0, areas), target.vertex_areas())
    assert (weights.sum(axis=0)[away] == 0).all()
    sums = weights.sum(axis=1)
    assert ((np.abs(sums - 1) < 1e-12) | (sums == 0)).all()
    assert (sums == 0).any()


@pytest.mark.parametrize(
    ("areas", "message"),
    [
        (np.ones(161), r"source areas: found shape \(161,\); expected \(162,\)"),
        (np.full(162, np.nan), "source areas: .* not finite"),
        (-np.ones(162), "source areas: .* negative"),
        (np.zeros(162), "source areas: .* all 0"),
    ],
)
def test_areas_that_do_not_fit_are_refused(areas, message):
    """The length and the sign of areas are checked, with the name of the argument."""
    sphere = toy.icosphere(2)
    with pytest.raises(InputError, match=message):
        adaptive_weights(sphere, sphere, areas, np.ones(162))


@given(source=SPHERES, target=SPHERES)
@settings(max_examples=20)
def test_nearest_is_the_nearest_direction(source, target):
    """Each target takes the one source vertex with the smallest angle to it."""
    weights = nearest_weights(source, target).toarray()
    unit = [m.vertices / np.linalg.norm(m.vertices.astype(float), axis=1)[:, None]
            for m in (source, target)]  # fmt: skip
    cosines = unit[1] @ unit[0].T
    assert (weights.sum(axis=1) == 1).all()
    assert np.allclose(cosines[weights == 1], cosines.max(axis=1), atol=1e-12)


def test_nearest_refuses_what_is_no_sphere():
    """An inflated surface is no sphere, whichever of the two it is."""
    sphere = toy.icosphere(1)
    wrong = Mesh(sphere.vertices * [1, 1, 0.5], sphere.faces)
    with pytest.raises(InputError, match="source sphere"):
        nearest_weights(wrong, sphere)
    with pytest.raises(InputError, match="target sphere"):
        nearest_weights(sphere, wrong)
