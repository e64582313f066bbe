"""Spins of a run directory: whole chunks, any split, and p-values that anyone can compute again."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from cytosurf.errors import CytosurfWarning, InputError
from cytosurf.nulls import SpinAssigner, run_spins
from cytosurf.nulls.pvalues import clopper_pearson
from cytosurf.runs import chunks, record, spins
from cytosurf.runs.chunks import counts_of, read_spins, spins_of
from cytosurf.runs.execute import make_spin_test, prepare
from cytosurf.runs.observed import decode_observed
from cytosurf.runs.outcome import read_nulls, spin_test_outcome
from cytosurf.runs.record import read_arrays
from cytosurf.runs.spins import add_spins
from tests.unit.runs.cortex import spin_files

BOTH = ("independent", "mirrored")


@pytest.fixture(scope="module")
def spin_test(toy_cortex, tmp_path_factory):
    """Return what all spins of the toy run share."""
    (prepared,) = prepare(
        [toy_cortex.config(spins=19)],
        [tmp_path_factory.mktemp("unused")],
        features=[toy_cortex.feature_set()],
        targets=[toy_cortex.parcellation()],
    )
    assert isinstance(prepared.assigner, SpinAssigner)
    observed = decode_observed(prepared.config, prepared.inputs, jobs=1)
    return make_spin_test(prepared, prepared.assigner, observed.decoders)


def kept_spins(folder, policy="independent"):
    """Return the spin indices that the files of a folder hold, and what they hold of each."""
    rows = {}
    for path in sorted((folder / "spins").glob(f"{policy}_*.npz")):
        arrays = read_arrays(path)
        for i, k in enumerate(arrays["spins"].tolist()):
            assert k not in rows
            parts = counts_of(arrays).dense(), arrays["kept"], arrays["distinct"]
            rows[k] = tuple(part[i].tobytes() for part in parts)
    return rows


def test_a_chunk_holds_what_the_spins_alone_give(spin_test, tmp_path):
    """Each row of a file is the spin of that index, done on its own."""
    add_spins(tmp_path, spin_test, BOTH, range(4), jobs=1)
    for policy in BOTH:
        for path in (tmp_path / "spins").glob(f"{policy}_*.npz"):
            arrays = read_arrays(path)
            alone = [run_spins(spin_test, [k], policy) for k in arrays["spins"].tolist()]
            counts = np.concatenate([a.counts.dense() for a in alone])
            assert np.array_equal(counts_of(arrays).dense(), counts)
            assert np.array_equal(arrays["kept"], np.concatenate([a.kept for a in alone]))
            assert np.array_equal(arrays["distinct"], np.concatenate([a.distinct for a in alone]))
            assert np.array_equal(arrays["evaluated"], sum(a.evaluated for a in alone))
            assert np.array_equal(arrays["correct"], sum(a.correct for a in alone))


@pytest.mark.parametrize("largest", [1, 3, 50])
def test_the_size_of_chunks_does_not_matter(spin_test, tmp_path, monkeypatch, largest):
    """However spins are put into files, each spin is the same to the bit."""
    monkeypatch.setattr(spins, "LARGEST_CHUNK", largest)
    monkeypatch.setattr(spins, "CHUNKS_PER_JOB", 1)
    add_spins(tmp_path, spin_test, ("independent",), range(7), jobs=1)
    sizes = [len(read_arrays(p)["spins"]) for p in (tmp_path / "spins").iterdir()]
    assert max(sizes) == min(largest, 7)
    whole = run_spins(spin_test, range(7), "independent")
    expected = {
        k: (whole.counts.dense()[k].tobytes(), whole.kept[k].tobytes(), whole.distinct[k].tobytes())
        for k in range(7)
    }
    assert kept_spins(tmp_path) == expected


@pytest.mark.usefixtures("one_spin_files")
def test_only_missing_spins_are_done(spin_test, tmp_path, monkeypatch):
    """More spins, or a lost file, cost the missing spins alone and change no other file."""
    add_spins(tmp_path, spin_test, ("independent",), range(5), jobs=1)
    before = kept_spins(tmp_path)
    lost = tmp_path / "spins" / "independent_000002-000002.npz"
    content = lost.read_bytes()
    lost.unlink()
    untouched = {p: p.stat().st_mtime_ns for p in (tmp_path / "spins").iterdir()}
    done = []

    def noted(test, numbers, policy):
        done.extend(numbers)
        return run_spins(test, numbers, policy)

    monkeypatch.setattr(spins, "run_spins", noted)
    add_spins(tmp_path, spin_test, ("independent",), range(8), jobs=1)
    assert sorted(done) == [2, 5, 6, 7]
    assert lost.read_bytes() == content
    assert all(p.stat().st_mtime_ns == when for p, when in untouched.items())
    after = kept_spins(tmp_path)
    assert sorted(after) == list(range(8))
    assert {k: after[k] for k in before} == before
    done.clear()
    add_spins(tmp_path, spin_test, ("independent",), range(8), jobs=1)
    assert done == []


@given(st.sets(st.integers(0, 200)), st.integers(1, 60))
def test_runs_are_consecutive_whole_and_short_enough(missing, size):
    """Every missing spin is in exactly one run of consecutive indices, as long as possible."""
    runs = spins._runs(sorted(missing), size)
    assert [k for run in runs for k in run] == sorted(missing)
    assert all(run == list(range(run[0], run[-1] + 1)) for run in runs)
    assert all(len(run) <= size for run in runs)
    for before, after in itertools.pairwise(runs):
        assert before[-1] + 1 < after[0] or len(before) == size


def test_unfinished_and_foreign_files_are_not_spins(spin_test, tmp_path):
    """A temporary file of a killed process and a file of another name are passed over."""
    add_spins(tmp_path, spin_test, ("independent",), range(2), jobs=1)
    for name in (".tmp-ab-independent_000002-000003.npz", "independent_all.npz", "notes.txt"):
        (tmp_path / "spins" / name).write_text("?")
    assert read_spins(tmp_path, "independent", 2)["statistic"].shape == (2, 2)
    with pytest.raises(InputError, match=r"2 of 3 spins.*goes on where it stopped"):
        read_spins(tmp_path, "independent", 3)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut", b"no zip"])
def test_a_broken_chunk_is_named(spin_test, tmp_path, content):
    """A chunk that cannot be read is named with the way out; doing that mends the run."""
    add_spins(tmp_path, spin_test, ("mirrored",), range(2), jobs=1)
    path = tmp_path / "spins" / "mirrored_000001-000001.npz"
    whole = path.read_bytes()
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"mirrored_000001-000001\.npz.*Delete it"):
        read_spins(tmp_path, "mirrored", 2)
    path.unlink()
    add_spins(tmp_path, spin_test, ("mirrored",), range(2), jobs=1)
    assert path.read_bytes() == whole


@pytest.mark.usefixtures("one_spin_files")
def test_a_damaged_chunk_is_computed_again(spin_test, tmp_path):
    """It is named in a warning, and its spins come back to the byte, however it is cut now."""
    add_spins(tmp_path, spin_test, ("mirrored",), range(3), jobs=1)
    cut, changed = (tmp_path / "spins" / f"mirrored_{k:06d}-{k:06d}.npz" for k in (0, 2))
    whole = {path: path.read_bytes() for path in (cut, changed)}
    cut.write_bytes(whole[cut][:100])
    arrays = read_arrays(changed)
    np.savez(changed, **arrays | {"count": arrays["count"] + 1})
    with pytest.warns(CytosurfWarning, match="damaged") as caught:
        add_spins(tmp_path, spin_test, ("mirrored",), range(3), jobs=1)
    said = [str(w.message).partition(":")[0] for w in caught]
    assert said == [str(cut), str(changed)]
    assert {path: path.read_bytes() for path in (cut, changed)} == whole


def test_a_damaged_chunk_of_another_size_is_replaced(spin_test, tmp_path, monkeypatch):
    """The file goes even where its spins are put into files of other names."""
    monkeypatch.setattr(spins, "CHUNKS_PER_JOB", 1)
    add_spins(tmp_path, spin_test, ("mirrored",), range(4), jobs=1)
    (path,) = (tmp_path / "spins").iterdir()
    before = read_spins(tmp_path, "mirrored", 4)
    path.write_bytes(b"")
    monkeypatch.setattr(spins, "CHUNKS_PER_JOB", 8)
    with pytest.warns(CytosurfWarning, match="damaged"):
        add_spins(tmp_path, spin_test, ("mirrored",), range(4), jobs=1)
    assert not path.exists()
    again = read_spins(tmp_path, "mirrored", 4)
    assert all(np.array_equal(again[key], before[key]) for key in before)


@pytest.mark.usefixtures("one_spin_files")
def test_chunks_of_other_shards_are_left_alone(spin_test, tmp_path, monkeypatch):
    """They are not read, and a damaged one stays for those who can do its spins again."""
    add_spins(tmp_path, spin_test, ("mirrored",), range(6), jobs=1)
    read, told = [], []
    for k in (0, 3):
        (tmp_path / "spins" / f"mirrored_{k:06d}-{k:06d}.npz").write_bytes(b"")
    before = spin_files(tmp_path)

    def noted(path, *names):
        read.extend([spins_of(path).start] if path.parent.name == "spins" else [])
        return read_arrays(path, *names)

    def add_two(**options):
        tell = lambda chunk: told.extend(chunk.spins.tolist()) or ""  # noqa: E731
        two = range(2, 4)
        add_spins(tmp_path, spin_test, ("mirrored",), two, jobs=1, after_chunk=tell, **options)

    for module in (chunks, record):
        monkeypatch.setattr(module, "read_arrays", noted)
    with pytest.warns(CytosurfWarning, match=r"removed\. Spins 3 to 3 are computed") as caught:
        add_two()
    assert len(caught) == 1
    assert set(read) == {2, 3}
    assert told == [2, 3]
    after = spin_files(tmp_path)
    assert {name for name in before if after[name] != before[name]} == {
        "mirrored_000003-000003.npz"
    }
    told.clear()
    add_two(known=range(4))
    assert told == [1, 2, 3]
    assert spin_files(tmp_path) == after


def test_a_damaged_chunk_of_two_shards(spin_test, tmp_path, monkeypatch):
    """What one of them says is about its own spins."""
    monkeypatch.setattr(spins, "CHUNKS_PER_JOB", 1)
    add_spins(tmp_path, spin_test, ("mirrored",), range(4), jobs=1)
    (path,) = (tmp_path / "spins").iterdir()
    path.write_bytes(b"")
    with pytest.warns(CytosurfWarning, match="Spins 2 to 3 are computed again"):
        add_spins(tmp_path, spin_test, ("mirrored",), range(2, 8), jobs=1)
    assert sorted(kept_spins(tmp_path, "mirrored")) == list(range(2, 8))


def test_chunks_are_limited_by_bytes(spin_test, monkeypatch):
    """Many spins make files of at most 50, fewer where many vertices and sets make them large."""
    assert spins.chunk_size(spin_test, 10_000, jobs=2) == 50
    assert spins.chunk_size(spin_test, 400, jobs=2) == 25
    per_spin = 12 * 2 * 3 * 3**2  # two sets, three folds, three classes
    monkeypatch.setattr(spins, "LARGEST_CHUNK_BYTES", 7 * per_spin)
    assert spins.chunk_size(spin_test, 10_000, jobs=2) == 7
    many = replace(spin_test, n_classes=1000)
    monkeypatch.setattr(spins, "LARGEST_CHUNK_BYTES", 12 * 2 * len(spin_test.decoders[0].rows) * 4)
    assert spins.chunk_size(many, 10_000, jobs=2) == 4
    monkeypatch.setattr(spins, "LARGEST_CHUNK_BYTES", 1)
    assert spins.chunk_size(many, 10_000, jobs=2) == 1


@pytest.mark.parametrize(
    ("n_spins", "jobs", "size"), [(100, 2, 20), (10, 1, 5), (977, 32, 16), (10, 32, 1), (1, 2, 1)]
)
def test_few_spins_make_few_files(spin_test, n_spins, jobs, size):
    """Two for each process, or files of 20: a shard of ten spins is not ten files."""
    assert spins.chunk_size(spin_test, n_spins, jobs) == size


@pytest.mark.parametrize("policy", ["independent", "mirrored"])
def test_spins_of_another_run_are_refused(spin_test, tmp_path, policy):
    """A chunk of another run, or under the name of another policy, is not taken for this run's."""
    other = replace(spin_test, run="another seed")
    add_spins(tmp_path, other, ("mirrored",), range(2), jobs=1)
    for path in sorted((tmp_path / "spins").iterdir()):
        path.rename(path.with_name(path.name.replace("mirrored", policy)))
    with pytest.raises(InputError, match=rf"{policy}_000000-000000\.npz.*another run"):
        add_spins(tmp_path, spin_test, (policy,), range(4), jobs=1)
    if policy == "independent":
        with pytest.raises(InputError, match="another run"):
            add_spins(tmp_path, other, (policy,), range(4), jobs=1)
    assert len(list((tmp_path / "spins").iterdir())) == 2


