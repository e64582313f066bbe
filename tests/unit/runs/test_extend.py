"""Spins added to a run give what one command for all of them gives, however they were split."""

import shutil
import warnings

import numpy as np
import pytest

from cytosurf.compute.files import arrays_sha256, write_npz
from cytosurf.errors import CytosurfWarning, InputError, WriteError
from cytosurf.nulls import run_spins
from cytosurf.runs import chunks, read_json, record, session, spins, write_json
from cytosurf.runs.chunks import chunk_paths, spins_of
from cytosurf.runs.extend import add_to_run, merge_into_run
from cytosurf.runs.forecasting import forecast
from cytosurf.runs.record import read_arrays
from cytosurf.runs.shards import Shard, seconds_of_shard, write_shard_note
from tests.unit.runs.cortex import listing, spin_files, spin_tests


@pytest.fixture
def whole(named_toy, tmp_path):
    """Return a run of 12 spins, made by one command."""
    named_toy(tmp_path / "whole", spins=12)
    return tmp_path / "whole"


@pytest.fixture
def bare(named_toy, tmp_path):
    """Return the same run without spins."""
    named_toy(tmp_path / "bare", spins=0)
    return tmp_path / "bare"


def made_elsewhere(folder, name="run.json"):
    """Let a file say that another version of numpy and another processor were at work."""
    content = read_json(folder / name)
    changed = {"versions": content["versions"] | {"numpy": "1.0"}, "machine": {"cpu": "abacus"}}
    write_json(folder / name, content | changed)


class TestAdd:
    """`add_to_run`."""

    def test_equals_one_command(self, whole, bare):
        """Results, configuration and nulls; the observed part is not touched."""
        untouched = {n: b for n, b in listing(bare).items() if n.endswith((".npz", ".gii"))}
        record = add_to_run(bare, 12)
        assert spin_tests(bare) == spin_tests(whole)
        assert record.config["spins"] == 12
        assert len(record.nulls) == 4
        assert untouched
        assert untouched.items() <= listing(bare).items()

    def test_goes_on_with_what_is_there(self, whole, bare):
        """Chunks of the first spins stay as they are."""
        add_to_run(bare, 5)
        before = spin_files(bare)
        add_to_run(bare, 12)
        assert before.items() <= spin_files(bare).items()
        assert spin_tests(bare) == spin_tests(whole)

    def test_another_environment_is_named(self, whole, bare):
        """Where spins are there, which are used: spins of both differ in rounding alone."""
        made_elsewhere(bare)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            add_to_run(bare, 5)
        assert not any("rounding" in str(warning.message) for warning in caught)
        words = "made with numpy 1.0 and processor abacus, spins of it with numpy .* and processor "
        with pytest.warns(CytosurfWarning, match=words):
            add_to_run(bare, 12)
        assert spin_tests(bare) == spin_tests(whole)

    def test_as_many_as_configured(self, whole):
        """Without a number nothing is left to do, and nothing changes."""
        before = spin_files(whole)
        add_to_run(whole, None)
        assert spin_files(whole) == before

    def test_refuses_no_spins(self, bare):
        """A run of 0 spins needs a number."""
        with pytest.raises(InputError, match="--spins: found 0"):
            add_to_run(bare, None)

    def test_refuses_maps_in_memory(self, run_toy, tmp_path):
        """Which nobody but their owner can load."""
        run_toy(tmp_path / "run", spins=0)
        with pytest.raises(InputError, match="maps in memory"):
            add_to_run(tmp_path / "run", 4)

    def test_refuses_what_is_no_run(self, tmp_path):
        """Naming what is missing."""
        with pytest.raises(InputError, match=r"config\.yaml"):
            add_to_run(tmp_path, 4)

    def test_a_full_disk_leaves_a_run_that_goes_on(self, bare, whole, room_for):
        """Wherever it was full: one message, files that are whole, and in the end all spins."""
        for n_files in range(5):
            before = spin_files(bare)
            room_for(n_files)
            with pytest.raises(WriteError, match=rf"{bare}.*No space left on device.*goes on"):
                add_to_run(bare, 12)
            assert not list(bare.rglob(".tmp-*"))
            assert before.items() <= spin_files(bare).items()
        room_for(1000)
        add_to_run(bare, 12)
        assert spin_tests(bare) == spin_tests(whole)


