"""Files that are whole or absent: everything is written to a temporary name and renamed."""

from __future__ import annotations

import hashlib
import io
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from cytosurf.errors import FULL, InputError, WriteError


@contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary path in the same folder, and rename it to `path` when the block succeeds.

    The temporary name ends like `path` (``map.func.gii`` -> ``.tmp-xxxx-map.func.gii``), so that
    libraries which choose a format by suffix work. When the block raises, the temporary file is
    removed and whatever was at `path` stays as it was.

    Parameters
    ----------
    path : path-like
        Where the finished file will be. Its folder is created if needed.

    Yields
    ------
    pathlib.Path
        The temporary path to write to.

    Raises
    ------
    WriteError
        If the disk is full, or the file cannot be written for another reason.
    """
    final = Path(path)
    with writing(final):
        final.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=".tmp-", suffix=f"-{final.name}", dir=final.parent)
        os.close(handle)
    temporary = Path(name)
    try:
        with writing(final, files=(temporary, final)):
            yield temporary
            umask = os.umask(0)
            os.umask(umask)
            temporary.chmod(0o666 & ~umask)
            temporary.replace(final)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def writing(path: Path, *, files: tuple[Path, ...] = ()) -> Iterator[None]:
    """Turn what the operating system refuses in the block into a `WriteError` about `path`.

    Parameters
    ----------
    path : Path
        The file that is written in the block.
    files : tuple of Path, optional
        Where the block does more than writing: an error that names another file than these (one
        that is read, say) passes, unless the disk is full.
    """
    try:
        yield
    except WriteError:
        raise
    except OSError as error:
        of_another = error.filename is not None and str(error.filename) not in map(str, files)
        if files and of_another and error.errno not in FULL:
            raise
        raise WriteError(error.errno, error.strerror or str(error), str(path)) from error


def write_text(path: str | os.PathLike[str], text: str) -> Path:
    """Write UTF-8 text to `path` through a temporary name; return the path."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return Path(path)


def write_bytes(path: str | os.PathLike[str], content: bytes) -> Path:
    """Write bytes to `path` through a temporary name; return the path."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)
    return Path(path)


def check_writable(directory: Path) -> None:
    """Raise `InputError` unless files can be made in `directory` or where it will be.

    Tried with a file of some bytes rather than asked of the permissions, which do not know of full
    or read-only file systems.

    Parameters
    ----------
    directory : Path
        A folder that exists or can be made.
    """
    existing = directory
    try:
        existing = next(p for p in (directory, *directory.absolute().parents) if p.exists())
        if not existing.is_dir():
            raise NotADirectoryError
        with tempfile.TemporaryFile(dir=existing) as file:
            file.write(bytes(4096))
            file.flush()
    except OSError as error:
        raise InputError(
            f"--out {directory}",
            f"a place that cannot be written ({error.strerror or 'not a folder'}: {existing})",
            "a folder that can be written",
            "Choose another one with --out, or make room.",
        ) from None


def write_npz(path: str | os.PathLike[str], **arrays: npt.ArrayLike) -> Path:
    """Write named arrays as a compressed ``.npz`` through a temporary name; return the path.

    The same arrays give the same bytes.

    Raises
    ------
    InputError
        If an array holds Python objects, which only a pickle could keep.
    """
    with atomic_path(path) as temporary, temporary.open("wb") as stream:
        _save_npz(stream, arrays)
    return Path(path)


def npz_bytes(**arrays: npt.ArrayLike) -> bytes:
    """Return what `write_npz` writes, and raise what it raises."""
    stream = io.BytesIO()
    _save_npz(stream, arrays)
    return stream.getvalue()


def _save_npz(stream: BinaryIO, arrays: dict[str, npt.ArrayLike]) -> None:
    named: dict[str, Any] = {name: np.asarray(array) for name, array in arrays.items()}
    _refuse_objects(named)
    np.savez_compressed(stream, **named)


def with_checksum(arrays: dict[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
    """Return arrays with the SHA-256 of their content as one more, ``sha256``."""
    return arrays | {"sha256": np.array(arrays_sha256(arrays))}


def file_sha256(path: str | os.PathLike[str]) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal."""
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def arrays_sha256(arrays: dict[str, npt.NDArray[Any]]) -> str:
    """Return one SHA-256 of the content of named arrays, however they are stored.

    For each name in sorted order: the name, the dtype in little-endian form, the shape, and the
    little-endian bytes in C order. Two ``.npz`` files with the same content have the same hash,
    whatever their compression.

    Parameters
    ----------
    arrays : dict of str to ndarray
        The arrays.

    Returns
    -------
    str
        64 hexadecimal digits.

    Raises
    ------
    InputError
        If an array holds Python objects, which have no bytes of their own.
    """
    _refuse_objects(arrays)
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = np.asarray(arrays[name])
        little = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
        digest.update(f"{name}\0{little.dtype.str}\0{array.shape}\0".encode())
        digest.update(little.tobytes())
    return digest.hexdigest()


def _refuse_objects(arrays: dict[str, npt.NDArray[Any]]) -> None:
    for name, array in arrays.items():
        if np.asarray(array).dtype.hasobject:
            raise InputError(f"array {name}", "Python objects", "numbers, booleans or text")
