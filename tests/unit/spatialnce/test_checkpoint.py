"""Checkpoints are whole or absent, and put everything back."""

import pytest
import torch
from torch import nn

from cytosurf.errors import InputError
from cytosurf.spatialnce import checkpoint as module
from cytosurf.spatialnce.checkpoint import (
    Progress,
    checkpoints,
    load_checkpoint,
    save_checkpoint,
    tidy,
)
from cytosurf.spatialnce.optim import make_optimiser


def trained(name="lars", width=3, steps=2):
    """Return a model and its optimiser after some updates."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, width), nn.BatchNorm1d(width), nn.Linear(width, 1))
    optimiser = make_optimiser(model, name, lr=0.1)
    for _ in range(steps):
        update(model, optimiser)
    return model, optimiser


def update(model, optimiser):
    """Make one update on the same data."""
    x = torch.arange(12.0).reshape(6, 2)
    optimiser.zero_grad()
    model(x).square().mean().backward()
    optimiser.step()


@pytest.mark.parametrize("name", ["lars", "sgd", "adamw"])
def test_training_goes_on_as_if_it_had_not_stopped(tmp_path, name):
    """Weights, buffers, momenta and counters come back to the bit."""
    model, optimiser = trained(name)
    saved = save_checkpoint(tmp_path, model, optimiser, Progress(2, 1, 0), {"a": 1})
    other, other_optimiser = trained(name, steps=0)
    assert load_checkpoint(saved, other, other_optimiser) == Progress(2, 1, 0)
    for pair in ((model, optimiser), (other, other_optimiser)):
        update(*pair)
    for before, after in zip(model.state_dict().values(), other.state_dict().values(), strict=True):
        assert torch.equal(before, after)


def test_a_write_that_fails_leaves_nothing(tmp_path, monkeypatch):
    """Neither a checkpoint nor its temporary folder."""
    model, optimiser = trained()

    def full(*_):
        raise OSError("no space left")

    monkeypatch.setattr(module, "_to_disk", full)
    with pytest.raises(OSError, match="no space"):
        save_checkpoint(tmp_path, model, optimiser, Progress(2), {})
    assert list(tmp_path.iterdir()) == []


def test_the_latest_and_every_so_many_are_kept(tmp_path):
    """And what a killed process left half-written goes."""
    model, optimiser = trained(steps=1)
    for step in range(10, 80, 10):
        save_checkpoint(tmp_path, model, optimiser, Progress(step), {})
    (tmp_path / ".tmp-step-half").mkdir()
    tidy(tmp_path, keep_last=2, keep_every=30)
    assert [module.checkpoint_step(p) for p in checkpoints(tmp_path)] == [30, 60, 70]
    assert not list(tmp_path.glob(".tmp*"))


@pytest.mark.parametrize("file", ["model.safetensors", "optimiser.safetensors", "state.json"])
@pytest.mark.parametrize("left", [0, 20, -3])
def test_a_file_that_is_cut_off_is_refused(tmp_path, file, left):
    """With the way out: go on from the checkpoint before it."""
    model, optimiser = trained()
    saved = save_checkpoint(tmp_path, model, optimiser, Progress(2), {})
    content = (saved / file).read_bytes()
    (saved / file).write_bytes(content[:left])
    with pytest.raises(InputError, match=f"{file}.*before it"):
        load_checkpoint(saved, model, optimiser)
    (saved / file).unlink()
    with pytest.raises(InputError, match=file):
        load_checkpoint(saved, model, optimiser)


def test_another_architecture_is_refused(tmp_path):
    """With the first weight that differs and both shapes."""
    model, optimiser = trained()
    saved = save_checkpoint(tmp_path, model, optimiser, Progress(2), {})
    with pytest.raises(InputError, match=r"0.bias of shape \(3,\); expected of shape \(4,\)"):
        load_checkpoint(saved, *trained(width=4))
    with pytest.raises(InputError, match=r"expected absent"):
        load_checkpoint(saved, nn.Linear(2, 3), optimiser)
