"""The supervised baseline learns, deterministically, with balanced classes."""

import numpy as np
import pytest
import torch

from cytosurf.errors import CytosurfError, InputError
from cytosurf.histology.source import ArraySource
from cytosurf.probes.supervised import classify, fit_classifier
from cytosurf.spatialnce.config_files import make_config

N = 90


@pytest.fixture
def task():
    """Make patches of two textures, one class eight times as frequent as the other."""
    rng = np.random.default_rng(0)
    classes = (np.arange(N) % 9 == 0).astype(np.int64)
    wave = np.sin(np.arange(8) * np.where(classes, 2.5, 0.5)[:, None])[:, None, :]
    patches = (0.5 + 0.3 * wave + 0.05 * rng.standard_normal((N, 8, 8))).clip(0, 1)
    return ArraySource(patches.astype(np.float32), rng.random((N, 3)), "other:toy"), classes


def config(**changes):
    """Return a training of seconds."""
    return make_config(
        {
            "source": {"kind": "bigbrain"},
            "steps": 30,
            "batch": {"size": 32},
            "encoder": {"options": {"widths": [8, 8], "strides": [1, 2]}, "projection": 4},
            "augment": {"rotate_degrees": 0.0},
            "optimiser": {"name": "adamw", "lr": 0.02},
            **changes,
        }
    )


def test_it_learns_the_rare_class_too(task):
    """Textures are told apart; the same call gives the same weights, another seed does not."""
    source, classes = task
    a, b, c = (fit_classifier(config(seed=s), source, classes, 2) for s in (0, 0, 1))
    found = classify(a, source, batch_size=17)
    assert np.array_equal(found, classes)
    same = [torch.equal(x, y) for x, y in zip(a.parameters(), b.parameters(), strict=True)]
    assert all(same)
    assert not torch.equal(a.head.weight, c.head.weight)


def test_two_views_of_simclr_are_not_asked_for(task):
    """The loss of the configuration is not used."""
    source, classes = task
    a = fit_classifier(config(), source, classes, 2)
    b = fit_classifier(config(loss={"kind": "simclr"}), source, classes, 2)
    assert torch.equal(a.head.weight, b.head.weight)


def test_it_leaves_the_random_state_alone(task):
    """Weights are drawn in a stream of their own."""
    source, classes = task
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    fit_classifier(config(steps=1), source, classes, 2)
    assert torch.equal(torch.rand(1), expected)


def test_what_cannot_be_learnt_is_refused(task):
    """A class without a patch, fewer patches than a batch, a loss that is not finite."""
    source, classes = task
    with pytest.raises(InputError, match="some of each class"):
        fit_classifier(config(), source, classes, 3)
    with pytest.raises(InputError, match="smaller batch"):
        fit_classifier(config(batch={"size": 128}), source, classes, 2)
    wild = {"name": "sgd", "lr": 1e30}
    with pytest.raises(CytosurfError, match="loss of the classifier"):
        fit_classifier(config(optimiser=wild), source, classes, 2)
