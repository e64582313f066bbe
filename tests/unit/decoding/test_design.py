"""The design matrix keeps every row, standardised, in tiles of its group."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cytosurf.decoding.blocks import TILE
from cytosurf.decoding.design import make_design


def rows_of(design):
    """Return the design as a matrix of rows."""
    return design.x.transpose(0, 2, 1).reshape(len(design.slot_row), -1)[design.row_slot]


class TestMakeDesign:
    """From a matrix to tiles."""

    @given(n=st.integers(2, 1500), n_groups=st.integers(1, 6), seed=st.integers(0, 2**32 - 1))
    @settings(max_examples=60)
    def test_every_row_has_one_slot_in_a_tile_of_its_group(self, n, n_groups, seed):
        """Groups never share a tile, rows keep their order in it, and empty slots hold zeros."""
        rng = np.random.default_rng(seed)
        group = rng.integers(-1, n_groups - 1, n)
        design = make_design(rng.standard_normal((n, 3)), group)
        slots = np.flatnonzero(design.slot_row >= 0)
        assert np.array_equal(np.sort(design.slot_row[slots]), np.arange(n))
        assert np.array_equal(design.slot_row[design.row_slot], np.arange(n))
        n_tiles = sum(-(-np.sum(group == g) // TILE) for g in np.unique(group))
        assert design.x.shape == (n_tiles, 3, TILE)
        tile = design.row_slot // TILE
        assert all(len(np.unique(group[tile == t])) == 1 for t in range(n_tiles))
        empty = (design.slot_row < 0).reshape(-1, TILE)
        assert not design.x.transpose(0, 2, 1)[empty].any()

    def test_columns_are_standardised(self):
        """Over all rows, as float32: mean 0 and variance 1 for any unit and offset."""
        rng = np.random.default_rng(0)
        x = rng.standard_normal((1000, 3)) * [1e-8, 1, 1e8] + [1, -1e4, 1e9]
        design = make_design(x, np.arange(1000) % 3)
        expected = (x - x.mean(axis=0)) / x.std(axis=0)
        assert design.x.dtype == np.float32
        assert np.abs(rows_of(design) - expected).max() < 2e-6
        assert design.x.flags.c_contiguous

    @pytest.mark.parametrize("value", [0.0, 0.1, -1e-30, 1e20])
    def test_a_constant_column_becomes_zero(self, value):
        """Exactly, though the mean of many 0.1 is not 0.1."""
        x = np.full((999, 2), value)
        x[:, 1] = np.arange(999)
        design = make_design(x, np.zeros(999, int))
        assert not design.x[:, 0].any()
        assert rows_of(design)[:, 1].std() == pytest.approx(1)

    def test_the_input_is_left_alone(self):
        """Features of other types are read, not changed."""
        x = np.arange(20, dtype=np.int16).reshape(10, 2)
        before = x.copy()
        design = make_design(x, np.zeros(10, int))
        assert np.array_equal(x, before)
        assert rows_of(design)[:, 0] == pytest.approx((np.arange(10) - 4.5) / np.std(np.arange(10)))
