"""Volumes of named spaces become maps and labels on a template cortex, or are refused."""

import nibabel
import numpy as np
import pytest

from cytosurf.errors import CytosurfWarning, InputError
from cytosurf.surfaces import volume_map, volume_space
from cytosurf.surfaces.maps import SurfaceMap
from cytosurf.surfaces.mesh import Mesh
from cytosurf.surfaces.space import Space
from cytosurf.surfaces.volume import sample_volume
from cytosurf.surfaces.volume_labels import sample_labels
from cytosurf.surfaces.volume_map import map_to_labels, volume_to_labels, volume_to_map
from cytosurf.surfaces.volume_space import SurfacePair
from cytosurf.surfaces.volume_warp import read_warp
from tests.unit.surfaces.test_volume_warp import itk_field
from tests.unit.surfaces.volumes import AFFINE, PIAL, SHAPE, WHITE, image_of

TOY = Space("toy", "162")
SIX, NINE = "MNI152NLin6Asym", "MNI152NLin2009cAsym"


@pytest.fixture(autouse=True)
def toy_surfaces(monkeypatch):
    """Make the two spheres white and pial of a space, half as large on each side of x = 0."""

    def load(space, hemisphere, surface):
        mesh = {"white": WHITE, "pial": PIAL}[surface]
        x = -14 if hemisphere == "L" else 14
        return Mesh(mesh.vertices * np.float32(0.45) + np.float32([x, 0, 0]), mesh.faces)

    pairs = {TOY: (SurfacePair("white", "pial", SIX),)}
    monkeypatch.setattr(volume_space, "SURFACE_PAIRS", pairs)
    monkeypatch.setattr(volume_map, "load_mesh", load)
    return load


def plane(x, y, z):
    """Return a field without symmetry."""
    return x + 2 * y - 3 * z


def test_both_hemispheres_are_sampled_left_first(toy_surfaces):
    """The rows of each hemisphere are those of its own surfaces, sampled alone."""
    image = image_of(plane)
    result = volume_to_map(image, TOY, source=SIX, n_samples=3, columns=("plane",))
    assert result.columns == ("plane",)
    assert result.valid.all()
    for side in "LR":
        white, pial = (toy_surfaces(TOY, side, name) for name in ("white", "pial"))
        expected = sample_volume(image, white, pial, n_samples=3)
        np.testing.assert_allclose(result.hemisphere(side).values, expected, rtol=1e-5)
        alone = volume_to_map(image, TOY, source=SIX, n_samples=3, hemispheres=(side,))
        np.testing.assert_array_equal(alone.values, result.hemisphere(side).values)


def test_another_variant_of_mni_is_sampled_with_a_warning(tmp_path):
    """The values are the same; the warning names both spaces, and a warp spares it."""
    path = tmp_path / f"pet_space-{NINE}_pet.nii.gz"
    nibabel.save(image_of(plane), path)
    with pytest.warns(CytosurfWarning, match=rf"{NINE}, the surfaces of toy-162 are in {SIX}"):
        result = volume_to_map(path, TOY)
    own = volume_to_map(image_of(plane), TOY, source=SIX)
    np.testing.assert_array_equal(result.values, own.values)
    warped = volume_to_map(path, TOY, warp=read_warp(itk_field()))
    assert np.abs(warped.values - own.values).max() > 1


def test_an_image_in_memory_needs_a_stated_space():
    """Only names of files state it."""
    with pytest.raises(InputError, match="an image does not state it"):
        volume_to_map(image_of(plane), TOY)


def test_several_volumes_are_several_columns():
    """A vertex is valid where every column has a value."""
    values = np.stack([np.ones(SHAPE), np.full(SHAPE, 2.0)], axis=3)
    values[:10, :, :, 1] = np.nan  # of x > 20, the axis is turned
    result = volume_to_map(nibabel.Nifti1Image(values, AFFINE), TOY, source=SIX)
    assert result.columns == ("volume_1", "volume_2")
    assert 0.7 < result.valid.mean() < 1
    assert np.isfinite(result.values).all()
    np.testing.assert_allclose(result.values[result.valid], [[1, 2]] * int(result.valid.sum()))


