"""How much memory refits take on a torch device, and how many label vectors go there at once."""

from __future__ import annotations

import os

import torch

from cytosurf.decoding.curvature import FULL_HESSIAN_PARAMETERS
from cytosurf.decoding.torch_minimise import MEMORY
from cytosurf.decoding.torch_problem import BLOCK_ROWS, sample_size

# More label vectors at once keep the device no busier.
LARGEST_BATCH = 256
# Of what is free: the allocator of torch needs room, and others may come.
USED_SHARE = 0.8
# On a processor, which other processes share.
LARGEST_ON_CPU = 2**30
FLOAT32, FLOAT64, INT64 = 4, 8, 8


def free_bytes(device: torch.device) -> int:
    """Return how many bytes refits may take on a device now."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        # What torch holds for tensors that are gone is ours too.
        held = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(USED_SHARE * (free + held))
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return int(min(LARGEST_ON_CPU, USED_SHARE * free))


def inverse_bytes(n_classes: int, width: int) -> int:
    """Return the bytes of an inverse Hessian.

    Examples
    --------
    >>> inverse_bytes(7, 33), inverse_bytes(400, 33)
    (213444, 1742400)
    """
    n = n_classes * width
    full = n <= FULL_HESSIAN_PARAMETERS
    return FLOAT32 * (n * n if full else n_classes * width * width)


def slab_bytes(n_places: int, n_rows: int, n_classes: int, width: int) -> int:
    """Return the bytes of the problems that are solved side by side.

    Parameters
    ----------
    n_places : int
        Problems side by side.
    n_rows, n_classes, width : int
        Rows of the design, classes, columns with the intercept.
    """
    n = n_classes * width
    rows = max(n_rows, sample_size(n_classes, width, n_rows)) * (INT64 + FLOAT32)
    sampled = sample_size(n_classes, width, n_rows) * width * FLOAT32
    # While a sample is drawn: classes, order, ranks and what follows from them.
    drawn = 10 * n_rows * INT64
    block = 3 * min(BLOCK_ROWS, n_rows) * n_classes * FLOAT32
    pairs = (2 * 3 * MEMORY + 12) * n * FLOAT64
    return n_places * (rows + sampled + drawn + block + pairs + inverse_bytes(n_classes, width))


def spin_bytes(n_rows: int, n_classes: int, width: int, n_folds: int) -> int:
    """Return the bytes that each label vector takes until its folds are solved.

    Parameters
    ----------
    n_rows, n_classes, width, n_folds : int
        Rows of the design, classes, columns with the intercept, folds.
    """
    n = n_classes * width
    of_fold = (2 * 3 * MEMORY + 8) * n * FLOAT64
    # Inverse Hessians are stacked once: for a moment they are there twice.
    return 2 * n_rows + n_folds * of_fold + 3 * inverse_bytes(n_classes, width)
