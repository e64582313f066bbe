"""fetch and path: from an empty data directory to verified files, through a real server."""

import threading

import numpy as np
import pytest

from cytosurf import data
from cytosurf.compute.files import arrays_sha256
from cytosurf.errors import DownloadError, InputError, MissingDataError
from tests.unit.data.conftest import (
    files_below,
    original,
    sends,
    source,
    stalls,
    status,
    upstream,
)

TEXTS = (b"1\n2\n3\n", b"4\n5\n6\n")
ARRAYS = {"depth": np.array([[1, 4], [2, 5], [3, 6]], np.float32)}


@pytest.fixture
def toy(server, manifests, cache):
    """Describe a source of one original file and one converted from two columns of text."""
    urls = [server.put(f"{i}.txt", sends(text)) for i, text in enumerate(TEXTS)]
    parts = [
        upstream(text, url, array="depth", column=i)
        for i, (text, url) in enumerate(zip(TEXTS, urls, strict=True))
    ]
    converted = {
        "name": "depth.npz",
        "description": "Two columns.",
        "upstream": parts,
        "converter": "text",
        "content_sha256": arrays_sha256(ARRAYS),
    }
    mesh = original("mesh.gii", b"a mesh", server.put("mesh", sends(b"a mesh")))
    manifests(source(files=[mesh, converted]))
    return server


def test_all_files_arrive_verified_and_nothing_else(toy, cache):
    """Originals come byte for byte, converted files with the arrays of their columns."""
    paths = data.fetch("toy")
    assert paths == [cache / "toy" / "mesh.gii", cache / "toy" / "depth.npz"]
    assert paths[0].read_bytes() == b"a mesh"
    with np.load(paths[1], allow_pickle=False) as stored:
        np.testing.assert_array_equal(stored["depth"], ARRAYS["depth"])
    assert files_below(cache) == ["toy/depth.npz", "toy/mesh.gii"]


def test_second_time_asks_nobody(toy):
    """What is there is not downloaded again."""
    data.fetch("toy")
    n_requests = len(toy.requested)
    data.fetch("toy")
    assert len(toy.requested) == n_requests == 3


@pytest.mark.parametrize(
    "trouble",
    [
        status(404),
        status(500),
        sends(b"4\n5\n6", promised=-1),
        sends(b"4\n5\n7\n"),
        sends(b"4\n", promised=6),
        stalls(b"4\n", promised=6),
    ],
    ids=["404", "500", "short", "wrong", "truncated", "stall"],
)
def test_failure_leaves_only_whole_files(toy, cache, trouble):
    """When one upstream file fails, what was complete stays and nothing half-made remains."""
    toy.put("1.txt", trouble)
    with pytest.raises(DownloadError, match=r"1\.txt"):
        data.fetch("toy")
    assert files_below(cache) == ["toy/mesh.gii"]
    toy.put("1.txt", sends(TEXTS[1]))
    data.fetch("toy")
    assert files_below(cache) == ["toy/depth.npz", "toy/mesh.gii"]


def test_failed_download_keeps_no_empty_rubbish(toy, cache):
    """When the very first file fails, the data directory holds no file at all."""
    toy.put("mesh", status(404))
    with pytest.raises(DownloadError):
        data.fetch("toy")
    assert [name for name in files_below(cache) if name != "toy"] == []


def test_failed_download_leaves_no_folder_and_says_no_terms(toy, cache, capsys):
    """Terms of use belong to files that arrive; nothing of a failure stays behind."""
    toy.put("mesh", status(404))
    with pytest.raises(DownloadError) as caught:
        data.fetch("toy")
    assert not cache.exists()
    assert capsys.readouterr() == ("", "")
    assert "\n" not in str(caught.value)
    cache.mkdir()  # a folder of the user's own stays
    with pytest.raises(DownloadError):
        data.fetch("toy")
    assert list(cache.iterdir()) == []


def test_notice_comes_once(toy, capsys):
    """Terms are printed to standard error at the first file, and not again."""
    data.fetch("toy")
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("Licence: CC0") == 1
    assert "Commercial use: allowed" in err
    data.fetch("toy")
    assert capsys.readouterr() == ("", "")


