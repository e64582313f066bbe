"""Colours of classes and of feature sets.

Networks of Yeo et al. (2011) keep the colours everybody knows. Up to seven other classes get the
palette of Okabe and Ito, which is safe for the colour-blind; more get colours that are as far
apart as possible for normal sight and for red-green blindness, chosen one after the other, so that
the first ones are the most distinct. None is grey: grey is cortex without a label.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from cytosurf.targets.networks import YEO_NAMES

CORRECT = "#efefef"
WRONG = "#c2350b"
ROLE_COLOURS = {
    "features": "#0b5fa5",
    "baseline": "#d1761a",
    "matched position": "#8a6bb8",
    "reference": "#7f7f7f",
}

_YEO7 = ("781286", "4682b4", "00760e", "c43afa", "dcf8a4", "e69422", "cd3e4e")
_YEO17 = (
    *("781286", "ff0000", "4682b4", "2acca4", "4a9b3c", "00760e", "c43afa", "ff98d5", "dcf8a4"),
    *("7a8732", "778cb0", "e69422", "87324a", "0c30ff", "000082", "ffff00", "cd3e4e"),
)
_OKABE_ITO = ("0072b2", "e69f00", "009e73", "d55e00", "cc79a7", "56b4e9", "f0e442")

# Linear sRGB as seen without the red-sensitive and without the green-sensitive cones
# (Machado, Oliveira and Fernandes, 2009, severity 1).
_PROTAN = np.array(
    [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ]
)
_DEUTAN = np.array(
    [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ]
)
# Weight of the distance that a red-green blind reader sees, against normal sight.
_BLIND_WEIGHT = 0.6


def class_colours(names: Sequence[str]) -> npt.NDArray[np.float64]:
    """Return one sRGB colour for each class name.

    Parameters
    ----------
    names : sequence of str
        Class names in the order of the labels. When all are networks of Yeo et al. (``Vis``,
        ``7Networks_1``, ``VisCent``, ``17Networks_1``, ...), their usual colours are taken.

    Returns
    -------
    (n_classes, 3) float64 ndarray
        Values 0 to 1; the same names always get the same colours.

    Examples
    --------
    >>> (class_colours(["Default", "Vis"])[1] * 255).astype(int).tolist()
    [120, 18, 134]
    >>> class_colours([f"area {i}" for i in range(64)]).shape
    (64, 3)
    """
    known = [_yeo_colour(name) for name in names]
    if names and all(known):
        chosen = [colour for colour in known if colour]
    elif len(names) <= len(_OKABE_ITO):
        chosen = list(_OKABE_ITO[: len(names)])
    else:
        return distinct_colours(len(names))
    return np.array([[int(c[i : i + 2], 16) for i in (0, 2, 4)] for c in chosen]) / 255


def display_name(name: str) -> str:
    """Return the name to show for a class: ``7Networks_1`` becomes ``Vis (7Networks_1)``.

    Examples
    --------
    >>> display_name("17Networks_14"), display_name("V1")
    ('TempPar (17Networks_14)', 'V1')
    """
    numbered = re.fullmatch(r"(7|17)Networks_(\d+)", name)
    if not numbered:
        return name
    names = YEO_NAMES[int(numbered[1])]
    index = int(numbered[2]) - 1
    return f"{names[index]} ({name})" if 0 <= index < len(names) else name


@lru_cache(maxsize=16)
def distinct_colours(n: int) -> npt.NDArray[np.float64]:
    """Return `n` sRGB colours, each as far as possible from those before it.

    Distances are Euclidean in OKLab (Ottosson, 2020), and a pair counts as far apart as the worst
    of three readers sees it: with normal sight, without red and without green cones.
    """
    steps = np.linspace(0, 1, 18)
    grid = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1).reshape(-1, 3)
    light = _oklab(grid)
    chroma = np.hypot(light[:, 1], light[:, 2])
    usable = (light[:, 0] > 0.32) & (light[:, 0] < 0.93) & (chroma > 0.07)
    grid = grid[usable]
    seen = [(light[usable], 1.0)]
    seen += [(_oklab(grid, cones), _BLIND_WEIGHT) for cones in (_PROTAN, _DEUTAN)]
    chosen = [int(np.abs(grid - np.array([0.0, 0.45, 0.7])).sum(axis=1).argmin())]
    nearest = np.full(len(grid), np.inf)
    while len(chosen) < n:
        last = chosen[-1]
        views = [np.linalg.norm(lab - lab[last], axis=1) / weight for lab, weight in seen]
        nearest = np.minimum(nearest, np.min(views, axis=0))
        chosen.append(int(nearest.argmax()))
    colours: npt.NDArray[np.float64] = grid[chosen[:n]]
    colours.setflags(write=False)
    return colours


def _yeo_colour(name: str) -> str | None:
    """Return the colour of a Yeo network by any of its names, or None."""
    numbered = re.fullmatch(r"(7|17)Networks_(\d+)", name)
    if numbered:
        table = _YEO7 if numbered[1] == "7" else _YEO17
        index = int(numbered[2]) - 1
        return table[index] if 0 <= index < len(table) else None
    return dict(zip(YEO_NAMES[7] + YEO_NAMES[17], _YEO7 + _YEO17, strict=True)).get(name)


def _oklab(
    srgb: npt.NDArray[np.float64], cones: npt.NDArray[np.float64] | None = None
) -> npt.NDArray[np.float64]:
    """Return OKLab coordinates of sRGB colours, seen through a colour-blindness if given."""
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    if cones is not None:
        linear = np.clip(linear @ cones.T, 0, 1)
    to_lms = np.array(
        [
            [0.4122214708, 0.5363325363, 0.0514459929],
            [0.2119034982, 0.6806995451, 0.1073969566],
            [0.0883024619, 0.2817188376, 0.6299787005],
        ]
    )
    to_lab = np.array(
        [
            [0.2104542553, 0.7936177850, -0.0040720468],
            [1.9779984951, -2.4285922050, 0.4505937099],
            [0.0259040371, 0.7827717662, -0.8086757660],
        ]
    )
    lab: npt.NDArray[np.float64] = np.cbrt(linear @ to_lms.T) @ to_lab.T
    return lab
