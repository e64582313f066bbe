"""The projection head: what the loss sees, and decoding does not."""

from __future__ import annotations

from torch import nn

from cytosurf.spatialnce.encoders.norms import norm_1d

PROJECTION = 128  # assumption: the published width is not known


def projection_head(
    width: int, hidden: int | None = None, out: int = PROJECTION, norm: str = "batch"
) -> nn.Sequential:
    """Return the head that is put on an encoder for contrastive training.

    Published (arXiv:2511.01870, 4.4): a linear layer with as many hidden units as the encoder has
    features, batch normalisation, ReLU, and a linear layer. Assumption: it ends in 128 units.

    Parameters
    ----------
    width : int
        Features of the encoder.
    hidden : int, optional
        Hidden units; `width` if left out.
    out : int
        Width of the embedding.
    norm : str
        "batch" (published) or "group", see `cytosurf.spatialnce.encoders.norms`.

    Examples
    --------
    >>> import torch
    >>> projection_head(256)(torch.zeros(4, 256)).shape
    torch.Size([4, 128])
    """
    hidden = hidden or width
    return nn.Sequential(
        # Batch normalisation takes the mean away, and would take a bias away with it.
        nn.Linear(width, hidden, bias=False),
        norm_1d(norm, hidden),
        nn.ReLU(inplace=True),
        nn.Linear(hidden, out),
    )
