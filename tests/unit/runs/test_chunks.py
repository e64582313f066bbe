"""Chunks are whole, checksummed, told apart by their run, and read one at a time."""

import tracemalloc

import numpy as np
import pytest

from cytosurf.compute.files import arrays_sha256, npz_bytes
from cytosurf.decoding.scores import macro_f1
from cytosurf.errors import InputError
from cytosurf.nulls.spin_counts import pack_counts
from cytosurf.nulls.spin_test import SpinChunk
from cytosurf.runs.chunks import (
    check_same_run,
    chunk_paths,
    has_chunks,
    intact_spins,
    n_spins_from_zero,
    named_spins,
    read_spins,
    spin_counts,
    vertex_sums,
    write_chunk,
)
from cytosurf.runs.record import read_arrays


def chunk(first, n=2, n_classes=3):
    """Return a chunk of made-up counts."""
    generator = np.random.default_rng(first)
    tables = generator.integers(0, 3, (n, 2, 2, n_classes, n_classes))
    return SpinChunk(
        np.arange(first, first + n),
        pack_counts(tables, 2, 2, n_classes),
        *generator.random((2, n)),
        np.ones(5, np.int32),
        np.ones((2, 5), np.int32),
        np.arange(n, dtype=np.int32),
    )


def test_the_same_spins_give_the_same_bytes(tmp_path):
    """And other counts or another run give others."""
    one, again = (write_chunk(tmp_path / k, "mirrored", "r", chunk(4)) for k in "ab")
    other = write_chunk(tmp_path / "c", "mirrored", "q", chunk(4))
    assert one.name == "mirrored_000004-000005.npz"
    assert one.read_bytes() == again.read_bytes() != other.read_bytes()


def test_chunks_are_found_in_the_order_of_their_spins(tmp_path):
    """Files of another name or policy are passed over."""
    assert not has_chunks(tmp_path)
    for first in (10, 2, 0):
        write_chunk(tmp_path, "mirrored", "r", chunk(first))
    (tmp_path / "spins" / "mirrored_all.npz").touch()
    names = [path.name for path in chunk_paths(tmp_path, "mirrored")]
    assert names == [f"mirrored_{k:06d}-{k + 1:06d}.npz" for k in (0, 2, 10)]
    assert chunk_paths(tmp_path, "independent") == []
    assert has_chunks(tmp_path)
    assert n_spins_from_zero(tmp_path, ["mirrored"]) == 4
    assert n_spins_from_zero(tmp_path, ["mirrored", "independent"]) == 0
    assert n_spins_from_zero(tmp_path, []) == 0


