"""Surrogates keep what they promise, are drawn uniformly, and depend on (seed, k) alone."""

import numpy as np
import pytest

from cytosurf.errors import InputError
from cytosurf.nulls.eigenmodes import Eigenmodes, cortex_modes
from cytosurf.nulls.random_fields import SurfaceSmoother
from cytosurf.nulls.spins import SpinAssigner
from cytosurf.nulls.surrogates import (
    feature_spectrum,
    random_orthogonal,
    surrogate_features,
    turned_modes,
)
from cytosurf.surfaces.mesh import Mesh
from tests import toy

POLICIES = ("independent", "mirrored")
N = 642


class Cortex:
    """Two bent hemispheres with a medial wall, five related features, and their spectrum."""

    def __init__(self):
        """Make everything once."""
        sphere = toy.icosphere(3)
        self.spheres = {"L": sphere, "R": toy.mirrored(sphere)}
        egg = Mesh(sphere.vertices * np.float32([0.3, 0.6, 0.4]), sphere.faces)
        self.surfaces = {"L": egg, "R": toy.mirrored(egg)}
        self.valid = np.concatenate([m.vertices[:, 0] < 15 for m in (egg, egg)])
        self.modes = cortex_modes(self.surfaces, self.valid, degree=6, mirrored=True)
        generator = np.random.default_rng(1)
        smooth = SurfaceSmoother(egg, 25.0).noise(generator, 10)
        mixed = np.concatenate([smooth[:, :5], smooth[:, 5:]]) @ generator.normal(size=(5, 5))
        self.features = mixed + 0.2 * generator.normal(size=(2 * N, 5)) + [0, 9, 0, 0, -3]
        self.features[~self.valid] = np.nan  # nothing must look there
        self.spectrum = feature_spectrum(self.features, self.modes)
        self.assigner = SpinAssigner(self.spheres)

    def draw(self, k=0, policy="mirrored", seed=3, spectrum=None):
        """Return one surrogate."""
        spectrum = self.spectrum if spectrum is None else spectrum
        return surrogate_features(spectrum, self.assigner, seed, k, policy)

    def turns(self, seed=0):
        """Return random turns of all groups."""
        generator = np.random.default_rng(seed)
        return {h: [random_orthogonal(n, generator) for n in self.modes[h].sizes] for h in "LR"}

    def moments(self, values, hemisphere):
        """Return mean and covariance over the surface of a hemisphere."""
        modes = self.modes[hemisphere]
        weight = modes.area_mm2 / modes.area_mm2.sum()
        inside = values[modes.rows]
        mean = weight @ inside
        return mean, (weight[:, None] * (inside - mean)).T @ (inside - mean)

    def roughness(self, values):
        """Return the mean squared difference along the valid edges, of each column."""
        edges = np.concatenate([m.edges() + i * N for i, m in enumerate(self.surfaces.values())])
        edges = edges[self.spectrum.valid[edges].all(axis=1)]
        return ((values[edges[:, 0]] - values[edges[:, 1]]) ** 2).mean(axis=0)


@pytest.fixture(scope="module")
def cortex():
    """Return the toy cortex of this module."""
    return Cortex()


