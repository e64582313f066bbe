"""A calibration is resumable, refuses to mix, and writes what it found."""

import json
import warnings

import numpy as np
import pandas as pd
import pytest

import cytosurf
from cytosurf.errors import CytosurfWarning, InputError
from cytosurf.nulls.calibrate import calibrate_sets
from cytosurf.runs import calibration as module
from cytosurf.runs.calibration import calibrate

SMALL = {
    "space": "toy-642",
    "sets": 3,
    "spins": 2,
    "columns": 2,
    "smoothness_mm": 15.0,
    "jobs": 1,
    "effect": 0.0,
}


@pytest.fixture(scope="module")
def run(toy_cortex):
    """Return a function that calibrates on the toy cortex, quietly."""

    def run_quietly(target=None, **options):
        target = target if target is not None else toy_cortex.parcellation()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CytosurfWarning)
            return calibrate(target, **(SMALL | {"folds": toy_cortex.FOLDS} | options))

    return run_quietly


@pytest.fixture
def counted(monkeypatch):
    """Return the list of the sets that are computed."""
    computed = []

    def note(plan, numbers):
        for number, statistic in calibrate_sets(plan, numbers):
            computed.append(number)
            yield number, statistic

    monkeypatch.setattr(module, "calibrate_sets", note)
    return computed


def test_is_public():
    """At the top of the package."""
    assert cytosurf.calibrate is calibrate
    assert cytosurf.Calibration is module.Calibration


def test_what_is_written(run, toy_cortex, tmp_path):
    """Rates as a table and as JSON, settings with them, one file for each set."""
    result = run(out=tmp_path, effect=0.5, nulls=("labels", "features", "surrogates"))
    content = json.loads((tmp_path / "calibration.json").read_text())
    assert content["settings"] == result.settings
    assert content["settings"]["attainable_rate"] == 0.0
    assert content["settings"]["position"] == "harmonics:2"
    assert content["settings"]["baseline"] == "coordinates"
    assert content["settings"]["nulls"] == ["labels", "features", "surrogates"]
    assert content["settings"]["symmetries"] == ["independent", "correlated", "symmetric"]
    assert len(content["rates"]) == len(result.rates) == 6 * 6 * 2
    written = pd.read_csv(tmp_path / "calibration.tsv", sep="\t")
    pd.testing.assert_frame_equal(written, result.table)
    assert set(written["kind"]) == {"random", "planted"}
    assert (written["n_sets"] == 3).all()
    assert len(list((tmp_path / "sets").iterdir())) == 3


def test_a_killed_calibration_goes_on(run, toy_cortex, tmp_path, counted):
    """Missing and damaged sets are made again, to the byte; the others are not touched."""
    run(out=tmp_path)
    before = toy_cortex.listing(tmp_path)
    first, second, _ = sorted((tmp_path / "sets").iterdir())
    first.unlink()
    second.write_bytes(second.read_bytes()[:100])
    counted.clear()
    options = SMALL | {"folds": toy_cortex.FOLDS, "out": tmp_path}
    with pytest.warns(CytosurfWarning) as caught:
        calibrate(toy_cortex.parcellation(), **options)
    (said,) = (text for w in caught if "damaged" in (text := str(w.message)))
    assert said.startswith(f"{second}: damaged")
    assert counted == [0, 1]
    assert toy_cortex.listing(tmp_path) == before


def test_a_changed_number_is_found(run, tmp_path, counted):
    """A set whose checksum is wrong is made again."""
    run(out=tmp_path)
    path = tmp_path / "sets" / "000001.npz"
    with np.load(path) as stored:
        arrays = dict(stored)
    arrays["statistic"] = arrays["statistic"] + 1e-9
    np.savez_compressed(path, **arrays)
    counted.clear()
    run(out=tmp_path)
    assert counted == [1]


def test_more_sets_are_added(run, tmp_path, counted):
    """Those that are there stay, and the result is that of doing all at once."""
    run(out=tmp_path)
    counted.clear()
    more = run(out=tmp_path, sets=5)
    assert counted == [3, 4]
    assert more.rates == run(sets=5).rates


@pytest.mark.parametrize(
    ("change", "found", "expected"),
    [
        ({"spins": 3}, "spins = 2", "spins = 3"),
        ({"seed": 1}, "seed = 0", "seed = 1"),
        ({"effect": 0.3, "C": 2.0}, "C = 1.0 and effect = 0.0", "C = 2.0 and effect = 0.3"),
        ({"columns": 3}, "columns = 2", "columns = 3"),
    ],
)
def test_another_calibration_is_refused(run, tmp_path, change, found, expected):
    """Sets of other settings are never mixed; what differs is named."""
    run(out=tmp_path, sets=1)
    message = rf"--out .*found a calibration with {found}; expected one with {expected}\. "
    with pytest.raises(InputError, match=message):
        run(out=tmp_path, sets=2, **change)


def test_other_labels_are_refused(run, toy_cortex, tmp_path):
    """As are other data, also before the first calibration was finished."""
    run(out=tmp_path, sets=1)
    other = toy_cortex.parcellation(np.where(toy_cortex.keys() == 2, 1, toy_cortex.keys()))
    with pytest.raises(InputError, match=r"--out .*found a calibration of other data"):
        run(other, out=tmp_path, sets=1)
    (tmp_path / "calibration.json").unlink()
    with pytest.raises(InputError, match=r"--out .*other settings, data or version"):
        run(other, out=tmp_path, sets=1)


def test_a_killed_calibration_says_what_it_is(run, tmp_path, monkeypatch):
    """Its settings are there from the beginning, its rates when all sets are."""

    def killed(plan, numbers):
        yield next(calibrate_sets(plan, numbers))
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "calibrate_sets", killed)
    with pytest.raises(KeyboardInterrupt):
        run(out=tmp_path)
    assert json.loads((tmp_path / "calibration.json").read_text())["rates"] == []
    with pytest.raises(InputError, match="found a calibration with seed = 0"):
        run(out=tmp_path, seed=5)


def test_one_hemisphere(run):
    """Has one policy and one symmetry."""
    result = run(hemispheres=("L",), sets=1)
    assert {(r.symmetry, r.rotation) for r in result.rates} == {("independent", "independent")}


def test_surfaces_differ(run):
    """Fields that are smooth on the sphere are others than those on the midthickness."""
    cortex, sphere = (run(surface=s, smoothness_mm=30.0).rates for s in module.SURFACES)
    assert [r.mean_observed for r in cortex] != [r.mean_observed for r in sphere]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"sets": 0}, "--sets: found 0"),
        ({"spins": 0}, "--spins: found 0"),
        ({"columns": 0}, "--columns: found 0"),
        ({"effect": 1.5}, "--effect: found 1.5"),
        ({"smoothness_mm": 0.0}, "--smoothness-mm: found 0"),
        ({"surface": "pial"}, "--surface: found 'pial'"),
        ({"baseline": "nowhere"}, "nowhere"),
        ({"folds": {"n_folds": 1}}, "n_folds"),
        ({"jobs": 0}, "--jobs"),
    ],
)
def test_bad_input(run, tmp_path, options, says):
    """Each mistake has its message, and nothing is written."""
    with pytest.raises(InputError, match=says):
        run(out=tmp_path / "new", **options)
    assert not (tmp_path / "new").exists()


def test_few_spins_are_warned_about(toy_cortex):
    """No set could ever reject."""
    options = SMALL | {"folds": toy_cortex.FOLDS, "sets": 1}
    with pytest.warns(CytosurfWarning, match="2 spins cannot give p <= 0.05"):
        calibrate(toy_cortex.parcellation(), **options)
