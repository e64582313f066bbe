"""The arrays of GIFTI files, decoded and encoded fast.

A GIFTI file is XML around a few large base64 texts, most of them deflated. nibabel sends all of it
through an XML parser, and zlib deflates 15 MB of values a second: with hundreds of columns this is
nearly all of the work of carrying a map to another mesh. Here the texts are cut out before the
rest is parsed, ISA-L in place of zlib inflates and deflates them (the format is the same, in files
about as large), and the arrays of a file are shared between threads. Memory that is touched for
the first time costs as much as the arithmetic, so files are mapped instead of read, and arrays may
be computed as they are written.

Files that are not of the usual kind (other encodings, another byte order, damage) are left to
nibabel.
"""

from __future__ import annotations

import binascii
import itertools
import math
import mmap
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar
from xml.etree import ElementTree

import nibabel as nib
import numpy as np
import numpy.typing as npt
import pybase64
from isal import isal_zlib

from cytosurf.compute.pool import resolve_jobs

Item = TypeVar("Item")
Result = TypeVar("Result")

_OPEN, _CLOSE = b"<Data>", b"</Data>"
_DTYPES = {"NIFTI_TYPE_FLOAT32": "<f4", "NIFTI_TYPE_INT32": "<i4", "NIFTI_TYPE_UINT8": "u1"}
_INTENTS = nib.nifti1.intent_codes
# What is raised on XML, base64 or deflated bytes that are not whole, or of another kind.
_UNUSUAL: tuple[type[Exception], ...] = (
    *(ElementTree.ParseError, ValueError, KeyError, binascii.Error),
    isal_zlib.error,  # type: ignore[assignment]  # a class, whatever the stubs say
)
# Of ISA-L's levels 0 to 3; larger than zlib's 6 by 5 % on smooth maps, and equal on noise.
_LEVEL = 2
# Below this, starting threads costs more than it saves.
_WORTH_THREADS = 1_000_000
# Bytes that fit into a processor's cache.
_BLOCK = 1 << 18
# Bytes written at once. For more, the kernel may look for stretches of memory of that length, which
# has been seen to take several times as long as writing.
_WRITTEN = 1 << 16


def map_bytes(path: Path) -> mmap.mmap:
    """Return the bytes of a file, which is not empty, without a copy of them in memory."""
    with path.open("rb") as stream:
        return mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)


def parse_gifti(raw: bytes | mmap.mmap) -> Any | None:
    """Return a `nibabel.gifti.GiftiImage` from the bytes of a file, or None to leave it to nibabel.

    Parameters
    ----------
    raw : bytes or mmap
        Content of a ``.gii`` file.

    Returns
    -------
    nibabel.gifti.GiftiImage or None
        With metadata, label table and arrays; without coordinate systems. None unless every array
        is base64, deflated or not, little-endian and of float32, int32 or uint8, and the file is
        whole.
    """
    skeleton, texts = _cut_out(raw)
    try:
        root = ElementTree.fromstring(skeleton)
        elements = root.findall("DataArray")
        if root.tag != "GIFTI" or len(elements) != len(texts) or not elements:
            return None
        if int(root.get("NumberOfDataArrays", "-1")) != len(elements):
            return None
        values = _all_decoded(elements, texts)
    except _UNUSUAL:
        return None
    arrays = [
        nib.gifti.GiftiDataArray(
            array, _INTENTS.code[element.get("Intent")], array.dtype, meta=_metadata(element)
        )
        for element, array in zip(elements, values, strict=True)
    ]
    meta = nib.gifti.GiftiMetaData(_metadata(root))
    return nib.gifti.GiftiImage(meta=meta, labeltable=_label_table(root), darrays=arrays)


