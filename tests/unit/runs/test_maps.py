"""Maps of a run: what they show, and that other programs can read them."""

import nibabel
import numpy as np
import pytest

from cytosurf.errors import InputError
from cytosurf.runs.chunks import spin_counts, vertex_sums
from cytosurf.runs.maps import (
    KINDS,
    bids_values,
    entropy_bits,
    null_accuracy,
    run_map,
    write_maps,
)
from cytosurf.surfaces import Parcellation, read_map, read_parcellation

PREFIX = "space-toy_den-642_hemi-{hemi}"


def pair(finished, name):
    """Return the left and the right file of a map."""
    folder = finished.directory / "maps"
    return tuple(folder / f"{PREFIX}_{name}".format(hemi=h) for h in ("L", "R"))


def test_truth_and_prediction_are_labels_with_names(finished):
    """They are parcellations in the keys of the target, 0 where nothing was analysed."""
    truth, prediction = run_map(finished, "truth"), run_map(finished, "prediction", "coordinates")
    assert isinstance(truth, Parcellation)
    assert np.array_equal(truth.keys, finished.truth)
    assert np.array_equal(prediction.keys, finished.prediction["coordinates"])
    assert truth.names == prediction.names == {1: "front", 2: "middle", 3: "back"}


def test_folds_count_from_one(finished):
    """Fold 0 would be the medial wall."""
    folds = run_map(finished, "fold")
    analysed = finished.truth > 0
    assert np.array_equal(folds.keys[analysed], finished.fold[analysed] + 1)
    assert not folds.keys[~analysed].any()
    assert folds.names == {1: "fold 1", 2: "fold 2", 3: "fold 3"}


def test_correct_is_one_where_the_prediction_is_the_truth(finished):
    """Its mean over the tested vertices is the accuracy."""
    correct = run_map(finished, "correct", "stain")
    tested = finished.truth > 0
    assert np.array_equal(correct.valid, tested)
    counts = finished.counts["stain"]
    share = np.trace(counts.sum(axis=0)) / counts.sum()
    assert correct.values[tested].mean() == pytest.approx(share)


def test_entropy_is_in_bits(finished):
    """0 for a sure prediction, log2 K for none."""
    entropy = run_map(finished, "entropy")
    p = finished.probability["stain"][finished.truth > 0].astype(float)
    expected = -(p * np.log2(np.where(p > 0, p, 1))).sum(axis=1)
    assert np.allclose(entropy.values[entropy.valid][:, 0], expected, atol=1e-3)
    assert entropy_bits(np.full((1, 8), 0.125)).tolist() == [3.0]
    assert not np.signbit(entropy_bits(np.array([[1.0, 0.0]]))).any()


def test_the_first_feature_set_is_shown_unless_another_is_named(finished):
    """The features come before the baselines."""
    assert np.array_equal(run_map(finished, "prediction").keys, finished.prediction["stain"])


def test_unknown_maps_and_sets_suggest_the_nearest(finished):
    """A misspelt name is bad input."""
    with pytest.raises(InputError, match="Did you mean 'prediction'"):
        run_map(finished, "predictions")
    with pytest.raises(InputError, match="Did you mean 'coordinates'"):
        run_map(finished, "entropy", "coordinate")


@pytest.mark.parametrize("rotation", ["independent", "mirrored"])
def test_null_accuracy_is_that_of_the_counts(finished, rotation):
    """Weighted by how often a vertex was tested, its mean is the accuracy over all spins."""
    evaluated, _ = vertex_sums(finished.directory, rotation)
    for k, name in enumerate(finished.results["spin_test"]["sets"]):
        found = null_accuracy(finished, name, rotation)
        counts = sum(c[:, k].sum(axis=(0, 1)) for _, c in spin_counts(finished.directory, rotation))
        expected = np.trace(counts) / counts.sum()
        assert np.average(found.values[:, 0], weights=evaluated) == pytest.approx(
            expected, abs=1e-6
        )
        assert np.array_equal(found.valid, evaluated > 0)
        assert found.space == finished.space
    with pytest.raises(InputError, match="feature set with spins"):
        null_accuracy(finished, "prior", rotation)


@pytest.mark.parametrize("kind", KINDS)
def test_files_hold_the_maps(finished, kind):
    """Each map is written per hemisphere and read again as it was, by us and by nibabel."""
    expected = run_map(finished, kind, "harmonics:2")
    if kind in ("truth", "fold"):
        files = pair(finished, f"desc-{kind}.label.gii")
    elif kind == "prediction":
        files = pair(finished, "features-harmonics2_desc-prediction.label.gii")
    else:
        files = pair(finished, f"features-harmonics2_desc-{kind}.func.gii")
    if isinstance(expected, Parcellation):
        again = read_parcellation(files)
        assert np.array_equal(again.keys, expected.keys)
        assert dict(again.names) == dict(expected.names)
        raw = np.concatenate([nibabel.load(f).darrays[0].data for f in files])
        assert np.array_equal(raw, expected.keys)
    else:
        again = read_map(files)
        assert np.array_equal(again.valid, expected.valid)
        assert np.array_equal(again.values[again.valid], expected.values[expected.valid])
        raw = np.concatenate([nibabel.load(f).darrays[0].data for f in files])
        assert np.isnan(raw[~expected.valid]).all()
    assert again.space == expected.space


def test_every_set_has_its_files(finished, tmp_path):
    """Two maps of the target, three of every decoded set, two hemispheres; none of the prior."""
    files = write_maps(finished)
    assert len(files) == len(set(files)) == 2 * (2 + 3 * 3)
    assert sorted(files) == sorted((finished.directory / "maps").iterdir())


def test_sets_of_the_same_file_name_do_not_overwrite_each_other():
    """Names become BIDS values, different for different sets, of letters and digits alone."""
    names = ["a/x.npz", "b/x.npz", "x:npz", "x.npz+β", "β", "γ", "hist+a/x.npz:pca2", "_"]
    values = bids_values(names)
    assert list(values) == names
    assert len(set(values.values())) == len(names)
    assert all(value.isascii() and value.isalnum() for value in values.values())
    assert values["hist+a/x.npz:pca2"] == "histXNpzPca2"


def test_long_names_make_short_files(run_toy, tmp_path, toy_cortex):
    """Sets of joined files get names that a file system takes, still different."""
    names = ["+".join(f"/maps/{'x' * 60}_{k}{last}.func.gii" for k in range(5)) for last in "ab"]
    values = bids_values(names)
    assert len(set(values.values())) == 2
    assert all(len(value) == 108 and value.isalnum() for value in values.values())
    given = [toy_cortex.feature_set(names[0])]
    run_toy(tmp_path, given, features=names[:1], spins=0)
    found = [p.name for p in (tmp_path / "maps").glob(f"*_features-{values[names[0]]}_*")]
    assert len(found) == 6
