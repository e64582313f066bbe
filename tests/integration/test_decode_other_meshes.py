"""Decoding is not bound to fs_LR 32k: fsaverage5 and the BigBrain mesh itself do as well."""

import pytest

from cytosurf.surfaces import Space
from cytosurf.workflow import decode


@pytest.mark.real_data
@pytest.mark.filterwarnings("ignore::cytosurf.errors.CytosurfWarning")
def test_fsaverage5_is_decoded_from_embedded_maps(real_cache, tmp_path):
    """Features and labels of BrainSpace are carried there; folds, spins and scores are made there.

    Microstructure tells the networks apart about as well as on fs_LR 32k (macro-F1 0.47).
    """
    run = decode(
        "microstructure",
        "schaefer400-7networks",
        baseline="coordinates",
        space="fsaverage5",
        spins=1,
        jobs=1,
        out=tmp_path / "run",
    )
    results = run.record.results
    assert run.record.space == Space("fsaverage", "10k")
    assert results["density"] == "10k"
    assert 17_500 < results["n_vertices"] < 19_500
    scores = {name: entry["macro_f1"]["mean"] for name, entry in results["feature_sets"].items()}
    assert 0.35 < scores["microstructure"] < 0.6
    assert scores["prior"] < 0.1
    assert results["spin_test"]["n_spins"] == 1
    truth = sorted(path.name for path in (tmp_path / "run" / "maps").glob("*truth*"))
    assert truth
    assert all("space-fsaverage_den-10k" in name for name in truth)


@pytest.mark.real_data
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::cytosurf.errors.CytosurfWarning")
def test_the_bigbrain_mesh_is_decoded_natively(real_cache, tmp_path):
    """Histological gradients against the labels drawn on BigBrain, without any resampling.

    Run with: pytest -m slow tests/integration/test_decode_other_meshes.py
    """
    run = decode(
        "hist",
        "yeo7:bigbrain",
        baseline="coordinates",
        space="bigbrain-164k",
        spins=1,
        jobs=1,
        out=tmp_path / "run",
    )
    results = run.record.results
    assert results["space"] == "bigbrain"
    assert results["n_vertices"] > 300_000
    assert results["spin_test"]["n_spins"] == 1