def test_labels_are_voted_on_and_named(toy_surfaces):
    """The keys of each hemisphere are those of `sample_labels`, with the names given."""
    image = image_of(lambda x, y, _: 1 + (y > 0) + 2 * (x > 0))
    result = volume_to_labels(image, TOY, source=SIX, names={1: "back", 2: "front"})
    for side in "LR":
        white, pial = (toy_surfaces(TOY, side, name) for name in ("white", "pial"))
        expected = sample_labels(image, white, pial)
        np.testing.assert_array_equal(result.hemisphere(side).keys, expected)
    assert result.names[1] == "back"
    assert result.names[3] == "label_3"


def test_an_image_that_misses_the_cortex_is_refused():
    """Less than half of a hemisphere is an error, some of it missing a warning with the share."""
    image = image_of(plane)
    left = nibabel.Nifti1Image(np.asarray(image.dataobj)[20:], AFFINE @ _shift(20))
    for function in (volume_to_map, volume_to_labels):
        data = nibabel.Nifti1Image((np.asarray(left.dataobj) > 0).astype("f4"), left.affine)
        with pytest.raises(InputError, match=r"covers \d.*% of the cortex of hemisphere R"):
            function(data, TOY, source=SIX)
    assert volume_to_map(left, TOY, source=SIX, hemispheres=("L",)).valid.mean() > 0.9
    short = nibabel.Nifti1Image(np.asarray(image.dataobj)[:, :, :22], AFFINE)
    with pytest.warns(CytosurfWarning, match=r"covers 7\d\.\d% of the cortex of hemisphere L"):
        partial = volume_to_map(short, TOY, source=SIX)
    assert 0.65 < partial.valid.mean() < 0.8
    far = nibabel.Nifti1Image(np.asarray(image.dataobj), AFFINE + np.eye(4, k=3) * 400)
    with pytest.raises(InputError, match="no vertex of the surface within the image"):
        volume_to_map(far, TOY, source=SIX)


def test_images_without_values_or_labels_are_refused():
    """All NaN, one volume of several all NaN, and labels that are all background."""
    with pytest.raises(InputError, match="NaN or infinity in all voxels along the surface"):
        volume_to_map(image_of(lambda x, *_: x * np.nan), TOY, source=SIX)
    values = np.stack([np.ones(SHAPE), np.full(SHAPE, np.nan)], axis=3)
    with pytest.raises(InputError, match="in volume 2 NaN"):
        volume_to_map(nibabel.Nifti1Image(values, AFFINE), TOY, source=SIX)
    with pytest.raises(InputError, match="no label above 0"):
        volume_to_labels(image_of(lambda x, *_: 0 * x), TOY, source=SIX)


def test_a_hemisphere_without_labels_is_warned_about():
    """A volume of one hemisphere, mapped to both, is likely a slip."""
    with pytest.warns(CytosurfWarning, match="no label on hemisphere R"):
        volume_to_labels(image_of(lambda x, *_: x < -1), TOY, source=SIX)


def test_loadings_become_labels_where_they_are_valid():
    """The largest column above the threshold, named by the columns, 0 outside the mask."""
    loadings = SurfaceMap(
        [[0.6, 0.1], [0.2, 0.3], [0.1, 0.9], [0.7, 0.1]],
        Space("toy", "2"),
        ("A", "B"),
        np.array([True, True, True, False]),
    )
    assert map_to_labels(loadings).keys.tolist() == [1, 2, 2, 0]
    labels = map_to_labels(loadings, threshold=0.5)
    assert labels.keys.tolist() == [1, 0, 2, 0]
    assert dict(labels.names) == {1: "A", 2: "B"}
    with pytest.raises(InputError, match=r"threshold: found 2; expected less than .* 0\.9"):
        map_to_labels(loadings, threshold=2)
    with pytest.raises(InputError, match="one column"):
        map_to_labels(SurfaceMap([1.0, 2.0], Space("toy", "1")))


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"method": "cubic"}, "method"),
        ({"n_samples": 0}, "n_samples"),
        ({"hemispheres": ("R", "L")}, "hemispheres"),
        ({"source": "MNI152"}, "There are several"),
    ],
)
def test_bad_options_are_refused_by_name(options, match):
    """Each names its argument."""
    with pytest.raises(InputError, match=match):
        volume_to_map(image_of(plane), TOY, **{"source": SIX, **options})


def _shift(n):
    """Return the affine that says that n voxels of the first axis were cut off."""
    shift = np.eye(4)
    shift[0, 3] = n
    return shift
