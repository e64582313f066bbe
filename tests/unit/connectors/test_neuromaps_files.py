"""neuromaps' routes write files like our own, with a sidecar that names the route."""

import json

import nibabel
import numpy as np
import pytest

from cytosurf.connectors import neuromaps_files
from cytosurf.connectors.neuromaps_files import map_by_neuromaps
from cytosurf.errors import InputError
from cytosurf.surfaces.io import read_map, write_map
from cytosurf.surfaces.maps import SurfaceMap
from cytosurf.surfaces.space import Space
from tests.unit.connectors.test_neuromaps import put_fusion, ramp

FSLR = Space("fsLR", "32k")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Give neuromaps an empty data folder, and no network."""
    monkeypatch.setenv("NEUROMAPS_DATA", str(tmp_path))
    monkeypatch.setenv("CYTOSURF_OFFLINE", "1")
    return tmp_path


def test_volumes_become_files_by_registration_fusion(folder):
    """A column per volume; the sidecar says the route and the version of neuromaps."""
    points = put_fusion(folder, "fsLR", ("32k", "164k"))
    image, slopes = ramp(folder / "a.nii.gz")
    nibabel.save(image, folder / "b.nii.gz")
    files = [folder / "a.nii.gz", folder / "b.nii.gz"]
    written = map_by_neuromaps(files, FSLR, folder / "out")
    assert [path.name for path in written] == [
        f"out_hemi-{side}_space-fsLR_den-32k_map.{suffix}"
        for side in "LR"
        for suffix in ("func.gii", "json")
    ]
    result = read_map(written[::2])
    assert result.columns == ("a", "b")
    expected = np.concatenate([points["32k", side] for side in "LR"]) @ slopes[0]
    np.testing.assert_allclose(result.values, np.column_stack([expected] * 2), atol=1e-3)
    record = json.loads(written[1].read_text())
    assert record["Method"].startswith("registration fusion")
    assert record["Sources"] == ["neuromaps 0.0.7: transforms"]
    assert [file["File"] for file in record["Inputs"]] == ["a.nii.gz", "b.nii.gz"]


def test_a_map_becomes_files_by_the_transforms(folder, monkeypatch):
    """The map is read, handed on, and written in the space asked for."""
    asked = []

    def resample(data, to):
        asked.append((data.values.copy(), data.space, to))
        return SurfaceMap(np.ones(2 * 10_242), to)

    monkeypatch.setattr(neuromaps_files, "resample_by_neuromaps", resample)
    data = SurfaceMap(np.arange(64_984.0), FSLR)
    pair = write_map(data, folder / "in_hemi-{hemi}.func.gii")
    out = folder / "out.func.gii"
    written = map_by_neuromaps(pair, Space("fsaverage", "10k"), out, source="fsLR-32k")
    ((values, space, to),) = asked
    np.testing.assert_array_equal(values, data.values)
    assert (space, to) == (FSLR, Space("fsaverage", "10k"))
    assert "ADAP_BARY_AREA" in json.loads(written[1].read_text())["Method"]
    with pytest.raises(InputError, match="found a file that is an input"):
        map_by_neuromaps(pair, to, folder / "in.func.gii", source="fsLR-32k")
    np.testing.assert_array_equal(read_map(pair).values, data.values)


def test_bad_input_is_refused_before_anything_is_written(folder):
    """A missing file, three maps, an output of labels."""
    ramp(folder / "a.nii.gz")
    for name in "xyz":
        (folder / f"{name}.func.gii").write_text("x")
    before = sorted(folder.iterdir())
    three = [folder / f"{name}.func.gii" for name in "xyz"]
    for inputs, out, match in (
        ([folder / "absent.nii"], "out", "absent"),
        (three, "out", "3 files"),
        ([folder / "a.nii.gz"], "out.label.gii", "this ending for a map"),
    ):
        with pytest.raises(InputError, match=match):
            map_by_neuromaps(inputs, FSLR, folder / out)
    assert sorted(folder.iterdir()) == before
