"""Families: Holm over the runs that test the same thing, by its definition."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from cytosurf.compute import lock
from cytosurf.errors import CytosurfWarning, InputError
from cytosurf.runs.family import (
    correct_family,
    family_locked,
    family_members,
    regain_family,
    results_locked,
)
from cytosurf.runs.record import load_run
from tests.unit.nulls.oracles import holm_by_definition


@pytest.fixture(scope="module")
def runs(run_toy, toy_cortex, tmp_path_factory):
    """Return three runs of the same features against labels that are ever less theirs."""
    folder = tmp_path_factory.mktemp("family")
    given = [toy_cortex.feature_set(values=toy_cortex.stain(noise=2.0))]
    shifted = [toy_cortex.parcellation(toy_cortex.keys())]
    for offset in (120, 31):
        keys = toy_cortex.keys()
        keys[keys > 0] = 1 + (toy_cortex.points()[keys > 0, 2] * 7 + offset).astype(int) % 3
        shifted.append(toy_cortex.parcellation(keys))
    return [
        run_toy(folder / name, given, target, target_name=name, spins=6)
        for name, target in zip(("bands", "noise", "more"), shifted, strict=True)
    ]


def test_p_values_are_corrected_over_the_runs(runs, tmp_path):
    """Each statistic under each rotation is one family over the targets, by Holm's method."""
    corrected = correct_family(runs, tmp_path)
    assert [r.directory for r in corrected] == [r.directory for r in runs]
    for i in range(4):
        p = [run.nulls[i].p for run in runs]
        expected = holm_by_definition(p)
        assert [run.nulls[i].p_holm for run in corrected] == pytest.approx(expected)
        ordered = np.sort(p)[::-1]
        steps = np.minimum.accumulate(ordered * len(p) / np.arange(len(p), 0, -1))
        found = sorted((run.nulls[i].p_bh for run in corrected), reverse=True)
        assert found == pytest.approx(np.minimum(steps, 1))
    assert len({run.nulls[2].p for run in runs}) > 1


def test_results_and_family_file_agree(runs, tmp_path):
    """The corrected p is in results.json of each run, and family.json lists all tests."""
    correct_family(runs, tmp_path / "new")
    family = json.loads((tmp_path / "new" / "family.json").read_text())
    assert (family["schema"], family["method"]) == (1, "Holm")
    assert len(family["tests"]) == 12
    for row in family["tests"]:
        run = next(r for r in runs if r.directory.name == row["run"])
        assert row["target"] == run.results["target"]
        written = json.loads((run.directory / "results.json").read_text())
        assert {k: v for k, v in row.items() if k not in ("run", "target")} in (
            written["spin_test"]["tests"]
        )


def test_a_single_run_is_no_family(runs, tmp_path):
    """Nothing is corrected or written for one run."""
    before = (runs[0].directory / "results.json").read_bytes()
    assert correct_family(runs[:1], tmp_path) == runs[:1]
    assert list(tmp_path.iterdir()) == []
    assert (runs[0].directory / "results.json").read_bytes() == before


def test_only_the_same_tests_make_a_family(runs, run_toy, toy_cortex, tmp_path):
    """A run against another baseline shares the score alone; what was corrected before is gone."""
    correct_family(runs, tmp_path)
    given = [toy_cortex.feature_set(values=toy_cortex.stain(noise=2.0))]
    other = run_toy(tmp_path / "other", given, baseline=["harmonics:3"], spins=6)
    first, second = correct_family([load_run(runs[0].directory), other], tmp_path)
    for run in (first, second):
        for test in run.nulls:
            assert (test.p_holm is None) == (test.baseline is not None)
    rows = json.loads((tmp_path / "family.json").read_text())["tests"]
    assert {row["statistic"] for row in rows} == {"macro_f1"}


def test_a_smaller_family_forgets_the_larger_one(runs, tmp_path):
    """Correcting again starts from the p-values, not from what was corrected before."""
    correct_family(runs, tmp_path)
    pair = correct_family([load_run(run.directory) for run in runs[:2]], tmp_path)
    for i in range(4):
        expected = holm_by_definition([run.nulls[i].p for run in runs[:2]])
        assert [run.nulls[i].p_holm for run in pair] == pytest.approx(expected)


def test_two_runs_of_one_target_stay_apart(run_toy, tmp_path):
    """Runs are told apart by their directory, whatever their target is called."""
    both = [run_toy(tmp_path / side, hemispheres=[side], spins=5) for side in ("L", "R")]
    assert both[0].results["target"] == both[1].results["target"]
    corrected = correct_family(both, tmp_path)
    for i in range(2):
        p = [run.nulls[i].p for run in both]
        expected = holm_by_definition(p)
        assert [run.nulls[i].p_holm for run in corrected] == pytest.approx(expected)
        assert [run.nulls[i].p for run in corrected] == p


