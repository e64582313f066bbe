"""Calibration tests random features as real ones are tested, and counts honestly."""

import dataclasses

import numpy as np
import pytest
from sklearn.metrics import f1_score

from cytosurf.decoding.crossval import UNLABELLED, decode_labels, make_decoder
from cytosurf.decoding.folds import Folds
from cytosurf.errors import CytosurfWarning
from cytosurf.nulls.calibrate import (
    DECIDED,
    CalibrationPlan,
    attainable_rate,
    calibrate_sets,
    case_features,
    rejection_rates,
)
from cytosurf.nulls.eigenmodes import cortex_modes
from cytosurf.nulls.pvalues import clopper_pearson
from cytosurf.nulls.random_fields import SurfaceSmoother, planted_signal, random_features
from cytosurf.nulls.rotations import spin_rotations
from cytosurf.nulls.spins import SpinAssigner
from cytosurf.nulls.surrogates import feature_spectrum, surrogate_features
from tests import toy
from tests.unit.nulls.oracles import brute_force

K = 3
N = 162  # vertices of a hemisphere


@pytest.fixture(scope="module")
def spheres():
    """Make a left sphere of 162 vertices and its mirror image."""
    left = toy.icosphere(2)
    return {"L": left, "R": toy.mirrored(left)}


@pytest.fixture(scope="module")
def plan(spheres):
    """Return the calibration of three bands, alike left and right, in four folds."""
    points = np.concatenate([spheres[h].vertices for h in "LR"]).astype(np.float64)
    wall = np.abs(points[:, 0]) < 35
    label = np.digitize(points[:, 1] + points[:, 2] / 2, [-40, 20]).astype(np.int16)
    label[wall] = UNLABELLED
    # Blocks are quarters of a hemisphere; mirror images share a fold no more than elsewhere.
    quarter = (points[:, 1:] > 0) @ [1, 2]
    block = quarter + 4 * (points[:, 0] > 0)
    fold = (quarter + (points[:, 0] > 0)) % 4
    return CalibrationPlan(
        surfaces=spheres,
        valid=~wall,
        label=label,
        n_classes=K,
        n_planted=K,
        folds=Folds(np.where(wall, -1, block), np.where(wall, -1, fold)),
        baseline=points[:, :1],
        position=points[:, 1:2],
        assigner=SpinAssigner(spheres),
        policies=("independent", "mirrored"),
        nulls=("labels", "features"),
        symmetries=("independent", "correlated", "symmetric"),
        modes=None,
        smoothness_mm=60.0,
        n_columns=2,
        effect=0.4,
        n_spins=3,
        seed=5,
    )


def mean_f1(features, label, folds):
    """Return scikit-learn's macro-F1 of each fold, averaged."""
    prediction = decode_labels(make_decoder(features, folds), label, K).prediction
    tested = [folds.test(k) & (label >= 0) for k in range(folds.n_folds)]
    return np.mean([f1_score(label[t], prediction[t], average="macro") for t in tested if t.any()])


def by_hand(plan, spheres, x, k, policy):
    """Return label spins' score and difference, and feature spins' difference and increment."""
    index = np.arange(2 * N)
    if k is not None:
        turns = spin_rotations(5, k, policy)
        left, right = (brute_force(spheres[h].vertices, turns[h]) for h in "LR")
        index = np.r_[left, right + N]
    spun = plan.label[index]
    kept = np.where(plan.valid[index], plan.label, UNLABELLED)
    score = mean_f1(x, spun, plan.folds)
    moved = np.where(plan.valid[index][:, None], x[index], x[plan.valid].mean(axis=0))
    together = mean_f1(np.hstack([plan.position, moved]), kept, plan.folds)
    return [
        score,
        score - mean_f1(plan.baseline, spun, plan.folds),
        mean_f1(moved, kept, plan.folds) - mean_f1(plan.baseline, kept, plan.folds),
        together - mean_f1(plan.position, kept, plan.folds),
    ]


