"""The documented training on BigBrain profiles: its files fit together, its table holds."""

import json
from pathlib import Path

import pytest

from cytosurf.runs.options import read_options
from cytosurf.spatialnce.config_files import read_config

PIPELINE = Path(__file__).resolve().parents[2] / "pipelines" / "spatialnce_bigbrain"
MODELS = {
    "spatialnce": [],
    "untrained": ["steps=0"],
    "simclr": ["loss.kind=simclr"],
}


@pytest.fixture
def expected():
    """Return what was measured."""
    return json.loads((PIPELINE / "expected.json").read_text(encoding="utf-8"))


def test_the_table_is_complete(expected):
    """Every feature set and target of the decoding has a score, every model its features."""
    decoding = read_options(PIPELINE / "decode.yaml")
    assert list(expected["macro_f1"]) == decoding["target"]
    for row in expected["macro_f1"].values():
        assert set(decoding["features"]) | set(decoding["baseline"]) == set(row)
        for score in row.values():
            assert 0 < score["mean"] < 1
            assert len(score["folds"]) == 5
            assert score["mean"] == pytest.approx(sum(score["folds"]) / 5, abs=1e-3)
    for name in MODELS:
        assert f"embedding:{name}.h5:pca32" in decoding["features"]


@pytest.mark.parametrize("name", MODELS)
def test_the_controls_are_changes_of_one_configuration(name, expected):
    """Same encoder, batch, augmentation and optimiser; the steps of the trained ones are equal."""
    base = read_config(PIPELINE / "config.yaml")
    config = read_config(PIPELINE / "config.yaml", MODELS[name])
    changed = {key for key, value in config.identity().items() if value != base.identity()[key]}
    assert changed == {change.partition("=")[0] for change in MODELS[name]}
    assert base.steps == expected["steps"]


@pytest.mark.parametrize(
    "change",
    ["source.normalise_bin_mm=1.0", "subset.exclude=test.npz", "subset.hemispheres=[L]"],
)
def test_controls_of_position_are_options(change):
    """Profiles normalised in slabs, training vertices left out, the left hemisphere alone."""
    read_config(PIPELINE / "config.yaml", [change])


@pytest.mark.real_data
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::cytosurf.errors.CytosurfWarning")
def test_the_table_is_reproduced(expected, real_cache, tmp_path, monkeypatch):
    """Three trainings and a decoding give every score within the tolerance."""
    from cytosurf.spatialnce import embed_patches, train
    from cytosurf.workflow import decode

    monkeypatch.chdir(tmp_path)
    for name, changes in MODELS.items():
        train(read_config(PIPELINE / "config.yaml", changes), name)
        embed_patches(name, f"{name}.h5")
    runs = decode(**read_options(PIPELINE / "decode.yaml"), out=tmp_path / "decoding")
    for target, row in expected["macro_f1"].items():
        sets = runs[target].record.results["feature_sets"]
        found = {name: sets[name]["macro_f1"]["mean"] for name in row}
        means = {name: score["mean"] for name, score in row.items()}
        assert found == pytest.approx(means, abs=expected["tolerance"]), target
