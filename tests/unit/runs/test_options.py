"""Options and inputs of a run, as calls in Python give them."""

import warnings
from pathlib import Path

import numpy as np
import pytest

from cytosurf.errors import InputError
from cytosurf.runs import FoldConfig, make_config
from cytosurf.runs.options import config_of, inputs_of


def test_what_is_left_out_is_the_default():
    """None stands for the default of folds and baseline, and for no mask."""
    config = config_of(["hist"], "yeo7", folds=None, baseline=None, mask=None)
    assert config == make_config({"features": ["hist"], "target": "yeo7"})


@pytest.mark.parametrize("baseline", ["hist,micro", ["hist", "micro"], ("hist", "micro")])
def test_spellings_of_a_list(baseline):
    """One text with commas, or a sequence of names."""
    config = config_of(["func"], "yeo7", baseline=baseline, statistics="mcc,f1:1")
    assert config.baseline == ("hist", "micro")
    assert config.statistics == ("mcc", "f1:1")


def test_folds_and_paths():
    """Folds as a dictionary or an object; a mask may be a path."""
    by_name = config_of(["hist"], "yeo7", folds={"scheme": "homotopic"}, mask=Path("a/mask.gii"))
    assert by_name.folds == FoldConfig(scheme="homotopic")
    assert by_name.mask == "a/mask.gii"
    assert config_of(["hist"], "yeo7", folds=FoldConfig(n_folds=3)).folds.n_folds == 3


def test_an_unknown_option_is_named():
    """As make_config does."""
    with pytest.raises(InputError, match="seeed"):
        config_of(["hist"], "yeo7", seeed=3)


def test_inputs_are_those_of_the_caller(toy_cortex):
    """Maps in memory are taken as they are, beside what the configuration names."""
    config = toy_cortex.config()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        inputs = inputs_of(config, [toy_cortex.feature_set()], toy_cortex.parcellation())
    np.testing.assert_array_equal(
        inputs.sets["stain"].map.values[inputs.mask], toy_cortex.stain()[inputs.mask]
    )
    assert inputs.names == ["front", "middle", "back"]
