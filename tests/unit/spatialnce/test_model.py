"""The model that is trained: weights of the seed, grey values made comparable."""

import json

import numpy as np
import pytest
import torch

from cytosurf.errors import InputError
from cytosurf.histology.source import ArraySource
from cytosurf.spatialnce import model as module
from cytosurf.spatialnce.checkpoint import write_weights
from cytosurf.spatialnce.config_files import make_config
from cytosurf.spatialnce.model import description, load_model, new_model
from tests.unit.spatialnce.toy_training import options


@pytest.fixture
def source():
    """Make patches of two channels, bright and dark."""
    rng = np.random.default_rng(0)
    patches = rng.normal([[[[0.7]], [[0.2]]]], 0.05, (40, 2, 5, 5)).clip(0, 1)
    return ArraySource(patches.astype(np.float32), rng.random((40, 3)), "other:toy")


def test_weights_are_those_of_the_seed_whatever_the_generator_was(source):
    """And the generator of the caller is left where it was."""
    states = []
    for junk in (1, 2):
        torch.manual_seed(junk)
        before = torch.get_rng_state()
        states.append(new_model(make_config(options("x")), source).state_dict())
        assert torch.equal(torch.get_rng_state(), before)
    other = new_model(make_config(options("x", seed=1)), source).state_dict()
    assert all(torch.equal(a, b) for a, b in zip(*(s.values() for s in states), strict=True))
    name = "encoder.layers.0.weight"
    assert not torch.equal(states[0][name], other[name])


def test_the_encoder_sees_channels_of_mean_0_and_sd_1(source):
    """Whatever their brightness."""
    model = new_model(make_config(options("x")), source)
    seen = []
    model.encoder.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    model.features(torch.from_numpy(source.read(np.arange(40))))
    assert seen[0].mean((0, 2, 3)).tolist() == pytest.approx([0, 0], abs=1e-4)
    assert seen[0].std((0, 2, 3)).tolist() == pytest.approx([1, 1], abs=1e-2)


def test_features_do_not_depend_on_how_images_lie_in_memory(source):
    """Channels side by side, images a part of larger ones: the same features, to the bit."""
    model = new_model(make_config(options("x")), source).eval()
    images = torch.from_numpy(source.read(np.arange(40)))
    features = model.features(images)
    side_by_side = images.contiguous(memory_format=torch.channels_last)
    part = torch.nn.functional.pad(images, (1, 2, 3, 4))[:, :, 3:-4, 1:-2]
    assert side_by_side.stride() != images.stride() != part.stride()
    for same in (side_by_side, part):
        assert torch.equal(model.features(same), features)


def test_a_stored_model_is_built_again_from_its_folder(source, tmp_path):
    """Without the source: same features, in evaluation mode; another version is refused."""
    config = make_config(options("x"))
    model = new_model(config, source).eval()
    write_weights(tmp_path, model, description(config, source.shape, 3))
    again, found, stored = load_model(tmp_path)
    images = torch.from_numpy(source.read(np.arange(5)))
    assert torch.equal(again.features(images), model.features(images))
    assert (found, stored["step"], again.training) == (config, 3, False)
    (tmp_path / "config.json").write_text(json.dumps({**stored, "version": 2}))
    with pytest.raises(InputError, match="version 1"):
        load_model(tmp_path)


@pytest.mark.parametrize(
    ("name", "sized"),
    [
        ("small", {"channels": 2}),
        ("r50-vit-b", {"channels": 2, "image_px": 5}),
        ("pretrained", {}),
    ],
)
def test_encoders_are_told_the_size_of_patches(source, monkeypatch, name, sized):
    """As far as they can be; options of the configuration come on top."""
    asked = []

    def build_encoder(name, **given):
        asked.append((name, given))
        encoder = torch.nn.Flatten()
        encoder.width = 50
        return encoder

    monkeypatch.setattr(module, "build_encoder", build_encoder)
    new_model(make_config(options("x", encoder={"name": name, "options": {"a": 1}})), source)
    assert asked == [(name, {**sized, "a": 1})]
