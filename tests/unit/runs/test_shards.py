"""Shards cover all spins once; joining finds what is missing, foreign, damaged or different."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cytosurf.errors import InputError
from cytosurf.nulls import SpinChunk
from cytosurf.nulls.spin_counts import pack_counts
from cytosurf.runs.chunks import chunk_paths, in_both, write_chunk
from cytosurf.runs.shards import (
    Shard,
    check_complete,
    check_equal_results,
    collect,
    missing_spins,
    not_merged,
    settle_shards,
    shard_notes,
    spins_twice,
    write_shard_note,
)

BOTH = ("independent", "mirrored")
SPAN = st.tuples(st.integers(0, 6), st.integers(1, 4))  # first spin and number of spins


def chunk_of(spins, *, shift=0):
    """Return a chunk whose counts follow from the numbers of its spins."""
    spins = list(spins)
    counts = [[np.array([[[k + shift, 1], [2, 3]]])] for k in spins]
    kept = np.full(len(spins), 0.9)
    return SpinChunk(
        np.array(spins),
        pack_counts(counts, 1, 1, 2),
        kept,
        kept,
        np.zeros(4, np.int32),
        np.zeros((1, 4), np.int32),
        np.zeros(len(spins), np.int32),
    )


def fill(folder, spins, run="this", **options):
    """Write a chunk of both policies."""
    for policy in BOTH:
        write_chunk(folder, policy, run, chunk_of(spins, **options))


def damage(path):
    """Flip a byte."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)


class TestShard:
    """A part of the spins."""

    @given(st.integers(0, 500), st.integers(1, 60))
    def test_shards_are_equal_parts_of_all_spins(self, n_spins, n_shards):
        """Every spin is in exactly one; sizes differ by one at most."""
        parts = [Shard(i, n_shards).of(n_spins) for i in range(1, n_shards + 1)]
        assert [k for part in parts for k in part] == list(range(n_spins))
        sizes = [len(part) for part in parts]
        assert max(sizes) - min(sizes) <= 1

    @pytest.mark.parametrize("text", ["0/4", "5/4", "1/0", "1", "a/b", "-1/4", "1/4/2", ""])
    def test_other_texts_are_refused(self, text):
        """With the way to write it."""
        with pytest.raises(InputError, match="from 1/10 to 10/10"):
            Shard.parse(text)


class TestCollect:
    """Chunks of elsewhere."""

    def test_copies_what_is_not_there(self, tmp_path):
        """Byte by byte; what is there already is passed over, and notes come along."""
        here, there = tmp_path / "here", tmp_path / "there"
        fill(here, range(3))
        fill(there, range(3))
        fill(there, range(3, 5))
        write_shard_note(there, Shard(2, 2), 5, 1.5)
        assert collect(here, there, "this") == 2
        note = {"n_spins": 5, "seconds": 1.5, "stop_after_exceedances": None}
        assert shard_notes(here) == {"2/2": note}
        for policy in BOTH:
            ours, theirs = chunk_paths(here, policy), chunk_paths(there, policy)
            assert [p.read_bytes() for p in ours] == [p.read_bytes() for p in theirs]
        assert collect(here, there, "this") == 0

    def test_what_was_merged_stays_merged(self, tmp_path):
        """Until the shard is done again, here or there; a copy of what was merged says nothing."""
        here, there = tmp_path / "here", tmp_path / "there"
        fill(there, range(2))
        write_shard_note(there, Shard(1, 2), 4, 1.5, 3)
        collect(here, there, "this")
        assert not_merged(shard_notes(here)) == shard_notes(there)
        settle_shards(here, 3)
        assert not_merged(shard_notes(here)) == shard_notes(there)
        settle_shards(here, 4)
        collect(here, there, "this")
        assert not not_merged(shard_notes(here))
        write_shard_note(there, Shard(1, 2), 4, 2.0)
        collect(here, there, "this")
        assert not_merged(shard_notes(here)) == shard_notes(there)
        settle_shards(there, 4)
        collect(here, there, "this")
        assert not_merged(shard_notes(here))

    def test_chunks_may_overlap_where_they_agree(self, tmp_path):
        """Other chunk sizes of the same spins are no contradiction."""
        here, there = tmp_path / "here", tmp_path / "there"
        fill(here, range(4))
        fill(there, range(2, 7))
        assert collect(here, there, "this") == 2
        assert missing_spins(here, BOTH, 7) == ([], [])

    def test_refuses_another_result_of_a_spin(self, tmp_path):
        """Naming both files and the spin; nothing is copied."""
        here, there = tmp_path / "here", tmp_path / "there"
        fill(here, range(4))
        fill(there, range(3, 6), shift=1)
        with pytest.raises(InputError, match=r"000003-000005.*spin 3 than .*000000-000003"):
            collect(here, there, "this")
        assert len(chunk_paths(here, "independent")) == 1

    def test_refuses_another_run(self, tmp_path):
        """By what tells runs apart, whatever the files are called."""
        here, there = tmp_path / "here", tmp_path / "there"
        fill(there, range(2), run="other")
        with pytest.raises(InputError, match="spins of another run"):
            collect(here, there, "this")
        assert not here.exists()

    def test_refuses_a_damaged_chunk(self, tmp_path):
        """One flipped byte is found."""
        here, there = tmp_path / "here", tmp_path / "there"
        fill(there, range(2))
        damage(chunk_paths(there, "mirrored")[0])
        with pytest.raises(InputError, match=r"1 damaged file.*mirrored_000000"):
            collect(here, there, "this")

    def test_refuses_a_folder_without_spins(self, tmp_path):
        """Usually the wrong folder."""
        with pytest.raises(InputError, match="found no spins"):
            collect(tmp_path / "here", tmp_path, "this")


