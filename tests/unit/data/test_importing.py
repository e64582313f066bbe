"""import_directory: files are known by content, wherever they lie and whatever their names."""

import os
import shutil

import numpy as np
import pytest

from cytosurf import data
from cytosurf.compute.files import arrays_sha256
from cytosurf.errors import CytosurfError, InputError
from tests.unit.data.conftest import files_below, original, source, upstream

TEXTS = (b"1\n2\n3\n", b"4\n5\n6\n")
ARRAYS = {"depth": np.array([[1, 4], [2, 5], [3, 6]], np.float32)}
CONVERTED = {
    "name": "depth.npz",
    "description": "Two columns.",
    "upstream": [upstream(text, array="depth", column=i) for i, text in enumerate(TEXTS)],
    "converter": "text",
    "content_sha256": arrays_sha256(ARRAYS),
}


@pytest.fixture
def toy(manifests, cache):
    """Describe a source of one original and one converted file."""
    manifests(source(files=[original("mesh.gii", b"a mesh"), CONVERTED]))
    return cache


@pytest.fixture
def folder(tmp_path):
    """Make the user's folder."""
    made = tmp_path / "disk" / "some where"
    made.mkdir(parents=True)
    return made


def names(entries):
    """Return the names in a part of the report."""
    return [entry.name for entry in entries]


def test_original_under_any_name(toy, folder):
    """A file is found below the folder under a foreign name and stored under its own."""
    (folder / "deep").mkdir()
    (folder / "deep" / "x.bin").write_bytes(b"a mesh")
    report = data.import_directory(folder.parent)
    assert names(report.imported) == ["mesh.gii"]
    assert report.imported[0].origin == (folder / "deep" / "x.bin",)
    assert report.unknown == ()
    assert files_below(toy) == ["toy/mesh.gii"]
    assert (toy / "toy" / "mesh.gii").read_bytes() == b"a mesh"


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_converted_by_its_arrays(toy, folder, save):
    """An npz with the right arrays is taken, packed or not and under any name."""
    save(folder / "made-by-someone.npz", **ARRAYS)
    assert names(data.import_directory(folder).imported) == ["depth.npz"]
    with np.load(toy / "toy" / "depth.npz", allow_pickle=False) as stored:
        np.testing.assert_array_equal(stored["depth"], ARRAYS["depth"])


def test_converted_from_its_upstream_files(toy, folder):
    """The raw text files are converted when all are there, whatever their names say."""
    (folder / "1.txt").write_bytes(TEXTS[0])
    (folder / "0.txt").write_bytes(TEXTS[1])
    report = data.import_directory(folder)
    assert names(report.imported) == ["depth.npz"]
    assert report.imported[0].origin == (folder / "1.txt", folder / "0.txt")
    with np.load(toy / "toy" / "depth.npz", allow_pickle=False) as stored:
        np.testing.assert_array_equal(stored["depth"], ARRAYS["depth"])


def test_incomplete_upstream_files_are_reported(toy, folder):
    """Some of the raw files are not enough, and the report counts them."""
    (folder / "0.txt").write_bytes(TEXTS[0])
    report = data.import_directory(folder)
    assert report.imported == ()
    (part,) = report.incomplete
    assert (part.name, part.n_found, part.n_needed) == ("depth.npz", 1, 2)
    assert files_below(toy) == []


def test_second_import_changes_nothing(toy, folder, capsys):
    """What is there already is said to be, is not written again, and has no second notice."""
    (folder / "a").write_bytes(b"a mesh")
    np.savez(folder / "b.npz", **ARRAYS)
    data.import_directory(folder)
    assert capsys.readouterr().err.count("Licence") == 1
    before = (toy / "toy" / "mesh.gii").stat().st_mtime_ns
    (folder / "c").write_bytes(TEXTS[0])
    report = data.import_directory(folder)
    assert names(report.already_there) == ["mesh.gii", "depth.npz"]
    assert report.imported == report.incomplete == report.unknown == ()
    assert (toy / "toy" / "mesh.gii").stat().st_mtime_ns == before
    assert capsys.readouterr().err == ""


def test_damaged_file_in_the_cache_is_replaced(toy, folder):
    """An import repairs a file that was damaged on disk."""
    (folder / "a").write_bytes(b"a mesh")
    data.import_directory(folder)
    (toy / "toy" / "mesh.gii").write_bytes(b"a mush")
    assert names(data.import_directory(folder).imported) == ["mesh.gii"]
    assert (toy / "toy" / "mesh.gii").read_bytes() == b"a mesh"


def test_same_bytes_serve_several_sources(manifests, cache, folder):
    """A file that two sources share is put into both."""
    manifests(
        source(files=[original("a.gii", b"shared")]),
        source("other", files=[original("b.gii", b"shared")]),
    )
    (folder / "x").write_bytes(b"shared")
    data.import_directory(folder)
    assert files_below(cache) == ["other/b.gii", "toy/a.gii"]


def test_copies_are_taken_once(toy, folder):
    """Two copies of a file are one import and nothing unknown."""
    for name in "ab":
        (folder / name).write_bytes(b"a mesh")
    report = data.import_directory(folder)
    assert len(report.imported) == 1
    assert report.unknown == ()


def test_data_directory_itself_can_be_imported(toy, folder):
    """Importing the data directory finds everything already there."""
    (folder / "a").write_bytes(b"a mesh")
    data.import_directory(folder)
    assert names(data.import_directory(toy).already_there) == ["mesh.gii"]


