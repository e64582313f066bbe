"""The inputs of a run: features, labels, mask and folds, on the same vertices."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from cytosurf.compute.files import arrays_sha256
from cytosurf.decoding.crossval import UNLABELLED
from cytosurf.decoding.folds import Folds, make_folds
from cytosurf.errors import CytosurfWarning, InputError
from cytosurf.features import FeatureSet, check_feature_name, load_feature_sets, matched_position
from cytosurf.features.cortex import on_cortex
from cytosurf.features.files import file_features
from cytosurf.features.position import MAX_HARMONICS
from cytosurf.features.sets import checked
from cytosurf.runs.config import COORDINATES, MIRRORED_COORDINATES, FoldConfig, RunConfig
from cytosurf.surfaces import Mesh, Parcellation, Space, SurfaceMap, load_mesh, surfaces_of
from cytosurf.surfaces.maps import hemisphere_rows
from cytosurf.surfaces.space import KNOWN_SPACES
from cytosurf.targets import Target, load_target

Features = str | FeatureSet | SurfaceMap
TargetLike = str | Target | Parcellation

_KNOWN = [Space(template, density) for template, density in KNOWN_SPACES]
_WITH_SURFACES = [s for s in _KNOWN if {"midthickness", "sphere"} <= set(surfaces_of(s))]
_WITHOUT_SURFACES = [s for s in _KNOWN if s not in _WITH_SURFACES]

# In 5 folds 25 superblocks: bootstraps of clusters are known to be too narrow for fewer than some
# 20 to 30 clusters (Cameron, Gelbach and Miller 2008, Rev Econ Stat 90:414).
FEWEST_BLOCKS = 5

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
        """Names of the classes, each another: one that repeats has its key behind it."""
        keys = self.keys.tolist()
        names = [self.target.parcellation.names[key] for key in keys]
        while len(n_called := Counter(names)) < len(names):
            pairs = zip(names, keys, strict=True)
            names = [f"{name} ({key})" if n_called[name] > 1 else name for name, key in pairs]
        return names

    @property
    def analysed(self) -> npt.NDArray[np.bool_]:
        """Vertices of the mask that have a label."""
        analysed: npt.NDArray[np.bool_] = self.mask & (self.label != UNLABELLED)
        return analysed

    def hashes(self) -> dict[str, str]:
        """Return a content hash of every feature set, the labels, the mask and the folds."""
        hashes = {
            f"features {name}": arrays_sha256({"values": s.map.values, "valid": s.map.valid})
            for name, s in self.sets.items()
        }
        hashes[f"target {self.target.name}"] = arrays_sha256(
            {"keys": self.target.parcellation.keys}
        )
        hashes["mask"] = arrays_sha256({"mask": self.mask})
        hashes["folds"] = arrays_sha256({"block": self.folds.block, "fold": self.folds.fold})
        return hashes


def load_inputs(
    configs: Sequence[RunConfig],
    features: Sequence[Features] | None = None,
    targets: Sequence[TargetLike] | None = None,
) -> list[Inputs]:
    """Load what runs name, or take what the caller has, and put it on the same vertices.

    Parameters
    ----------
    configs : sequence of RunConfig
        Runs that differ in their target alone; features, mask and folds are made once for all.
    features : sequence, optional
        Feature sets of the caller, in the order of ``config.features``; names are loaded.
    targets : sequence, optional
        The caller's labels for each run, in place of ``config.target``.

    Returns
    -------
    list of Inputs
        One for each configuration.

    Raises
    ------
    InputError
        If nothing is left to analyse, fewer than two classes are, or inputs do not fit.
    """
    config = configs[0]
    space = Space.parse(config.space)
    _check_space(space)
    given = targets if targets is not None else [c.target for c in configs]
    chosen = [_target(c.target, t, config, space) for c, t in zip(configs, given, strict=True)]
    sets, roles, matched = _feature_sets(config, features, space)
    _warn_of_signed_sets(config, sets)
    mask = np.logical_and.reduce([s.map.valid for s in sets.values()])
    if config.mask is not None:
        mask &= _read_mask(config.mask, space, config.hemispheres)
    if not mask.any():
        raise InputError(
            "mask", "no vertex that is valid in every feature set", "a region to analyse"
        )
    classes = [_class_indices(target, mask, config.min_class_vertices) for target in chosen]
    folds = folds_of(mask, space, config.hemispheres, config.folds, config.seed)
    _warn_of_few_blocks(config.folds, folds)
    return [
        Inputs(space, config.hemispheres, sets, roles, matched, target, mask, keys, label, folds)
        for target, (keys, label) in zip(chosen, classes, strict=True)
    ]


def _check_space(space: Space) -> None:
    """Raise `InputError` for a known space without the surfaces that folds and spins need."""
    if space in _WITHOUT_SURFACES:
        raise InputError(
            "space",
            str(space),
            f"a space with a midthickness and a sphere ({', '.join(map(str, _WITH_SURFACES))})",
            "Carry your maps there with: cytosurf map.",
        )


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


def _feature_sets(
    config: RunConfig, features: Sequence[Features] | None, space: Space
) -> tuple[dict[str, FeatureSet], dict[str, str], dict[str, str]]:
    """Return feature sets by name, their roles, and each one's position of about its size."""
    given = features if features is not None else config.features
    wanted: dict[str, object] = dict(zip(config.features, given, strict=True))
    roles = dict.fromkeys(wanted, FEATURES)
    for name in config.baseline:
        if name not in wanted:
            check_feature_name(name, "baseline")
        wanted.setdefault(name, name)
        roles.setdefault(name, BASELINE)
    # In one call, so that what they share (discs, components, warps) is made once.
    loaded = load_feature_sets([g for g in wanted.values() if isinstance(g, str)], space)
    sets = {
        name: loaded[g] if isinstance(g, str) else _in_memory(name, g, space)
        for name, g in wanted.items()
    }
    matched: dict[str, str] = {}
    for name in config.features if config.matched_position else ():
        n_features = min(sets[name].n_features, MAX_HARMONICS)
        position = f"harmonics:{n_features}"
        if position not in sets:
            sets[position], roles[position] = matched_position(n_features, space), MATCHED
        if position != name:
            matched[name] = position
    return _with_a_mask([_on_hemispheres(s, config) for s in sets.values()], sets), roles, matched


