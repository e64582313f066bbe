"""What one file holds of one hemisphere, and how its side and its space are settled.

A file may say which hemisphere and which space it is of in its metadata or in its name
(``hemi-L``, ``space-fsLR_den-32k``, ``tpl-bigbrain``, ``.L.``, ``lh.``, ``32k_fs_LR``). The caller
may say it too. Whatever is said must agree; what nobody says is asked for, never guessed: the
number of vertices settles the space only where a single known space has that many.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cytosurf.errors import InputError
from cytosurf.surfaces.space import KNOWN_SPACES, Space, check_vertex_count

SIDES = {"L": "left", "R": "right"}

# Key under which files written by cytosurf carry their space; GIFTI and CIFTI have no field for it.
SPACE_KEY = "cytosurf-space"

_TEMPLATES = {
    "fslr": ("fsLR", ""),
    "bigbrain": ("bigbrain", ""),
    "fsaverage": ("fsaverage", ""),
    "fsavg": ("fsaverage", ""),
    "fsaverage5": ("fsaverage", "10k"),
}
# fMRIPrep names the density of 32k surfaces by the 91k greyordinates of the CIFTI made from them.
_DENSITIES = {"91k": "32k"}
_ENTITY = re.compile(
    r"(?:^|_)(space|tpl|den)-([A-Za-z0-9_]+?)(?=_[A-Za-z0-9]+-|_[A-Za-z0-9]+\.|\.|$)"
)
_HCP_SPACE = re.compile(r"(?:^|[._])(\d+k)_(fs_LR|fsavg)(?=[._]|$)")
_BIDS_SIDE = re.compile(r"(?:^|[._])hemi-(L|R|lh|rh|left|right)(?=[._]|$)", re.IGNORECASE)
_NAMED_SIDE = re.compile(r"(?:^|[._])(lh|rh|LH|RH|L|R)(?=[._]|$)")


@dataclass(frozen=True, eq=False)
class Part:
    """The content of a file for one hemisphere, with what the file itself says about it.

    Parameters
    ----------
    path : Path
        The file.
    values : (n_vertices, n_columns) float32 or (n_vertices,) int32 ndarray
        Values, or keys of labels.
    hemisphere : str or None
        Side according to the metadata.
    space : Space or None
        Space according to the metadata.
    columns : tuple of str
        Names of the columns of values; empty if the file has none.
    names : mapping of int to str
        Names of the keys above 0.
    listed : (n_vertices,) ndarray of bool, optional
        The vertices that the file lists; None for formats that hold every vertex.
    """

    path: Path
    values: npt.NDArray[Any]
    hemisphere: str | None = None
    space: Space | None = None
    columns: tuple[str, ...] = ()
    names: Mapping[int, str] = field(default_factory=dict)
    listed: npt.NDArray[np.bool_] | None = None


def existing_file(path: str | os.PathLike[str], expected: str) -> Path:
    """Return `path` if it is a readable file with content, else raise `InputError`."""
    file = Path(path)
    if file.is_dir():
        raise InputError(str(file), "a folder", expected)
    try:
        with file.open("rb") as stream:
            empty = not stream.read(1)
    except FileNotFoundError:
        raise InputError(
            str(file), "no such file", expected, "Check the name and the folder."
        ) from None
    except OSError as error:
        raise InputError(str(file), error.strerror or "an unreadable file", expected) from None
    if empty:
        raise InputError(str(file), "an empty file", expected, "Copy or download it again.")
    return file


@contextmanager
def reading(path: Path, expected: str) -> Iterator[None]:
    """Turn whatever a reader raises on a damaged file into an `InputError` that names the file.

    The readers of nibabel answer a damaged file with errors of many kinds (expat, zlib, struct,
    base64, indexing, ...). Their log messages about harmless header fields are held back.
    """
    logger = logging.getLogger("nibabel.global")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split())[:100] or type(error).__name__
        raise InputError(
            str(path),
            f"a file that is damaged or of another format ({reason})",
            expected,
            "Copy or download it again, or check that it is what its name says.",
        ) from error
    finally:
        logger.setLevel(level)


@contextmanager
def naming(path: str | os.PathLike[str]) -> Iterator[None]:
    """Put the file's name in front of an `InputError` about its content."""
    try:
        yield
    except InputError as error:
        where = f"{os.fspath(path)} ({error.where})"
        raise InputError(where, error.found, error.expected, error.way_out) from None


def hemisphere_from_name(name: str) -> str | None:
    """Return the hemisphere that a file name states, or None.

    A BIDS entity comes first; other marks count only if they name one side.

    Examples
    --------
    >>> hemisphere_from_name("tpl-fsLR_den-32k_hemi-R_thickness.shape.gii")
    'R'
    >>> hemisphere_from_name("lh.thickness"), hemisphere_from_name("fs_LR.32k.L.pial.surf.gii")
    ('L', 'L')
    >>> hemisphere_from_name("fs_LR.32k.LR.thickness.dscalar.nii") is None
    True
    """
    for pattern in (_BIDS_SIDE, _NAMED_SIDE):
        sides = {found[0].upper() for found in pattern.findall(name)}
        if sides:
            return sides.pop() if len(sides) == 1 else None
    return None


