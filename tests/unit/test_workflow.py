"""The main job in one call: tables, maps, files, families, and nothing half-written."""

import os
import shutil
import tempfile
from pathlib import Path

import nibabel
import numpy as np
import pandas as pd
import pytest
from nilearn.surface import SurfaceImage
from sklearn.naive_bayes import GaussianNB

import cytosurf
from cytosurf.compute.lock import locked
from cytosurf.errors import InputError
from cytosurf.report import outputs as room
from cytosurf.runs import load_run
from cytosurf.runs.options import read_options
from cytosurf.runs.record import read_json
from cytosurf.surfaces import nilearn as images
from cytosurf.targets import Target
from cytosurf.workflow import (
    EMBEDDED_FEATURES,
    EMBEDDED_TARGET,
    Decoding,
    decode,
    default_folder,
    write_reports,
)
from tests.unit.nulls.oracles import holm_by_definition
from tests.unit.report.records import one_fold
from tests.unit.runs.cortex import FOLDS, comparable, listing, write_page

pytestmark = pytest.mark.filterwarnings("ignore::cytosurf.errors.CytosurfWarning")

SMALL = {"space": "toy-642", "folds": FOLDS, "jobs": 1}
OUTPUTS = {
    *("config.yaml", "run.json", "results.json", "observed.npz", "maps", "report.html"),
    *("scores.tsv", "per_class.tsv", "spin_test.tsv", "class_tests.tsv", "increment_tests.tsv"),
    "feature_tests.tsv",
}


@pytest.fixture(scope="module")
def files(toy_cortex, tmp_path_factory):
    """Return a folder with features and labels on the toy cortex, as a user has them."""
    folder = tmp_path_factory.mktemp("files")
    for name, seed in (("stain", 0), ("noise", 1)):
        values = toy_cortex.stain(seed=seed, noise=0.4 if name == "stain" else 9)
        np.savez(folder / f"{name}.npz", values=values, valid=toy_cortex.cortex())
    np.savetxt(folder / "bands.csv", toy_cortex.keys(), fmt="%d")
    np.savetxt(folder / "two.csv", np.minimum(toy_cortex.keys(), 2), fmt="%d")
    np.savetxt(folder / "one.csv", np.minimum(toy_cortex.keys(), 1), fmt="%d")
    return folder


@pytest.fixture(scope="module")
def result(toy_cortex, tmp_path_factory):
    """Return what `decode` gives for maps in memory, and keeps in a folder."""
    out = tmp_path_factory.mktemp("out") / "run"
    features, target = toy_cortex.feature_set(), toy_cortex.parcellation()
    return decode(features, target, out=out, spins=4, command="typed", **SMALL)


