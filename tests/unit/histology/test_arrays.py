"""Patches from npz files."""

import numpy as np
import pytest

from cytosurf.errors import InputError
from cytosurf.histology.arrays import read_arrays


def test_a_file_is_read_as_it_was_written(tmp_path):
    """Patches, places and ids."""
    patches = np.random.default_rng(0).integers(0, 255, (4, 2, 3, 3), dtype=np.uint8)
    np.savez(tmp_path / "a.npz", patches=patches, coordinates_mm=np.eye(4, 3), ids=[7, 8, 9, 10])
    source = read_arrays(tmp_path / "a.npz", "other:toy")
    assert source.groups == {}
    assert source.shape == (2, 3, 3)
    assert source.ids.tolist() == [7, 8, 9, 10]
    assert np.array_equal(source.read(np.array([2]))[0], patches[2].astype(np.float32) / 255)


def test_labels_and_brains_are_read(tmp_path):
    """Whole numbers, one for each patch; others are refused by name."""
    arrays = {"patches": np.zeros((3, 1, 1)), "coordinates_mm": np.zeros((3, 3))}
    np.savez(tmp_path / "a.npz", **arrays, label=[2, -1, 2], brain=[0, 1, 1])
    source = read_arrays(tmp_path / "a.npz", "other:toy")
    assert {name: v.tolist() for name, v in source.groups.items()} == {
        "label": [2, -1, 2],
        "brain": [0, 1, 1],
    }
    for bad in ([0.5, 1, 1], [1, 2]):
        np.savez(tmp_path / "b.npz", **arrays, label=bad)
        with pytest.raises(InputError, match=r"label: found .*expected 3 whole numbers"):
            read_arrays(tmp_path / "b.npz", "other:toy")


def test_files_that_are_no_patches_are_refused(tmp_path):
    """Missing, cut off, or without an array; each says what is expected."""
    good = tmp_path / "good.npz"
    np.savez(good, patches=np.zeros((2, 1, 1)), coordinates_mm=np.zeros((2, 3)))
    (tmp_path / "cut.npz").write_bytes(good.read_bytes()[:-40])
    np.savez(tmp_path / "other.npz", patches=np.zeros((2, 1, 1)))
    for name, words in (("none", "readable"), ("cut", "readable"), ("other", "no coordinates_mm")):
        with pytest.raises(InputError, match=words):
            read_arrays(tmp_path / f"{name}.npz", "other:toy")