def test_every_statistic_equals_plain_loops(plan, spheres):
    """Set 1 has draws 39 to 77, as far as they are needed: the third that exceeds decides."""
    plan = dataclasses.replace(plan, n_spins=39, symmetries=("symmetric",))
    ((number, statistic),) = calibrate_sets(plan, [1])
    assert number == 1
    assert statistic.shape == (2, 2, 4, 40)
    assert plan.tests == [
        *(("labels", s) for s in ("macro_f1", "macro_f1 difference")),
        *(("features", s) for s in ("macro_f1 difference", "increment")),
    ]
    smoothers = {h: SurfaceSmoother(mesh, 60.0) for h, mesh in spheres.items()}
    random = random_features(smoothers, 5, 1, 2)["symmetric"]
    rows = np.flatnonzero(plan.label >= 0)
    signal = planted_signal(smoothers, plan.label, [2, 0], rows)  # columns 2 and 3 of the cycle
    features = [random, 0.4 * signal + np.sqrt(1 - 0.4**2) * random]
    for r, policy in enumerate(plan.policies):
        for i, x in enumerate(features):
            exceed = np.zeros(4, int)
            for column, k in enumerate([None, *range(39, 47)]):
                expected = np.array(by_hand(plan, spheres, x, k, policy))
                expected[exceed > 1] = DECIDED  # p = 2 / 40 is the largest that rejects
                np.testing.assert_allclose(statistic[i, r, :, column], expected, atol=1e-9)
                if k is not None:
                    exceed += expected >= statistic[i, r, :, 0] - 1e-12
    drawn = (statistic[..., 1:] != DECIDED).sum(axis=-1)
    assert drawn.min() < 39 or drawn.max() == 39
    exceed = (statistic[..., 1:] >= statistic[..., :1] - 1e-12).sum(axis=-1)
    np.testing.assert_array_equal(exceed[drawn < 39], 2)
    assert (exceed[drawn == 39] <= 2).all()


def test_surrogates_are_those_of_their_module(plan, spheres):
    """The same features are made anew, and decoded where they have modes."""
    with pytest.warns(CytosurfWarning, match="left out"):  # the wall cuts each sphere in two
        modes = cortex_modes(spheres, plan.valid, degree=2, mirrored=True)
    plan = dataclasses.replace(
        plan, nulls=("surrogates",), modes=modes, n_spins=19, symmetries=("symmetric",), effect=0.0
    )
    ((_, statistic),) = calibrate_sets(plan, [2])
    assert plan.tests == [("surrogates", "macro_f1 difference"), ("surrogates", "increment")]
    smoothers = {h: SurfaceSmoother(mesh, 60.0) for h, mesh in spheres.items()}
    spectrum = feature_spectrum(random_features(smoothers, 5, 2, 2)["symmetric"], modes)
    label = np.where(spectrum.valid, plan.label, UNLABELLED)
    drawn = surrogate_features(spectrum, plan.assigner, 5, 38, "mirrored")
    for x, column in ((random_features(smoothers, 5, 2, 2)["symmetric"], 0), (drawn, 1)):
        expected = [
            mean_f1(x, label, plan.folds) - mean_f1(plan.baseline, label, plan.folds),
            mean_f1(np.hstack([plan.position, x]), label, plan.folds)
            - mean_f1(plan.position, label, plan.folds),
        ]
        np.testing.assert_allclose(statistic[0, 1, :, column], expected, atol=1e-9)


def test_sets_stand_alone(plan):
    """A set is the same with or without others before it, and has spins and fields of its own."""
    both = dict(calibrate_sets(plan, [4, 0]))
    assert list(both) == [4, 0]
    ((_, alone),) = calibrate_sets(plan, [0])
    np.testing.assert_array_equal(both[0], alone)
    assert not np.array_equal(both[4], both[0])


