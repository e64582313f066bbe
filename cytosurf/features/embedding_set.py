"""Embeddings as a feature set, ``embedding:FILE``, and as maps in files.

As a feature set they obey the rules of every other: all columns are carried to the space of the
run with masked weights, and ``embedding:FILE:pcaD`` fits its components there. For maps in files,
components are fitted on the midsurface, before they are carried.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from cytosurf._version import __version__
from cytosurf.compute.files import file_sha256
from cytosurf.errors import InputError
from cytosurf.features.cortex import on_cortex
from cytosurf.features.embedding_assign import (
    MAX_DISTANCE_MM,
    AssignedEmbeddings,
    assign_to_midsurface,
    gaussian_sigma_mm,
    points_per_vertex,
)
from cytosurf.features.embedding_table import EmbeddingTable
from cytosurf.features.sets import FeatureSet
from cytosurf.surfaces.described import write_described
from cytosurf.surfaces.io import read_mesh
from cytosurf.surfaces.maps import SurfaceMap
from cytosurf.surfaces.mesh import Mesh
from cytosurf.surfaces.midsurface import Method
from cytosurf.surfaces.output_names import output_template
from cytosurf.surfaces.resample import resample
from cytosurf.surfaces.routes import spheres_used
from cytosurf.surfaces.space import Space
from cytosurf.targets.files import hemisphere_paths
from cytosurf.targets.target import sphere_sources

PREFIX = "embedding:"


def embedding_features(text: str, space: Space) -> FeatureSet:
    """Load a table of embeddings as a feature set.

    Every vertex of the midsurface takes the nearest point (the published rule) at most 5 mm away;
    the medial wall, by the mask of BrainSpace, has no features. For other rules map the table to a
    file (`map_embeddings`) and decode that.

    Parameters
    ----------
    text : str
        ``"embedding:FILE"``, a table that `cytosurf embeddings import` or `EmbeddingTable.write`
        made.
    space : Space
        Where the values are wanted.

    Returns
    -------
    FeatureSet
        Features that are the same everywhere are left out, with a note.

    Raises
    ------
    InputError
        If the file is no table, or its points do not lie near the midsurface.
    """
    path = text.removeprefix(PREFIX)
    table = EmbeddingTable.open(path)
    assigned = assign_to_midsurface(table)
    surface_map, notes = _without_constants(assigned.features), assigned.notes
    n_left_out = len(assigned.features.columns) - len(surface_map.columns)
    if n_left_out:
        notes += (f"{n_left_out} features are the same at every vertex and are left out",)
    native = surface_map.space
    if native != space:
        surface_map = resample(surface_map, space)
        notes += (f"resampled from {native} with weights over valid vertices only",)
    sources = (f"file:{path}", "bigbrainwarp", *sphere_sources(native, space))
    features = FeatureSet(text, surface_map, tuple(dict.fromkeys(sources)), notes)
    cortex = on_cortex(features).map.valid
    return replace(features, map=replace(surface_map, valid=surface_map.valid & cortex))


def map_embeddings(
    table: str | os.PathLike[str],
    to: Space,
    out: str | os.PathLike[str],
    *,
    n_components: int | None = None,
    method: Method = "nearest",
    k: int | None = None,
    sigma_mm: float | None = None,
    max_distance_mm: float = MAX_DISTANCE_MM,
    midsurface: str | None = None,
    mesh_space: Space | None = None,
    tolerance_mm: float | None = None,
) -> list[Path]:
    """Carry a table of embeddings to a space, and write maps of features and of distances.

    Parameters
    ----------
    table : path-like
        The table.
    to : Space
        Where it goes.
    out : path-like
        File to write, as in `cytosurf.surfaces.map_files`; the map of distances has
        ``_desc-distance`` in its name.
    n_components : int, optional
        Write so many principal components in place of the features, fitted on the midsurface.
    method, k, sigma_mm, max_distance_mm, tolerance_mm : optional
        See `assign_to_midsurface`.
    midsurface : str, optional
        The user's own midsurface in the space of the points: a GIFTI file of each hemisphere,
        ``{hemi}`` for L and R in its name.
    mesh_space : Space, optional
        The mesh of that midsurface; BigBrain's if left out.

    Returns
    -------
    list of Path
        Maps of features, maps of distances (mm), and a JSON file beside each.

    Raises
    ------
    InputError
        As `assign_to_midsurface`, and if a name cannot be written.
    """
    template = output_template(Path(out), False, to)
    opened = EmbeddingTable.open(table)
    assigned = assign_to_midsurface(
        opened,
        method=method,
        k=k,
        sigma_mm=sigma_mm,
        max_distance_mm=max_distance_mm,
        n_components=n_components,
        midsurfaces=_read_midsurfaces(midsurface) if midsurface else None,
        mesh_space=mesh_space,
        tolerance_mm=tolerance_mm,
    )
    record = _record(Path(table), opened, assigned, to)
    record["Assignment"] = {
        "Method": method,
        "K": points_per_vertex(method, k),
        "SigmaMM": gaussian_sigma_mm(method, sigma_mm) if method == "gaussian" else None,
        "MaxDistanceMM": max_distance_mm if np.isfinite(max_distance_mm) else None,
        "Midsurface": "the user's own" if midsurface else f"BigBrain midsurface, {opened.space}",
        "MidsurfaceFiles": [
            {"File": path.name, "SHA256": file_sha256(path)}
            for path in (hemisphere_paths(midsurface) if midsurface else ())
        ],
    }
    written = []
    for kind, surface_map in (("", assigned.features), ("desc-distance", assigned.distance)):
        about = {"Description": f"{kind or 'features'} of embeddings on {to}"} | record
        written += write_described(resample(surface_map, to), _with_entity(template, kind), about)
    return written


def _without_constants(surface_map: SurfaceMap) -> SurfaceMap:
    """Leave out columns with one value only, such as units of a network that never fire."""
    inside = surface_map.values[surface_map.valid]
    varies = inside.min(axis=0) != inside.max(axis=0)
    if varies.all() or not varies.any():
        return surface_map
    columns = tuple(c for c, keep in zip(surface_map.columns, varies, strict=True) if keep)
    return replace(surface_map, values=surface_map.values[:, varies], columns=columns)


def _read_midsurfaces(text: str) -> Mapping[str, Mesh]:
    paths = hemisphere_paths(text)
    if len(paths) != 2:
        raise InputError(
            "midsurface", text, "a file of each hemisphere", "Write {hemi} for L and R in its name."
        )
    return {h: read_mesh(path, hemisphere=h) for h, path in zip("LR", paths, strict=True)}


def _with_entity(template: Path, entity: str) -> Path:
    """Put an entity at the end of the entities of a name, before the kind of file."""
    if not entity:
        return template
    stem, middle, suffix = template.name.rsplit(".", 2)
    head, _, kind = stem.rpartition("_")
    is_kind = bool(head) and "-" not in kind
    stem = f"{head}_{entity}_{kind}" if is_kind else f"{stem}_{entity}"
    return template.with_name(f"{stem}.{middle}.{suffix}")


def _record(
    path: Path, table: EmbeddingTable, assigned: AssignedEmbeddings, to: Space
) -> dict[str, Any]:
    native, sides = assigned.features.space, assigned.features.hemispheres
    explained = assigned.explained
    moved = "barycentric between registered spheres, weighted mean over valid vertices"
    return {
        "Space": to.template,
        "Density": to.density,
        "SourceSpace": table.space,
        "Table": {
            "File": path.name,
            "SHA256": file_sha256(path),
            "Points": len(table),
            "Features": table.n_features,
        },
        "Components": None if explained is None else explained.round(6).tolist(),
        "Notes": list(assigned.notes),
        "Resampling": moved if native != to else None,
        "Steps": spheres_used(native, to, hemispheres=sides) if native != to else [],
        "GeneratedBy": [{"Name": "cytosurf", "Version": __version__}],
    }
