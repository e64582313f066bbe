"""Volumes go from files to files, with names, sidecars and options that say what was done."""

import json

import nibabel
import numpy as np
import pytest

from cytosurf.compute.files import file_sha256
from cytosurf.errors import InputError
from cytosurf.surfaces import volume_files, volume_map, volume_space
from cytosurf.surfaces.io import read_map, read_parcellation
from cytosurf.surfaces.space import Space
from cytosurf.surfaces.volume_files import (
    are_volumes,
    map_inputs_as_volumes,
    map_volume,
    names_beside,
)
from cytosurf.surfaces.volume_map import volume_to_labels, volume_to_map
from cytosurf.surfaces.volume_space import SurfacePair
from tests.unit.surfaces.test_volume_warp import itk_field
from tests.unit.surfaces.volumes import PIAL, WHITE, image_of

TOY = Space("toy", "162")
SIX = "MNI152NLin6Asym"


@pytest.fixture(autouse=True)
def toy_surfaces(monkeypatch):
    """Make the two spheres white and pial of a space, both hemispheres alike."""

    def load(_, __, surface):
        return {"white": WHITE, "pial": PIAL}[surface]

    monkeypatch.setattr(volume_space, "SURFACE_PAIRS", {TOY: (SurfacePair("white", "pial", SIX),)})
    monkeypatch.setattr(volume_map, "load_mesh", load)
    monkeypatch.setattr(volume_files, "load_mesh", load)


@pytest.fixture
def volumes(tmp_path):
    """Write two maps, a volume of labels with its table, and a warp."""
    nibabel.save(image_of(lambda x, *_: np.maximum(x, 0)), tmp_path / "right.nii.gz")
    nibabel.save(image_of(lambda x, *_: np.maximum(-1.1 * x, 0)), tmp_path / "left.nii.gz")
    nibabel.save(image_of(lambda x, *_: 1 + (x > 0)), tmp_path / f"tpl-{SIX}_atlas-Toy_dseg.nii.gz")
    (tmp_path / f"tpl-{SIX}_atlas-Toy_dseg.tsv").write_text("index\tname\n1\tA\n2\tB\n")
    nibabel.save(itk_field(), tmp_path / "warp.nii.gz")
    return tmp_path


def test_a_volume_becomes_a_pair_of_files_with_sidecars(volumes):
    """The files hold what `volume_to_map` gives; each sidecar says how it was made."""
    written = map_volume([volumes / "right.nii.gz"], TOY, volumes / "pet", source=SIX, n_samples=2)
    assert [path.name for path in written] == [
        f"pet_hemi-{side}_space-toy_den-162_map.{suffix}"
        for side in "LR"
        for suffix in ("func.gii", "json")
    ]
    again = read_map(written[::2], space=TOY)
    expected = volume_to_map(volumes / "right.nii.gz", TOY, source=SIX, n_samples=2)
    np.testing.assert_array_equal(again.values, expected.values)
    assert again.columns == ("right",)
    record = json.loads(written[1].read_text())
    assert record["SourceSpace"] == record["SpaceOfSurfaces"] == SIX
    assert record["SamplesFromWhiteToPial"] == [0.25, 0.75]
    assert record["Interpolation"] == "linear"
    assert record["Inputs"] == [
        {"File": "right.nii.gz", "SHA256": file_sha256(volumes / "right.nii.gz")}
    ]
    assert {(s["Hemisphere"], s["Surface"]) for s in record["Surfaces"]} == {
        (side, name) for side in "LR" for name in ("white", "pial")
    }
    assert "Warp" not in record


def test_several_volumes_with_a_threshold_are_labels(volumes):
    """The largest of the columns wins; names are those of the files."""
    files = [volumes / "left.nii.gz", volumes / "right.nii.gz"]
    written = map_volume(files, TOY, volumes / "sides.label.gii", source=SIX, threshold=5)
    labels = read_parcellation(written[::2], space=TOY)
    x = (WHITE.vertices + PIAL.vertices)[:, 0] / 2
    assert np.array_equal(labels.keys[:162][np.abs(x) > 7] == 2, x[np.abs(x) > 7] > 0)
    assert (labels.keys[:162][np.abs(x) < 3] == 0).all()
    assert labels.names[1] == "left"
    assert "above 5" in json.loads(written[1].read_text())["Values"]
    mapped = map_volume(files, TOY, volumes / "both.func.gii", source=SIX)
    assert read_map(mapped[::2], space=TOY).columns == ("left", "right")


def test_a_vertex_is_valid_where_every_volume_has_a_value(volumes):
    """NaN in the second file leaves its vertices out of the map of both."""
    holed = image_of(lambda x, *_: np.where(x > 0, np.nan, x))
    nibabel.save(holed, volumes / "holed.nii.gz")
    files = [volumes / "right.nii.gz", volumes / "holed.nii.gz"]
    mapped = read_map(map_volume(files, TOY, volumes / "both.func.gii", source=SIX)[::2], space=TOY)
    x = np.tile(WHITE.vertices[:, 0], 2)
    assert not mapped.valid[x > 3].any()
    assert mapped.valid[x < 0].all()


def test_labels_have_the_names_of_the_table_beside_them(volumes):
    """A BIDS name states the space, its tsv the names; one hemisphere is one file."""
    file = volumes / f"tpl-{SIX}_atlas-Toy_dseg.nii.gz"
    written = map_volume([file], TOY, volumes / "toy", labels=True, hemispheres=("L",))
    assert len(written) == 2
    labels = read_parcellation(written[0], space=TOY)
    expected = volume_to_labels(file, TOY, hemispheres=("L",))
    assert np.array_equal(labels.keys, expected.keys)
    assert labels.names[2] == "B"
    record = json.loads(written[1].read_text())
    assert record["Interpolation"] == "nearest"


