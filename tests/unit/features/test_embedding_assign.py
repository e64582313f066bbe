"""Embeddings onto a midsurface: the published rule, its limit, weights, components, bad points."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cytosurf
from cytosurf.errors import CytosurfWarning, InputError
from cytosurf.features import embedding_assign
from cytosurf.features.embedding_assign import assign_to_midsurface, gather
from cytosurf.features.embedding_table import EmbeddingTable
from cytosurf.features.pca import components_of_blocks, principal_components
from cytosurf.surfaces.mesh import Mesh
from cytosurf.surfaces.midsurface import point_weights
from cytosurf.surfaces.space import Space
from tests import toy

TOY = Space("toy", "642")


def halves(radius=30.0):
    """Return two spheres beside each other."""
    sphere = toy.icosphere(3, radius)
    return {
        h: Mesh(np.add(sphere.vertices, [x, 0, 0]), sphere.faces)
        for h, x in (("L", -35), ("R", 35))
    }


def vertices():
    """Return the vertices of both, left first."""
    return np.concatenate([halves()[h].vertices for h in "LR"]).astype(np.float64)


def table_of(n=3000, d=6, seed=0, noise=0.3):
    """Return points around the spheres with correlated features."""
    rng = np.random.default_rng(seed)
    points = vertices()[rng.integers(1284, size=n)] + noise * rng.normal(size=(n, 3))
    features = rng.normal(size=(n, d)) @ rng.normal(size=(d, d)) + 3
    return EmbeddingTable(points, features, space="other:toy")


def assign(table, **options):
    """Assign a table to the two spheres."""
    return assign_to_midsurface(table, **{"midsurfaces": halves(), "mesh_space": TOY, **options})


def oracle(table):
    """Return the nearest row of every vertex and its distance, by all distances."""
    every = np.linalg.norm(vertices()[:, None] - table.points_mm[None], axis=2)
    return every.argmin(axis=1), every.min(axis=1)


def test_it_is_public():
    """Under its name in the package."""
    assert cytosurf.assign_to_midsurface is assign_to_midsurface


def test_every_vertex_takes_the_nearest_point():
    """Brute force over all distances gives the same features, rows and distances."""
    table = table_of()
    assigned = assign(table, max_distance_mm=np.inf)
    nearest, distance = oracle(table)
    np.testing.assert_array_equal(assigned.nearest, nearest)
    np.testing.assert_array_equal(assigned.features.values, table.features[nearest])
    np.testing.assert_allclose(assigned.distance.values[:, 0], distance, rtol=1e-6)
    assert assigned.features.valid.all()
    assert assigned.features.columns[:2] == ("feature_1", "feature_2")
    assert assigned.distance.columns == ("distance_mm",)
    assert assigned.explained is None


@settings(max_examples=10)
@given(most=st.floats(0.2, 3))
def test_vertices_without_a_near_point_are_not_valid(most):
    """The map of distances still says how far the nearest was."""
    table = table_of(600)
    assigned = assign(table, max_distance_mm=most)
    _, distance = oracle(table)
    near = distance <= most
    assert assigned.features.valid.tolist() == near.tolist()
    assert (assigned.features.values[~near] == 0).all()
    assert assigned.distance.valid.all()
    assert f"at most {most:g} mm away" in assigned.notes[0]
    assert f"{(~near).sum():,} of 1,284 vertices have none" in assigned.notes[0]


@pytest.mark.parametrize("method", ["inverse-distance", "gaussian"])
@pytest.mark.parametrize("chunk", [1, 7, 500, 10_000])
def test_weighted_means_do_not_depend_on_chunks(tmp_path, monkeypatch, method, chunk):
    """Features read a few rows at a time from a file give what the whole matrix gives."""
    table = table_of(400, noise=0.5)
    weights, *_ = point_weights(vertices(), table.points_mm, method=method, k=4)
    expected = weights @ table.features.astype(np.float64)
    stored = table.write(tmp_path / "t.h5")
    read = stored.chunks
    monkeypatch.setattr(EmbeddingTable, "chunks", lambda _, n_rows=None: read(n_rows or chunk))
    np.testing.assert_allclose(
        gather(stored, weights, np.arange(400)), expected, rtol=1e-5, atol=1e-5
    )
    assigned = assign(stored, method=method, k=4, max_distance_mm=np.inf)
    np.testing.assert_allclose(assigned.features.values, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("method", ["nearest", "gaussian"])
def test_constant_features_stay_constant(method):
    """Weights sum to 1."""
    points = table_of().points_mm
    table = EmbeddingTable(points, np.full((3000, 1), 7.5), space="other:toy")
    assert assign(table, method=method).features.values[:, 0] == pytest.approx(7.5)


@pytest.mark.parametrize("block", [100, 8192])
def test_components_are_the_exact_ones(monkeypatch, block):
    """Fitted over the valid vertices of both hemispheres, with the sign of all other components."""
    monkeypatch.setattr(embedding_assign, "BLOCK_ROWS", block)
    table = table_of(700)
    whole, reduced = (
        assign(table, max_distance_mm=2),
        assign(table, max_distance_mm=2, n_components=3),
    )
    valid = whole.features.valid
    assert 100 < valid.sum() < 1200
    means, loadings, variances = principal_components(whole.features.values[valid], 3)
    expected = (whole.features.values[valid] - means) @ loadings
    np.testing.assert_allclose(reduced.features.values[valid], expected, rtol=1e-4, atol=1e-5)
    assert (reduced.features.values[~valid] == 0).all()
    np.testing.assert_allclose(reduced.explained, variances[:3] / variances.sum(), rtol=1e-6)
    assert reduced.features.columns == ("pc1", "pc2", "pc3")
    assert f"fitted over {valid.sum():,} vertices of the midsurface" in reduced.notes[-1]


@settings(max_examples=25)
@given(
    seed=st.integers(0, 10**6),
    cuts=st.lists(st.integers(0, 200), max_size=5),
    offset=st.sampled_from([0.0, 1e3, -1e5]),
)
def test_components_of_blocks_are_those_of_the_whole(seed, cuts, offset):
    """However the rows are cut, empty blocks included, and far from zero."""
    rng = np.random.default_rng(seed)
    values = (rng.normal(size=(200, 5)) @ rng.normal(size=(5, 5)) + offset).astype(np.float32)
    blocks = np.split(values, sorted(cuts))
    exact, ours = principal_components(values, 4), components_of_blocks(iter(blocks), 4)
    for ours_, exact_ in zip(ours, exact, strict=True):
        np.testing.assert_allclose(ours_, exact_, rtol=1e-6, atol=1e-6)


def test_components_of_nothing():
    """No row is an error."""
    with pytest.raises(InputError, match="no row"):
        components_of_blocks([np.zeros((0, 3))], 1)


@pytest.mark.parametrize(
    ("n", "words"), [(0, "0 components; expected 1 to 6"), (7, "7 components; expected 1 to 6")]
)
def test_more_components_than_features_are_refused(n, words):
    """As for every other feature set."""
    with pytest.raises(InputError, match=words):
        assign(table_of(), n_components=n)


def test_components_that_would_be_rounding_errors_are_refused():
    """Copied features are not independent."""
    table = table_of(d=2)
    doubled = EmbeddingTable(table.points_mm, np.hstack([table.features] * 2), space="other:toy")
    with pytest.raises(InputError, match="only 2 are independent"):
        assign(doubled, n_components=3)


class TestBadPoints:
    """Repeated points, points of one hemisphere, points elsewhere."""

    def test_of_repeated_points_the_first_row_counts(self):
        """With a warning; the result is that of the table without the others."""
        table = table_of(1000)
        points = np.concatenate([table.points_mm, table.points_mm[::3]])
        features = np.concatenate([table.features, -table.features[::3]])
        with pytest.warns(CytosurfWarning, match="334 of 1,334 rows stand at the same point"):
            twice = assign(EmbeddingTable(points, features, space="other:toy"), method="gaussian")
        once = assign(table, method="gaussian")
        np.testing.assert_array_equal(twice.features.values, once.features.values)
        np.testing.assert_array_equal(twice.nearest, once.nearest)

    def test_first_rows_need_not_be_in_front(self):
        """Rows of the table are named, not those of the distinct points."""
        table = table_of(1000)
        points = np.concatenate([table.points_mm[:1], table.points_mm])
        features = np.concatenate([table.features[:1], table.features])
        with pytest.warns(CytosurfWarning, match="1 of 1,001 rows"):
            shifted = assign(EmbeddingTable(points, features, space="other:toy"))
        nearest = assign(table).nearest
        np.testing.assert_array_equal(shifted.nearest, np.where(nearest > 0, nearest + 1, 0))
        np.testing.assert_array_equal(
            shifted.features.values[shifted.features.valid],
            features[shifted.nearest[shifted.features.valid]],
        )

    def test_few_points_for_many_rows_are_refused(self):
        """Coordinates of sections in place of patches."""
        table = table_of(1000)
        points = np.repeat(table.points_mm[:10], 100, axis=0)
        with pytest.raises(InputError, match=r"1,000 rows at 10 different points.*sections"):
            assign(EmbeddingTable(points, table.features, space="other:toy"))

    @pytest.mark.parametrize("side", ["L", "R"])
    def test_a_hemisphere_without_points_is_left_out(self, side):
        """Its medial wall must not take points of the other one."""
        table = table_of()
        left = table.points_mm[:, 0] < 0
        rows = left if side == "L" else ~left
        one = EmbeddingTable(table.points_mm[rows], table.features[rows], space="other:toy")
        with pytest.warns(CytosurfWarning, match="no points on hemisphere"):
            assigned = assign(one, max_distance_mm=30)
        assert assigned.features.hemispheres == assigned.distance.hemispheres == (side,)
        assert assigned.features.n_vertices == 642
        both = assign(table, max_distance_mm=30).features.hemisphere(side)
        np.testing.assert_array_equal(assigned.features.values, both.values)

    def test_points_elsewhere_are_refused(self):
        """Before any feature is read."""
        table = table_of()
        moved = EmbeddingTable(table.points_mm * 1000, table.features, space="other:toy")
        with pytest.raises(InputError, match="points in micrometres"):
            assign(moved)
        with pytest.raises(InputError, match=r"indices of 1 mm or have another origin"):
            assign(EmbeddingTable(table.points_mm + 40, table.features, space="other:toy"))

    def test_no_vertex_near_a_point(self):
        """A limit that leaves nothing."""
        with pytest.raises(InputError, match="no vertex with a point within 1e-06 mm"):
            assign(table_of(), max_distance_mm=1e-6)

    def test_the_mesh_of_a_midsurface(self):
        """It has as many vertices as its space, and there is none without a midsurface."""
        with pytest.raises(InputError, match=r"mesh_space: found fsLR-32k.*of 642 on hemisphere L"):
            assign(table_of(), mesh_space=Space("fsLR", "32k"))
        with pytest.raises(InputError, match="mesh_space: found toy-642 without a midsurface"):
            assign_to_midsurface(table_of(), mesh_space=TOY)

    def test_a_width_is_one_of_the_gaussian(self):
        """With other methods it would do nothing."""
        with pytest.raises(InputError, match=r"sigma_mm: found 2; expected nothing .* nearest"):
            assign(table_of(), sigma_mm=2)
        one, same = (
            assign(table_of(), method="gaussian", sigma_mm=sigma_mm) for sigma_mm in (1, None)
        )
        np.testing.assert_array_equal(one.features.values, same.features.values)

    def test_a_space_without_surface_needs_one(self):
        """Another species."""
        with pytest.raises(InputError, match="Give the midsurface"):
            assign_to_midsurface(table_of())

    def test_colin_stands_on_another_brain(self, monkeypatch):
        """With a warning, unless the user has its midsurface."""
        monkeypatch.setattr(embedding_assign, "load_midsurfaces", lambda *_: halves())
        monkeypatch.setattr(embedding_assign, "BIGBRAIN", TOY)
        table = table_of()
        colin = EmbeddingTable(table.points_mm, table.features, space="colin27")
        with pytest.warns(CytosurfWarning, match="BigBrainSym stands in, a different brain"):
            assign_to_midsurface(colin)
        with warnings.catch_warnings():
            warnings.simplefilter("error", CytosurfWarning)
            assign(colin)
