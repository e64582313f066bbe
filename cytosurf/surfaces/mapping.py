"""Files in, files out: carry maps and labels to another space and say how it was done."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cytosurf._version import __version__
from cytosurf.compute.files import file_sha256
from cytosurf.errors import InputError
from cytosurf.surfaces.areas import check_areas
from cytosurf.surfaces.carrying import Carrier, checked_mask, usable_values
from cytosurf.surfaces.described import output_name, write_sidecar
from cytosurf.surfaces.io import read_map, read_map_halves, read_parcellation
from cytosurf.surfaces.maps import Parcellation, hemisphere_rows
from cytosurf.surfaces.output_names import (
    LABEL_OUTPUTS,
    MAP_OUTPUTS,
    bids_template,
    grouped,
    output_template,
    pair_name,
    sidecar,
)
from cytosurf.surfaces.routes import route, spheres_used
from cytosurf.surfaces.space import Space
from cytosurf.surfaces.templates import FSLR_32K, greyordinate_mask
from cytosurf.surfaces.weights import Method, check_method
from cytosurf.surfaces.writing import write_map_halves, write_parcellation

LABEL_INPUTS = (".label.gii", ".dlabel.nii", ".annot")

PathLike = str | os.PathLike[str]


def map_files(
    inputs: Sequence[PathLike],
    to: Space,
    out: PathLike,
    *,
    source: Space | None = None,
    method: str = "barycentric",
    masked: bool = True,
    mask: Sequence[PathLike] = (),
    areas: str = "midsurface",
) -> list[Path]:
    """Carry maps and labels from files to files in another space.

    Parameters
    ----------
    inputs : sequence of path-like
        A map or labels: one file, or a left and a right one. Or several of them: files whose names
        differ in the hemisphere alone belong together. ``.label.gii``, ``.dlabel.nii`` and
        ``.annot`` are labels, everything else is a map (see `read_map`, `read_parcellation`).
    to : Space
        Where they go.
    out : path-like
        For one map, a file to write: ``.func.gii``, ``.shape.gii`` or ``.dscalar.nii``, for labels
        ``.label.gii`` or ``.dlabel.nii``; where GIFTI needs one file for each hemisphere and the
        name does not tell them apart, ``_hemi-L`` and ``_hemi-R`` are added. A name without such
        a suffix is the beginning of GIFTI files with the BIDS entities hemi, space and den. CIFTI
        files of fs_LR 32k list the cortex of the standard 91,282 greyordinates (29,696 vertices
        left and 29,716 right), without those where a map is not valid.
        For several maps, or where it is a folder already: the folder for files that are called as
        before, with the entities of the new space.
    source : Space, optional
        Where they come from; needed if the files do not say it.
    method, areas : str, optional
        As in `resample`.
    masked : bool, optional
        For maps: whether only valid vertices count, see `resample`.
    mask : sequence of path-like, optional
        A map, in one file or a left and a right one, that is above 0 at the vertices that count.

    Returns
    -------
    list of Path
        The files written, each followed by its JSON sidecar (``.json`` instead of the suffix)
        with spheres, method, mask, hashes of all inputs, and the version of cytosurf.

    Raises
    ------
    InputError
        If an input, the route or an output name is not valid, or a file to be written is one of
        the inputs or masks. Of several maps, those before the one at fault have been written by
        then.
    MissingDataError
        If a sphere, or for CIFTI the mask of the standard greyordinates, is missing and cannot be
        downloaded.

    Examples
    --------
    >>> import tempfile
    >>> from cytosurf.surfaces import SurfaceMap, write_map
    >>> fslr = Space("fsLR", "32k")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     files = write_map(SurfaceMap(np.ones(64984), fslr), f"{folder}/in_{{hemi}}.func.gii")
    ...     [path.name for path in map_files(files[:1], fslr, f"{folder}/out.func.gii")]
    ['out.func.gii', 'out.json']
    """
    chosen = check_method(method)
    check_areas(areas, chosen)
    if not inputs:
        raise InputError("input files", "none", "at least one")
    files_in = [Path(file) for file in inputs]
    for file in files_in:
        if files_in.count(file) > 1:
            raise InputError("input files", f"{file} twice", "each file once")
    groups = grouped(files_in)
    job = _Job(to, source, chosen, masked, files_in, [Path(file) for file in mask], areas)
    written: list[Path] = []
    for files, template in zip(groups, _templates(groups, Path(out), to), strict=True):
        written += job.carry(files, template)
    return written


@dataclass
class _Job:
    """What all files of a command have in common, and what is loaded once for all of them."""

    to: Space
    source: Space | None
    method: Method
    masked: bool
    inputs: list[Path]
    mask: list[Path]
    areas: str
    carriers: dict[tuple[Space, str], Carrier] = field(default_factory=dict)
    spheres: dict[tuple[Space, str], list[dict[str, Any]]] = field(default_factory=dict)

    def carry(self, files: list[Path], template: Path) -> list[Path]:
        """Carry one map or parcellation; return its files and their sidecars."""
        hashing = ThreadPoolExecutor(1)  # beside the work: it lets go of the interpreter
        hashes = hashing.submit(_hashed, files)
        hashing.shutdown(wait=False)
        if any(file.name.endswith(LABEL_INPUTS) for file in files):
            kind, (space, sides, written) = "labels", self._carry_labels(files, template)
        else:
            kind, (space, sides, written) = "map", self._carry_map(files, template)
        record = self._record(hashes.result(), space, kind)
        if template.name.endswith(".nii") and self.to == FSLR_32K:
            record["Greyordinates"] = (
                "standard cortex (atlasroi) of fs_LR 32k; medial wall left out"
            )
        result = []
        for index, file in enumerate(written):
            in_file = sides if len(written) == 1 else sides[index : index + 1]
            record["Steps"] = [step for side in in_file for step in self._spheres(space, side)]
            result += [file, write_sidecar(file, record)]
        return result

    def _carry_map(
        self, files: list[Path], template: Path
    ) -> tuple[Space, tuple[str, ...], list[Path]]:
        columns, halves = read_map_halves(files if len(files) > 1 else files[0], space=self.source)
        space, sides = halves[0].space, tuple(half.side for half in halves)
        name = output_name(template, sides, [*self.inputs, *self.mask])
        moves = bool(route(space, self.to, method=self.method))
        masks = self._masks(space, sides, len(halves[0].values))
        cortex = self._cortex(template, sides)
        carried = []
        for half, extra, kept in zip(halves, masks, cortex, strict=True):
            reached = half.valid if extra is None else half.valid & extra
            column: Callable[[int], npt.NDArray[np.float32]] = half.values.T.__getitem__
            if moves:
                where = f"{half.path}, map on {space}"
                values, valid = usable_values(half.values, reached, where, self.masked)
                column, reached = self._carrier(space, half.side).columns(values, valid)
            carried.append((half.side, column, reached if kept is None else reached & kept))
        if not any(kept.any() for _, _, kept in carried):
            raise InputError(
                str(files[0]),
                f"no value left for {self.to}",
                "values that are not NaN, at some vertex that the mask keeps",
            )
        return space, sides, write_map_halves(carried, columns, self.to, name)

    def _carry_labels(
        self, files: list[Path], template: Path
    ) -> tuple[Space, tuple[str, ...], list[Path]]:
        labels = read_parcellation(files if len(files) > 1 else files[0], space=self.source)
        space, sides = labels.space, labels.hemispheres
        name = output_name(template, sides, [*self.inputs, *self.mask])
        route(space, self.to, method=self.method)
        masks = self._masks(space, sides, labels.n_vertices // len(sides))
        cortex = self._cortex(template, sides)
        keys = [
            self._carrier(space, side).labels(labels.keys[hemisphere_rows(labels, side)], mask)
            for side, mask in zip(sides, masks, strict=True)
        ]
        carried = Parcellation(np.concatenate(keys), self.to, labels.names, sides)
        kept = None if cortex[0] is None else np.concatenate([c for c in cortex if c is not None])
        return space, sides, write_parcellation(carried, name, mask=kept)

    def _carrier(self, space: Space, side: str) -> Carrier:
        if (space, side) not in self.carriers:
            self.carriers[space, side] = Carrier(
                space, self.to, side, method=self.method, areas=self.areas
            )
        return self.carriers[space, side]

    def _spheres(self, space: Space, side: str) -> list[dict[str, Any]]:
        if (space, side) not in self.spheres:
            self.spheres[space, side] = spheres_used(
                space, self.to, method=self.method, hemispheres=(side,)
            )
        return self.spheres[space, side]

    def _masks(
        self, space: Space, sides: tuple[str, ...], n_vertices: int
    ) -> list[npt.NDArray[np.bool_] | None]:
        """Return the mask of each hemisphere, None where there is none."""
        if not self.mask:
            return [None] * len(sides)
        read = read_map(self.mask if len(self.mask) > 1 else self.mask[0], space=space)
        if not set(sides) <= set(read.hemispheres):
            raise InputError(
                f"mask {self.mask[0]}",
                f"hemisphere {'+'.join(read.hemispheres)}",
                f"{'+'.join(sides)}, as in the map",
            )
        halves = []
        for side in sides:
            half = read.hemisphere(side)
            above = half.valid & (half.values > 0).all(axis=1)
            halves.append(checked_mask(above, n_vertices, self.masked))
        return halves

    def _cortex(
        self, template: Path, sides: tuple[str, ...]
    ) -> list[npt.NDArray[np.bool_]] | list[None]:
        """Return the standard cortex of each hemisphere, where a CIFTI file is to list it."""
        if not template.name.endswith(".nii") or self.to != FSLR_32K:
            return [None] * len(sides)
        return np.split(greyordinate_mask(sides), len(sides))

    def _record(self, inputs: list[dict[str, str]], space: Space, kind: str) -> dict[str, Any]:
        """Return what the sidecars of all files of a map say."""
        which = "valid" if self.masked else "all"
        values = {
            "labels": "largest summed weight; key 0 takes part as a label",
            "map": "nearest valid vertex" if self.method == "nearest" else
            f"weighted mean over {which} vertices",
        }  # fmt: skip
        return {
            "Description": f"{kind} carried from {space} to {self.to}",
            "Space": self.to.template,
            "Density": self.to.density,
            "SourceSpace": str(space),
            "Method": f"{self.method} resampling between registered spheres",
            "VertexAreas": self.areas if self.method == "adaptive" else None,
            "Values": values[kind],
            "Masked": self.masked if kind == "map" else None,
            "Mask": _hashed(self.mask),
            "Steps": [],
            "Inputs": inputs,
            "GeneratedBy": [{"Name": "cytosurf", "Version": __version__}],
        }


def _templates(groups: list[list[Path]], out: Path, to: Space) -> list[Path]:
    """Return the name to write each map to, or raise `InputError` if names do not fit."""
    kinds: list[bool] = []
    for files in groups:
        of_files = {file.name.endswith(LABEL_INPUTS) for file in files}
        if len(of_files) > 1:
            raise InputError(
                "input files", "a map and labels as a pair", "a map, or labels", "Map them apart."
            )
        kinds += of_files
    if len(groups) == 1 and not out.is_dir():
        return [output_template(out, kinds[0], to)]
    if out.name.endswith(MAP_OUTPUTS + LABEL_OUTPUTS):
        raise InputError(
            f"output {out}",
            f"one file for {len(groups)} maps",
            "a folder",
            "Name a folder: the files in it are called like the inputs.",
        )
    names = [
        bids_template(pair_name(files), labels, to)
        for files, labels in zip(groups, kinds, strict=True)
    ]
    records = [sidecar(Path(name)) for name in names]
    twice = sorted(
        {n for n, record in zip(names, records, strict=True) if records.count(record) > 1}
    )
    if twice:
        raise InputError(
            f"output {out}",
            f"several inputs that would become {' and '.join(twice)}, described by one JSON file",
            "names that differ in more than hemisphere, space, suffix and folder",
            "Rename them, or map them one by one.",
        )
    return [out / name for name in names]


def _hashed(files: list[Path]) -> list[dict[str, str]]:
    return [{"File": file.name, "SHA256": file_sha256(file)} for file in files]