def space_from_name(name: str, n_vertices: int) -> Space | None:
    """Return the space that a file name states, or None.

    A template without a density gets the density that has `n_vertices` vertices per hemisphere;
    templates that cytosurf does not know state nothing.

    Raises
    ------
    InputError
        If no density of the named template has that many vertices.

    Examples
    --------
    >>> str(space_from_name("tpl-bigbrain_hemi-L_desc-Func_G1.shape.gii", 163842))
    'bigbrain-164k'
    >>> str(space_from_name("L.atlasroi.32k_fs_LR.shape.gii", 32492))
    'fsLR-32k'
    """
    entities = dict(_ENTITY.findall(name))
    template = entities.get("space") or entities.get("tpl")
    density = entities.get("den", "")
    if template is None:
        hcp = _HCP_SPACE.search(name)
        if hcp is None:
            return None
        density, template = hcp.groups()
    plain = template.lower().replace("_", "")
    if plain not in _TEMPLATES:
        return None
    template, implied = _TEMPLATES[plain]
    density = _DENSITIES.get(density, density) or implied
    if density:
        return Space(template, density)
    counts = {d: n for (t, d), n in KNOWN_SPACES.items() if t == template}
    fitting = [d for d, n in counts.items() if n == n_vertices]
    if not fitting:
        expected = " or ".join(f"{n:,} ({template}-{d})" for d, n in counts.items())
        raise InputError("one hemisphere", f"{n_vertices:,} vertices", expected)
    return Space(template, fitting[0])


def space_from_metadata(metadata: Mapping[str, str]) -> Space | None:
    """Return the space that cytosurf wrote into a file, or None for files of other programs."""
    template, _, density = str(metadata.get(SPACE_KEY, "")).rpartition("-")
    return Space(template, density) if template else None


def settle_space(part: Part, wanted: Space | None) -> Space:
    """Return the space of a part: as wanted, as its file states, or by an unambiguous count.

    Raises
    ------
    InputError
        If what is wanted and stated differ, nothing settles the space, or the number of vertices
        does not fit it.
    """
    n_vertices = len(part.values)
    with naming(part.path):
        stated = part.space or space_from_name(part.path.name, n_vertices)
    if wanted is not None and stated is not None and stated != wanted:
        raise InputError(
            str(part.path),
            f"space {stated} in its {'metadata' if part.space else 'name'}",
            str(wanted),
            "Move it to that space first, or rename the file if its name is wrong.",
        )
    space = wanted or stated or _space_by_count(part.path, n_vertices)
    with naming(part.path):
        check_vertex_count(n_vertices, space, ("L",), "one hemisphere")
    return space


def _space_by_count(path: Path, n_vertices: int) -> Space:
    fitting = [key for key, count in KNOWN_SPACES.items() if count == n_vertices]
    if len(fitting) == 1:
        return Space(*fitting[0])
    names = [f"{template}-{density}" for template, density in fitting]
    found = f"{n_vertices:,} vertices in one hemisphere and no statement of the space"
    if not names:
        counts = sorted(set(KNOWN_SPACES.values()))
        expected = f"the vertices of a known space ({', '.join(f'{n:,}' for n in counts)})"
        raise InputError(
            str(path), found, expected, "Name the space of the file (--from, or space= in Python)."
        )
    raise InputError(
        str(path),
        found,
        f"a file that tells {' from '.join(names)}",
        "Name the space (--from, or space= in Python), or put it into the file name, as in "
        f"space-{fitting[0][0]}_den-{fitting[0][1]}.",
    )


def settle_hemisphere(part: Part, position: str | None) -> str:
    """Return the hemisphere of a part: by its position, its metadata or its name.

    Parameters
    ----------
    part : Part
        Content of a file.
    position : str or None
        The side it was given as; None if the caller did not say.

    Raises
    ------
    InputError
        If they contradict each other, or nothing settles the side. A name that contradicts both
        position and metadata is passed over.
    """
    if position and part.hemisphere == position:
        return position
    named = hemisphere_from_name(part.path.name)
    stated = part.hemisphere or named
    if part.hemisphere and named and part.hemisphere != named:
        raise InputError(
            str(part.path),
            f"the {SIDES[part.hemisphere]} hemisphere in its metadata and the {SIDES[named]} one "
            "in its name",
            "the same side in both",
            "Rename the file, or set its structure with wb_command -set-structure.",
        )
    if position and stated and stated != position:
        raise InputError(
            str(part.path),
            f"the {SIDES[stated]} hemisphere in its {'metadata' if part.hemisphere else 'name'}",
            f"the {SIDES[position]} hemisphere",
            "Are the hemispheres swapped? The left file comes first, then the right one.",
        )
    side = position or stated
    if side is None:
        raise InputError(
            str(part.path),
            "no statement of the hemisphere in its metadata or name",
            "a file that tells left from right",
            "Name the hemisphere, or put hemi-L or hemi-R into the file name.",
        )
    return side
