"""The normalisation layer of an encoder, by name."""

from __future__ import annotations

from torch import nn

from cytosurf.errors import unknown_name

GROUPS = 32


def norm_2d(name: str, channels: int) -> nn.Module:
    """Return batch or group normalisation for feature maps.

    Parameters
    ----------
    name : str
        "batch" is the published choice. "group" (32 groups, or fewer where channels are few) has no
        statistics of a batch: a step in two passes (`gradcache`) then equals one in a single pass.
    channels : int
        Of the feature maps.

    Examples
    --------
    >>> norm_2d("group", 64).num_groups
    32
    """
    if name == "batch":
        return nn.BatchNorm2d(channels)
    if name == "group":
        return nn.GroupNorm(min(GROUPS, channels), channels)
    raise unknown_name("norm", name, ["batch", "group"])
