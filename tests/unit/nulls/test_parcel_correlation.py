"""Maps of parcels are correlated and spun one to one, each hemisphere on its own."""

import numpy as np
import pytest
from scipy import stats

from cytosurf.errors import InputError
from cytosurf.nulls.correlation import spin_correlation
from cytosurf.nulls.parcels import ParcelAssigner, parcel_centroids, spin_parcels
from cytosurf.nulls.rotations import spin_rotations
from cytosurf.surfaces.maps import Parcellation, SurfaceMap
from cytosurf.surfaces.space import Space

SCIPY = {"pearson": stats.pearsonr, "spearman": stats.spearmanr}
METHODS = ["hungarian", "vasa"]


@pytest.fixture(scope="module")
def keys(toy_spheres):
    """Return some thirty parcels of each hemisphere, with gaps in their keys, and a wall."""
    seeds = np.random.default_rng(0).normal(size=(30, 3))
    seeds /= np.linalg.norm(seeds, axis=1, keepdims=True)
    parts = []
    for h, first in (("L", 1), ("R", 20)):  # keys 20 to 31 are on both sides
        points = toy_spheres[h].vertices * [1 if h == "L" else -1, 1, 1]
        part = (points @ seeds.T).argmax(axis=1) + first
        part[points[:, 0] > 80] = 0
        parts.append(part)
    return np.concatenate(parts)


@pytest.fixture(scope="module")
def assigner(keys, toy_spheres):
    """Return the assigner of these parcels."""
    return ParcelAssigner(keys, toy_spheres)


@pytest.fixture(scope="module")
def values(assigner):
    """Return two related values of each parcel, some missing."""
    generator = np.random.default_rng(1)
    x, noise = generator.normal(size=(2, assigner.n_vertices))
    y = 0.6 * x + noise
    x[4], y[[9, 40]] = np.nan, np.nan
    return x, y


class TestAssigner:
    """Parcels by hemisphere and key."""

    def test_order_and_index(self, keys, toy_spheres, assigner):
        """Left before right, keys increasing; the index is that of `spin_parcels`."""
        left, right = np.split(keys, 2)
        expected = [(h, k) for h, part in (("L", left), ("R", right)) for k in np.unique(part) if k]
        assert list(assigner.parcels) == expected
        assert {k for h, k in expected if h == "L"} & {k for h, k in expected if h == "R"}
        centroids = {
            h: parcel_centroids(part, toy_spheres[h])[1] for h, part in (("L", left), ("R", right))
        }
        turns = spin_rotations(3, 5, "independent")
        for method in METHODS:
            index = ParcelAssigner(keys, toy_spheres, method).assign(turns)
            np.testing.assert_array_equal(index, spin_parcels(centroids, turns, method))
            assert sorted(index) == list(range(len(expected)))

    def test_means(self, keys, assigner):
        """Over the vertices that have a value; NaN without any."""
        values = np.random.default_rng(2).normal(size=1284)
        values[::7] = np.nan
        side = np.repeat(["L", "R"], 642)
        values[(side == "R") & (keys == assigner.parcels[-1][1])] = np.nan
        found = assigner.means(values)
        for i, (h, key) in enumerate(assigner.parcels[:-1]):
            assert found[i] == pytest.approx(np.nanmean(values[(side == h) & (keys == key)]))
        assert np.isnan(found[-1])


class TestCorrelation:
    """The everyday test, on parcels."""

    @pytest.mark.parametrize("assignment", METHODS)
    @pytest.mark.parametrize("method", ["pearson", "spearman"])
    @pytest.mark.parametrize("rotation", ["mirrored", "independent"])
    def test_each_rotation(self, keys, toy_spheres, values, method, rotation, assignment):
        """Equals scipy's over the parcels that have both values then."""
        x, y = values
        result = spin_correlation(
            *(x, y),
            method=method,
            rotation=rotation,
            n_spins=20,
            seed=5,
            spheres=toy_spheres,
            parcellation=keys,
            assignment=assignment,
        )
        both = ~np.isnan(x) & ~np.isnan(y)
        assert result.r == pytest.approx(SCIPY[method](x[both], y[both])[0], abs=1e-12)
        assert result.n_vertices == both.sum()
        assigner = ParcelAssigner(keys, toy_spheres, assignment)
        for k in range(20):
            spun = x[assigner.assign(spin_rotations(5, k, rotation))]
            both = ~np.isnan(spun) & ~np.isnan(y)
            expected = SCIPY[method](spun[both], y[both])[0]
            assert result.null[k] == pytest.approx(expected, abs=1e-12)
            assert result.kept[k] == both.sum() / (~np.isnan(y)).sum()

    def test_maps_of_vertices_are_averaged(self, keys, toy_spheres, assigner):
        """Given as arrays or maps, with a mask or without; mixed with values of parcels too."""
        generator = np.random.default_rng(3)
        x, y = generator.normal(size=(2, 1284))
        mask = generator.random(1284) < 0.8
        options = {"n_spins": 19, "spheres": toy_spheres, "parcellation": keys}
        found = spin_correlation(x, y, mask=mask, **options)
        means = [assigner.means(np.where(mask, m, np.nan)) for m in (x, y)]
        expected = spin_correlation(*means, **options)
        np.testing.assert_array_equal(found.null, expected.null)
        space = Space("toy", "642")
        as_map = SurfaceMap(y[:, None].astype(np.float32), space, valid=mask)
        again = spin_correlation(means[0], as_map, **options)
        np.testing.assert_allclose(again.null, expected.null, atol=1e-6)

    @pytest.mark.real_data
    @pytest.mark.usefixtures("real_cache")
    def test_space_of_a_parcellation(self):
        """Its spheres are found by its space; T1w/T2w follows a functional gradient."""
        from cytosurf.features import load_features
        from cytosurf.targets import load_target

        parcels = load_target("schaefer400", Space("fsLR", "32k")).parcellation
        assert isinstance(parcels, Parcellation)
        gradient = load_features("func").map
        first = SurfaceMap(gradient.values[:, :1], gradient.space, valid=gradient.valid)
        result = spin_correlation(
            load_features("t1wt2w").map, first, n_spins=99, parcellation=parcels
        )
        assert result.n_vertices == 400
        assert result.r == pytest.approx(0.449, abs=0.005)
        assert result.p < 0.1


class TestBadInput:
    """Each mistake has its message."""

    @pytest.mark.parametrize(
        ("options", "says"),
        [
            ({"assignment": "nearest"}, "method: found 'nearest'"),
            ({"parcellation": np.ones(10, int)}, r"parcellation: found int64 array of shape \(10,"),
            ({"parcellation": np.ones(1284)}, "parcellation: found float64"),
            ({"parcellation": np.zeros(1284, int)}, "parcels: found no key"),
            ({"mask": np.ones(1284, bool)}, "mask: found a mask of vertices for values of parcels"),
            ({"x": np.ones(7)}, r"x: found shape \(7,\)"),
            ({"x": "inf"}, "x: found 1 infinite"),
            ({"spheres": None}, "x and y: found arrays without a space"),
        ],
    )
    def test_refused(self, keys, toy_spheres, values, options, says):
        """By the name of what is wrong."""
        x, y = (m.copy() for m in values)
        if isinstance(options.get("x"), str):
            x[0] = np.inf
            options = {}
        given = {"x": x, "y": y, "n_spins": 19, "spheres": toy_spheres, "parcellation": keys}
        with pytest.raises(InputError, match=says):
            spin_correlation(**(given | options))
