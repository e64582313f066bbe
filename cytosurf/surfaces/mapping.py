"""Files in, files out: carry maps and labels to another space and say how it was done."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cytosurf._version import __version__
from cytosurf.compute.files import file_sha256, write_text
from cytosurf.errors import InputError
from cytosurf.surfaces.io import read_map, read_parcellation, write_map, write_parcellation
from cytosurf.surfaces.resample import resample
from cytosurf.surfaces.routes import route, spheres_used
from cytosurf.surfaces.space import Space
from cytosurf.surfaces.templates import FSLR_32K, greyordinate_mask

LABEL_INPUTS = (".label.gii", ".dlabel.nii", ".annot")
MAP_OUTPUTS = (".func.gii", ".shape.gii", ".dscalar.nii")
LABEL_OUTPUTS = (".label.gii", ".dlabel.nii")

_HEMISPHERE = re.compile(r"\{hemi\}|(?<![A-Za-z0-9])hemi-[LR](?![A-Za-z0-9])")


def map_file(
    inputs: Sequence[str | os.PathLike[str]],
    to: Space,
    out: str | os.PathLike[str],
    *,
    source: Space | None = None,
    masked: bool = True,
) -> list[Path]:
    """Carry a map or labels from files to files in another space.

    Parameters
    ----------
    inputs : sequence of path-like
        One file, or a left and a right one. ``.label.gii``, ``.dlabel.nii`` and ``.annot`` are
        labels, everything else is a map (see `read_map`, `read_parcellation`).
    to : Space
        Where they go.
    out : path-like
        File to write: ``.func.gii``, ``.shape.gii`` or ``.dscalar.nii`` for maps, ``.label.gii``
        or ``.dlabel.nii`` for labels; where GIFTI needs one file for each hemisphere and the name
        does not tell them apart, ``_hemi-L`` and ``_hemi-R`` are added. A name without such a
        suffix is the beginning of GIFTI files with the BIDS entities hemi, space and den. CIFTI
        files of fs_LR 32k list the cortex of the standard 91,282 greyordinates (29,696 vertices
        left and 29,716 right), without those where a map is not valid.
    source : Space, optional
        Where they come from; needed if the files do not say it.
    masked : bool, optional
        For maps: whether only valid vertices count, see `resample`.

    Returns
    -------
    list of Path
        The files written, each followed by its JSON sidecar (``.json`` instead of the suffix)
        with spheres, method, mask, hashes of all inputs, and the version of cytosurf.

    Raises
    ------
    InputError
        If an input, the route or the output name is not valid; before anything is written.
    MissingDataError
        If a sphere, or for CIFTI the mask of the standard greyordinates, is missing and cannot be
        downloaded.

    Examples
    --------
    >>> import numpy as np, tempfile
    >>> from cytosurf.surfaces.maps import SurfaceMap
    >>> fslr = Space("fsLR", "32k")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     files = write_map(SurfaceMap(np.ones(64984), fslr), f"{folder}/in_{{hemi}}.func.gii")
    ...     [path.name for path in map_file(files[:1], fslr, f"{folder}/out.func.gii")]
    ['out.func.gii', 'out.json']
    """
    files = [Path(file) for file in inputs]
    are_labels = [file.name.endswith(LABEL_INPUTS) for file in files]
    if len(set(are_labels)) > 1:
        raise InputError("input files", "a map and labels", "a map, or labels", "Map them apart.")
    labels = any(are_labels)
    template = _output_template(Path(out), labels, to)
    read, write = (read_parcellation, write_parcellation) if labels else (read_map, write_map)
    data_in: Any = read(files if len(files) > 1 else files[0], space=source)
    route(data_in.space, to)
    if "{hemi}" not in template.name and not template.name.endswith(".nii"):
        template = _with_hemisphere(template, data_in.hemispheres)
    standard = template.name.endswith(".nii") and to == FSLR_32K
    cortex = greyordinate_mask(data_in.hemispheres) if standard else None
    carried: Any = resample(data_in, to, masked=masked)
    written = write(carried, template, mask=cortex)
    record = _record(files, data_in.space, to, "labels" if labels else "map", masked)
    if standard:
        record["Greyordinates"] = "standard cortex (atlasroi) of fs_LR 32k; medial wall left out"
    result = []
    for index, file in enumerate(written):
        sides = data_in.hemispheres if len(written) == 1 else data_in.hemispheres[index : index + 1]
        record["Steps"] = spheres_used(data_in.space, to, hemispheres=sides)
        result += [file, write_text(_sidecar(file), json.dumps(record, indent=2) + "\n")]
    return result


def _output_template(out: Path, labels: bool, to: Space) -> Path:
    """Return the name to write to, with BIDS entities if only a beginning was given."""
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


def _with_hemisphere(out: Path, hemispheres: tuple[str, ...]) -> Path:
    """Return a GIFTI name that tells left from right where both are written."""
    if len(hemispheres) == 1 or _HEMISPHERE.search(out.name):
        return out
    stem, middle, suffix = out.name.rsplit(".", 2)
    return out.with_name(f"{stem}_hemi-{{hemi}}.{middle}.{suffix}")


def _record(files: list[Path], source: Space, to: Space, kind: str, masked: bool) -> dict[str, Any]:
    """Return what the sidecars of all files say."""
    values = {
        "labels": "largest summed weight; key 0 takes part as a label",
        "map": "weighted mean over valid vertices" if masked else "weighted mean over all vertices",
    }
    return {
        "Description": f"{kind} carried from {source} to {to}",
        "Space": to.template,
        "Density": to.density,
        "SourceSpace": str(source),
        "Method": "barycentric resampling between registered spheres",
        "Values": values[kind],
        "Masked": masked if kind == "map" else None,
        "Steps": [],
        "Inputs": [{"File": file.name, "SHA256": file_sha256(file)} for file in files],
        "GeneratedBy": [{"Name": "cytosurf", "Version": __version__}],
    }


def _sidecar(file: Path) -> Path:
    """Return the name of the JSON file beside a data file."""
    return file.with_name(file.name.rsplit(".", 2)[0] + ".json")