def write_gifti(path: Path, image: Any, array: Callable[[int], npt.NDArray[Any]]) -> None:
    """Write a GIFTI file whose arrays are given apart, deflated and in base64.

    Parameters
    ----------
    path : Path
        The file.
    image : nibabel.gifti.GiftiImage
        With empty data arrays (see `empty_array`), which carry intents, types and names.
    array : callable
        Gives what the i-th of them holds, of its shape and type. It is called once for each, in
        several threads, and the result is not kept: so arrays that are computed when they are
        asked for never exist all at once.
    """
    first, *others = image.to_bytes().split(_OPEN)
    n_bytes = sum(4 * math.prod(empty.dims) for empty in image.darrays)
    with path.open("wb") as stream, _mapping(len(others), n_bytes) as run:
        stream.write(first)
        # One text is written while the next ones are made.
        texts = run(lambda index: _encoded(array(index)), range(len(others)))
        for text, rest in zip(texts, others, strict=True):
            stream.write(_OPEN)
            whole = memoryview(text)
            stream.writelines(whole[at : at + _WRITTEN] for at in range(0, len(whole), _WRITTEN))
            stream.write(rest[rest.index(_CLOSE) :])


def empty_array(shape: tuple[int, ...], intent: str, datatype: str, meta: dict[str, str]) -> Any:
    """Return a `nibabel.gifti.GiftiDataArray` that states a shape and holds nothing yet."""
    array = nib.gifti.GiftiDataArray(np.zeros(0, np.int32), intent, datatype, meta=meta)
    array.dims = list(shape)
    return array


def in_threads(
    function: Callable[[Item], Result], items: Sequence[Item], n_bytes: int
) -> list[Result]:
    """Call a function on every item, in threads where there is enough to do; keep the order.

    Parameters
    ----------
    function : callable
        Of one item; one that lets go of the interpreter gains most.
    items : sequence
        One argument for each call.
    n_bytes : int
        How much there is to work on in all.

    Examples
    --------
    >>> in_threads(abs, [-3, 2], 8)
    [3, 2]
    """
    with _mapping(len(items), n_bytes) as run:
        return list(run(function, items))


@contextmanager
def _mapping(n_items: int, n_bytes: int) -> Iterator[Callable[..., Iterator[Any]]]:
    """Give what stands for `map`: with threads, where there is enough to do."""
    n_threads = min(resolve_jobs(None), n_items)
    if n_threads < 2 or n_bytes < _WORTH_THREADS:
        yield map
        return
    with ThreadPoolExecutor(n_threads) as pool:
        yield lambda function, items: _in_order(pool, function, items, 2 * n_threads)


def _in_order(
    pool: ThreadPoolExecutor, function: Callable[[Item], Result], items: Sequence[Item], ahead: int
) -> Iterator[Result]:
    """Give results as `pool.map` does, but have only so many of them waiting to be taken."""
    waiting: deque[Future[Result]] = deque()
    for item in items:
        if len(waiting) == ahead:
            yield waiting.popleft().result()
        waiting.append(pool.submit(function, item))
    while waiting:
        yield waiting.popleft().result()


def _cut_out(raw: bytes | mmap.mmap) -> tuple[bytes, list[memoryview]]:
    """Return the XML without the texts of its Data elements, and these texts."""
    view, rest, texts, at = memoryview(raw), [], [], 0
    # base64 holds no "<": a text ends where the next tag begins.
    for tag, end in itertools.pairwise(_tags(raw)):
        start = tag + len(_OPEN)
        if raw[tag:start] != _OPEN:
            continue
        if raw[end : end + len(_CLOSE)] != _CLOSE:
            break
        rest.append(raw[at:start])
        texts.append(view[start:end])
        at = end
    rest.append(raw[at:])
    return b"".join(rest), texts


def _tags(raw: bytes | mmap.mmap) -> Iterator[int]:
    """Give the places of all "<", block by block: `find` of a mapped file is slow."""
    characters = np.frombuffer(raw, np.uint8)
    for start in range(0, len(characters), _BLOCK):
        yield from (start + np.flatnonzero(characters[start : start + _BLOCK] == ord("<"))).tolist()


