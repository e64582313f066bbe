"""Records of runs: what is written is read again, and broken files are named."""

import json
import shutil

import numpy as np
import pytest

from cytosurf.errors import InputError
from cytosurf.runs.record import load_run, read_arrays, read_json, write_json


@pytest.fixture
def copied(finished, tmp_path):
    """Return a copy of a finished run that a test may break."""
    return shutil.copytree(finished.directory, tmp_path / "run")


def test_a_finished_run_is_read_as_it_was_computed(finished, toy_cortex):
    """Arrays keep their types, and names and keys their order."""
    run = load_run(str(finished.directory))
    assert (run.space, run.hemispheres) == (toy_cortex.TOY, ("L", "R"))
    assert run.labels.dtype == run.truth.dtype == run.block.dtype == np.int32
    assert (run.fold.dtype, run.excluded) == (np.int8, None)
    assert run.labels.tolist() == [1, 2, 3]
    assert run.label_names == ["front", "middle", "back"]
    assert np.array_equal(run.truth, toy_cortex.keys())
    assert list(run.counts) == ["stain", "coordinates", "harmonics:2"]
    assert run.counts.keys() == run.prediction.keys() == run.probability.keys()
    for name, counts in run.counts.items():
        assert counts.shape == (3, 3, 3)
        assert run.prediction[name].dtype == np.int32
        assert run.probability[name].dtype == np.float16
        assert run.probability[name].shape == (toy_cortex.N_VERTICES, 3)


def test_counts_are_those_of_the_predictions(finished):
    """Every analysed vertex is counted once, in its fold, under its truth and prediction."""
    analysed = finished.truth > 0
    for name, counts in finished.counts.items():
        again = np.zeros_like(counts)
        cells = (finished.fold, finished.truth - 1, finished.prediction[name] - 1)
        np.add.at(again, tuple(values[analysed] for values in cells), 1)
        assert np.array_equal(again, counts)


def test_probabilities_are_of_the_vertices_that_were_tested(finished):
    """They sum to 1 there and are 0 elsewhere, and the largest is the prediction."""
    tested = finished.truth > 0
    for name, probability in finished.probability.items():
        total = probability.sum(axis=1, dtype=np.float32)
        assert np.allclose(total[tested], 1, atol=2e-3)
        assert not probability[~tested].any()
        assert not finished.prediction[name][~tested].any()
        chosen = np.searchsorted(finished.labels, finished.prediction[name][tested])
        of_chosen = np.take_along_axis(probability[tested], chosen[:, None], axis=1)[:, 0]
        assert np.array_equal(of_chosen, probability[tested].max(axis=1))


def test_vertices_that_a_buffer_leaves_out_are_kept(run_toy, tmp_path):
    """With a buffer the record says which vertices each fold did not train on."""
    folds = {"n_folds": 3, "n_blocks": 12, "buffer_mm": 4}
    run = load_run(run_toy(tmp_path, folds=folds).directory)
    assert run.excluded.shape == (3, len(run.fold))
    for k, excluded in enumerate(run.excluded):
        assert excluded.any()
        assert not (excluded & (run.fold == k)).any()


@pytest.mark.parametrize("name", ["config.yaml", "run.json", "results.json", "observed.npz"])
@pytest.mark.parametrize("damage", ["missing", "empty", "cut"])
def test_a_broken_file_is_named(copied, name, damage):
    """Whichever file is missing, empty or cut, it is bad input and not a crash."""
    path = copied / name
    content = path.read_bytes()
    path.unlink()
    if damage != "missing":
        path.write_bytes(b"" if damage == "empty" else content[: len(content) // 3])
    with pytest.raises(InputError) as caught:
        load_run(copied)
    assert str(copied) in str(caught.value)


@pytest.mark.parametrize("name", ["sets", "labels", "counts_1", "probability_2"])
def test_a_missing_array_is_named(copied, name):
    """An array that is not there is named, with what to do."""
    arrays = read_arrays(copied / "observed.npz")
    del arrays[name]
    np.savez(copied / "observed.npz", **arrays)
    with pytest.raises(InputError, match=f"no '{name}'.*goes on where it stopped"):
        load_run(copied)


def test_results_of_another_program_are_refused(copied):
    """A JSON file without our keys is bad input."""
    (copied / "results.json").write_text("{}")
    with pytest.raises(InputError, match="no 'classes'"):
        load_run(copied)


def test_json_is_plain_and_has_no_nan(tmp_path):
    """NaN becomes null wherever it is, names stay readable, and infinity is refused."""
    write_json(tmp_path / "a.json", {"a": [1.5, float("nan")], "b": {"ä": (np.nan,)}, "c": None})
    text = (tmp_path / "a.json").read_text(encoding="utf-8")
    assert json.loads(text) == {"a": [1.5, None], "b": {"ä": [None]}, "c": None}
    assert "ä" in text
    with pytest.raises(ValueError, match="Out of range"):
        write_json(tmp_path / "a.json", {"a": float("inf")})
    assert (tmp_path / "a.json").read_text(encoding="utf-8") == text


def test_json_must_be_an_object(tmp_path):
    """A list is no file of a run directory."""
    (tmp_path / "a.json").write_text("[]")
    with pytest.raises(InputError, match="found list; expected a JSON object"):
        read_json(tmp_path / "a.json")


def test_arrays_are_never_unpickled(tmp_path):
    """An object array is refused like any other broken file."""
    np.savez(tmp_path / "a.npz", values=np.array([{}], dtype=object))
    with pytest.raises(InputError, match="broken file"):
        read_arrays(tmp_path / "a.npz")


def test_only_the_wanted_arrays_are_read(tmp_path):
    """Names choose the arrays, and one that is not there is an error."""
    np.savez(tmp_path / "a.npz", a=1, b=2)
    assert list(read_arrays(tmp_path / "a.npz", ("b",))) == ["b"]
    with pytest.raises(InputError, match="broken file"):
        read_arrays(tmp_path / "a.npz", ("c",))
