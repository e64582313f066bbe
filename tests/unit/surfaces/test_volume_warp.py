"""A warp carries vertices to where the volume holds them, in the convention that it is in."""

import nibabel
import numpy as np
import pytest

from cytosurf.errors import InputError
from cytosurf.surfaces.volume import sample_volume
from cytosurf.surfaces.volume_image import Volume
from cytosurf.surfaces.volume_labels import sample_labels
from cytosurf.surfaces.volume_warp import read_warp
from tests.unit.surfaces.volumes import PIAL, WHITE, image_of

FIELD_SHAPE = (33, 35, 37)
RADIOLOGICAL = np.array([[-2.5, 0, 0, 40], [0, 2.5, 0, -42], [0, 0, 2.5, -46], [0, 0, 0, 1]])
NEUROLOGICAL = np.array([[2.5, 0, 0, -40], [0, 2.5, 0, -42], [0, 0, 2.5, -46], [0, 0, 0, 1]])
# Volumes on both sides of the determinant; the second has its axes in another order.
TURNED = np.array([[2.0, 0, 0, -44], [0, 2, 0, -44], [0, 0, 2, -44], [0, 0, 0, 1]])


def warped(points):
    """Say where the volume holds a point of the surfaces' space, RAS mm: no symmetry in it."""
    x, y, z = points.T
    shift = [3 + 2 * np.sin(y / 15), -2 + np.cos(z / 12) + 0.03 * x, 1.5 * np.sin(x / 10) - 1]
    return points + np.column_stack(shift)


def field_points(affine):
    """Return the voxels of a field, and where they are in mm."""
    voxels = np.indices(FIELD_SHAPE).reshape(3, -1).T.astype(float)
    return voxels, voxels @ affine[:3, :3].T + affine[:3, 3]


def itk_field(affine=RADIOLOGICAL, to=warped):
    """Make the field that ANTs would write: displacements of physical points in LPS mm."""
    _, points = field_points(affine)
    vectors = (to(points) - points) * [-1, -1, 1]
    image = nibabel.Nifti1Image(vectors.reshape(*FIELD_SHAPE, 1, 3).astype(np.float32), affine)
    image.header.set_intent("vector")
    return image


def fsl_coordinates(voxels, affine, shape):
    """Return FSL's scaled coordinates of voxels, written down one by one from its definition."""
    size = np.sqrt((affine[:3, :3] ** 2).sum(axis=0))
    scaled = voxels * size
    if np.linalg.det(affine[:3, :3]) > 0:  # neurological storage: the first axis is turned round
        scaled[:, 0] = (shape[0] - 1) * size[0] - scaled[:, 0]
    return scaled


def fsl_field(affine, volume, to=warped):
    """Make the relative displacements that FNIRT would write for a volume."""
    voxels, points = field_points(affine)
    inverse = np.linalg.inv(volume.affine)
    there = to(points) @ inverse[:3, :3].T + inverse[:3, 3]
    vectors = fsl_coordinates(there, volume.affine, volume.shape)
    vectors -= fsl_coordinates(voxels, affine, FIELD_SHAPE)
    image = nibabel.Nifti1Image(vectors.reshape(*FIELD_SHAPE, 3).astype(np.float32), affine)
    image.header["intent_code"] = 2006
    return image


@pytest.mark.parametrize("affine", [RADIOLOGICAL, NEUROLOGICAL])
def test_an_itk_field_adds_lps_millimetres(affine):
    """A point goes where the analytic warp puts it, up to linear interpolation of the field."""
    volume = Volume.open(image_of(lambda x, *_: x))
    points = WHITE.vertices.astype(float)
    there = read_warp(itk_field(affine)).to_volume(points, volume)
    np.testing.assert_allclose(there, warped(points), atol=0.02)


@pytest.mark.parametrize("affine", [RADIOLOGICAL, NEUROLOGICAL])
@pytest.mark.parametrize("volume_affine", [TURNED, TURNED @ np.diag([-1, 1, 1, 1])])
def test_an_fsl_field_adds_scaled_voxels(affine, volume_affine):
    """Whichever way field and volume are stored; the sign of each determinant counts by itself."""
    image = image_of(lambda x, *_: x, affine=volume_affine, shape=(45, 46, 47))
    volume = Volume.open(image)
    points = WHITE.vertices.astype(float)
    there = read_warp(fsl_field(affine, volume)).to_volume(points, volume)
    np.testing.assert_allclose(there, warped(points), atol=0.02)