class TestShards:
    """Parts of the spins, in one directory or in copies of it."""

    def test_in_one_directory(self, whole, bare):
        """A job array on a shared disk; nothing is tested before the merge."""
        for i in (2, 3, 1):
            assert add_to_run(bare, 12, shard=Shard(i, 3)) is None
            assert read_json(bare / "results.json")["spin_test"] is None
        merge_into_run(bare)
        assert spin_tests(bare) == spin_tests(whole)
        assert read_json(bare / "results.json")["spin_test"]["seconds"] > 0

    def test_in_copies(self, whole, bare, tmp_path):
        """Nodes without a shared disk."""
        copies = [tmp_path / f"node-{i}" for i in (1, 2)]
        for i, copy in enumerate(copies, start=1):
            shutil.copytree(bare, copy)
            add_to_run(copy, 12, shard=Shard(i, 2))
        record = merge_into_run(bare, copies)
        assert spin_tests(bare) == spin_tests(whole)
        assert record.config["spins"] == 12
        assert merge_into_run(bare, copies).results == record.results

    @pytest.mark.usefixtures("one_spin_files")
    def test_seconds_of_a_shard_add_up(self, bare, monkeypatch):
        """Over its sessions, also one that was killed; merging adds those of all shards."""
        parts = [Shard(i, 2) for i in (1, 2)]
        write_shard_note(bare, parts[0], 8, 1000.0)
        monkeypatch.setattr(session, "NOTE_SECONDS", 0.0)
        seen = []

        def dying(*arguments):
            seen.append(seconds_of_shard(bare, parts[0]))
            if len(seen) == 3:
                raise KeyboardInterrupt
            return run_spins(*arguments)

        monkeypatch.setattr(spins, "run_spins", dying)
        with pytest.raises(KeyboardInterrupt):
            add_to_run(bare, 8, shard=parts[0])
        assert 1000 == seen[0] < seen[1] < seen[2]
        monkeypatch.setattr(spins, "run_spins", run_spins)
        before = seconds_of_shard(bare, parts[0])
        for part in parts:
            add_to_run(bare, 8, shard=part)
        took = [seconds_of_shard(bare, part) for part in parts]
        assert took[0] > before >= seen[2]
        assert 0 < took[1] < 1000
        together = merge_into_run(bare).results["spin_test"]["seconds"]
        assert together == pytest.approx(sum(took), abs=1e-3)

    def test_spins_that_were_done_twice_are_told(self, whole, bare, tmp_path):
        """Of two nodes that did the same shard; the run is the same."""
        copies = [tmp_path / f"node-{i}" for i in (1, 2)]
        for copy in copies:
            shutil.copytree(bare, copy)
            add_to_run(copy, 12, shard=Shard(1, 2))
        add_to_run(bare, 12, shard=Shard(2, 2))
        with pytest.warns(CytosurfWarning, match="12 spins of all rotation policies together were"):
            merge_into_run(bare, copies)
        assert spin_tests(bare) == spin_tests(whole)
        with warnings.catch_warnings(record=True) as caught:
            merge_into_run(bare, copies)
        assert not any("twice" in str(warning.message) for warning in caught)

    def test_shards_of_another_environment_are_named(self, whole, bare, tmp_path):
        """Each difference once."""
        copies = [tmp_path / f"node-{i}" for i in (1, 2, 3)]
        for i, copy in enumerate(copies, start=1):
            shutil.copytree(bare, copy)
            add_to_run(copy, 12, shard=Shard(i, 3))
            if i > 1:
                made_elsewhere(copy, f"spins/shard_{i:04d}-0003.json")
        with pytest.warns(CytosurfWarning) as caught:
            merge_into_run(bare, copies)
        (said,) = (text for w in caught if "rounding" in (text := str(w.message)))
        assert said.startswith(f"{bare}: the run was made with numpy ")
        assert "spins of it with numpy 1.0 and processor abacus. " in said
        assert spin_tests(bare) == spin_tests(whole)

    def test_a_folder_that_is_not_there(self, tmp_path):
        """Is not made."""
        with pytest.raises(InputError, match=r"config\.yaml: found no readable configuration"):
            merge_into_run(tmp_path / "none")
        assert not list(tmp_path.iterdir())

    def test_a_missing_shard_is_named(self, bare):
        """By its spins, the last ones too; nothing is tested."""
        add_to_run(bare, 12, shard=Shard(1, 3))
        with pytest.raises(InputError, match=r"no spins 4 to 11; .*cytosurf spin .*--spins 12"):
            merge_into_run(bare)
        assert read_json(bare / "results.json")["spin_test"] is None

    def test_a_shard_reads_its_own_chunks(self, bare, monkeypatch):
        """However many others there are; the merge looks at all of them."""
        for i in (1, 2):
            add_to_run(bare, 12, shard=Shard(i, 2))
        read = []

        def noted(path, *names):
            read.extend([path] if path.parent.name == "spins" else [])
            return read_arrays(path, *names)

        for module in (chunks, record):
            monkeypatch.setattr(module, "read_arrays", noted)
        add_to_run(bare, 12, shard=Shard(2, 2))
        assert {k for path in read for k in spins_of(path)} == set(range(6, 12))
        foreign = chunk_paths(bare, "mirrored")[0]
        arrays = read_arrays(foreign) | {"run": np.array("another")}
        del arrays["sha256"]
        write_npz(foreign, **arrays, sha256=np.array(arrays_sha256(arrays)))
        with pytest.raises(InputError, match=rf"{foreign}: found spins of another run"):
            merge_into_run(bare)

    def test_a_shard_of_another_seed_is_refused(self, bare, named_toy, tmp_path):
        """Which is another run, although everything else is the same."""
        named_toy(tmp_path / "other", spins=4, seed=1)
        with pytest.raises(InputError, match="spins of another run"):
            merge_into_run(bare, [tmp_path / "other"])

    def test_nothing_to_merge(self, bare):
        """With the way to make some."""
        with pytest.raises(InputError, match=r"found no spins; .*cytosurf spin"):
            merge_into_run(bare)


