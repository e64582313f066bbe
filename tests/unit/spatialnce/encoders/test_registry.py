"""Encoders by name."""

import pytest
import torch

from cytosurf.errors import InputError
from cytosurf.spatialnce import build_encoder, known_encoders
from cytosurf.spatialnce.encoders import HybridViT, ResNet, SmallEncoder


def test_names_build_encoders():
    """Each says how many features it gives."""
    with torch.device("meta"):
        built = {name: build_encoder(name) for name in known_encoders() if name != "pretrained"}
    assert {name: (type(e), e.width) for name, e in built.items()} == {
        "small": (SmallEncoder, 256),
        "r50": (ResNet, 2048),
        "r50-vit-b": (HybridViT, 768),
    }


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("r51", {}, "Did you mean 'r50'"),
        ("small", {"width": (3,)}, "Did you mean 'widths'"),
        ("small", {"widths": 3}, "options of encoder small"),
        ("pretrained", {}, "options of encoder pretrained.*'model'"),
    ],
)
def test_bad_names_and_options_are_explained(name, options, message):
    """As they come from a configuration file."""
    with pytest.raises(InputError, match=message):
        build_encoder(name, **options)
