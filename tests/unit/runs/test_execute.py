"""Whole runs: whatever the processes, and however often killed, the same result."""

import contextlib
import os
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pytest

from cytosurf.compute.files import arrays_sha256, write_npz
from cytosurf.errors import CytosurfWarning, InputError, WriteError
from cytosurf.nulls import run_spins
from cytosurf.runs import complete, execute, prepare, session, spins
from cytosurf.runs.chunks import counts_of, intact_spins
from cytosurf.runs.record import load_run, read_arrays, read_json, write_json
from tests.unit.runs.conftest import N_SPINS
from tests.unit.runs.cortex import comparable, listing, spin_files

REPOSITORY = Path(__file__).resolve().parents[3]


def spin_counts(folder):
    """Return the counts of each spin under each policy, however they are put into files."""
    rows = {}
    for path in (folder / "spins").glob("*.npz"):
        arrays = read_arrays(path)
        for k, counts in zip(arrays["spins"].tolist(), counts_of(arrays).dense(), strict=True):
            rows[path.name.split("_")[0], k] = counts.tobytes()
    return rows


def test_the_run_directory_holds_what_is_promised(finished):
    """Configuration, provenance, results, arrays, maps and spins; no temporary file is left."""
    folder = finished.directory
    assert {p.name for p in folder.iterdir()} == {
        *("config.yaml", "run.json", "results.json", "observed.npz", "maps", "spins"),
        "spin_quality.tsv",
    }
    assert len(list((folder / "maps").iterdir())) == 2 * (2 + 3 * 3)
    assert not list(folder.rglob(".tmp-*"))


def test_provenance_is_kept(finished, toy_cortex):
    """The run says when, where, from what and how it was made, and what it warned of."""
    info = finished.info
    assert set(info["timings_s"]) == {"inputs", "decoding", "spins"}
    assert info["seed"] == 0
    assert info["jobs"] == 1
    assert info["started"].endswith("+00:00")
    assert set(info["inputs"]) == {
        *("features stain", "features coordinates", "features harmonics:2"),
        *("target bands", "mask", "folds"),
    }
    assert info["warnings"] == [
        "6 spins cannot give p <= 0.05: the smallest possible p is 0.143. Use at least 19 spins."
    ]
    assert {s["name"] for s in info["sources"]} == {"in memory", "fslr", "brainspace"}


def test_a_run_can_be_done_again_to_the_bit(finished, run_toy, tmp_path):
    """The same configuration gives the same files, but for the record of time and machine."""
    again = run_toy(tmp_path, spins=N_SPINS)
    first, second = listing(finished.directory), listing(tmp_path)
    assert first.keys() == second.keys()
    differing = {name for name in first if first[name] != second[name]}
    assert differing <= {"run.json", "results.json"}
    assert comparable(finished.results) == comparable(again.results)


def test_processes_change_nothing(finished, run_toy, tmp_path):
    """Two processes give the spins and the results of one."""
    run = run_toy(tmp_path, spins=N_SPINS, jobs=2)
    assert spin_counts(tmp_path) == spin_counts(finished.directory)
    assert comparable(run.results) == comparable(finished.results)
    assert run.info["jobs"] == 2


def test_the_size_of_chunks_changes_nothing(finished, run_toy, tmp_path, monkeypatch):
    """Spins in one file per policy give the results of spins in many files."""
    monkeypatch.setattr(spins, "CHUNKS_PER_JOB", 1)
    run = run_toy(tmp_path, spins=N_SPINS)
    assert len(spin_files(tmp_path)) == 2 < len(spin_files(finished.directory))
    assert comparable(run.results) == comparable(finished.results)


def test_more_spins_continue_a_run(finished, run_toy, tmp_path):
    """The first spins stay as they are, and the result is that of all spins at once."""
    run_toy(tmp_path, spins=3)
    before = spin_files(tmp_path)
    run = run_toy(tmp_path, spins=N_SPINS)
    assert {name: spin_files(tmp_path)[name] for name in before} == before
    assert comparable(run.results) == comparable(finished.results)
    for test, whole in zip(run.nulls, finished.nulls, strict=True):
        assert np.array_equal(test.null, whole.null)