@pytest.fixture(scope="module")
def family(files, tmp_path_factory):
    """Return the runs of two targets from one call."""
    out = tmp_path_factory.mktemp("family") / "runs"
    targets = [str(files / "bands.csv"), files / "two.csv"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(room, "write_report", write_page)
        return out, decode(files / "noise.npz", targets, out=out, spins=9, **SMALL)


def test_tables_are_pandas(result):
    """Scores, differences, classes and tests are data frames that agree with results.json."""
    entries = result.record.results["feature_sets"]
    for table in (result.scores, result.differences, result.per_class, result.spin_test):
        assert isinstance(table, pd.DataFrame)
        assert len(table)
    scores = result.scores.set_index("features")
    assert set(scores.index) == set(entries)
    for name, entry in entries.items():
        assert scores.loc[name, "macro_f1_mean"] == entry["macro_f1"]["mean"]
    assert len(result.spin_test) == len(result.record.nulls) == 4
    assert set(result.per_class["name"]) == {"front", "middle", "back"}


@pytest.mark.parametrize("kind", ["truth", "prediction", "correct", "fold", "entropy"])
def test_maps_are_nilearn_images(result, toy_cortex, monkeypatch, kind):
    """Every map is a SurfaceImage on the meshes of the space, NaN or 0 outside the analysis."""
    meshes = {h: toy_cortex.toy_mesh(h, "midthickness") for h in ("L", "R")}
    monkeypatch.setattr(images, "_template_meshes", lambda *_: meshes)
    image = result.map(kind, "coordinates")
    assert isinstance(image, SurfaceImage)
    values = np.concatenate([image.data.parts[side] for side in ("left", "right")])
    outside = values[~toy_cortex.cortex()]
    assert np.isnan(outside).all() if kind in ("correct", "entropy") else not outside.any()


def test_the_folder_holds_what_is_promised(result):
    """Configuration, results, tables, maps, spins and report, and the command as typed."""
    assert {p.name for p in result.directory.iterdir()} == OUTPUTS | {"spins", "spin_quality.tsv"}
    assert read_json(result.directory / "run.json")["command"] == "typed"
    page = (result.directory / "report.html").read_text(encoding="utf-8")
    assert "target-1" in page
    assert "stain" in page


def test_tables_in_files_are_those_of_the_result(result):
    """The tab-separated files hold the same numbers, and n/a where there is none."""
    for name in ("scores", "per_class", "spin_test"):
        path = result.directory / f"{name}.tsv"
        table = pd.read_csv(path, sep="\t", na_values="n/a", keep_default_na=False)
        expected = getattr(result, name)
        assert list(table.columns) == list(expected.columns)
        for column in expected.select_dtypes("number"):
            written = pd.to_numeric(table[column])
            np.testing.assert_allclose(written, expected[column], rtol=1e-12, err_msg=column)
    assert "\tn/a" in (result.directory / "spin_test.tsv").read_text()


def test_the_result_shows_its_scores(result):
    """Printed, it names the target and each set with mean and SD."""
    first, *lines = repr(result).splitlines()
    assert first == "Decoding of target-1, macro-F1 (mean ± SD over 3 folds)"
    assert [line.split()[0] for line in lines] == ["stain", "coordinates", "harmonics:2", "prior"]
    score = result.record.results["feature_sets"]["stain"]["macro_f1"]
    assert f"{score['mean']:.3f} ± {score['sd']:.3f}" in lines[0]


def test_one_fold_is_printed_without_an_sd(result):
    """Where the scheme has a single fold, the printed result says so."""
    text = repr(Decoding(one_fold(result.record)))
    assert "macro-F1 (one fold)" in text
    assert "±" not in text


def test_a_finished_run_is_loaded_as_it_was_returned(result):
    """`cytosurf.load_run` gives the same tables, text and maps as `decode` did."""
    again = cytosurf.load_run(result.directory)
    assert isinstance(again, Decoding)
    assert repr(again) == repr(result)
    for table in ("scores", "differences", "per_class", "spin_test"):
        pd.testing.assert_frame_equal(getattr(again, table), getattr(result, table))
    assert np.array_equal(again.record.prediction["stain"], result.record.prediction["stain"])


def test_without_a_folder_nothing_is_kept(toy_cortex, tmp_path, monkeypatch):
    """The result is whole, and neither the current nor the temporary folder holds anything."""
    (tmp_path / "scratch").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "scratch"))
    monkeypatch.setattr(room, "write_report", _must_not_run)
    made = decode(toy_cortex.feature_set(), toy_cortex.parcellation(), spins=2, **SMALL)
    assert len(made.spin_test) == 4
    assert made.record.prediction["stain"].any()
    assert [p.name for p in tmp_path.rglob("*")] == ["scratch"]


def _must_not_run(*_, **__):
    raise AssertionError


def test_files_and_objects_give_the_same(result, files, toy_cortex):
    """Names, paths, and objects in memory are decoded alike."""
    target = Target("bands", toy_cortex.parcellation())
    options = {"spins": 0, **SMALL}
    for features in (
        str(files / "stain.npz"),
        files / "stain.npz",
        [toy_cortex.feature_set()],
        toy_cortex.feature_set().map,
    ):
        made = decode(features, target, **options)
        (name,) = made.record.config["features"]
        entry = made.record.results["feature_sets"][name]
        assert entry["macro_f1"] == result.record.results["feature_sets"]["stain"]["macro_f1"]


