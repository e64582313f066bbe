"""Volumes in, surface files out, with a JSON file beside each that says how it was made."""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cytosurf._version import __version__
from cytosurf.compute.files import arrays_sha256, file_sha256
from cytosurf.errors import InputError
from cytosurf.surfaces.described import write_described
from cytosurf.surfaces.maps import Parcellation, SurfaceMap
from cytosurf.surfaces.output_names import output_template
from cytosurf.surfaces.parts import existing_file
from cytosurf.surfaces.space import HEMISPHERES, Space
from cytosurf.surfaces.templates import load_mesh
from cytosurf.surfaces.volume import N_SAMPLES
from cytosurf.surfaces.volume_map import map_to_labels, volume_to_labels, volume_to_map
from cytosurf.surfaces.volume_space import settle_space, surface_pair
from cytosurf.surfaces.volume_warp import DisplacementField, read_warp

Path_ = str | os.PathLike[str]

_CIFTI = (".dscalar.nii", ".dlabel.nii", ".dtseries.nii", ".dconn.nii", ".pscalar.nii")


def are_volumes(files: Sequence[Path_]) -> bool:
    """Return whether files are volumes by their names: NIfTI, and not CIFTI.

    Examples
    --------
    >>> are_volumes(["pet.nii.gz"]), are_volumes(["map.dscalar.nii"]), are_volumes(["L.func.gii"])
    (True, False, False)
    """
    names = [os.fspath(file).lower() for file in files]
    return bool(names) and all(
        name.endswith((".nii", ".nii.gz")) and not name.endswith(_CIFTI) for name in names
    )


def map_volume(
    inputs: Sequence[Path_],
    to: Space,
    out: Path_,
    *,
    source: str | None = None,
    method: str | None = None,
    n_samples: int = N_SAMPLES,
    labels: bool = False,
    threshold: float | None = None,
    hemispheres: Sequence[str] = HEMISPHERES,
    warp: Path_ | None = None,
    warp_convention: str | None = None,
) -> list[Path]:
    """Sample volumes on a template cortex, from files to files.

    Parameters
    ----------
    inputs : sequence of path-like
        NIfTI files in one space; several, and volumes of four dimensions, become the columns of
        one map.
    to : Space
        fs_LR 32k or BigBrain.
    out : path-like
        File to write, or the beginning of its name, as for `map_files`.
    source : str, optional
        Space of the volumes, such as ``"MNI152NLin6Asym"``; read from BIDS names if left out.
    method : {"linear", "nearest"}, optional
        As for `volume_to_map`; linear if left out. Labels are always those of the nearest voxels.
    n_samples, hemispheres
        As for `volume_to_map`; a hemisphere may also be just ``"L"`` or ``"R"``.
    labels : bool, optional
        The file holds labels: the one that most samples have wins. Names are read from a BIDS
        table beside it (``_dseg.tsv`` with ``index`` and ``name``).
    threshold : float, optional
        The columns are probabilities or loadings: make labels of them, by the largest value above
        the threshold.
    warp : path-like, optional
        Displacement field that resamples the volumes into the space of the surfaces.
    warp_convention : {"itk", "fsl"}, optional
        See `cytosurf.surfaces.volume_warp`.

    Returns
    -------
    list of Path
        The files written, each followed by its JSON sidecar.

    Raises
    ------
    InputError
        If an input, the space, the warp or the output name is not valid; before anything is
        written.
    """
    files = [existing_file(file, "the path of a volume") for file in inputs]
    _check_request(files, hemispheres, labels, method)
    template = output_template(Path(out), labels or threshold is not None, to)
    if warp is None and warp_convention is not None:
        raise InputError("warp_convention", repr(warp_convention), "a warp too")
    field = read_warp(warp, warp_convention) if warp is not None else None
    spaces = {settle_space(file, source) for file in files}
    if len(spaces) > 1:
        raise InputError("input files", f"volumes in {' and '.join(sorted(spaces))}", "one space")
    result: SurfaceMap | Parcellation
    if labels:
        result = _labels(files, to, source, n_samples, hemispheres, field, threshold)
    else:
        result = _joined_map(files, to, source, method or "linear", n_samples, hemispheres, field)
        if threshold is not None:
            result = map_to_labels(result, threshold)
    record = _record(files, to, spaces.pop(), tuple(hemispheres)) | {
        "Values": _values(labels, threshold),
        "Interpolation": "nearest" if labels else method or "linear",
        "SamplesFromWhiteToPial": [(2 * i + 1) / (2 * n_samples) for i in range(n_samples)],
    }
    if field is not None and warp is not None:
        record["Warp"] = {
            "File": Path(warp).name,
            "SHA256": file_sha256(warp),
            "Convention": field.convention,
        }
    read = files if warp is None else [*files, Path(warp)]
    return write_described(result, template, record, inputs=read)


def refuse_for_volumes(inputs: Sequence[Path_], **options: Any) -> None:
    """Raise `InputError` if an option for surface maps is given with volumes.

    Examples
    --------
    >>> refuse_for_volumes(["pet.nii.gz"], method="nearest")
    Traceback (most recent call last):
    cytosurf.errors.InputError: --method: found an option for surface maps; expected GIFTI, CIFTI \
or FreeSurfer files as input. Leave it out for volumes.
    """
    given = [name for name, value in options.items() if value]
    if given and are_volumes(inputs):
        raise InputError(
            f"--{given[0]}",
            "an option for surface maps",
            "GIFTI, CIFTI or FreeSurfer files as input",
            "Leave it out for volumes.",
        )