def test_a_forecast_keeps_nothing(bare):
    """It measures, and leaves the directory as it was."""
    before = listing(bare)
    expected = forecast(bare, 1000, jobs=2)
    assert listing(bare) == before
    assert (expected.n_spins, expected.n_policies, expected.jobs) == (1000, 2, 2)
    assert expected.spin_s > 0
    assert expected.process_mb > 10
    work = 1000 * 2 * expected.spin_s / 2
    assert expected.total_s == pytest.approx(expected.start_s + work)
    assert expected.spins_per_hour == pytest.approx(3600 * 1000 / work)


def test_a_forecast_is_of_what_is_left(bare):
    """Of the shard, less the spins that are there; that it may stop earlier is told."""
    add_to_run(bare, 12, shard=Shard(1, 3))
    all_of_it = forecast(bare, 12, jobs=1)
    assert (all_of_it.n_spins, all_of_it.n_left, all_of_it.exceedances) == (12, 2 * 8, None)
    part = forecast(bare, 12, shard=Shard(2, 2), jobs=1, stop_after_exceedances=3)
    assert (part.n_spins, part.n_left, part.exceedances) == (6, 2 * 6, 3)
    assert part.total_s == pytest.approx(part.start_s + 2 * 6 * part.spin_s)
    done = forecast(bare, 12, shard=Shard(1, 3))
    assert done.n_left == 0
    assert done.total_s == done.start_s
