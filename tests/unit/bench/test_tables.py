"""Outcomes are shown whole: as a table, as JSON of a fixed form, and what is wrong after that."""

import json
from dataclasses import replace

import jsonschema
import pytest

from cytosurf.bench.assign import AssignBench, AssignTiming
from cytosurf.bench.conditions import Conditions
from cytosurf.bench.decoder import DecoderBench, SetAccuracy, Tolerances
from cytosurf.bench.embedding import EmbeddingBench
from cytosurf.bench.parity import Parity, ParityBench
from cytosurf.bench.resample import ResampleBench, ResampleTiming
from cytosurf.bench.scaling import ScalingBench
from cytosurf.bench.shares import EngineCost
from cytosurf.bench.spins import SpinsBench
from cytosurf.bench.tables import sheet, show, to_json
from cytosurf.bench.workbench import Cost
from cytosurf.errors import CytosurfError
from tests.unit.bench.schemas import OF

WHERE = Conditions("2026-11-20T12:00:00+00:00", "A processor", 2, (1.0, 2.5), {"numpy": "2.0"})
ASSIGN = AssignBench(
    "fsLR-32k",
    64984,
    20,
    0,
    (
        AssignTiming("cytosurf", "mirrored", True, 1.25, 1.0, 0),
        AssignTiming("a tree", "mirrored", True, 31.25, 25.0, 0),
        AssignTiming("another", "mirrored", False, None, None, None),
    ),
    WHERE,
)
DECODER = DecoderBench(
    "yeo7",
    59000,
    7,
    5,
    2,
    0,
    (SetAccuracy("hist", 2, 10, 1e-5, 2e-4, 118000, 2, 0.99998, 5e-4, 0, 0, 25.0, 2500.0),),
    Tolerances().of(7),
    WHERE,
)
SCALING = ScalingBench(
    target="yeo7",
    feature_sets={"hist": 2},
    n_classes=7,
    n_spins=200,
    n_files=16,
    processes=2,
    seed=0,
    start_s=4.0,
    spins_per_s=23.0,
    single_spins_per_s=11.8,
    speedup=1.95,
    spin_cpu_ms=80.0,
    split_cpu_ms=0.75,
    write_cpu_ms=1.0,
    merge_cpu_ms=0.25,
    overhead=0.025,
    same_spins=True,
    conditions=WHERE,
)
COST = EngineCost("cytosurf", 2, 20, 100.0, 99.0, 18.5, 0.75)
SPINS = SpinsBench(
    target="yeo7",
    feature_sets={"hist": 2, "coordinates": 3},
    n_vertices=59000,
    n_classes=7,
    n_folds=5,
    seed=0,
    ours=COST,
    single=replace(COST, processes=1, spins_per_s=9.5),
    peer=EngineCost("scikit-learn", 2, 4, 2500.0, 2400.0, 0.8, 0.25),
    beside_peer=replace(COST, n_spins=8),
    ratio=25.0,
    score_difference=1e-4,
    same_scores=True,
    start_cpu_s=3.5,
    scaling_wall=1.95,
    scaling_cpu=1.98,
    seconds_10000=540.0,
    seconds_10000_free=500.0,
    peak_memory_mb=1100.0,
    conditions=WHERE,
)
EMBEDDING = EmbeddingBench(
    n_points=1_000_000,
    n_features=768,
    n_components=32,
    seed=0,
    target="fsLR-32k",
    n_vertices=327_684,
    table_mb=3107.3,
    generate_cpu_s=21.0,
    assign_cpu_s=20.0,
    assign_wall_s=30.0,
    resample_cpu_s=0.5,
    resample_wall_s=0.75,
    read_cpu_s=1.25,
    read_wall_s=2.5,
    products_cpu_s=8.0,
    peak_memory_mb=1600.0,
    n_checked=50,
    n_different=0,
    conditions=WHERE,
)
PARITY = ParityBench(
    "1.5.0",
    "L",
    (
        Parity("bigbrain-164k", "fsLR-164k", "adaptive", True, 155_849, 3.3e-5, 0.53, 71,
               {"edge": 66, "sliver": 0, "scarce": 4, "remnant": 1}, 1, 2, 2),
        Parity("fsLR-164k", "fsLR-32k", "barycentric", False, 32_492, 1.6e-5, 2.7e-5, 0,
               {"edge": 0, "sliver": 0, "remnant": 0}, 0, 0, 0),
    ),
    WHERE,
)  # fmt: skip
RESAMPLE = ResampleBench(
    "1.5.0",
    "bigbrain-164k",
    "fsLR-164k",
    "barycentric",
    0.75,
    0.5,
    (
        ResampleTiming("one map", 1, Cost(0.25, 0.125), Cost(2.5, 2.0), 10.0, 16.0, 1),
        ResampleTiming("many files", 200, Cost(5.0, 6.0), Cost(500.0, 450.0), 100.0, 75.0, 20),
    ),
    WHERE,
)
NOT_MEASURED = (
    *("single", "peer", "beside_peer", "ratio", "score_difference", "start_cpu_s"),
    *("scaling_wall", "scaling_cpu", "peak_memory_mb"),
)
ALONE = replace(SPINS, **dict.fromkeys(NOT_MEASURED))
ALL = [
    PARITY,
    RESAMPLE,
    ASSIGN,
    DECODER,
    SCALING,
    SPINS,
    ALONE,
    EMBEDDING,
    replace(EMBEDDING, peak_memory_mb=None),
]
WRONG = [
    (replace(ASSIGN, timings=(replace(ASSIGN.timings[1], n_different=3),)), "a tree, mirrored"),
    (replace(DECODER, tolerances=Tolerances(max_f1=1e-4)), "hist: largest macro-F1 difference"),
    (replace(DECODER, sets=(replace(DECODER.sets[0], n_unconverged=1),)), "hist: 1 fits did not"),
    (replace(SPINS, score_difference=0.1), "macro-F1 of a spin is 0.1 from that of scikit-learn"),
    (replace(SCALING, same_spins=False), "other results in one process"),
    (replace(SPINS, same_scores=False), "other scores the second time"),
    (
        replace(RESAMPLE, timings=(replace(RESAMPLE.timings[1], wall_ratio=19.0),)),
        "many files: 19.0 times as fast as wb_command, promised 20",
    ),
    (
        replace(PARITY, comparisons=(replace(PARITY.comparisons[0], p999_sd=2e-4),)),
        "fsLR-164k, adaptive, masked: the 99.9th percentile is 2.0e-04 SD",
    ),
    (
        replace(PARITY, comparisons=(replace(PARITY.comparisons[1], n_above=2),)),
        "fsLR-32k, barycentric, not masked: 2 vertices differ for no known reason",
    ),
    (replace(EMBEDDING, n_different=3), "3 of 50 vertices did not take the nearest point"),
]