def test_several_feature_sets(files, toy_cortex):
    """Sets are separated by commas or given as a list, in this order, before the baselines."""
    text = f"{files / 'stain.npz'}, harmonics:3 ,coordinates"
    made = decode(text, toy_cortex.parcellation(), spins=0, baseline="harmonics:3", **SMALL)
    names = [str(files / "stain.npz"), "harmonics:3", "coordinates"]
    assert made.record.config["features"] == names
    listed = decode(names, toy_cortex.parcellation(), spins=0, baseline="harmonics:3", **SMALL)
    assert listed.record.results == made.record.results


def test_maps_without_a_name_are_numbered(toy_cortex):
    """Two maps in memory are told apart, and so are two parcellations."""
    maps = [toy_cortex.feature_set().map, toy_cortex.feature_set(values=toy_cortex.stain(3)).map]
    two = toy_cortex.parcellation(np.minimum(toy_cortex.keys(), 2))
    made = decode(maps, [toy_cortex.parcellation(), two], spins=0, **SMALL)
    assert list(made) == ["target-1", "target-2"]
    assert made["target-1"].record.config["features"] == ["features-1", "features-2"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"features": ""}, "features: found none"),
        ({"features": []}, "features: found none"),
        ({"target": " , "}, "target: found none"),
        ({"target": []}, "target: found none"),
        ({"features": "hist,hist"}, "features: found 'hist' 2 times"),
        ({"target": "yeo7,yeo17,yeo7"}, "target: found 'yeo7' 2 times"),
        ({"target": "a/x.label.gii,b/x.label.gii"}, "both with a folder 'x'"),
        ({"spins": -1}, "spins: found -1"),
        ({"hemispheres": "L"}, "hemispheres: found 'L'"),
        ({"folds": {"n_fold": 2}}, "Did you mean 'n_folds'"),
        ({"features": "histt"}, "features: found 'histt'.*Did you mean 'hist'"),
        ({"target": "yoe7"}, "target: found 'yoe7'.*Did you mean 'yeo7'"),
        ({"baseline": "coordinate"}, "Did you mean 'coordinates'"),
        ({"space": "toy-643"}, "space: found 'toy-643'"),
        ({"mask": "nowhere.npz"}, "nowhere.npz: found no such file"),
    ],
)
def test_bad_options_leave_nothing_behind(toy_cortex, tmp_path, change, words):
    """Whatever is wrong is said before a folder is made."""
    options = {
        "features": toy_cortex.feature_set(),
        "target": toy_cortex.parcellation(),
        **SMALL,
        **change,
    }
    with pytest.raises(InputError, match=words):
        decode(**options, out=tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


def test_a_bad_last_target_leaves_nothing_behind(files, tmp_path):
    """No target is decoded when another one of the command cannot be."""
    for last, words in (
        ("one.csv", "at least two classes"),
        ("gone.csv", "no such file"),
        ("stain.npz", "stain.npz"),
    ):
        targets = [files / "bands.csv", files / "two.csv", files / last]
        with pytest.raises(InputError, match=words):
            decode(files / "stain.npz", targets, out=tmp_path / "runs", **SMALL)
    assert list(tmp_path.iterdir()) == []


def test_several_targets_make_one_run_each(family):
    """Each has a folder of its own that is a run like any other, beside family.json."""
    out, results = family
    assert {p.name for p in out.iterdir()} == {"bands", "two", "family.json"}
    for name, made in results.items():
        assert isinstance(made, Decoding)
        folder = out / Path(name).stem
        assert made.directory == folder
        assert {p.name for p in folder.iterdir()} == OUTPUTS | {"spins", "spin_quality.tsv"}
        assert load_run(folder).results == made.record.results
    assert [len(r.record.labels) for r in results.values()] == [3, 2]


def test_p_values_of_a_family_are_corrected_by_holm(family):
    """The tables have the corrected p, which is statsmodels'; family.json has all of it."""
    out, results = family
    tables = [made.spin_test for made in results.values()]
    for i in range(4):
        expected = holm_by_definition([table["p"][i] for table in tables])
        assert [table["p_holm"][i] for table in tables] == pytest.approx(expected)
    rows = read_json(out / "family.json")["tests"]
    assert [(row["run"], row["target"]) for row in rows[:2]] == [
        (Path(name).stem, name) for name in results
    ]


def test_a_family_is_continued_with_more_spins(family, files, tmp_path, plain_page):
    """The same command with more spins adds them to every run and corrects again."""
    options = {**SMALL, "matched_position": False}
    targets = [files / "bands.csv", files / "two.csv"]
    decode(files / "noise.npz", targets, out=tmp_path, spins=2, **options)
    more = decode(files / "noise.npz", targets, out=tmp_path, spins=9, **options)
    for made, whole in zip(more.values(), family[1].values(), strict=True):
        assert made.spin_test.equals(whole.spin_test)


def test_the_run_of_one_target_is_no_folder_for_several(result, files):
    """Runs are not put into a run."""
    before = listing(result.directory)
    targets = [files / "bands.csv", files / "two.csv"]
    with pytest.raises(InputError, match="found the run of a single target"):
        decode(files / "stain.npz", targets, out=result.directory, **SMALL)
    assert listing(result.directory) == before


def test_a_file_in_the_way(files, tmp_path):
    """An output that is a file, or below one, is refused with nothing touched."""
    (tmp_path / "file").write_text("mine")
    for targets in ([files / "bands.csv"], [files / "bands.csv", files / "two.csv"]):
        with pytest.raises(InputError, match=r"--out .*not a folder"):
            decode(files / "stain.npz", targets, out=tmp_path / "file", **SMALL)
    assert listing(tmp_path) == {"file": b"mine"}


def test_the_configuration_of_a_run_makes_it_again(files, tmp_path, plain_page):
    """`config.yaml` of a finished run, given to `decode`, gives the same results."""
    options = {
        "baseline": ["coordinates", "harmonics:4"],
        "hemispheres": ["R"],
        "seed": 3,
        "C": 0.5,
        "mask": files / "noise.npz",
        "min_class_vertices": 2,
        "folds": {**FOLDS, "method": "sphere", "buffer_mm": 1.5, "repeats": 2, "block_sweep": [9]},
        "space": "toy-642",
    }
    stain = f"{files / 'stain.npz'}+coordinates"
    first = decode(stain, files / "bands.csv", spins=2, out=tmp_path / "a", **options)
    again = decode(**read_options(tmp_path / "a" / "config.yaml"))
    assert again.record.config == first.record.config
    assert comparable(again.record.results) == comparable(first.record.results)
    written = read_options(first.directory / "config.yaml")
    assert decode(**written, out=first.directory).directory == first.directory


def test_a_classifier_of_the_caller(toy_cortex):
    """It is recorded by how it prints itself, and used for scores and spins."""
    features, target = toy_cortex.feature_set(), toy_cortex.parcellation()
    made = decode(features, target, classifier=GaussianNB(), spins=1, **SMALL)
    usual = decode(features, target, spins=1, **SMALL)
    assert made.record.config["classifier"] == "GaussianNB()"
    for name in ("stain", "coordinates"):
        assert made.record.counts[name].tolist() != usual.record.counts[name].tolist()
    assert [t.null.tolist() for t in made.record.nulls] != [
        t.null.tolist() for t in usual.record.nulls
    ]


def test_signed_coordinates_are_not_the_baseline_between_hemispheres(toy_cortex):
    """Trained on one side and tested on the other, the default baseline is mirrored."""
    features, target = toy_cortex.feature_set(), toy_cortex.parcellation()
    options = {**SMALL, "folds": {**FOLDS, "scheme": "across"}, "spins": 0}
    assert decode(features, target, **options).record.config["baseline"] == ["coordinates:mirrored"]
    kept = decode(features, target, baseline="coordinates", **options).record
    assert "coordinates:mirrored" in kept.info["warnings"][0]


@pytest.mark.parametrize(
    ("target", "folder"),
    [
        (EMBEDDED_TARGET, "cytosurf-run-schaefer400-7networks"),
        ("yeo7:bigbrain", "cytosurf-run-yeo7-bigbrain"),
        ("yeo7,yeo17", "cytosurf-run-yeo7-yeo17"),
        (["yeo7", "a/b/my areas.label.gii"], "cytosurf-run-yeo7-my-areas"),
        ("x/atlas_hemi-{hemi}.label.gii", "cytosurf-run-atlas_hemi"),
        ("{hemi}.label.gii", "cytosurf-run-target"),
        ("../..", "cytosurf-run-target"),
    ],
)
def test_the_folder_of_a_command_that_names_none(target, folder):
    """It is in the current folder and named by the target, whatever the target is called."""
    assert default_folder(target) == Path(folder)


def test_the_embedded_names_are_the_default():
    """Without arguments the data of BrainSpace are decoded."""
    defaults = decode.__defaults__
    assert defaults == (EMBEDDED_FEATURES, EMBEDDED_TARGET)
    assert defaults == ("microstructure", "schaefer400-7networks")
    assert decode.__kwdefaults__["spins"] == 99


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("features: [hist]\ntarget: [a", "expected .* in line 2"),
        ("[1, 2]", "no features and target"),
        ("features: [hist]", "no features and target"),
        ("features: 5\ntarget: yeo7", "features = 5; expected a name"),
        ("features: [hist]\ntarget: [7]", r"target = \[7\]; expected a name"),
        ("features: [hist]\ntarget: yeo7\nspin: 3", "Did you mean 'spins'"),
        ("features: [hist]\ntarget: yeo7\nfolds: 3", "folds = 3; expected a mapping"),
        ("features: [hist]\ntarget: yeo7\nclassifier: SVC()", "Python API"),
        ("!!python/object/apply:os.system ['true']", "could not determine a constructor"),
        (b"\xff\xfe\xfa", "--config"),
        (None, "found no such file;"),
    ],
)
def test_bad_option_files_are_named(tmp_path, text, words):
    """The message names the file and what is wrong in it; nothing in it is executed."""
    path = tmp_path / "options.yaml"
    if text is not None:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InputError, match=words) as caught:
        read_options(path)
    assert str(path) in str(caught.value)


