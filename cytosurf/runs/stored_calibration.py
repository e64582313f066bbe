"""The finished feature sets of a calibration in its folder, each with the SHA-256 of its arrays."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cytosurf.compute.files import with_checksum, write_npz
from cytosurf.errors import CytosurfWarning, InputError
from cytosurf.runs.record import read_json, read_whole, write_json

FOLDER, JSON = "sets", "calibration.json"
# Settings that do not make another calibration, or follow from others and from the data.
FOLLOWING = ("sets", "attainable_rate", "position", "n_vertices")


def keep_set(
    folder: Path,
    run: str,
    settings: dict[str, Any],
    number: int,
    statistic: npt.NDArray[np.float64],
) -> None:
    """Write a feature set, and before the first one what it is of.

    Parameters
    ----------
    folder : Path
        Of the calibration.
    run : str
        What tells its feature sets from those of any other.
    settings : dict
        What ``calibration.json`` says of them.
    number : int
        Of the feature set.
    statistic : ndarray of float64
        What its tests gave.
    """
    if not (folder / JSON).exists():
        write_json(folder / JSON, {"schema": 1, "settings": settings, "rates": []})
    arrays = {"statistic": statistic, "run": np.array(run)}
    write_npz(_path(folder, number), **with_checksum(arrays))


def finished_sets(
    folder: Path, run: str, settings: Mapping[str, Any]
) -> dict[int, npt.NDArray[np.float64]]:
    """Return the feature sets that are there, by number.

    Parameters
    ----------
    folder, run, settings
        As for `keep_set`.

    Raises
    ------
    InputError
        If one belongs to another calibration.

    Warns
    -----
    CytosurfWarning
        If a file is damaged; its feature set is to be made again.
    """
    finished = {}
    for number in range(settings["sets"]):
        path = _path(folder, number)
        if not path.exists():
            continue
        arrays = read_whole(path)
        if arrays is None:
            message = f"{path}: damaged (its checksum is wrong). Its feature set is tested again."
            warnings.warn(message, CytosurfWarning, stacklevel=3)
        elif str(arrays["run"]) != run:
            raise _another_calibration(folder, settings)
        else:
            finished[number] = arrays["statistic"]
    return finished


def _another_calibration(folder: Path, settings: Mapping[str, Any]) -> InputError:
    """Return the error for a folder of another calibration, which names what is different."""
    found, expected = "a calibration with other settings, data or version", "the same calibration"
    if (folder / JSON).exists():
        before = read_json(folder / JSON)["settings"]
        different = [key for key in settings if before.get(key) != settings[key]]
        asked = [key for key in different if key not in FOLLOWING]
        theirs, ours = (
            " and ".join(f"{key} = {values.get(key)}" for key in asked)
            for values in (before, settings)
        )
        found = f"a calibration with {theirs}" if asked else "a calibration of other data"
        expected = f"one with {ours}" if asked else "one of the same data"
    way_out = "Choose another --out, or delete the folder."
    return InputError(f"--out {folder}", found, expected, way_out)


def _path(folder: Path, number: int) -> Path:
    return folder / FOLDER / f"{number:06d}.npz"
