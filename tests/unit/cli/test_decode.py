"""`cytosurf decode`: options reach the function, and whole runs end as they should."""

import re
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import yaml

from cytosurf import workflow
from cytosurf.cli.summary import print_summary
from cytosurf.runs import FoldConfig, RunConfig, load_run, make_config
from cytosurf.runs.config import write_config
from cytosurf.runs.options import config_of
from cytosurf.surfaces import write_parcellation
from tests.unit.cli.conftest import refused
from tests.unit.runs.cortex import FOLDS, TOY, listing


@pytest.fixture
def asked(monkeypatch):
    """Return the options that `decode` is called with."""
    options = {}
    monkeypatch.setattr(workflow, "decode", lambda **given: options.update(given) or {})
    return options


def test_the_defaults_are_those_of_the_function(cytosurf, asked):
    """Without options the command is the function without arguments, with a folder."""
    assert cytosurf("decode").code == 0
    config = {k: v for k, v in asked.items() if k not in ("out", "command")}
    made = config_of([config.pop("features")], config.pop("target"), **config)
    expected = RunConfig(features=("microstructure",), target="schaefer400-7networks", spins=99)
    assert made == expected
    assert asked["out"] == Path("cytosurf-run-schaefer400-7networks")


def test_every_option_reaches_the_function(cytosurf, asked):
    """Whatever the function can be asked for, the command can (but for Python objects)."""
    text = (
        "--features a,b+c --target yeo7,yeo17 --baseline d --space bigbrain --hemisphere R "
        "--mask m.npz --min-class-vertices 100 --n-folds 4 --n-blocks 50 --blocks sphere "
        "--scheme homotopic --buffer-mm 2.5 --repeats 3 --block-sweep 20,200 --spins 7 "
        "--seed 11 --jobs 2 --no-matched-position --device torch-cpu --statistic mcc,f1:1 "
        "--stop-after-exceedances 20 --approximate-tail --max-distortion 0.2 "
        "--rotation mirrored --out here"
    )
    assert cytosurf("decode", *text.split()).code == 0
    assert asked.pop("command") == f"cytosurf decode {text}"
    assert asked == {
        "features": "a,b+c",
        "target": "yeo7,yeo17",
        "baseline": "d",
        "space": "bigbrain",
        "hemispheres": ("R",),
        "mask": "m.npz",
        "min_class_vertices": 100,
        "folds": {
            "n_folds": 4,
            "n_blocks": 50,
            "method": "sphere",
            "scheme": "homotopic",
            "buffer_mm": 2.5,
            "repeats": 3,
            "block_sweep": [20, 200],
        },
        "spins": 7,
        "seed": 11,
        "jobs": 2,
        "matched_position": False,
        "device": "torch-cpu",
        "statistics": "mcc,f1:1",
        "stop_after_exceedances": 20,
        "approximate_tail": True,
        "max_distortion": 0.2,
        "rotation": "mirrored",
        "out": Path("here"),
    }
    assert set(asked["folds"]) == set(FoldConfig.model_fields)
    assert set(asked) - {"out"} == set(RunConfig.model_fields) - {"C", "classifier"}


@pytest.mark.parametrize(
    ("target", "folder"),
    [
        ("yeo7", "cytosurf-run-yeo7"),
        ("yeo7,yeo17:bigbrain", "cytosurf-run-yeo7-yeo17-bigbrain"),
    ],
)
def test_the_folder_is_named_by_the_target(cytosurf, asked, target, folder):
    """Runs of different targets do not meet by default."""
    cytosurf("decode", "--target", target)
    assert asked["out"] == Path(folder)


def test_a_configuration_is_used_as_it_is(cytosurf, asked, tmp_path):
    """The config.yaml of a run directory gives that run."""
    folds = {"n_folds": 3, "scheme": "across"}
    config = make_config({"features": ["a"], "target": "t", "seed": 5, "C": 2, "folds": folds})
    write_config(tmp_path, config)
    assert cytosurf("decode", "--config", tmp_path / "config.yaml").code == 0
    assert asked["out"] == Path("cytosurf-run-t")
    given = {k: v for k, v in asked.items() if k not in ("out", "command")}
    assert make_config(given) == config