def reason(folder):
    """Import and return why the only file was left alone."""
    report = data.import_directory(folder)
    assert report.imported == report.already_there == ()
    (left,) = report.unknown
    return left.reason


def test_foreign_file(toy, folder):
    """A file of no manifest is reported."""
    (folder / "notes.txt").write_text("hello")
    assert reason(folder) == "not in any manifest"
    assert files_below(toy) == []


@pytest.mark.parametrize("content", [b"a mush", b"a mes", b""])
def test_right_name_with_other_content(toy, folder, content):
    """A damaged or other version of a known file is refused, and the reason says so."""
    (folder / "mesh.gii").write_bytes(content)
    assert "named like a file of toy" in reason(folder)


def test_npz_with_other_values(toy, folder):
    """Known array names with other values are not taken."""
    np.savez(folder / "x.npz", depth=ARRAYS["depth"] + 1)
    assert reason(folder) == "not in any manifest"


def test_npz_with_pickled_objects_is_never_loaded(toy, folder, tmp_path):
    """An archive whose array is a pickle is not unpickled."""
    victim = tmp_path / "ran"

    class Bomb:
        def __reduce__(self):
            return (victim.touch, ())

    np.savez(folder / "x.npz", depth=np.array([Bomb()], dtype=object))
    victim.unlink(missing_ok=True)
    assert reason(folder) == "not in any manifest"
    assert not victim.exists()


def test_truncated_npz(toy, folder):
    """Half an archive is left alone."""
    np.savez(folder / "depth.npz", **ARRAYS)
    whole = (folder / "depth.npz").read_bytes()
    (folder / "depth.npz").write_bytes(whole[: len(whole) // 2])
    assert "another version, or damaged" in reason(folder)


def test_broken_link_is_reported(toy, folder):
    """What cannot be read is reported, not skipped."""
    (folder / "link").symlink_to(folder / "nowhere")
    assert "could not be read" in reason(folder)


def test_pipe_is_not_waited_for(toy, folder):
    """A named pipe is reported instead of being read for ever."""
    os.mkfifo(folder / "pipe")
    assert "not a regular file" in reason(folder)


def test_missing_folder(toy, folder):
    """A folder that does not exist is bad input."""
    with pytest.raises(InputError, match="no such folder"):
        data.import_directory(folder / "nowhere")


def test_file_instead_of_folder(toy, folder):
    """A file is not a folder."""
    (folder / "a").write_bytes(b"a mesh")
    with pytest.raises(InputError, match="expected a folder"):
        data.import_directory(folder / "a")


def test_empty_folder(toy, folder):
    """Nothing in, nothing out, and no data directory is made."""
    assert data.import_directory(folder) == data.ImportReport()
    assert not toy.exists()


def test_unwritable_data_directory(toy, folder):
    """A data directory that cannot be made is bad input."""
    toy.write_text("in the way")
    (folder / "a").write_bytes(b"a mesh")
    with pytest.raises(InputError, match="CYTOSURF_DATA"):
        data.import_directory(folder)


def test_copy_that_went_wrong_is_not_kept(toy, folder, monkeypatch):
    """What arrives is checked: a copy that differs from what was recognised is thrown away."""
    (folder / "a").write_bytes(b"a mesh")

    def failing_disk(origin, target):
        target.write_bytes(b"a mes\0")

    monkeypatch.setattr(shutil, "copyfile", failing_disk)
    with pytest.raises(CytosurfError, match="changed while it was being copied"):
        data.import_directory(folder)
    assert [name for name in files_below(toy) if name != "toy"] == []


def test_conversion_that_differs_is_not_kept(manifests, cache, folder):
    """Upstream files that give other arrays than described leave nothing behind."""
    manifests(source(files=[{**CONVERTED, "content_sha256": "0" * 64}]))
    for i, text in enumerate(TEXTS):
        (folder / f"{i}").write_bytes(text)
    with pytest.raises(CytosurfError, match="differ from those described"):
        data.import_directory(folder)
    assert [name for name in files_below(cache) if name != "toy"] == []


def test_report_counts_in_one_line(toy, folder):
    """The report reads as one line of counts."""
    (folder / "a").write_bytes(b"a mesh")
    (folder / "b").write_bytes(TEXTS[0])
    (folder / "c").write_bytes(b"?")
    report = data.import_directory(folder)
    assert str(report) == "1 files imported, 0 already there, 1 incomplete, 1 unknown"


@pytest.mark.real_data
def test_everything_that_belongs_to_a_source_is_recognised(real_data, cache):
    """The public data set fills every file of every source; only foreign files are left."""
    report = data.import_directory(real_data)
    n_files = sum(len(entry.files) for entry in data.sources().values())
    assert len(report.imported) == n_files == 162
    assert report.incomplete == ()
    foreign = {str(left.path.relative_to(real_data)) for left in report.unknown}
    assert {name.split("/")[0] for name in foreign} == {
        *("FILES.md", "README.md", "manifest.json", "siibra")
    }
    assert all(not s.damaged and not s.missing for s in data.verify().values())


@pytest.mark.real_data
def test_names_do_not_matter(real_data, cache, folder):
    """The same files, flat and numbered, are recognised as well."""
    paths = sorted(p for p in (real_data / "bigbrainwarp").rglob("*") if p.is_file())
    for i, path in enumerate(paths):
        (folder / f"{i}.dat").symlink_to(path)
    report = data.import_directory(folder)
    assert len(report.imported) == len(paths)
    assert report.unknown == ()
