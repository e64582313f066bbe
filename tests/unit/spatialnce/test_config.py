"""The options of a training: defaults, and what makes two trainings the same."""

from inspect import isclass
from pathlib import Path

from cytosurf.spatialnce import config
from cytosurf.spatialnce.config_files import make_config

SMALL = {"source": {"kind": "bigbrain"}, "steps": 3}


def test_defaults_that_are_assumptions_are_the_documented_ones():
    """Batch 2,048, 10 mm, 0.07, trust 0.02, momentum 0.9, weight decay 1e-4, 128 units."""
    found = make_config(SMALL)
    assert (found.batch.size, found.loss.sigma_mm, found.loss.temperature) == (2048, 10, 0.07)
    optimiser = found.optimiser
    assert (optimiser.name, optimiser.trust_coefficient, optimiser.momentum) == ("lars", 0.02, 0.9)
    assert (optimiser.weight_decay, found.encoder.projection) == (1e-4, 128)


def test_identity_leaves_out_what_does_not_change_the_result():
    """Workers, checkpoints and logging; nothing else."""
    base = make_config(SMALL).identity()
    same = make_config({**SMALL, "loader": {"workers": 2}, "checkpoint": {"every": 1}})
    assert same.identity() == base
    assert make_config({**SMALL, "loss": {"sigma_mm": 5}}).identity() != base


def test_the_reference_lists_every_section():
    """With them all options, their ranges and defaults."""
    page = Path(__file__).resolve().parents[3] / "docs" / "api" / "index.md"
    listed = set(page.read_text(encoding="utf-8").split())
    things = vars(config).items()
    sections = [name for name, thing in things if name.endswith("Config") and isclass(thing)]
    assert len(sections) >= 14
    assert {name for name in sections if f"spatialnce.config.{name}" not in listed} == set()
