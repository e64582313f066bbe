"""The spin test of two maps: correlations of what each rotation keeps, and honest p-values."""

import dataclasses
import warnings

import numpy as np
import pytest
from scipy import stats

import cytosurf
from cytosurf.errors import CytosurfWarning, InputError
from cytosurf.nulls.correlation import spin_correlation
from cytosurf.nulls.pvalues import SpinPValue, clopper_pearson
from cytosurf.nulls.rotations import spin_rotations
from cytosurf.surfaces.maps import SurfaceMap
from cytosurf.surfaces.space import Space
from tests.unit.nulls.oracles import brute_force

SCIPY = {"pearson": stats.pearsonr, "spearman": stats.spearmanr}
TOY = Space("toy", "642")


def smooth_maps(spheres, n_maps, generator):
    """Return Gaussian maps (n_maps, n_vertices) that are mirror images left and right."""
    unit = spheres["L"].vertices.astype(np.float64) / 100
    maps = generator.normal(size=(n_maps, len(unit))) @ np.exp(8 * (unit @ unit.T - 1))
    return np.tile(maps, 2)


def medial_wall(spheres, centre=(1.0, 0, 0), cosine=0.8):
    """Return the vertices of a cap that faces the other hemisphere."""
    unit = {h: sphere.vertices / 100 for h, sphere in spheres.items()}
    centres = {"L": np.array(centre), "R": np.array(centre) * [-1, 1, 1]}
    return np.concatenate([unit[h] @ centres[h] > cosine for h in "LR"])


@pytest.fixture(scope="module")
def maps(toy_spheres):
    """Make two related maps with medial walls of their own."""
    x, y = smooth_maps(toy_spheres, 2, np.random.default_rng(3))
    y = y + 0.5 * x + np.random.default_rng(4).normal(size=len(x))
    x[medial_wall(toy_spheres)] = np.nan
    y[medial_wall(toy_spheres, (0.8, 0.6, 0))] = np.nan
    return x, y


class TestAgainstScipy:
    """Every correlation, observed or spun, is scipy's over the vertices with both values."""

    @pytest.mark.parametrize("method", ["pearson", "spearman"])
    @pytest.mark.parametrize("rotation", ["mirrored", "independent"])
    @pytest.mark.parametrize("tied", [False, True])
    def test_each_rotation(self, toy_spheres, maps, method, rotation, tied):
        """Nearest vertices by brute force, the wall carried along, ranks made anew, ties too."""
        x, y = (np.round(3 * m) for m in maps) if tied else maps
        result = spin_correlation(
            x, y, method=method, rotation=rotation, n_spins=20, seed=5, spheres=toy_spheres
        )
        observed = ~np.isnan(x) & ~np.isnan(y)
        assert result.r == pytest.approx(SCIPY[method](x[observed], y[observed])[0], abs=1e-12)
        assert result.n_vertices == observed.sum()
        n_left = toy_spheres["L"].n_vertices
        for k in range(20):
            turns = spin_rotations(5, k, rotation)
            left, right = (brute_force(toy_spheres[h].vertices, turns[h]) for h in "LR")
            spun = x[np.r_[left, right + n_left]]
            both = ~np.isnan(spun) & ~np.isnan(y)
            expected = SCIPY[method](spun[both], y[both])[0]
            assert result.null[k] == pytest.approx(expected, abs=1e-12)
            assert result.kept[k] == both.sum() / (~np.isnan(y)).sum()

    @pytest.mark.parametrize("alternative", ["two-sided", "greater", "less"])
    def test_p_value_counts_spins(self, toy_spheres, maps, alternative):
        """B spins as far out in the sense of the alternative, p = (b + 1) / (n + 1)."""
        x, y = maps
        result = spin_correlation(
            -x, y, alternative=alternative, n_spins=60, spheres=toy_spheres, seed=1
        )
        r, null = result.r, result.null
        assert r < 0
        as_far = {"two-sided": abs(null) >= abs(r), "greater": null >= r, "less": null <= r}
        b = int(as_far[alternative].sum())
        assert (result.exceed, result.p) == (b, (b + 1) / 61)
        assert result.p_ci95 == clopper_pearson(b, 60)
        asked = (result.alternative, result.method, result.rotation, result.seed, result.n_spins)
        assert asked == (alternative, "pearson", "mirrored", 1, 60)

    def test_single_hemisphere(self, toy_spheres, maps):
        """One hemisphere alone is spun alone."""
        left = [m[:642] for m in maps]
        result = spin_correlation(*left, n_spins=19, spheres={"L": toy_spheres["L"]})
        index = brute_force(toy_spheres["L"].vertices, spin_rotations(0, 7, "mirrored")["L"])
        spun = left[0][index]
        both = ~np.isnan(spun) & ~np.isnan(left[1])
        assert result.null[7] == pytest.approx(stats.pearsonr(spun[both], left[1][both])[0])


