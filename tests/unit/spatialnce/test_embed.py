"""From a training to a table of embeddings."""

import shutil

import numpy as np
import pytest
import torch

from cytosurf.errors import InputError
from cytosurf.spatialnce.embed import embed_patches
from cytosurf.spatialnce.loop import train
from cytosurf.spatialnce.model import load_model
from cytosurf.spatialnce.run_directory import model_directory
from tests.unit.spatialnce.toy_training import options, write_patches


@pytest.fixture(scope="module")
def patches(tmp_path_factory):
    """Write the patches once."""
    return write_patches(tmp_path_factory.mktemp("patches"))


@pytest.fixture(scope="module")
def run(patches, tmp_path_factory):
    """Train a little."""
    out = tmp_path_factory.mktemp("run") / "run"
    train(options(patches, steps=2), out)
    return out


def test_the_table_holds_the_encoders_features_of_every_patch(run, patches, tmp_path):
    """In the order of the source, with its places and ids, whatever the batch."""
    table = embed_patches(run, tmp_path / "a.h5", batch_size=7)
    stored = np.concatenate([rows for _, rows in table.chunks()])
    with np.load(patches) as arrays:
        images, places = torch.from_numpy(arrays["patches"]), arrays["coordinates_mm"]
    model, _, _ = load_model(run)
    with torch.no_grad():
        expected = model.features(images).numpy()
    np.testing.assert_allclose(stored, expected, atol=1e-6)
    np.testing.assert_allclose(table.points_mm, places, atol=1e-5)
    assert (table.ids.tolist(), table.space) == (list(range(48)), "other:toy")


def test_the_projection_and_a_checkpoint_can_be_embedded(run, tmp_path):
    """What the loss saw, and weights on the way."""
    assert embed_patches(run, tmp_path / "a.h5", layer="projection").n_features == 4
    early = run / "checkpoints" / "step-00000002"
    assert embed_patches(early, tmp_path / "b.h5").n_features == 8


def test_another_source_can_be_embedded(run, tmp_path):
    """With the same channels; others are refused."""
    other = write_patches(tmp_path, n=20)
    assert len(embed_patches(run, tmp_path / "a.h5", changes=[f"source.path={other}"])) == 20
    np.savez(tmp_path / "grey.npz", patches=np.zeros((3, 5, 5)), coordinates_mm=np.zeros((3, 3)))
    with pytest.raises(InputError, match="patches of 1 channels"):
        embed_patches(run, tmp_path / "b.h5", changes=[f"source.path={tmp_path / 'grey.npz'}"])


def test_what_is_no_model_is_refused(run, patches, tmp_path):
    """An empty folder, a training under way, a damaged description, an unknown layer."""
    with pytest.raises(InputError, match="no model"):
        embed_patches(tmp_path, tmp_path / "a.h5")
    begun = tmp_path / "begun"
    begun.mkdir()
    (begun / "config.yaml").write_text((run / "config.yaml").read_text())
    with pytest.raises(InputError, match="not finished"):
        embed_patches(begun, tmp_path / "a.h5")
    damaged = tmp_path / "damaged"
    damaged.mkdir()
    (damaged / "model.safetensors").write_bytes((run / "model" / "model.safetensors").read_bytes())
    (damaged / "config.json").write_text("{}")
    with pytest.raises(InputError, match="description"):
        embed_patches(damaged, tmp_path / "a.h5")
    cut = tmp_path / "cut"
    shutil.copytree(run / "model", cut)
    (cut / "model.safetensors").write_bytes((cut / "model.safetensors").read_bytes()[:99])
    with pytest.raises(InputError, match=r"cut-off file.*writes it again"):
        embed_patches(cut, tmp_path / "a.h5")
    for options_, words in (({"layer": "head"}, "layer"), ({"batch_size": 0}, "batch_size")):
        with pytest.raises(InputError, match=words):
            embed_patches(run, tmp_path / "a.h5", **options_)


def test_a_training_that_goes_on_is_not_finished(run, tmp_path):
    """Weights of fewer steps than the run goes on to are given by their own folder alone."""
    longer = tmp_path / "longer"
    shutil.copytree(run, longer)
    assert model_directory(longer) == longer / "model"
    config = (longer / "config.yaml").read_text()
    (longer / "config.yaml").write_text(config.replace("steps: 2\n", "steps: 6\n", 1))
    with pytest.raises(InputError, match="not finished"):
        embed_patches(longer, tmp_path / "a.h5")
    assert model_directory(longer / "model") == longer / "model"
