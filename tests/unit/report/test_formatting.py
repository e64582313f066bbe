"""Numbers as text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cytosurf.report.formatting import columns, format_p, interval, listed, number, shorten


@given(st.floats(min_value=1e-6, max_value=1))
def test_a_p_value_is_written_to_within_five_percent_and_never_as_zero(p):
    """No p-value is rounded to 0, small ones keep two digits."""
    assert float(format_p(p)) == pytest.approx(p, rel=0.06)
    assert "e" not in format_p(p)


@pytest.mark.parametrize(
    ("p", "text"), [(0, "0"), (0.0001, "0.00010"), (0.5, "0.500"), (1, "1.000")]
)
def test_p_values_look_alike(p, text):
    """Three decimals, or two digits where three decimals say too little."""
    assert format_p(p) == text


def test_numbers_have_a_true_minus_and_a_dash_for_nothing():
    """Missing scores are not printed as nan."""
    assert number(-0.5, 1) == "−0.5"
    assert number(-0.0001) == "0.000"
    assert number(float("nan")) == "–"
    assert interval(float("nan"), float("nan")) == "–"
    assert interval(-0.1, 0.2, 1) == "−0.1 to 0.2"


def test_words():
    """Lists, plurals and shortened names."""
    assert [listed([]), listed(["a"]), listed(["a", "b", "c"])] == ["", "a", "a, b and c"]
    assert [columns(1), columns(2)] == ["1 column", "2 columns"]
    assert shorten("abcdef", 4) == "abc…"
    assert shorten("abcd", 4) == "abcd"
