"""The fast way through GIFTI reads and writes what nibabel does, or leaves the file to it."""

import base64
import tempfile
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from cytosurf.surfaces.gifti_data import (
    _in_order,
    empty_array,
    in_threads,
    map_bytes,
    parse_gifti,
    stacked,
    write_gifti,
)
from tests.unit.surfaces.strategies import damaged, texts

INTENTS = {"float32": "NIFTI_INTENT_NORMAL", "int32": "NIFTI_INTENT_LABEL"}


def written(image, values):
    """Return what nibabel reads of a file that was written."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.gii"
        write_gifti(path, image, values.__getitem__)
        return nib.gifti.GiftiImage.from_filename(path, mmap=False)


def image_of(arrays, names, labels=(), encoding="B64GZ"):
    """Return an image as nibabel makes it."""
    table = nib.gifti.GiftiLabelTable()
    for key, name in enumerate(labels):
        label = nib.gifti.GiftiLabel(key, 0.1, 0.2, 0.3, 1.0)
        label.label = name
        table.labels.append(label)
    darrays = [
        nib.gifti.GiftiDataArray(
            a, INTENTS.get(str(a.dtype), "NIFTI_INTENT_NONE"), a.dtype, encoding, meta={"Name": n}
        )
        for a, n in zip(arrays, names, strict=True)
    ]
    meta = nib.gifti.GiftiMetaData({"AnatomicalStructurePrimary": "CortexLeft"})
    return nib.gifti.GiftiImage(darrays=darrays, labeltable=table, meta=meta)


def same(a, b):
    """Say whether two images hold the same arrays, names, labels and metadata."""
    assert dict(a.meta) == dict(b.meta)
    assert [(x.key, x.label) for x in a.labeltable.labels] == [
        (x.key, x.label) for x in b.labeltable.labels
    ]
    assert len(a.darrays) == len(b.darrays)
    for one, other in zip(a.darrays, b.darrays, strict=True):
        assert one.intent == other.intent
        assert dict(one.meta) == dict(other.meta)
        assert one.data.dtype == other.data.dtype
        assert one.data.shape == other.data.shape
        assert one.data.tobytes() == other.data.tobytes()


ARRAYS = st.one_of(
    hnp.arrays(np.float32, hnp.array_shapes(max_dims=2), elements=st.floats(width=32)),
    hnp.arrays(np.int32, hnp.array_shapes(max_dims=2)),
    hnp.arrays(np.uint8, hnp.array_shapes(max_dims=1)),
)


@given(
    arrays=st.lists(ARRAYS, min_size=1, max_size=3),
    data=st.data(),
    encoding=st.sampled_from(["B64GZ", "B64BIN"]),
)
@settings(max_examples=60)
def test_read_as_nibabel_reads(arrays, data, encoding):
    """Bits, shapes, intents, names and labels of a file of nibabel come out as nibabel has them."""
    names = data.draw(st.lists(texts, min_size=len(arrays), max_size=len(arrays)))
    labels = data.draw(st.lists(texts, max_size=2))
    raw = image_of(arrays, names, labels, encoding).to_bytes()
    fast = parse_gifti(raw)
    assert fast is not None
    same(fast, nib.gifti.GiftiImage.from_bytes(raw))


@given(arrays=st.lists(ARRAYS, min_size=1, max_size=3), data=st.data())
@settings(max_examples=40)
def test_nibabel_reads_what_is_written(arrays, data):
    """Arrays put into an empty image are those that nibabel finds in the file."""
    names = data.draw(st.lists(texts, min_size=len(arrays), max_size=len(arrays)))
    whole = image_of(arrays, names, ["<Data>", "</Data>"])
    types = {"float32": "NIFTI_TYPE_FLOAT32", "int32": "NIFTI_TYPE_INT32"}
    empty = [
        empty_array(
            a.shape,
            INTENTS.get(str(a.dtype), "NIFTI_INTENT_NONE"),
            types.get(str(a.dtype), "NIFTI_TYPE_UINT8"),
            {"Name": n},
        )
        for a, n in zip(arrays, names, strict=True)
    ]
    image = nib.gifti.GiftiImage(darrays=empty, labeltable=whole.labeltable, meta=whole.meta)
    same(written(image, arrays), whole)


def test_columns_of_any_memory_order_are_written():
    """Rows of a transposed array, and arrays that are not contiguous, keep their values."""
    values = np.arange(12, dtype=np.float32).reshape(4, 3)
    for columns in (list(values.T), list(np.asfortranarray(values).T)):
        empty = [empty_array((4,), "NIFTI_INTENT_NORMAL", "NIFTI_TYPE_FLOAT32", {})] * 3
        image = nib.gifti.GiftiImage(darrays=empty)
        read = written(image, columns)
        assert np.array_equal(np.array([a.data for a in read.darrays]).T, values)


RNG = np.random.default_rng(0)
RAW = image_of([np.arange(50, dtype=np.float32)], ["a"]).to_bytes()


def changed(old, new):
    """Return the file with one part replaced, which must be there."""
    assert old in RAW
    return RAW.replace(old, new)


@pytest.mark.parametrize(
    "raw",
    [
        *damaged(RAW).values(),
        changed(b"LittleEndian", b"BigEndian"),
        changed(b"NIFTI_TYPE_FLOAT32", b"NIFTI_TYPE_FLOAT64"),
        changed(b"GZipBase64Binary", b"ASCII"),
        changed(b'Dim0="50"', b'Dim0="49"'),
        changed(b'Dimensionality="1"', b'Dimensionality="2"'),
        changed(b'NumberOfDataArrays="1"', b'NumberOfDataArrays="2"'),
        changed(b'ExternalFileName=""', b'ExternalFileName="x.dat"'),
        changed(b"<GIFTI", b"<GIFTY").replace(b"</GIFTI", b"</GIFTY"),
        changed(b"<MetaData", b"<!--<Data></Data>--><MetaData"),
    ],
)
def test_what_is_unusual_is_left_to_nibabel(raw):
    """Other encodings, sizes that do not fit and damage of any kind are not guessed at."""
    assert parse_gifti(raw) is None


def test_columns_first_are_left_to_nibabel():
    """An array of two dimensions that is stored by columns is not read by rows."""
    raw = image_of([np.zeros((4, 3), np.float32)], ["a"]).to_bytes()
    assert parse_gifti(raw) is not None
    assert parse_gifti(raw.replace(b"RowMajorOrder", b"ColumnMajorOrder")) is None


def test_damaged_checksums_and_sizes_are_noticed():
    """Deflated bytes with a wrong checksum, or with more than the array holds, are refused."""
    good = np.arange(50, dtype=np.float32).tobytes()
    start, end = RAW.index(b"<Data>") + 6, RAW.index(b"</Data>")
    deflated = bytearray(zlib.compress(good))
    deflated[-1] ^= 1
    for content in (bytes(deflated), zlib.compress(good + b"\0"), zlib.compress(good[:-4])):
        assert parse_gifti(RAW[:start] + base64.b64encode(content) + RAW[end:]) is None


def test_a_mapped_file_is_read_as_its_bytes(tmp_path):
    """Wherever its tags lie, and however its base64 is broken into lines."""
    arrays = [RNG.normal(size=n).astype(np.float32) for n in (3, 100_000, 0, 200_000)]
    raw = image_of(arrays, "abcd").to_bytes()
    start, end = raw.index(b"<Data>") + 6, raw.index(b"</Data>")
    broken = (
        raw[:start] + b"\n" + b"\n ".join([raw[start : start + 8], raw[start + 8 : end], raw[end:]])
    )
    path = tmp_path / "x.gii"
    for content in (raw, broken):
        path.write_bytes(content)
        read = parse_gifti(map_bytes(path))
        same(read, nib.gifti.GiftiImage.from_bytes(raw))
        same(read, parse_gifti(content))


def test_columns_are_read_without_a_copy():
    """The columns of a map are the rows of one array; others are put side by side."""
    values = np.arange(12, dtype=np.float32).reshape(3, 4)
    read = parse_gifti(image_of(list(values), "abc").to_bytes())
    columns = [array.data for array in read.darrays]
    assert np.array_equal(stacked(columns), values.T)
    assert stacked(columns).base is columns[0].base
    assert np.array_equal(stacked(columns[1:]), values[1:].T)
    assert np.array_equal(stacked([values[0].copy(), values[1].astype("f8")]), values[:2].T)


def test_order_is_kept_in_threads():
    """However many threads there are, results come in the order of the items."""
    assert in_threads(lambda n: n * n, range(50), 10**9) == [n * n for n in range(50)]


def test_only_some_results_wait_to_be_taken():
    """Threads do not run ahead of who writes what they make: it would fill the memory."""
    started = []
    with ThreadPoolExecutor(2) as pool:
        results = _in_order(pool, lambda n: started.append(n) or -n, range(30), 4)
        for taken, result in enumerate(results):
            assert result == -taken
            assert len(started) <= taken + 1 + 4
    assert sorted(started) == list(range(30))
