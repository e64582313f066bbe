"""What a configuration says of the loss is what is computed."""

import numpy as np
import pytest
import torch

from cytosurf.errors import InputError
from cytosurf.spatialnce import SurfaceTable, nt_xent, spatial_nce, sup_con, write_surface_table
from cytosurf.spatialnce.config_files import make_config
from cytosurf.spatialnce.loop import train
from cytosurf.spatialnce.model import new_model
from cytosurf.spatialnce.sources import training_source
from cytosurf.spatialnce.step import objective
from tests.unit.spatialnce.toy_training import options, records, write_patches

GENERATOR = torch.Generator().manual_seed(0)
Z = torch.randn(12, 4, generator=GENERATOR)
X = 30 * torch.rand(12, 3, generator=GENERATOR)
GROUP = torch.arange(12) % 3
TABLE = SurfaceTable(X[::2], 1.5 * torch.cdist(X[::2], X[::2]))


def loss_of(group=None, surface=None, **loss):
    """Return the loss that these options give."""
    config = make_config({"source": {"kind": "bigbrain"}, "steps": 1, "loss": loss})
    return objective(Z, X, config, group=group, surface=surface).loss


def test_each_kind_is_its_function():
    """With every option that the configuration has."""
    shared = {"temperature": 0.3, "tile": 5}
    found = loss_of(kind="simclr", **shared)
    assert torch.equal(found, nt_xent(Z[:6], Z[6:], **shared).loss)
    found = loss_of(GROUP, kind="supcon", **shared)
    assert torch.equal(found, sup_con(Z, GROUP, **shared).loss)
    own = {"sigma_mm": 8.0, "normalise_weights": False, "min_mass": 0.2, **shared}
    found = loss_of(GROUP, TABLE, within_brain=True, **own)
    assert torch.equal(found, spatial_nce(Z, X, brain=GROUP, surface=TABLE, **own).loss)


@pytest.fixture(scope="module")
def patches(tmp_path_factory):
    """Write patches with labels (two of them have none) and brains."""
    label = np.arange(48) % 4
    label[[3, 40]] = -1
    return write_patches(tmp_path_factory.mktemp("patches"), label=label, brain=np.arange(48) // 24)


def first_loss(path, out, **loss):
    """Train for a step on all patches at once; return its loss and the projections it was of."""
    still = {"rotate_degrees": 0, "shift_share": 0, "mirror": 0, "gamma": 0, "blur": 0}
    size = 46 if loss.get("kind") == "supcon" else 48
    changes = {"augment": {**still, "sharpen": 0}, "batch": {"size": size}, "steps": 1}
    config = make_config(options(path, loss={"temperature": 0.2, **loss}, **changes))
    train(config, out)
    source = training_source(config)
    with torch.no_grad():
        images = torch.from_numpy(source.read(np.arange(len(source.ids))))
        projected = new_model(config, source).train()(images)
    return records(out)[0]["loss"], projected, source


def test_labels_reach_the_supervised_loss(patches, tmp_path):
    """Those of the file, in the order of the patches; patches without a label are left out."""
    found, projected, source = first_loss(patches, tmp_path / "run", kind="supcon")
    assert not {3, 40} & set(source.ids.tolist())
    expected = sup_con(projected, torch.from_numpy(source.groups["label"]), temperature=0.2)
    assert found == pytest.approx(expected.loss.item(), rel=1e-5)


def test_brains_reach_the_loss(patches, tmp_path):
    """Patches of other brains are no positives."""
    found, projected, source = first_loss(patches, tmp_path / "run", within_brain=True)
    places, brain = map(torch.from_numpy, (source.coordinates_mm, source.groups["brain"]))
    expected = spatial_nce(projected, places, temperature=0.2, brain=brain).loss
    assert found == pytest.approx(expected.item(), rel=1e-5)
    assert found != pytest.approx(spatial_nce(projected, places, temperature=0.2).loss.item())


def test_distances_along_a_surface_reach_the_loss(patches, tmp_path):
    """From a file, whose content is part of the record of the training."""
    vertices = 40 * torch.rand(20, 3, generator=GENERATOR) - 20
    table = SurfaceTable(vertices, 2 * torch.cdist(vertices, vertices))
    path = write_surface_table(tmp_path / "table.npz", table, "other:toy")
    found, projected, source = first_loss(patches, tmp_path / "run", surface=str(path))
    places = torch.from_numpy(source.coordinates_mm)
    expected = spatial_nce(projected, places, temperature=0.2, surface=table).loss
    assert found == pytest.approx(expected.item(), rel=1e-5)
    assert str(path) in (tmp_path / "run" / "run.json").read_text()


@pytest.mark.parametrize(
    ("loss", "words"),
    [
        ({"kind": "supcon"}, "loss.kind = supcon: found patches of kind arrays without `label`"),
        ({"within_brain": True}, "loss.within_brain: found .* without `brain`.*column `brain`"),
        ({"surface": "none.npz"}, "none.npz: found no readable table"),
    ],
)
def test_what_the_patches_do_not_say_is_missed_at_once(tmp_path, loss, words):
    """Before anything is written."""
    with pytest.raises(InputError, match=words):
        train(options(write_patches(tmp_path), loss=loss), tmp_path / "run")
    assert not (tmp_path / "run").exists()