def test_spins_can_be_added_to_a_run_without(finished, run_toy, tmp_path):
    """Decode first, spin later: the configuration on disk says how many there are."""
    plain = run_toy(tmp_path)
    assert plain.results["spin_test"] is None
    assert not (tmp_path / "spins").exists()
    assert plain.nulls == []
    run = run_toy(tmp_path, spins=N_SPINS)
    assert run.config["spins"] == N_SPINS
    assert comparable(run.results) == comparable(finished.results)


@pytest.mark.parametrize("asked", [0, 3])
def test_spins_that_are_there_are_kept_and_used(finished, run_toy, tmp_path, asked):
    """Fewer spins than there are, or none, drop no test; it is said, and the spins stay."""
    run_toy(tmp_path, spins=N_SPINS)
    before = spin_files(tmp_path)
    run = run_toy(tmp_path, spins=asked)
    assert comparable(run.results) == comparable(finished.results)
    assert run.config["spins"] == N_SPINS
    assert spin_files(tmp_path) == before
    said = f"holds 6 spins, more than the {asked} asked for"
    assert any(said in text for text in run.info["warnings"])


@pytest.mark.usefixtures("one_spin_files")
def test_spins_that_are_not_whole_are_no_test(run_toy, tmp_path):
    """What a killed run left is used from spin 0 on, as far as both policies go."""
    run_toy(tmp_path, spins=4)
    (tmp_path / "spins" / "mirrored_000002-000002.npz").unlink()
    assert run_toy(tmp_path, spins=0).results["spin_test"]["n_spins"] == 2
    (tmp_path / "spins" / "independent_000000-000000.npz").unlink()
    assert run_toy(tmp_path, spins=0).results["spin_test"] is None
    assert len(spin_files(tmp_path)) == 6


def test_seconds_are_those_of_all_sessions(run_toy, tmp_path, monkeypatch):
    """Time adds up over sessions, also over one that was killed amid its spins."""
    first = run_toy(tmp_path, spins=2).results["spin_test"]["seconds"]
    assert first > 0
    info = read_json(tmp_path / "run.json")
    write_json(tmp_path / "run.json", info | {"timings_s": {"spins": 1000.0}})
    monkeypatch.setattr(session, "NOTE_SECONDS", 0.0)
    seen = []

    def dying(*arguments):
        seen.append(read_json(tmp_path / "run.json")["timings_s"]["spins"])
        if len(seen) == 2:
            raise KeyboardInterrupt
        return run_spins(*arguments)

    monkeypatch.setattr(spins, "run_spins", dying)
    with pytest.raises(KeyboardInterrupt):
        run_toy(tmp_path, spins=4)
    assert 1000 <= seen[0] < seen[1]
    monkeypatch.setattr(spins, "run_spins", run_spins)
    run = run_toy(tmp_path, spins=4)
    assert run.results["spin_test"]["seconds"] > seen[1]
    assert run.info["timings_s"]["spins"] == run.results["spin_test"]["seconds"]


def test_spins_of_another_version_are_refused_before_anything_is_written(run_toy, tmp_path):
    """With fewer spins as with more, nothing of the run directory changes."""
    run_toy(tmp_path, spins=1)
    for path in (tmp_path / "spins").iterdir():
        arrays = read_arrays(path)
        del arrays["sha256"]
        arrays["run"] = np.array("another")
        write_npz(path, **arrays, sha256=np.array(arrays_sha256(arrays)))
    before = listing(tmp_path)
    for n_spins in (0, 3):
        with pytest.raises(InputError, match="another version of cytosurf"):
            run_toy(tmp_path, spins=n_spins)
    assert listing(tmp_path) == before


def test_another_version_is_named(run_toy, tmp_path):
    """Where spins are there; without them the run is simply decoded again."""
    run_toy(tmp_path / "spun", spins=1)
    run_toy(tmp_path / "bare", spins=0)
    for name in ("spun", "bare"):
        info = read_json(tmp_path / name / "run.json")
        versions = info["versions"] | {"cytosurf": "0.0.9"}
        write_json(tmp_path / name / "run.json", info | {"versions": versions})
    before = listing(tmp_path / "spun")
    with pytest.raises(
        InputError, match=r"found spins of cytosurf 0\.0\.9; .*with cytosurf 0\.0\.9"
    ):
        run_toy(tmp_path / "spun", spins=2)
    assert listing(tmp_path / "spun") == before
    assert len(run_toy(tmp_path / "bare", spins=1).nulls) == 4