def _all_decoded(
    elements: list[ElementTree.Element], texts: list[memoryview]
) -> list[npt.NDArray[Any]]:
    """Return all arrays; those of a map, which are alike, as the rows of one array."""
    n_bytes = sum(len(text) for text in texts)
    pairs = list(zip(elements, texts, strict=True))
    kinds = {(e.get("DataType"), e.get("Dimensionality"), e.get("Dim0")) for e in elements}
    kind, n_dimensions, n_rows = next(iter(kinds))
    if len(kinds) > 1 or n_dimensions != "1" or n_rows is None or kind is None:
        return in_threads(lambda pair: _decoded(*pair), pairs, n_bytes)
    rows = np.empty((len(texts), int(n_rows)), np.dtype(_DTYPES[kind]).newbyteorder("="))

    def fill(index: int) -> None:
        rows[index] = _decoded(*pairs[index])

    in_threads(fill, range(len(pairs)), n_bytes)
    return list(rows)


def stacked(arrays: Sequence[npt.NDArray[Any]]) -> npt.NDArray[np.float32]:
    """Return vectors side by side as (n, n_arrays) float32, without a copy if they lie so.

    Examples
    --------
    >>> rows = np.zeros((3, 5), np.float32)
    >>> stacked(list(rows)).shape, stacked(list(rows)).base is rows
    ((5, 3), True)
    """
    base = arrays[0].base
    if (
        isinstance(base, np.ndarray)
        and base.shape == (len(arrays), len(arrays[0]))
        and base.dtype == np.float32
        and all(array.base is base for array in arrays)
    ):
        return base.T
    return np.array([np.asarray(array, np.float32) for array in arrays]).T


def _decoded(element: ElementTree.Element, text: memoryview) -> npt.NDArray[Any]:
    """Return the array of one DataArray element; raise `ValueError` or `KeyError` if unusual."""
    dtype = np.dtype(_DTYPES[element.attrib["DataType"]])
    n_dimensions = int(element.attrib["Dimensionality"])
    shape = tuple(int(element.attrib[f"Dim{i}"]) for i in range(n_dimensions))
    if element.get("Endian") != "LittleEndian" or element.get("ExternalFileName"):
        raise ValueError("stored in another way")
    if n_dimensions > 1 and element.get("ArrayIndexingOrder") != "RowMajorOrder":
        raise ValueError("columns first")
    encoding = element.attrib["Encoding"]
    content = _base64_decoded(text)
    if encoding == "GZipBase64Binary":
        n_bytes = dtype.itemsize * int(np.prod(shape, dtype=np.int64))
        # Into a buffer that is just full, ISA-L could inflate more, and doubles it first.
        content = isal_zlib.decompress(content, 15, n_bytes + 1)
    elif encoding != "Base64Binary":
        raise ValueError(f"encoding {encoding}")
    array = np.frombuffer(content, dtype).reshape(shape)
    return array.astype(dtype.newbyteorder("="), copy=False)


def _base64_decoded(text: memoryview) -> bytes:
    try:
        content: bytes = pybase64.b64decode(text, validate=True)  # several times as fast
    except binascii.Error:
        content = pybase64.b64decode(text)  # broken into lines
    return content


def _encoded(array: npt.NDArray[Any]) -> bytes:
    """Return the base64 of a deflated array, little-endian and row by row."""
    little = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    text: bytes = pybase64.b64encode(isal_zlib.compress(little.data, _LEVEL))
    return text


def _metadata(element: ElementTree.Element) -> dict[str, str]:
    """Return the name-value pairs directly below an element."""
    pairs = element.findall("MetaData/MD")
    return {(md.findtext("Name") or "").strip(): (md.findtext("Value") or "").strip()
            for md in pairs}  # fmt: skip


def _label_table(root: ElementTree.Element) -> Any:
    """Return keys and names of the label table; colours are not read."""
    table = nib.gifti.GiftiLabelTable()
    for element in root.findall("LabelTable/Label"):
        label = nib.gifti.GiftiLabel(int(element.attrib["Key"]))
        label.label = (element.text or "").strip()
        table.labels.append(label)
    return table
