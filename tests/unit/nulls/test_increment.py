"""The increment test: features are spun, position stays, both are scored on the same vertices."""

import dataclasses
import warnings

import numpy as np
import pytest
from sklearn.metrics import f1_score

from cytosurf.decoding.crossval import UNLABELLED, count_labels, decode_labels, make_decoder
from cytosurf.decoding.folds import Folds
from cytosurf.errors import CytosurfWarning, InputError
from cytosurf.nulls.eigenmodes import cortex_modes
from cytosurf.nulls.feature_nulls import filled
from cytosurf.nulls.increment import IncrementData, run_increment_test
from cytosurf.nulls.pvalues import SpinPValue, clopper_pearson
from cytosurf.nulls.rotations import spin_rotations
from cytosurf.nulls.spin_test import SpinTest, run_spins
from cytosurf.nulls.spins import SpinAssigner
from cytosurf.nulls.statistics import fold_mean_macro_f1
from cytosurf.nulls.surrogates import feature_spectrum, surrogate_features
from cytosurf.surfaces.mesh import Mesh
from tests.unit.nulls.oracles import brute_force

K = 3


@pytest.fixture(scope="module")
def data(toy_spheres):
    """Return three bands, two noisy features that know of them, and position that knows half."""
    points = np.concatenate([mesh.vertices for mesh in toy_spheres.values()]).astype(np.float64)
    unit = points / 100
    wall = np.abs(unit[:, 0]) < 0.35  # a ring, where features have no values
    label = np.digitize(unit[:, 1] + 0.4 * np.sin(5 * unit[:, 2]), [-0.4, 0.3])
    label[np.abs(unit[:, 0]) < 0.45] = UNLABELLED
    octant = (points > 0) @ [1, 2, 4]
    folds = Folds(np.where(wall, -1, octant), np.where(wall, -1, octant % 4))
    noise = np.random.default_rng(0).normal(size=(len(points), 2))
    features = np.stack([label == 0, label == 2], axis=1) + 0.5 * noise
    features[wall] = np.nan  # nothing must look there
    return IncrementData(features, ~wall, unit[:, 1:2], label, K, folds, SpinAssigner(toy_spheres))


def mean_f1(features, label, folds):
    """Return scikit-learn's macro-F1 of each fold, averaged."""
    prediction = decode_labels(make_decoder(features, folds), label, K).prediction
    tested = [folds.test(k) & (label >= 0) for k in range(folds.n_folds)]
    scores = [f1_score(label[t], prediction[t], average="macro") for t in tested if t.any()]
    return np.mean(scores)


def by_hand(data, spheres, seed, k, policy):
    """Return the statistic and the kept share of a spin, with folds cut down to what is kept."""
    n = spheres["L"].n_vertices
    if k is None:
        index = np.arange(2 * n)
    else:
        turns = spin_rotations(seed, k, policy)
        left, right = (brute_force(spheres[h].vertices, turns[h]) for h in "LR")
        index = np.r_[left, right + n]
    kept = data.folds.mask & data.valid[index]
    folds = Folds(np.where(kept, data.folds.block, -1), np.where(kept, data.folds.fold, -1))
    spun = np.zeros_like(data.features)
    for i in np.flatnonzero(kept):
        spun[i] = data.features[index[i]]
    together = mean_f1(np.hstack([data.position, spun]), data.label, folds)
    share = (kept & (data.label >= 0)).sum() / (data.folds.mask & (data.label >= 0)).sum()
    return together, mean_f1(data.position, data.label, folds), share