@pytest.mark.usefixtures("one_spin_files")
def test_spins_that_overlap_count_once_and_in_order(spin_test, tmp_path, monkeypatch):
    """Files that hold the same spins (copied from elsewhere) do not make a spin count twice."""
    add_spins(tmp_path, spin_test, ("independent",), range(4), jobs=1)
    before = read_spins(tmp_path, "independent", 4)
    elsewhere = tmp_path / "elsewhere"
    monkeypatch.setattr(spins, "CHUNKS_PER_JOB", 1)
    add_spins(elsewhere, spin_test, ("independent",), range(6), jobs=1)
    for path in (elsewhere / "spins").iterdir():
        path.rename(tmp_path / "spins" / path.name)
    assert len(list((tmp_path / "spins").iterdir())) == 5
    again = read_spins(tmp_path, "independent", 4)
    assert all(np.array_equal(again[key], before[key]) for key in before)


def test_the_null_is_scikit_learns_score_of_spun_labels(spin_test, tmp_path):
    """The statistic of a spin is the mean over folds of macro-F1 on the spun labels."""
    add_spins(tmp_path, spin_test, ("independent",), range(2), jobs=1)
    counts = run_spins(spin_test, [1], "independent").counts.dense()[0, 0]
    scores = []
    for table in counts:
        truth, prediction = np.nonzero(table)
        weight = table[truth, prediction]
        scores.append(f1_score(truth, prediction, sample_weight=weight, average="macro"))
    statistic = read_spins(tmp_path, "independent", 2)["statistic"]
    assert statistic[1, 0] == pytest.approx(np.mean(scores), abs=1e-12)