@pytest.mark.parametrize("outcome", [*ALL, *(wrong for wrong, _ in WRONG)])
def test_json_keeps_its_form(outcome):
    """Numbers that are not there are null, and none is NaN or infinite."""
    found = json.loads(json.dumps(to_json(outcome), allow_nan=False))
    jsonschema.validate(found, OF[found["bench"]])
    assert found["failures"] == list(outcome.failures)


@pytest.mark.parametrize("outcome", ALL)
def test_tables_are_rectangular(outcome):
    """One text for each column in each row."""
    found = sheet(outcome)
    assert {len(row) for row in found.rows} == {len(found.columns)}
    assert len(set(found.columns)) == len(found.columns)


def test_tables_show_the_figures():
    """Every figure that is compared with a target, under its head."""
    (ours, tree, another) = sheet(ASSIGN).rows
    assert ours[2:] == ("1.25", "1.0", "identical")
    assert tree[2:] == ("31.25", "25.0", "identical")
    assert another[2:] == ("not installed", "", "")
    assert sheet(DECODER).columns == ("", "asked", "hist")
    assert sheet(DECODER).rows == (
        ("columns", "", "2"),
        ("mean macro-F1 difference", "at most 5.0e-04", "1.0e-05, met"),
        ("largest macro-F1 difference", "at most 5.0e-04", "2.0e-04, met"),
        ("share of equal predictions", "at least 99.9000%", "99.9980%, met"),
        ("gap of probabilities", "at most 1.0e-03", "5.0e-04, met"),
        ("predictions that differ", "", "2 of 118,000"),
        ("CPU ms per spin", "", "25"),
        ("of scikit-learn, converged", "", "2,500"),
    )
    spins = sheet(SPINS)
    by_name = {name: dict(zip(spins.columns[1:], row, strict=True)) for name, *row in spins.rows}
    assert by_name["CPU ms per spin, mean"]["scikit-learn"] == "2,500.0"
    assert by_name["CPU time over ours beside it"]["scikit-learn"] == "25.0"
    assert by_name["speed over one process, by the clock"]["cytosurf"] == "1.95"
    assert by_name["10,000 spins at this load, min"]["cytosurf"] == "9.0"
    assert by_name["memory of all processes, MB"]["cytosurf"] == "1,100"
    assert spins.columns == (
        *("", "cytosurf", "in one process", "beside scikit-learn", "scikit-learn"),
    )


