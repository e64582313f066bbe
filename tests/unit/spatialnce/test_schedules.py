"""Learning rates are formulas of the step."""

import math

import pytest

from cytosurf.errors import InputError
from cytosurf.spatialnce.schedules import learning_rate


def test_the_warm_up_is_a_straight_line_that_ends_at_the_peak():
    """From a first step above 0."""
    rates = [learning_rate(t, name="cosine", steps=100, peak=2.0, warmup_steps=4) for t in range(5)]
    assert rates == [0.5, 1.0, 1.5, 2.0, 2.0]


@pytest.mark.parametrize("step", [4, 20, 51, 99])
def test_the_cosine_is_its_formula(step):
    """Half a cosine from peak to final over the steps after the warm-up."""
    x = (step - 4) / 96
    rate = learning_rate(step, name="cosine", steps=100, peak=2.0, final=0.5, warmup_steps=4)
    assert rate == pytest.approx(0.5 + 1.5 * (1 + math.cos(math.pi * x)) / 2)


def test_the_line_and_the_constant_are_theirs():
    """Linear halfway at half the steps; constant throughout."""
    assert learning_rate(50, name="linear", steps=100, peak=1.0, final=0.2) == pytest.approx(0.6)
    assert {learning_rate(t, name="constant", steps=9, peak=0.3) for t in range(20)} == {0.3}


@pytest.mark.parametrize("name", ["cosine", "linear"])
def test_beyond_the_end_the_rate_stays(name):
    """At its final value."""
    assert learning_rate(500, name=name, steps=100, peak=1.0, final=0.1) == pytest.approx(0.1)


def test_a_warm_up_longer_than_the_training_is_no_division_by_zero():
    """The rate just never reaches its peak."""
    assert learning_rate(4, name="linear", steps=5, peak=1.0, warmup_steps=10) == 0.5


def test_an_unknown_schedule_is_refused():
    """With the nearest name."""
    with pytest.raises(InputError, match="cosine"):
        learning_rate(0, name="cosin", steps=1, peak=1.0)
