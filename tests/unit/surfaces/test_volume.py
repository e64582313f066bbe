"""Volumes are sampled where the cortex lies, and what cannot be sampled is said to be so."""

import nibabel
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import map_coordinates

from cytosurf.errors import InputError
from cytosurf.surfaces.mesh import Mesh
from cytosurf.surfaces.volume import labels_from_loadings, sample_volume
from tests import toy

AFFINE = np.array([[-2.0, 0, 0, 40], [0, 0, 2, -38], [0, 2, 0, -42], [0, 0, 0, 1]])
SHAPE = (41, 43, 39)
WHITE, PIAL = toy.icosphere(2, radius=25.0), toy.icosphere(2, radius=30.0)


def plain_field(x, y, _):
    """Return a field for images whose content does not matter."""
    return x + y


def image_of(function, affine=AFFINE, shape=SHAPE):
    """Return an image whose voxels hold a function of their position in mm."""
    voxels = np.indices(shape).reshape(3, -1)
    x, y, z = affine[:3, :3] @ voxels + affine[:3, 3:]
    values = np.broadcast_to(function(x, y, z), x.shape)
    return nibabel.Nifti1Image(values.reshape(shape).astype(np.float32), affine)


@given(slope=st.tuples(*[st.floats(-5, 5)] * 3), method=st.sampled_from(["linear", "ribbon"]))
@settings(max_examples=20, deadline=None)
def test_a_linear_field_is_sampled_exactly(slope, method):
    """A field linear in mm has its value at the midpoint, whatever axes the voxels have."""
    image = image_of(lambda x, y, z: slope[0] * x + slope[1] * y + slope[2] * z)
    middle = (WHITE.vertices.astype(float) + PIAL.vertices) / 2
    sampled = sample_volume(image, WHITE, PIAL, method=method)
    assert sampled.shape == (162, 1)
    assert np.allclose(sampled[:, 0], middle @ slope, atol=1e-3)


def test_ribbon_is_the_mean_of_five_depths():
    """The default is the mean of linear samples at 0.1, 0.3, 0.5, 0.7 and 0.9 of the thickness."""
    image = image_of(lambda x, y, z: np.sin(x) + y * z + x**2)
    depths = []
    for depth in (0.1, 0.3, 0.5, 0.7, 0.9):
        vertices = WHITE.vertices + np.float32(depth) * (PIAL.vertices - WHITE.vertices)
        surface = Mesh(vertices, WHITE.faces)
        depths.append(sample_volume(image, surface, surface, method="linear"))
    assert np.allclose(sample_volume(image, WHITE, PIAL), np.mean(depths, axis=0), atol=1e-2)


@pytest.mark.parametrize(("method", "order"), [("linear", 1), ("nearest", 0)])
@pytest.mark.parametrize("shape", [(5, 6, 7), (4, 1, 3)])
def test_samples_equal_those_of_scipy(method, order, shape):
    """Anywhere in the image, also in the outer half of a border voxel and on thin images."""
    generator = np.random.default_rng(0)
    volumes = generator.normal(size=(*shape, 3)).astype(np.float32)
    points = generator.uniform(-0.5, np.array(shape) - 0.5, (200, 3)).astype(np.float32)
    mesh = Mesh(points, [[0, 1, 2]])
    sampled = sample_volume(nibabel.Nifti1Image(volumes, np.eye(4)), mesh, mesh, method=method)
    expected = [
        map_coordinates(volumes[..., i], points.T, np.float64, order=order, mode="nearest")
        for i in range(3)
    ]
    np.testing.assert_allclose(sampled, np.transpose(expected), atol=1e-6 * (order > 0))


def test_nearest_keeps_labels():
    """Nearest sampling returns values of the image only: those of the voxel around the point."""
    image = image_of(lambda x, _, z: 10 * (x > 0) + 3 * (z > 0))
    sampled = sample_volume(image, WHITE, PIAL, method="nearest")[:, 0]
    assert set(sampled.tolist()) <= {0.0, 3.0, 10.0, 13.0}
    clear = np.abs(WHITE.vertices[:, [0, 2]]).min(axis=1) > 3
    expected = 10 * (WHITE.vertices[:, 0] > 0) + 3 * (WHITE.vertices[:, 2] > 0)
    assert np.array_equal(sampled[clear], expected[clear])


