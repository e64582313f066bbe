"""The inputs of a run: features, labels, mask and folds, on the same vertices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cytosurf.compute.files import arrays_sha256
from cytosurf.decoding.crossval import UNLABELLED
from cytosurf.decoding.folds import Folds, make_folds
from cytosurf.errors import InputError
from cytosurf.features import FeatureSet, load_features, matched_position
from cytosurf.runs.config import FoldConfig, RunConfig
from cytosurf.surfaces import Mesh, Parcellation, Space, SurfaceMap, load_mesh
from cytosurf.surfaces.maps import hemisphere_rows
from cytosurf.targets import Target, load_target

FEATURES, BASELINE, MATCHED = "features", "baseline", "matched position"


@dataclass(frozen=True, eq=False)
class Inputs:
    """Everything a run computes from.

    Attributes
    ----------
    space : Space
        Space of all arrays.
    hemispheres : tuple of str
        Hemispheres of all arrays.
    sets : dict of str to FeatureSet
        Feature sets by name, in the order of the report.
    roles : dict of str to str
        "features", "baseline" or "matched position".
    matched : dict of str to str
        For each feature set the position set of about the same number of columns.
    target : Target
        What is decoded.
    mask : (n_vertices,) bool
        Vertices valid in every feature set (and in the user's mask).
    keys : (K,) int32
        Keys of the classes.
    label : (n_vertices,) int16
        Class index of every vertex of the surface, inside the mask or not; -1 where none.
    folds : Folds
        Folds of the mask.
    """

    space: Space
    hemispheres: tuple[str, ...]
    sets: dict[str, FeatureSet]
    roles: dict[str, str]
    matched: dict[str, str]
    target: Target
    mask: npt.NDArray[np.bool_]
    keys: npt.NDArray[np.int32]
    label: npt.NDArray[np.int16]
    folds: Folds

    @property
    def names(self) -> list[str]:
        """Names of the classes."""
        return [self.target.parcellation.names[key] for key in self.keys.tolist()]

    @property
    def analysed(self) -> npt.NDArray[np.bool_]:
        """Vertices of the mask that have a label."""
        analysed: npt.NDArray[np.bool_] = self.mask & (self.label != UNLABELLED)
        return analysed

    def hashes(self) -> dict[str, str]:
        """Return a content hash of every feature set, the labels and the folds."""
        hashes = {
            f"features {name}": arrays_sha256({"values": s.map.values, "valid": s.map.valid})
            for name, s in self.sets.items()
        }
        hashes[f"target {self.target.name}"] = arrays_sha256(
            {"keys": self.target.parcellation.keys}
        )
        hashes["folds"] = arrays_sha256({"block": self.folds.block, "fold": self.folds.fold})
        return hashes


def load_inputs(
    config: RunConfig,
    features: Sequence[str | FeatureSet | SurfaceMap] | None = None,
    target: str | Target | Parcellation | None = None,
) -> Inputs:
    """Load what `config` names, or take what the caller has, and put it on the same vertices.

    Parameters
    ----------
    config : RunConfig
        The run.
    features : sequence, optional
        Feature sets of the caller, in the order of ``config.features``; names are loaded.
    target : str, Target or Parcellation, optional
        The caller's labels, in place of ``config.target``.

    Returns
    -------
    Inputs

    Raises
    ------
    InputError
        If nothing is left to analyse, fewer than two classes are, or inputs do not fit.
    """
    space = Space.parse(config.space)
    given = features if features is not None else config.features
    sets: dict[str, FeatureSet] = {}
    roles: dict[str, str] = {}
    for name, feature_set in zip(config.features, given, strict=True):
        sets[name], roles[name] = (
            _on_hemispheres(_feature_set(name, feature_set, space), config),
            FEATURES,
        )
    for name in config.baseline:
        if name not in sets:
            sets[name], roles[name] = _on_hemispheres(load_features(name, space), config), BASELINE
    matched = _add_matched_position(config, space, sets, roles)
    chosen = _target(config.target if target is None else target, config, space)
    mask = np.logical_and.reduce([s.map.valid for s in sets.values()])
    if config.mask is not None:
        mask &= _read_mask(config.mask, space, config.hemispheres)
    keys, label = _class_indices(chosen.parcellation, mask, config)
    folds = folds_of(mask, space, config.hemispheres, config.folds, config.seed)
    return Inputs(space, config.hemispheres, sets, roles, matched, chosen, mask, keys, label, folds)


def surface_meshes(space: Space, hemispheres: Sequence[str], surface: str) -> dict[str, Mesh]:
    """Load one surface of each hemisphere."""
    return {hemisphere: load_mesh(space, hemisphere, surface) for hemisphere in hemispheres}


def folds_of(
    mask: npt.NDArray[np.bool_],
    space: Space,
    hemispheres: tuple[str, ...],
    config: FoldConfig,
    seed: int,
    cells: Mapping[str, npt.NDArray[np.int32]] | None = None,
) -> Folds:
    """Make the folds that a configuration describes."""
    spheres = surface_meshes(space, hemispheres, "sphere") if config.method == "sphere" else None
    return make_folds(
        mask,
        surface_meshes(space, hemispheres, "midthickness"),
        spheres=spheres,
        n_folds=config.n_folds,
        n_blocks=config.n_blocks,
        seed=seed,
        method=config.method,
        scheme=config.scheme,
        buffer_mm=config.buffer_mm,
        cells=cells,
    )


def _feature_set(name: str, given: str | FeatureSet | SurfaceMap, space: Space) -> FeatureSet:
    if isinstance(given, str):
        return load_features(given, space)
    if isinstance(given, SurfaceMap):
        given = FeatureSet(name, given, ("in memory",))
    if given.map.space != space:
        raise InputError(
            f"features {name}", f"space {given.map.space}", str(space), "Resample the map first."
        )
    return given


def _on_hemispheres(feature_set: FeatureSet, config: RunConfig) -> FeatureSet:
    surface_map = feature_set.map
    if surface_map.hemispheres == config.hemispheres:
        return feature_set
    if len(config.hemispheres) == 2:
        raise InputError(
            f"features {feature_set.name}",
            f"hemisphere {surface_map.hemispheres[0]} alone",
            "both hemispheres",
            f"Analyse one hemisphere with: --hemisphere {surface_map.hemispheres[0]}",
        )
    half = surface_map.hemisphere(config.hemispheres[0])
    return FeatureSet(feature_set.name, half, feature_set.sources, feature_set.notes)


def _add_matched_position(
    config: RunConfig, space: Space, sets: dict[str, FeatureSet], roles: dict[str, str]
) -> dict[str, str]:
    """Load position with about as many columns as each feature set; return the pairs."""
    matched: dict[str, str] = {}
    if not config.matched_position:
        return matched
    for name in config.features:
        position = _on_hemispheres(matched_position(sets[name].n_features, space), config)
        if position.name not in sets:
            sets[position.name], roles[position.name] = position, MATCHED
        if position.name != name:
            matched[name] = position.name
    return matched


def _target(given: str | Target | Parcellation, config: RunConfig, space: Space) -> Target:
    if isinstance(given, str):
        target = load_target(given, space)
    elif isinstance(given, Parcellation):
        target = Target(config.target, given, ("in memory",))
    else:
        target = given
    parcellation = target.parcellation
    if parcellation.space != space:
        raise InputError(f"target {target.name}", f"space {parcellation.space}", str(space))
    if parcellation.hemispheres != config.hemispheres:
        if len(config.hemispheres) == 2:
            raise InputError(
                f"target {target.name}",
                f"hemisphere {parcellation.hemispheres[0]} alone",
                "both hemispheres",
                f"Analyse one hemisphere with: --hemisphere {parcellation.hemispheres[0]}",
            )
        half = parcellation.hemisphere(config.hemispheres[0])
        target = Target(target.name, half, target.sources, target.notes)
    return target


def _read_mask(path: str, space: Space, hemispheres: tuple[str, ...]) -> npt.NDArray[np.bool_]:
    surface_map = load_features(path, space).map
    if not set(hemispheres) <= set(surface_map.hemispheres):
        found = f"hemispheres {'+'.join(surface_map.hemispheres)}"
        raise InputError(f"--mask {path}", found, "+".join(hemispheres))
    inside = surface_map.valid & (surface_map.values[:, 0] != 0)
    return np.concatenate([inside[hemisphere_rows(surface_map, h)] for h in hemispheres])


def _class_indices(
    parcellation: Parcellation, mask: npt.NDArray[np.bool_], config: RunConfig
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int16]]:
    """Return the keys with enough analysed vertices, and the class index of every vertex."""
    if not mask.any():
        raise InputError(
            "mask", "no vertex that is valid in every feature set", "a region to analyse"
        )
    inside = parcellation.keys[mask]
    keys, n_vertices = np.unique(inside[inside > 0], return_counts=True)
    kept = keys[n_vertices >= config.min_class_vertices].astype(np.int32)
    if len(kept) < 2:
        raise InputError(
            f"target {config.target}",
            f"{len(kept)} classes with at least {config.min_class_vertices} analysed vertices",
            "at least 2",
            "Use another target, a larger mask or a smaller --min-class-vertices.",
        )
    position = np.searchsorted(kept, parcellation.keys).clip(max=len(kept) - 1)
    label = np.where(kept[position] == parcellation.keys, position, UNLABELLED)
    return kept, label.astype(np.int16)
