"""Increment tests in run directories: those of the function, resumable, beside all else."""

import numpy as np
import pytest

from cytosurf.compute.lock import check_unlocked, locked
from cytosurf.errors import CytosurfWarning, InputError
from cytosurf.nulls import SpinPValue
from cytosurf.nulls import increment as increment_module
from cytosurf.runs import inputs, load_run, read_json, stored_increment
from cytosurf.runs.extend import add_to_run
from cytosurf.runs.increment import increment_test
from cytosurf.runs.spin_quality import read_quality
from cytosurf.runs.stored_increment import add_increment_test
from tests.unit.runs.cortex import FOLDS, comparable, cortex, feature_set, listing

pytestmark = pytest.mark.filterwarnings("ignore:.*spins cannot give")


KEYS = ("increment_tests", "feature_tests")


@pytest.fixture
def run(named_toy, tmp_path):
    """Return a run with label spins."""
    named_toy(tmp_path / "run", spins=3)
    return tmp_path / "run"


def entries(folder):
    """Return the increment tests that results.json holds."""
    return read_json(folder / "results.json")["increment_tests"]


def test_is_that_of_the_function(run):
    """On the vertices and folds of the run; rotations are those of its seed."""
    record = add_increment_test(run, spins=4, position="noise")
    options = {"space": "toy-642", "spins": 4, "folds": FOLDS, "position": "noise"}
    expected = increment_test("stain", "bands", **options)
    (test,) = entries(run)
    (null,) = record.increment_nulls
    np.testing.assert_array_equal(null.null, expected.null)
    assert (test["features"], test["position"]) == ("stain", "noise")
    for name in ("observed", "score", "score_position", "p", "exceed", "n_vertices", "n_spins"):
        assert test[name] == getattr(expected, name), name
    assert test["p_ci95"] == list(expected.p_ci95)
    assert test["kept"]["min"] == expected.kept.min()
    assert (null.baseline, null.statistic, null.p) == (
        "noise",
        "macro_f1 increment",
        expected.p,
    )


def test_nothing_else_changes(run):
    """Neither the label spins nor the scores."""
    before = comparable(read_json(run / "results.json"))
    spins = listing(run / "spins")
    add_increment_test(run, spins=2, position="position")
    after = comparable(read_json(run / "results.json"))
    assert {**after, "increment_tests": []} == before
    assert before["increment_tests"] == []
    assert listing(run / "spins") == spins


def test_goes_on_where_it_stopped(run, monkeypatch, tmp_path, named_toy):
    """A killed test keeps what was done, in any number of processes; the outcome is the same."""
    named_toy(tmp_path / "whole", spins=3)
    add_increment_test(tmp_path / "whole", spins=9)
    scores, done = increment_module.feature_scores, []

    def dying(*arguments):
        done.append(1)
        if len(done) == 5:  # the real features, and three draws before it
            raise KeyboardInterrupt
        return scores(*arguments)

    monkeypatch.setattr(increment_module, "feature_scores", dying)
    with pytest.raises(KeyboardInterrupt):
        add_increment_test(run, spins=9)
    assert entries(run) == []
    (folder,) = (run / "increments").iterdir()
    assert 0 < len(list(folder.iterdir())) <= 3
    done[:] = [0] * 5
    add_increment_test(run, spins=9)
    assert len(done) - 5 <= 1 + 9 - 2
    assert entries(run) == entries(tmp_path / "whole")


def test_more_spins_are_added_and_none_is_lost(run):
    """The first ones stay; fewer than there are change nothing."""
    first = add_increment_test(run, spins=3).increment_nulls[0].null
    more = add_increment_test(run, spins=5).increment_nulls[0].null
    np.testing.assert_array_equal(more[:3], first)
    before = entries(run)
    add_increment_test(run, spins=2)
    assert entries(run) == before
    assert before[0]["n_spins"] == 5


