"""Full float32 precision for a block of code, whatever is set globally."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def full_precision(device_type: str) -> Iterator[None]:
    """Multiply float32 matrices in float32: no autocast, no TF32, no bfloat16.

    Similarities are divided by a temperature of 0.07 and exponentiated, so that a rounding of 1e-3
    (TF32) would change a term by more than a percent. Settings are put back at the end.

    Parameters
    ----------
    device_type : str
        Of the tensors at work, as "cpu" or "cuda".

    Examples
    --------
    >>> with full_precision("cpu"):
    ...     torch.is_autocast_enabled("cpu")
    False
    """
    backends = (torch.backends.cuda.matmul, torch.backends.mkldnn.matmul)  # type: ignore[attr-defined]
    everywhere = torch.backends.fp32_precision  # type: ignore[attr-defined]
    # "none" follows what is set for all backends, and shows its value when it is read.
    before = [b.fp32_precision if b.fp32_precision != everywhere else "none" for b in backends]
    try:
        for backend in backends:
            backend.fp32_precision = "ieee"
        with torch.autocast(device_type, enabled=False):
            yield
    finally:
        for backend, value in zip(backends, before, strict=True):
            backend.fp32_precision = value
