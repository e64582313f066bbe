"""CIFTI-2: dense scalars and dense labels of the cortex.

A dense CIFTI file lists *greyordinates*: for each cortical hemisphere the vertices it covers, then
voxels of subcortical structures. The standard 91,282 of the Human Connectome Project are 29,696
left and 29,716 right vertices of the 32,492 of fs_LR 32k, without the medial wall, and 31,870
voxels. Other files list every vertex, or only one hemisphere. Here the cortex is kept, on whole
hemispheres: a vertex that is not listed has NaN and is not valid, or has label key 0.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import numpy.typing as npt

from cytosurf.errors import CytosurfWarning, InputError
from cytosurf.surfaces.gifti import label_colour, named_keys, whole_keys
from cytosurf.surfaces.parts import (
    SIDES,
    SPACE_KEY,
    Part,
    existing_file,
    reading,
    space_from_metadata,
)
from cytosurf.surfaces.space import Space

_CORTEX = {"CIFTI_STRUCTURE_CORTEX_LEFT": "L", "CIFTI_STRUCTURE_CORTEX_RIGHT": "R"}
_EXPECTED = {
    "ScalarAxis": "dense scalars of the cortex (.dscalar.nii)",
    "LabelAxis": "dense labels of the cortex (.dlabel.nii)",
}
_FOUND = {
    "ScalarAxis": "scalars (a map of values)",
    "LabelAxis": "labels",
    "SeriesAxis": "a time series",
    "ParcelsAxis": "parcels",
    "BrainModelAxis": "connectivity",
}
_WAY_OUT = {
    "ScalarAxis": "Give a .dlabel.nii.",
    "LabelAxis": "Give it as a target, or read_parcellation.",
    "SeriesAxis": "Reduce it with wb_command -cifti-reduce first.",
}


def map_parts(path: str | os.PathLike[str]) -> list[Part]:
    """Read the cortical values of a ``.dscalar.nii``: one part per hemisphere it covers.

    Raises
    ------
    InputError
        If the file is missing, damaged, of another CIFTI type, or without cortex.
    """
    file, axis, models, data = _load(path, "ScalarAxis")
    columns = tuple(str(name) or f"column_{i + 1}" for i, name in enumerate(axis.name))
    parts = []
    for side, rows, vertices, n_vertices in models:
        values = np.full((n_vertices, len(columns)), np.nan, np.float32)
        values[vertices] = data[:, rows].T
        parts.append(Part(file, values, side, space_from_metadata(axis.meta[0]), columns))
    return parts


def label_parts(path: str | os.PathLike[str]) -> list[Part]:
    """Read the cortical labels of a ``.dlabel.nii``: one part per hemisphere it covers.

    Raises
    ------
    InputError
        If the file is missing, damaged, of another CIFTI type, without cortex, with several sets
        of labels, or with keys that are negative or not whole.
    """
    file, axis, models, data = _load(path, "LabelAxis")
    if len(axis) != 1:
        raise InputError(
            str(file),
            f"{len(axis)} sets of labels",
            "one",
            "Take one out with wb_command -cifti-merge (option -column).",
        )
    names = named_keys({key: name for key, (name, _) in axis.label[0].items()})
    parts = []
    for side, rows, vertices, n_vertices in models:
        keys = np.zeros(n_vertices, np.int32)
        keys[vertices] = whole_keys(data[0, rows], file)
        parts.append(Part(file, keys, side, space_from_metadata(axis.meta[0]), names=names))
    return parts


def write_scalar_file(
    path: Path,
    rows: Sequence[tuple[str, npt.NDArray[np.float32], npt.NDArray[np.bool_]]],
    columns: tuple[str, ...],
    space: Space,
) -> None:
    """Write a ``.dscalar.nii`` from (hemisphere, values, listed vertices) of each hemisphere."""
    meta = [{SPACE_KEY: str(space)} for _ in columns]
    axis = nib.cifti2.ScalarAxis(columns, meta)
    data = np.concatenate([values[listed] for _, values, listed in rows]).T
    _save(path, axis, rows, data, "ConnDenseScalar")


def write_label_file(
    path: Path,
    rows: Sequence[tuple[str, npt.NDArray[np.int32], npt.NDArray[np.bool_]]],
    names: Mapping[int, str],
    space: Space,
) -> None:
    """Write a ``.dlabel.nii`` from (hemisphere, keys, listed vertices) of each hemisphere."""
    table = {key: (name, label_colour(key)) for key, name in {0: "???", **names}.items()}
    axis = nib.cifti2.LabelAxis(["labels"], [table], [{SPACE_KEY: str(space)}])
    data = np.concatenate([keys[listed] for _, keys, listed in rows])[None]
    _save(path, axis, rows, data, "ConnDenseLabel")


def _save(
    path: Path,
    axis: Any,
    rows: Sequence[tuple[str, npt.NDArray[Any], npt.NDArray[np.bool_]]],
    data: npt.NDArray[Any],
    intent: str,
) -> None:
    models = [
        nib.cifti2.BrainModelAxis.from_surface(
            np.flatnonzero(listed), len(listed), f"Cortex{SIDES[side].capitalize()}"
        )
        for side, _, listed in rows
    ]
    greyordinates = sum(models[1:], start=models[0])
    image = nib.Cifti2Image(np.ascontiguousarray(data), (axis, greyordinates))
    image.nifti_header.set_intent(intent, name=intent)
    image.to_filename(str(path))


def _load(path: str | os.PathLike[str], wanted: str) -> tuple[Path, Any, list[Any], Any]:
    """Return file, map axis, cortical models and data (n_maps, n_greyordinates) of a CIFTI file."""
    expected = _EXPECTED[wanted]
    file = existing_file(path, expected)
    with reading(file, expected):
        image = nib.load(file)
        if not isinstance(image, nib.Cifti2Image):
            raise InputError(
                str(file),
                "a NIfTI volume" if file.name.endswith((".nii", ".nii.gz")) else "no CIFTI-2 file",
                expected,
                "Sample a volume to the surface first.",
            )
        axes = [image.header.get_axis(i) for i in range(image.ndim)]
        _check_axes(file, [type(axis).__name__ for axis in axes], wanted)
        models = _cortical_models(file, axes[1], expected)
        data = np.asarray(image.dataobj)
        if data.shape != (len(axes[0]), len(axes[1])):
            raise ValueError("the matrix does not have the size that its header states")
    return file, axes[0], models, data


def _check_axes(file: Path, kinds: list[str], wanted: str) -> None:
    if kinds == [wanted, "BrainModelAxis"]:
        return
    dense = "dense" if kinds[-1] == "BrainModelAxis" else "parcellated"
    raise InputError(
        str(file),
        f"{dense} CIFTI with {' by '.join(_FOUND[kind] for kind in kinds)}",
        _EXPECTED[wanted],
        "Spread the parcels over their vertices: wb_command -cifti-create-dense-from-template."
        if dense == "parcellated"
        else _WAY_OUT.get(kinds[0], ""),
    )


def _cortical_models(file: Path, axis: Any, expected: str) -> list[Any]:
    """Return (side, rows, vertices, n_vertices) of the hemispheres, left first."""
    models, others, n_ignored = [], [], 0
    for name, rows, model in axis.iter_structures():
        if name in _CORTEX and name in model.nvertices:
            models.append((_CORTEX[name], rows, model.vertex, model.nvertices[name]))
        else:
            others.append(name.removeprefix("CIFTI_STRUCTURE_").lower().replace("_", " "))
            n_ignored += len(model)
    models.sort(key=lambda model: model[0])
    sides = [model[0] for model in models]
    if not models or len(set(sides)) < len(sides):
        found = f"structures {', '.join(others)}" if not models else "a hemisphere listed twice"
        raise InputError(str(file), found, expected, "Give a file that covers the cortex.")
    if others:
        warnings.warn(
            f"{file}: {n_ignored:,} rows of {len(others)} structures other than the cortical "
            "surface were left out.",
            CytosurfWarning,
            stacklevel=2,
        )
    return models