def test_a_report_can_be_made_again(result):
    """Deleted tables and report come back as they were."""
    before = listing(result.directory)
    for name in ("report.html", "scores.tsv", "per_class.tsv", "spin_test.tsv"):
        (result.directory / name).unlink()
    assert write_reports(result.directory) == [result.directory / "report.html"]
    assert listing(result.directory) == before


def test_runs_of_one_report_are_a_family(files, tmp_path, plain_page):
    """Runs made one by one are corrected together; a folder can be named for family.json."""
    options = {**SMALL, "spins": 5, "matched_position": False}
    folders = [tmp_path / name for name in ("bands", "two")]
    for folder in folders:
        target = files / f"{folder.name}.csv"
        made = decode(files / "noise.npz", target, out=folder, **options)
        assert all(test.p_holm is None for test in made.record.nulls)
    pages = write_reports([str(folders[0]), folders[1]])
    assert pages == [*(folder / "report.html" for folder in folders), tmp_path / "family.json"]
    runs = [load_run(folder) for folder in folders]
    for i in range(4):
        expected = holm_by_definition([run.nulls[i].p for run in runs])
        assert [run.nulls[i].p_holm for run in runs] == pytest.approx(expected)
    before = (tmp_path / "family.json").read_bytes()
    write_reports(folders, out=tmp_path / "elsewhere")
    assert listing(tmp_path / "elsewhere")["family.json"] == before
    assert not (tmp_path / "family.json").exists()  # one file, that of the family as it is now


