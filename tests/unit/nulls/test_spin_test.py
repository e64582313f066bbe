"""The spin test fits everything anew for each spin, and each spin stands alone."""

import dataclasses
import warnings
from itertools import pairwise

import numpy as np
import pytest

from cytosurf.decoding.crossval import (
    UNLABELLED,
    count_labels,
    decode_labels,
    make_decoder,
)
from cytosurf.decoding.folds import Folds
from cytosurf.decoding.marginals import marginals
from cytosurf.decoding.scores import macro_f1
from cytosurf.errors import InputError
from cytosurf.nulls import spin_test as module
from cytosurf.nulls.rotations import spin_rotations
from cytosurf.nulls.spin_test import (
    SpinTest,
    can_be_decoded,
    run_spins,
    spin_label,
)
from cytosurf.nulls.spins import SpinAssigner
from cytosurf.nulls.statistics import fold_mean_macro_f1
from tests.unit.nulls.oracles import brute_force

POLICIES = ["independent", "mirrored"]
K = 3
PARTS = ("spins", "kept", "distinct", "evaluated", "correct", "unconverged")


@pytest.fixture(scope="module")
def spin_setup(toy_spheres):
    """Return a spin test of two feature sets on 2 x 642 vertices, its folds, and the features."""
    points = np.concatenate([mesh.vertices for mesh in toy_spheres.values()]).astype(np.float64)
    wall = np.abs(points[:, 0]) < 45  # a ring, where there are no labels
    label = np.where(wall, UNLABELLED, np.digitize(points[:, 1], [-40, 30])).astype(np.int16)
    outside = np.abs(points[:, 0]) < 35  # features reach a little further
    octant = (points > 0) @ [1, 2, 4]
    folds = Folds(np.where(outside, -1, octant), np.where(outside, -1, octant % 4))
    noise = np.random.default_rng(0).normal(size=(len(points), 2))
    features = points / 100, np.column_stack([points[:, 1] / 100, points[:, 2] / 50]) + noise
    decoders = tuple(make_decoder(x, folds) for x in features)
    return SpinTest(decoders, label, K, SpinAssigner(toy_spheres), seed=5), folds, features


@pytest.fixture(scope="module")
def two_sets(spin_setup):
    """Return the spin test alone."""
    return spin_setup[0]


def assert_same(one, other):
    """Compare two chunks to the bit, types included."""
    counts = ("shape", "start", "cell", "count")
    pairs = [(getattr(one, part), getattr(other, part)) for part in PARTS]
    pairs += [(getattr(one.counts, part), getattr(other.counts, part)) for part in counts]
    for a, b in pairs:
        assert a.dtype == b.dtype
        assert np.array_equal(a, b)