def test_each_kind_of_test_stands_beside_the_others(run):
    """Another position or policy is another test; the same one replaces itself."""
    add_increment_test(run, spins=2)
    add_increment_test(run, spins=2, position="position")
    add_increment_test(run, spins=2, rotation="independent")
    add_increment_test(run, spins=3, position="position")
    found = [(t["position"], t["rotation"], t["n_spins"]) for t in entries(run)]
    assert found == [
        ("harmonics:2", "mirrored", 2),
        ("harmonics:2", "independent", 2),
        ("position", "mirrored", 3),
    ]
    assert len(load_run(run).increment_nulls) == 3


def test_stays_when_the_run_goes_on(run, named_toy):
    """More label spins, by either command, keep it."""
    add_increment_test(run, spins=2)
    before = entries(run)
    add_to_run(run, 4)
    assert entries(run) == before
    named_toy(run, spins=5)
    assert entries(run) == before


def test_as_many_as_the_run_has_label_spins(run):
    """Unless another number is asked for."""
    add_increment_test(run)
    assert entries(run)[0]["n_spins"] == 3


def test_a_run_that_stopped_early_has_a_limit_alone(named_toy, tmp_path, monkeypatch):
    """Not every spin that it might have had is drawn for another test."""
    monkeypatch.setattr(stored_increment, "DEFAULT_SPINS", 2)
    folder = tmp_path / "run"
    record = named_toy(folder, features=["noise"], spins=30, stop_after_exceedances=1)
    assert record.results["spin_test"]["stopping"]["stopped"]
    add_increment_test(folder, position="position")
    assert entries(folder)[0]["n_spins"] == 2


def test_spins_that_distort_are_left_out(named_toy, tmp_path):
    """By the limit of the run and the rotations of its label spins; surrogates all count."""
    options = {"spins": 6, "rotation": "mirrored"}
    named_toy(tmp_path / "whole", **options)
    distortion = read_quality(tmp_path / "whole")["mirrored"].distortion
    limit = float(np.sort(distortion)[2])
    whole = add_increment_test(tmp_path / "whole", spins=8, position="noise").increment_nulls[0]
    assert entries(tmp_path / "whole")[0]["filter"] is None
    run = tmp_path / "run"
    named_toy(run, **options, max_distortion=limit)
    for n_spins in (6, 8):
        record = add_increment_test(run, spins=n_spins, position="noise")
        (null,), (test,) = record.increment_nulls, entries(run)
        left_out = test["filter"]["left_out"]
        assert test["filter"]["max_distortion"] == limit
        assert [k for k in left_out if k < 6] == np.flatnonzero(distortion > limit).tolist()
        expected = np.delete(whole.null[:n_spins], left_out)
        np.testing.assert_array_equal(null.null, expected)
        assert test["n_spins"] == len(expected)
        assert test["p"] == SpinPValue.from_null(whole.observed, expected).p
    add_increment_test(run, spins=2, null="surrogates", position="noise")
    assert (entries(run)[1]["filter"], entries(run)[1]["n_spins"]) == (None, 2)


def test_a_damaged_file_is_done_again(run):
    """With a warning that names it."""
    add_increment_test(run, spins=3)
    before = entries(run)
    (folder,) = (run / "increments").iterdir()
    path = sorted(folder.iterdir())[1]
    whole = path.read_bytes()
    path.write_bytes(whole[:-40])
    with pytest.raises(InputError, match="broken file"):
        load_run(run)
    with pytest.warns(CytosurfWarning, match=f"{path.name}: damaged"):
        add_increment_test(run, spins=3)
    assert entries(run) == before
    assert path.read_bytes() == whole
    path.unlink()
    with pytest.raises(InputError, match=r"2 of 3 draws.*cytosurf increment"):
        load_run(run)


def test_draws_of_another_run_are_refused(run, named_toy, tmp_path):
    """Copied from a run of another seed."""
    named_toy(tmp_path / "other", spins=0, seed=1)
    add_increment_test(tmp_path / "other", spins=2)
    (tmp_path / "other" / "increments").rename(run / "increments")
    with pytest.raises(InputError, match="draws of another run"):
        add_increment_test(run, spins=2)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"features": "stian"}, "--features: found 'stian'; expected one of stain"),
        ({"position": "stain"}, "--position: found 'stain', the features"),
        ({"spins": 0}, "--spins: found 0"),
        ({"rotation": "random"}, "rotation policy"),
        ({"null": "moran"}, "moran"),
        ({"jobs": 0}, "--jobs"),
    ],
)
def test_bad_input(run, options, says):
    """Each mistake has its message, and nothing is written."""
    before = listing(run)
    with pytest.raises(InputError, match=says):
        add_increment_test(run, **({"spins": 2} | options))
    assert listing(run) == before


