"""The documented trainings on BigBrain profiles: their files fit together, the tables hold."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

from cytosurf.runs.options import read_options
from cytosurf.spatialnce.config_files import read_config

PIPELINE = Path(__file__).resolve().parents[2] / "pipelines" / "spatialnce_bigbrain"


@pytest.fixture(scope="module")
def script():
    """Return the script that makes the table, as a module."""
    spec = importlib.util.spec_from_file_location("bigbrain_table", PIPELINE / "table.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def expected():
    """Return what was measured."""
    return json.loads((PIPELINE / "expected.json").read_text(encoding="utf-8"))


def test_the_readme_shows_the_tables_of_the_measured_scores(script, expected):
    """Every table that can be made from the scores is there, as the script writes it."""
    text = (PIPELINE / "README.md").read_text(encoding="utf-8")
    made = script.tables(expected["scores"])
    assert len(made) > 1
    for title, table in made.items():
        assert table in text, title


def test_scores_are_complete(script, expected):
    """Each decoding has every set of its entry, with as many folds as the others."""
    for name, by_target in expected["scores"].items():
        for scores in by_target.values():
            (n_folds,) = {len(folds) for folds in scores.values()}
            assert n_folds == 5 or name in ("left", "unseen")
            if name in script.DECODINGS:
                assert set(scores) == set(script.DECODINGS[name].sets)


@pytest.mark.parametrize("name", ["simclr-1", "untrained-2", "spatialnce-bins", "spatialnce-left"])
def test_models_and_controls_are_changes_of_one_configuration(name, script, expected):
    """Same encoder, steps, batch, augmentation and optimiser for all."""
    base = read_config(PIPELINE / "config.yaml")
    changes = script.trainings()[name]
    changed = read_config(PIPELINE / "config.yaml", changes).identity()
    differ = {key for key, value in changed.items() if value != base.identity()[key]}
    assert differ == {change.partition("=")[0] for change in changes}
    assert base.steps == expected["steps"]


def test_every_table_of_embeddings_has_a_training(script):
    """No decoding names a model that nothing makes; decode.yaml names those of the README."""
    made = set(script.trainings())
    for decoding in script.DECODINGS.values():
        terms = [term for name in decoding.sets for term in name.split("+")]
        tables = {term.split(":")[1] for term in terms if ".h5" in term}
        assert {table.removesuffix(".h5") for table in tables} <= made
    features = read_options(PIPELINE / "decode.yaml")["features"]
    assert [f"embedding:{model}.h5:pca32" for model in script.MODELS] == features[:3]


def test_differences_are_paired_and_marked_where_they_pass_their_sd(script):
    """Bold: mean above the SD over folds; the number of folds in which they are positive."""
    assert script.difference([0.5, 0.6, 0.7], [0.4, 0.5, 0.7]) == "**+0.067 ± 0.047** (2 of 3)"
    assert script.difference([0.5, 0.6], [0.6, 0.5]) == "+0.000 ± 0.100 (1 of 2)"
    assert script.difference([0.5], [0.25]) == "+0.250"
    assert script.difference([0.5, 0.6], [0.5, 0.6]) == "–"
    assert script.label("embedding:spatialnce-0.h5:pca32+coordinates") == "spatialnce+coordinates"


def test_the_summary_compares_models_of_the_same_training(script):
    """Even slabs: each model trained on these; a part that is not there has no row."""
    models = {model: 0.1 * i for i, model in enumerate(("simclr", "untrained"), start=1)}
    seed = {f"embedding:{model}-0.h5:pca32": [x] for model, x in models.items()}
    bins = {f"embedding:{model}-bins.h5:pca32": [x / 2] for model, x in models.items()}
    found = {
        "base": {"yeo7": {"neighbourhood:pca32": [0.3], "coordinates": [0.6]}},
        "seed-0": {"yeo7": {"embedding:spatialnce-0.h5:pca32": [0.5], **seed}},
        "bins": {"yeo7": {"embedding:spatialnce-bins.h5:pca32": [0.4], **bins}},
    }
    rows = script.summary_table(found, "yeo7").splitlines()[2:]
    assert rows == [
        "| published folds | 0.500 | +0.400 | +0.300 | +0.200 | -0.100 |  |",
        "| (a) even slabs | 0.400 | +0.350 | +0.300 | +0.100 | -0.200 |  |",
    ]


@pytest.mark.real_data
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::cytosurf.errors.CytosurfWarning")
def test_one_seed_is_reproduced(script, expected, real_cache, tmp_path, monkeypatch):
    """Trainings and decodings of seed 0 give every score within the tolerance."""
    monkeypatch.chdir(tmp_path)
    Path("decoding").mkdir()
    script.write_mask()
    for name in ("base", "seed-0"):
        script.decode_table(name)
    found = script.collect()
    for name in ("base", "seed-0"):
        for target, scores in expected["scores"][name].items():
            means = {features: np.mean(folds) for features, folds in scores.items()}
            again = {features: np.mean(folds) for features, folds in found[name][target].items()}
            assert again == pytest.approx(means, abs=expected["tolerance"]), (name, target)
