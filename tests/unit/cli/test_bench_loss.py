"""``cytosurf bench loss``."""

import json

from cytosurf.spatialnce import benchmark
from tests.unit.cli.conftest import refused


def test_options_reach_the_function(cytosurf, monkeypatch):
    """A table, or JSON alone."""
    monkeypatch.setattr(benchmark, "_memory_in_a_process", lambda _, n, *__: float(n))
    options = ("--samples", "50", "--memory-samples", "100", "--width", "4")
    ended = cytosurf("bench", "loss", *options)
    assert (ended.code, ended.err) == (0, "")
    assert "embeddings of width 4" in ended.out
    found = json.loads(cytosurf("bench", "loss", *options, "--json").out)
    assert (found["samples"], found["memory_samples"], found["width"]) == (50, 100, 4)


def test_bad_options_end_with_2(cytosurf):
    """The option is named."""
    refused(cytosurf("bench", "loss", "--memory-samples", "1"), "--memory-samples: found 1")