class TestWhatDoesNotMatter:
    """Invariances."""

    def test_number_of_spins_and_of_processes(self, toy_spheres, maps):
        """Spin k is the same among 19 and among 40 spins, in one process and in two."""
        few = spin_correlation(*maps, n_spins=19, spheres=toy_spheres)
        many = spin_correlation(*maps, n_spins=40, spheres=toy_spheres, jobs=2)
        np.testing.assert_array_equal(many.null[:19], few.null)
        np.testing.assert_array_equal(many.kept[:19], few.kept)

    def test_values_without_meaning(self, toy_spheres, maps):
        """NaN, the mask of a SurfaceMap with garbage under it, and `mask` say the same."""
        wall = medial_wall(toy_spheres)
        x, y = (np.where(wall, np.nan, np.nan_to_num(m, nan=1.0)).astype(np.float32) for m in maps)
        expected = spin_correlation(x, y, n_spins=19, spheres=toy_spheres)
        garbage = [np.where(wall, value, m) for value, m in ((1e6, x), (-7.0, y))]
        surface = [SurfaceMap(g, TOY, valid=~wall) for g in garbage]
        for pair, mask in ((surface, None), (garbage, ~wall)):
            again = spin_correlation(*pair, n_spins=19, mask=mask, spheres=toy_spheres)
            np.testing.assert_array_equal(again.null, expected.null)
            assert again.r == expected.r

    def test_scale_and_sign(self, toy_spheres, maps):
        """Units do not matter, and the sign only to the sign."""
        x, y = maps
        expected = spin_correlation(x, y, n_spins=19, spheres=toy_spheres)
        again = spin_correlation(-1e-6 * x - 3, 1e4 * y + 1e5, n_spins=19, spheres=toy_spheres)
        np.testing.assert_allclose(again.null, -expected.null, atol=1e-8)
        assert again.p == expected.p

    def test_spearman_takes_any_monotone_scale(self, toy_spheres, maps):
        """Ranks are all that counts, under every rotation."""
        x, y = maps
        expected = spin_correlation(x, y, n_spins=19, spheres=toy_spheres, method="spearman")
        again = spin_correlation(
            np.exp(5 * x), y**3, n_spins=19, spheres=toy_spheres, method="spearman"
        )
        np.testing.assert_array_equal(again.null, expected.null)

    def test_inputs_are_left_alone(self, toy_spheres, maps):
        """A mask does not write into the caller's arrays, and the result is frozen."""
        x, y = (np.nan_to_num(m, nan=1.0) for m in maps)
        before = x.copy()
        mask = ~medial_wall(toy_spheres)
        result = spin_correlation(x, y, n_spins=19, mask=mask, spheres=toy_spheres)
        np.testing.assert_array_equal(x, before)
        with pytest.raises(dataclasses.FrozenInstanceError):
            result.p = 0.0


