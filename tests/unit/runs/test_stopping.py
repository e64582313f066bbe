"""Runs that stop early: the same answer for any split, and no more spins than it takes."""

import shutil
from dataclasses import replace

import numpy as np
import pytest

from cytosurf.errors import InputError
from cytosurf.nulls.sequential import sequential_p_value
from cytosurf.runs import load_run, spins
from cytosurf.runs.chunks import chunk_paths, n_spins_from_zero, read_spins
from cytosurf.runs.config import read_config
from cytosurf.runs.extend import add_to_run, merge_into_run
from cytosurf.runs.shards import Shard
from cytosurf.runs.stopping import DoneChunk, Watch
from tests.unit.runs.cortex import spin_tests

BOTH = ("independent", "mirrored")
MOST, H = 40, 3


def record_of(folder, **options):
    """Return the record of a run with other options."""
    record = load_run(folder)
    return replace(record, config=record.config | options)


@pytest.fixture
def noise(named_toy, tmp_path, monkeypatch):
    """Return a function that makes a run of features that know nothing; chunks of 2 spins."""
    monkeypatch.setattr(spins, "LARGEST_CHUNK", 2)

    def run(name, **options):
        named_toy(tmp_path / name, features=["noise"], baseline=["other-noise"], **options)
        return tmp_path / name

    return run


@pytest.fixture
def whole(noise):
    """Return a run of all spins, and what its headline test looks like spin by spin."""
    folder = noise("whole", spins=MOST)
    statistic = read_spins(folder, "mirrored", MOST)["statistic"]
    test = spin_tests(folder)["tests"][0]
    assert (test["rotation"], test["baseline"]) == ("mirrored", "other-noise")
    return folder, test["observed"], statistic[:, 0] - statistic[:, 1]


def test_the_rule_is_that_of_besag_and_clifford(noise, whole):
    """The p is h / k at the h-th exceedance in the order of the spins, whatever comes later."""
    _, observed, null = whole
    expected = sequential_p_value(observed, null, exceedances=H, max_spins=MOST)
    assert expected.stopped
    assert H < expected.n_spins < MOST
    folder = noise("early", spins=MOST, stop_after_exceedances=H)
    found = spin_tests(folder)
    test = found["tests"][0]
    assert (test["p"], test["n_spins"], test["exceed"]) == (expected.p, expected.n_spins, H)
    assert test["p_ci95"] == list(expected.ci95)
    assert (test["stopped"], test["complete"]) == (True, True)
    assert found["n_spins"] == expected.n_spins
    assert found["stopping"] == {"exceedances": H, "max_spins": MOST, "stopped": True}
    assert n_spins_from_zero(folder, BOTH) < MOST
    assert read_config(folder).spins == MOST


def test_any_split_gives_the_same_answer(noise, whole, tmp_path):
    """One process, two, shards in any order, copies, a kill in between, more spins than needed."""
    folder = noise("once", spins=MOST, stop_after_exceedances=H)
    expected = spin_tests(folder)
    add_to_run(folder, MOST, jobs=2)
    assert spin_tests(folder) == expected

    bare = noise("bare", spins=0)
    shards, copies = tmp_path / "shards", [tmp_path / f"node-{i}" for i in (1, 2)]
    for copy in (shards, *copies):
        shutil.copytree(bare, copy)
    for i in (3, 1, 2):
        add_to_run(shards, MOST, shard=Shard(i, 3), stop_after_exceedances=H)
    merge_into_run(shards)
    assert spin_tests(shards) == expected
    for i, copy in enumerate(copies, start=1):
        add_to_run(copy, MOST, shard=Shard(i, 2), stop_after_exceedances=H)
    merge_into_run(bare, copies)
    assert spin_tests(bare) == expected

    for path in chunk_paths(folder, "mirrored")[1:]:
        path.unlink()  # as a killed run leaves it
    add_to_run(folder, None)
    assert spin_tests(folder) == expected
    add_to_run(whole[0], None, stop_after_exceedances=H)
    assert spin_tests(whole[0]) == expected


def test_two_processes_give_the_same_answer(noise):
    """Chunks then finish in any order, and some beyond the stopping point."""
    one = noise("one", spins=MOST, stop_after_exceedances=H)
    two = noise("two", spins=MOST, stop_after_exceedances=H, jobs=2)
    assert spin_tests(two) == spin_tests(one)


def test_without_a_stop_all_spins_count(noise, whole):
    """Where the exceedances do not come, p is (b + 1)/(n + 1) of all spins, as ever."""
    folder = noise("late", spins=MOST, stop_after_exceedances=MOST)
    found, plain = spin_tests(folder), spin_tests(whole[0])
    assert found["stopping"] == {"exceedances": MOST, "max_spins": MOST, "stopped": False}
    assert found["tests"] == plain["tests"]
    assert found["per_class"] == plain["per_class"]


