"""The normalisation layers of a network, by name.

"batch" is the published choice. "group" has no statistics of a batch: a step in two passes
(`gradcache`) then equals one in a single pass, and nothing has to be synchronised.
"""

from __future__ import annotations

import math

from torch import nn

from cytosurf.errors import unknown_name

GROUPS = 32
NORMS = ("batch", "group")


def norm_2d(name: str, channels: int) -> nn.Module:
    """Return batch or group normalisation for feature maps.

    Parameters
    ----------
    name : str
        "batch" or "group": 32 groups, or as many as divide the channels.
    channels : int
        Of the feature maps.

    Examples
    --------
    >>> norm_2d("group", 48).num_groups
    16
    """
    if name not in NORMS:
        raise unknown_name("norm", name, NORMS)
    return (
        nn.BatchNorm2d(channels)
        if name == "batch"
        else nn.GroupNorm(math.gcd(GROUPS, channels), channels)
    )


def norm_1d(name: str, width: int) -> nn.Module:
    """Return batch or layer normalisation for feature vectors.

    Examples
    --------
    >>> norm_1d("group", 48).normalized_shape
    (48,)
    """
    if name not in NORMS:
        raise unknown_name("norm", name, NORMS)
    return nn.BatchNorm1d(width) if name == "batch" else nn.LayerNorm(width)