class TestComplete:
    """Whether all spins are there."""

    @given(missing=st.sets(st.integers(0, 11)))
    def test_gaps_are_what_is_missing(self, missing, tmp_path_factory):
        """As first and last indices, of any policy."""
        folder = tmp_path_factory.mktemp("run")
        for k in set(range(12)) - missing:
            fill(folder, [k])
        gaps, _ = missing_spins(folder, BOTH, 12)
        assert {k for a, b in gaps for k in range(a, b + 1)} == missing
        assert all(b[0] > a[1] + 1 for a, b in itertools.pairwise(gaps))

    def test_one_policy_is_not_enough(self, tmp_path):
        """Every policy needs all spins."""
        fill(tmp_path, range(3))
        write_chunk(tmp_path, "mirrored", "this", chunk_of(range(3, 6)))
        check_complete(tmp_path, ("mirrored",), 6)
        with pytest.raises(InputError, match=r"no spins 3 to 5; .*--spins 6"):
            check_complete(tmp_path, BOTH, 6)

    def test_a_damaged_file_is_named(self, tmp_path):
        """Rather than its spins alone, with the way to do them again."""
        for spins in (range(2), range(2, 4)):
            fill(tmp_path, spins)
        damage(chunk_paths(tmp_path, "mirrored")[1])
        found = r"1 damaged files of spins, the first mirrored_000002-000003\.npz; .*--spins 4"
        with pytest.raises(InputError, match=found):
            check_complete(tmp_path, BOTH, 4)
        check_complete(tmp_path, BOTH, 2)

    def test_many_gaps_are_counted(self, tmp_path):
        """Five are named."""
        for k in range(0, 20, 2):
            fill(tmp_path, [k])
        with pytest.raises(InputError, match=r"no spins 1 to 1, .*9 to 9 and 5 more gaps"):
            check_complete(tmp_path, BOTH, 20)


class TestTwice:
    """Spins that were computed more than once."""

    def test_are_counted(self, tmp_path):
        """In one folder and in others, but not what a copy was made with."""
        here, a, b = (tmp_path / name for name in ("here", "a", "b"))
        for folder in (here, a, b):
            fill(folder, range(4))
        assert spins_twice(here, [a, b]) == 0
        fill(here, range(2, 6))
        assert spins_twice(here, []) == 2 * 2
        fill(a, range(6, 9))
        assert spins_twice(here, [a, b]) == 2 * 2
        fill(b, range(6, 9))
        assert spins_twice(here, [a, b]) == 2 * (2 + 3)

    @settings(max_examples=40)
    @given(spans=st.sets(SPAN, min_size=1), data=st.data())
    def test_must_be_equal(self, spans, data, tmp_path_factory):
        """In whatever files they are: one that differs where another overlaps is found."""
        folder = tmp_path_factory.mktemp("run")
        for first, n in spans:
            fill(folder, range(first, first + n))
        check_equal_results(chunk_paths(folder, "mirrored"))
        first, n = data.draw(st.sampled_from(sorted(spans)))
        fill(folder, range(first, first + n), shift=1)
        others = [range(a, a + m) for a, m in spans if (a, m) != (first, n)]
        if any(in_both(range(first, first + n), other) for other in others):
            with pytest.raises(InputError, match="another result of spin"):
                check_equal_results(chunk_paths(folder, "mirrored"))
        else:
            check_equal_results(chunk_paths(folder, "mirrored"))