def test_position_on_fewer_vertices(run, monkeypatch):
    """Is refused in words of its own: the data of the run have not changed."""
    load = inputs.load_feature_sets

    def smaller(names, space):
        sets = load(names, space)
        if "noise" in sets:
            valid = cortex()
            valid[np.flatnonzero(valid)[:5]] = False
            sets["noise"] = feature_set("noise", valid=valid)
        return sets

    monkeypatch.setattr(inputs, "load_feature_sets", smaller)
    before = listing(run)
    with pytest.raises(InputError, match=r"--position noise: found no value on 5 of the .* vertic"):
        add_increment_test(run, spins=2, position="noise")
    assert listing(run) == before


def test_maps_in_memory_and_no_run(run_toy, tmp_path):
    """Only named inputs can be loaded again; a folder must be a run."""
    run_toy(tmp_path / "run", spins=0)
    with pytest.raises(InputError, match="maps in memory"):
        add_increment_test(tmp_path / "run", spins=2)
    with pytest.raises(InputError, match=r"config\.yaml"):
        add_increment_test(tmp_path / "none", spins=2)


def test_one_process_at_a_time(run, monkeypatch):
    """Refused while another works on the run; the run is locked while draws go on."""
    before = listing(run)
    with locked(run), pytest.raises(InputError, match="at work since"):
        add_increment_test(run, spins=2)
    assert listing(run) == before
    scores, seen = increment_module.feature_scores, []

    def looking(*arguments):
        with pytest.raises(InputError, match="at work since"):
            check_unlocked(run)
        seen.append(1)
        return scores(*arguments)

    monkeypatch.setattr(increment_module, "feature_scores", looking)
    add_increment_test(run, spins=2)
    assert seen
    check_unlocked(run)


def test_surrogates_and_features_on_their_own(run, named_toy):
    """Each kind of test has an entry of its own, kept when the run is done again."""
    options = {"space": "toy-642", "spins": 3, "folds": FOLDS, "position": "noise"}
    asked = {"spins": 3, "position": "noise"}
    for null in ("spins", "surrogates"):
        add_increment_test(run, null=null, **asked)
        add_increment_test(run, null=null, statistic="difference", **asked)
    results = read_json(run / "results.json")
    for key, statistic in (("increment_tests", "increment"), ("feature_tests", "difference")):
        assert [test["null"] for test in results[key]] == ["spins", "surrogates"]
        for test in results[key]:
            kind = {"null": test["null"], "statistic": statistic}
            expected = increment_test("stain", "bands", **options, **kind)
            assert test["statistic"] == f"macro_f1 {statistic}"
            assert (test["observed"], test["exceed"]) == (expected.observed, expected.exceed)
        spins, surrogates = (test["surrogates"] for test in results[key])
        assert spins is None
        assert surrogates["n_modes"] == expected.surrogates.n_modes
        assert surrogates["share"] == expected.surrogates.share
    record = load_run(run)
    assert len(record.increment_nulls) == 2
    assert [null.draws for null in record.feature_nulls] == ["spins", "surrogates"]
    for null, test in zip(record.feature_nulls, results["feature_tests"], strict=True):
        assert (null.statistic, null.observed) == ("macro_f1 difference", test["observed"])
        assert int((null.null >= null.observed - 1e-12).sum()) == test["exceed"]
    assert len({test["folder"] for key in KEYS for test in results[key]}) == 4
    add_increment_test(run, null="surrogates", statistic="difference", **asked)
    named_toy(run, spins=3)
    again = read_json(run / "results.json")
    assert {key: again[key] for key in KEYS} == {key: results[key] for key in KEYS}
