"""The data directory: where it is, and what counts as an intact file in it."""

import os

import numpy as np
import pytest

from cytosurf.compute.files import arrays_sha256
from cytosurf.data import cache as module
from cytosurf.data.manifest import File
from cytosurf.errors import InputError, MissingDataError
from tests.unit.data.conftest import original, upstream


def converted_file(arrays):
    """Describe a converted file with that content."""
    parts = [upstream(b"x", array=name) for name in arrays]
    return File(
        name="a.npz",
        description="d",
        upstream=parts,
        converter="text",
        content_sha256=arrays_sha256(arrays),
    )


def test_environment_names_it(cache):
    """CYTOSURF_DATA is the data directory."""
    assert module.data_directory() == cache
    assert module.location("yeo", "a.gii") == cache / "yeo" / "a.gii"


def test_home_is_expanded(monkeypatch, tmp_path):
    """A tilde in CYTOSURF_DATA is the home folder."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("CYTOSURF_DATA", "~/data")
    assert module.data_directory() == tmp_path / "data"


@pytest.mark.parametrize("value", [None, ""])
def test_default_is_the_user_cache(monkeypatch, tmp_path, value):
    """Without CYTOSURF_DATA it is the platform's user cache, and nothing is created."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    if value is None:
        monkeypatch.delenv("CYTOSURF_DATA", raising=False)
    else:
        monkeypatch.setenv("CYTOSURF_DATA", value)
    assert module.data_directory().name == "cytosurf"
    assert tmp_path in module.data_directory().parents
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("value", "offline"),
    [("1", True), ("true", True), ("yes", True), ("0", False), ("", False), ("No", False)],
)
def test_offline(monkeypatch, value, offline):
    """CYTOSURF_OFFLINE switches downloads off, and 0 or no means that it does not."""
    monkeypatch.setenv("CYTOSURF_OFFLINE", value)
    assert module.is_offline() is offline


def test_unwritable_directory_is_bad_input(monkeypatch, tmp_path):
    """A data directory that cannot be made is reported with the way out."""
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("CYTOSURF_DATA", str(tmp_path / "file"))
    with (
        pytest.raises(InputError, match="Set CYTOSURF_DATA to another folder"),
        module.writable_folder("yeo"),
    ):
        pass


def test_file_of_brainspace():
    """A file that BrainSpace ships is given as an existing path."""
    path = module.embedded_path("surfaces/conte69_32k_lh_sphere.gii")
    assert path.is_file()
    assert path.parts[-3:-1] == ("datasets", "surfaces")


def test_missing_file():
    """A file that BrainSpace does not ship is missing data."""
    with pytest.raises(MissingDataError, match=r"no file .*moon\.gii"):
        module.embedded_path("surfaces/moon.gii")


def test_original_is_compared_by_all_its_bytes(tmp_path):
    """Only the very bytes are intact: not other bytes of the same size, not a part."""
    file = File(**original("a", b"right"))
    path = tmp_path / "a"
    assert not module.is_intact(file, path)
    for content, intact in [(b"right", True), (b"wrong", False), (b"righ", False)]:
        path.write_bytes(content)
        assert module.is_intact(file, path) is intact
        assert module.is_intact_remembered(file, path) is intact


def test_folder_in_its_place_is_not_intact(tmp_path):
    """A folder under the name of a file does not count, and does not crash."""
    assert not module.is_intact(File(**original("a", b"a")), tmp_path)
    assert not module.is_intact_remembered(File(**original("a", b"a")), tmp_path)


def test_converted_is_compared_by_its_arrays(tmp_path):
    """The same arrays are intact however they are packed; one changed value is not."""
    arrays = {"a": np.arange(6, dtype=np.float32), "b": np.ones((2, 3), np.float32)}
    file = converted_file(arrays)
    path = tmp_path / "a.npz"
    for save in (np.savez, np.savez_compressed):
        save(path, **arrays)
        assert module.is_intact(file, path)
    np.savez(path, **{**arrays, "a": arrays["a"] + np.float32(1e-6)})
    assert not module.is_intact(file, path)
    np.savez(path, a=arrays["a"])
    assert not module.is_intact(file, path)


def test_damaged_or_pickled_archives_are_not_intact(tmp_path):
    """A truncated archive, one with objects, an empty file and text are just not intact."""
    arrays = {"a": np.arange(1000, dtype=np.float32)}
    file = converted_file(arrays)
    path = tmp_path / "a.npz"
    np.savez(path, **arrays)
    whole = path.read_bytes()
    for content in (whole[:-30], whole[:1000], b"", b"text"):
        path.write_bytes(content)
        assert not module.is_intact(file, path)
    flipped = bytearray(whole)
    flipped[2000] ^= 1
    path.write_bytes(flipped)
    assert not module.is_intact(file, path)
    np.savez(path, a=np.array([{}], dtype=object))
    assert not module.is_intact(file, path)


def test_remembered_answer_ends_when_the_file_changes(tmp_path):
    """A file that is written again after it was found intact is looked at again."""
    file = File(**original("a", b"right"))
    path = tmp_path / "a"
    path.write_bytes(b"right")
    assert module.is_intact_remembered(file, path)
    path.write_bytes(b"wrong")
    os.utime(path, ns=(0, 0))
    assert not module.is_intact_remembered(file, path)