class TestCalibration:
    """P-values mean what they say."""

    @pytest.mark.parametrize("method", ["pearson", "spearman"])
    def test_false_positives_of_unrelated_smooth_maps(self, toy_spheres, method):
        """Two unrelated maps, alike left and right, with a medial wall: 5 % at or below 0.05."""
        x, y = np.split(smooth_maps(toy_spheres, 240, np.random.default_rng(8)), 2)
        x[:, medial_wall(toy_spheres)] = np.nan
        y[:, medial_wall(toy_spheres)] = np.nan
        p = [
            spin_correlation(a, b, method=method, n_spins=39, seed=i, spheres=toy_spheres).p
            for i, (a, b) in enumerate(zip(x, y, strict=True))
        ]
        assert stats.binomtest(int((np.array(p) <= 0.05).sum()), len(p), 0.05).pvalue > 0.001

    def test_finds_what_is_there(self, toy_spheres):
        """A map and a noisy copy of it: no rotation comes near."""
        (x,) = smooth_maps(toy_spheres, 1, np.random.default_rng(0))
        y = x + np.random.default_rng(1).normal(size=len(x)) * x.std()
        result = spin_correlation(x, y, n_spins=99, spheres=toy_spheres)
        assert result.r > 0.5
        assert result.p == 0.01


class TestRealMaps:
    """Maps that come with every installation."""

    def test_surface_maps_find_their_spheres(self):
        """A SurfaceMap on fs_LR 32k needs nothing else, an array its space; both agree."""
        names = [f"conte69_32k_{name}.csv" for name in ("t1wt2w", "fc_gradient0")]
        x, y = (embedded(name) for name in names)
        result = cytosurf.spin_correlation(x, y, n_spins=19, space="fsLR-32k")
        fslr = Space("fsLR", "32k")
        maps = [SurfaceMap(np.nan_to_num(m), fslr, valid=~np.isnan(m)) for m in (x, y)]
        again = cytosurf.spin_correlation(*maps, n_spins=19)
        np.testing.assert_allclose(again.null, result.null, atol=1e-6)
        assert result.r == pytest.approx(-0.5399, abs=1e-4)
        assert 0.88 < result.kept.min() < result.kept.max() < 0.97

    @pytest.mark.slow
    @pytest.mark.parametrize("tool", ["neuromaps", "brainspace"])
    def test_agrees_with_the_nulls_of_others(self, fslr_spheres, tool):
        """T1w/T2w and thickness against the principal gradient: null and p up to sampling."""
        y = embedded("conte69_32k_fc_gradient0.csv")
        index = others(tool, fslr_spheres, 300)
        for name in ("t1wt2w", "thickness"):
            x = embedded(f"conte69_32k_{name}.csv")
            ours = spin_correlation(x, y, n_spins=300, seed=2, space="fsLR-32k")
            theirs = np.array([over_both(x[spin], y) for spin in index])
            assert stats.ks_2samp(ours.null, theirs).pvalue > 0.001
            b = SpinPValue.from_null(abs(ours.r), abs(theirs)).exceed
            table = [[b, 300 - b], [ours.exceed, 300 - ours.exceed]]
            assert stats.fisher_exact(table).pvalue > 0.001


def embedded(name):
    """Read one of BrainSpace's group maps, NaN outside its mask."""
    from cytosurf.targets.embedded import embedded_values

    return embedded_values(f"matrices/main_group/{name}").astype(np.float64)


def over_both(a, b):
    """Return Pearson's correlation over the vertices where both maps have values."""
    both = ~np.isnan(a) & ~np.isnan(b)
    return stats.pearsonr(a[both], b[both])[0]


