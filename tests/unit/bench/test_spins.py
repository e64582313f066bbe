"""`bench spins`: our engine and scikit-learn do the same spins, and what differs is seen."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB

from cytosurf.bench import spins as room
from cytosurf.bench.spins import bench_spins, largest_difference, measure_spins
from cytosurf.errors import InputError


@pytest.fixture(scope="module")
def outcome(problem):
    """Return the benchmark on the toy cortex, in two processes."""
    return measure_spins(problem, spins=5, peer_spins=3, jobs=2)


def test_both_did_the_same_spins(outcome, problem):
    """Scores agree with scikit-learn's, and with one process to the bit."""
    assert outcome.failures == ()
    assert outcome.same_scores
    assert 0 <= outcome.score_difference < 5e-3
    assert outcome.feature_sets == {"stain": 2, "coordinates": 3}
    assert (outcome.n_classes, outcome.n_folds, outcome.seed) == (3, 3, 3)
    assert outcome.n_vertices == problem.folds.mask.sum()


def test_who_did_how_many(outcome):
    """All spins in all processes and in one; the first ones beside the peer, before and after."""
    costs = outcome.ours, outcome.single, outcome.peer, outcome.beside_peer
    assert [(c.name, c.processes, c.n_spins) for c in costs] == [
        ("cytosurf", 2, 5),
        ("cytosurf", 1, 5),
        ("scikit-learn", 2, 3),
        ("cytosurf", 2, 6),
    ]


def test_figures_follow_from_each_other(outcome):
    """Ratio, scaling and predictions are of the costs shown."""
    ours, single, peer, beside = outcome.ours, outcome.single, outcome.peer, outcome.beside_peer
    assert outcome.ratio == pytest.approx(peer.cpu_ms_mean / beside.cpu_ms_mean)
    assert outcome.scaling_wall == pytest.approx(ours.spins_per_s / single.spins_per_s)
    assert outcome.scaling_cpu == pytest.approx(2 * single.cpu_ms_mean / ours.cpu_ms_mean)
    assert outcome.seconds_10000 == pytest.approx(10_000 / ours.spins_per_s)
    assert outcome.seconds_10000_free == pytest.approx(10 * ours.cpu_ms_mean / 2)
    assert outcome.peak_memory_mb > 100
    assert outcome.start_cpu_s > 0


def test_one_process_without_a_peer(problem):
    """What was not measured is not shown."""
    found = measure_spins(problem, spins=2, peer_spins=0, jobs=1)
    missing = (found.single, found.peer, found.beside_peer, found.ratio, found.score_difference)
    assert missing == (None,) * 5
    assert found.scaling_wall is found.scaling_cpu is found.start_cpu_s is None
    assert (found.ours.processes, found.ours.n_spins, found.failures) == (1, 2, ())


def test_more_peer_spins_than_spins(problem):
    """The peer does those that there are."""
    assert measure_spins(problem, spins=1, peer_spins=9, jobs=1).peer.n_spins == 1


def test_the_peer_is_the_loop_that_people_write():
    """L-BFGS at its default tolerance, and the decoder's class weights."""
    peer = room.peer_classifier()
    assert isinstance(peer, LogisticRegression)
    assert (peer.solver, peer.tol, peer.C) == ("lbfgs", LogisticRegression().tol, 1.0)
    assert peer.class_weight == "balanced"
    assert peer.max_iter == 10_000  # its tolerance alone says when it stops


def test_a_peer_of_another_model_is_seen(problem, monkeypatch):
    """Its time says nothing about ours."""
    monkeypatch.setattr(room, "peer_classifier", GaussianNB)
    (failure,) = measure_spins(problem, spins=2, peer_spins=2, jobs=1).failures
    assert "did not do the same work" in failure


@pytest.mark.parametrize("call", [1, 2])
def test_scores_that_change_are_seen(problem, monkeypatch, call):
    """In one process, or beside the peer."""
    time_spins, calls = room.time_spins, []

    def unsteady(tests, *arguments):
        found = time_spins(tests, *arguments)
        calls.append(1)
        if len(calls) == call + 1:
            found[0] = [replace(s, statistic=s.statistic + 1e-12) for s in found[0]]
        return found

    monkeypatch.setattr(room, "time_spins", unsteady)
    found = measure_spins(problem, spins=2, peer_spins=1, jobs=2)
    assert found.failures == ("the same spins gave other scores the second time",)


def test_a_spin_that_only_one_could_decode_is_the_largest_difference():
    """NaN is not equal to a score, and equal to NaN."""
    assert largest_difference(np.array([np.nan, 0.1]), np.array([0.2, 0.1])) == 1
    assert largest_difference(np.array([np.nan, 0.5]), np.array([np.nan, 0.25])) == 0.25


def test_bad_input():
    """No spins, fewer than no peers, no processes."""
    with pytest.raises(InputError, match=r"^spins: found 0"):
        bench_spins(spins=0)
    with pytest.raises(InputError, match=r"^peer_spins: found -1"):
        bench_spins(peer_spins=-1)
    with pytest.raises(InputError, match="--jobs: found 0"):
        bench_spins(jobs=0)
