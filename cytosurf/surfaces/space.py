"""Spaces: which mesh a map lives on.

A space is a template and a density, as in TemplateFlow and neuromaps: ``fsLR`` at ``32k``,
``bigbrain`` at ``164k``. The number of vertices alone never identifies a space: 163,842 is
BigBrain, fs_LR 164k and fsaverage; 10,242 is fsaverage5 and the decimated BigBrain.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from cytosurf.errors import InputError, unknown_name

HEMISPHERES = ("L", "R")

# Vertices per hemisphere of every known space.
KNOWN_SPACES: dict[tuple[str, str], int] = {
    ("fsLR", "32k"): 32_492,
    ("fsLR", "164k"): 163_842,
    ("bigbrain", "164k"): 163_842,
    ("bigbrain", "10k"): 10_242,
    ("fsaverage", "10k"): 10_242,
    ("fsaverage", "164k"): 163_842,
}

_ALIASES = {
    "fslr": ("fsLR", "32k"),
    "fslr32k": ("fsLR", "32k"),
    "conte69": ("fsLR", "32k"),
    "fslr164k": ("fsLR", "164k"),
    "bigbrain": ("bigbrain", "164k"),
    "fsaverage5": ("fsaverage", "10k"),
    "fsaverage": ("fsaverage", "164k"),
    "fsaverage7": ("fsaverage", "164k"),
}


@dataclass(frozen=True)
class Space:
    """A template surface at a density.

    Parameters
    ----------
    template : str
        Name of the template, e.g. ``"fsLR"`` or ``"bigbrain"``.
    density : str
        Density as in BIDS names, e.g. ``"32k"`` or ``"164k"``.

    Examples
    --------
    >>> Space("fsLR", "32k").n_vertices
    32492
    >>> str(Space.parse("fs_LR 32k"))
    'fsLR-32k'
    """

    template: str
    density: str

    @classmethod
    def parse(cls, text: str) -> Space:
        """Read a space from ``"fsLR-32k"`` or one of its usual spellings.

        Raises
        ------
        InputError
            If the text names no known space.
        """
        plain = re.sub(r"[^a-z0-9]", "", text.lower())
        if plain in _ALIASES:
            return cls(*_ALIASES[plain])
        for template, density in KNOWN_SPACES:
            if plain == f"{template}{density}".lower():
                return cls(template, density)
        raise unknown_name("space", text, (f"{t}-{d}" for t, d in KNOWN_SPACES))

    @property
    def n_vertices(self) -> int | None:
        """Vertices per hemisphere, or None for a space of the user's own."""
        return KNOWN_SPACES.get((self.template, self.density))

    def __str__(self) -> str:
        return f"{self.template}-{self.density}"


def check_hemispheres(hemispheres: tuple[str, ...], where: str) -> None:
    """Raise `InputError` unless `hemispheres` is ("L",), ("R",) or ("L", "R")."""
    if hemispheres not in (("L",), ("R",), ("L", "R")):
        raise InputError(where, f"hemispheres {hemispheres!r}", '("L", "R"), ("L",) or ("R",)')


def check_vertex_count(n_rows: int, space: Space, hemispheres: tuple[str, ...], where: str) -> None:
    """Raise `InputError` unless `n_rows` fits the space and the number of hemispheres."""
    n_expected = space.n_vertices
    n_hemispheres = len(hemispheres)
    if n_expected is None:
        if n_rows % n_hemispheres:
            raise InputError(
                where,
                f"{n_rows:,} rows for two hemispheres of {space}",
                "the same number of vertices in both hemispheres",
            )
    elif n_rows != n_expected * n_hemispheres:
        fitting = [f"{t}-{d}" for (t, d), n in KNOWN_SPACES.items() if n * n_hemispheres == n_rows]
        way_out = (
            f"The count fits {' or '.join(fitting)}: name that space, or carry the map first "
            "(cytosurf map)."
            if fitting
            else ""
        )
        raise InputError(
            where,
            f"{n_rows:,} vertices",
            f"{n_expected * n_hemispheres:,} ({space}, hemispheres {'+'.join(hemispheres)})",
            way_out,
        )