def test_redoing_a_member_corrects_its_family_again(files, tmp_path, plain_page):
    """Results, tables and family.json of all members follow the new p-values of one."""
    options = {**SMALL, "matched_position": False}
    targets = [files / "bands.csv", files / "two.csv"]
    decode(files / "noise.npz", targets, out=tmp_path, spins=3, **options)
    made = decode(files / "noise.npz", targets[0], out=tmp_path / "bands", spins=8, **options)
    runs = [made.record, load_run(tmp_path / "two")]
    rows = [
        [line.split("\t") for line in (run.directory / "spin_test.tsv").read_text().splitlines()]
        for run in runs
    ]
    column = rows[0][0].index("p_holm")
    for i in range(4):
        expected = holm_by_definition([run.nulls[i].p for run in runs])
        assert [run.nulls[i].p_holm for run in runs] == pytest.approx(expected)
        assert [float(table[i + 1][column]) for table in rows] == pytest.approx(expected)
    assert len(runs[0].nulls[0].null) == 8


def test_a_report_beside_spins_that_go_on(result, tmp_path, plain_page):
    """The page may be written at any time; what would change the results is refused."""
    folder = tmp_path / "run"
    shutil.copytree(result.directory, folder)
    before = (folder / "results.json").read_bytes()
    with locked(folder):
        assert write_reports(folder) == [folder / "report.html"]
        for asked in ({"statistics": "mcc"}, {"approximate_tail": True}):
            with pytest.raises(InputError, match="at work since"):
                write_reports(folder, **asked)
        with pytest.raises(InputError, match="at work since"):
            write_reports([result.directory, folder], out=tmp_path)
    assert (folder / "results.json").read_bytes() == before
    assert not list(result.directory.glob(".lock*"))
    write_reports(folder, approximate_tail=True)


