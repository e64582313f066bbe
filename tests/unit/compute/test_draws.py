"""Draws depend on what they are asked by, and on nothing else."""

import numpy as np
import pytest

from cytosurf.compute.draws import counter_generator
from cytosurf.errors import InputError


def test_each_word_counts():
    """Stream, seed, number and part make another draw; the same four the same."""
    asked = [(1, 2, 3, 4), (5, 2, 3, 4), (1, 5, 3, 4), (1, 2, 5, 4), (1, 2, 3, 5)]
    drawn = [counter_generator(*words).random(4) for words in asked]
    np.testing.assert_array_equal(drawn[0], counter_generator(1, 2, 3, 4).random(4))
    assert len({tuple(numbers) for numbers in drawn}) == 5


@pytest.mark.parametrize(("seed", "number"), [(-1, 0), (2**64, 0), (0, -1), (0.5, 0), (0, True)])
def test_what_is_no_whole_number(seed, number):
    """Is refused."""
    with pytest.raises(InputError, match=r"seed|spin number k"):
        counter_generator(1, seed, number)
    counter_generator(1, 2**64 - 1, 2**64 - 1).random()
