"""Names of output files: BIDS entities where only a beginning is given, and JSON sidecars."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from cytosurf.errors import InputError
from cytosurf.surfaces.parts import hemisphere_from_name
from cytosurf.surfaces.space import Space

MAP_OUTPUTS = (".func.gii", ".shape.gii", ".dscalar.nii")
LABEL_OUTPUTS = (".label.gii", ".dlabel.nii")

# Entities of a name that a new space replaces, and those that BIDS puts after the space.
_REPLACED = ("tpl-", "space-", "den-", "hemi-", "res-")
_LAST = ("label-", "desc-")
_ENTITY = re.compile(r"[A-Za-z]+-[A-Za-z0-9]+")
_SPACE_MARK = re.compile(
    r"(?:^|(?<=[._]))(?:\d+k_(?:fs_LR|fsavg(?:_[LR])?)|fs_LR[._]\d+k)(?=[._]|$)"
)
# What tells the hemisphere in a name, as in `hemisphere_from_name`; the words only where two files
# of a pair differ in them, because `left_hand` is no hemisphere.
_SIDE_ENTITY = re.compile(r"(?:^|(?<=[._]))hemi-(?:L|R|lh|rh|left|right)(?=[._]|$)", re.IGNORECASE)
_SIDE_MARK = re.compile(r"(?:^|(?<=[._]))(?:[LR]H?|[lr]h)(?=[._]|$)")
_SIDE_WORD = re.compile(r"(?:^|(?<=[._]))(?:left|right)(?=[._]|$)", re.IGNORECASE)
_SIDE_OF_SPACE = re.compile(r"(?<=\dk_fsavg)_[LR](?=[._]|$)")
_HEMISPHERE = re.compile(r"\{hemi\}|(?<![A-Za-z0-9])hemi-[LR](?![A-Za-z0-9])")


def output_template(out: Path, labels: bool, to: Space) -> Path:
    """Return the name to write to, with BIDS entities if only a beginning was given.

    Raises
    ------
    InputError
        If the name has an ending that cannot be written.

    Examples
    --------
    >>> output_template(Path("pet"), False, Space("fsLR", "32k")).name
    'pet_hemi-{hemi}_space-fsLR_den-32k_map.func.gii'
    """
    suffixes = LABEL_OUTPUTS if labels else MAP_OUTPUTS
    if out.name.endswith(suffixes):
        return out
    if out.name.endswith((".gii", ".nii", ".nii.gz", ".annot", ".npz", ".csv", ".tsv")):
        raise InputError(
            f"output {out}",
            f"this ending for {'labels' if labels else 'a map'}",
            f"one of {', '.join(suffixes)}",
            "Change the ending, or leave it out.",
        )
    kind = "dseg.label.gii" if labels else "map.func.gii"
    return out.with_name(f"{out.name}_hemi-{{hemi}}_space-{to.template}_den-{to.density}_{kind}")


def with_hemisphere(out: Path, hemispheres: tuple[str, ...]) -> Path:
    """Return a name that tells left from right where both are written; CIFTI holds both.

    Examples
    --------
    >>> with_hemisphere(Path("pet.func.gii"), ("L", "R")).name
    'pet_hemi-{hemi}.func.gii'
    >>> with_hemisphere(Path("pet.dscalar.nii"), ("L", "R")).name
    'pet.dscalar.nii'
    """
    single = len(hemispheres) == 1 or out.name.endswith(".nii")
    if single or _HEMISPHERE.search(out.name):
        return out
    stem, middle, suffix = out.name.rsplit(".", 2)
    return out.with_name(f"{stem}_hemi-{{hemi}}.{middle}.{suffix}")


def sidecar(file: Path) -> Path:
    """Return the name of the JSON file beside a data file.

    Examples
    --------
    >>> sidecar(Path("pet_hemi-L.func.gii")).name
    'pet_hemi-L.json'
    """
    return file.with_name(file.name.rsplit(".", 2)[0] + ".json")


def bids_template(name: str, labels: bool, to: Space) -> str:
    """Return the name of a carried file, with the entities of its own name and the new space.

    Entities of space, density and hemisphere are replaced, as are other marks of space
    (``32k_fs_LR``) and, without the entity, the mark of the hemisphere (``lh.``). All else stays,
    and so does the kind of file: CIFTI, GIFTI shape or func.

    Parameters
    ----------
    name : str
        Name of the file that is carried; of a pair, see `pair_name`.
    labels : bool
        Whether it holds labels.
    to : Space
        Where it goes.

    Returns
    -------
    str
        With ``{hemi}`` for the hemisphere, unless it is CIFTI.

    Examples
    --------
    >>> fslr = Space("fsLR", "32k")
    >>> bids_template("tpl-bigbrain_hemi-L_desc-Func_G1.shape.gii", False, fslr)
    'hemi-{hemi}_space-fsLR_den-32k_desc-Func_G1.shape.gii'
    >>> bids_template("sub-01_space-fsLR_den-164k_myelin.dscalar.nii", False, fslr)
    'sub-01_space-fsLR_den-32k_myelin.dscalar.nii'
    >>> bids_template("lh.aparc.annot", True, Space("bigbrain", "164k"))
    'hemi-{hemi}_space-bigbrain_den-164k_aparc.label.gii'
    >>> bids_template("left_hand_hemi-R.func.gii", False, fslr)
    'hemi-{hemi}_space-fsLR_den-32k_left_hand.func.gii'
    """
    stem, suffix = _without_side(name), ""
    for known in (*MAP_OUTPUTS, *LABEL_OUTPUTS, ".gii.gz", ".gii", ".annot"):
        if stem.endswith(known):
            stem, suffix = stem.removesuffix(known), known
            break
    if suffix not in MAP_OUTPUTS + LABEL_OUTPUTS:
        suffix = ".label.gii" if labels else ".func.gii"
    tokens = [token for token in _SPACE_MARK.sub("_", stem).split("_") if token]
    entities = [token for token in tokens if _ENTITY.fullmatch(token)]
    first = [token for token in entities if not token.startswith((*_REPLACED, *_LAST))]
    last = [token for token in entities if token.startswith(_LAST)]
    rest = [token for token in tokens if token not in entities]
    words = [re.sub(r"\.+", ".", token.replace("{hemi}", "")).strip(".") for token in rest]
    kind = "_".join(word for word in words if word) or ("dseg" if labels else "map")
    side = [] if suffix.endswith(".nii") else ["hemi-{hemi}"]
    space = [f"space-{to.template}", f"den-{to.density}"]
    return "_".join([*first, *side, *space, *last, kind]) + suffix


def grouped(files: Sequence[Path]) -> list[list[Path]]:
    """Put the two hemispheres of a map together, in the order in which they were given.

    Two files are a left and a right one, unless one is CIFTI or both are of the same side. Of
    more, those belong together whose names differ in the hemisphere alone; left comes first.

    Examples
    --------
    >>> names = ["a_hemi-R.func.gii", "a_hemi-L.func.gii", "b.dscalar.nii"]
    >>> [[file.name for file in group] for group in grouped([Path(name) for name in names])]
    [['a_hemi-L.func.gii', 'a_hemi-R.func.gii'], ['b.dscalar.nii']]
    """
    sides = [hemisphere_from_name(file.name) for file in files]
    both_sides = len(files) == 2 and (sides[0] is None or sides[0] != sides[1])
    if both_sides and not any(file.name.endswith(".nii") for file in files):
        return [list(files)]
    groups: dict[tuple[Path, str], list[tuple[str, Path]]] = {}
    for file, side in zip(files, sides, strict=True):
        groups.setdefault((file.parent, _without_side(file.name)), []).append((side or "", file))
    return [[file for _, file in sorted(group)] for group in groups.values()]


def pair_name(files: Sequence[Path]) -> str:
    """Return the name of a map for `bids_template`: of its first file, without a word of the side.

    Examples
    --------
    >>> pair_name([Path("left.myelin.func.gii"), Path("right.myelin.func.gii")])
    '{hemi}.myelin.func.gii'
    >>> pair_name([Path("left_hand.func.gii")])
    'left_hand.func.gii'
    """
    names = {file.name for file in files}
    common = {_SIDE_WORD.sub("{hemi}", name, count=1) for name in names}
    return common.pop() if len(names) == 2 and len(common) == 1 else files[0].name


def _without_side(name: str) -> str:
    """Return a name with ``{hemi}`` for what tells its side: the BIDS entity, else one mark."""
    if hemisphere_from_name(name) is None:
        return name
    if _SIDE_ENTITY.search(name):
        return _SIDE_ENTITY.sub("{hemi}", name)
    return _SIDE_MARK.sub("{hemi}", _SIDE_OF_SPACE.sub("", name), count=1)