def test_p_values_follow_from_the_stored_counts(finished):
    """Anyone can compute observed, exceed, p and interval again from the nulls and the folds."""
    scores = {
        name: np.array(entry["macro_f1"]["folds"])
        for name, entry in finished.results["feature_sets"].items()
    }
    assert len(finished.nulls) == 4
    for test in finished.nulls:
        observed = scores[test.features].mean()
        if test.baseline:
            observed -= scores[test.baseline].mean()
        exceed = int((test.null >= observed - 1e-12).sum())
        assert test.observed == pytest.approx(observed, abs=1e-12)
        assert (test.exceed, len(test.null)) == (exceed, 6)
        assert test.p == (exceed + 1) / 7
        assert test.p_ci95 == pytest.approx(clopper_pearson(exceed, 6))
        assert test.p_holm is None
        assert test.p_max is None  # a single feature set


def test_p_values_are_corrected_over_the_feature_sets(run_toy, toy_cortex, tmp_path):
    """By the largest of their statistics in each spin, each on the scale of its own null."""
    weak = toy_cortex.feature_set("weak", values=toy_cortex.stain(1, seed=3, noise=4.0))
    run = run_toy(tmp_path, [toy_cortex.feature_set(), weak], features=["stain", "weak"], spins=9)
    tests = {(t.features, t.baseline, t.rotation): t for t in run.nulls}
    for baseline, policy in itertools.product(("coordinates", None), BOTH):
        pair = [tests[name, baseline, policy] for name in ("stain", "weak")]
        rows = np.array([[t.observed, *t.null] for t in pair])
        z = (rows - rows.mean(axis=1, keepdims=True)) / rows.std(axis=1, keepdims=True)
        largest = z[:, 1:].max(axis=0)
        for test, observed in zip(pair, z[:, 0], strict=True):
            assert test.p_max == pytest.approx(((largest >= observed - 1e-9).sum() + 1) / 10)
            assert test.p_max >= test.p


