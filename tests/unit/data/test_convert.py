"""Converters: text and surfaces that the tests make, against independent readers."""

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cytosurf.compute.files import arrays_sha256
from cytosurf.data import convert as module
from cytosurf.data.manifest import File
from cytosurf.errors import CytosurfError, InputError
from tests.unit.data.conftest import files_below, upstream

NUMBERS = st.floats(-(2.0**100), 2.0**100, width=32)


def gifti_surface(points, faces=((0, 1, 2),)):
    """Return the bytes of a GIFTI surface."""
    arrays = [
        nib.gifti.GiftiDataArray(np.asarray(points, np.float32), "NIFTI_INTENT_POINTSET"),
        nib.gifti.GiftiDataArray(np.asarray(faces, np.int32), "NIFTI_INTENT_TRIANGLE"),
    ]
    return nib.gifti.GiftiImage(darrays=arrays).to_bytes()


def converted(converter, parts, content="0" * 64):
    """Describe a converted file; parts are (array, column, bytes)."""
    described = [upstream(data, array=array, column=column) for array, column, data in parts]
    return File(
        name="a.npz",
        description="d",
        upstream=described,
        converter=converter,
        content_sha256=content,
    )


def written(folder, parts):
    """Write the upstream files; return their paths."""
    paths = [folder / f"part-{i}" for i in range(len(parts))]
    for path, (_, _, data) in zip(paths, parts, strict=True):
        path.write_bytes(data)
    return paths


@given(values=st.lists(NUMBERS, min_size=1, max_size=50), exact=st.booleans())
def test_equals_numpy_loadtxt(tmp_path_factory, values, exact):
    """Columns of numbers are read as numpy.loadtxt reads them, in either usual format."""
    path = tmp_path_factory.mktemp("text") / "column.txt"
    path.write_text("\n".join(f" {v!r}" if exact else f"{v:.6g}" for v in values) + "\n")
    expected = np.loadtxt(path, ndmin=1).astype(np.float32)
    found = module.read_text_column(path)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("text", ["1\r\n2\r\n", "1\n2", " 1\n 2\n\n", "1.0e0\n+2\n"])
def test_line_ends_and_blanks_do_not_matter(tmp_path, text):
    """The ways in which text files of one column differ make no difference."""
    path = tmp_path / "column.txt"
    path.write_bytes(text.encode())
    assert module.read_text_column(path).tolist() == [1, 2]


@pytest.mark.parametrize("content", [b"", b"\n", b"1\ntwo\n", b"\xff\xfe1", b"1,2\n"])
def test_other_content_is_refused_by_name(tmp_path, content):
    """What is not a column of numbers is refused, and the file is named."""
    path = tmp_path / "column.txt"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"column\.txt: .*one number per line"):
        module.read_text_column(path)


def test_coordinates_are_unchanged(tmp_path):
    """The float32 coordinates of a surface come out bit for bit."""
    points = np.random.default_rng(0).normal(size=(7, 3)).astype(np.float32) * 100
    path = tmp_path / "without-suffix"
    path.write_bytes(gifti_surface(points))
    found = module.read_gifti_points(path)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, points)


def test_other_files_are_refused_by_name(tmp_path):
    """Text, half a surface and a GIFTI map without coordinates are refused."""
    surface = gifti_surface(np.zeros((50, 3)))
    map_only = nib.gifti.GiftiImage(
        darrays=[nib.gifti.GiftiDataArray(np.zeros(5, np.float32), "NIFTI_INTENT_SHAPE")]
    ).to_bytes()
    path = tmp_path / "surface.gii"
    for content in (b"text", b"", surface[: len(surface) // 2], map_only):
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"surface\.gii: .*a GIFTI surface"):
            module.read_gifti_points(path)


def test_columns_are_stacked_in_order(tmp_path):
    """Column k of the array is the upstream file that says column k."""
    parts = [("depth", i, f"{i}\n{i + 10}\n".encode()) for i in range(3)]
    arrays = module.convert(converted("text", parts), written(tmp_path, parts))
    assert list(arrays) == ["depth"]
    assert arrays["depth"].tolist() == [[0, 1, 2], [10, 11, 12]]


def test_files_without_column_are_whole_arrays(tmp_path):
    """An upstream file without a column keeps its own dimensions."""
    parts = [("one", None, b"1\n2\n"), ("two", None, b"3\n4\n")]
    arrays = module.convert(converted("text", parts), written(tmp_path, parts))
    assert {name: array.tolist() for name, array in arrays.items()} == {
        "one": [1, 2],
        "two": [3, 4],
    }


def test_surfaces_become_named_coordinates(tmp_path):
    """The coordinates of each surface are kept under its name."""
    parts = [(name, None, gifti_surface(np.full((4, 3), i))) for i, name in enumerate("ab")]
    arrays = module.convert(converted("gifti-points", parts), written(tmp_path, parts))
    assert arrays["a"].shape == (4, 3)
    assert (arrays["b"] == 1).all()


def test_columns_of_different_length_are_refused(tmp_path):
    """A short column is found and named."""
    parts = [("a", 0, b"1\n2\n"), ("a", 1, b"1\n")]
    with pytest.raises(InputError, match="part-1: found 1 values; expected 2"):
        module.convert(converted("text", parts), written(tmp_path, parts))


PARTS = (("a", 0, b"1\n2\n"), ("a", 1, b"3\n4\n"))


def test_right_arrays_are_stored(tmp_path):
    """Arrays with the content hash expected are written as an npz without pickles."""
    expected = {"a": np.array([[1, 3], [2, 4]], np.float32)}
    file = converted("text", PARTS, arrays_sha256(expected))
    place = tmp_path / "out" / "a.npz"
    module.store_converted(file, written(tmp_path, PARTS), place)
    with np.load(place, allow_pickle=False) as stored:
        np.testing.assert_array_equal(stored["a"], expected["a"])


def test_other_arrays_are_not_stored(tmp_path):
    """Upstream files that convert to something else than the manifest says leave nothing."""
    file = converted("text", PARTS)
    place = tmp_path / "out" / "a.npz"
    with pytest.raises(CytosurfError, match="differ from those described"):
        module.store_converted(file, written(tmp_path, PARTS), place)
    assert files_below(tmp_path / "out") == []
