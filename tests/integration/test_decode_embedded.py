"""The whole of `cytosurf decode` as a bare machine runs it: embedded data, one process, no network.

Everything is real but for the number of spins.
"""

import copy
import json
import os
import re
import subprocess
import sys
from importlib.metadata import entry_points

import nibabel
import numpy as np
import pandas as pd
import pytest
import yaml
from nilearn.surface import SurfaceImage, load_surf_data

from cytosurf.runs import load_run, make_config
from cytosurf.targets import load_target
from cytosurf.workflow import Decoding

N_SPINS = 2
FOLDER = "cytosurf-run-schaefer400-7networks"
SETS = ["microstructure", "coordinates", "harmonics:5", "prior"]

# The example of the contract: keys may be added to a results.json, never renamed or left out.
CONTRACT = {
    "schema": 1,
    "target": "yeo7",
    "space": "fsLR",
    "density": "32k",
    "n_vertices": 58000,
    "n_folds": 5,
    "feature_sets": {
        "coordinates": {
            "n_features": 3,
            "macro_f1": {"mean": 0.0, "sd": 0.0, "folds": [0.0]},
            "pooled_macro_f1": 0.0,
            "ci95": [0.0, 0.0],
        }
    },
    "spin_test": {
        "n_spins": 1000,
        "seed": 0,
        "seconds": 0.0,
        "tests": [
            {
                "features": "neighbourhood:pca32",
                "baseline": "coordinates",
                "statistic": "macro_f1 difference",
                "rotation": "independent",
                "observed": 0.0,
                "exceed": 0,
                "p": 0.0,
                "p_ci95": [0.0, 0.0],
                "p_holm": None,
            }
        ],
    },
}


