"""neuromaps' routes from files to files, as another way than our own."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cytosurf._version import __version__
from cytosurf.compute.files import file_sha256
from cytosurf.connectors.fetched import source_name
from cytosurf.connectors.neuromaps import by_registration_fusion, resample_by_neuromaps
from cytosurf.errors import InputError
from cytosurf.surfaces.described import write_described
from cytosurf.surfaces.io import read_map
from cytosurf.surfaces.maps import SurfaceMap
from cytosurf.surfaces.output_names import output_template
from cytosurf.surfaces.parts import existing_file
from cytosurf.surfaces.space import Space
from cytosurf.surfaces.volume_files import are_volumes

FUSION = "registration fusion: linear at the mean place of a vertex in volumes of many subjects"
RESAMPLING = "ADAP_BARY_AREA of Connectome Workbench with the spheres and areas of neuromaps"


def map_by_neuromaps(
    inputs: Sequence[str | os.PathLike[str]],
    to: Space,
    out: str | os.PathLike[str],
    *,
    source: str | None = None,
    own: Mapping[str, Any] | None = None,
) -> list[Path]:
    """Carry volumes or a map to a surface by neuromaps' transforms, from files to files.

    Parameters
    ----------
    inputs : sequence of path-like
        Volumes in MNI152, whose columns are put side by side; or a map of both hemispheres.
    to : Space
        fs_LR or fsaverage.
    out : path-like
        File to write, or the beginning of its name, as for `map_files`.
    source : str, optional
        Space of a map whose files do not say it.
    own : mapping of str to object, optional
        Options of our own routes, which neuromaps' routes do not have: refused where one is given
        (not None, False or an empty list).

    Returns
    -------
    list of Path
        The files written, each followed by its JSON sidecar.

    Raises
    ------
    InputError
        If an input or the output name is not valid, neuromaps has no such route, or it is missing
        or another one; before anything is written.
    MissingDataError
        If neuromaps needs files that it has not got, and there is no network.
    """
    given = [n for n, v in (own or {}).items() if v is not None and v is not False and v != []]
    if given:
        option = f"--{given[0].replace('_', '-')}"
        raise InputError(option, "an option of our own routes", "none with neuromaps' route")
    files = [existing_file(file, "the path of a volume or a map") for file in inputs]
    template = output_template(Path(out), False, to)
    if are_volumes(files):
        result, method = _fused(files, to), FUSION
    elif len(files) > 2:
        raise InputError("input files", f"{len(files)} files", "volumes, or one map")
    else:
        space = Space.parse(source) if source else None
        surface_map = read_map(files[0] if len(files) == 1 else (files[0], files[1]), space=space)
        result, method = resample_by_neuromaps(surface_map, to), RESAMPLING
    return write_described(result, template, _record(files, to, method), inputs=files)


def _fused(files: list[Path], to: Space) -> SurfaceMap:
    """Project every volume, and put the columns side by side."""
    maps = [by_registration_fusion(file, to) for file in files]
    names = []
    for file, fused in zip(files, maps, strict=True):
        stem = file.name.removesuffix(".gz").removesuffix(".nii")
        n = len(fused.columns)
        names += [f"{stem}_{i + 1}" if n > 1 else stem for i in range(n)]
    return SurfaceMap(np.concatenate([m.values for m in maps], axis=1), to, tuple(names))


def _record(files: list[Path], to: Space, method: str) -> dict[str, Any]:
    return {
        "Description": f"carried to {to} by neuromaps",
        "Space": to.template,
        "Density": to.density,
        "Method": method,
        "Sources": [source_name("neuromaps", "transforms")],
        "Inputs": [{"File": file.name, "SHA256": file_sha256(file)} for file in files],
        "GeneratedBy": [{"Name": "cytosurf", "Version": __version__}],
    }
