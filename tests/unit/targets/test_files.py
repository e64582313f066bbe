"""A user's label files: GIFTI, CIFTI, text, pairs, and what is wrong with them."""

import numpy as np
import pytest

from cytosurf.errors import InputError
from cytosurf.surfaces.io import write_parcellation
from cytosurf.surfaces.maps import Parcellation
from cytosurf.surfaces.space import Space
from cytosurf.targets.embedded import FSLR32K
from cytosurf.targets.registry import load_target

N = 32_492


@pytest.fixture(scope="module")
def labels():
    """Three labels on fs_LR 32k."""
    keys = np.random.default_rng(0).integers(0, 4, 2 * N)
    return Parcellation(keys, FSLR32K, {1: "a", 2: "b", 3: "c"})


@pytest.mark.parametrize("name", ["mine.dlabel.nii", "mine_hemi-{hemi}.label.gii"])
def test_labels_with_their_names(name, labels, tmp_path):
    """Keys and names come back from a CIFTI file and from a GIFTI pair."""
    written = write_parcellation(labels, tmp_path / name)
    target = load_target(str(tmp_path / name))
    np.testing.assert_array_equal(target.parcellation.keys, labels.keys)
    assert dict(target.parcellation.names) == dict(labels.names)
    assert target.sources == tuple(f"file:{path}" for path in written)
    assert target.name == str(tmp_path / name)


@pytest.mark.parametrize("suffix", ["csv", "txt"])
def test_a_key_per_line(suffix, labels, tmp_path):
    """A list of keys, as BrainSpace has them, left hemisphere first; or a pair of lists."""
    np.savetxt(tmp_path / f"mine.{suffix}", labels.keys, "%d")
    target = load_target(str(tmp_path / f"mine.{suffix}"))
    np.testing.assert_array_equal(target.parcellation.keys, labels.keys)
    assert target.parcellation.names[3] == "label_3"
    for h, half in zip("LR", np.split(labels.keys, 2), strict=True):
        np.savetxt(tmp_path / f"half_{h}.{suffix}", half, "%d")
    pair = load_target(str(tmp_path / f"half_{{hemi}}.{suffix}"))
    np.testing.assert_array_equal(pair.parcellation.keys, labels.keys)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1\n2\n", "2 vertices"),
        ("1.5\n" * (2 * N), "whole numbers"),
        ("a\n" * 3, "no list of keys"),
        ("1,2\n" * 3, "no list of keys"),
        ("1 2\n" * 3, "2 columns"),
        ("-1\n" * (2 * N), "key -1"),
        ("5\n" * (2 * N), "1 label above 0"),
    ],
)
def test_a_list_that_is_no_list_of_keys_is_refused(text, message, tmp_path):
    """Wrong counts, fractions, text, tables, negative keys, and a single class."""
    path = tmp_path / "mine.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=message) as caught:
        load_target(str(path))
    assert "mine.csv" in str(caught.value)


def test_a_missing_file_is_named():
    """A path that leads nowhere."""
    with pytest.raises(InputError, match=r"nowhere\.label\.gii: found no such file"):
        load_target("nowhere.label.gii")


def test_labels_of_another_space_are_refused(tmp_path, labels):
    """The count of vertices must fit the space."""
    np.savetxt(tmp_path / "mine.csv", labels.keys, "%d")
    with pytest.raises(InputError, match="64,984 vertices; expected 327,684"):
        load_target(str(tmp_path / "mine.csv"), Space("bigbrain", "164k"))