def test_source_of_a_package_needs_nothing():
    """The embedded data are there with the package."""
    assert data.fetch("brainspace") == []


def test_source_of_unknown_format_points_to_its_page():
    """The CytoNet model zoo is not downloaded; the message names its page."""
    with pytest.raises(InputError, match="cytonet_model_zoo"):
        data.fetch("cytonet-model-zoo")


def test_what_has_no_address_is_only_taken_from_a_folder(manifests, cache, tmp_path):
    """Asked for, it says so; imported, it is there; damaged, it is asked for again."""
    file = original("slice.npz", b"a slice")
    del file["upstream"][0]["urls"]
    manifests(source(files=[file], access="import"))
    for ask in (lambda: data.fetch("toy"), lambda: data.path("toy", "slice.npz")):
        with pytest.raises(MissingDataError, match=r"slice\.npz is not there and has no address"):
            ask()
    folder = tmp_path / "disk"
    folder.mkdir()
    (folder / "any-name").write_bytes(b"a slice")
    assert len(data.import_directory(folder).imported) == 1
    assert data.path("toy", "slice.npz").read_bytes() == b"a slice"
    assert len(data.fetch("toy")) == 1
    data.path("toy", "slice.npz").write_bytes(b"another")
    with pytest.raises(MissingDataError, match="is damaged and has no address"):
        data.path("toy", "slice.npz")


def test_unwritable_data_directory(toy, cache):
    """A data directory that cannot be written to is bad input."""
    cache.write_text("in the way")
    with pytest.raises(InputError, match="CYTOSURF_DATA"):
        data.fetch("toy")


def test_two_at_once_both_succeed(toy, cache):
    """Two threads that fetch the same source end with the same whole files."""
    failures = []

    def fetch():
        try:
            data.fetch("toy")
        except Exception as error:  # reported below
            failures.append(error)

    threads = [threading.Thread(target=fetch) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert files_below(cache) == ["toy/depth.npz", "toy/mesh.gii"]


def test_missing_file_is_downloaded_alone(toy, cache):
    """Asking for one file downloads that one."""
    assert data.path("toy", "mesh.gii") == cache / "toy" / "mesh.gii"
    assert toy.requested == ["mesh"]


def test_damaged_file_is_replaced(toy, cache):
    """A file that was damaged on disk is noticed and downloaded again."""
    path = data.path("toy", "mesh.gii")
    path.write_bytes(b"a mush")
    assert data.path("toy", "mesh.gii").read_bytes() == b"a mesh"


def test_offline_never_asks(toy, cache, monkeypatch):
    """Offline, a missing file is an error that names both ways out; no request is made."""
    monkeypatch.setenv("CYTOSURF_OFFLINE", "1")
    with pytest.raises(MissingDataError) as error:
        data.path("toy", "mesh.gii")
    assert "`cytosurf data fetch toy`" in str(error.value)
    assert "`cytosurf data import DIR`" in str(error.value)
    assert toy.requested == []
    assert not cache.exists()


def test_offline_uses_what_is_there_and_not_what_is_damaged(toy, monkeypatch):
    """Offline, intact files are used and a damaged one is called damaged."""
    path = data.path("toy", "mesh.gii")
    monkeypatch.setenv("CYTOSURF_OFFLINE", "1")
    assert data.path("toy", "mesh.gii") == path
    path.write_bytes(b"broken")
    path.write_bytes(b"broken again")
    with pytest.raises(MissingDataError, match="is damaged"):
        data.path("toy", "mesh.gii")


def test_unknown_names(toy):
    """Unknown sources and files are refused with the nearest name."""
    with pytest.raises(InputError, match="Did you mean 'toy'"):
        data.path("tot", "mesh.gii")
    with pytest.raises(InputError, match=r"Did you mean 'mesh\.gii'"):
        data.path("toy", "mesh.gi")


@pytest.mark.real_data
def test_real_files_are_served_from_the_imported_cache(real_cache):
    """Offline, every file of every source is there after an import."""
    for entry in data.sources().values():
        for file in entry.files:
            assert data.path(entry.name, file.name).is_file()
