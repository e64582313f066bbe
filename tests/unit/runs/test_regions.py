"""Small regions: refused or warned of before anything is written, counted conservatively after."""

import json
import warnings

import numpy as np
import pytest

from cytosurf.errors import CytosurfWarning, InputError
from cytosurf.nulls import SpinAssigner
from cytosurf.runs import execute, make_config, prepare
from cytosurf.runs.inputs import labels_to_spin, load_inputs, surface_meshes
from cytosurf.runs.record import load_run
from cytosurf.runs.regions import try_spins
from cytosurf.surfaces import Space, load_mesh


def cap(toy_cortex, tmp_path, n_vertices, centre=(-45.0, -20.0, -10.0)):
    """Write a mask of the vertices nearest to a point and return its path."""
    points = toy_cortex.points()
    distance = np.linalg.norm(points - np.array(centre), axis=1)
    distance[~toy_cortex.cortex()] = np.inf
    inside = np.zeros(len(points))
    inside[np.argsort(distance)[:n_vertices]] = 1
    path = tmp_path / f"cap{n_vertices}.npz"
    np.savez(path, values=inside)
    return str(path)


def stripes(toy_cortex):
    """Return narrow bands, of which even a small region holds some."""
    y = toy_cortex.points()[:, 1]
    return toy_cortex.parcellation(np.where(toy_cortex.cortex(), 1 + (y // 7).astype(int) % 3, 0))


SMALL = {"folds": {"n_folds": 2, "n_blocks": 6}, "matched_position": False}


def test_a_spin_that_leaves_nothing_to_decode_does_not_end_the_run(run_toy, toy_cortex, tmp_path):
    """It counts as exceeding in every test, is counted in results.json, and warned of once."""
    mask = cap(toy_cortex, tmp_path, 40)
    run = run_toy(tmp_path / "run", target=stripes(toy_cortex), mask=mask, spins=40, **SMALL)
    spin_test = run.results["spin_test"]
    assert set(spin_test["untestable"]) == {"independent", "mirrored"}
    assert 0 < max(spin_test["untestable"].values()) <= 12
    for test in run.nulls:
        lost = np.isnan(test.null)
        assert lost.sum() == spin_test["untestable"][test.rotation]
        assert test.exceed == lost.sum() + (test.null[~lost] >= test.observed - 1e-12).sum()
        assert len(test.null) == 40
    said = [text for text in run.info["warnings"] if "They count as reaching" in text]
    assert len(said) == 1
    assert f"{spin_test['untestable']['mirrored']} of 40 mirrored spins" in said[0]
    again = load_run(run.directory)
    assert json.dumps(again.results) == json.dumps(run.results)


def test_fits_of_spins_that_did_not_converge_are_told(run_toy, toy_cortex, tmp_path, monkeypatch):
    """Counted in results.json and warned of; a run in which all did says nothing."""
    options = {"target": stripes(toy_cortex), "spins": 6, "matched_position": False}
    whole = run_toy(tmp_path / "whole", **options)
    assert whole.results["spin_test"]["unconverged"] == {"independent": 0, "mirrored": 0}
    assert not any("stopping rule" in text for text in whole.info["warnings"])
    monkeypatch.setattr("cytosurf.decoding.softmax.WARM_SEGMENTS", (1,))
    run = run_toy(tmp_path / "short", **options)
    found = run.results["spin_test"]["unconverged"]
    assert min(found.values()) > 0
    (said,) = [text for text in run.info["warnings"] if "stopping rule" in text]
    assert f"{found['mirrored']} of mirrored spins" in said


def prepared_messages(toy_cortex, tmp_path, target, n_vertices, **options):
    """Return what preparing a run says of its spins, not of its few superblocks."""
    config = toy_cortex.config(mask=cap(toy_cortex, tmp_path, n_vertices), **SMALL | options)
    given = {"features": [toy_cortex.feature_set()], "targets": [target]}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CytosurfWarning)
        (prepared,) = prepare([config], [tmp_path / "run"], **given)
    return tuple(m for m in prepared.messages if "superblocks in" not in m)


def test_a_small_region_is_warned_of(toy_cortex, tmp_path):
    """With its size, what spins bring into it, and the p that it cannot reach; once."""
    (message,) = prepared_messages(toy_cortex, tmp_path, stripes(toy_cortex), 40, spins=19)
    assert "region has 40 vertices, 7.8% of the labelled cortex" in message
    assert "half of them 3 or fewer; it has 3 itself" in message
    assert "12% of 200 trial spins leave nothing to decode" in message
    assert "no p can be 0.05 or less" in message


def test_a_region_that_is_large_enough_is_not_warned_of(toy_cortex, tmp_path):
    """Nor is a small one without spins."""
    target = toy_cortex.parcellation()
    assert prepared_messages(toy_cortex, tmp_path, target, 200, spins=19) == ()
    assert prepared_messages(toy_cortex, tmp_path, stripes(toy_cortex), 40, spins=0) == ()


def test_a_region_that_most_spins_leave_empty_is_refused(toy_cortex, tmp_path):
    """Before anything is written, with the way out; without spins it can be decoded."""
    target = toy_cortex.parcellation()
    with pytest.raises(InputError, match=r"target bands: found 3\d% of 200 trial .*--spins 0"):
        prepared_messages(toy_cortex, tmp_path, target, 60, spins=19)
    assert not (tmp_path / "run").exists()
    prepared_messages(toy_cortex, tmp_path, target, 60, spins=0)


def test_trials_are_the_first_spins_of_the_run(toy_cortex, tmp_path, run_toy):
    """What is tried is what is done: the same seed, rotations and rule."""
    mask = cap(toy_cortex, tmp_path, 40)
    options = {"mask": mask, "spins": 40, "seed": 5, **SMALL}
    run = run_toy(tmp_path / "run", target=stripes(toy_cortex), **options)
    config = toy_cortex.config(**options)
    (inputs,) = load_inputs([config], [toy_cortex.feature_set()], [stripes(toy_cortex)])
    assigner = SpinAssigner(surface_meshes(inputs.space, ("L", "R"), "sphere"))
    label, _ = labels_to_spin(inputs)
    for policy, n_lost in run.results["spin_test"]["untestable"].items():
        trial = try_spins(inputs, label, assigner, [policy], seed=5, n_trials=40)
        assert trial.untestable == n_lost / 40


@pytest.mark.real_data
@pytest.mark.parametrize(("n_vertices", "target"), [(600, "yeo17"), (300, "yeo7")])
def test_a_cap_of_the_real_cortex(real_cache, tmp_path, n_vertices, target):
    """600 vertices of 17 networks end with spins that could not be tested; 300 of 7 are refused."""
    sphere = load_mesh(Space.parse("fsLR-32k"), "L", "sphere").vertices
    inside = np.zeros(2 * len(sphere))
    inside[np.argsort(-sphere @ sphere[5000])[:n_vertices]] = 1
    np.savez(tmp_path / "cap.npz", values=inside)
    config = make_config(
        {
            "features": ["hist"],
            "target": target,
            "mask": str(tmp_path / "cap.npz"),
            "spins": 30,
            "jobs": 1,
            "matched_position": False,
            "folds": {"n_blocks": 20},
        }
    )
    if target == "yeo7":
        with pytest.raises(InputError, match=r"2\d% of 200 trial spins"):
            execute(config, tmp_path / "run")
        assert not (tmp_path / "run").exists()
        return
    with pytest.warns(CytosurfWarning, match=r"600 vertices, 2\.0%"):
        run = execute(config, tmp_path / "run")
    lost = run.results["spin_test"]["untestable"]
    assert 0 < sum(lost.values()) < 12
    assert all(test.exceed >= lost[test.rotation] for test in run.nulls)