def test_options_come_before_the_configuration(cytosurf, asked, tmp_path):
    """What is typed counts, defaults of the command do not."""
    path = tmp_path / "options.yaml"
    options = {"features": ["a"], "target": ["t", "u"], "spins": 5, "hemispheres": ["L"]}
    path.write_text(yaml.safe_dump(options | {"folds": {"n_folds": 3, "method": "sphere"}}))
    text = "--spins 9 --jobs 1 --hemisphere R --n-folds 4 --blocks midthickness --seed 0"
    assert cytosurf("decode", "--config", path, *text.split()).code == 0
    assert asked.pop("command").endswith(text)
    assert asked == {
        "features": ["a"],
        "target": ["t", "u"],
        "spins": 9,
        "jobs": 1,
        "seed": 0,
        "hemispheres": ("R",),
        "folds": {"n_folds": 4, "method": "midthickness"},
        "out": Path("cytosurf-run-t-u"),
    }


def test_the_pipeline_is_a_configuration(cytosurf, asked):
    """The functional decoding of the documentation is one command."""
    pipeline = Path(__file__).parents[3] / "pipelines" / "functional_decoding" / "config.yaml"
    assert cytosurf("decode", "--config", pipeline, "--out", "x").code == 0
    assert asked["target"] == ["yeo7", "yeo17", "difumo64"]
    given = {k: v for k, v in asked.items() if k not in ("out", "command", "target")}
    make_config(given | {"target": "yeo7"})


@pytest.fixture(scope="module")
def toy_options(toy_cortex, tmp_path_factory):
    """Return options for a small run from files, with a label that has no name."""
    folder = tmp_path_factory.mktemp("files")
    np.savez(folder / "stain.npz", values=toy_cortex.stain(), valid=toy_cortex.cortex())
    files = write_parcellation(toy_cortex.parcellation(), folder / "bands_hemi-{hemi}.label.gii")
    for path in files:
        image = nib.load(path)
        image.labeltable.labels = [e for e in image.labeltable.labels if e.key != 2]
        nib.save(image, path)
    text = f"--features {folder / 'stain.npz'} --target {folder / 'bands_hemi-{hemi}.label.gii'}"
    return f"{text} --space {TOY} --n-folds {FOLDS['n_folds']} --n-blocks {FOLDS['n_blocks']}"


def test_a_run_prints_its_scores_and_where_the_report_is(
    cytosurf, toy_options, plain_page, tmp_path, monkeypatch
):
    """Exit code 0; scores, primary p-values and the report on standard output."""
    monkeypatch.chdir(tmp_path)
    ended = cytosurf("decode", *toy_options.split(), "--spins", "4", "--jobs", "1")
    assert ended.code == 0
    run = load_run("cytosurf-run-bands_hemi")
    assert run.info["command"].startswith("cytosurf decode --features")
    for name, entry in run.results["feature_sets"].items():
        assert Path(name).name[:20] in ended.out
        assert f"{entry['macro_f1']['mean']:.3f} ± {entry['macro_f1']['sd']:.3f}" in ended.out
        assert f"{entry['pooled_macro_f1']:.3f}" in ended.out
    head = ended.out.partition("┡")[0]
    assert re.search(r"macro-F1 .*\n.*\(mean ± SD .*\n.*over 3 folds\)", head)
    assert re.search(r"pooled macro-F1 .*\n.*\(95 % CI\)", head)
    assert f"{run.results['n_vertices_tested']:,} vertices tested\n" in ended.out
    assert "p = 0." in ended.out
    assert ended.out.count("of 4 independent spins") == 1
    assert ended.out.count("of 4 mirrored spins") == 1
    assert ended.out.rstrip().endswith("Report: cytosurf-run-bands_hemi/report.html")


def test_one_hemisphere_to_the_other_is_one_fold_of_some_vertices(
    cytosurf, toy_options, plain_page, tmp_path
):
    """No SD is printed for a single fold, and only its test vertices count as tested."""
    options = [*toy_options.split(), "--scheme", "left-to-right", "--spins", "0"]
    ended = cytosurf("decode", *options, "--out", tmp_path / "run")
    assert ended.code == 0, ended.err
    assert "(one fold)" in ended.out
    assert "±" not in ended.out
    results = load_run(tmp_path / "run").results
    n_tested, n_vertices = results["n_vertices_tested"], results["n_vertices"]
    assert n_tested < n_vertices
    assert f"{n_tested:,} vertices tested of {n_vertices:,} analysed" in ended.out


