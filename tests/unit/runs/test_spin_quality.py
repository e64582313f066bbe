"""Every spin of a run is measured, and a filter looks at rotations alone."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from cytosurf.errors import InputError
from cytosurf.nulls import (
    SpinAssigner,
    SpinPValue,
    distance_pairs,
    spin_distortion,
    spin_rotations,
)
from cytosurf.runs import spin_quality as module
from cytosurf.runs.record import load_run
from cytosurf.runs.spin_quality import FILE_NAME, read_quality
from tests.unit.runs.conftest import N_SPINS
from tests.unit.runs.cortex import comparable

POLICIES = ("independent", "mirrored")


def table(folder):
    """Return the table of spins."""
    return pd.read_csv(folder / FILE_NAME, sep="\t")


@pytest.fixture(scope="module")
def limit(finished):
    """Return a limit that two spins of each policy meet, and more than two of one."""
    values = table(finished.directory).groupby("rotation")["distortion"]
    return float(values.nsmallest(3).groupby("rotation").max().max())


@pytest.fixture(scope="module")
def filtered(run_toy, limit, tmp_path_factory):
    """Return the record of a run whose spins are filtered."""
    return run_toy(tmp_path_factory.mktemp("filtered"), spins=N_SPINS, max_distortion=limit)


class TestTable:
    """One row for every spin."""

    def test_each_row(self, finished, toy_cortex):
        """Distances, sources, labels and classes, all counted by hand."""
        rows = table(finished.directory).set_index(["rotation", "spin"])
        assert list(rows.index) == [(p, k) for p in POLICIES for k in range(N_SPINS)]
        assert (rows["used"] == 1).all()
        spheres = {h: toy_cortex.toy_mesh(h, "sphere") for h in "LR"}
        surfaces = {h: toy_cortex.toy_mesh(h, "midthickness") for h in "LR"}
        inside = finished.block >= 0
        pairs = distance_pairs(surfaces, inside, n_landmarks=100)
        assigner, keys = SpinAssigner(spheres), toy_cortex.keys()
        for (policy, k), row in rows.iterrows():
            index = assigner.assign(spin_rotations(0, k, policy))
            spun = keys[index][inside]
            assert row["distortion"] == pytest.approx(spin_distortion(pairs, index), abs=1e-6)
            assert row["kept"] == pytest.approx((spun > 0).mean(), abs=1e-6)
            assert row["distinct"] == pytest.approx(len(set(index.tolist())) / 1284, abs=1e-6)
            assert row["n_classes"] == len(set(spun[spun > 0].tolist()))
        assert rows["distortion"].nunique() == 2 * N_SPINS

    def test_the_summary_is_in_the_results(self, finished):
        """Mean, least and largest of each measure, for each policy; no filter."""
        rows = table(finished.directory).groupby("rotation")
        quality = finished.results["spin_test"]["quality"]
        for policy, of_policy in rows:
            for name in ("kept", "distinct", "n_classes", "distortion"):
                found = quality[policy][name]
                values = of_policy[name]
                expected = (values.mean(), values.min(), values.max())
                assert tuple(found.values()) == pytest.approx(expected, abs=1e-6)
                assert list(found) == ["mean", "min", "max"]
        assert finished.results["spin_test"]["filter"] is None

    def test_rows_that_are_there_are_kept(self, run_toy, finished, tmp_path, monkeypatch):
        """More spins add rows as if all were done at once, and none is measured twice."""
        run_toy(tmp_path, spins=2)
        measured, measure = [], module._measured

        def noted(task, **rest):
            measured.append((task[0], list(task[1])))
            return measure(task, **rest)

        monkeypatch.setattr(module, "_measured", noted)
        run_toy(tmp_path, spins=N_SPINS)
        assert measured == [(policy, list(range(2, N_SPINS))) for policy in POLICIES]
        expected = (finished.directory / FILE_NAME).read_bytes()
        assert (tmp_path / FILE_NAME).read_bytes() == expected
        (tmp_path / FILE_NAME).write_text("rotation\tspin\nmirrored\t0\n")
        run_toy(tmp_path, spins=N_SPINS)
        assert (tmp_path / FILE_NAME).read_bytes() == expected

    def test_a_table_that_cannot_be_read(self, tmp_path):
        """Is no table."""
        assert read_quality(tmp_path) == {}
        (tmp_path / FILE_NAME).write_text("\t".join(module.COLUMNS) + "\nmirrored\t3" + "\t1" * 5)
        assert read_quality(tmp_path) == {}

    def test_processes_do_not_matter(self, run_toy, finished, tmp_path, monkeypatch):
        """Nor does the size of the pieces."""
        monkeypatch.setattr(module, "_CHUNK", 1)
        run_toy(tmp_path, spins=N_SPINS)
        expected = (finished.directory / FILE_NAME).read_bytes()
        assert (tmp_path / FILE_NAME).read_bytes() == expected


class TestFilter:
    """Spins that distort too much are left out."""

    def test_what_is_left_out(self, finished, filtered, limit):
        """Every test is that of the other spins; the spins themselves are the same."""
        rows = table(filtered.directory)
        assert (rows["used"] == (rows["distortion"] <= limit)).all()
        used = {p: of["used"].to_numpy(bool) for p, of in rows.groupby("rotation")}
        spin_test = filtered.results["spin_test"]
        assert spin_test["filter"] == {
            "max_distortion": limit,
            "rule": spin_test["filter"]["rule"],
            "n_used": {p: int(u.sum()) for p, u in used.items()},
            "n_left_out": {p: int((~u).sum()) for p, u in used.items()},
        }
        assert spin_test["n_spins"] == N_SPINS
        assert 0 < sum(spin_test["filter"]["n_left_out"].values()) < 2 * N_SPINS
        for ours, whole in zip(filtered.nulls, finished.nulls, strict=True):
            null = whole.null[used[whole.rotation]]
            np.testing.assert_array_equal(ours.null, null)
            assert ours.p == SpinPValue.from_null(whole.observed, null).p
        for name in ("independent", "mirrored"):
            paths = [r.directory / "spins" for r in (finished, filtered)]
            chunks = [sorted(f.read_bytes() for f in p.glob(f"{name}*")) for p in paths]
            assert chunks[0] == chunks[1]

    def test_spins_of_features(self, finished, filtered):
        """Count where the same spins of labels do; all without a filter."""
        assert module.counted_draws(finished, "mirrored", 3) is None
        for policy, of in table(filtered.directory).groupby("rotation"):
            found = module.counted_draws(filtered, policy, N_SPINS)
            assert found.tolist() == of["used"].astype(bool).tolist()
        strict = replace(filtered, config=filtered.config | {"max_distortion": 1e-6})
        with pytest.raises(InputError, match="--spins: found 3 mirrored spins, all more distorted"):
            module.counted_draws(strict, "mirrored", 3)

    def test_read_again(self, filtered):
        """A run that is loaded has the same nulls; one that lost its table says so."""
        again = load_run(filtered.directory)
        for ours, theirs in zip(again.nulls, filtered.nulls, strict=True):
            np.testing.assert_array_equal(ours.null, theirs.null)

    def test_without_its_table(self, run_toy, limit, tmp_path):
        """A filtered run cannot be read, and the same command mends it."""
        record = run_toy(tmp_path, spins=N_SPINS, max_distortion=limit)
        (tmp_path / FILE_NAME).unlink()
        with pytest.raises(InputError, match=f"{FILE_NAME}: found no table"):
            load_run(tmp_path)
        again = run_toy(tmp_path, spins=N_SPINS, max_distortion=limit)
        assert comparable(again.results) == comparable(record.results)

    def test_a_settled_limit_stays(self, run_toy, filtered, limit):
        """Another limit, or none, is another run."""
        for other in (limit / 2, None):
            with pytest.raises(InputError, match="a run with max_distortion"):
                run_toy(filtered.directory, spins=N_SPINS, max_distortion=other)

    def test_bad_input(self, run_toy, tmp_path):
        """Is refused before anything is written."""
        cases = [
            ({"max_distortion": 0.001}, r"max_distortion: found 0.001, which none of 6 ind"),
            ({"max_distortion": 0.5, "stop_after_exceedances": 3}, "one of the two"),
            ({"max_distortion": 0.0}, "max_distortion: found 0"),
        ]
        for options, says in cases:
            with pytest.raises(InputError, match=says):
                run_toy(tmp_path / "new", spins=N_SPINS, **options)
            assert not (tmp_path / "new").exists()


class TestRegions:
    """Distances in a part of the cortex."""

    def test_a_region_takes_values_from_everywhere(self, toy_cortex):
        """Its pairs are its own, their sources may lie anywhere."""
        inside = toy_cortex.points()[:, 2] > -8
        measure = module._Measure.of(toy_cortex.TOY, ("L", "R"), inside, region=True, seed=0)
        assert measure.pairs.mask.all()
        assert inside[measure.pairs.pairs].all()
        assert 0 < measure(0, "mirrored") < 2

    def test_too_few_vertices(self, toy_cortex):
        """Of one hemisphere: the other is measured. Of both: nothing is."""
        one = toy_cortex.cortex() & (np.arange(1284) >= 642)
        measure = module._Measure.of(toy_cortex.TOY, ("L", "R"), one, region=False, seed=0)
        assert measure.assigner.hemispheres == ("R",)
        index = SpinAssigner({"R": toy_cortex.toy_mesh("R", "sphere")}).assign(
            spin_rotations(0, 3, "mirrored")
        )
        assert measure(3, "mirrored") == pytest.approx(
            spin_distortion(measure.pairs, index), abs=1e-6
        )
        none = module._Measure.of(
            toy_cortex.TOY, ("L", "R"), np.zeros(1284, bool), region=False, seed=0
        )
        assert np.isnan(none(0, "mirrored"))


def test_few_spins_left_are_warned_about(filtered):
    """No p can then be small."""
    assert any("spins are left: no p can reach 0.05" in text for text in filtered.info["warnings"])