def test_four_dimensions_are_volumes_one_after_the_other():
    """Column k of the result is the sample of volume k alone."""
    single = [image_of(plain_field), image_of(lambda _, y, z: y * z)]
    stacked = np.stack([image.get_fdata() for image in single], axis=3)
    both = sample_volume(nibabel.Nifti1Image(stacked, AFFINE), WHITE, PIAL)
    assert both.shape == (162, 2)
    for k, image in enumerate(single):
        assert np.allclose(both[:, [k]], sample_volume(image, WHITE, PIAL), atol=1e-4)


def test_outside_the_image_is_nan():
    """A vertex without any sample in the image is NaN; one partly in it takes what lies in it."""
    image = nibabel.Nifti1Image(np.full((24, 60, 60), 7.0), np.eye(4))
    sampled = sample_volume(image, WHITE, PIAL)[:, 0]
    x, y, z = WHITE.vertices.T
    surely_outside = (x < -1) | (y < -1) | (z < -1) | (1.02 * x > 23.5)
    assert np.isnan(sampled[surely_outside]).all()
    np.testing.assert_allclose(sampled[np.isfinite(sampled)], 7, rtol=1e-12)
    half_out = (1.02 * x < 23.5) & (1.18 * x > 23.5) & (y > 0) & (z > 0)
    assert half_out.any()
    np.testing.assert_allclose(sampled[half_out], 7, rtol=1e-12)


def test_the_outer_half_of_a_border_voxel_is_inside():
    """The image ends at the border of its voxels, not at their centres."""
    image = nibabel.Nifti1Image(np.full((3, 3, 3), 5.0), np.eye(4))
    points = Mesh([[-0.4, 1, 1], [2.4, 1, 1], [2.6, 1, 1]], [[0, 1, 2]])
    for method in ("nearest", "linear"):
        sampled = sample_volume(image, points, points, method=method)[:, 0]
        assert sampled[:2].tolist() == [5, 5]
        assert np.isnan(sampled[2])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_voxels_without_value_are_left_out(bad):
    """NaN and infinite voxels do not spread: neighbours fill in, and where none is, NaN stands."""
    data = np.full(SHAPE, 4.0)
    data[::2] = bad
    sampled = sample_volume(nibabel.Nifti1Image(data, AFFINE), WHITE, PIAL)[:, 0]
    on_bad_plane = np.abs(WHITE.vertices[:, 0]) < 1e-6
    assert np.allclose(sampled[~on_bad_plane], 4)
    assert np.isnan(sampled[on_bad_plane]).all()


def test_images_are_read_from_files(tmp_path):
    """A path gives the same as the image; integer data with a scale factor are scaled."""
    image = image_of(plain_field)
    path = tmp_path / "map.nii.gz"
    nibabel.save(image, path)
    assert np.array_equal(sample_volume(path, WHITE, PIAL), sample_volume(str(path), WHITE, PIAL))
    assert np.allclose(sample_volume(path, WHITE, PIAL), sample_volume(image, WHITE, PIAL))
    image.header.set_data_dtype(np.int16)
    nibabel.save(image, path)
    assert np.allclose(
        sample_volume(path, WHITE, PIAL),
        sample_volume(image_of(plain_field), WHITE, PIAL),
        atol=0.01,
    )


def test_files_that_are_no_image_are_refused_by_name(tmp_path):
    """A missing file, text, and a truncated file are named in the message."""
    text = tmp_path / "text.nii.gz"
    text.write_text("no image")
    whole = tmp_path / "whole.nii.gz"
    nibabel.save(image_of(lambda x, y, z: np.sin(x * y * z)), whole)
    torn = tmp_path / "torn.nii.gz"
    torn.write_bytes(whole.read_bytes()[:-5000])
    for path in (tmp_path / "absent.nii.gz", text, torn):
        with pytest.raises(InputError, match=path.name):
            sample_volume(path, WHITE, PIAL)