@pytest.mark.parametrize("damage", ["empty", "cut", "no zip", "other counts", "no checksum"])
def test_a_damaged_chunk_is_found(tmp_path, damage):
    """Whether the file or only its content is broken, its spins are not taken for done."""
    write_chunk(tmp_path, "mirrored", "r", chunk(0))
    path = write_chunk(tmp_path, "mirrored", "r", chunk(2))
    assert intact_spins(tmp_path, "mirrored") == ({0, 1, 2, 3}, [])
    content, arrays = path.read_bytes(), read_arrays(path)
    if damage == "other counts":
        np.savez(path, **arrays | {"count": arrays["count"] + 1})
    elif damage == "no checksum":
        np.savez(path, **{name: array for name, array in arrays.items() if name != "sha256"})
    else:
        cut = {"empty": b"", "cut": content[: len(content) // 2], "no zip": b"?"}
        path.write_bytes(cut[damage])
    assert intact_spins(tmp_path, "mirrored") == ({0, 1}, [path])
    with pytest.raises(InputError, match=r"mirrored_000002-000003\.npz.*damaged.*Delete it"):
        read_spins(tmp_path, "mirrored", 4)
    assert len(read_spins(tmp_path, "mirrored", 2)["kept"]) == 2  # which are whole


def test_chunks_of_some_spins_are_found(tmp_path):
    """By their names: those that hold at least one of them."""
    paths = [write_chunk(tmp_path, "mirrored", "r", chunk(first)) for first in (0, 2, 4)]
    assert chunk_paths(tmp_path, "mirrored", range(3, 5)) == paths[1:]
    assert chunk_paths(tmp_path, "mirrored", range(2, 4)) == paths[1:2]
    assert chunk_paths(tmp_path, "mirrored", range(6, 9)) == []
    assert named_spins(tmp_path, "mirrored") == set(range(6))


def test_chunks_of_another_run_are_refused(tmp_path):
    """By what they hold, not by their name; what cannot be read is for another check."""
    path = write_chunk(tmp_path, "mirrored", "r", chunk(0))
    check_same_run(tmp_path, ["independent", "mirrored"], "r")
    with pytest.raises(InputError, match=r"mirrored_000000-000001\.npz.*another run"):
        check_same_run(tmp_path, ["independent", "mirrored"], "q")
    path.write_bytes(b"")
    check_same_run(tmp_path, ["mirrored"], "q")


def test_files_from_before_fits_were_counted_are_read(tmp_path):
    """How many did not converge is not known of their spins; all else is there."""
    write_chunk(tmp_path, "mirrored", "r", chunk(0))
    path = write_chunk(tmp_path, "mirrored", "r", chunk(2))
    now = read_spins(tmp_path, "mirrored", 4)
    assert now["unconverged"].tolist() == [0, 1, 0, 1]
    old = {k: v for k, v in read_arrays(path).items() if k not in ("unconverged", "sha256")}
    path.write_bytes(npz_bytes(**old, sha256=np.array(arrays_sha256(old))))
    then = read_spins(tmp_path, "mirrored", 4)
    np.testing.assert_array_equal(then["unconverged"], [0, 1, np.nan, np.nan])
    assert all(np.array_equal(then[name], now[name]) for name in ("statistic", "kept", "distinct"))


def test_counts_are_there_for_statistics_of_ones_own(tmp_path):
    """Each spin once, whatever files overlap; macro-F1 made of them is that of the run."""
    for first, n in ((0, 2), (1, 3), (4, 2)):
        write_chunk(tmp_path, "mirrored", "r", chunk(first, n))
    spins, counts = (
        np.concatenate(x) for x in zip(*spin_counts(tmp_path, "mirrored"), strict=True)
    )
    assert spins.tolist() == [0, 1, 2, 3, 4, 5]
    assert counts.shape == (6, 2, 2, 3, 3)
    expected = read_spins(tmp_path, "mirrored", 6)["statistic"]
    np.testing.assert_array_equal(np.nanmean(macro_f1(counts), axis=-1), expected)
    with pytest.raises(InputError, match="no independent spins"):
        list(spin_counts(tmp_path, "independent"))


def test_sums_of_vertices_are_added_up(tmp_path):
    """Over all files but one whose spins are all in another."""
    for first, n in ((0, 2), (0, 1), (2, 2)):
        write_chunk(tmp_path, "mirrored", "r", chunk(first, n))
    evaluated, correct = vertex_sums(tmp_path, "mirrored")
    assert evaluated.tolist() == [2] * 5
    assert correct.tolist() == [[2] * 5] * 2
    with pytest.raises(InputError, match="no independent spins"):
        vertex_sums(tmp_path, "independent")


def test_memory_does_not_grow_with_the_counts(tmp_path):
    """Reading 20 chunks takes hardly more than reading one: only statistics are kept."""
    peaks = []
    for n_chunks in (1, 20):
        for k in range(n_chunks):
            write_chunk(tmp_path / str(n_chunks), "mirrored", "r", chunk(2 * k, n_classes=60))
        tracemalloc.start()
        spins = read_spins(tmp_path / str(n_chunks), "mirrored", 2 * n_chunks)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert spins["statistic"].shape == (2 * n_chunks, 2)
    assert peaks[1] < 1.6 * peaks[0]