def map_inputs_as_volumes(
    inputs: Sequence[Path_], to: Space, out: Path_, *, source: str | None, **options: Any
) -> list[Path] | None:
    """Do what `map_volume` does, if the files are volumes; options that are None are left out.

    Returns
    -------
    list of Path or None
        The files written; None if the inputs are no volumes.

    Raises
    ------
    InputError
        As `map_volume`; also if volumes and other files are mixed, or an option for volumes is
        given with other files.

    Examples
    --------
    >>> fslr = Space("fsLR", "32k")
    >>> map_inputs_as_volumes(["a.func.gii"], fslr, "b", source=None) is None
    True
    """
    given = {
        name: value for name, value in options.items() if value is not None and value is not False
    }
    if are_volumes(inputs):
        return map_volume(inputs, to, out, source=source, **given)
    if any(are_volumes([file]) for file in inputs):
        raise InputError("input files", "volumes and other files", "one kind", "Map them apart.")
    if given:
        raise InputError(
            next(iter(given)),
            "an option for volumes",
            "a volume (.nii.gz) as input",
            "Leave it out for GIFTI, CIFTI and FreeSurfer files.",
        )
    return None


def _check_request(
    files: list[Path], hemispheres: Sequence[str], labels: bool, method: str | None
) -> None:
    if not files:
        raise InputError("input files", "none", "one volume or more")
    if isinstance(hemispheres, str) and hemispheres not in HEMISPHERES:
        raise InputError("hemispheres", repr(hemispheres), "L or R; leave it out for both")
    if labels and method not in (None, "nearest"):
        found = f"{method!r} for a volume of labels"
        raise InputError("method", found, "nearest, or nothing", "Labels are not averaged.")


def _joined_map(
    files: list[Path],
    to: Space,
    source: str | None,
    method: str,
    n_samples: int,
    hemispheres: Sequence[str],
    warp: DisplacementField | None,
) -> SurfaceMap:
    """Sample every file, and put their volumes side by side."""
    maps, names = [], []
    for file in files:
        sampled = volume_to_map(
            file,
            to,
            source=source,
            method=method,
            n_samples=n_samples,
            hemispheres=hemispheres,
            warp=warp,
        )
        stem = file.name.removesuffix(".gz").removesuffix(".nii")
        several = len(sampled.columns) > 1
        names += [f"{stem}_{i + 1}" if several else stem for i in range(len(sampled.columns))]
        maps.append(sampled)
    return SurfaceMap(
        np.concatenate([m.values for m in maps], axis=1),
        to,
        tuple(names),
        np.logical_and.reduce([m.valid for m in maps]),
        maps[0].hemispheres,
    )


def _labels(
    files: list[Path],
    to: Space,
    source: str | None,
    n_samples: int,
    hemispheres: Sequence[str],
    warp: DisplacementField | None,
    threshold: float | None,
) -> Parcellation:
    """Sample one file of labels, with the names of the table beside it."""
    if threshold is not None:
        raise InputError("threshold", f"{threshold:g} for a volume of labels", "no threshold")
    if len(files) > 1:
        raise InputError(
            "input files",
            f"{len(files)} volumes of labels",
            "one",
            "Map them apart; name the hemisphere of a volume that has one only.",
        )
    return volume_to_labels(
        files[0],
        to,
        source=source,
        n_samples=n_samples,
        hemispheres=hemispheres,
        warp=warp,
        names=names_beside(files[0]),
    )


def names_beside(file: Path) -> dict[int, str]:
    """Read the names of labels from the BIDS table beside a volume; none if there is no table.

    Raises
    ------
    InputError
        If the table has no columns ``index`` and ``name``, or an index that is no whole number.
    """
    table = file.with_name(file.name.removesuffix(".gz").removesuffix(".nii") + ".tsv")
    if not table.is_file():
        return {}
    try:
        with table.open(encoding="utf-8-sig", newline="") as stream:
            rows = list(csv.DictReader(stream, delimiter="\t"))
        return {int(row["index"]): row["name"] for row in rows}
    except (OSError, UnicodeDecodeError, KeyError, TypeError, ValueError) as error:
        raise InputError(
            str(table),
            f"no table of labels ({type(error).__name__}: {error})",
            "columns `index` (whole numbers) and `name`, separated by tabs",
        ) from None


def _values(labels: bool, threshold: float | None) -> str:
    if labels:
        return "label of most samples; background does not vote, a tie goes to the smallest key"
    if threshold is not None:
        return f"label of the largest mean over samples above {threshold:g}"
    return "mean over samples"


def _record(
    files: list[Path], to: Space, source: str, hemispheres: tuple[str, ...]
) -> dict[str, Any]:
    """Return what the sidecars of all files say."""
    pair = surface_pair(to, source)
    surfaces = []
    for side in hemispheres:
        for name in (pair.white, pair.pial):
            mesh = load_mesh(to, side, name)
            digest = arrays_sha256({"vertices": mesh.vertices, "faces": mesh.faces})
            surfaces.append({"Hemisphere": side, "Surface": name, "SHA256OfArrays": digest})
    return {
        "Description": f"volume in {source} sampled on {to}",
        "Space": to.template,
        "Density": to.density,
        "SourceSpace": source,
        "Surfaces": surfaces,
        "SpaceOfSurfaces": pair.space,
        "Method": "samples between white and pial surface; not ribbon-constrained",
        "Inputs": [{"File": file.name, "SHA256": file_sha256(file)} for file in files],
        "GeneratedBy": [{"Name": "cytosurf", "Version": __version__}],
    }
