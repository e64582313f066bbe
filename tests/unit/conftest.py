"""What the tests of runs, the workflow and the command line share: a toy cortex to run on."""

import pytest

from tests.unit.runs import cortex


@pytest.fixture(scope="module")
def toy_cortex():
    """Make the toy cortex a known space for the tests of a module."""
    with pytest.MonkeyPatch.context() as patch:
        cortex.install(patch)
        yield cortex
