"""Names of output files: BIDS entities where only a beginning is given, and JSON sidecars."""

from __future__ import annotations

import re
from pathlib import Path

from cytosurf.errors import InputError
from cytosurf.surfaces.space import Space

MAP_OUTPUTS = (".func.gii", ".shape.gii", ".dscalar.nii")
LABEL_OUTPUTS = (".label.gii", ".dlabel.nii")

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
    """Return a GIFTI name that tells left from right where both are written.

    Examples
    --------
    >>> with_hemisphere(Path("pet.func.gii"), ("L", "R")).name
    'pet_hemi-{hemi}.func.gii'
    """
    if len(hemispheres) == 1 or _HEMISPHERE.search(out.name):
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
