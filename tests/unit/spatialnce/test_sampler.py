"""Batches are a function of the seed and the step, and have neighbours where asked."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import cKDTree

from cytosurf.errors import InputError
from cytosurf.spatialnce.sampler import GROUPS, ORDER, BatchSampler, stream

PLACES = np.random.default_rng(0).uniform(0, 30, (400, 3))


@given(
    st.integers(0, 2**40),
    st.integers(0, 10_000),
    st.sampled_from([1, 2, 4, 8]),
    st.sampled_from([1, 4]),
)
@settings(max_examples=25)
def test_processes_share_the_same_batch_whatever_their_number(seed, step, world_size, group):
    """Slices put together are the batch; a new sampler gives it without what came before."""
    sampler = BatchSampler(PLACES, 64, seed, group, 6.0)
    shares = [sampler.shard(step, rank, world_size) for rank in range(world_size)]
    again = BatchSampler(PLACES, 64, seed, group, 6.0).batch(step)
    assert np.array_equal(np.concatenate(shares), again)
    assert len(set(again.tolist())) == 64


def test_a_round_sees_each_patch_once():
    """And the next round in another order."""
    sampler = BatchSampler(PLACES, 40, 3)
    rounds = [np.concatenate([sampler.batch(10 * r + i) for i in range(10)]) for r in range(2)]
    for order in rounds:
        assert sorted(order.tolist()) == list(range(400))
    assert not np.array_equal(*rounds)


def test_what_is_too_little_for_a_batch_is_left_out_of_a_round():
    """Of 400 patches and batches of 96, 16; not always the same."""
    sampler = BatchSampler(PLACES, 96, 3)
    seen = [np.concatenate([sampler.batch(4 * r + i) for i in range(4)]) for r in range(2)]
    assert all(len(set(order.tolist())) == 384 for order in seen)
    assert set(seen[0].tolist()) != set(seen[1].tolist())


def test_every_patch_of_a_grouped_batch_has_neighbours():
    """Members lie within the radius of their centre, and no patch stands there twice."""
    sampler = BatchSampler(PLACES, 64, 1, 4, 6.0)
    for step in range(8):
        batch = sampler.batch(step)
        groups = PLACES[batch].reshape(16, 4, 3)
        assert np.linalg.norm(groups - groups[:, :1], axis=-1).max() <= 6.0
        assert cKDTree(PLACES[batch]).query(PLACES[batch], k=[2])[0].max() <= 6.0
        assert len(set(batch.tolist())) == 64


def test_streams_of_steps_and_purposes_are_independent():
    """Not one number in common."""
    drawn = [stream(s, t, p).random(50) for s in (0, 1) for t in (0, 1) for p in (ORDER, GROUPS)]
    assert len(np.unique(np.concatenate(drawn))) == 8 * 50


def test_isolated_patches_are_no_centres():
    """One that has nobody within the radius is never drawn."""
    places = np.vstack([PLACES, [[500.0, 0, 0]]])
    sampler = BatchSampler(places, 64, 0, 4, 6.0)
    assert all(400 not in sampler.batch(step) for step in range(20))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"batch_size": 401}, "401 with 400 patches"),
        ({"batch_size": 1}, "at least 2"),
        ({"batch_size": 64, "group_size": 5}, "divisor"),
        ({"batch_size": 64, "group_size": 4, "radius_mm": 1e-6}, "larger radius"),
    ],
)
def test_batches_that_cannot_be_are_refused(options, words):
    """Before training begins, with the way out."""
    with pytest.raises(InputError, match=words):
        BatchSampler(PLACES, **{"seed": 0, **options})


def test_processes_that_cannot_share_a_batch_are_refused():
    """Uneven slices would weigh patches unevenly."""
    with pytest.raises(InputError, match="multiple of the number"):
        BatchSampler(PLACES, 64, 0).shard(0, 0, 3)


@pytest.mark.parametrize("seed", range(5))
def test_groups_that_use_up_the_patches_reach_farther(seed):
    """No patch is repeated and no step refused: a training that began can go on."""
    line = np.arange(12.0)[:, None] * [1, 0, 0]
    for step in range(4):
        batch = BatchSampler(line, 12, seed, 3, 1.0).batch(step)
        assert sorted(batch.tolist()) == list(range(12))