SLOW_RUN = """
import sys, time, pytest
from tests.unit.runs import cortex
cortex.install(pytest.MonkeyPatch())
from cytosurf.runs import execute, spins
spin = spins.run_spins
def slowly(*arguments):
    time.sleep(0.1)
    return spin(*arguments)
spins.run_spins = slowly
spins.SMALLEST_CHUNK = 1
features, target = [cortex.feature_set()], cortex.parcellation()
execute(cortex.config(spins=16), sys.argv[1], features=features, target=target)
"""


@pytest.mark.usefixtures("one_spin_files")
def test_a_killed_run_goes_on_where_it_was(run_toy, toy_cortex, tmp_path):
    """After kill -9 amid the spins the same command ends with the same bytes and results."""
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [sys.executable, "-c", SLOW_RUN, str(killed)],
        env=environment,
        stderr=subprocess.DEVNULL,
    )
    while len(spin_files(killed)) < 4:
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = spin_files(killed)
    with pytest.raises(InputError, match=r"results\.json.*goes on where it stopped"):
        load_run(killed)
    with pytest.raises(InputError, match="features stain has changed"):
        run_toy(killed, [toy_cortex.feature_set(values=toy_cortex.stain(seed=1))], spins=16)
    expected = run_toy(whole, spins=16)
    assert len(before) < len(spin_files(whole))
    untouched = {n: (killed / "spins" / n).stat().st_mtime_ns for n in before}
    run = run_toy(killed, spins=16)
    assert {n: (killed / "spins" / n).stat().st_mtime_ns for n in before} == untouched
    assert spin_files(killed) == spin_files(whole)
    assert comparable(run.results) == comparable(expected.results)
    files = listing(killed)
    for name, content in listing(whole).items():
        assert name.endswith(".json") or files[name] == content


TWO_WORKERS = """
import os, sys, time, pytest
from pathlib import Path
from tests.unit.runs import cortex
cortex.install(pytest.MonkeyPatch())
from cytosurf.runs import execute, spins
log, spin = Path(sys.argv[2]), spins._spin_to_file
def slowly(path, content):
    with path.open("wb") as stream:
        stream.write(content[:99])
        stream.flush()
        time.sleep(0.1)
        stream.write(content[99:])
def logged(task, directory, test):
    with log.open("a") as begun:
        begun.write(f"{os.getpid()}\\n")
    Path.write_bytes = slowly  # so that many kills are amid a file
    return spin(task, directory, test)
spins._spin_to_file = logged
spins.LARGEST_CHUNK = 2
features, target = [cortex.feature_set()], cortex.parcellation()
config = cortex.config(spins=int(sys.argv[3]), jobs=2)
execute(config, sys.argv[1], features=features, target=target)
"""


def end_group(leader):
    """Let what is left of a killed session tidy up and end; kill it if it does not."""
    with contextlib.suppress(ProcessLookupError):
        for _ in range(200):
            os.killpg(leader, 0)
            time.sleep(0.01)
        os.killpg(leader, signal.SIGKILL)


