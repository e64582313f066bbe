"""Whether files can be made in a folder is tried before anything is computed."""

import tempfile
from pathlib import Path

import pytest

from cytosurf.compute.files import check_writable
from cytosurf.errors import InputError


@pytest.mark.parametrize("deep", ["", "a/b/c"])
def test_a_folder_that_can_be_made_is_fine_and_not_made(tmp_path, deep):
    """The check leaves nothing behind, neither a folder nor its own file."""
    check_writable(tmp_path / deep)
    assert list(tmp_path.iterdir()) == []


def test_a_relative_folder_is_fine(tmp_path, monkeypatch):
    """A name alone is a folder in the current one."""
    monkeypatch.chdir(tmp_path)
    check_writable(Path("run"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("below", ["", "run", "a/b"])
def test_a_file_is_no_folder(tmp_path, below):
    """A file in the place of the folder, or of one above it, is named."""
    (tmp_path / "file").write_text("mine")
    with pytest.raises(InputError, match=r"not a folder.*Choose another one with --out") as caught:
        check_writable(tmp_path / "file" / below)
    assert str(tmp_path / "file") in str(caught.value)
    assert (tmp_path / "file").read_text() == "mine"


def test_a_name_that_no_file_system_takes(tmp_path):
    """A name that is too long is bad input, not a failure."""
    with pytest.raises(InputError, match="cannot be written"):
        check_writable(tmp_path / ("x" * 5000))


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="no file system without writing")
def test_a_file_system_that_takes_no_files():
    """What the permissions allow (here to root, in /proc) is tried and not believed."""
    with pytest.raises(InputError, match="cannot be written"):
        check_writable(Path("/proc/cytosurf-run"))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_file_system_that_is_full(tmp_path, monkeypatch):
    """A file can be made there, and nothing put into it."""
    with Path("/dev/full").open("wb") as full:
        monkeypatch.setattr(tempfile, "TemporaryFile", lambda **_: full)
        with pytest.raises(InputError, match=r"No space left on device.*or make room"):
            check_writable(tmp_path)