def cytosurf(*arguments, **options):
    """Run a command in a process of its own."""
    command = [sys.executable, "-c", "from cytosurf.cli import main; main()", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


@pytest.fixture(scope="module")
def command(tmp_path_factory):
    """Run the command in an empty folder, with an empty data directory and without internet."""
    folder = tmp_path_factory.mktemp("embedded")
    (folder / "work").mkdir()
    environment = os.environ | {"CYTOSURF_DATA": str(folder / "data"), "CYTOSURF_OFFLINE": "1"}
    spins = ["--spins", str(N_SPINS)]
    done = cytosurf("decode", *spins, cwd=folder / "work", env=environment)
    assert done.returncode == 0, done.stderr
    return done, folder


@pytest.fixture(scope="module")
def run_dir(command):
    """Return the run directory."""
    return command[1] / "work" / FOLDER


@pytest.fixture(scope="module")
def results(run_dir):
    """Return results.json."""
    return json.loads((run_dir / "results.json").read_text(encoding="utf-8"))


def conforms(value, example, where="results"):
    """Assert that a value has the keys and types of an example."""
    if isinstance(example, dict):
        assert isinstance(value, dict), where
        for key, item in example.items():
            assert key in value, f"{where}: no {key}"
            conforms(value[key], item, f"{where}.{key}")
    elif isinstance(example, list):
        assert isinstance(value, list), where
        for item in value:
            conforms(item, example[0], where)
    elif isinstance(example, float):
        assert type(value) in (float, int), where
    else:
        assert type(value) is type(example), f"{where}: {value!r}"


def test_the_command_is_installed():
    """The name of the program leads to the function that is tested here."""
    (entry,) = entry_points(group="console_scripts", name="cytosurf")
    assert entry.value == "cytosurf.cli:main"


def test_nothing_is_written_elsewhere(command):
    """One folder, named by the target, in the current one; no data directory."""
    folder = command[1]
    assert [p.name for p in folder.iterdir()] == ["work"]
    assert [p.name for p in (folder / "work").iterdir()] == [FOLDER]


def test_the_command_says_what_it_found(command, results):
    """Scores and p-values on standard output; on standard error warnings of ours alone."""
    done, _ = command
    for name in SETS:
        score = results["feature_sets"][name]["macro_f1"]
        assert name in done.stdout
        assert f"{score['mean']:.3f} ± {score['sd']:.3f}" in done.stdout
    assert f"Report: {FOLDER}/report.html" in done.stdout
    assert [line[:9] for line in done.stderr.splitlines()] == ["Warning: "]
    assert f"{N_SPINS} spins cannot give p" in done.stderr


def test_the_run_directory_has_the_promised_files(run_dir):
    """As in the contract; nothing under a temporary name is left."""
    assert {p.name for p in run_dir.iterdir()} == {
        *("config.yaml", "run.json", "results.json", "observed.npz", "maps", "spins"),
        *("scores.tsv", "per_class.tsv", "spin_test.tsv", "class_tests.tsv", "report.html"),
        *("increment_tests.tsv", "feature_tests.tsv", "spin_quality.tsv"),
    }
    assert not list(run_dir.rglob(".*"))


def test_results_keep_the_contract(results):
    """Every key of the contract is there with its type, in every feature set and test."""
    plain = copy.deepcopy(results) | {"feature_sets": {}}
    for test in plain["spin_test"]["tests"]:
        if test["statistic"] == "macro_f1":  # the score itself is compared with nothing
            assert test.pop("baseline") is None
            test["baseline"] = ""
    conforms(plain, {**CONTRACT, "feature_sets": {}})
    example = CONTRACT["feature_sets"]["coordinates"]
    assert list(results["feature_sets"]) == SETS
    for name, entry in results["feature_sets"].items():
        if name == "prior":  # a reference without a bootstrap
            assert entry["ci95"] is None
            entry = entry | {"ci95": [0.0]}
        conforms(entry, example, name)
        assert len(entry["macro_f1"]["folds"]) == 5


def test_results_say_what_was_run(results):
    """The embedded target on fs_LR 32k inside BrainSpace's mask, five folds, seed 0."""
    facts = {k: results[k] for k in ("schema", "target", "space", "density", "n_folds")}
    assert facts == {
        "schema": 1,
        "target": "schaefer400-7networks",
        "space": "fsLR",
        "density": "32k",
        "n_folds": 5,
    }
    assert results["n_vertices"] == results["n_vertices_mask"] == 58558
    names = ["Vis", "SomMot", "DorsAttn", "SalVentAttn", "Limbic", "Cont", "Default"]
    assert [c["name"] for c in results["classes"]] == names
    spin_test = results["spin_test"]
    assert (spin_test["n_spins"], spin_test["seed"]) == (N_SPINS, 0)
    tests = [(t["baseline"], t["rotation"], t["primary"]) for t in spin_test["tests"]]
    assert tests == [
        ("coordinates", "independent", True),
        ("coordinates", "mirrored", False),
        (None, "mirrored", True),
        (None, "independent", False),
    ]
    assert all(t["p"] == (t["exceed"] + 1) / (N_SPINS + 1) for t in spin_test["tests"])


def test_scores_are_the_known_ones(results):
    """The published protocol on these maps gives these scores, on any machine."""
    means = {n: e["macro_f1"]["mean"] for n, e in results["feature_sets"].items()}
    known = {"microstructure": 0.451, "coordinates": 0.401, "harmonics:5": 0.604, "prior": 0.052}
    assert means == pytest.approx(known, abs=0.005)


def test_the_configuration_and_provenance_are_complete(run_dir):
    """The configuration is valid as it is; versions, hashes, machine and terms are recorded."""
    config = yaml.safe_load((run_dir / "config.yaml").read_text(encoding="utf-8"))
    assert make_config(config).model_dump(mode="json") == config
    info = json.loads((run_dir / "run.json").read_text(encoding="utf-8"))
    assert {"versions", "inputs", "machine", "timings_s", "seed", "command"} <= info.keys()
    assert info["command"].endswith(f"decode --spins {N_SPINS}")
    assert {"cytosurf", "numpy", "scipy", "python"} <= info["versions"].keys()
    assert all(re.fullmatch("[0-9a-f]{64}", digest) for digest in info["inputs"].values())
    assert [source["name"] for source in info["sources"]] == ["brainspace"]
    assert info["sources"][0]["licence"]


def test_maps_are_gifti_that_others_read(run_dir):
    """Every map loads in nibabel and nilearn, per hemisphere, and holds what the arrays hold."""
    run = load_run(run_dir)
    files = sorted((run_dir / "maps").iterdir())
    assert len(files) == 2 * (2 + 3 * 3)
    for path in files:
        image = nibabel.load(path)
        side = "L" if "hemi-L" in path.name else "R"
        structure = image.meta.get("AnatomicalStructurePrimary")
        assert structure == {"L": "CortexLeft", "R": "CortexRight"}[side]
        values = load_surf_data(path)
        assert values.shape == (32492,)
    prefix = "space-fsLR_den-32k_hemi-{}"
    truth = [
        load_surf_data(run_dir / "maps" / f"{prefix.format(h)}_desc-truth.label.gii") for h in "LR"
    ]
    assert np.array_equal(np.concatenate(truth), run.truth)
    assert np.array_equal(run.truth, load_target("schaefer400-7networks").parcellation.keys)
    table = nibabel.load(run_dir / "maps" / f"{prefix.format('L')}_desc-truth.label.gii").labeltable
    assert table.get_labels_as_dict()[7] == "Default"


def test_tables_are_tab_separated(run_dir, results):
    """One row per feature set, per class and set, and per test."""
    rows = {}
    for name in ("scores", "per_class", "spin_test"):
        rows[name] = len(pd.read_csv(run_dir / f"{name}.tsv", sep="\t"))
    assert rows["scores"] == 4
    assert rows["per_class"] == 3 * len(results["classes"])
    assert rows["spin_test"] == 4


def test_the_report_needs_no_network(run_dir):
    """One HTML file with its pictures and style inside, that names what was run."""
    page = (run_dir / "report.html").read_text(encoding="utf-8")
    assert page.lstrip().lower().startswith("<!doctype html>")
    for name in ("schaefer400-7networks", *SETS[:3]):
        assert name in page
    assert not re.search(r"""(src|data)\s*=\s*["']?(https?:)?//""", page)
    assert not re.search(r"<link|@import|url\(\s*['\"]?http", page)
    assert page.count('src="data:image/') >= 5


def test_the_result_in_python(run_dir):
    """The run directory opens as tables and nilearn images."""
    made = Decoding(load_run(run_dir))
    assert list(made.scores["features"]) == SETS
    image = made.map("prediction", "coordinates")
    assert isinstance(image, SurfaceImage)
    assert image.shape == (64984,)
    assert image.mesh.parts["left"].coordinates.shape == (32492, 3)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--target", "yoe7"], "Did you mean 'yeo7'"),
        (["--features", "gone.func.gii"], "gone.func.gii: found no such file"),
        (["--out", "/dev/null/run"], "not a folder"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(tmp_path, arguments, words):
    """In a real process: no traceback, nothing on standard output, nothing written."""
    done = cytosurf("decode", *arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("Error: ")
    assert words in line
    assert list(tmp_path.iterdir()) == []
