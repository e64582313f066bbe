"""The cortex that BrainSpace's mask defines."""

import numpy as np
import pytest

from cytosurf.errors import InputError
from cytosurf.surfaces.space import Space
from cytosurf.surfaces.templates import greyordinate_mask
from cytosurf.targets.embedded import cortex_mask, embedded_values


def test_the_mask_has_the_count_that_is_known():
    """58,558 vertices, read-only."""
    mask = cortex_mask()
    assert mask.sum() == 58_558
    assert mask.shape == (64_984,)
    with pytest.raises(ValueError, match="read-only"):
        mask[0] = True


def test_values_of_both_files_stand_left_first():
    """Files are read one after the other."""
    left, right = "surfaces/conte69_32k_lh_mask.csv", "surfaces/conte69_32k_rh_mask.csv"
    both = embedded_values(left, right)
    np.testing.assert_array_equal(both[:32_492], embedded_values(left))
    np.testing.assert_array_equal(both[32_492:], embedded_values(right))


@pytest.mark.real_data
def test_the_mask_lies_within_the_greyordinates(real_cache):
    """It is tighter than the cortex of the greyordinates: 854 of those lie outside."""
    grey = greyordinate_mask()
    assert (cortex_mask() & ~grey).sum() == 0
    assert (grey & ~cortex_mask()).sum() == 854


@pytest.mark.real_data
def test_other_spaces_get_the_mask_carried_over(real_cache):
    """About the same share of the vertices is cortex on fs_LR 164k."""
    share = cortex_mask(Space("fsLR", "164k")).mean()
    assert share == pytest.approx(58_558 / 64_984, abs=0.01)


def test_a_space_without_a_route_is_refused():
    """Nothing maps fs_LR to a toy."""
    with pytest.raises(InputError):
        cortex_mask(Space("toy", "1"))
