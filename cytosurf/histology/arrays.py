"""Patches from an npz file of the user's own."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

import numpy as np

from cytosurf.errors import InputError
from cytosurf.histology.source import GROUPS, ArraySource

EXPECTED = "an npz with `patches` (n, [channels,] height, width) and `coordinates_mm` (n, 3)"


def read_arrays(path: Path, space: str) -> ArraySource:
    """Read patches that fit in memory.

    Parameters
    ----------
    path : pathlib.Path
        An npz with ``patches`` (uint8, uint16, or floats of 0 to 1), ``coordinates_mm`` and, if
        wanted, whole-numbered ``ids``, ``label`` and ``brain``.
    space : str
        Name of the space of the coordinates.

    Raises
    ------
    InputError
        If the file is missing, damaged, or lacks an array, or the arrays do not fit.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
    except (OSError, ValueError, EOFError, AttributeError, zipfile.BadZipFile, zlib.error):
        raise InputError(str(path), "no readable npz file", EXPECTED) from None
    missing = [name for name in ("patches", "coordinates_mm") if name not in arrays]
    if missing:
        raise InputError(str(path), f"no {' and no '.join(missing)}", EXPECTED)
    groups = {name: arrays[name] for name in GROUPS if name in arrays}
    ids = arrays.get("ids")
    return ArraySource(arrays["patches"], arrays["coordinates_mm"], space, ids, groups)  # type: ignore[arg-type]