def test_labels_are_not_interpolated(volumes):
    """Asking for it is a mistake; asking for the nearest voxel is not."""
    file = volumes / f"tpl-{SIX}_atlas-Toy_dseg.nii.gz"
    with pytest.raises(InputError, match=r"method: found 'linear' for a volume of labels"):
        map_volume([file], TOY, volumes / "toy", labels=True, method="linear")
    assert map_volume([file], TOY, volumes / "toy", labels=True, method="nearest")


def test_a_hemisphere_is_named_by_a_letter(volumes):
    """L or R, as on the command line; other words are refused as they were typed."""
    options = {"source": SIX, "hemispheres": "R"}
    written = map_volume([volumes / "right.nii.gz"], TOY, volumes / "pet", **options)
    assert len(written) == 2
    with pytest.raises(InputError, match="hemispheres: found 'left'; expected L or R"):
        map_volume([volumes / "right.nii.gz"], TOY, volumes / "p", source=SIX, hemispheres="left")


def test_a_warp_is_applied_and_recorded(volumes):
    """The values differ from those without, and the sidecar names file, hash and convention."""
    plain, warped = (
        map_volume([volumes / "right.nii.gz"], TOY, volumes / name, source=SIX, **options)
        for name, options in (("plain", {}), ("warped", {"warp": volumes / "warp.nii.gz"}))
    )
    difference = read_map(plain[0], space=TOY).values - read_map(warped[0], space=TOY).values
    assert np.abs(difference).max() > 1
    assert json.loads(warped[1].read_text())["Warp"] == {
        "File": "warp.nii.gz",
        "SHA256": file_sha256(volumes / "warp.nii.gz"),
        "Convention": "itk",
    }


@pytest.mark.parametrize(
    ("inputs", "options", "match"),
    [
        ([], {}, "input files"),
        (["absent.nii.gz"], {}, "absent"),
        (["left.nii.gz"], {"source": None}, "no statement of its space"),
        (["left.nii.gz"], {"out": "x.label.gii"}, "this ending for a map"),
        (["left.nii.gz"], {"out": "x.func.gii", "threshold": 1}, "this ending for labels"),
        (["left.nii.gz"], {"warp_convention": "itk"}, "warp_convention"),
        (["left.nii.gz"], {"labels": True, "threshold": 1}, "volume of labels"),
        (["left.nii.gz", "right.nii.gz"], {"labels": True}, "2 volumes of labels"),
        (["left.nii.gz"], {"labels": True}, "labels: whole numbers"),
    ],
)
def test_bad_input_is_refused_before_anything_is_written(volumes, inputs, options, match):
    """No file appears."""
    before = sorted(volumes.iterdir())
    given = {"source": SIX, "out": "x", **options}
    out = volumes / given.pop("out")
    with pytest.raises(InputError, match=match):
        map_volume([volumes / name for name in inputs], TOY, out, **given)
    assert sorted(volumes.iterdir()) == before


def test_what_is_read_is_not_overwritten(volumes):
    """Neither a volume, here under another name, nor the warp."""
    (volumes / "link.dscalar.nii").symlink_to(volumes / "right.nii.gz")
    nibabel.save(itk_field(), volumes / "warp.dscalar.nii")
    for name, options in (("link", {}), ("warp", {"warp": volumes / "warp.dscalar.nii"})):
        out = volumes / f"{name}.dscalar.nii"
        with pytest.raises(InputError, match=rf"{name}\.dscalar\.nii: found a file that is an inp"):
            map_volume([volumes / "right.nii.gz"], TOY, out, source=SIX, **options)


def test_volumes_of_two_spaces_are_not_put_side_by_side(volumes):
    """Names that state different spaces are a mistake."""
    other = volumes / "a_space-MNI152NLin2009cAsym_b.nii.gz"
    nibabel.save(image_of(lambda x, *_: x), other)
    own = volumes / f"a_space-{SIX}_b.nii.gz"
    nibabel.save(image_of(lambda x, *_: x), own)
    with pytest.raises(InputError, match="one space"):
        map_volume([own, other], TOY, volumes / "x")


@pytest.mark.parametrize("text", ["key\tname\n1\tA\n", "index\tname\none\tA\n", "\x00"])
def test_tables_that_are_none_are_refused_by_name(tmp_path, text):
    """A table beside a volume must have index and name."""
    (tmp_path / "a.tsv").write_text(text + "\n1\t2")
    with pytest.raises(InputError, match=r"a\.tsv"):
        names_beside(tmp_path / "a.nii.gz")


def test_volumes_are_known_by_name():
    """NIfTI that is not CIFTI; options of volumes and mixtures are refused for others."""
    assert are_volumes(["a.nii", "B.NII.GZ"])
    assert not are_volumes([])
    assert not any(are_volumes([f"a.{kind}.nii"]) for kind in ("dscalar", "dlabel", "dtseries"))
    assert map_inputs_as_volumes(["a.func.gii"], TOY, "b", source=None, labels=False) is None
    with pytest.raises(InputError, match="one kind"):
        map_inputs_as_volumes(["a.func.gii", "a.nii"], TOY, "b", source=None)
    with pytest.raises(InputError, match="threshold: found an option for volumes"):
        map_inputs_as_volumes(["a.func.gii"], TOY, "b", source=None, threshold=0.0)
