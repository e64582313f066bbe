"""Strips: every point tested once, nothing trained on within the gap."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cytosurf.errors import InputError
from cytosurf.probes.folds import strip_folds


@settings(max_examples=40)
@given(
    seed=st.integers(0, 999),
    width=st.floats(1, 2),
    gap=st.floats(0, 0.4),
    n_folds=st.integers(2, 5),
)
def test_training_keeps_its_distance(seed, width, gap, n_folds):
    """What is not tested and not within the gap is trained on, all else is not."""
    points = np.random.default_rng(seed).uniform(0, 20, (200, 2))
    folds = strip_folds(points, width_mm=width, gap_mm=gap, n_folds=n_folds)
    assert (folds.fold >= 0).all()
    assert folds.n_folds == n_folds
    x = points[:, 0]
    for k in range(n_folds):
        nearest = np.abs(x[:, None] - x[folds.test(k)]).min(axis=1)
        clear = np.abs(nearest - gap) > 1e-4
        expected = (nearest >= gap) & ~folds.test(k)
        assert np.array_equal(folds.train(k)[clear], expected[clear])
        assert not (folds.train(k) & folds.test(k)).any()


def test_tiles_of_a_gap_share_no_pixel_and_leave_a_tile_between():
    """Overlapping tiles of 4 px at a stride of 1, in float32 mm: rounding moves none of them."""
    corner = np.arange(120)
    px = 0.00117
    points = ((corner + 2) * px).astype(np.float32)[:, None]
    folds = strip_folds(points, width_mm=8 * px, gap_mm=8 * px, n_folds=3)
    assert np.array_equal(folds.block, corner // 8)
    for k in range(3):
        apart = np.abs(corner[folds.train(k)][:, None] - corner[folds.test(k)]).min()
        assert apart == 8  # 4 px of tile, 4 px between


def test_the_axis_is_chosen():
    """Strips along y leave x alone."""
    points = np.stack([np.zeros(12), np.arange(12.0)], axis=1)
    folds = strip_folds(points, width_mm=2, gap_mm=1, n_folds=2, axis=1)
    assert np.array_equal(folds.block, np.arange(12) // 2)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"width_mm": 0}, "width_mm"),
        ({"gap_mm": -1}, "gap_mm"),
        ({"gap_mm": np.nan}, "gap_mm"),
        ({"n_folds": 1}, "2 to 5"),
        ({"n_folds": 6}, "thinner strips"),
        ({"axis": 2}, "axis"),
        ({"gap_mm": 50}, "trained on"),
        ({"points_mm": np.full((3, 2), np.nan)}, "finite"),
    ],
)
def test_bad_options_are_refused(change, words):
    """Widths, gaps, folds and axes out of range, a gap that leaves nothing."""
    options = {"points_mm": np.stack([np.arange(10.0)] * 2, 1), "width_mm": 2, "gap_mm": 1}
    with pytest.raises(InputError, match=words):
        strip_folds(**(options | change))
