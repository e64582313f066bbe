"""Tiles of the X-ray slice."""

import numpy as np
import pytest

from cytosurf.errors import InputError
from cytosurf.histology.xray import OUTSIDE, PIXEL_UM, xray_patches


@pytest.fixture
def file(tmp_path):
    """Make a small slice whose left edge is outside the annotated window."""
    rng = np.random.default_rng(0)
    region = rng.integers(0, 9, (20, 30), dtype=np.uint8)
    region[:, :3] = OUTSIDE
    region[19, 29] = OUTSIDE
    image = rng.integers(0, 255, (20, 30), dtype=np.uint8)
    np.savez(tmp_path / "slice.npz", image=image, roi=region)
    return tmp_path / "slice.npz"


def test_tiles_are_whole_and_annotated(file):
    """Every tile of the stride without a pixel outside the window, and no other."""
    with np.load(file) as stored:
        image, region = stored["image"], stored["roi"]
    source = xray_patches(file, tile_px=8, stride_px=3)
    expected = [
        (y, x)
        for y in range(0, 13, 3)
        for x in range(0, 23, 3)
        if not (region[y : y + 8, x : x + 8] == OUTSIDE).any()
    ]
    assert [tuple(c) for c in source.corners.tolist()] == expected
    tiles = source.read(np.arange(len(expected)))
    for tile, shares, (y, x) in zip(tiles, source.shares, expected, strict=True):
        assert np.array_equal(tile[0], image[y : y + 8, x : x + 8] / np.float32(255))
        inside = np.bincount(region[y : y + 8, x : x + 8].ravel(), minlength=9)
        assert np.array_equal(shares, inside / np.float32(64))


def test_a_tile_belongs_to_the_region_of_most_of_its_pixels(tmp_path):
    """More than the stated share, so that half and half belongs to none."""
    region = np.repeat(np.array([[1, 1, 1, 1, 2, 2, 2, 2]], np.uint8), 4, axis=0)
    np.savez(tmp_path / "slice.npz", image=np.zeros_like(region), roi=region)
    source = xray_patches(tmp_path / "slice.npz", tile_px=4, stride_px=1)
    assert source.regions().tolist() == [1, 1, -1, 2, 2]
    assert source.regions(0.75).tolist() == [1, -1, -1, -1, 2]
    assert source.groups["label"].tolist() == [1, 1, -1, 2, 2]
    for share in (0.4, 1.0, np.nan):
        with pytest.raises(InputError, match="min_share"):
            source.regions(share)


def test_places_are_millimetres_of_tile_centres(file):
    """Columns are along x, rows along y, in a plane."""
    source = xray_patches(file, tile_px=8, stride_px=3)
    y, x = source.corners[1]
    place = source.coordinates_mm[1]
    assert place.tolist() == pytest.approx([(x + 4) * PIXEL_UM / 1e3, (y + 4) * PIXEL_UM / 1e3, 0])
    assert len(set(source.ids.tolist())) == len(source.ids)


def test_files_that_are_no_slice_are_refused(file, tmp_path):
    """Without the arrays, with other shapes, or too small for a tile."""
    np.savez(tmp_path / "a.npz", image=np.zeros((4, 4), np.uint8))
    np.savez(tmp_path / "b.npz", image=np.zeros((4, 4), np.uint8), roi=np.zeros((4, 5), np.uint8))
    for path, words in ((tmp_path / "a.npz", "readable"), (tmp_path / "b.npz", "two uint8")):
        with pytest.raises(InputError, match=words):
            xray_patches(path)
    with pytest.raises(InputError, match="no whole tile"):
        xray_patches(file, tile_px=25)


@pytest.mark.real_data
def test_the_published_slice_gives_tiles_of_every_region(real_data):
    """3,312 tiles of 128 px at a stride of 32; 22 without a region of more than half."""
    source = xray_patches(real_data / "xray_thc" / "xray_thc_slice-309.npz")
    count = np.bincount(source.regions() + 1, minlength=10)
    assert len(source.ids) == 3312
    assert count.tolist() == [22, 0, 868, 595, 208, 669, 539, 294, 67, 50]