def test_long_names_are_folded_not_cut(monkeypatch, capsys, toy_options, tmp_path, cytosurf):
    """On a narrow terminal every character of a name is printed."""
    options = [*toy_options.split(), "--spins", "0", "--out", str(tmp_path / "run")]
    assert cytosurf("decode", *options).code == 0
    monkeypatch.setenv("COLUMNS", "60")
    capsys.readouterr()
    print_summary(workflow.load_run(tmp_path / "run"))
    out = capsys.readouterr().out
    assert "…" not in out
    first_column = [line.split("│")[1].strip() for line in out.splitlines() if "│" in line]
    names = "".join(first_column)
    assert all(name in names for name in load_run(tmp_path / "run").results["feature_sets"])


def test_labels_without_a_name_are_warned_of_and_numbered(
    cytosurf, toy_options, plain_page, tmp_path
):
    """The key is named in a warning on standard error, and `label_<key>` in the results."""
    ended = cytosurf("decode", *toy_options.split(), "--spins", "0", "--out", tmp_path)
    assert ended.code == 0
    assert re.search(r"^Warning: .*\(2\); each is called label_<key>", ended.err, re.MULTILINE)
    assert load_run(tmp_path).label_names == ["front", "label_2", "back"]


def test_a_family_prints_both_p_values(cytosurf, toy_options, plain_page, tmp_path):
    """With several targets the corrected p stands beside each p."""
    single = toy_options.split()
    target = single[single.index("--target") + 1]
    other = str(tmp_path / "other.csv")
    np.savetxt(other, np.arange(1284) // 100 % 2 + 1, fmt="%d")
    single[single.index("--target") + 1] = f"{target},{other}"
    ended = cytosurf("decode", *single, "--spins", "3", "--jobs", "1", "--out", tmp_path / "o")
    assert ended.code == 0
    assert ended.out.count(", corrected ") == 4
    assert ended.out.count("Report: ") == 2
    assert (tmp_path / "o" / "family.json").is_file()
    assert "in a family of 2" in ended.err


def test_the_configuration_of_a_run_makes_it_again(cytosurf, toy_options, plain_page, tmp_path):
    """`--config` of a finished run gives its results, and more spins go on from there."""
    first, again = tmp_path / "first", tmp_path / "again"
    options = [*toy_options.split(), "--jobs", "1", "--seed", "3", "--spins", "2"]
    assert cytosurf("decode", *options, "--out", first).code == 0
    config = first / "config.yaml"
    assert cytosurf("decode", "--config", config, "--out", again).code == 0
    before, after = listing(first), listing(again)
    assert before.keys() == after.keys()
    for name in before.keys() - {"run.json", "results.json"}:
        assert before[name] == after[name], name
    assert cytosurf("decode", "--config", config, "--out", again, "--spins", "3").code == 0
    more = listing(again)
    spins = {name for name in after if name.startswith("spins/")}
    assert all(more[name] == after[name] for name in spins)
    assert load_run(again).results["spin_test"]["n_spins"] == 3


def test_bad_input_of_a_finished_run_changes_nothing(cytosurf, toy_options, plain_page, tmp_path):
    """Another seed, other data and a folder that is a run are refused with all as it was."""
    options = [*toy_options.split(), "--spins", "0"]
    assert cytosurf("decode", *options, "--out", tmp_path).code == 0
    before = listing(tmp_path)
    refused(cytosurf("decode", *options, "--seed", "1", "--out", tmp_path), "seed = 0")
    features = Path(options[1])
    stored = dict(np.load(features))
    np.savez(features, **stored | {"values": stored["values"] + 1})
    try:
        ended = cytosurf("decode", *options, "--out", tmp_path)
        refused(ended, "a run on other data .*stain.npz has changed")
    finally:
        np.savez(features, **stored)
    assert listing(tmp_path) == before


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("--buffer-mm 500", "no vertex that is trained on in fold 0"),
        ("--n-blocks 1", "3 folds for 2 superblocks"),
        ("--n-blocks 5000", "found 5000 superblocks in a hemisphere"),
        ("--scheme across --hemisphere L", "expected analysed vertices on both hemispheres"),
    ],
)
def test_folds_that_cannot_be_made(cytosurf, toy_options, tmp_path, options, words):
    """What turns out while the folds are made is bad input like any other."""
    out = tmp_path / "run"
    refused(cytosurf("decode", *toy_options.split(), *options.split(), "--out", out), words)
    assert list(tmp_path.iterdir()) == []