@pytest.mark.parametrize("convention", ["itk", "fsl"])
def test_a_warped_volume_is_sampled_where_it_holds_the_vertices(convention):
    """Values and labels equal those of the analytic warp at the vertices."""

    def field(x, y, z):
        return 0.3 * x - 0.7 * y + 0.2 * z

    def halves(x, *_):
        return 1 + (x > 2)

    image = image_of(field)
    volume = Volume.open(image)
    warp = read_warp(itk_field() if convention == "itk" else fsl_field(NEUROLOGICAL, volume))
    sampled = sample_volume(image, WHITE, PIAL, warp=warp.to_volume)[:, 0]
    depths = [WHITE.vertices + d * (PIAL.vertices - WHITE.vertices) for d in (0.1, 0.5, 0.9)]
    expected = np.mean([field(*warped(p.astype(float)).T) for p in depths], axis=0)
    np.testing.assert_allclose(sampled, expected, atol=0.05)
    unwarped = sample_volume(image, WHITE, PIAL)[:, 0]
    assert np.abs(unwarped - expected).max() > 1
    labels = sample_labels(image_of(halves), WHITE, PIAL, warp=warp.to_volume)
    x = warped(((WHITE.vertices + PIAL.vertices) / 2).astype(float))[:, 0]
    clear = np.abs(x - 2) > 2.5
    assert np.array_equal(labels[clear], 1 + (x[clear] > 2))


def test_points_outside_the_field_have_no_place():
    """A vertex beyond the field is NaN, not sampled where it is."""
    field = itk_field()
    cropped = nibabel.Nifti1Image(np.asarray(field.dataobj)[:16], RADIOLOGICAL)
    cropped.header.set_intent("vector")
    image = image_of(lambda x, *_: x)
    sampled = sample_volume(image, WHITE, WHITE, warp=read_warp(cropped).to_volume, n_samples=1)
    outside = WHITE.vertices[:, 0] < 40 - 2.5 * 15.5
    assert 0.2 < outside.mean() < 0.8
    assert np.array_equal(np.isnan(sampled[:, 0]), outside)


def test_the_convention_is_read_or_asked_for(tmp_path):
    """The header says it, or the user; a contradiction and an ambiguous file are refused."""
    volume = Volume.open(image_of(lambda x, *_: x))
    nibabel.save(itk_field(), tmp_path / "itk.nii.gz")
    assert read_warp(tmp_path / "itk.nii.gz").convention == "itk"
    with pytest.raises(InputError, match=r"itk\.nii\.gz: found a field of itk.*expected fsl"):
        read_warp(tmp_path / "itk.nii.gz", "fsl")
    bare = nibabel.Nifti1Image(np.asarray(fsl_field(RADIOLOGICAL, volume).dataobj), RADIOLOGICAL)
    with pytest.raises(InputError, match="--warp-convention"):
        read_warp(bare)
    assert read_warp(bare, "fsl").convention == "fsl"
    with pytest.raises(InputError, match="Did you mean 'itk'"):
        read_warp(bare, "itl")


@pytest.mark.parametrize("convention", [None, "itk"])
def test_a_field_that_is_ras_or_lps_by_version_is_refused(convention):
    """ITK's displacement vectors (1006) turned from LPS to RAS; the way out is intent 1007."""
    field = itk_field()
    field.header["intent_code"] = 1006
    with pytest.raises(InputError, match=r"intent 1006 .* RAS .*; expected .* 1007 .* LPS"):
        read_warp(field, convention)


def test_what_is_no_field_is_refused(tmp_path):
    """A volume, spline coefficients, NaN, no affine, and ITK's own formats."""
    with pytest.raises(InputError, match="three displacements per voxel"):
        read_warp(image_of(lambda x, *_: x))
    coefficients = nibabel.Nifti1Image(np.zeros((5, 5, 5, 3), np.float32), RADIOLOGICAL)
    coefficients.header["intent_code"] = 2007
    with pytest.raises(InputError, match="fnirtfileutils"):
        read_warp(coefficients)
    holed = nibabel.Nifti1Image(np.full((5, 5, 5, 3), np.nan, np.float32), RADIOLOGICAL)
    with pytest.raises(InputError, match="NaN or infinite displacements"):
        read_warp(holed, "fsl")
    with pytest.raises(InputError, match="identity"):
        read_warp(nibabel.Nifti1Image(np.zeros((5, 5, 5, 3), np.float32), np.eye(4)), "fsl")
    (tmp_path / "composite.h5").write_bytes(b"\x89HDF\r\n\x1a\n")
    with pytest.raises(InputError, match="antsApplyTransforms"):
        read_warp(tmp_path / "composite.h5")
    with pytest.raises(InputError, match=r"absent\.nii"):
        read_warp(tmp_path / "absent.nii")