def test_the_difference_is_spun_as_a_difference(finished):
    """Its null is that of the features minus that of the baseline, spin by spin."""
    tests = {(t.baseline, t.rotation): t for t in finished.nulls}
    for policy in BOTH:
        statistic = read_spins(finished.directory, policy, 6)["statistic"]
        assert np.array_equal(tests[None, policy].null, statistic[:, 0])
        difference = statistic[:, 0] - statistic[:, 1]
        assert np.array_equal(tests["coordinates", policy].null, difference)


def test_the_policy_to_quote(finished):
    """Independent rotations for the difference to the coordinates, mirrored for all else."""
    quoted = [(t.baseline, t.rotation) for t in finished.nulls if t.primary]
    assert quoted == [("coordinates", "independent"), (None, "mirrored")]
    assert [t.primary for t in finished.nulls] == [True, False, True, False]


def test_other_baselines_quote_mirrored_rotations(run_toy, tmp_path):
    """Independent rotations are for the published baseline alone."""
    baseline = ["harmonics:3", "coordinates:mirrored", "coordinates"]
    record = run_toy(tmp_path, spins=1, baseline=baseline, matched_position=False)
    quoted = {t.baseline: t.rotation for t in record.nulls if t.primary}
    assert quoted == {
        "harmonics:3": "mirrored",
        "coordinates:mirrored": "mirrored",
        "coordinates": "independent",
        None: "mirrored",
    }
    assert record.results["spin_test"]["sets"] == ["stain", *baseline]


