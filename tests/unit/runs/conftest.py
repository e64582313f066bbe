"""A finished run on the toy cortex."""

import warnings

import pytest

from cytosurf.errors import CytosurfWarning
from cytosurf.runs import execute

N_SPINS = 6


@pytest.fixture(scope="module")
def run_toy(toy_cortex):
    """Return a function that does a run of one feature set, quietly."""

    def run(directory, given=None, target=None, *, target_name="bands", **options):
        config = toy_cortex.config(target=target_name, **options)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CytosurfWarning)
            return execute(
                config,
                directory,
                features=given or [toy_cortex.feature_set()],
                target=target if target is not None else toy_cortex.parcellation(),
            )

    return run


@pytest.fixture(scope="module")
def finished(run_toy, tmp_path_factory):
    """Return the record of a finished run with spins; tests must not change its directory."""
    return run_toy(tmp_path_factory.mktemp("run"), spins=N_SPINS)
