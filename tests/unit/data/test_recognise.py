"""Recognising files: what is read, and what is concluded."""

import numpy as np

from cytosurf.compute.files import arrays_sha256
from cytosurf.data import recognise as module
from cytosurf.data.manifest import Source
from tests.unit.data.conftest import original, source, upstream

ARRAYS = {"depth": np.arange(4, dtype=np.float32)}
CONVERTED = {
    "name": "depth.npz",
    "description": "One column.",
    "upstream": [upstream(b"0\n1\n2\n3\n", array="depth")],
    "converter": "text",
    "content_sha256": arrays_sha256(ARRAYS),
}


def recogniser():
    """Return a recogniser of one original and one converted file."""
    files = [original("mesh.gii", b"a mesh"), CONVERTED]
    return module.Recogniser([Source.model_validate(source(files=files))])


def test_files_of_other_sizes_are_not_hashed(tmp_path, monkeypatch):
    """A foreign file is told apart by its size, so that large folders are quick."""
    (tmp_path / "large").write_bytes(b"x" * 1000)
    monkeypatch.setattr(module, "file_sha256", lambda _path: 1 / 0)
    assert recogniser().take(tmp_path / "large") == "not in any manifest"


def test_archives_with_other_array_names_are_not_loaded(tmp_path, monkeypatch):
    """A foreign archive is told apart by its table of contents."""
    np.savez(tmp_path / "mine.npz", embedding=np.zeros(10))
    monkeypatch.setattr(module, "npz_content_sha256", lambda _path: 1 / 0)
    assert recogniser().take(tmp_path / "mine.npz") == "not in any manifest"


def test_candidates_become_complete(tmp_path):
    """A candidate is complete once the file itself or all its parts were seen."""
    known = recogniser()
    mesh, depth = known.candidates
    assert not mesh.is_complete
    (tmp_path / "a").write_bytes(b"a mesh")
    assert known.take(tmp_path / "a") == ""
    assert mesh.is_complete
    assert mesh.whole == tmp_path / "a"
    (tmp_path / "b").write_bytes(b"0\n1\n2\n3\n")
    assert known.take(tmp_path / "b") == ""
    assert depth.is_complete
    assert depth.whole is None
    assert depth.ordered_parts() == [tmp_path / "b"]


def test_file_that_only_begins_like_an_archive(tmp_path):
    """A file with the first bytes of an archive and nothing else does not crash."""
    (tmp_path / "a.npz").write_bytes(module.NPZ_MAGIC + b"rubbish")
    assert recogniser().take(tmp_path / "a.npz") == "not in any manifest"