@pytest.mark.parametrize("n_kills", [2, pytest.param(6, marks=pytest.mark.slow)])
def test_kills_at_any_moment_lose_a_chunk_per_process(run_toy, tmp_path, monkeypatch, n_kills):
    """Killed again and again, main process first: stored chunks stay, and the end is the same."""
    generator = np.random.default_rng(n_kills)
    killed, whole, log = tmp_path / "killed", tmp_path / "whole", tmp_path / "begun"
    n_spins = 24 * n_kills
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1"}
    environment |= {"JOBLIB_TEMP_FOLDER": str(tmp_path)}
    for _ in range(n_kills):
        before = spin_files(killed)
        log.write_text("")
        process = subprocess.Popen(
            [sys.executable, "-c", TWO_WORKERS, str(killed), str(log), str(n_spins)],
            env=environment,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            while len(spin_files(killed)) == len(before):
                assert process.poll() is None
                time.sleep(0.01)
            time.sleep(generator.uniform(0, 0.25))
            assert process.poll() is None
            process.kill()
            time.sleep(generator.uniform(0, 0.05))
            for worker in {int(line) for line in log.read_text().split()}:
                os.kill(worker, signal.SIGKILL)
            process.wait()
        finally:
            end_group(process.pid)
        after = spin_files(killed)
        assert before.items() <= after.items()
        assert not any(intact_spins(killed, policy)[1] for policy in ("independent", "mirrored"))
        n_begun = len(log.read_text().split())
        assert 0 <= n_begun - (len(after) - len(before)) <= 2
    monkeypatch.setattr(spins, "LARGEST_CHUNK", 2)
    assert len(after) < n_spins
    run, expected = (run_toy(folder, spins=n_spins) for folder in (killed, whole))
    assert after.items() <= spin_files(killed).items()
    assert comparable(run.results) == comparable(expected.results)
    files = listing(killed)
    for name, content in listing(whole).items():
        assert name.endswith(".json") or files[name] == content


def test_a_full_disk_leaves_a_run_that_goes_on(finished, run_toy, room_for, tmp_path):
    """Wherever it was full: one message that names a file, and at last the same run."""
    for n_files in (0, 1, 2, 3, 4, 6, 10, 20):
        room_for(n_files)
        with pytest.raises(WriteError, match=rf"{tmp_path}.*No space left on device.*goes on"):
            run_toy(tmp_path, spins=N_SPINS)
        assert not list(tmp_path.rglob(".tmp-*"))
    room_for(1000)
    assert comparable(run_toy(tmp_path, spins=N_SPINS).results) == comparable(finished.results)
    assert spin_files(tmp_path) == spin_files(finished.directory)


@pytest.fixture
def continued(run_toy, tmp_path):
    """Return a finished run, and check afterwards that nothing in it was changed."""
    run_toy(tmp_path, spins=1)
    before = listing(tmp_path)
    yield tmp_path
    assert listing(tmp_path) == before


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"seed": 1}, "seed = 0"),
        ({"folds": {"n_folds": 2, "n_blocks": 12}}, "folds.n_folds = 3"),
        ({"baseline": ["harmonics:3"]}, "baseline"),
        ({"matched_position": False}, "matched_position = True"),
        ({"C": 2.0}, "C = 1.0"),
    ],
)
def test_another_configuration_is_refused(continued, run_toy, options, name):
    """A directory belongs to one configuration; the difference is named and nothing written."""
    with pytest.raises(InputError, match=f"a run with {name}"):
        run_toy(continued, spins=1, **options)


def test_changed_data_are_refused(continued, run_toy, toy_cortex):
    """The same names with other values or labels are another run."""
    with pytest.raises(InputError, match="features stain has changed"):
        run_toy(continued, [toy_cortex.feature_set(values=toy_cortex.stain(seed=1))], spins=1)
    keys = toy_cortex.keys()
    keys[np.flatnonzero(keys == 1)[0]] = 2
    with pytest.raises(InputError, match="target bands has changed"):
        run_toy(continued, target=toy_cortex.parcellation(keys), spins=1)


def test_another_classifier_is_another_run(continued, toy_cortex):
    """The classifier is part of the configuration by how it prints itself."""
    config = toy_cortex.config(spins=1, classifier="GaussianNB()")
    with pytest.raises(InputError, match="a run with classifier = None"):
        execute(config, continued, features=[toy_cortex.feature_set()], target="bands")


def test_a_folder_with_other_files_is_refused(toy_cortex, tmp_path):
    """Nothing is mixed with files that are not of a run, or written where there is a file."""
    (tmp_path / "notes.txt").write_text("mine")
    for folder, words in ((tmp_path, "other files"), (tmp_path / "notes.txt" / "run", "written")):
        with pytest.raises(InputError, match=words):
            prepare([toy_cortex.config()], [folder], features=[toy_cortex.feature_set()])
    assert listing(tmp_path) == {"notes.txt": b"mine"}


def test_preparing_writes_nothing(toy_cortex, tmp_path):
    """All that can be refused is refused before the first file, for all targets of a command."""
    configs = [toy_cortex.config(target=name, spins=19) for name in ("bands", "more")]
    folders = [tmp_path / "bands", tmp_path / "more"]
    given = [toy_cortex.feature_set()]
    prepared = prepare(configs, folders, features=given, targets=[toy_cortex.parcellation()] * 2)
    assert [p.directory for p in prepared] == folders
    empty = toy_cortex.parcellation(np.zeros(toy_cortex.N_VERTICES, int))
    with pytest.raises(InputError, match="target more"):
        prepare(configs, folders, features=given, targets=[toy_cortex.parcellation(), empty])
    assert list(tmp_path.iterdir()) == []


