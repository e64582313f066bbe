"""Encoders by name, as a configuration gives them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from torch import nn

from cytosurf.errors import InputError, unknown_name
from cytosurf.spatialnce.encoders.resnet import ResNet
from cytosurf.spatialnce.encoders.small import SmallEncoder
from cytosurf.spatialnce.encoders.vit import HybridViT
from cytosurf.spatialnce.pretrained import load_pretrained

_BUILDERS: dict[str, Callable[..., nn.Module]] = {
    "small": SmallEncoder,
    "r50": ResNet,
    "r50-vit-b": HybridViT,
    "pretrained": load_pretrained,
}


def known_encoders() -> list[str]:
    """Return the names that `build_encoder` knows.

    Examples
    --------
    >>> known_encoders()
    ['pretrained', 'r50', 'r50-vit-b', 'small']
    """
    return sorted(_BUILDERS)


def build_encoder(name: str, **options: Any) -> nn.Module:
    """Return an encoder from patches (B, channels, H, W) to features (B, width).

    Parameters
    ----------
    name : str
        "small" (three convolutions), "r50", "r50-vit-b", or "pretrained".
    **options
        Of `SmallEncoder`, `ResNet`, `HybridViT` or `load_pretrained`.

    Returns
    -------
    torch.nn.Module
        Its attribute ``width`` is the number of features.

    Raises
    ------
    InputError
        A name or an option that is not known.

    Examples
    --------
    >>> build_encoder("small", channels=18, widths=(32, 64, 128)).width
    128
    """
    if name not in _BUILDERS:
        raise unknown_name("encoder", name, _BUILDERS)
    builder = _BUILDERS[name]
    known = inspect.signature(builder).parameters
    for option in options:
        if option not in known:
            raise unknown_name(f"option of encoder {name}", option, known)
    try:
        return builder(**options)
    except TypeError as error:
        raise InputError(
            f"options of encoder {name}", str(error), "values of the right type"
        ) from None
