"""What all tests share: a toy cortex that they make, and the real data where it is at hand."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests import toy

# How long an example takes says nothing on a machine that others use.
settings.register_profile("cytosurf", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("cytosurf")

REPOSITORY = Path(__file__).resolve().parents[1]


def real_data_directory():
    """Return the folder with the real data, or None."""
    named = os.environ.get("CYTOSURF_TEST_DATA")
    folder = Path(named) if named else REPOSITORY.parent / "shared" / "data"
    return folder if (folder / "manifest.json").is_file() else None


def pytest_collection_modifyitems(items):
    """Skip tests that need the real data where it is not there."""
    if real_data_directory() is not None:
        return
    skip = pytest.mark.skip(reason="no real data: set CYTOSURF_TEST_DATA to its folder")
    for item in items:
        if "real_data" in item.keywords:
            item.add_marker(skip)


def pytest_terminal_summary(terminalreporter):
    """Say how many tests ran on real data."""
    n = {
        outcome: sum("real_data" in r.keywords for r in terminalreporter.stats.get(outcome, []))
        for outcome in ("passed", "failed", "skipped")
    }
    terminalreporter.write_line(
        f"Tests on real data: {n['passed']} ran well, {n['failed']} failed, {n['skipped']} left out"
    )


@pytest.fixture(scope="session")
def real_data():
    """Give the folder of the real data; tests that ask for it carry the marker real_data."""
    folder = real_data_directory()
    if folder is None:
        pytest.skip("no real data: set CYTOSURF_TEST_DATA to its folder")
    return folder


@pytest.fixture(scope="session")
def real_cache(real_data, tmp_path_factory):
    """Import the real data into a data directory, and set it as CYTOSURF_DATA."""
    from cytosurf import data

    cache = tmp_path_factory.mktemp("cytosurf-data")
    with pytest.MonkeyPatch.context() as environment:  # puts back what was set before
        environment.setenv("CYTOSURF_DATA", str(cache))
        environment.setenv("CYTOSURF_OFFLINE", "1")
        data.import_directory(real_data)
        yield cache


@pytest.fixture(scope="session")
def icosphere():
    """Make a sphere of radius 100 with 642 vertices, outward-facing triangles."""
    return toy.icosphere(3)
