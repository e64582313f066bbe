"""Marginals are sums over confusion counts, with or without the counts."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from cytosurf.decoding.marginals import group_marginals, marginals
from cytosurf.decoding.scores import confusion_counts, macro_f1
from cytosurf.errors import InputError


@given(hnp.arrays(np.int32, (2, 5, 3, 3), elements=st.integers(0, 2**31 - 1)))
def test_marginals_are_diagonal_and_sums(counts):
    """The diagonal, the sums over rows and those over columns, without overflow."""
    of = marginals(counts)
    for i, j in np.ndindex(2, 5):
        table = counts[i, j].astype(object)
        assert of.hits[i, j].tolist() == [table[k, k] for k in range(3)]
        assert of.of_truth[i, j].tolist() == [sum(table[k]) for k in range(3)]
        assert of.of_prediction[i, j].tolist() == [sum(table[:, k]) for k in range(3)]


@given(st.data(), st.integers(1, 40))
def test_groups_are_counted_like_their_confusion_counts(data, n):
    """Marginals of groups are those of the counts; negative numbers are not counted."""
    arrays = [data.draw(hnp.arrays(np.int16, n, elements=st.integers(-1, 3))) for _ in range(3)]
    of = group_marginals(*arrays, 4, 4)
    for direct, through_counts in zip(of, marginals(confusion_counts(*arrays, 4, 4)), strict=True):
        assert direct.dtype == np.float64
        assert np.array_equal(direct, through_counts)


def test_macro_f1_needs_no_more_than_marginals():
    """The score of counts is that of their marginals; NaN where nothing was counted."""
    counts = np.random.default_rng(0).integers(0, 9, (3, 2, 4, 4))
    counts[1, 1] = 0
    scores = macro_f1(marginals(counts))
    assert np.array_equal(scores, macro_f1(counts), equal_nan=True)
    assert np.isnan(scores).sum() == 1


def test_hundreds_of_classes_in_hundreds_of_groups_stay_small():
    """Counts of 1,000 classes in 200 superblocks would take 1.6 GB; marginals take 5 MB."""
    generator = np.random.default_rng(0)
    truth, prediction = generator.integers(0, 1000, (2, 60_000))
    group = generator.integers(0, 200, 60_000)
    tracemalloc.start()
    of = group_marginals(truth, prediction, group, 200, 1000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20e6
    assert of.of_truth.sum() == of.of_prediction.sum() == 60_000


@pytest.mark.parametrize("counts", [np.ones(3, int), np.ones((5, 4, 3), int)])
def test_counts_must_be_square(counts):
    """Counts that are no table of classes are refused."""
    with pytest.raises(InputError, match="confusion counts"):
        marginals(counts)


@pytest.mark.parametrize("bad", range(3))
def test_numbers_must_be_within_the_result(bad):
    """A class or group that is too large is refused."""
    arrays = [np.zeros(2, int) for _ in range(3)]
    arrays[bad][1] = 3
    with pytest.raises(InputError, match="numbers up to"):
        group_marginals(*arrays, 3, 3)