def test_spins_must_suffice_for_all_targets(toy_cortex, tmp_path):
    """19 spins can give p = 0.05 for one target and not for two: said once, kept in both runs."""
    given, labels = [toy_cortex.feature_set()], toy_cortex.parcellation()
    configs = [toy_cortex.config(target=name, spins=19) for name in ("bands", "more")]
    folders = [tmp_path / "bands", tmp_path / "more"]
    with warnings.catch_warnings():
        warnings.simplefilter("error", CytosurfWarning)
        prepare(configs[:1], folders[:1], features=given, targets=[labels])
    with pytest.warns(CytosurfWarning) as caught:
        both = prepare(configs, folders, features=given, targets=[labels, labels])
    assert [str(w.message).partition(":")[0] for w in caught] == [
        "19 spins cannot give p <= 0.05 in a family of 2"
    ]
    assert [p.messages for p in both] == [(str(caught[0].message),)] * 2


def test_warnings_of_fits_are_kept_too(run_toy, toy_cortex, finished, tmp_path):
    """What is said while decoding is in run.json beside what was said before."""
    keys = toy_cortex.keys()
    keys[np.flatnonzero(finished.block == 3)[:4]] = 5
    run = run_toy(tmp_path, target=toy_cortex.parcellation(keys), spins=1)
    assert [message[:7] for message in run.info["warnings"]] == ["1 spins", "bands: "]


def test_silenced_warnings_stay_silent(toy_cortex, tmp_path):
    """A caller's filter decides what is shown; what is kept does not depend on it."""
    given = {"features": [toy_cortex.feature_set()], "targets": [toy_cortex.parcellation()]}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("ignore", CytosurfWarning)
        (prepared,) = prepare([toy_cortex.config(spins=1)], [tmp_path], **given)
    assert caught == []
    assert prepared.messages[0].startswith("1 spins cannot")
    with warnings.catch_warnings():
        warnings.simplefilter("error", CytosurfWarning)
        with pytest.raises(CytosurfWarning, match="1 spins cannot"):
            prepare([toy_cortex.config(spins=1)], [tmp_path], **given)


@pytest.mark.parametrize("side", ["L", "R"])
def test_one_hemisphere_is_spun_one_way(run_toy, tmp_path, side):
    """With one hemisphere there is nothing to mirror: one policy, which is the one to quote."""
    run = run_toy(tmp_path, hemispheres=[side], spins=2)
    assert {(t.rotation, t.primary) for t in run.nulls} == {("independent", True)}
    assert len(run.truth) == 642
    assert {p.name.split("hemi-")[1][0] for p in (tmp_path / "maps").iterdir()} == {side}


@pytest.mark.parametrize("scheme", ["homotopic", "left-to-right", "right-to-left", "across"])
def test_every_scheme_gives_a_run(run_toy, tmp_path, scheme):
    """Folds that cross hemispheres are decoded, spun, written and read like any other."""
    run = run_toy(tmp_path, folds={"n_folds": 3, "n_blocks": 12, "scheme": scheme}, spins=2)
    n_folds = {"homotopic": 3, "across": 2}.get(scheme, 1)
    assert run.results["n_folds"] == n_folds
    baseline = "coordinates" if scheme == "homotopic" else "coordinates:mirrored"
    assert run.config["baseline"] == [baseline]
    assert run.results["feature_sets"][baseline]["macro_f1"]["mean"] > 0.7
    tested = {"left-to-right": [False, True], "right-to-left": [True, False]}.get(scheme)
    if tested:
        halves = np.split(run.prediction["stain"] > 0, 2)
        assert [bool(half.any()) for half in halves] == tested


def test_the_mask_file_is_recorded(run_toy, toy_cortex, tmp_path):
    """The file of --mask is among the hashed inputs and the sources."""
    path = tmp_path / "region.npz"
    np.savez(path, values=toy_cortex.points()[:, 2] > -6)
    run = run_toy(tmp_path / "run", mask=str(path))
    assert len(run.info["inputs"][str(path)]) == 64
    assert f"file:{path}" in [source["name"] for source in run.info["sources"]]


def test_complete_says_how_it_was_asked_for(toy_cortex, tmp_path):
    """The command is kept as it was typed."""
    (prepared,) = prepare(
        [toy_cortex.config()],
        [tmp_path],
        features=[toy_cortex.feature_set()],
        targets=[toy_cortex.parcellation()],
    )
    run = complete(prepared, command="cytosurf decode --features 'a b'")
    assert run.info["command"] == "cytosurf decode --features 'a b'"