def test_a_feature_set_is_not_compared_with_itself(run_toy, toy_cortex, tmp_path):
    """A baseline that is also decoded as features gets no difference to itself."""
    record = run_toy(
        tmp_path,
        given=[toy_cortex.feature_set(), "coordinates"],
        features=["stain", "coordinates"],
        spins=1,
    )
    tested = {(t.features, t.baseline) for t in record.nulls}
    assert tested == {("stain", "coordinates"), ("stain", None), ("coordinates", None)}
    compared = {(d["features"], d["baseline"]) for d in record.results["differences"]}
    assert ("coordinates", "coordinates") not in compared


def test_fewer_spins_look_at_the_first_ones(finished):
    """A run that is asked for fewer spins than it holds uses those from 0 on."""
    fewer = spin_test_outcome(finished, BOTH, 4)
    null = next(t for t in finished.nulls if t.baseline is None and t.rotation == "mirrored").null
    test = next(t for t in fewer["tests"] if t["baseline"] is None and t["primary"])
    assert fewer["n_spins"] == 4
    assert test["exceed"] == int((null[:4] >= test["observed"] - 1e-12).sum())
    results = finished.results | {"spin_test": fewer}
    assert len(read_nulls(finished.directory, results)[0][0].null) == 4


def test_quality_says_what_spins_keep(finished):
    """The share of vertices with a label after a spin, and of vertices that served as sources."""
    quality = finished.results["spin_test"]["quality"]
    assert set(quality) == set(BOTH)
    for policy, shares in quality.items():
        stored = read_spins(finished.directory, policy, 6)
        for name in ("kept", "distinct"):
            assert shares[name]["mean"] == pytest.approx(stored[name].mean())
            assert shares[name]["min"] == stored[name].min()
            assert 0.5 < shares[name]["min"] <= shares[name]["mean"] < 1


def test_a_run_without_spins_has_no_tests(tmp_path):
    """Null in results.json is an empty list of tests."""
    assert read_nulls(tmp_path, {"spin_test": None}) == ([], [])