def test_wrong_dimensions_and_types_are_refused():
    """Two or five dimensions and complex numbers are refused with what was found."""
    for shape in ((4, 4), (4, 4, 4, 1, 2)):
        with pytest.raises(InputError, match=f"{len(shape)} dimensions"):
            sample_volume(nibabel.Nifti1Image(np.zeros(shape), np.eye(4)), WHITE, PIAL)
    with pytest.raises(InputError, match="complex64"):
        sample_volume(nibabel.Nifti1Image(np.zeros((3, 3, 3), np.complex64), AFFINE), WHITE, PIAL)


def test_images_without_valid_affine_are_refused(tmp_path):
    """No affine, one that is made up for want of codes, and a singular one are refused."""
    data = np.zeros((3, 3, 3), np.float32)
    nibabel.save(nibabel.Nifti1Image(data, None), tmp_path / "uncoded.nii")
    with pytest.raises(InputError, match="neither sform nor qform"):
        sample_volume(tmp_path / "uncoded.nii", WHITE, PIAL)
    with pytest.raises(InputError, match="no affine"):
        sample_volume(nibabel.Nifti1Image(data, None), WHITE, PIAL)
    for broken in (np.diag([1.0, 0, 1, 1]), np.diag([1.0, np.nan, 1, 1])):
        image = nibabel.Spm99AnalyzeImage(data, np.eye(4))
        image._affine = broken
        with pytest.raises(InputError, match="cannot be inverted"):
            sample_volume(image, WHITE, PIAL)


def test_surfaces_of_another_space_or_mesh_are_refused():
    """Surfaces that lie outside the image, or do not belong together, are refused."""
    far = Mesh(WHITE.vertices + np.float32(500), WHITE.faces)
    with pytest.raises(InputError, match="same space"):
        sample_volume(image_of(plain_field), far, far)
    with pytest.raises(InputError, match="pial surface: found 642 vertices"):
        sample_volume(image_of(plain_field), WHITE, toy.icosphere(3))
    with pytest.raises(InputError, match="Did you mean 'ribbon'"):
        sample_volume(image_of(plain_field), WHITE, PIAL, method="ribon")


def test_labels_are_the_largest_positive_loading():
    """Keys start at 1; ties go to the first; zero, negative and NaN loadings are no label."""
    loadings = [[0.2, 0.5, 0.1], [0.3, 0.3, 0.1], [0, 0, 0], [-1, -2, -3], [np.nan, 0.1, 0]]
    keys = labels_from_loadings([*loadings, [np.nan] * 3])
    assert keys.dtype == np.int32
    assert keys.tolist() == [2, 1, 0, 0, 2, 0]
    for wrong in ([0.1, 0.2], np.zeros((4, 0))):
        with pytest.raises(InputError, match="loadings"):
            labels_from_loadings(wrong)


@pytest.mark.real_data
def test_difumo_loads_on_seven_eighths_of_the_cortex(real_data):
    """On fs_LR 32k 87.9 / 86.7 % of the cortex has a loading (five depths), and 58 components win.

    With linear sampling at the midthickness it is 86.3 / 85.7 %, as in the README of the data.
    """
    stored = nibabel.load(real_data / "difumo/64/2mm/maps.nii.gz")
    image = nibabel.Nifti1Image(np.asarray(stored.dataobj), stored.affine)
    winners = set()
    for side, linear, ribbon in (("L", 0.863, 0.879), ("R", 0.857, 0.867)):
        white, pial = (
            Mesh(*(array.data for array in nibabel.load(file).darrays))
            for file in (
                real_data / f"fs_LR_32/surfaces/fs_LR.32k.{side}.{name}.surf.gii"
                for name in ("white", "pial")
            )
        )
        roi = real_data / f"hcp_pipelines/fs_LR/{side}.atlasroi.32k_fs_LR.shape.gii"
        cortex = nibabel.load(roi).darrays[0].data > 0
        for method, expected in (("linear", linear), ("ribbon", ribbon)):
            keys = labels_from_loadings(sample_volume(image, white, pial, method=method))
            assert (keys[cortex] > 0).mean() == pytest.approx(expected, abs=6e-4)
        winners |= set(keys[cortex & (keys > 0)].tolist())
    assert len(winners) == 58
