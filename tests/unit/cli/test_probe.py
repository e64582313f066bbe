"""`cytosurf probe` as a user meets it."""

import json

import pytest
import yaml

from tests.unit.cli.conftest import refused
from tests.unit.probes.toy_slice import options, write_slice

ARGUMENTS = ("--n-folds", "2", "--gap-tiles", "0", "--components", "4")


@pytest.fixture
def config(tmp_path):
    """Write the configuration of a training on a small slice."""
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(options(write_slice(tmp_path))))
    return path


def test_a_table_and_a_file(cytosurf, config, tmp_path):
    """A line for each model in the order asked for, and the same scores in results.json."""
    out = tmp_path / "probe"
    models = ("--models", "pca, coordinates,untrained")
    done = cytosurf("probe", config, "--out", out, *models, *ARGUMENTS)
    assert done.code == 0, done.err
    lines = [line.split("\t") for line in done.out.strip().splitlines()]
    assert lines[0] == ["model", "macro_f1", "sd", "pooled", "CTX", "STR", "VP", "ZI"]
    assert [line[0] for line in lines[1:]] == ["pca", "coordinates", "untrained"]
    stored = json.loads((out / "results.json").read_text())["models"]
    assert [float(line[1]) for line in lines[1:]] == [
        round(model["macro_f1"]["mean"], 3) for model in stored.values()
    ]
    assert "pca: fold 2 of 2" in done.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--models", "pca,resnet"), "models"),
        (("--classes", "CTX,CTX"), "--classes"),
        (("--min-share", "0.2"), "--min-share"),
        (("--components", "9999", "--models", "pca"), "--components"),
        (("--n-folds", "1"), "--n-folds"),
        (("--C", "0", "--models", "pca"), "--C"),
        (("--set", "steps=-1"), "steps"),
        (("--set", "source.path=no.npz"), "no.npz"),
    ],
)
def test_bad_options_are_named(cytosurf, config, tmp_path, arguments, words):
    """Exit code 2 and one sentence."""
    everything = (*ARGUMENTS, *arguments)
    refused(cytosurf("probe", config, "--out", tmp_path / "probe", *everything), words)
