"""The spaces that points of embeddings may be in, and the midsurface that lies in each of them.

A table of points says in which space they are; nothing is guessed. BigBrain's histological space
and BigBrainSym (the same brain deformed to the symmetric ICBM 2009b template) each have a
midsurface on the BigBrain mesh. MNI Colin 27 has none here: another brain's surface, that of
BigBrainSym, stands in for it, unless the user gives one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from cytosurf.errors import InputError
from cytosurf.surfaces.mesh import Mesh
from cytosurf.surfaces.midsurface import midsurface
from cytosurf.surfaces.space import HEMISPHERES
from cytosurf.surfaces.templates import BIGBRAIN, load_mesh

OTHER = "other:"  # before the name of a space that cytosurf does not know


@dataclass(frozen=True)
class PointSpace:
    """A space of points that cytosurf has a midsurface for.

    Attributes
    ----------
    name : str
        As it is stored in tables.
    title : str
        As messages call it.
    pial, white : str
        BigBrain surfaces (see `load_mesh`) that lie in this space.
    is_own : bool
        Whether they are surfaces of the very brain of the space.
    """

    name: str
    title: str
    pial: str
    white: str
    is_own: bool = True


POINT_SPACES = {
    space.name: space
    for space in (
        PointSpace("bigbrain", "BigBrain histological space", "pial", "white"),
        PointSpace("bigbrainsym", "BigBrainSym (ICBM 2009b symmetric)", "pial_sym", "white_sym"),
        PointSpace("colin27", "MNI Colin 27", "pial_sym", "white_sym", is_own=False),
    )
}
_ALIASES = {
    "bigbrainhistological": "bigbrain",
    "bigbrainhist": "bigbrain",
    "icbm": "bigbrainsym",
    "icbm2009bsym": "bigbrainsym",
    "mni152nlin2009bsym": "bigbrainsym",
    "mnicolin27": "colin27",
}
_WAY_OUT = (
    "The space is never guessed. Coordinates of another ICBM 2009 template differ from BigBrainSym "
    "by a few millimetres: say bigbrainsym to use them all the same. For any other space of your "
    f"own write {OTHER}NAME, and give its midsurface."
)


def point_space(text: str | None, where: str = "space") -> str:
    """Return the stored name of a space of points.

    Parameters
    ----------
    text : str or None
        ``"bigbrain"``, ``"bigbrainsym"`` or ``"icbm"``, ``"colin27"``, or ``"other:NAME"``.
    where : str, optional
        The option or file that said it.

    Raises
    ------
    InputError
        If nothing is said, or the name is not known.

    Examples
    --------
    >>> point_space("ICBM"), point_space("MNI Colin 27"), point_space("other:my-mouse")
    ('bigbrainsym', 'colin27', 'other:my-mouse')
    """
    names = ", ".join(POINT_SPACES)
    if text is None or not text.strip():
        raise InputError(where, "no space of the points", f"one of {names}", _WAY_OUT)
    if text.startswith(OTHER) and text.removeprefix(OTHER).strip():
        return text.strip()
    plain = re.sub(r"[^a-z0-9]", "", text.lower())
    name = _ALIASES.get(plain, plain)
    if name not in POINT_SPACES:
        raise InputError(where, repr(text), f"one of {names}", _WAY_OUT)
    return name


def title_of(space: str) -> str:
    """Return what messages call a space of points."""
    return POINT_SPACES[space].title if space in POINT_SPACES else space.removeprefix(OTHER)


def load_midsurfaces(space: str, where: str = "space") -> Mapping[str, Mesh]:
    """Load the midsurface of both hemispheres in a space of points.

    Parameters
    ----------
    space : str
        As from `point_space`.
    where : str, optional
        The table, for messages.

    Returns
    -------
    mapping of str to Mesh
        "L" and "R", on the BigBrain mesh of 163,842 vertices each.

    Raises
    ------
    InputError
        If cytosurf has no midsurface in this space.
    MissingDataError
        If a surface is missing and cannot be downloaded.
    """
    if space not in POINT_SPACES:
        raise InputError(
            where,
            f"points in {space}, a space that cytosurf has no surface of",
            f"one of {', '.join(POINT_SPACES)}, or a midsurface of the user's own",
            "Give the midsurface of both hemispheres in the space of the points.",
        )
    known = POINT_SPACES[space]
    return {
        h: midsurface(load_mesh(BIGBRAIN, h, known.pial), load_mesh(BIGBRAIN, h, known.white))
        for h in HEMISPHERES
    }
