"""The documented comparison on the X-ray slice: its files fit together, its figures hold."""

import json
from pathlib import Path

import numpy as np
import pytest

from cytosurf.spatialnce.config_files import read_config

PIPELINE = Path(__file__).resolve().parents[2] / "pipelines" / "xray_thalamocortical"
CLASSES = ("CTX", "STR", "VP", "ZI")


@pytest.fixture
def expected():
    """Return what was measured."""
    return json.loads((PIPELINE / "expected.json").read_text(encoding="utf-8"))


def on_the_slice(real_data):
    """Return the configuration with the slice of the test data."""
    path = real_data / "xray_thc" / "xray_thc_slice-309.npz"
    return read_config(PIPELINE / "config.yaml", [f"source.path={path}"])


def test_every_model_has_a_score(expected):
    """Of each fold and class, and the table of the README holds the same."""
    from cytosurf.probes.comparison import MODELS

    readme = (PIPELINE / "README.md").read_text(encoding="utf-8")
    assert read_config(PIPELINE / "config.yaml").steps == expected["steps"]
    assert set(expected["models"]) == set(MODELS)
    for model, scores in expected["models"].items():
        macro = scores["macro_f1"]
        assert len(macro["folds"]) == 5
        assert macro["mean"] == pytest.approx(np.mean(macro["folds"]), abs=1e-3)
        assert macro["sd"] == pytest.approx(np.std(macro["folds"]), abs=1e-3)
        assert tuple(scores["f1"]) == CLASSES
        assert scores["pooled_macro_f1"] == pytest.approx(
            np.mean(list(scores["f1"].values())), abs=1e-3
        )
        row = next(line for line in readme.splitlines() if line.startswith(f"| `{model}`"))
        assert f"{macro['mean']:.3f} ± {macro['sd']:.3f}" in row
        assert all(f"{f1:.2f}" in row for f1 in scores["f1"].values())


def test_every_seed_has_its_row(expected):
    """What is claimed over seeds follows from the scores of their folds."""
    readme = (PIPELINE / "README.md").read_text(encoding="utf-8").splitlines()
    pixels = np.array(expected["models"]["pca"]["macro_f1"]["folds"])
    for seed, scores in expected["other_seeds"].items():
        trained, untrained = (np.array(scores[name]) for name in ("spatialnce", "untrained"))
        row = next(line for line in readme if line.startswith(f"| {seed} |") and "±" in line)
        for values in (trained, untrained, trained - untrained):
            assert f"{values.mean():.3f} ± {values.std():.3f}" in row
        assert (trained > untrained).all()
        assert (trained > pixels).all()


@pytest.mark.real_data
def test_what_needs_no_training_is_reproduced(expected, real_data, tmp_path):
    """Tiles of every region in every fold, and what position alone says."""
    from cytosurf.probes import compare_models

    found = compare_models(on_the_slice(real_data), tmp_path / "out", models=["coordinates"])
    assert found.record["tiles"] == expected["tiles"]
    assert found.record["folds"] == expected["folds"]
    score = expected["models"]["coordinates"]["macro_f1"]["mean"]
    assert found.record["models"]["coordinates"]["macro_f1"]["mean"] == pytest.approx(
        score, abs=1e-3
    )


@pytest.mark.real_data
def test_analyses_of_the_data_are_reproduced(expected, real_data):
    """Divergences of grey values and of tissue, and the scores of people."""
    from cytosurf.histology import read_raters, read_tissue
    from cytosurf.histology.xray import REGIONS
    from cytosurf.probes import (
        grey_counts,
        kl_divergence,
        one_minus_cosine,
        rater_scores,
        tissue_counts,
    )

    folder, analyses = real_data / "xray_thc", expected["analyses"]
    order = analyses["order"]
    with np.load(folder / "xray_thc_slice-309.npz") as stored:
        codes = [REGIONS.index(name) for name in order]
        grey = kl_divergence(grey_counts(stored["image"], stored["roi"], codes))
    np.testing.assert_allclose(grey, analyses["grey_kl_nats"], atol=1e-3)
    masks = read_tissue(folder / "xray_thc_microstructure_masks.npz", coding="notebook")
    counts = tissue_counts(masks[name] for name in order)[:, 1:]
    np.testing.assert_allclose(
        one_minus_cosine(counts), analyses["tissue_one_minus_cosine"], atol=1e-3
    )
    np.testing.assert_allclose(kl_divergence(counts), analyses["tissue_kl_nats"], atol=1e-3)
    for name, rated in read_raters(folder / "xray_thc_raters.npz").items():
        for what, value in analyses["raters"][name].items():
            np.testing.assert_allclose(getattr(rater_scores(rated), what), value, atol=1e-3)


@pytest.mark.real_data
@pytest.mark.slow
def test_the_table_is_reproduced(expected, real_data, tmp_path):
    """All trainings, from the beginning, give every score within the tolerance."""
    from cytosurf.probes import compare_models

    found = compare_models(on_the_slice(real_data), tmp_path / "out")
    scores = {name: s["macro_f1"]["mean"] for name, s in found.record["models"].items()}
    means = {name: s["macro_f1"]["mean"] for name, s in expected["models"].items()}
    assert scores == pytest.approx(means, abs=expected["tolerance"])