class TestAgainstPlainLoops:
    """Every number is that of decoding anew, with folds that hold the kept vertices alone."""

    @pytest.mark.parametrize("rotation", ["mirrored", "independent"])
    def test_each_spin(self, data, toy_spheres, rotation):
        """All columns and the mask move by one rotation; labels, position and folds stay."""
        result = run_increment_test(data, 19, seed=5, rotation=rotation)
        together, alone, _ = by_hand(data, toy_spheres, 5, None, rotation)
        assert (result.score, result.score_position) == pytest.approx((together, alone), abs=1e-12)
        assert result.observed == pytest.approx(together - alone, abs=1e-12)
        for k in range(0, 19, 3):
            together, alone, kept = by_hand(data, toy_spheres, 5, k, rotation)
            # One vertex on the line between two classes is allowed to differ.
            assert result.null[k] == pytest.approx(together - alone, abs=2e-3)
            assert result.kept[k] == pytest.approx(kept, abs=1e-12)
        assert 0.3 < result.kept.min() < result.kept.max() < 1

    def test_the_baseline_is_refitted_on_what_is_kept(self, data, toy_spheres):
        """It changes from spin to spin, so the null is not the joint score less a constant."""
        alone = [by_hand(data, toy_spheres, 5, k, "mirrored")[1] for k in range(4)]
        assert np.ptp(alone) > 0.01

    def test_p_value_counts_spins(self, data):
        """B spins at least as large, p = (b + 1) / (n + 1), with its interval."""
        noise = np.random.default_rng(3).normal(size=data.features.shape)
        result = run_increment_test(dataclasses.replace(data, features=noise), 39)
        b = int((result.null >= result.observed).sum())
        assert 0 < b < 39
        assert (result.exceed, result.n_spins, result.p) == (b, 39, (b + 1) / 40)
        assert result.p_ci95 == clopper_pearson(b, 39)

    def test_what_it_says_of_itself(self, data):
        """Names, columns, vertices and how it was done."""
        result = run_increment_test(data, 19, seed=7, names=("stain", "front", "bands"))
        assert (result.features, result.position, result.target) == ("stain", "front", "bands")
        assert (result.n_features, result.n_position) == (2, 1)
        assert result.n_vertices == (data.label >= 0).sum()
        assert (result.rotation, result.seed, result.null.shape) == ("mirrored", 7, (19,))
        with pytest.raises(dataclasses.FrozenInstanceError):
            result.p = 0.0


class TestWhatItConcludes:
    """Features that add are found; features that hold position and no more are not."""

    def test_features_that_know_more(self, data):
        """No rotation of them does as well."""
        result = run_increment_test(data, 19)
        assert result.observed > 0.1
        assert result.p == 0.05

    def test_features_that_repeat_position(self, data):
        """They add nothing, and any rotation of them adds more; spun labels cannot tell this."""
        features = np.hstack([data.position, data.position**3])
        result = run_increment_test(
            dataclasses.replace(data, features=features, position=features), 19
        )
        assert abs(result.observed) < 0.02
        assert result.p > 0.5
        labels = data.label.astype(np.int16)
        decoder = make_decoder(features, data.folds)
        test = SpinTest((decoder,), labels, K, data.assigner, seed=0)
        null = fold_mean_macro_f1(run_spins(test, range(19), "mirrored").counts.dense())[:, 0]
        score = fold_mean_macro_f1(count_labels(decoder, labels, K)[0])
        assert SpinPValue.from_null(float(score), null).p == 0.05


class TestSurrogates:
    """Features made anew instead of spun."""

    @pytest.fixture
    def with_modes(self, data, toy_spheres):
        """Return the data with modes; the ring cuts spheres in two, of which one half has them."""
        with pytest.warns(CytosurfWarning, match="are left out by surrogates: they are not conn"):
            modes = cortex_modes(toy_spheres, data.valid, degree=5, mirrored=True)
        return dataclasses.replace(data, modes=modes)

    @pytest.mark.parametrize("rotation", ["mirrored", "independent"])
    @pytest.mark.parametrize("statistic", ["increment", "difference"])
    def test_each_draw(self, with_modes, rotation, statistic):
        """Is decoded as real features are, on the vertices with modes."""
        data = with_modes
        result = run_increment_test(
            data, 19, seed=4, rotation=rotation, null="surrogates", statistic=statistic
        )
        spectrum = feature_spectrum(data.features, data.modes)
        label = np.where(spectrum.valid, data.label, UNLABELLED)
        alone = mean_f1(data.position, label, data.folds)
        assert result.score_position == pytest.approx(alone)
        real = np.where(spectrum.valid[:, None], data.features, 0)
        drawn = [surrogate_features(spectrum, data.assigner, 4, k, rotation) for k in (0, 7)]
        values = []
        for x in [real, *drawn]:
            design = x if statistic == "difference" else np.hstack([data.position, x])
            values.append(mean_f1(design, label, data.folds) - alone)
        assert result.observed == pytest.approx(values[0], abs=2e-3)
        np.testing.assert_allclose(result.null[[0, 7]], values[1:], atol=2e-3)
        assert (result.family, result.statistic) == ("surrogates", statistic)
        expected = spectrum.valid[data.label >= 0].mean()
        np.testing.assert_allclose(result.kept, expected)
        assert expected == pytest.approx(0.5)

    def test_how_they_were_made(self, with_modes):
        """Modes, size of the mesh, shortest wave and what it holds."""
        made = run_increment_test(with_modes, 19, null="surrogates").surrogates
        assert made.n_modes == 35
        assert made.n_vertices == tuple(len(m.rows) for m in with_modes.modes.values())
        assert made.wavelength_mm == with_modes.modes["L"].wavelength_mm
        assert 0.05 < made.share < 0.95
        assert run_increment_test(with_modes, 19).surrogates is None

    def test_they_conclude_as_spins_do(self, with_modes):
        """Features that know more are found, a copy of position is not."""
        assert run_increment_test(with_modes, 19, null="surrogates").p == 0.05
        copy = np.hstack([with_modes.position, with_modes.position**3])
        same = dataclasses.replace(with_modes, features=copy, position=copy)
        assert run_increment_test(same, 19, null="surrogates").p > 0.3

    @pytest.mark.slow
    def test_number_of_processes(self, with_modes):
        """One or two, the same bits."""
        one, two = (
            run_increment_test(with_modes, 19, jobs=jobs, null="surrogates") for jobs in (1, 2)
        )
        np.testing.assert_array_equal(one.null, two.null)

    def test_bad_input(self, data, with_modes):
        """Unknown names, and surrogates without modes."""
        with pytest.raises(InputError, match="null: found 'moran'"):
            run_increment_test(with_modes, 19, null="moran")
        with pytest.raises(InputError, match="statistic: found 'score'"):
            run_increment_test(with_modes, 19, statistic="score")
        with pytest.raises(InputError, match="null: found surrogates without modes"):
            run_increment_test(data, 19, null="surrogates")