def others(tool, spheres, n_spins):
    """Return vertex assignments (n_spins, n_vertices) of another tool, mirrored as ours."""
    left, right = (spheres[h].vertices.astype(np.float64) for h in "LR")
    if tool == "neuromaps":
        theirs = pytest.importorskip("neuromaps.nulls.spins")
        hemispheres = np.repeat([0, 1], [len(left), len(right)])
        coordinates = np.concatenate([left, right])
        return theirs.gen_spinsamples(
            coordinates, hemispheres, n_rotate=n_spins, seed=0, check_duplicates=False
        ).T
    theirs = pytest.importorskip("brainspace.null_models")
    spins = theirs.SpinPermutations(n_rep=n_spins, random_state=0).fit(left, points_rh=right)
    numbers = np.arange(len(left))
    return np.hstack(spins.randomize(numbers, len(left) + numbers)).astype(int)


class TestBadInput:
    """Each mistake has its message."""

    @pytest.mark.parametrize(
        ("change", "says"),
        [
            ({"method": "kendall"}, "method: found 'kendall'"),
            ({"y": object()}, "y: found a object; expected a SurfaceMap, or one number"),
            ({"alternative": "larger"}, "alternative: found 'larger'"),
            ({"rotation": "random"}, "rotation policy"),
            ({"n_spins": 0}, "n_spins: found 0"),
            ({"jobs": 0}, "--jobs"),
            ({"seed": -1}, "seed"),
            ({"x": np.ones(7)}, r"x: found shape \(7,\)"),
            ({"y": np.ones((1284, 2))}, r"y: found shape \(1284, 2\).*1,284 vertices"),
            ({"x": np.full(1284, 2.0)}, "one value on all"),
            ({"y": np.r_[np.inf, np.zeros(1283)]}, "y: found 1 infinite"),
            ({"y": np.full(1284, np.nan)}, "found 0 common vertices"),
            ({"mask": np.ones(1284)}, "mask: found float64"),
            ({"spheres": None}, "arrays without a space"),
            ({"spheres": None, "space": "fsLR-33k"}, "space"),
        ],
    )
    def test_is_refused(self, toy_spheres, maps, change, says):
        """What was found and what was expected."""
        arguments = {"x": maps[0], "y": maps[1], "n_spins": 19, "spheres": toy_spheres, **change}
        with pytest.raises(InputError, match=says):
            spin_correlation(arguments.pop("x"), arguments.pop("y"), **arguments)

    def test_maps_of_different_spaces(self):
        """The space counts, not the number of vertices."""
        x = SurfaceMap(np.ones(163842), Space("fsLR", "164k"), hemispheres=("L",))
        y = SurfaceMap(np.ones(163842), Space("bigbrain", "164k"), hemispheres=("L",))
        with pytest.raises(InputError, match=r"fsLR-164k, hemispheres L and bigbrain-164k"):
            spin_correlation(x, y)

    def test_a_region_that_a_spin_covers(self, toy_spheres, maps):
        """A region that meets nothing of itself under a spin is refused, and the spin named."""
        region = medial_wall(toy_spheres, cosine=0.95)
        with pytest.raises(InputError, match=r"spin \d+: found \d common vertices.*small region"):
            spin_correlation(
                *(np.nan_to_num(m) + np.arange(1284) for m in maps),
                mask=region,
                n_spins=19,
                spheres=toy_spheres,
            )

    def test_zeros_of_an_unmarked_medial_wall_are_warned_about(self, toy_spheres, maps):
        """Zeros are values, and many of them a likely mistake; a map of 0 and 1 is none."""
        x = np.nan_to_num(maps[0])
        y = np.nan_to_num(maps[1], nan=1.0)
        with pytest.warns(CytosurfWarning, match=r"x is exactly 0 at 122 of 1,284 vertices"):
            spin_correlation(x, y, n_spins=19, spheres=toy_spheres)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            spin_correlation((x > 0).astype(float), y, n_spins=19, spheres=toy_spheres)

    def test_too_few_spins_are_warned_about(self, toy_spheres, maps):
        """18 spins cannot reach 0.05."""
        with pytest.warns(CytosurfWarning, match="at least 19 spins"):
            spin_correlation(*maps, n_spins=18, spheres=toy_spheres)