def test_a_report_needs_finished_runs(result, tmp_path):
    """A folder that is no run, one run twice, or none are refused and change nothing."""
    before = listing(result.directory)
    (tmp_path / "file").write_text("mine")
    for folders, out, words in (
        ([tmp_path], None, "config.yaml: found no readable configuration"),
        ([result.directory, tmp_path], None, "no readable configuration"),
        ([result.directory, result.directory / "maps" / ".."], None, "one twice"),
        ([], None, "none"),
    ):
        with pytest.raises(InputError, match=words):
            write_reports(folders, out=out)
    assert listing(result.directory) == before


def test_a_family_needs_a_folder_that_can_be_written(family, tmp_path):
    """Where family.json cannot be written, no report is touched."""
    out, results = family
    (tmp_path / "file").write_text("mine")
    before = listing(out)
    with pytest.raises(InputError, match="not a folder"):
        write_reports([made.directory for made in results.values()], out=tmp_path / "file" / "x")
    assert listing(out) == before


def test_maps_are_read_by_nilearn(result):
    """The GIFTI files of a run load into nilearn's data as they are."""
    path = result.directory / "maps" / "space-toy_den-642_hemi-L_desc-truth.label.gii"
    assert np.array_equal(nibabel.load(path).agg_data(), result.record.truth[:642])
    assert os.fspath(path).endswith(".label.gii")


def test_a_report_on_the_folder_above_names_the_runs_in_it(family):
    """Who names the folder of several targets is told what to name instead."""
    out, _ = family
    with pytest.raises(InputError, match="2 run directories in it") as caught:
        write_reports(out)
    assert caught.value.way_out.endswith(f"cytosurf report {out / 'bands'} {out / 'two'}")


def test_runs_without_spins_have_an_empty_family(files, tmp_path, plain_page):
    """Scripts find family.json beside several targets, whatever was asked of them."""
    options = {**SMALL, "spins": 0, "matched_position": False}
    decode(files / "noise.npz", [files / "bands.csv", files / "two.csv"], out=tmp_path, **options)
    assert read_json(tmp_path / "family.json")["tests"] == []
    pages = write_reports([tmp_path / "bands", tmp_path / "two"])
    assert [page.name for page in pages] == ["report.html", "report.html", "family.json"]
    assert read_json(tmp_path / "family.json")["tests"] == []