class TestWhatIsKept:
    """Means, variances, covariances and smoothness."""

    def test_nothing_turned_is_the_features(self, cortex):
        """Modes and remainder make the whole, and each column says how much modes hold."""
        spectrum = cortex.spectrum
        same = {h: [np.eye(n) for n in cortex.modes[h].sizes] for h in "LR"}
        whole = turned_modes(spectrum, same) + spectrum.remainder
        np.testing.assert_allclose(whole[spectrum.valid], cortex.features[spectrum.valid])
        assert not whole[~spectrum.valid].any()
        assert spectrum.valid[cortex.valid].mean() > 0.98
        assert not spectrum.valid[~cortex.valid].any()
        held = turned_modes(spectrum, same)
        for column in range(5):
            left = total = 0.0
            for h in "LR":
                area = cortex.modes[h].area_mm2.sum()
                total += area * cortex.moments(cortex.features, h)[1][column, column]
                left += area * cortex.moments(cortex.features - held, h)[1][column, column]
            assert spectrum.share[column] == pytest.approx(1 - left / total)
        assert (spectrum.share > 0.7).all()
        assert (spectrum.share < 0.99).all()

    def test_modes_keep_mean_and_covariance_exactly(self, cortex):
        """Of all columns together, in each group of wavelengths."""
        spectrum = cortex.spectrum
        same = {h: [np.eye(n) for n in cortex.modes[h].sizes] for h in "LR"}
        before, after = (turned_modes(spectrum, turns) for turns in (same, cortex.turns()))
        assert np.abs(after - before)[spectrum.valid].mean() > 0.3
        for h in "LR":
            modes = cortex.modes[h]
            for a, b in zip(cortex.moments(before, h), cortex.moments(after, h), strict=True):
                np.testing.assert_allclose(b, a, rtol=1e-9, atol=1e-9)
            old, new = (modes.coefficients(v[modes.rows]) for v in (before, after))
            for end, size in zip(np.cumsum(modes.sizes), modes.sizes, strict=True):
                group = slice(end - size, end)
                np.testing.assert_allclose(
                    new[group].T @ new[group], old[group].T @ old[group], rtol=1e-9, atol=1e-9
                )

    @pytest.mark.parametrize("policy", POLICIES)
    def test_all_of_it_together(self, cortex, policy):
        """Vertex by vertex: SD within 10 %, correlations within 0.2, roughness within 30 %."""
        valid = cortex.spectrum.valid
        real = np.where(valid[:, None], cortex.features, 0)
        ratios = []
        for k in range(10):
            drawn = cortex.draw(k, policy)
            covariance, expected = (np.cov(x[valid].T) for x in (drawn, real))
            sd, expected_sd = np.sqrt(np.diag(covariance)), np.sqrt(np.diag(expected))
            np.testing.assert_allclose(sd / expected_sd, 1, atol=0.1)
            correlation = covariance / np.outer(sd, sd)
            wanted = expected / np.outer(expected_sd, expected_sd)
            np.testing.assert_allclose(correlation, wanted, atol=0.2)
            ratios.append(cortex.roughness(drawn) / cortex.roughness(real))
        np.testing.assert_allclose(np.mean(ratios, axis=0), 1, atol=0.2)
        np.testing.assert_allclose(ratios, 1, atol=0.3)

    def test_the_remainder_is_moved_whole(self, cortex):
        """Each vertex has the remainder of one vertex, all columns of it, and none goes without."""
        drawn = cortex.draw(4)
        generator_free = [cortex.draw(4, spectrum=without(cortex.spectrum)) for _ in range(2)]
        np.testing.assert_array_equal(*generator_free)
        fine = drawn - generator_free[0]
        known = {
            tuple(np.round(row, 9)) for row in cortex.spectrum.remainder[cortex.spectrum.valid]
        }
        moved = [tuple(np.round(row, 9)) for row in fine[cortex.spectrum.valid]]
        assert set(moved) <= known
        assert len(set(moved)) > 0.6 * len(known)


def without(spectrum):
    """Return a spectrum without a remainder."""
    import dataclasses

    return dataclasses.replace(spectrum, remainder=np.zeros_like(spectrum.remainder))


def test_brainspace_randomises_alike():
    """Groups of one are Moran's singletons: the same signs make the same surrogates."""
    from brainspace.null_models.moran import compute_mem, moran_randomization

    generator = np.random.default_rng(0)
    points = generator.normal(size=(40, 3))
    weight = np.exp(-np.linalg.norm(points[:, None] - points, axis=2))
    np.fill_diagonal(weight, 0)
    maps, _ = compute_mem(weight, spectrum="nonzero")
    maps = np.linalg.qr(np.column_stack([np.ones(40), maps[:, :39]]))[0][:, 1:]
    x = generator.normal([0, 5, 0], size=(40, 3))
    theirs = moran_randomization(x, maps, n_rep=4, joint=True, random_state=7)
    signs = np.random.RandomState(7).choice([-1.0, 1.0], size=(4, 39, 1))
    modes = {"L": Eigenmodes(np.arange(40), maps, np.ones(40), (1,) * 39, 1.0)}
    spectrum = feature_spectrum(x, modes)
    np.testing.assert_allclose(spectrum.share, 1, atol=1e-9)
    for i in range(4):
        ours = turned_modes(spectrum, {"L": signs[i][:, :, None]})
        np.testing.assert_allclose(ours, theirs[i], atol=1e-9)