@pytest.fixture
def trio(run_toy, toy_cortex, tmp_path):
    """Return a function that does one of three runs, and the folder of their family."""
    given = [toy_cortex.feature_set(values=toy_cortex.stain(noise=2.0))]

    def do(name, spins=4):
        return run_toy(tmp_path / name, given, target_name=name, spins=spins)

    correct_family([do(name) for name in ("a", "b", "c")], tmp_path)
    return do, tmp_path


def holm_on_disk(folder):
    """Return the corrected p-values in the results of each run below a folder."""
    found = {}
    for path in sorted(folder.glob("*/results.json")):
        tests = json.loads(path.read_text())["spin_test"]["tests"]
        found[path.parent.name] = [test["p_holm"] for test in tests]
    return found


def test_redoing_a_member_leaves_nothing_stale(trio):
    """Its new tests void what was corrected with the old ones, and the family can be regained."""
    do, folder = trio
    assert all(None not in values for values in holm_on_disk(folder).values())
    assert family_members(folder / "b") == [folder / name for name in "abc"]
    redone = do("b", spins=9)
    assert holm_on_disk(folder) == dict.fromkeys("abc", [None] * 4)
    assert not (folder / "family.json").exists()
    family = regain_family(redone)
    assert [run.directory.name for run in family] == ["b", "a", "c"]
    for i in range(4):
        expected = holm_by_definition([run.nulls[i].p for run in family])
        assert [run.nulls[i].p_holm for run in family] == pytest.approx(expected)
    rows = json.loads((folder / "family.json").read_text())["tests"]
    assert {row["p"] for row in rows if row["run"] == "b"} == {test.p for test in redone.nulls}
    assert family[0].results["spin_test"]["n_spins"] == 9


def test_a_run_leaves_its_family_for_another(trio):
    """What was corrected over three is void once two of them are corrected without the third."""
    _, folder = trio
    correct_family([load_run(folder / name) for name in "ab"], folder / "two")
    assert holm_on_disk(folder)["c"] == [None] * 4
    assert None not in holm_on_disk(folder)["a"]
    assert not (folder / "family.json").exists()
    assert (folder / "two" / "family.json").exists()
    assert family_members(folder / "c") == []


def test_a_family_of_which_runs_are_gone(trio):
    """The others are corrected among themselves; a last one is a single run again."""
    do, folder = trio
    shutil.rmtree(folder / "a")
    family = regain_family(do("b"))
    assert [run.directory.name for run in family] == ["b", "c"]
    assert {row["run"] for row in json.loads((folder / "family.json").read_text())["tests"]} == {
        *"bc"
    }
    shutil.rmtree(folder / "c")
    (last,) = regain_family(do("b"))
    assert last.results["family"] is None
    assert holm_on_disk(folder) == {"b": [None] * 4}
    assert not (folder / "family.json").exists()


def test_nobody_else_writes_the_results_of_a_family(trio, monkeypatch):
    """Whoever redoes or corrects a member waits for who corrects another: no test is lost."""
    do, folder = trio
    monkeypatch.setattr(lock, "WAIT_SECONDS", 0.0)
    runs = [load_run(folder / name) for name in "abc"]
    before = [(folder / name / "results.json").read_bytes() for name in "abc"]
    with results_locked([folder / "c"]):
        for work in (
            lambda: do("a", spins=5),
            lambda: correct_family(runs[:2], folder),
            lambda: regain_family(runs[0]),
        ):
            with pytest.raises(InputError, match=rf"{folder / 'c'}: found process .* at work"):
                work()
    assert before == [(folder / name / "results.json").read_bytes() for name in "abc"]
    with family_locked([folder / "a"]), pytest.raises(InputError), results_locked([folder / "b"]):
        pass
    regain_family(do("a", spins=5))
    assert all(None not in values for values in holm_on_disk(folder).values())


def test_who_has_joined_another_family_meanwhile(trio):
    """Is asked where it is now, not where it was when its record was read."""
    _, folder = trio
    before = load_run(folder / "a")
    alone = replace(before, results=before.results | {"family": None})
    assert [run.directory.name for run in regain_family(alone)] == ["a", "b", "c"]


def test_a_member_whose_spins_are_gone(trio):
    """Is corrected all the same, and named."""
    do, folder = trio
    shutil.rmtree(folder / "b" / "spins")
    with pytest.warns(CytosurfWarning, match=rf"b/spins: found .*cytosurf report {folder}/b"):
        family = regain_family(do("a", spins=5))
    assert [run.directory.name for run in family] == ["a", "c"]
    assert all(None not in values for values in holm_on_disk(folder).values())


def test_a_family_moves_as_a_whole(trio, tmp_path):
    """Runs find each other where they are now."""
    _, folder = trio
    shutil.copytree(folder, tmp_path / "moved", ignore=shutil.ignore_patterns("moved"))
    assert family_members(tmp_path / "moved" / "c") == [tmp_path / "moved" / n for n in "abc"]
    assert family_members(tmp_path / "nowhere") == []