def test_what_a_stop_leaves_open_says_so(noise):
    """Other tests are provisional without their own stop; corrected p-values are not given."""
    folder = noise("early", spins=MOST, stop_after_exceedances=H)
    found = spin_tests(folder)
    for test in found["tests"]:
        assert test["complete"] == (test["exceed"] == H)
        assert test["n_spins"] <= found["n_spins"]
    assert all(p is None for test in found["per_class"] for p in (*test["p"], *test["p_max"]))
    assert all(value is not None for test in found["per_class"] for value in test["null_low"])


def test_all_spins_may_still_be_asked_for(noise, whole):
    """With 0 for the rule; the run is then that of a command without it."""
    folder = noise("early", spins=MOST, stop_after_exceedances=H)
    add_to_run(folder, None, stop_after_exceedances=0)
    assert spin_tests(folder) == spin_tests(whole[0])
    assert read_config(folder).stop_after_exceedances is None
    with pytest.raises(InputError, match="--stop-after-exceedances: found -1"):
        add_to_run(folder, None, stop_after_exceedances=-1)


def test_a_settled_run_costs_no_more_spins(noise, monkeypatch):
    """Asking again, for more, or for a shard, computes nothing."""
    folder = noise("early", spins=MOST, stop_after_exceedances=H)
    before = spin_tests(folder)

    def never(*_):
        raise AssertionError("a spin was computed")

    monkeypatch.setattr(spins, "run_spins", never)
    add_to_run(folder, None)
    assert spin_tests(folder) == before
    add_to_run(folder, 10 * MOST)
    after = spin_tests(folder)
    assert after["tests"] == before["tests"]
    assert after["stopping"]["max_spins"] == 10 * MOST
    assert add_to_run(folder, 10 * MOST, shard=Shard(3, 3)) is None


def test_shards_must_agree(noise):
    """Two rules are no rule; the message names them and their shards."""
    folder = noise("bare", spins=0)
    add_to_run(folder, MOST, shard=Shard(1, 2), stop_after_exceedances=H)
    add_to_run(folder, MOST, shard=Shard(2, 2))
    words = r"found 3 \(shard 1/2\) and never \(shard 2/2\); expected the same in every shard"
    with pytest.raises(InputError, match=words):
        merge_into_run(folder)


def test_the_latest_rule_counts(noise):
    """Shards that are merged, or come before a session for all spins, bind no later ones."""
    folder = noise("run", spins=0)

    def shards(n_shards, rule):
        for i in range(1, n_shards + 1):
            add_to_run(folder, MOST, shard=Shard(i, n_shards), stop_after_exceedances=rule)

    def merged():
        return merge_into_run(folder).results["spin_test"]["n_spins"]

    shards(2, H)
    early = merged()
    assert early < MOST
    shards(3, 0)
    assert merged() == MOST
    assert merged() == MOST
    add_to_run(folder, None, stop_after_exceedances=H)
    assert merged() == early
    shards(2, H)
    add_to_run(folder, None, stop_after_exceedances=0)
    assert merged() == MOST
    shards(2, H)
    noise("run", spins=MOST)
    assert merged() == MOST


class TestWatch:
    """What decides while spins go on."""

    def test_a_gap_decides_nothing(self, noise):
        """Exceedances count up to the first spin that is missing, and of every policy."""
        folder = noise("run", spins=2)
        record = record_of(folder, stop_after_exceedances=2)
        watch = Watch(record, BOTH, 100)
        assert not watch.settled()
        above, below = np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]])
        watch.add(DoneChunk("mirrored", np.array([2, 3]), np.concatenate([above, above])))
        watch.add(DoneChunk("independent", np.arange(50), np.repeat(above, 50, axis=0)))
        assert not watch.settled()
        watch.add(DoneChunk("mirrored", np.array([0]), below))
        assert not watch.settled()
        watch.add(DoneChunk("mirrored", np.array([1]), below))
        assert watch.settled()

    def test_every_policy_must_be_there(self, noise):
        """Spins of the other policy are needed up to the same number."""
        record = record_of(noise("run", spins=2), stop_after_exceedances=2)
        watch = Watch(record, BOTH, 100)
        above = np.array([[1.0, 0.0]])
        watch.add(DoneChunk("mirrored", np.arange(5), np.repeat(above, 5, axis=0)))
        watch.add(DoneChunk("independent", np.arange(1), above))
        assert not watch.settled()
        watch.add(DoneChunk("independent", np.array([1]), above))
        assert watch.settled()

    def test_the_running_p_counts_what_is_there(self, noise):
        """In any order, lost spins as exceeding, each spin once."""
        watch = Watch(record_of(noise("run", spins=2)), BOTH, 10)
        above, lost = np.array([[1.0, 0.0]]), np.array([[np.nan, np.nan]])
        assert watch.add(DoneChunk("independent", np.array([0]), above)) == ""
        assert watch.add(DoneChunk("mirrored", np.array([4]), above)).startswith("p = 1 ")
        below = np.array([[-1.0, 1.0]])
        text = watch.add(DoneChunk("mirrored", np.array([4, 7, 1]), np.r_[above, lost, below]))
        assert text.startswith("p = 0.75 (")
        assert not watch.settled()