def _with_a_mask(parts: Sequence[FeatureSet], names: Iterable[str]) -> dict[str, FeatureSet]:
    """Name the sets; where none leaves a vertex out, not even the medial wall, keep the cortex.

    Position has a value on the medial wall, so a run of position alone would spin labels there.
    """
    if all(part.map.valid.all() for part in parts):
        parts = [on_cortex(part) for part in parts]
    return dict(zip(names, parts, strict=True))


def _in_memory(name: str, given: object, space: Space) -> FeatureSet:
    """Return the caller's own map as a feature set that obeys the rules of all others."""
    if isinstance(given, SurfaceMap):
        given = FeatureSet(name, given, ("in memory",))
    if not isinstance(given, FeatureSet):
        found = type(given).__name__
        raise InputError(f"features {name}", found, "a name, a FeatureSet or a SurfaceMap")
    if given.map.space != space:
        raise InputError(
            f"features {name}", f"space {given.map.space}", str(space), "Resample the map first."
        )
    return checked(given)


def _warn_of_signed_sets(config: RunConfig, names: Iterable[str]) -> None:
    """Warn of coordinates that change sign with the hemisphere, where only one is trained on."""
    if not config.folds.between_hemispheres:
        return
    for name in names:
        if any(term.strip().split(":pca")[0] == COORDINATES for term in name.split("+")):
            warnings.warn(
                f"{name}: x is negative on the left and positive on the right, so what is learnt "
                f"on one hemisphere is wrong on the other. Use {MIRRORED_COORDINATES} with the "
                f"scheme {config.folds.scheme}.",
                CytosurfWarning,
                stacklevel=2,
            )


def _warn_of_few_blocks(config: FoldConfig, folds: Folds) -> None:
    """Warn where folds are made of so few superblocks that scores and intervals say little."""
    if config.between_hemispheres:
        return
    n_blocks = len(np.unique(folds.block[folds.block >= 0]))
    if config.scheme == "homotopic":
        n_blocks = len(np.unique(folds.block[folds.block >= 0] % config.n_blocks))
    if n_blocks < FEWEST_BLOCKS * folds.n_folds:
        warnings.warn(
            f"{n_blocks} superblocks in {folds.n_folds} folds: with fewer than {FEWEST_BLOCKS} in "
            "each, a fold is a few places of the cortex and may lack whole classes, and the "
            "bootstrap interval, which draws superblocks, is too narrow. Raise --n-blocks.",
            CytosurfWarning,
            stacklevel=2,
        )