def test_cases(plan):
    """The effect and spheres decide what is tested."""
    null = [("random", s) for s in ("independent", "correlated", "symmetric")]
    assert plan.cases == [*null, *(("planted", s) for _, s in null)]
    assert dataclasses.replace(plan, effect=0.0).cases == null
    one = dataclasses.replace(plan, assigner=SpinAssigner({"L": plan.surfaces["L"]}))
    assert one.cases == [("random", "independent"), ("planted", "independent")]
    few = dataclasses.replace(plan, symmetries=("symmetric", "independent"), effect=0.0)
    assert few.cases == [null[0], null[2]]


def test_a_full_effect_is_the_signal_alone(plan):
    """And random features never see the labels."""
    smoothers = {h: SurfaceSmoother(mesh, 60.0) for h, mesh in plan.surfaces.items()}
    full = case_features(dataclasses.replace(plan, effect=1.0), smoothers, 0)
    np.testing.assert_array_equal(full[3], full[5])
    other = dataclasses.replace(plan, label=np.roll(plan.label, 7))
    again = case_features(other, smoothers, 0)
    for a, b in zip(case_features(plan, smoothers, 0)[:3], again[:3], strict=True):
        np.testing.assert_array_equal(a, b)


def test_rates_count_sets(plan):
    """A set rejects where (b + 1) / (n + 1) <= 0.05; spins without a score count as exceeding."""
    plan = dataclasses.replace(plan, effect=0.0, nulls=("labels",))
    statistics = []
    for s in range(8):
        table = np.zeros((3, 2, 2, 40))
        table[..., 0] = 1.0
        table[0, 0, 0, 1 : 1 + s] = 1.0  # p = (s + 1) / 40: 0.05 for s = 1
        table[1, 1, 1, 5] = np.nan if s < 3 else 0.0
        table[1, 1, 1, 6] = 2.0 if s < 2 else 0.0
        statistics.append(table)
    rates = rejection_rates(plan, statistics)
    assert len(rates) == 3 * 2 * 2
    of = {(r.symmetry, r.statistic, r.rotation): r for r in rates}
    first = of["independent", "macro_f1", "independent"]
    assert (first.n_sets, first.n_rejected, first.rate) == (8, 2, 0.25)
    assert first.ci95 == clopper_pearson(2, 8)
    assert (first.kind, first.mean_observed) == ("random", 1.0)
    assert of["correlated", "macro_f1 difference", "mirrored"].n_rejected == 6
    assert of["symmetric", "macro_f1", "mirrored"].rate == 1.0


@pytest.mark.parametrize(
    ("n_spins", "rate"), [(19, 0.05), (39, 0.05), (99, 0.05), (50, 2 / 51), (10, 0.0)]
)
def test_attainable_rate(n_spins, rate):
    """How many of the n + 1 ranks are at or below 0.05."""
    assert attainable_rate(n_spins) == pytest.approx(rate)


def test_it_sees_what_is_wrong(plan):
    """Symmetric labels and features: independent rotations reject far too often, mirrored not."""
    plan = dataclasses.replace(
        plan, nulls=("labels",), effect=0.0, n_spins=19, smoothness_mm=40.0, n_columns=4
    )
    statistics = [statistic for _, statistic in calibrate_sets(plan, range(20))]
    rates = {
        r.rotation: r
        for r in rejection_rates(plan, statistics)
        if (r.symmetry, r.statistic) == ("symmetric", "macro_f1")
    }
    assert rates["independent"].ci95[0] > 0.05
    assert rates["mirrored"].ci95[0] < 0.05
    assert rates["mirrored"].rate < rates["independent"].rate / 2


def test_it_finds_a_planted_effect(plan):
    """Features that are mostly the labels are found in nearly every set."""
    plan = dataclasses.replace(plan, nulls=("labels",), effect=0.9, n_spins=19)
    statistics = [statistic for _, statistic in calibrate_sets(plan, range(8))]
    rates = {
        (r.kind, r.symmetry, r.statistic, r.rotation): r.rate
        for r in rejection_rates(plan, statistics)
    }
    assert rates["planted", "symmetric", "macro_f1", "mirrored"] >= 0.75
    assert rates["random", "independent", "macro_f1", "mirrored"] <= 0.5