@pytest.mark.parametrize("policy", POLICIES)
class TestRunSpins:
    """Some spins at once."""

    def test_a_batch_equals_a_loop(self, two_sets, policy):
        """Rows are those of the spins alone, sums are their sums, to the bit."""
        batch = run_spins(two_sets, range(3, 8), policy)
        alone = [run_spins(two_sets, [k], policy) for k in range(3, 8)]
        assert batch.spins.tolist() == [3, 4, 5, 6, 7]
        assert np.array_equal(
            batch.counts.dense(), np.concatenate([a.counts.dense() for a in alone])
        )
        for part in ("kept", "distinct"):
            assert np.array_equal(
                getattr(batch, part), np.concatenate([getattr(a, part) for a in alone])
            )
        assert np.array_equal(batch.evaluated, sum(a.evaluated for a in alone))
        assert np.array_equal(batch.correct, sum(a.correct for a in alone))

    def test_the_order_of_spins_does_not_matter(self, two_sets, policy):
        """Nor do spins that are done before in the same process."""
        forth = run_spins(two_sets, [2, 9, 4], policy)
        run_spins(two_sets, [100], policy)
        back = run_spins(two_sets, iter([4, 9, 2]), policy)
        assert back.spins.tolist() == [4, 9, 2]
        assert np.array_equal(back.counts.dense(), forth.counts.dense()[::-1])
        assert np.array_equal(back.kept, forth.kept[::-1])
        assert np.array_equal(back.evaluated, forth.evaluated)
        assert np.array_equal(back.correct, forth.correct)

    def test_feature_sets_do_not_matter_to_each_other(self, two_sets, policy):
        """Each one's counts are those of a test without the others."""
        both = run_spins(two_sets, range(3), policy)
        for j, decoder in enumerate(two_sets.decoders):
            one = run_spins(dataclasses.replace(two_sets, decoders=(decoder,)), range(3), policy)
            assert np.array_equal(one.counts.dense()[:, 0], both.counts.dense()[:, j])
            assert np.array_equal(one.correct[0], both.correct[j])
            assert np.array_equal(one.evaluated, both.evaluated)

    def test_equals_spinning_and_decoding_by_hand(self, spin_setup, toy_spheres, policy):
        """Nearest vertices by brute force, labels moved, everything decoded with the same folds."""
        test, folds, features = spin_setup
        n = toy_spheres["L"].n_vertices
        evaluated, correct = np.zeros(2 * n, int), np.zeros((2, 2 * n), int)
        chunk = run_spins(test, range(4), policy)
        for k in range(4):
            rotations = spin_rotations(5, k, policy)
            index = [brute_force(toy_spheres[h].vertices, rotations[h]) for h in "LR"]
            label = np.concatenate([test.label[:n][index[0]], test.label[n:][index[1]]])
            tested = folds.mask & (label >= 0)
            evaluated += tested
            assert chunk.kept[k] == pytest.approx(tested.sum() / folds.mask.sum())
            sources = len(np.unique(index[0])) + len(np.unique(index[1]))
            assert chunk.distinct[k] == pytest.approx(sources / (2 * n))
            for j, x in enumerate(features):
                result = decode_labels(make_decoder(x, folds), label, K)
                assert np.array_equal(chunk.counts.dense()[k, j], result.counts)
                correct[j] += tested & (result.prediction == label)
        assert np.array_equal(chunk.evaluated, evaluated)
        assert np.array_equal(chunk.correct, correct)

    def test_sums_agree_with_counts(self, two_sets, policy):
        """What was tested and right, counted by vertex or by class, is the same."""
        chunk = run_spins(two_sets, range(4), policy)
        for j in range(2):
            assert chunk.counts.dense()[:, j].sum() == chunk.evaluated.sum()
            hits = np.trace(chunk.counts.dense()[:, j], axis1=-2, axis2=-1)
            assert hits.sum() == chunk.correct[j].sum()
        rows = two_sets.decoders[0].rows
        outside = np.setdiff1d(np.arange(len(two_sets.label)), rows)
        assert not chunk.evaluated[outside].any()
        assert (chunk.correct <= chunk.evaluated).all()
        assert chunk.kept * len(rows) == pytest.approx(
            chunk.counts.dense()[:, 0].sum(axis=(1, 2, 3))
        )

    def test_types_and_shapes(self, two_sets, policy):
        """As promised, also without a spin."""
        for n in (0, 2):
            chunk = run_spins(two_sets, range(n), policy)
            assert (chunk.spins.shape, chunk.spins.dtype) == ((n,), np.int64)
            assert (chunk.counts.dense().shape, chunk.counts.dense().dtype) == (
                (n, 2, 4, K, K),
                np.int32,
            )
            assert (chunk.kept.shape, chunk.distinct.shape) == ((n,), (n,))
            assert (chunk.evaluated.shape, chunk.evaluated.dtype) == ((1284,), np.int32)
            assert (chunk.correct.shape, chunk.correct.dtype) == ((2, 1284), np.int32)

    def test_seeds_and_spins_differ(self, two_sets, policy):
        """No two spins are alike, and another seed gives others."""
        labels = [spin_label(two_sets, k, policy)[0] for k in range(5)]
        assert all(not np.array_equal(a, b) for a, b in pairwise(labels))
        other = dataclasses.replace(two_sets, seed=6)
        assert not np.array_equal(spin_label(other, 0, policy)[0], labels[0])

    def test_it_is_deterministic(self, two_sets, policy):
        """The same spins give the same bits."""
        assert_same(run_spins(two_sets, [1, 2], policy), run_spins(two_sets, [1, 2], policy))


