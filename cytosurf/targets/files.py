"""Targets from a user's own label file: GIFTI, CIFTI, FreeSurfer annot, or a csv of keys."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from cytosurf.errors import InputError
from cytosurf.surfaces.io import read_parcellation
from cytosurf.surfaces.maps import Parcellation
from cytosurf.surfaces.parts import existing_file, naming
from cytosurf.surfaces.space import Space
from cytosurf.targets.target import Target

HEMI = "{hemi}"
HEMI_SPELLINGS = (("L", "R"), ("lh", "rh"), ("left", "right"))
SURFACE_SUFFIXES = (".gii", ".gii.gz", ".nii", ".nii.gz")
LABEL_SUFFIXES = (*SURFACE_SUFFIXES, ".annot", ".csv", ".txt")


def looks_like_file(text: str, suffixes: tuple[str, ...] = LABEL_SUFFIXES) -> bool:
    """Return whether a name that is in no list is meant as a file.

    Examples
    --------
    >>> looks_like_file("my.label.gii"), looks_like_file("yoe7")
    (True, False)
    """
    return (
        HEMI in text
        or "/" in text
        or "\\" in text
        or text.lower().endswith(suffixes)
        or Path(text).is_file()
    )


def hemisphere_paths(text: str) -> list[Path]:
    """Return the existing file that a text names, or the two of a text with ``{hemi}``.

    ``{hemi}`` stands for L and R, lh and rh, or left and right, whichever pair exists.

    Raises
    ------
    InputError
        If a file does not exist.
    """
    if HEMI not in text:
        return [existing_file(text, "the path of a file")]
    for spelling in HEMI_SPELLINGS:
        pair = [Path(text.replace(HEMI, hemisphere)) for hemisphere in spelling]
        if any(path.is_file() for path in pair):
            return [existing_file(path, "the path of a file") for path in pair]
    raise InputError(text, "no such files", "a pair of files, {hemi} standing for L/R, lh/rh ...")


def file_target(text: str, space: Space) -> Target:
    """Read a target from a label file of both hemispheres, or a pair with ``{hemi}``.

    Parameters
    ----------
    text : str
        Path of a GIFTI (``.label.gii``), CIFTI (``.dlabel.nii``) or FreeSurfer (``.annot``) file,
        or of a csv or txt file with one key per line.
    space : Space
        The space that the labels belong to.

    Returns
    -------
    Target
        Named by the text.

    Raises
    ------
    InputError
        If a file is missing or unreadable, or does not fit the space.
    """
    paths = hemisphere_paths(text)
    if paths[0].suffix.lower() in (".csv", ".txt"):
        with naming(text):
            labels = Parcellation(np.concatenate([_read_keys(path) for path in paths]), space)
    else:
        labels = read_parcellation(
            paths[0] if len(paths) == 1 else (paths[0], paths[1]), space=space
        )
    return Target(text, labels, tuple(f"file:{path}" for path in paths))


def _read_keys(path: Path) -> npt.NDArray[np.int32]:
    try:
        keys = np.loadtxt(path, ndmin=1)
    except (OSError, ValueError) as error:
        raise InputError(
            str(path), f"no list of keys ({error})", "one whole number per line"
        ) from None
    if keys.ndim != 1:
        raise InputError(str(path), f"{keys.shape[1]} columns", "one whole number per line")
    whole = np.nan_to_num(keys).astype(np.int32)
    if not np.array_equal(whole, keys):
        raise InputError(str(path), "keys that are not whole numbers", "one whole number per line")
    return whole
