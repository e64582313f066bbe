"""Only volumes that say where their voxels are get sampled, and files in pieces give the same."""

import nibabel
import numpy as np
import pytest

from cytosurf.errors import InputError
from cytosurf.surfaces import volume_image
from cytosurf.surfaces.volume import sample_volume
from cytosurf.surfaces.volume_image import Volume
from tests.unit.surfaces.volumes import AFFINE, PIAL, SHAPE, WHITE, image_of, plain_field


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
            sample_volume(nibabel.Nifti1Image(np.zeros(shape), AFFINE), WHITE, PIAL)
    with pytest.raises(InputError, match="complex64"):
        sample_volume(nibabel.Nifti1Image(np.zeros((3, 3, 3), np.complex64), AFFINE), WHITE, PIAL)


def test_several_volumes_are_the_same_however_they_are_read(tmp_path, monkeypatch):
    """Volumes read in blocks of two, from a compressed file, equal those in memory."""
    volumes = np.random.default_rng(0).normal(size=(*SHAPE, 5)).astype(np.float32)
    image = nibabel.Nifti1Image(volumes, AFFINE)
    nibabel.save(image, tmp_path / "several.nii.gz")
    expected = sample_volume(image, WHITE, PIAL)
    monkeypatch.setattr(volume_image, "BLOCK_BYTES", 2 * 4 * int(np.prod(SHAPE)))
    assert np.array_equal(sample_volume(tmp_path / "several.nii.gz", WHITE, PIAL), expected)
    assert Volume.open(tmp_path / "several.nii.gz").n_volumes == 5


def test_images_without_valid_affine_are_refused(tmp_path):
    """No affine, one made up for want of codes, the identity, and a singular one are refused."""
    data = np.zeros((3, 3, 3), np.float32)
    nibabel.save(nibabel.Nifti1Image(data, None), tmp_path / "uncoded.nii")
    with pytest.raises(InputError, match="neither sform nor qform"):
        sample_volume(tmp_path / "uncoded.nii", WHITE, PIAL)
    with pytest.raises(InputError, match="no affine"):
        sample_volume(nibabel.Nifti1Image(data, None), WHITE, PIAL)
    with pytest.raises(InputError, match="identity as affine"):
        sample_volume(nibabel.Nifti1Image(data, np.eye(4)), WHITE, PIAL)
    for broken in (np.diag([1.0, 0, 1, 1]), np.diag([1.0, np.nan, 1, 1])):
        image = nibabel.Spm99AnalyzeImage(data, np.eye(4))
        image._affine = broken
        with pytest.raises(InputError, match="cannot be inverted"):
            sample_volume(image, WHITE, PIAL)