class TestLabels:
    """What is spun."""

    def test_the_identity_gives_the_observed_counts(self, two_sets, monkeypatch):
        """Observed and null are computed by the same code."""
        identity = {"L": np.eye(3), "R": np.eye(3)}
        monkeypatch.setattr(module, "spin_rotations", lambda *_: identity)
        chunk = run_spins(two_sets, [0], "mirrored")
        for j, decoder in enumerate(two_sets.decoders):
            observed = decode_labels(decoder, two_sets.label, K)
            assert np.array_equal(chunk.counts.dense()[0, j], observed.counts)
            right = (observed.prediction >= 0) & (observed.prediction == two_sets.label)
            assert np.array_equal(chunk.correct[j], right)
        assert chunk.distinct.tolist() == [1]
        labelled = two_sets.label[two_sets.decoders[0].rows] >= 0
        assert chunk.kept.tolist() == [labelled.mean()]

    def test_the_medial_wall_moves_with_the_labels(self, two_sets, toy_spheres, monkeypatch):
        """After a quarter turn from x to y, the gap in the labels lies around y = 0."""
        turn = np.array([[0.0, 1, 0], [-1, 0, 0], [0, 0, 1]])
        monkeypatch.setattr(module, "spin_rotations", lambda *_: {"L": turn, "R": turn})
        label, _ = spin_label(two_sets, 0, "independent")
        y = np.abs(np.concatenate([toy_spheres[h].vertices[:, 1] for h in "LR"]))
        assert (label[y < 35] == UNLABELLED).all()  # 45, less one edge of the mesh
        assert (label[y > 55] != UNLABELLED).all()
        chunk = run_spins(two_sets, [0], "independent")
        rows = two_sets.decoders[0].rows
        assert np.array_equal(np.flatnonzero(chunk.evaluated), rows[label[rows] != UNLABELLED])

    def test_vertices_without_an_observed_label_are_tested_after_a_spin(self, two_sets):
        """The mask, not the observed labels, says where features are: there a label may come."""
        chunk = run_spins(two_sets, range(6), "independent")
        rows = two_sets.decoders[0].rows
        unlabelled = rows[two_sets.label[rows] == UNLABELLED]
        assert len(unlabelled) > 50
        assert (chunk.evaluated[unlabelled] > 0).mean() > 0.9
        labelled = rows[two_sets.label[rows] != UNLABELLED]
        assert (chunk.evaluated[labelled] < 6).mean() > 0.5

    def test_vertices_that_only_train_are_not_evaluated(self, spin_setup):
        """From one hemisphere to the other, sums are about the tested one."""
        test, folds, features = spin_setup
        right = np.arange(1284) >= 642
        one_way = Folds(np.where(folds.mask, right, -1), np.where(folds.mask & right, 0, -1))
        decoders = tuple(make_decoder(x, one_way) for x in features)
        chunk = run_spins(dataclasses.replace(test, decoders=decoders), range(3), "mirrored")
        assert not chunk.evaluated[:642].any()
        assert not chunk.correct[:, :642].any()
        assert chunk.evaluated.sum() == chunk.counts.dense()[:, 0].sum() > 0

    def test_mirrored_spins_of_mirrored_labels_stay_mirrored(self, two_sets):
        """The symmetry of the labels survives, which is what that policy is for."""
        label = two_sets.label.copy()
        label[642:] = label[:642]
        symmetric = dataclasses.replace(two_sets, label=label)
        spun, _ = spin_label(symmetric, 3, "mirrored")
        assert np.array_equal(spun[:642], spun[642:])
        spun, _ = spin_label(symmetric, 3, "independent")
        assert (spun[:642] != spun[642:]).mean() > 0.1

    def test_a_decoder_that_knows_the_labels_beats_its_null(self, two_sets):
        """Labels that follow the features score above all their spins."""
        observed, _, _ = count_labels(two_sets.decoders[0], two_sets.label, K)
        null = fold_mean_macro_f1(run_spins(two_sets, range(19), "independent").counts.marginals())
        assert null.shape == (19, 2)
        assert fold_mean_macro_f1(observed) > null[:, 0].max()

    def test_fits_that_did_not_converge_are_counted(self, two_sets):
        """Of each spin, over feature sets and folds; a spin that converged has none."""
        assert not run_spins(two_sets, range(3), "mirrored").unconverged.any()

        @dataclasses.dataclass(frozen=True)
        class Tired:
            """Gives up where the first analysed vertex has the first class, but in one fold."""

            fitter: object

            def start(self, label, rows):
                return [], label[0] == 0, self.fitter.start(label, rows)

            def fit(self, label, train, test, state):
                before, gives_up, inner = state
                before.append(train)
                fit = self.fitter.fit(label, train, test, inner)
                return dataclasses.replace(fit, converged=not gives_up or len(before) == 1)

        first, second = two_sets.decoders
        tired = dataclasses.replace(second, fitter=Tired(second.fitter))
        test = dataclasses.replace(two_sets, decoders=(first, tired))
        found = run_spins(test, range(6), "mirrored").unconverged
        hit = [spin_label(test, k, "mirrored")[0][first.rows[0]] == 0 for k in range(6)]
        assert 0 < sum(hit) < 6
        assert found.tolist() == [3 * h for h in hit]

    def test_a_mask_that_the_medial_wall_covers(self, spin_setup):
        """A spin that leaves nothing to decode has no counts, and changes nothing of the others."""
        test, _, features = spin_setup
        few = np.where(np.arange(1284) % 107 == 0, np.arange(1284) // 642, -1)
        decoders = tuple(make_decoder(x, Folds(few, few)) for x in features)
        small = dataclasses.replace(test, decoders=decoders)
        chunk = run_spins(small, range(20), "independent")
        statistic = fold_mean_macro_f1(chunk.counts.marginals())
        lost = np.isnan(statistic)
        assert np.array_equal(lost[:, 0], lost[:, 1])
        assert 0 < lost[:, 0].sum() < 20
        rows = decoders[0].rows
        for k in range(20):
            label = spin_label(small, k, "independent")[0][rows]
            present = [set(label[few[rows] == fold]) - {UNLABELLED} for fold in (0, 1)]
            assert lost[k, 0] == (not all(present) or len(set.union(*present)) < 2)
            assert chunk.kept[k] == (label >= 0).mean()
            alone = run_spins(small, [k], "independent")
            assert np.array_equal(alone.counts.dense()[0], chunk.counts.dense()[k])
        assert chunk.counts.dense()[lost[:, 0]].sum() == 0
        assert chunk.evaluated.sum() == chunk.counts.dense()[:, 0].sum()

    def test_labels_that_are_nowhere(self, two_sets):
        """Without any label no spin can be decoded, which is not an error."""
        none = dataclasses.replace(two_sets, label=np.full(1284, UNLABELLED, np.int16))
        chunk = run_spins(none, range(2), "mirrored")
        assert np.isnan(fold_mean_macro_f1(chunk.counts.marginals())).all()
        assert chunk.kept.tolist() == [0, 0]

    def test_refuses_labels_of_another_length(self, two_sets):
        """There is one for each vertex of the spheres."""
        short = dataclasses.replace(two_sets, label=two_sets.label[:-1])
        with pytest.raises(InputError, match="labels to spin"):
            run_spins(short, [0], "mirrored")


class TestFoldMeanMacroF1:
    """The statistic."""

    def test_is_the_mean_over_folds(self):
        """For any leading dimensions."""
        counts = np.random.default_rng(0).integers(0, 9, (3, 2, 5, 4, 4))
        statistic = fold_mean_macro_f1(counts)
        assert statistic.shape == (3, 2)
        for i in range(3):
            for j in range(2):
                expected = np.mean([macro_f1(fold) for fold in counts[i, j]])
                assert statistic[i, j] == pytest.approx(expected)

    def test_leaves_folds_out_in_which_nothing_was_tested(self):
        """They have no score to average."""
        counts = np.array([np.eye(2, dtype=int), np.zeros((2, 2), int), [[0, 1], [1, 0]]])
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert fold_mean_macro_f1(counts) == 0.5

    def test_is_nan_where_no_fold_was_tested(self):
        """Without a warning; from counts and from their marginals alike."""
        counts = np.random.default_rng(0).integers(0, 9, (3, 5, 4, 4))
        counts[1] = 0
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            statistic = fold_mean_macro_f1(counts)
        assert np.isnan(statistic).tolist() == [False, True, False]
        same = fold_mean_macro_f1(marginals(counts))
        assert np.array_equal(same, statistic, equal_nan=True)


class TestCanBeDecoded:
    """What a spin must leave."""

    TRAIN = np.array([[1, 1, 0, 0, 0], [0, 0, 1, 1, 0]], bool)
    TEST = np.array([[0, 0, 1, 0, 1], [1, 0, 0, 0, 1]], bool)

    @pytest.mark.parametrize(
        ("label", "expected"),
        [
            ([0, 1, 0, 1, 0], True),
            ([0, -1, 1, -1, -1], True),
            ([2, 2, 2, 2, 2], False),  # a single class
            ([0, 1, -1, -1, 0], False),  # nothing to train on in the second fold
            ([-1, 0, -1, 1, -1], False),  # nothing to test
            ([-1, -1, -1, -1, -1], False),
        ],
    )
    def test_two_classes_a_training_vertex_in_each_fold_and_one_to_test(self, label, expected):
        """Each of the three is needed."""
        assert can_be_decoded(np.array(label), self.TRAIN, self.TEST) is expected
