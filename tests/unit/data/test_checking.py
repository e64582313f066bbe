"""verify: every file is read again and counted as ok, damaged or missing."""

import os

from cytosurf import data
from cytosurf.data import cache as cache_module
from tests.unit.data.conftest import files_below, original, source

FILES = [original(name, f"content of {name}".encode()) for name in ("a", "b", "c")]


def fill(cache):
    """Put all three files into the data directory."""
    (cache / "toy").mkdir(parents=True)
    for name in "abc":
        (cache / "toy" / name).write_text(f"content of {name}")


def test_each_state_is_reported(manifests, cache):
    """A flipped bit is damage, an absent file is missing, and nothing is changed."""
    manifests(source(files=FILES), source("package"))
    fill(cache)
    (cache / "toy" / "b").write_text("content of B")
    (cache / "toy" / "c").unlink()
    assert data.verify() == {"toy": data.SourceStatus(("a",), ("b",), ("c",))}
    assert files_below(cache) == ["toy/a", "toy/b"]
    assert (cache / "toy" / "b").read_text() == "content of B"


def test_empty_data_directory(manifests, cache):
    """Everything is missing, and no folder is made by looking."""
    manifests(source(files=FILES))
    assert data.verify() == {"toy": data.SourceStatus((), (), ("a", "b", "c"))}
    assert not cache.exists()


def test_files_are_read_again_even_if_they_were_found_intact(manifests, cache):
    """Damage that leaves size and time alone is found, although `path` remembers the file."""
    manifests(source(files=FILES))
    fill(cache)
    place = data.path("toy", "a")
    status = place.stat()
    place.write_text("CONTENT of a")
    os.utime(place, ns=(status.st_atime_ns, status.st_mtime_ns))
    entry = data.sources()["toy"].file("a")
    assert cache_module.is_intact_remembered(entry, place)
    assert data.verify()["toy"].damaged == ("a",)


def test_folder_in_the_place_of_a_file_is_damage(manifests, cache):
    """Whatever lies under the name of a file and is not it is damage."""
    manifests(source(files=FILES))
    (cache / "toy" / "a").mkdir(parents=True)
    assert data.verify()["toy"].damaged == ("a",)


def test_count_present(manifests, cache):
    """Files are counted by name, for a quick overview."""
    manifests(source(files=FILES), source("package"))
    assert data.count_present() == {"package": 0, "toy": 0}
    fill(cache)
    assert data.count_present() == {"package": 0, "toy": 3}
