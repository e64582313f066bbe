"""Maps and labels in files with a record beside each."""

import json
import warnings

import numpy as np
import pytest

from cytosurf.errors import CytosurfWarning
from cytosurf.surfaces.described import write_described
from cytosurf.surfaces.io import read_map, read_parcellation
from cytosurf.surfaces.maps import Parcellation, SurfaceMap
from cytosurf.surfaces.space import Space

TOY = Space("toy", "3")
RECORD = {"Space": "toy", "Steps": []}


@pytest.mark.parametrize(
    ("data", "suffix"),
    [
        (SurfaceMap(np.arange(6.0), TOY), "func.gii"),
        (Parcellation([1, 2, 0, 1, 1, 2], TOY), "label.gii"),
    ],
)
def test_each_file_is_followed_by_its_record(data, suffix, tmp_path):
    """A file of each hemisphere that reads back, and the same record beside both."""
    written = write_described(data, tmp_path / f"a.{suffix}", RECORD)
    names = [path.name for path in written]
    assert names == [f"a_hemi-{h}.{end}" for h in "LR" for end in (suffix, "json")]
    assert all(json.loads(path.read_text(encoding="utf-8")) == RECORD for path in written[1::2])
    if isinstance(data, SurfaceMap):
        assert np.array_equal(read_map(written[::2], space=TOY).values, data.values)
    else:
        assert np.array_equal(read_parcellation(written[::2], space=TOY).keys, data.keys)


def test_a_name_that_tells_left_from_right_is_kept(tmp_path):
    """``{hemi}`` is filled in, and nothing added."""
    written = write_described(SurfaceMap(np.ones(6), TOY), tmp_path / "{hemi}.shape.gii", RECORD)
    assert [path.name for path in written[::2]] == ["L.shape.gii", "R.shape.gii"]


def test_a_record_of_another_file_is_not_replaced_in_silence(tmp_path):
    """Labels called like a map share its JSON file: the warning names both; a repeat has none."""
    keep, labels = SurfaceMap(np.ones(6), TOY), Parcellation([1] * 6, TOY)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(2):
            write_described(keep, tmp_path / "a.func.gii", RECORD)
    with pytest.warns(CytosurfWarning, match=r"json is now about a_hemi-[LR].label.gii, and no"):
        write_described(labels, tmp_path / "a.label.gii", RECORD)
