"""The options of a training: defaults, and what makes two trainings the same."""

import re
from inspect import isclass
from pathlib import Path

import pytest
import torch
import yaml

from cytosurf.spatialnce import augment, build_encoder, config, optim, sampler, schedules
from cytosurf.spatialnce.config_files import make_config

REPOSITORY = Path(__file__).resolve().parents[3]
SMALL = {"source": {"kind": "bigbrain"}, "steps": 3}


def test_defaults_that_are_assumptions_are_the_documented_ones():
    """Batch 2,048, 10 mm, 0.07, trust 0.02, momentum 0.9, weight decay 1e-4, 128 units."""
    found = make_config(SMALL)
    assert (found.batch.size, found.loss.sigma_mm, found.loss.temperature) == (2048, 10, 0.07)
    optimiser = found.optimiser
    assert (optimiser.name, optimiser.trust_coefficient, optimiser.momentum) == ("lars", 0.02, 0.9)
    assert (optimiser.weight_decay, found.encoder.projection) == (1e-4, 128)


def test_the_published_training_is_a_configuration():
    """The block in the documentation is read, and its marked lines are the defaults."""
    page = (REPOSITORY / "docs" / "concepts" / "spatialnce.md").read_text(encoding="utf-8")
    block = re.search(r"```yaml\n(.*?)```", page, re.DOTALL)[1]
    published = make_config(yaml.safe_load(block))
    without = yaml.safe_load(re.sub(r"^.*# =.*\n", "", block, flags=re.MULTILINE))
    assumed = make_config({name: value for name, value in without.items() if value})
    with torch.device("meta"):
        encoders = [
            build_encoder(c.encoder.name, **c.encoder.options) for c in (published, assumed)
        ]
    assert len({str(encoder) for encoder in encoders}) == 1
    assert encoders[0].width == 768
    found, expected = (c.model_dump(exclude={"encoder": {"options"}}) for c in (published, assumed))
    assert found == expected
    assert (published.source.pixel_um, published.source.patch_px) == (2, 2048)
    assert (published.batch.size, published.optimiser.name) == (2048, "lars")


def test_identity_leaves_out_what_does_not_change_the_result():
    """Workers, checkpoints and logging; nothing else."""
    base = make_config(SMALL).identity()
    same = make_config({**SMALL, "loader": {"workers": 2}, "checkpoint": {"every": 1}})
    assert same.identity() == base
    assert make_config({**SMALL, "loss": {"sigma_mm": 5}}).identity() != base


@pytest.mark.parametrize("module", [augment, optim, sampler, schedules])
def test_the_reference_lists_the_parts_of_a_training(module):
    """Every function and class of the modules that make batches and updates."""
    page = REPOSITORY / "docs" / "api" / "index.md"
    listed = set(page.read_text(encoding="utf-8").split())
    parts = {
        f"{module.__name__.removeprefix('cytosurf.')}.{name}"
        for name, thing in vars(module).items()
        if getattr(thing, "__module__", None) == module.__name__ and not name.startswith("_")
        if callable(thing)
    }
    assert len(parts) >= 2
    assert parts - listed == set()


def test_the_reference_lists_every_section():
    """With them all options, their ranges and defaults."""
    page = REPOSITORY / "docs" / "api" / "index.md"
    listed = set(page.read_text(encoding="utf-8").split())
    things = vars(config).items()
    sections = [name for name, thing in things if name.endswith("Config") and isclass(thing)]
    assert len(sections) >= 14
    assert {name for name in sections if f"spatialnce.config.{name}" not in listed} == set()
