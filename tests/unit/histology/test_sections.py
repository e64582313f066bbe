"""Patches of sections: read where they lie, refused where they are not what is stated."""

import numpy as np
import pytest

from cytosurf.errors import InputError
from cytosurf.histology.sections import open_section, section_patches

tifffile = pytest.importorskip("tifffile", reason="extra histology")
zarr = pytest.importorskip("zarr", reason="extra histology")
IMAGE = np.random.default_rng(0).integers(0, 255, (90, 120), dtype=np.uint8)
HEAD = "image,x_um,y_um,x_mm,y_mm,z_mm\n"


@pytest.fixture
def folder(tmp_path):
    """Make the same image in four formats, with pixels of 2 µm."""
    per_cm = 10_000 / 2.0
    tifffile.imwrite(
        tmp_path / "a.tif", IMAGE, tile=(32, 32), resolution=(per_cm,) * 2, resolutionunit=3
    )
    size = {"axes": "YX", "PhysicalSizeX": 2000.0, "PhysicalSizeXUnit": "nm"}
    tifffile.imwrite(tmp_path / "b.ome.tif", IMAGE, metadata=size)
    array = zarr.create_array(str(tmp_path / "c.zarr"), shape=IMAGE.shape, dtype="uint8")
    array[:] = IMAGE
    array.attrs["pixel_um"] = 2.0
    group = zarr.open_group(str(tmp_path / "d.zarr"), mode="w")
    group.create_array("0", shape=IMAGE.shape, dtype="uint8")[:] = IMAGE
    scale = {"path": "0", "coordinateTransformations": [{"type": "scale", "scale": [0.002] * 2}]}
    axes = [{"name": n, "unit": "millimeter"} for n in "yx"]
    group.attrs["multiscales"] = [{"axes": axes, "datasets": [scale]}]
    return tmp_path


def source_of(folder, rows, **options):
    """Return the patches of a table with these rows."""
    (folder / "points.csv").write_text(HEAD + rows)
    stated = {"pixel_um": 2.0, "patch_px": 16, "space": "bigbrain", **options}
    return section_patches(folder / "points.csv", **stated)


@pytest.mark.parametrize("name", ["a.tif", "b.ome.tif", "c.zarr", "d.zarr"])
def test_every_format_gives_the_pixels_and_their_size(folder, name):
    """TIFF tags, OME metadata, zarr attributes and OME-NGFF scales."""
    image, pixel_um = open_section(folder / name)
    assert pixel_um == pytest.approx(2.0)
    assert np.array_equal(image[10:20, 30:50], IMAGE[10:20, 30:50])


def test_a_patch_is_centred_on_its_point(folder):
    """Micrometres from the upper left corner; rows of different sections in any order."""
    source = source_of(
        folder, "a.tif,100.5,80.5,1,2,3\nc.zarr,100.5,80.5,4,5,6\na.tif,60,100,7,8,9\n"
    )
    patches = source.read(np.array([2, 1, 0]))
    expected = IMAGE[40 - 8 : 40 + 8, 50 - 8 : 50 + 8] / np.float32(255)
    assert np.array_equal(patches[2, 0], expected)
    assert np.array_equal(patches[1, 0], expected)
    assert np.array_equal(patches[0, 0], IMAGE[42:58, 22:38] / np.float32(255))
    assert source.coordinates_mm.tolist() == [[1, 2, 3], [4, 5, 6], [7, 8, 9]]


def test_labels_and_brains_are_columns_of_the_table(folder):
    """Whole numbers in every row, or an error that names the column."""
    head, row = HEAD.strip() + ",label,brain\n", "a.tif,100,80,1,2,3,"
    stated = {"pixel_um": 2.0, "patch_px": 16, "space": "bigbrain"}
    (folder / "p.csv").write_text(head + f"{row}4,0\n{row}-1,1\n")
    groups = section_patches(folder / "p.csv", **stated).groups
    assert {name: v.tolist() for name, v in groups.items()} == {"label": [4, -1], "brain": [0, 1]}
    (folder / "p.csv").write_text(head + f"{row}4,0\n{row},1\n")
    with pytest.raises(InputError, match=r"p\.csv, column label: found float64"):
        section_patches(folder / "p.csv", **stated)


def test_the_edge_of_an_image_is_repeated(folder):
    """A patch that hangs over the edge is filled with the outermost pixels."""
    patch = source_of(folder, "a.tif,0,0,0,0,0\n").read(np.array([0]))[0, 0]
    assert (patch[:9, :9] == IMAGE[0, 0] / np.float32(255)).all()
    assert np.array_equal(patch[8:, 8:], IMAGE[:8, :8] / np.float32(255))


