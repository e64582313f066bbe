"""Files are whole or absent, and content hashes depend on the content alone."""

import errno
import hashlib
import os
import shutil
import stat
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from cytosurf.compute.files import (
    arrays_sha256,
    atomic_path,
    file_sha256,
    npz_bytes,
    write_bytes,
    write_npz,
    write_text,
)
from cytosurf.errors import InputError, WriteError


@pytest.fixture
def restore_umask():
    """Set the umask back after a test has changed it."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def write_half(path, error):
    """Start to write a file, and fail."""
    with atomic_path(path) as temporary:
        temporary.write_text("half")
        raise error


class TestAtomicPath:
    """A temporary name beside the final one."""

    def test_the_file_appears_when_the_block_is_done(self, tmp_path):
        """Not before, in a folder that is made if needed, and with nothing beside it."""
        final = tmp_path / "a" / "b" / "map.txt"
        with atomic_path(str(final)) as temporary:
            temporary.write_text("new")
            assert not final.exists()
            assert temporary.parent == final.parent
        assert final.read_text() == "new"
        assert list(final.parent.iterdir()) == [final]

    @pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
    def test_an_exception_leaves_everything_as_it_was(self, tmp_path, error):
        """The old file keeps its bytes, a new one does not appear, no temporary file stays."""
        old, new = tmp_path / "old.txt", tmp_path / "new.txt"
        old.write_text("old")
        for path in (old, new):
            with pytest.raises(error):
                write_half(path, error)
        assert old.read_text() == "old"
        assert list(tmp_path.iterdir()) == [old]

    def test_the_old_file_is_replaced_as_a_whole(self, tmp_path):
        """Until then it can be read, and a reader who has it open keeps it."""
        final = tmp_path / "x.txt"
        final.write_text("old and longer")
        with final.open() as reader:
            with atomic_path(final) as temporary:
                temporary.write_text("new")
                assert final.read_text() == "old and longer"
            assert reader.read() == "old and longer"
        assert final.read_text() == "new"

    @pytest.mark.parametrize("name", ["map.func.gii", "x.npz", "labels.dlabel.nii.gz", "plain"])
    def test_the_temporary_name_ends_like_the_final_one(self, tmp_path, name):
        """Libraries choose the format by it; a listing without hidden files does not show it."""
        with atomic_path(tmp_path / name) as temporary:
            assert temporary.name.endswith(f"-{name}")
            assert temporary.name.startswith(".")

    @pytest.mark.usefixtures("restore_umask")
    @pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
    def test_permissions_follow_the_umask(self, tmp_path, umask, mode):
        """As of any new file: others on a cluster can read it where they may."""
        os.umask(umask)
        write_text(tmp_path / "x", "")
        assert stat.S_IMODE((tmp_path / "x").stat().st_mode) == mode
        assert os.umask(umask) == umask

    def test_two_writers_do_not_meet(self, tmp_path):
        """Each has a name of its own; the last one to finish stays."""
        final = tmp_path / "x"
        with atomic_path(final) as first:
            with atomic_path(final) as second:
                first.write_text("first")
                second.write_text("second")
            assert final.read_text() == "second"
        assert final.read_text() == "first"

    def test_many_writers_leave_one_whole_file(self, tmp_path):
        """Threads that write the same file at once never mix their bytes."""
        texts = [str(i) * 10_000 for i in range(10)]
        with ThreadPoolExecutor(4) as threads:
            list(threads.map(lambda text: write_text(tmp_path / "x", text), texts * 5))
        assert (tmp_path / "x").read_text() in texts
        assert len(list(tmp_path.iterdir())) == 1

    def test_a_folder_in_the_way(self, tmp_path):
        """It is an error, and nothing is left beside it."""
        (tmp_path / "x").mkdir()
        with pytest.raises(OSError, match="x"), atomic_path(tmp_path / "x") as temporary:
            temporary.write_text("text")
        assert list(tmp_path.iterdir()) == [tmp_path / "x"]

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
    def test_a_full_disk(self, tmp_path):
        """The file is named, whatever wrote it; what was there stays, and nothing beside it."""
        final = write_text(tmp_path / "x", "old")
        with (
            pytest.raises(WriteError, match=r"/x: cannot be written \(No space left") as caught,
            atomic_path(final),
        ):
            Path("/dev/full").write_bytes(b"new")
        assert caught.value.errno == errno.ENOSPC
        assert final.read_text() == "old"
        assert list(tmp_path.iterdir()) == [final]

    def test_a_place_that_is_no_folder(self, tmp_path):
        """Is named in the same way."""
        (tmp_path / "x").touch()
        with pytest.raises(WriteError, match=r"/x/y: cannot be written \((Not a|File exists)"):
            write_text(tmp_path / "x" / "y", "")

    def test_a_file_that_is_read_meanwhile(self, tmp_path):
        """An error of its own is not taken for one of writing."""
        with pytest.raises(FileNotFoundError, match="none"), atomic_path(tmp_path / "x") as path:
            shutil.copyfile(tmp_path / "none", path)
        assert not list(tmp_path.iterdir())


class TestWriting:
    """Text and arrays."""

    def test_text_is_utf_8(self, tmp_path):
        """Whatever the locale says; the path comes back."""
        path = write_text(tmp_path / "x.txt", "µm – Vogt\n")
        assert path == tmp_path / "x.txt"
        assert path.read_bytes() == "µm – Vogt\n".encode()

    def test_bytes_of_arrays(self, tmp_path):
        """Made elsewhere and written here, a file of arrays is the same; objects are refused."""
        arrays = {"values": np.arange(6.0), "name": np.array("a")}
        path = write_bytes(tmp_path / "x.npz", npz_bytes(**arrays))
        assert path.read_bytes() == write_npz(tmp_path / "y.npz", **arrays).read_bytes()
        assert sorted(p.name for p in tmp_path.iterdir()) == ["x.npz", "y.npz"]
        with pytest.raises(InputError, match="Python objects"):
            npz_bytes(bad=np.array([None]))

    def test_arrays_come_back(self, tmp_path):
        """Names, values and types; lists and numbers are arrays as well."""
        values = np.arange(6, dtype=">f4").reshape(2, 3)
        path = write_npz(str(tmp_path / "x.npz"), values=values, number=3, names=["a", "µ"])
        with np.load(path, allow_pickle=False) as stored:
            assert sorted(stored) == ["names", "number", "values"]
            assert np.array_equal(stored["values"], values)
            assert stored["values"].dtype == values.dtype
            assert stored["number"] == 3
            assert stored["names"].tolist() == ["a", "µ"]

    def test_the_same_arrays_give_the_same_bytes(self, tmp_path, monkeypatch):
        """At another time and under another name."""
        values = np.arange(1000.0)
        first = write_npz(tmp_path / "a.npz", values=values).read_bytes()
        now = time.time()
        monkeypatch.setattr(time, "time", lambda: now + 1e6)
        assert write_npz(tmp_path / "b.npz", values=values).read_bytes() == first

    def test_arrays_are_compressed(self, tmp_path):
        """Zeros take no room."""
        assert write_npz(tmp_path / "x.npz", zeros=np.zeros(10**6)).stat().st_size < 20_000

    @pytest.mark.parametrize(
        "array",
        [
            np.array([None, 1]),
            np.array(["a", 2], dtype=object),
            np.array([(1, {})], dtype=[("number", int), ("anything", object)]),
        ],
    )
    def test_object_arrays_are_refused(self, tmp_path, array):
        """Nothing is written, and an old file stays: no pickle anywhere."""
        (tmp_path / "x.npz").write_text("old")
        with pytest.raises(InputError, match="array second: found Python objects"):
            write_npz(tmp_path / "x.npz", first=np.zeros(3), second=array)
        assert (tmp_path / "x.npz").read_text() == "old"
        assert len(list(tmp_path.iterdir())) == 1


class TestFileHash:
    """The bytes of a file."""

    @pytest.mark.parametrize("size", [0, 1, 3_000_001])
    def test_equals_hashing_the_bytes(self, tmp_path, size):
        """Also of an empty file and of one larger than a read buffer."""
        content = np.random.default_rng(0).bytes(size)
        (tmp_path / "x").write_bytes(content)
        assert file_sha256(str(tmp_path / "x")) == hashlib.sha256(content).hexdigest()


ANY_ARRAY = st.sampled_from(["f4", "f8", "i2", "i8", "u1", "?", "U3"]).flatmap(
    lambda code: arrays(np.dtype(code), array_shapes(min_dims=0, max_dims=3, max_side=4))
)


class TestContentHash:
    """The content of arrays, however it is stored."""

    @given(array=ANY_ARRAY)
    @settings(max_examples=150)
    def test_layout_does_not_matter(self, array):
        """Byte order, memory order, views, and the order of names give the same hash."""
        plain = arrays_sha256({"a": array, "b": np.zeros(2)})
        swapped = array.astype(array.dtype.newbyteorder(">"))
        assert arrays_sha256({"b": np.zeros(2), "a": swapped}) == plain
        assert arrays_sha256({"a": array.copy(order="F"), "b": np.zeros(2)}) == plain
        view = np.stack([array, array], axis=-1)[..., 0]
        assert arrays_sha256({"a": view, "b": np.zeros(4)[::2]}) == plain

    @given(array=ANY_ARRAY)
    @settings(max_examples=50)
    def test_it_survives_a_file(self, tmp_path_factory, array):
        """Arrays read back have the hash they had when written."""
        path = write_npz(tmp_path_factory.mktemp("hash") / "x.npz", a=array)
        with np.load(path, allow_pickle=False) as stored:
            assert arrays_sha256(dict(stored)) == arrays_sha256({"a": array})

    def test_content_matters(self):
        """Every change of a value, a type, a shape or a name changes the hash."""
        array = np.arange(6, dtype=np.int32)
        changed = array.copy()
        changed[3] = 9
        different = [
            {"a": array},
            {"b": array},
            {"a": changed},
            {"a": array.astype(np.int64)},
            {"a": array.astype(np.uint32)},
            {"a": array.view(np.float32)},
            {"a": array.reshape(2, 3)},
            {"a": array.reshape(3, 2)},
            {"a": array.reshape(3, 2).T},
            {"a": array, "b": array},
            {"a": array[:3], "b": array[3:]},
            {},
        ]
        assert len({arrays_sha256(arrays) for arrays in different}) == len(different)

    def test_it_is_the_published_recipe(self):
        """Names, types, shapes and bytes, in this form: manifests keep such hashes."""
        numbers = b"a\0<i2\0(2, 2)\0\x01\x00\x02\x00\x03\x00\x04\x00"
        digest = hashlib.sha256(numbers + b"b\0|b1\0()\0\x01")
        content = {"b": np.array(True), "a": np.array([[1, 2], [3, 4]], ">i2")}
        assert arrays_sha256(content) == digest.hexdigest()

    @pytest.mark.parametrize("array", [np.array([None]), np.array([("x",)], dtype=[("f", "O")])])
    def test_object_arrays_are_refused(self, array):
        """Their bytes are addresses, another hash in every process."""
        with pytest.raises(InputError, match="array a: found Python objects"):
            arrays_sha256({"a": array})
