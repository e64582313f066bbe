"""Pretrained backbones: what is asked for, or an error; with libraries that the tests make up."""

import sys
from types import ModuleType, SimpleNamespace

import pytest
import torch
from torch import nn

from cytosurf.errors import InputError
from cytosurf.spatialnce import build_encoder, load_pretrained

PATCHES = torch.randn(2, 1, 4, 4)


class Backbone(nn.Module):
    """A backbone as transformers gives it: an output with names."""

    def __init__(self, pooled):
        super().__init__()
        self.linear = nn.Linear(3, 5)
        self.norm = nn.BatchNorm1d(5)
        self.pooled = pooled
        self.config = SimpleNamespace(hidden_size=5)

    def forward(self, x):
        """Return a class token and a mean over places."""
        found = self.norm(self.linear(x.mean((2, 3))))
        hidden = torch.stack([found, found + 1], 1)
        pooled = 2 * found if self.pooled else None
        return SimpleNamespace(last_hidden_state=hidden, pooler_output=pooled)


def hub(monkeypatch, *, missing=(), mismatched=(), error=None, pooled=True):
    """Stand in for transformers; return the calls to from_pretrained."""
    calls = []

    def from_pretrained(name, **options):
        calls.append((name, options))
        if error:
            raise error
        report = {"missing_keys": set(missing), "mismatched_keys": set(mismatched)}
        return Backbone(pooled), report

    module = ModuleType("transformers")
    module.AutoModel = SimpleNamespace(from_pretrained=from_pretrained)
    monkeypatch.setitem(sys.modules, "transformers", module)
    return calls


def timm(monkeypatch, *, known=True, error=None):
    """Stand in for timm."""

    def create_model(name, *, pretrained, num_classes):
        assert pretrained
        assert num_classes == 0
        if error:
            raise error
        model = nn.Sequential(nn.Flatten(), nn.Linear(48, 7))
        model.num_features = 7
        return model

    module = ModuleType("timm")
    module.create_model, module.is_model_pretrained = create_model, lambda _: known
    monkeypatch.setitem(sys.modules, "timm", module)
    monkeypatch.delenv("CYTOSURF_OFFLINE", raising=False)


@pytest.mark.parametrize("pooled", [True, False])
def test_a_model_of_the_hub(monkeypatch, pooled):
    """Grey patches become three colours; features are the pooled output, or the class token."""
    hub(monkeypatch, pooled=pooled)
    model = load_pretrained("hf:some/model")
    raw = model.backbone(PATCHES.repeat(1, 3, 1, 1))
    expected = raw.pooler_output if pooled else raw.last_hidden_state[:, 0]
    assert torch.equal(model(PATCHES), expected)
    assert model.width == 5


def test_patches_are_grey(monkeypatch):
    """Depths of a profile are no colours."""
    hub(monkeypatch)
    with pytest.raises(InputError, match="for patches of 18 channels; expected grey patches"):
        load_pretrained("hf:some/model")(torch.zeros(2, 18, 7, 7))


def test_frozen_means_frozen(monkeypatch):
    """No gradient, and statistics stay in training mode too; finetuning changes both."""
    hub(monkeypatch)
    frozen = build_encoder("pretrained", model="hf:some/model").train()
    before = frozen.backbone.norm.running_mean.clone()
    assert not frozen(PATCHES).requires_grad
    assert torch.equal(frozen.backbone.norm.running_mean, before)
    tuned = load_pretrained("hf:some/model", frozen=False).train()
    assert tuned(PATCHES).requires_grad
    assert not torch.equal(tuned.backbone.norm.running_mean, before)


def test_a_model_of_timm(monkeypatch):
    """Without its classifier."""
    timm(monkeypatch)
    model = load_pretrained("timm:vit_base")
    assert model.width == 7
    assert model(PATCHES).shape == (2, 7)


@pytest.mark.parametrize("kind", ["missing", "mismatched"])
def test_random_weights_are_never_given(monkeypatch, kind):
    """A file that does not fill the network is refused."""
    hub(monkeypatch, **{kind: ["encoder.weight"]})
    with pytest.raises(InputError, match=r"without 1 of the network's \(encoder.weight"):
        load_pretrained("hf:some/model")


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (OSError("You are trying to access a gated repo.\nMore"), "that are gated .*Accept their"),
        (OSError("401 Client Error"), "that are gated"),
        (
            OSError("We couldn't connect to the hub"),
            "no weights of some/model .*no internet|folder",
        ),
        (ValueError("Unrecognized model"), r"no weights of some/model \(Unrecognized model\)"),
        (OSError(), r"\(OSError\)"),
    ],
)
def test_weights_that_cannot_be_had(monkeypatch, error, message):
    """Gated and missing weights have different ways out."""
    hub(monkeypatch, error=error)
    with pytest.raises(InputError, match=message):
        load_pretrained("hf:some/model")


def test_timm_fails_clearly(monkeypatch):
    """For names without weights, weights that cannot be had, and offline."""
    timm(monkeypatch, known=False)
    with pytest.raises(InputError, match="timm has no weights for"):
        load_pretrained("timm:resnet50x")
    timm(monkeypatch, error=RuntimeError("No pretrained weights exist for vit."))
    with pytest.raises(InputError, match="no weights of vit"):
        load_pretrained("timm:vit")
    timm(monkeypatch)
    monkeypatch.setenv("CYTOSURF_OFFLINE", "1")
    with pytest.raises(InputError, match="CYTOSURF_OFFLINE forbids downloads"):
        load_pretrained("timm:vit")


@pytest.mark.parametrize("offline", ["", "1"])
def test_downloads_can_be_forbidden(monkeypatch, offline):
    """CYTOSURF_OFFLINE keeps transformers to local files."""
    monkeypatch.setenv("CYTOSURF_OFFLINE", offline)
    calls = hub(monkeypatch)
    load_pretrained("hf:/some/folder")
    ((name, options),) = calls
    assert name == "/some/folder"
    assert options["local_files_only"] == bool(offline)
    assert options["use_safetensors"]  # and no pickle


@pytest.mark.parametrize("model", ["dinov3", "hf:", "hub:dinov3"])
def test_a_model_has_a_source(model):
    """Names say where they come from."""
    with pytest.raises(InputError, match="hf"):
        load_pretrained(model)


def test_the_extra_is_named_where_a_library_is_missing(monkeypatch):
    """Also where it is there but does not import, as timm beside a wrong torchvision."""
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(InputError, match=r"pip install \"cytosurf\[backbones\]\""):
        load_pretrained("timm:vit")
