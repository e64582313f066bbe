"""What must not matter to a decoder: units, offsets, order, and names of classes."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from cytosurf.decoding.crossval import decode_labels, make_decoder
from cytosurf.decoding.folds import Folds
from tests.unit.decoding.oracles import random_problem

seeds = st.integers(0, 2**32 - 1)
scales = st.floats(-6, 6).flatmap(lambda e: st.sampled_from([-(10.0**e), 10.0**e]))
offsets = st.floats(-1e4, 1e4)


def toy_problem(seed):
    """Return features, labels and folds of a few hundred vertices, some without a label."""
    rng = np.random.default_rng(seed)
    n, p, k = rng.integers(200, 700), rng.integers(1, 12), rng.integers(2, 7)
    x, label = random_problem(rng.integers(2**32), n=n, p=p, k=k)
    label = np.where(rng.random(n) < 0.1, -1, label)
    block = rng.integers(0, 12, n)
    return x, label, Folds(block, block % 3), int(k)


def decode(x, label, folds, k, **options):
    """Return the probabilities that cross-validation gives, (n_vertices, k)."""
    return decode_labels(make_decoder(x, folds, **options), label, k).probability.astype(float)


def assert_close(one, other):
    """Compare probabilities to what float16 keeps."""
    assert np.abs(one - other).max() < 1e-3


@given(seed=seeds, data=st.data())
@settings(max_examples=40)
def test_units_and_offsets_of_columns(seed, data):
    """Each column may be measured in any unit, from any zero, in either direction."""
    x, label, folds, k = toy_problem(seed)
    scale = [data.draw(scales) for _ in range(x.shape[1])]
    offset = [data.draw(offsets) for _ in range(x.shape[1])]
    assert_close(decode(x, label, folds, k), decode((x + offset) * scale, label, folds, k))


@given(seed=seeds)
@settings(max_examples=40)
def test_order_of_vertices(seed):
    """Vertices may come in any order."""
    x, label, folds, k = toy_problem(seed)
    order = np.random.default_rng(seed).permutation(len(x))
    shuffled = Folds(folds.block[order], folds.fold[order])
    plain = decode(x, label, folds, k)
    assert_close(plain[order], decode(x[order], label[order], shuffled, k))


@given(seed=seeds)
@settings(max_examples=40)
def test_order_of_columns(seed):
    """Features may come in any order."""
    x, label, folds, k = toy_problem(seed)
    order = np.random.default_rng(seed).permutation(x.shape[1])
    assert_close(decode(x, label, folds, k), decode(x[:, order], label, folds, k))


@given(seed=seeds)
@settings(max_examples=40)
def test_numbers_of_classes(seed):
    """Classes may be numbered in any order, with gaps."""
    x, label, folds, k = toy_problem(seed)
    number = np.random.default_rng(seed).permutation(k + 3)[:k]
    renamed = np.where(label >= 0, number[label], -1)
    assert_close(decode(x, label, folds, k), decode(x, renamed, folds, k + 3)[:, number])


@given(seed=seeds)
@settings(max_examples=40)
def test_order_of_folds(seed):
    """The fit of a fold does not depend on the one it starts from."""
    x, label, folds, k = toy_problem(seed)
    order = np.random.default_rng(seed).permutation(3)
    assert_close(
        decode(x, label, folds, k), decode(x, label, Folds(folds.block, order[folds.fold]), k)
    )


@given(seed=seeds)
@settings(max_examples=40)
def test_probabilities_are_probabilities(seed):
    """They add up to 1 where something was tested, and to 0 elsewhere."""
    x, label, folds, k = toy_problem(seed)
    total = decode(x, label, folds, k).sum(axis=1)
    assert np.abs(total[label >= 0] - 1).max() < 2e-3
    assert not total[label < 0].any()
