"""Figures come with when, where and how busy."""

import os
from datetime import UTC, datetime, timedelta

import pytest

from cytosurf.bench.conditions import check_at_least, conditions, listed, load_average
from cytosurf.errors import InputError


def test_conditions_are_those_of_now():
    """The date is now, the load before is the caller's."""
    found = conditions(1.234)
    assert abs(datetime.fromisoformat(found.date) - datetime.now(UTC)) < timedelta(minutes=1)
    assert found.cores == os.cpu_count()
    assert {"python", "numpy", "scikit-learn"} <= set(found.versions)
    assert found.load[0] == 1.23


def test_load_where_it_is_not_known(monkeypatch):
    """Nothing is made up."""
    monkeypatch.delattr(os, "getloadavg")
    assert load_average() is None
    assert conditions(None).load is None
    assert conditions(1.0).load is None


@pytest.mark.parametrize(
    ("given", "expected"),
    [("a", ["a"]), ("a, b+c,", ["a", "b+c"]), (("a", "b"), ["a", "b"]), ("", [])],
)
def test_names(given, expected):
    """One text or several, blanks ignored."""
    assert listed(given) == expected


def test_numbers_below_the_least():
    """The argument is named."""
    check_at_least("spins", 1, 1)
    with pytest.raises(InputError, match=r"^spins: found 0; expected a whole number of at least 1"):
        check_at_least("spins", 0, 1)
