"""Fixtures of the report's tests."""

import pytest

from tests.unit.report.records import toy_record


@pytest.fixture
def record(tmp_path):
    """Return a run of three classes on both hemispheres, with spins."""
    return toy_record(tmp_path)
