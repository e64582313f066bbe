"""Maps and labels in files, with a JSON file beside each that says how they were made."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cytosurf.compute.files import write_text
from cytosurf.errors import CytosurfWarning, InputError
from cytosurf.surfaces.maps import Parcellation, SurfaceMap
from cytosurf.surfaces.output_names import (
    LABEL_OUTPUTS,
    MAP_OUTPUTS,
    sidecar,
    with_hemisphere,
)
from cytosurf.surfaces.templates import FSLR_32K, greyordinate_mask
from cytosurf.surfaces.writing import output_files, write_map, write_parcellation


def output_name(template: Path, hemispheres: tuple[str, ...], inputs: Sequence[Path]) -> Path:
    """Return the name to write a map to, which no file of it shares with a file that is read.

    Parameters
    ----------
    template : Path
        Name as from `output_template`.
    hemispheres : tuple of str
        What is written.
    inputs : sequence of Path
        Files that it is made from, masks and warps among them.

    Raises
    ------
    InputError
        If a file to be written is one of the inputs.
    """
    name = with_hemisphere(template, hemispheres)
    for file in output_files(name, hemispheres):
        if file.exists() and any(other.exists() and file.samefile(other) for other in inputs):
            raise InputError(
                f"output {file}",
                "a file that is an input",
                "a new name: what is read is not overwritten",
                "Choose another name or folder.",
            )
    return name


def write_described(
    data: SurfaceMap | Parcellation,
    template: Path,
    record: Mapping[str, Any],
    *,
    inputs: Sequence[Path] = (),
) -> list[Path]:
    """Write a map or labels, and beside each file the record of how they were made.

    CIFTI files of fs_LR 32k list the cortex of the standard greyordinates.

    Parameters
    ----------
    data : SurfaceMap or Parcellation
        What to write.
    template : Path
        Name as from `output_template`; ``_hemi-L`` and ``_hemi-R`` are added where GIFTI needs two
        files and it does not tell them apart.
    record : mapping
        What the JSON files hold.
    inputs : sequence of Path, optional
        Files that must not be overwritten.

    Returns
    -------
    list of Path
        The files written, each followed by its JSON file.

    Raises
    ------
    InputError
        If a file to be written is one of the inputs, or as `write_map`.

    Examples
    --------
    >>> import tempfile
    >>> from cytosurf.surfaces.space import Space
    >>> toy = SurfaceMap([1.0, 2.0], Space("toy", "2"), hemispheres=("L",))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     written = write_described(toy, Path(folder, "toy.func.gii"), {"Space": "toy"})
    ...     [path.name for path in written]
    ['toy.func.gii', 'toy.json']
    """
    name = output_name(template, data.hemispheres, inputs)
    greyordinates = name.name.endswith(".nii") and data.space == FSLR_32K
    mask = greyordinate_mask(data.hemispheres) if greyordinates else None
    if isinstance(data, SurfaceMap):
        files = write_map(data, name, mask=mask)
    else:
        files = write_parcellation(data, name, mask=mask)
    return [path for file in files for path in (file, write_sidecar(file, record))]


def write_sidecar(file: Path, record: Mapping[str, Any]) -> Path:
    """Write the JSON file beside a data file, and return its path.

    Warns
    -----
    CytosurfWarning
        If it replaces that of another data file, called like this one but for its kind.
    """
    path = sidecar(file)
    kinds = (*MAP_OUTPUTS, *LABEL_OUTPUTS)
    others = [other for kind in kinds if (other := path.with_suffix(kind)) != file]
    replaced = [other.name for other in others if path.exists() and other.exists()]
    if replaced:
        message = f"{path} is now about {file.name}, and no longer about {' and '.join(replaced)}."
        warnings.warn(message, CytosurfWarning, stacklevel=3)
    return write_text(path, json.dumps(record, indent=2) + "\n")