def _on_hemispheres(feature_set: FeatureSet, config: RunConfig) -> FeatureSet:
    where = f"features {feature_set.name}"
    if not _must_be_halved(feature_set.map.hemispheres, config, where):
        return feature_set
    return replace(feature_set, map=feature_set.map.hemisphere(config.hemispheres[0]))


def _must_be_halved(hemispheres: tuple[str, ...], config: RunConfig, where: str) -> bool:
    """Return whether an input has a hemisphere too many; refuse one that lacks a hemisphere."""
    missing = [h for h in config.hemispheres if h not in hemispheres]
    if missing:
        raise InputError(
            where,
            f"hemisphere {hemispheres[0]} alone",
            f"hemispheres {'+'.join(config.hemispheres)}",
            f"Analyse one hemisphere with: --hemisphere {hemispheres[0]}",
        )
    return hemispheres != config.hemispheres


def _target(name: str, given: object, config: RunConfig, space: Space) -> Target:
    if isinstance(given, str):
        target = load_target(given, space)
    elif isinstance(given, Parcellation):
        target = Target(name, given, ("in memory",))
    elif isinstance(given, Target):
        target = given
    else:
        found = type(given).__name__
        raise InputError(f"target {name}", found, "a name, a Target or a Parcellation")
    parcellation = target.parcellation
    if parcellation.space != space:
        raise InputError(
            f"target {name}", f"space {parcellation.space}", str(space), "Resample it first."
        )
    if not _must_be_halved(parcellation.hemispheres, config, f"target {name}"):
        return target
    return replace(target, parcellation=parcellation.hemisphere(config.hemispheres[0]))


def _read_mask(path: str, space: Space, hemispheres: tuple[str, ...]) -> npt.NDArray[np.bool_]:
    surface_map = file_features(path, space).map
    if not set(hemispheres) <= set(surface_map.hemispheres):
        found = f"hemispheres {'+'.join(surface_map.hemispheres)}"
        raise InputError(f"--mask {path}", found, "+".join(hemispheres))
    inside = surface_map.valid & (np.nan_to_num(surface_map.values[:, 0]) != 0)
    return np.concatenate([inside[hemisphere_rows(surface_map, h)] for h in hemispheres])


def _class_indices(
    target: Target, mask: npt.NDArray[np.bool_], min_vertices: int
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int16]]:
    """Return the keys with enough analysed vertices, and the class index of every vertex."""
    parcellation = target.parcellation
    inside = parcellation.keys[mask]
    keys, n_vertices = np.unique(inside[inside > 0], return_counts=True)
    kept = keys[n_vertices >= min_vertices].astype(np.int32)
    if len(kept) < 2:
        classes = "class" if len(kept) == 1 else "classes"
        raise InputError(
            f"target {target.name}",
            f"{len(kept)} {classes} with at least {min_vertices} analysed vertices",
            "at least 2",
            "Use another target, a larger mask or a smaller --min-class-vertices.",
        )
    return kept, _index_of(kept, parcellation.keys)


def labels_to_spin(inputs: Inputs) -> tuple[npt.NDArray[np.int16], int]:
    """Return the class index of every vertex of the surface, and the number of classes.

    A spin may bring classes into the mask that the real labels have outside of it alone. They
    come after the classes of the run; classes that were left out for their size stay out.

    Parameters
    ----------
    inputs : Inputs
        The inputs of a run.
    """
    keys = inputs.target.parcellation.keys
    elsewhere = np.setdiff1d(keys[keys > 0], keys[inputs.mask])
    order = np.concatenate([inputs.keys, elsewhere]).astype(np.int32)
    by_key = np.argsort(order)
    index = _index_of(order[by_key], keys)
    return np.where(index == UNLABELLED, index, by_key[index]).astype(np.int16), len(order)


def _index_of(
    sorted_keys: npt.NDArray[np.int32], keys: npt.NDArray[np.int32]
) -> npt.NDArray[np.int16]:
    position = np.searchsorted(sorted_keys, keys).clip(max=len(sorted_keys) - 1)
    return np.where(sorted_keys[position] == keys, position, UNLABELLED).astype(np.int16)
