"""`cytosurf bench`: options reach the functions, exit codes, JSON on standard output alone."""

import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from cytosurf import bench
from cytosurf.bench import Tolerances
from cytosurf.bench import decoder as decoder_room
from tests.unit.bench.schemas import OF
from tests.unit.bench.test_tables import ASSIGN, DECODER, EMBEDDING, SCALING, SPINS, WRONG
from tests.unit.cli.conftest import refused

OUTCOMES = {
    "spins": SPINS,
    "decoder": DECODER,
    "assign": ASSIGN,
    "embedding": EMBEDDING,
    "scaling": SCALING,
}


@pytest.fixture
def asked(monkeypatch):
    """Return what the functions of benchmarks are called with; they return made-up outcomes."""
    calls = []
    for name, outcome in OUTCOMES.items():

        def measure(*arguments, _outcome=outcome, **options):
            calls.append((arguments, options))
            return _outcome

        monkeypatch.setattr(bench, f"bench_{name}", measure)
    return calls


@pytest.fixture(scope="module")
def files(toy_cortex, tmp_path_factory):
    """Return options for features and labels on the toy cortex."""
    folder = tmp_path_factory.mktemp("files")
    np.savez(folder / "stain.npz", values=toy_cortex.stain(), valid=toy_cortex.cortex())
    np.savetxt(folder / "bands.csv", toy_cortex.keys(), fmt="%d")
    names = ("--features", folder / "stain.npz", "--target", folder / "bands.csv")
    return (*names, "--space", "toy-642")


def test_every_option_reaches_the_function(cytosurf, asked):
    """Under the name that the function has for it."""
    common = "--features a,b --target yeo7 --space bigbrain --spins 7 --jobs 3 --seed 5"
    tolerances = (
        "--mean-tolerance 1e-3 --max-tolerance 2e-3 --equal-tolerance 0.5 --gap-tolerance 0.1"
    )
    commands = [
        f"spins {common} --baseline c --peer-spins 2",
        f"decoder {common} {tolerances}",
        "assign --space bigbrain --spins 7 --seed 5",
        "embedding --points 9 --features 8 --components 7 --space bigbrain --seed 5 --folder x",
        f"scaling {common} --baseline c",
    ]
    for command in commands:
        assert cytosurf("bench", *command.split()).code == 0
    shared = {"space": "bigbrain", "spins": 7, "jobs": 3, "seed": 5}
    assert asked == [
        (("a,b", "yeo7"), shared | {"baseline": "c", "peer_spins": 2}),
        (("a,b", "yeo7"), shared | {"tolerances": Tolerances(1e-3, 2e-3, 0.5, 0.1)}),
        (("bigbrain",), {"spins": 7, "seed": 5}),
        ((9, 8, 7), {"space": "bigbrain", "seed": 5, "folder": Path("x")}),
        (("a,b", "yeo7"), shared | {"baseline": "c"}),
    ]


def test_defaults_are_those_of_the_functions(cytosurf, asked):
    """Without options, the data that every installation has."""
    for name in OUTCOMES:
        assert cytosurf("bench", name).code == 0
    embedded = "schaefer400-7networks"
    shared = {"space": "fsLR-32k", "jobs": None, "seed": 0}
    assert asked == [
        (
            ("microstructure", embedded),
            shared | {"spins": 20, "peer_spins": 4, "baseline": "coordinates"},
        ),
        (
            ("microstructure,coordinates", embedded),
            shared | {"spins": 3, "tolerances": Tolerances()},
        ),
        (("fsLR-32k",), {"spins": 20, "seed": 0}),
        ((1_000_000, 768, 32), {"space": "fsLR-32k", "seed": 0, "folder": None}),
        (("microstructure", embedded), shared | {"spins": 200, "baseline": "coordinates"}),
    ]


@pytest.mark.usefixtures("asked")
@pytest.mark.parametrize("name", OUTCOMES)
def test_json_alone(cytosurf, name):
    """Standard output is one JSON document of the promised form."""
    ended = cytosurf("bench", name, "--json")
    assert (ended.code, ended.err) == (0, "")
    jsonschema.validate(json.loads(ended.out), OF[name])


@pytest.mark.parametrize(("outcome", "words"), WRONG)
def test_what_is_wrong_ends_with_1(cytosurf, monkeypatch, outcome, words):
    """The figures on standard output, the reason on standard error."""
    name = json.dumps(bench.to_json(outcome)["bench"]).strip('"')
    monkeypatch.setattr(bench, f"bench_{name}", lambda *_, **__: outcome)
    ended = cytosurf("bench", name, "--json")
    assert ended.code == 1
    assert json.loads(ended.out)["failures"]
    assert ended.err.startswith("Error: ")
    assert words in ended.err


def test_whole_benchmarks(cytosurf, files):
    """From files to figures, and back from JSON."""
    for name, options in {
        "spins": (*files, "--spins", 2, "--peer-spins", 1, "--jobs", 1),
        "decoder": (*files, "--spins", 1, "--jobs", 1),
        "assign": ("--space", "toy-642", "--spins", 1),
    }.items():
        ended = cytosurf("bench", name, *options, "--json")
        assert ended.code == 0, ended.err
        found = json.loads(ended.out)
        jsonschema.validate(found, OF[name])
        assert found["failures"] == []


def test_a_wrong_reference_ends_with_1(cytosurf, files, monkeypatch):
    """Through the whole command, not a made-up outcome."""
    from sklearn.linear_model import LogisticRegression

    monkeypatch.setattr(decoder_room, "converged_classifier", lambda: LogisticRegression(C=1e-3))
    ended = cytosurf("bench", "decoder", *files, "--spins", 1, "--jobs", 1)
    assert ended.code == 1
    assert "share of equal predictions" in ended.err
    assert "scikit-learn, converged" in ended.out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("spins", "--spins", 0), "--spins: found 0"),
        (("spins", "--peer-spins", -1), "--peer-spins: found -1"),
        (("spins", "--jobs", 0), "--jobs: found 0"),
        (("decoder", "--spins", 0), "--spins: found 0"),
        (("scaling", "--jobs", 1), "--jobs: found 1"),
        (("scaling", "--jobs", 2, "--spins", 1), "--spins: found 1"),
        (("decoder", "--features", ","), "--features: found none"),
        (("decoder", "--features", "microstructur"), "Did you mean 'microstructure'"),
        (("assign", "--spins", 0), "--spins: found 0"),
        (("spins", "--target", "yoe7"), "--target: found 'yoe7'"),
        (("assign", "--space", "nowhere"), "--space: found 'nowhere'"),
        (("assign", "--seed", -1), "--seed: found -1"),
        (("embedding", "--points", 0), "--points: found 0"),
        (("embedding", "--components", 0), "--components: found 0"),
        (("decoder", "--seed", -1), "--seed: found -1"),
    ],
)
def test_bad_input_ends_with_2(cytosurf, arguments, words):
    """One message, and no figures."""
    refused(cytosurf("bench", *arguments), words)


def test_a_failure_needs_no_figure_to_be_wrong():
    """Outcomes that are right have none."""
    assert [o.failures for o in OUTCOMES.values()] == [()] * 5
    assert replace(SPINS, score_difference=None).failures == ()
