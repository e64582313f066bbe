"""nilearn's own fetchers find atlases in its data folder, and they become labels."""

import shutil

import nibabel
import numpy as np
import pytest

from cytosurf.connectors import nilearn
from cytosurf.connectors.nilearn import NAMES, nilearn_atlas
from cytosurf.errors import InputError, MissingDataError
from cytosurf.surfaces.space import Space

AFFINE = np.array([[-4.0, 0, 0, 90], [0, 4, 0, -126], [0, 0, 4, -72], [0, 0, 0, 1]])
SHAPE = (46, 56, 46)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Give nilearn an empty data folder, and no network."""
    monkeypatch.setenv("NILEARN_DATA", str(tmp_path))
    monkeypatch.setenv("NILEARN_SHARED_DATA", str(tmp_path))
    monkeypatch.setenv("CYTOSURF_OFFLINE", "1")
    return tmp_path


def boxes(n_x, n_y):
    """Return labels from 1 on in columns along x and rows along y, and a function of points."""
    voxels = np.indices(SHAPE)
    at = (voxels[0] * n_x // SHAPE[0]) * n_y + voxels[1] * n_y // SHAPE[1] + 1

    def of_points(points):
        index = np.floor((points - AFFINE[:3, 3]) / np.diag(AFFINE)[:3] + 0.5).astype(int)
        return at[tuple(index.T)]

    return at, of_points


def test_schaefer_parcels_are_sampled_and_named(folder, embedded_surfaces):
    """Keys and names are those of nilearn's table; the space is the one that nilearn states."""
    place = folder / "schaefer_2018"
    place.mkdir()
    labels, of_points = boxes(10, 10)
    table = "\n".join(f"{i}\t17Networks_P_{i}\t{i}\t0\t0\t0" for i in range(1, 101))
    (place / "Schaefer2018_100Parcels_17Networks_order.txt").write_text(table)
    name = "Schaefer2018_100Parcels_17Networks_order_FSLMNI152_1mm.nii.gz"
    nibabel.save(nibabel.Nifti1Image(labels.astype(np.uint8), AFFINE), place / name)
    fetched = nilearn_atlas("schaefer100-17networks")
    np.testing.assert_array_equal(fetched.data.keys, of_points(embedded_surfaces))
    assert fetched.data.space == Space("fsLR", "32k")
    assert fetched.data.names[7] == "17Networks_P_7"
    assert "fetch_atlas_schaefer_2018(n_rois=100, yeo_networks=17)" in fetched.sources[0]
    assert fetched.notes[0].startswith("volume in MNI152NLin6Asym")


def test_destrieux_is_fsaverage5_without_its_wall(folder):
    """Unknown and medial wall are key 0; a key is the same area on both sides."""
    place = folder / "destrieux_surface"
    place.mkdir()
    names = ["Unknown", "G_a", "S_b", "Medial_wall", "G_c"]
    colours = np.array([[i * 20, 5, 9, 0] for i in range(5)])
    rng = np.random.default_rng(0)
    keys = rng.integers(0, 5, (2, 10_242))
    for side, half in zip(("left", "right"), keys, strict=True):
        nibabel.freesurfer.write_annot(
            place / f"{side}.aparc.a2009s.annot", half, colours, names, fill_ctab=True
        )
    fetched = nilearn_atlas("destrieux")
    flat = keys.ravel()
    expected = np.where(np.isin(flat, (0, 3)), 0, flat)
    np.testing.assert_array_equal(fetched.data.keys, expected)
    assert dict(fetched.data.names) == {1: "G_a", 2: "S_b", 4: "G_c"}
    assert fetched.data.space == Space("fsaverage", "10k")


def put_difumo(folder, maps, names):
    """Write DiFuMo where nilearn keeps it."""
    place = folder / "difumo_atlases" / "64" / "2mm"
    place.mkdir(parents=True)
    nibabel.save(nibabel.Nifti1Image(maps.astype(np.float32), AFFINE), place / "maps.nii.gz")
    lines = [f"{i},{name},x" for i, name in enumerate(names, start=1)]
    table = "\n".join(["Component,Difumo_names,Yeo_networks7", *lines])
    (place.parent / "labels_64_dictionary.csv").write_text(table)
    (place.parents[1] / "README.md").write_text("")


def test_difumo_gives_the_largest_loading(folder, embedded_surfaces):
    """One volume per component; a name that occurs twice gets the component's number."""
    labels, of_points = boxes(8, 8)
    names = [f"area {i}" for i in range(1, 65)]
    names[4] = names[3]
    put_difumo(folder, (labels[..., None] == np.arange(1, 65)) * 1e-3, names)
    fetched = nilearn_atlas("difumo64")
    inside = of_points(embedded_surfaces)
    assert (fetched.data.keys == inside).mean() > 0.8  # linear sampling blurs the borders
    assert fetched.data.names[3] == "area 3"
    assert fetched.data.names[5] == "area 4 (5)"


@pytest.mark.real_data
def test_difumo_of_nilearn_is_the_target_difumo64(folder, real_data, real_cache):
    """The same file by nilearn's fetcher and by our data directory gives the same labels."""
    from cytosurf.targets.registry import load_target

    shutil.copytree(real_data / "difumo" / "64", folder / "difumo_atlases" / "64")
    (folder / "difumo_atlases" / "README.md").write_text("")
    ours = load_target("difumo64").parcellation
    theirs = nilearn_atlas("difumo64").data
    np.testing.assert_array_equal(theirs.keys, ours.keys)
    assert {k: theirs.names[k] for k in theirs.used_keys().tolist()} == {
        k: ours.names[k] for k in ours.used_keys().tolist()
    }


@pytest.mark.parametrize("name", ["schaefer400", "destrieux", "difumo128"])
def test_without_network_the_way_is_told(name):
    """Which call fetches it elsewhere, and which folder to bring."""
    with pytest.raises(
        MissingDataError, match=r"nilearn\.datasets\.fetch_atlas_\w+\(.*NILEARN_DATA"
    ):
        nilearn_atlas(name)


def test_unknown_atlases_get_the_nearest_name():
    """The names are those of the table."""
    assert len(NAMES) == len(set(NAMES)) == 26
    with pytest.raises(InputError, match="Did you mean 'schaefer400'"):
        nilearn_atlas("schaeffer400")


@pytest.mark.parametrize("change", [{"lut": None}, {"template": None}, {"maps": None}])
def test_another_nilearn_is_one_clear_message(monkeypatch, change):
    """A result without what is read is an API that moved."""
    kept = {"lut": {"index": [1], "name": ["a"]}, "template": "MNI152NLin6Asym", "maps": "x"}
    found = {key: value for key, value in (kept | change).items() if value}
    fetch = staticmethod(lambda **_: type("Atlas", (), found))
    module = type("datasets", (), {"fetch_atlas_schaefer_2018": fetch})
    monkeypatch.setattr(nilearn, "imported", lambda _: module)
    with pytest.raises(InputError, match=r"API is another one.*pip install 'nilearn=="):
        nilearn_atlas("schaefer100")


def test_labels_off_the_mesh_are_another_api(monkeypatch):
    """Destrieux labels that are no fsaverage5."""
    atlas = type("Atlas", (), {"map_left": [1], "map_right": [1], "labels": ["Unknown", "a"]})
    module = type("datasets", (), {"fetch_atlas_surf_destrieux": staticmethod(lambda **_: atlas)})
    monkeypatch.setattr(nilearn, "imported", lambda _: module)
    with pytest.raises(InputError, match="API is another one"):
        nilearn_atlas("destrieux")
