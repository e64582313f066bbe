"""What is timed is what a run decodes."""

import numpy as np
import pytest

from cytosurf.bench.problem import load_problem, problem_of
from cytosurf.errors import InputError
from cytosurf.nulls import SpinTest, run_spins
from cytosurf.runs.execute import prepare
from cytosurf.runs.inputs import labels_to_spin, load_inputs
from cytosurf.runs.observed import decode_observed
from tests.unit.bench.conftest import SEED


def test_spins_are_those_of_a_run(problem, toy_cortex, tmp_path):
    """The same sets, and to the bit the counts of the spins of a run with that seed."""
    config = toy_cortex.config(matched_position=False, spins=19, seed=SEED)
    (prepared,) = prepare(
        [config],
        [tmp_path],
        features=[toy_cortex.feature_set()],
        targets=[toy_cortex.parcellation()],
    )
    decoders = decode_observed(config, prepared.inputs, jobs=1).decoders
    assert problem.names == tuple(decoders)
    label, n_classes = labels_to_spin(prepared.inputs)
    of_run = SpinTest(tuple(decoders.values()), label, n_classes, prepared.assigner, SEED)
    expected, found = (run_spins(t, [0, 5], "mirrored") for t in (of_run, problem.spin_test()))
    np.testing.assert_array_equal(found.counts.dense(), expected.counts.dense())
    np.testing.assert_array_equal(found.correct, expected.correct)


def test_a_class_outside_the_mask_is_spun_too(toy_cortex):
    """A spin may bring it in: it has a number, after those of the run."""
    inside = toy_cortex.cortex() & (toy_cortex.keys() != 2)
    (inputs,) = load_inputs(
        [toy_cortex.config(matched_position=False)],
        [toy_cortex.feature_set(valid=inside)],
        [toy_cortex.parcellation()],
    )
    found = problem_of(inputs, SEED)
    assert (len(inputs.keys), found.n_classes) == (2, 3)
    np.testing.assert_array_equal(found.label == 2, toy_cortex.keys() == 2)


@pytest.mark.usefixtures("toy_cortex")
def test_names_are_loaded_as_a_run_loads_them(toy_cortex, tmp_path):
    """Several sets in one text, baselines after them, no position of matched size."""
    np.savez(tmp_path / "stain.npz", values=toy_cortex.stain(), valid=toy_cortex.cortex())
    np.savetxt(tmp_path / "bands.csv", toy_cortex.keys(), fmt="%d")
    stain, bands = str(tmp_path / "stain.npz"), str(tmp_path / "bands.csv")
    found = load_problem(
        f"{stain}, harmonics:4", bands, baseline="coordinates", space="toy-642", seed=SEED
    )
    assert found.names == (stain, "harmonics:4", "coordinates")
    assert [v.shape for v in found.values] == [(1284, 2), (1284, 4), (1284, 3)]
    assert (found.target, found.n_classes, found.seed) == (bands, 3, SEED)
    assert found.folds.n_folds == 5
    np.testing.assert_array_equal(found.folds.mask, toy_cortex.cortex())


def test_bad_input():
    """Nothing to decode from, and a space without surfaces."""
    with pytest.raises(InputError, match="features: found none"):
        load_problem("", "yeo7")
    with pytest.raises(InputError, match="space"):
        load_problem("microstructure", "yeo7", space="nowhere")
