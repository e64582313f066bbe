"""The documented trainings on BigBrain profiles: their files fit together, the tables hold."""

import importlib
import json
from pathlib import Path

import numpy as np
import pytest

from cytosurf.runs.options import read_options
from cytosurf.spatialnce.config_files import read_config

PIPELINE = Path(__file__).resolve().parents[2] / "pipelines" / "spatialnce_bigbrain"


@pytest.fixture(scope="module", autouse=True)
def beside():
    """Let the scripts of the pipeline be imported, as they import each other."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(PIPELINE))
        yield


@pytest.fixture
def script():
    """Return the script that makes everything, as a module."""
    return importlib.import_module("table")


@pytest.fixture
def tables():
    """Return what shows scores."""
    return importlib.import_module("tables")


@pytest.fixture
def plan():
    """Return what is trained and decoded."""
    return importlib.import_module("plan")


@pytest.fixture(scope="module")
def expected():
    """Return what was measured."""
    return json.loads((PIPELINE / "expected.json").read_text(encoding="utf-8"))


def test_the_readme_shows_the_tables_of_the_measured_scores(tables, expected):
    """Every table that can be made from the scores is there, as the script writes it."""
    text = (PIPELINE / "README.md").read_text(encoding="utf-8")
    made = tables.tables(expected["scores"])
    assert len(made) > 1
    for title, table in made.items():
        assert table in text, title


def test_scores_are_complete(plan, expected):
    """Each decoding has every set of its entry, with as many folds as the others."""
    for name, by_target in expected["scores"].items():
        for scores in by_target.values():
            (n_folds,) = {len(folds) for folds in scores.values()}
            assert n_folds == 5 or name in ("left", "unseen")
            if name in plan.DECODINGS:
                assert set(scores) == set(plan.DECODINGS[name].sets)


@pytest.mark.parametrize("name", ["simclr-1", "untrained-2", "spatialnce-bins", "spatialnce-left"])
def test_models_and_controls_are_changes_of_one_configuration(plan, name, expected):
    """Same encoder, steps, batch, augmentation and optimiser for all."""
    base = read_config(PIPELINE / "config.yaml")
    changes = plan.trainings()[name]
    changed = read_config(PIPELINE / "config.yaml", changes).identity()
    differ = {key for key, value in changed.items() if value != base.identity()[key]}
    assert differ == {change.partition("=")[0] for change in changes}
    assert base.steps == expected["steps"]


def test_every_table_of_embeddings_has_a_training(plan):
    """No decoding names a model that nothing makes; decode.yaml names those of the README."""
    made = set(plan.trainings())
    for decoding in plan.DECODINGS.values():
        terms = [term for name in decoding.sets for term in name.split("+")]
        tables = {term.split(":")[1] for term in terms if ".h5" in term}
        assert {table.removesuffix(".h5") for table in tables} <= made
    features = read_options(PIPELINE / "decode.yaml")["features"]
    assert [f"embedding:{model}.h5:pca32" for model in plan.MODELS] == features[:3]


def test_differences_are_paired_and_marked_where_they_pass_their_sd(tables):
    """Bold: mean above the SD over folds; the number of folds in which they are positive."""
    assert tables.difference([0.5, 0.6, 0.7], [0.4, 0.5, 0.7]) == "**+0.067 ± 0.047** (2 of 3)"
    assert tables.difference([0.5, 0.6], [0.6, 0.5]) == "+0.000 ± 0.100 (1 of 2)"
    assert tables.difference([0.5], [0.25]) == "+0.250"
    assert tables.difference([0.5, 0.6], [0.5, 0.6]) == "–"
    assert tables.label("embedding:spatialnce-0.h5:pca32+coordinates") == "spatialnce+coordinates"


def test_the_summary_compares_models_of_the_same_training(tables):
    """Even slabs: each model trained on these; a part that is not there has no row."""
    models = {model: 0.1 * i for i, model in enumerate(("simclr", "untrained"), start=1)}
    seed = {f"embedding:{model}-0.h5:pca32": [x] for model, x in models.items()}
    bins = {f"embedding:{model}-bins.h5:pca32": [x / 2] for model, x in models.items()}
    found = {
        "base": {"yeo7": {"neighbourhood:pca32": [0.3], "coordinates": [0.6]}},
        "seed-0": {"yeo7": {"embedding:spatialnce-0.h5:pca32": [0.5], **seed}},
        "bins": {"yeo7": {"embedding:spatialnce-bins.h5:pca32": [0.4], **bins}},
    }
    rows = tables.summary_table(found, "yeo7").splitlines()[2:]
    assert rows == [
        "| published folds | 0.500 | +0.400 | +0.300 | +0.200 | -0.100 |  |",
        "| (a) even slabs | 0.400 | +0.350 | +0.300 | +0.100 | -0.200 |  |",
    ]
    del found["bins"]
    assert tables.summary_table(found, "yeo7").splitlines()[2:] == rows[:1]


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
