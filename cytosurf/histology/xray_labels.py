"""Labels of the mouse thalamocortical X-ray data: pixels of tissue, and answers of human raters.

Three public texts number the tissue of a pixel in three ways, and no file says which one it
follows. A reader here is told (`coding`), and gives back the order of `TISSUES`:

==============  =====  ======  ======  ======  ==============================================
coding          0      1       2       3       who
==============  =====  ======  ======  ======  ==============================================
``"notebook"``  none   axon    vessel  cell    the masks of the analysis notebook
``"paper"``     none   vessel  cell    axon    Prasad et al. (2020) and the BossDB channel
``"readme"``    none   cell    vessel  axon    the README of the repository
==============  =====  ======  ======  ======  ==============================================

Regions are numbered in one way by all sources (`cytosurf.histology.xray.REGIONS`). The thalamic
volume, however, is TRN in the Methods of the paper and VP in its Data Records: here it keeps the
name that its file gives it.
"""

from __future__ import annotations

import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cytosurf.errors import InputError, unknown_name
from cytosurf.histology.source import Int64
from cytosurf.histology.xray import SOURCE

Uint8 = npt.NDArray[np.uint8]
TISSUES = ("none", "axon", "vessel", "cell")
CODINGS = {
    "notebook": ("none", "axon", "vessel", "cell"),
    "paper": ("none", "vessel", "cell", "axon"),
    "readme": ("none", "cell", "vessel", "axon"),
}
RATED_CLASSES = ("CTX", "HYP", "STR", "VP", "WM", "ZI")


@dataclass(frozen=True, eq=False)
class RatedSet:
    """One set of tiles that people sorted into regions.

    Attributes
    ----------
    key : (n_tiles,) ndarray of int64
        True region of each tile, an index into `RATED_CLASSES`.
    answers : (n_raters, n_tiles) ndarray of int64
        What each rater said.
    """

    key: Int64
    answers: Int64


def recode_tissue(mask: npt.NDArray[np.generic], coding: str) -> Uint8:
    """Return the tissue of pixels in the order of `TISSUES`.

    Parameters
    ----------
    mask : ndarray of int
        Codes 0 to 3, of any shape.
    coding : {"notebook", "paper", "readme"}
        Which numbering the codes follow. It cannot be told from the codes.

    Returns
    -------
    ndarray of uint8
        Indices into `TISSUES`.

    Raises
    ------
    InputError
        If the coding is unknown, or there is another code.

    Examples
    --------
    >>> recode_tissue(np.array([0, 1, 2, 3]), "paper").tolist()
    [0, 2, 3, 1]
    """
    if coding not in CODINGS:
        raise unknown_name("coding", coding, CODINGS)
    if mask.dtype.kind not in "iu" or not np.isin(mask, range(4)).all():
        raise InputError("tissue", f"{mask.dtype} codes {np.unique(mask)}", "whole numbers 0 to 3")
    order = np.array([TISSUES.index(tissue) for tissue in CODINGS[coding]], np.uint8)
    recoded: Uint8 = order[mask.astype(np.intp)]
    return recoded


def read_tissue(path: Path, *, coding: str) -> dict[str, Uint8]:
    """Read the annotated pixels of each region.

    Parameters
    ----------
    path : pathlib.Path
        An npz with an array of codes for each region, such as
        ``xray_thc_microstructure_masks.npz``.
    coding : {"notebook", "paper", "readme"}
        Numbering of the codes in this file; ``"notebook"`` for the file named above.

    Returns
    -------
    dict of str to ndarray of uint8
        Indices into `TISSUES`, by region in capitals, in the order of the file.

    Raises
    ------
    InputError
        If the file is no such npz, the coding is unknown, or a code is none of 0 to 3.
    """
    stored = _arrays(path, "an npz with an array of tissue codes for each region")
    return {name.upper(): recode_tissue(mask, coding) for name, mask in stored.items()}


def read_raters(path: Path) -> dict[str, RatedSet]:
    """Read what two people answered about tiles of six regions.

    Parameters
    ----------
    path : pathlib.Path
        An npz with ``NAME_ans_key``, ``NAME_annot1``, ``NAME_annot2`` and so on for each set, such
        as ``xray_thc_raters.npz``.

    Returns
    -------
    dict of str to RatedSet
        By name, sorted.

    Raises
    ------
    InputError
        If the file is no such npz, a set has no answer or answers for other tiles, or a number
        names no class.
    """
    expected = "an npz with NAME_ans_key and NAME_annot1, NAME_annot2, ... of each set"
    stored = _arrays(path, expected)
    names = sorted(k.removesuffix("_ans_key") for k in stored if k.endswith("_ans_key"))
    found: dict[str, RatedSet] = {}
    for name in names:
        key = stored[f"{name}_ans_key"]
        answers = [stored[k] for k in sorted(stored) if k.startswith(f"{name}_annot")]
        if not answers or any(a.shape != key.shape or a.ndim != 1 for a in answers):
            shapes = ", ".join(str(a.shape) for a in answers) or "none"
            raise InputError(str(path), f"{name}: answers {shapes}", f"one for each of {key.shape}")
        given = np.stack([key, *answers])
        if given.dtype.kind not in "iu" or not 0 <= given.min() <= given.max() < len(RATED_CLASSES):
            span = f"{given.dtype} {given.min()} to {given.max()}"
            raise InputError(str(path), f"{name}: {span}", f"0 to {len(RATED_CLASSES) - 1}")
        found[name] = RatedSet(given[0].astype(np.int64), given[1:].astype(np.int64))
    if not found:
        raise InputError(str(path), "no answers", expected, f"See {SOURCE}.")
    return found


def _arrays(path: Path, expected: str) -> dict[str, npt.NDArray[np.generic]]:
    try:
        with np.load(path, allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}
    except (OSError, ValueError, EOFError, AttributeError, zipfile.BadZipFile, zlib.error):
        raise InputError(str(path), "no readable npz", expected, f"See {SOURCE}.") from None
