"""neuromaps' own functions read files that lie in its folder as its downloads would."""

import nibabel
import numpy as np
import pytest

from cytosurf.connectors import neuromaps
from cytosurf.connectors.neuromaps import annotation, by_registration_fusion, resample_by_neuromaps
from cytosurf.errors import InputError, MissingDataError
from cytosurf.surfaces.maps import SurfaceMap
from cytosurf.surfaces.space import Space

FSLR = Space("fsLR", "32k")
AFFINE = np.array([[-4.0, 0, 0, 90], [0, 4, 0, -126], [0, 0, 4, -72], [0, 0, 0, 1]])


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Give neuromaps an empty data folder, and no network."""
    monkeypatch.setenv("NEUROMAPS_DATA", str(tmp_path))
    monkeypatch.setenv("CYTOSURF_OFFLINE", "1")
    return tmp_path


def put_surface(folder, source, desc, space, density, n_vertices):
    """Write a pair of GIFTI files where neuromaps keeps an annotation; return their values."""
    rng = np.random.default_rng(0)
    values = rng.normal(size=(2, n_vertices)).astype(np.float32)
    place = folder / "annotations" / source / desc / space
    place.mkdir(parents=True)
    for side, half in zip("LR", values, strict=True):
        name = f"source-{source}_desc-{desc}_space-{space}_den-{density}_hemi-{side}"
        array = nibabel.gifti.GiftiDataArray(half, intent="NIFTI_INTENT_SHAPE")
        nibabel.save(nibabel.GiftiImage(darrays=[array]), place / f"{name}_feature.func.gii")
    return values.reshape(-1, 1)


def put_fusion(folder, space, densities, shift=0.0):
    """Write coordinates where neuromaps keeps those of registration fusion; return one pair."""
    place = folder / "atlases" / "regfusion"
    place.mkdir(parents=True)
    sizes = {"3k": 2562, "10k": 10242, "32k": 32492, "41k": 40962, "164k": 163842}
    kept = {}
    for density, side in ((d, s) for d in densities for s in "LR"):
        n = sizes[density] if density in ("10k", "32k") else 4
        points = np.random.default_rng(len(kept)).uniform(-60, 60, (n, 3)) + shift
        name = f"tpl-MNI152_space-{space}_den-{density}_hemi-{side}_regfusion.txt"
        np.savetxt(place / name, points, fmt="%.4f")
        kept[density, side] = np.round(points, 4)
    return kept


def ramp(path=None, n_volumes=1):
    """Return an image that is linear in mm, a volume for each of its slopes."""
    voxels = np.indices((46, 55, 46)).reshape(3, -1).T
    points = voxels @ AFFINE[:3, :3].T + AFFINE[:3, 3]
    slopes = np.array([[1.0, 0.5, -0.25], [0, 1, 2]])[:n_volumes]
    values = (points @ slopes.T).reshape(46, 55, 46, n_volumes).astype(np.float32)
    image = nibabel.Nifti1Image(values if n_volumes > 1 else values[..., 0], AFFINE)
    if path is not None:
        nibabel.save(image, path)
    return image, slopes


def test_a_surface_map_is_read_as_it_is(folder):
    """Left hemisphere first, in the space of the annotation, with source, version and note."""
    values = put_surface(folder, "hcps1200", "myelinmap", "fsLR", "32k", 32_492)
    fetched = annotation("hcps1200", "myelinmap")
    np.testing.assert_array_equal(fetched.data.values, values)
    assert fetched.data.space == FSLR
    assert fetched.data.columns == ("hcps1200_myelinmap",)
    assert fetched.sources == ("neuromaps 0.0.7: hcps1200:myelinmap:fsLR:32k",)


def test_a_map_of_fsaverage5_stays_there(folder):
    """Cytosurf carries it on by its own spheres."""
    values = put_surface(folder, "abagen", "genepc1", "fsaverage", "10k", 10_242)
    fetched = annotation("abagen", "genepc1")
    assert fetched.data.space == Space("fsaverage", "10k")
    np.testing.assert_array_equal(fetched.data.values, values)


def test_a_volume_comes_by_registration_fusion(folder):
    """The annotation in MNI152 is read at the coordinates of neuromaps."""
    place = folder / "annotations" / "dukart2018" / "flumazenil" / "MNI152"
    place.mkdir(parents=True)
    name = "source-dukart2018_desc-flumazenil_space-MNI152_res-3mm_feature.nii.gz"
    _, slopes = ramp(place / name)
    points = put_fusion(folder, "fsLR", ("32k", "164k"))
    fetched = annotation("dukart2018", "flumazenil")
    expected = np.concatenate([points["32k", side] for side in "LR"]) @ slopes[0]
    np.testing.assert_allclose(fetched.data.values[:, 0], expected, atol=1e-3)
    assert "registration fusion" in fetched.notes[1]


def test_registration_fusion_takes_several_volumes(folder):
    """A column for each; on fsaverage too."""
    points = put_fusion(folder, "fsaverage", ("3k", "10k", "41k", "164k"))
    image, slopes = ramp(n_volumes=2)
    nibabel.save(image, folder / "two.nii.gz")
    result = by_registration_fusion(folder / "two.nii.gz", Space("fsaverage", "10k"))
    expected = np.concatenate([points["10k", side] for side in "LR"]) @ slopes.T
    np.testing.assert_allclose(result.values, expected, atol=1e-3)


def test_fusion_refuses_what_it_cannot_do(folder):
    """Another space, an image without affine, and one that misses vertices."""
    ramp(folder / "one.nii.gz")
    with pytest.raises(InputError, match="space to map a volume to: found bigbrain-164k"):
        by_registration_fusion(folder / "one.nii.gz", Space("bigbrain", "164k"))
    with pytest.raises(InputError, match="one of fsLR-32k"):
        by_registration_fusion(folder / "one.nii.gz", Space("fsLR", "4k"))
    put_fusion(folder, "fsLR", ("32k", "164k"), shift=70)
    with pytest.raises(InputError, match="holds the whole cortex"):
        by_registration_fusion(folder / "one.nii.gz")
    nibabel.save(nibabel.Nifti1Image(np.ones((4, 4, 4), "f4"), np.eye(4)), folder / "bare.nii")
    with pytest.raises(InputError, match="identity"):
        by_registration_fusion(folder / "bare.nii")


def test_names_are_looked_up_in_the_list_of_neuromaps():
    """Unknown names get the nearest; several versions are listed; the space wanted decides."""
    with pytest.raises(InputError, match="Did you mean 'hcps1200'"):
        annotation("hcp1200", "myelinmap")
    with pytest.raises(InputError, match="Did you mean 'myelinmap'"):
        annotation("hcps1200", "myelin")
    with pytest.raises(InputError, match=r"2 versions.*beliveau2017:dasb:fsaverage:164k"):
        annotation("beliveau2017", "dasb")
    with pytest.raises(InputError, match="myelinmap: found 'fsLR:99k'"):
        annotation("hcps1200", "myelinmap", "fsLR", "99k")
    wanted = Space("fsaverage", "164k")
    with pytest.raises(MissingDataError, match="neuromaps:beliveau2017:dasb:fsaverage:164k"):
        annotation("beliveau2017", "dasb", wanted=wanted)


def test_without_network_the_way_is_told():
    """Which call fetches it elsewhere, and which folder to bring."""
    with pytest.raises(MissingDataError, match=r"fetch_annotation\(source='hcps1200'.*") as caught:
        annotation("hcps1200", "thickness")
    assert "NEUROMAPS_DATA" in caught.value.way_out
    image, _ = ramp()
    with pytest.raises(MissingDataError, match="fetch_regfusion"):
        by_registration_fusion(image)


def test_other_meshes_go_by_the_transforms_of_neuromaps(folder, monkeypatch):
    """A map on a mesh that cytosurf does not know is handed to neuromaps, and a note says so."""
    put_surface(folder, "hcps1200", "megalpha", "fsLR", "4k", 4_002)
    asked = []

    def fslr_to_fslr(data, target_density, method):
        asked.append((data, target_density, method))
        arrays = [nibabel.gifti.GiftiDataArray(np.full(32_492, v, "f4")) for v in (1, 2)]
        return tuple(nibabel.GiftiImage(darrays=[array]) for array in arrays)

    transforms = type("transforms", (), {"fslr_to_fslr": staticmethod(fslr_to_fslr)})
    real = neuromaps.imported
    monkeypatch.setattr(neuromaps.shutil, "which", lambda _: "wb_command")
    monkeypatch.setattr(
        neuromaps, "imported", lambda name: transforms if "transforms" in name else real(name)
    )
    fetched = annotation("hcps1200", "megalpha")
    assert fetched.data.space == FSLR
    assert fetched.data.values[:32_492].max() == 1
    assert fetched.data.values[32_492:].min() == 2
    assert "carried from fsLR-4k to fsLR-32k" in fetched.notes[1]
    ((files, density, method),) = asked
    assert ["hemi-L" in files[0], "hemi-R" in files[1]] == [True, True]
    assert (density, method) == ("32k", "linear")
    monkeypatch.setattr(neuromaps.shutil, "which", lambda _: None)
    with pytest.raises(InputError, match="wb_command: found no such program"):
        annotation("hcps1200", "megalpha")


def test_maps_are_handed_to_the_transforms_with_all_columns(monkeypatch):
    """Both hemispheres as GIFTI images with a column each; others are refused by name."""
    rng = np.random.default_rng(0)
    data = SurfaceMap(rng.normal(size=(64_984, 2)), FSLR, ("a", "b"))
    asked = []

    def fslr_to_fsaverage(images, target_density, method):
        asked.append([np.column_stack([a.data for a in image.darrays]) for image in images])
        return [
            nibabel.GiftiImage(
                darrays=[nibabel.gifti.GiftiDataArray(c[:10_242]) for c in columns.T]
            )
            for columns in asked[0]
        ]

    transforms = type("transforms", (), {"fslr_to_fsaverage": staticmethod(fslr_to_fsaverage)})
    monkeypatch.setattr(neuromaps, "imported", lambda _: transforms)
    monkeypatch.setattr(neuromaps.shutil, "which", lambda _: "wb_command")
    result = resample_by_neuromaps(data, Space("fsaverage", "10k"))
    np.testing.assert_array_equal(np.concatenate(asked[0]), data.values)
    assert result.columns == ("a", "b")
    np.testing.assert_array_equal(result.values[10_242:], data.values[32_492:][:10_242])
    with pytest.raises(InputError, match="fsLR-32k to bigbrain-164k"):
        resample_by_neuromaps(data, Space("bigbrain", "164k"))
    with pytest.raises(InputError, match="hemisphere L alone"):
        resample_by_neuromaps(data.hemisphere("L"), Space("fsaverage", "10k"))


@pytest.mark.parametrize(
    "change",
    [
        {"available_annotations": lambda: ["a", "b"]},
        {"available_annotations": None},
        {"fetch_annotation": lambda **_: 3},
        {"fetch_annotation": lambda source: source},
    ],
)
def test_another_neuromaps_is_one_clear_message(monkeypatch, change):
    """A list, a function or a result of another shape is an API that moved."""
    from neuromaps import datasets

    names = ("available_annotations", "fetch_annotation")
    other = {name: getattr(datasets, name) for name in names} | change
    module = type("datasets", (), {k: staticmethod(v) for k, v in other.items() if v})
    monkeypatch.setattr(neuromaps, "imported", lambda _: module)
    with pytest.raises(InputError, match=r"API is another one.*pip install 'neuromaps=="):
        annotation("hcps1200", "myelinmap")