def test_what_is_open_stays_in_its_process(folder):
    """A source that was read is sent to a worker without its handles."""
    source = source_of(folder, "a.tif,100,80,1,2,3\n")
    source.read(np.array([0]))
    assert source.__getstate__()["_open"] == {}


@pytest.mark.parametrize(
    ("rows", "options", "words"),
    [
        ("a.tif,100,80,1,2,3\n", {"pixel_um": 1.0}, "pixels of 2 µm"),
        ("c.zarr,100,80,1,2,3\n", {"pixel_um": 2.1}, "pixels of 2 µm"),
        ("a.tif,100,80,1,2,3\na.tif,300,80,1,2,3\n", {}, "1 of 2 points outside.*row 1"),
        ("a.tif,-1,80,1,2,3\n", {}, "outside the image"),
        ("none.tif,1,1,1,2,3\n", {}, "no such file"),
        ("a.tif,x,80,1,2,3\n", {}, "no number in row 0"),
        ("a.tif,100,80,1,2,3\n,100,80,1,2,3\n", {}, "no image in row 1"),
        ("", {}, "no row"),
    ],
)
def test_sections_that_are_not_as_stated_are_refused(folder, rows, options, words):
    """Before training begins, with the file and the row."""
    with pytest.raises(InputError, match=words):
        source_of(folder, rows, **options)


def test_files_that_are_no_grey_image_are_refused(folder):
    """Colour, and what is no image."""
    tifffile.imwrite(folder / "rgb.tif", np.zeros((8, 8, 3), np.uint8), photometric="rgb")
    (folder / "cut.tif").write_bytes((folder / "a.tif").read_bytes()[:6])
    zarr.open_group(str(folder / "group.zarr"), mode="w")
    for name, words in (
        ("rgb.tif", "one grey channel"),
        ("cut.tif", "no readable section"),
        ("group.zarr", "a group without `multiscales`"),
    ):
        with pytest.raises(InputError, match=words):
            open_section(folder / name)


def test_pixels_that_are_no_grey_values_from_black_to_white_are_refused(folder):
    """White as 0, indices of colours, and whole numbers without a known white."""
    tifffile.imwrite(folder / "white.tif", IMAGE, photometric="miniswhite")
    colours = np.zeros((3, 256), np.uint16)
    tifffile.imwrite(folder / "palette.tif", IMAGE, photometric="palette", colormap=colours)
    tifffile.imwrite(folder / "signed.tif", IMAGE.astype(np.int16))
    for name, words in (
        ("white.tif", "MINISWHITE.*must be inverted"),
        ("palette.tif", "PALETTE.*grey values"),
        ("signed.tif", "type int16"),
    ):
        with pytest.raises(InputError, match=words):
            open_section(folder / name)


def test_either_order_of_bytes_is_read(folder):
    """The same patch of 16 bits from files with the high byte first."""
    image = IMAGE.astype(">u2") * 257
    tifffile.imwrite(folder / "e.tif", image, byteorder=">")
    array = zarr.create_array(str(folder / "e.zarr"), shape=image.shape, dtype=">u2")
    array[:] = image
    patches = source_of(folder, "e.tif,100,80,1,2,3\ne.zarr,100,80,1,2,3\n").read(np.arange(2))
    for patch in patches[:, 0]:
        np.testing.assert_allclose(patch, IMAGE[32:48, 42:58] / np.float32(255), rtol=1e-6)


@pytest.mark.parametrize("name", ["e.tif", "c.zarr"])
def test_tiles_that_cannot_be_decoded_are_refused(folder, name):
    """Found when they are read: the head of the file is whole."""
    tifffile.imwrite(folder / "e.tif", IMAGE, tile=(32, 32), compression="zlib")
    source = source_of(folder, f"{name},100,80,1,2,3\n", pixel_um=2.0)
    if name == "e.tif":
        with tifffile.TiffFile(folder / name) as tiff:
            spans = zip(tiff.pages[0].dataoffsets, tiff.pages[0].databytecounts, strict=True)
        with (folder / name).open("r+b") as stream:
            for offset, count in spans:
                stream.seek(offset)
                stream.write(bytes(count))
    else:
        for chunk in (folder / name / "c").rglob("*"):
            if chunk.is_file():
                chunk.write_bytes(b"damaged")
    with pytest.raises(InputError, match=r"tiles that cannot be decoded near row 40, column 50"):
        source.read(np.array([0]))


def test_a_table_without_a_column_is_refused(folder):
    """The message names it."""
    (folder / "p.csv").write_text("image,x_um,y_um,x_mm,y_mm\na.tif,1,1,1,1\n")
    with pytest.raises(InputError, match="no column z_mm"):
        section_patches(folder / "p.csv", pixel_um=2.0, patch_px=16, space="bigbrain")