class TestDraws:
    """How they are drawn."""

    def test_seed_and_number_alone(self, cortex):
        """Asked twice the same, otherwise others; the left one is the same under both policies."""
        np.testing.assert_array_equal(cortex.draw(5), cortex.draw(5))
        left = [
            cortex.draw(5, policy, spectrum=without(cortex.spectrum))[:N] for policy in POLICIES
        ]
        np.testing.assert_array_equal(*left)
        for other in (cortex.draw(6), cortex.draw(5, seed=4), cortex.draw(5, "independent")):
            assert np.abs(other - cortex.draw(5)).max() > 0.5

    def test_columns_do_not_matter_to_each_other(self, cortex):
        """One draw serves all columns: some of them alone are changed in the same way."""
        some = feature_spectrum(cortex.features[:, [3, 1]], cortex.modes)
        np.testing.assert_allclose(cortex.draw(2, spectrum=some), cortex.draw(2)[:, [3, 1]])

    def test_orthogonal_matrices_are_uniform(self):
        """Orthogonal, of either sign, each element with mean 0 and variance 1 / n."""
        generator = np.random.default_rng(2)
        turns = np.stack([random_orthogonal(3, generator) for _ in range(4000)])
        np.testing.assert_allclose(
            turns @ turns.transpose(0, 2, 1), np.tile(np.eye(3), (4000, 1, 1)), atol=1e-12
        )
        np.testing.assert_allclose(turns.mean(axis=0), 0, atol=0.05)
        np.testing.assert_allclose(turns.var(axis=0), 1 / 3, atol=0.03)
        assert (np.linalg.det(turns) < 0).mean() == pytest.approx(0.5, abs=0.05)

    def test_what_is_alike_left_and_right(self, cortex):
        """Stays alike under mirrored draws, and under these alone."""
        twins = np.concatenate([cortex.features[:N]] * 2)
        spectrum = feature_spectrum(twins, cortex.modes)
        left, right = np.split(cortex.draw(1, spectrum=spectrum), 2)
        np.testing.assert_allclose(left, right, atol=1e-12)
        left, right = np.split(cortex.draw(1, "independent", spectrum=spectrum), 2)
        assert np.abs(left - right).max() > 0.5

    def test_they_forget_where_features_were(self, cortex):
        """Over many draws the correlation with the real features is 0 on average."""
        valid = cortex.spectrum.valid
        r = [
            np.corrcoef(cortex.draw(k, "independent")[valid, 0], cortex.features[valid, 0])[0, 1]
            for k in range(60)
        ]
        assert abs(np.mean(r)) < 3.5 * np.std(r) / np.sqrt(60)
        assert np.std(r) > 0.05

    def test_one_hemisphere(self, cortex):
        """Has the draws that it has beside the other."""
        modes = {"R": cortex.modes["L"]}
        spectrum = feature_spectrum(cortex.features[:N], modes)
        assigner = SpinAssigner({"R": cortex.spheres["R"]})
        alone = surrogate_features(spectrum, assigner, 3, 5, "independent")
        again = surrogate_features(spectrum, assigner, 3, 5, "mirrored")
        np.testing.assert_array_equal(alone, again)
        assert alone.shape == (N, 5)


class TestBadInput:
    """Each mistake has its message."""

    def test_values_that_are_none(self, cortex):
        """Where there are modes every value must be finite."""
        features = cortex.features.copy()
        features[cortex.modes["L"].rows[7], 2] = np.inf
        with pytest.raises(InputError, match="features: found NaN or infinite"):
            feature_spectrum(features, cortex.modes)

    def test_seeds_and_numbers(self, cortex):
        """Are whole."""
        with pytest.raises(InputError, match="seed"):
            cortex.draw(0, seed=-1)
        with pytest.raises(InputError, match="spin number k"):
            cortex.draw(1.5)

    def test_mirrored_draws_of_other_spheres(self, cortex):
        """Are refused."""
        right = cortex.spheres["R"]
        turned = Mesh(right.vertices[:, [1, 2, 0]], right.faces)
        assigner = SpinAssigner({"L": cortex.spheres["L"], "R": turned})
        with pytest.raises(InputError, match="mirrored spins"):
            surrogate_features(cortex.spectrum, assigner, 0, 0, "mirrored")

    def test_a_constant_column(self, cortex):
        """Has nothing to be made anew, and stays."""
        features = cortex.features.copy()
        features[:, 0] = 4.0
        spectrum = feature_spectrum(features, cortex.modes)
        assert spectrum.share[0] == pytest.approx(0, abs=1e-9)
        drawn = cortex.draw(0, spectrum=spectrum)[spectrum.valid, 0]
        np.testing.assert_allclose(drawn, 4.0)
