"""Which millimetre space a volume is in, and which surfaces are in that space.

"MNI152" names several templates whose brains differ by millimetres. Which one a volume is in is
asked for, or read from the BIDS entities of its name; it is never guessed, because neither the
voxel grid nor the values tell.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from cytosurf.errors import InputError, unknown_name
from cytosurf.surfaces.parts import naming
from cytosurf.surfaces.space import Space
from cytosurf.surfaces.templates import BIGBRAIN, FSLR_32K

# TemplateFlow's names, and who uses the space.
VOLUME_SPACES = {
    "MNI152NLin6Asym": "FSL's MNI152, the Human Connectome Project, nilearn's atlases",
    "MNI152NLin2009cAsym": "fMRIPrep's default, TemplateFlow, Julich-Brain 3.1, siibra",
    "MNI152NLin2009bSym": "BigBrainSym",
    "bigbrain": "BigBrain's histological space",
}
_MNI_HINT = (
    "There are several, millimetres apart: MNI152NLin6Asym is FSL's and the Human Connectome "
    "Project's, MNI152NLin2009cAsym fMRIPrep's default and Julich-Brain's."
)
_OTHER_HINT = "Bring a volume of another space, such as a subject's own, to one of these first."
_VAGUE = (
    "mni",
    "mni152",
    "icbm",
    "icbm152",
    "mni152nlin",
    "mni152nlin2009",
    "mni2009",
    "mni152lin",
)
_ENTITY = re.compile(r"(?<![A-Za-z0-9])(space|tpl)-([A-Za-z0-9]+)")


@dataclass(frozen=True)
class SurfacePair:
    """White and pial of a space of surfaces, and the millimetre space they are in.

    Parameters
    ----------
    white, pial : str
        Names for `cytosurf.surfaces.templates.load_mesh`.
    space : str
        One of `VOLUME_SPACES`.
    """

    white: str
    pial: str
    space: str


SURFACE_PAIRS: dict[Space, tuple[SurfacePair, ...]] = {
    FSLR_32K: (SurfacePair("white", "pial", "MNI152NLin6Asym"),),
    BIGBRAIN: (
        SurfacePair("white_sym", "pial_sym", "MNI152NLin2009bSym"),
        SurfacePair("white", "pial", "bigbrain"),
    ),
}


def volume_space(text: str) -> str:
    """Read the name of a volume's space.

    Raises
    ------
    InputError
        If the name is of no known space, or of several (``MNI152``).

    Examples
    --------
    >>> volume_space("mni152nlin6asym")
    'MNI152NLin6Asym'
    >>> volume_space("MNI152")
    Traceback (most recent call last):
    cytosurf.errors.InputError: space of the volume: found 'MNI152'; expected one of \
MNI152NLin2009bSym, MNI152NLin2009cAsym, MNI152NLin6Asym, bigbrain. There are several, millimetres \
apart: MNI152NLin6Asym is FSL's and the Human Connectome Project's, MNI152NLin2009cAsym fMRIPrep's \
default and Julich-Brain's.
    """
    plain = re.sub(r"[^a-z0-9]", "", text.lower())
    for name in VOLUME_SPACES:
        if plain == name.lower():
            return name
    error = unknown_name("space of the volume", text, VOLUME_SPACES)
    if plain in _VAGUE:
        raise InputError(error.where, error.found, error.expected, _MNI_HINT)
    if not error.way_out:
        raise InputError(error.where, error.found, error.expected, _OTHER_HINT)
    raise error


def stated_space(path: Path) -> str | None:
    """Return the space that the name of a file states (``space-`` or ``tpl-``), or None.

    ``space-MNI152`` states none: there are several.

    Raises
    ------
    InputError
        If it states one that is not known.

    Examples
    --------
    >>> stated_space(Path("sub-01_space-MNI152NLin2009cAsym_res-2_bold.nii.gz"))
    'MNI152NLin2009cAsym'
    >>> stated_space(Path("zstat1.nii.gz")) is None
    True
    """
    entities = dict(_ENTITY.findall(path.name))
    label = entities.get("space", entities.get("tpl"))
    if label is None or label.lower() in _VAGUE:
        return None
    with naming(path):
        return volume_space(label)


def settle_space(path: Path, given: str | None) -> str:
    """Return the space of a volume, given by the user or stated by its name.

    Raises
    ------
    InputError
        If neither says it, or both say different spaces.

    Examples
    --------
    >>> settle_space(Path("zstat1.nii.gz"), "MNI152NLin6Asym")
    'MNI152NLin6Asym'
    """
    stated = stated_space(path)
    wanted = volume_space(given) if given is not None else None
    if stated is None and wanted is None:
        raise InputError(
            str(path),
            "no statement of its space",
            f"one of {', '.join(sorted(VOLUME_SPACES))}",
            f"Name it (--from, or space-... in the file name). {_MNI_HINT}",
        )
    if stated and wanted and stated != wanted:
        raise InputError(
            str(path),
            f"space {stated} in its name",
            f"{wanted}, as given",
            "Which is right? Rename the file, or leave the option out.",
        )
    space = stated or wanted
    assert space is not None
    return space


def surface_pair(surfaces: Space, space: str) -> SurfacePair:
    """Return the white and pial surface to sample a volume of a space at.

    The pair that is in the volume's own space, else one in another variant of MNI152, which the
    caller has to warn about. BigBrain's histological space is no variant of anything else.

    Raises
    ------
    InputError
        If there is no white and pial of the space of surfaces, or none that fits the volume.

    Examples
    --------
    >>> surface_pair(Space("bigbrain", "164k"), "MNI152NLin6Asym").white
    'white_sym'
    """
    pairs = SURFACE_PAIRS.get(surfaces, ())
    if not pairs:
        known = ", ".join(map(str, SURFACE_PAIRS))
        raise InputError(
            "space to map a volume to",
            str(surfaces),
            f"one with white and pial surface at hand ({known})",
            f"Map it to {FSLR_32K} first and from there on, or give your own surfaces to "
            "sample_volume.",
        )
    for pair in pairs:
        if pair.space == space:
            return pair
    near = [pair for pair in pairs if (pair.space == "bigbrain") == (space == "bigbrain")]
    if not near:
        raise InputError(
            "space of the volume",
            space,
            f"a space that surfaces of {surfaces} are in ({', '.join(p.space for p in pairs)})",
            f"The two brains have another shape. Map it to {BIGBRAIN} first and from there on.",
        )
    return near[0]
