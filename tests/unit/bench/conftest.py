"""A small problem for benchmarks: the toy cortex, one feature set and its coordinates."""

import warnings

import pytest

from cytosurf.bench.problem import problem_of
from cytosurf.errors import CytosurfWarning
from cytosurf.runs.inputs import load_inputs

SEED = 3


@pytest.fixture(scope="module")
def problem(toy_cortex):
    """Return bands to decode from a stain and from coordinates."""
    config = toy_cortex.config(matched_position=False, seed=SEED)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CytosurfWarning)
        (inputs,) = load_inputs([config], [toy_cortex.feature_set()], [toy_cortex.parcellation()])
    return problem_of(inputs, seed=SEED)