def test_tables_of_resampling_show_the_figures():
    """Times, ratios, percentiles and causes stand under their heads."""
    one, many, weights, imports = sheet(RESAMPLE).rows
    assert one == ("one map", "1", "0.25", "2.50", "0.12", "2.00", "10.0", "16.0")
    assert many[-2:] == ("100.0", "75.0")
    assert weights[4] == "0.50"
    assert imports[2] == "0.75"
    masked, plain = sheet(PARITY).rows
    assert masked[1:6] == ("adaptive, masked", "155,849", "3.3e-05", "71",
                           "66 edge, 4 scarce, 1 remnant")  # fmt: skip
    assert plain[5] == "none"


def test_no_gap_is_shown_where_nothing_differs():
    """A zero would look like a measurement."""
    same = replace(DECODER.sets[0], n_different=0, gap_max=0.0, equal=1.0)
    rows = sheet(replace(DECODER, sets=(same,))).rows
    assert ("gap of probabilities", "at most 1.0e-03", "none differs") in rows


def test_what_is_asked_is_met_or_not():
    """In the table, whatever it is."""
    strict = replace(DECODER, tolerances=Tolerances(1e-6, 1e-6, 0.99999, 1e-6))
    assert [row[2].endswith("NOT MET") for row in sheet(strict).rows[1:5]] == [True] * 4
    met = [row[2] for row in sheet(SCALING).rows if row[1]]
    assert met == ["1.95, met", "2.50%, met"]
    slow = replace(SCALING, speedup=1.89, overhead=0.0301)
    not_met = [row[2] for row in sheet(slow).rows if row[1]]
    assert not_met == ["1.89, NOT MET", "3.01%, NOT MET"]


@pytest.mark.parametrize("outcome", ALL)
def test_printing(outcome, capsys, monkeypatch):
    """A table with title, machine and load; or JSON and nothing else."""
    monkeypatch.setenv("COLUMNS", "200")
    show(outcome, as_json=False)
    printed = capsys.readouterr().out
    assert sheet(outcome).title in printed
    assert "2026-11-20T12:00:00+00:00, A processor, 2 cores. Load 1.0 before, 2.5 after." in printed
    show(outcome, as_json=True)
    assert json.loads(capsys.readouterr().out) == json.loads(json.dumps(to_json(outcome)))


def test_no_load_is_printed_where_it_is_not_known(capsys):
    """Not even the word."""
    show(replace(ASSIGN, conditions=replace(WHERE, load=None)), as_json=False)
    assert "Load" not in capsys.readouterr().out


@pytest.mark.parametrize(("outcome", "words"), WRONG)
@pytest.mark.parametrize("as_json", [True, False])
def test_what_is_wrong_is_an_error_after_the_figures(outcome, words, as_json, capsys):
    """They are shown in any case."""
    with pytest.raises(CytosurfError, match=words):
        show(outcome, as_json=as_json)
    assert capsys.readouterr().out


def test_only_outcomes_have_tables():
    """Anything else is a mistake of the caller."""
    with pytest.raises(TypeError):
        sheet("text")
