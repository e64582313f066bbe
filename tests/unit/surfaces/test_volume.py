"""Volumes are sampled where the cortex lies, and what cannot be sampled is said to be so."""

import nibabel
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import map_coordinates

from cytosurf.errors import InputError
from cytosurf.surfaces.mesh import Mesh
from cytosurf.surfaces.volume import sample_volume
from tests import toy
from tests.unit.surfaces.volumes import (
    AFFINE,
    BARELY,
    PIAL,
    SHAPE,
    SHIFTED,
    WHITE,
    image_of,
    plain_field,
)


@given(slope=st.tuples(*[st.floats(-5, 5)] * 3), n_samples=st.integers(1, 6))
@settings(max_examples=20)
def test_a_linear_field_is_sampled_exactly(slope, n_samples):
    """A field linear in mm has its value at the midpoint, whatever axes the voxels have."""
    image = image_of(lambda x, y, z: slope[0] * x + slope[1] * y + slope[2] * z)
    middle = (WHITE.vertices.astype(float) + PIAL.vertices) / 2
    sampled = sample_volume(image, WHITE, PIAL, n_samples=n_samples)
    assert sampled.shape == (162, 1)
    assert np.allclose(sampled[:, 0], middle @ slope, atol=1e-3)


@pytest.mark.parametrize("method", ["linear", "nearest"])
def test_the_default_is_the_mean_of_five_depths(method):
    """The mean of the samples at 0.1, 0.3, 0.5, 0.7 and 0.9 of the way from white to pial."""
    image = image_of(lambda x, y, z: np.sin(x) + y * z + x**2)
    depths = []
    for depth in (0.1, 0.3, 0.5, 0.7, 0.9):
        vertices = WHITE.vertices + np.float32(depth) * (PIAL.vertices - WHITE.vertices)
        surface = Mesh(vertices, WHITE.faces)
        depths.append(sample_volume(image, surface, surface, method=method))
    assert np.allclose(
        sample_volume(image, WHITE, PIAL, method=method), np.mean(depths, axis=0), atol=1e-2
    )


@pytest.mark.parametrize(("method", "order"), [("linear", 1), ("nearest", 0)])
@pytest.mark.parametrize("shape", [(5, 6, 7), (4, 1, 3)])
def test_samples_equal_those_of_scipy(method, order, shape):
    """Anywhere in the image, also in the outer half of a border voxel and on thin images."""
    generator = np.random.default_rng(0)
    volumes = generator.normal(size=(*shape, 3)).astype(np.float32)
    points = generator.uniform(-0.5, np.array(shape) - 0.5, (200, 3)).astype(np.float32)
    mesh = Mesh(points - np.float32(1), [[0, 1, 2]])
    sampled = sample_volume(nibabel.Nifti1Image(volumes, SHIFTED), mesh, mesh, method=method)
    expected = [
        map_coordinates(volumes[..., i], points.T, np.float64, order=order, mode="nearest")
        for i in range(3)
    ]
    np.testing.assert_allclose(sampled, np.transpose(expected), atol=1e-6 * (order > 0))


def test_nearest_keeps_labels():
    """Nearest sampling returns values of the image only: those of the voxel around the point."""
    image = image_of(lambda x, _, z: 10 * (x > 0) + 3 * (z > 0))
    sampled = sample_volume(image, WHITE, PIAL, method="nearest", n_samples=1)[:, 0]
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
    image = nibabel.Nifti1Image(np.full((24, 60, 60), 7.0), BARELY)
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
    image = nibabel.Nifti1Image(np.full((3, 3, 3), 5.0), BARELY)
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


def test_surfaces_of_another_space_or_mesh_are_refused():
    """Surfaces that lie outside the image, or do not belong together, are refused."""
    far = Mesh(WHITE.vertices + np.float32(500), WHITE.faces)
    with pytest.raises(InputError, match="same space"):
        sample_volume(image_of(plain_field), far, far)
    with pytest.raises(InputError, match="pial surface: found 642 vertices"):
        sample_volume(image_of(plain_field), WHITE, toy.icosphere(3))
    with pytest.raises(InputError, match="Did you mean 'linear'"):
        sample_volume(image_of(plain_field), WHITE, PIAL, method="linar")
    with pytest.raises(InputError, match="n_samples: found 0"):
        sample_volume(image_of(plain_field), WHITE, PIAL, n_samples=0)
