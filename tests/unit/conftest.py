"""What the tests of runs, the workflow and the command line share: a toy cortex to run on."""

import pytest

from tests.unit.runs import cortex


@pytest.fixture(scope="module")
def toy_cortex():
    """Make the toy cortex a known space for the tests of a module."""
    with pytest.MonkeyPatch.context() as patch:
        cortex.install(patch)
        yield cortex


@pytest.fixture
def plain_page(monkeypatch):
    """Let runs have a report of one line."""
    from cytosurf.report import outputs

    monkeypatch.setattr(outputs, "write_report", cortex.write_page)


@pytest.fixture(scope="module")
def cluster():
    """Start a Dask cluster of two worker processes on this machine."""
    from distributed import LocalCluster

    options = {"n_workers": 2, "processes": True, "threads_per_worker": 1}
    with LocalCluster(**options, dashboard_address="127.0.0.1:0", silence_logs="CRITICAL") as made:
        yield made