class TestWhatDoesNotMatter:
    """Invariances."""

    def test_number_of_spins(self, data):
        """Spin k is the same among 19 and among 25, and another with another seed."""
        few, many = run_increment_test(data, 19), run_increment_test(data, 25)
        np.testing.assert_array_equal(many.null[:19], few.null)
        np.testing.assert_array_equal(many.kept[:19], few.kept)
        assert not np.array_equal(run_increment_test(data, 19, seed=1).null, few.null)

    @pytest.mark.slow
    def test_number_of_processes(self, data):
        """One or two, the same bits."""
        one, two = (run_increment_test(data, 19, jobs=jobs) for jobs in (1, 2))
        np.testing.assert_array_equal(one.null, two.null)

    def test_values_outside_the_mask_and_units(self, data):
        """Nothing looks at values that are not valid; offset and unit of a column are free."""
        expected = run_increment_test(data, 19)
        features = np.where(data.valid[:, None], 1e-3 * data.features + 1e4, -1e9)
        again = run_increment_test(dataclasses.replace(data, features=features), 19)
        np.testing.assert_allclose(again.null, expected.null, atol=2e-3)
        assert again.p == expected.p

    def test_inputs_are_left_alone(self, data):
        """The caller's features are not written to."""
        before = data.features.copy()
        filled(data.features, np.zeros(1284, np.int32), data.valid)
        run_increment_test(data, 19)
        np.testing.assert_array_equal(data.features, before)


class TestBadInput:
    """Each mistake has its message."""

    def test_no_spins(self, data):
        """There is nothing to compare with."""
        with pytest.raises(InputError, match="--spins: found 0"):
            run_increment_test(data, 0)

    def test_few_spins_are_warned_about(self, data):
        """They cannot give a small p."""
        with pytest.warns(CytosurfWarning, match="5 spins cannot give p <= 0.05"):
            run_increment_test(data, 5)

    def test_mirrored_spins_of_other_spheres(self, data, toy_spheres):
        """They are refused before anything is fitted."""
        right = toy_spheres["R"]
        spheres = {"L": toy_spheres["L"], "R": Mesh(right.vertices[:, [1, 2, 0]], right.faces)}
        other = dataclasses.replace(data, assigner=SpinAssigner(spheres))
        with pytest.raises(InputError, match="mirrored spins"):
            run_increment_test(other, 19)

    def test_labels_of_one_class(self, data):
        """There is nothing to decode."""
        label = np.where(data.label >= 0, 1, UNLABELLED)
        with pytest.raises(InputError, match="bands: found labels without two classes"):
            run_increment_test(
                dataclasses.replace(data, label=label), 19, names=("stain", "front", "bands")
            )

    def test_a_spin_that_leaves_nothing_counts_as_exceeding(self, data, toy_spheres):
        """Features that are valid on a small patch: p can only get larger."""
        points = np.concatenate([mesh.vertices for mesh in toy_spheres.values()])
        patch = data.valid & (points[:, 1] > -60) & (points[:, 1] < 50) & (points[:, 2] > -50)
        block = np.where(patch, np.arange(len(points)), -1)
        spread = Folds(block, np.where(patch, block % 2, -1))
        small = dataclasses.replace(data, valid=patch, folds=spread)
        one = np.where(small.label == 1, 1, np.where(points[:, 1] > 45, 0, UNLABELLED))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CytosurfWarning)
            result = run_increment_test(dataclasses.replace(small, label=one), 40)
        lost = np.isnan(result.null)
        assert lost.any()
        assert result.exceed == lost.sum() + (result.null[~lost] >= result.observed).sum()
