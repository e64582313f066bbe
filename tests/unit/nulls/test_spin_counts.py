"""Counts of spins are kept whole by the cells that are not empty."""

import tracemalloc

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from cytosurf.decoding.marginals import marginals
from cytosurf.nulls.spin_counts import pack_counts


@given(st.integers(0, 4).flatmap(lambda n: hnp.arrays(np.int32, (n, 2, 3, 4, 4))))
def test_nothing_is_lost(counts):
    """All cells come back, and the marginals are those of all cells."""
    packed = pack_counts(counts, 2, 3, 4)
    assert np.array_equal(packed.dense(), counts)
    assert packed.dense().dtype == np.int32
    for part, expected in zip(packed.marginals(), marginals(counts), strict=True):
        assert part.dtype == np.float64
        assert np.array_equal(part, expected)


def test_a_spin_without_counts_is_empty():
    """It keeps its place between the others."""
    table = np.array([[[1, 0], [0, 2]]])
    packed = pack_counts([[table], [], [2 * table]], 1, 1, 2)
    assert packed.start.tolist() == [0, 2, 2, 4]
    assert packed.dense().sum(axis=(1, 2, 3, 4)).tolist() == [3, 0, 6]
    assert packed.marginals().of_truth[:, 0, 0].tolist() == [[1, 2], [0, 0], [2, 4]]


def test_a_thousand_classes_stay_small():
    """20 spins of 1,000 classes, 600 MB of cells, take a few MB beside the spin being packed."""

    def spins():
        for k in range(20):
            table = np.zeros((5, 1000, 1000), np.int16)
            pairs = np.random.default_rng(k).integers(0, 1000, (2, 10_000))
            table[0, pairs[0], pairs[1]] = 1
            yield [table]

    tracemalloc.start()
    packed = pack_counts(spins(), 1, 5, 1000)
    total = packed.marginals().of_truth.sum()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert total == len(packed.cell) == packed.count.sum()
    assert peak < 60e6
