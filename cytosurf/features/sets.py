"""Feature sets: named columns on the cortex that a decoder may read, and the rules they obey.

A feature set is a `SurfaceMap` with a name and a record of where it came from. Its mask says
where the columns mean something; a run analyses the vertices that are valid in all of its sets.
Zeros inside the mask are values. NaN and infinite values are not: their vertices leave the mask,
which is reported, and more than 5 % of them is an error rather than something to patch up.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from cytosurf.errors import CytosurfWarning, InputError
from cytosurf.surfaces.maps import SurfaceMap, hemisphere_rows
from cytosurf.surfaces.resample import resample
from cytosurf.surfaces.space import Space
from cytosurf.targets.target import sphere_sources

MAX_DROPPED_SHARE = 0.05


@dataclass(frozen=True, eq=False)
class FeatureSet:
    """Columns to decode from, on the vertices of one or both hemispheres.

    Parameters
    ----------
    name : str
        The name as a user types it, e.g. ``"neighbourhood:pca32+coordinates"``.
    map : SurfaceMap
        Values (n_vertices, n_features) with their mask.
    sources : tuple of str
        Where the values came from: names of data manifests, ``"brainspace"`` for the embedded
        data, or ``"file:<path>"``.
    notes : tuple of str
        What a reader of the result should know about how the set was made.

    Examples
    --------
    >>> import numpy as np
    >>> from cytosurf.surfaces.space import Space
    >>> toy = SurfaceMap(np.arange(8.0).reshape(4, 2), Space("toy", "2"), ("a", "b"))
    >>> FeatureSet("toy", toy).n_features
    2
    """

    name: str
    map: SurfaceMap
    sources: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def n_features(self) -> int:
        """Number of columns."""
        n_features: int = self.map.values.shape[1]
        return n_features


def checked(features: FeatureSet) -> FeatureSet:
    """Drop vertices with NaN or infinite values, and refuse what no decoder can use.

    Parameters
    ----------
    features : FeatureSet
        A set as its loader made it.

    Returns
    -------
    FeatureSet
        The same set; vertices with a value that is not finite are no longer valid, and a note
        says how many they were (also warned).

    Raises
    ------
    InputError
        If no vertex is valid, more than 5 % of the valid vertices hold a value that is not
        finite, or a column is constant over the valid vertices.

    Examples
    --------
    >>> import numpy as np
    >>> from cytosurf.surfaces.space import Space
    >>> toy = SurfaceMap(np.ones(4), Space("toy", "2"), ("thickness",))
    >>> checked(FeatureSet("toy", toy))
    Traceback (most recent call last):
        ...
    cytosurf.errors.InputError: toy: found column 'thickness' with the same value 1 at all ...
    """
    surface_map = features.map
    n_valid = int(surface_map.valid.sum())
    if n_valid == 0:
        raise InputError(features.name, "no valid vertex", "at least one vertex with values")
    dropped = surface_map.valid & ~np.isfinite(surface_map.values).all(axis=1)
    n_dropped = int(dropped.sum())
    if n_dropped > MAX_DROPPED_SHARE * n_valid:
        raise InputError(
            features.name,
            f"NaN or infinite values at {n_dropped:,} of {n_valid:,} vertices "
            f"({n_dropped / n_valid:.1%})",
            f"at most {MAX_DROPPED_SHARE:.0%} of the vertices of the mask",
            "Fill them, or give the mask with the values: a CIFTI file that lists only the "
            "vertices with data, or an npz file with `valid`.",
        )
    if n_dropped:
        note = f"{n_dropped:,} of {n_valid:,} vertices have NaN or infinite values and were dropped"
        warnings.warn(f"{features.name}: {note}", CytosurfWarning, stacklevel=2)
        features = replace(
            features,
            map=replace(surface_map, valid=surface_map.valid & ~dropped),
            notes=(*features.notes, note),
        )
    _check_columns_vary(features)
    return features


def carried(features: FeatureSet, space: Space) -> FeatureSet:
    """Return the set in `space`, resampled with masked weights if it is elsewhere.

    Masked weights are renormalised over the valid vertices, so nothing that is not valid (the
    zeros of the medial wall, tears of the tissue) enters a value.

    Raises
    ------
    InputError
        If nothing maps the set's space to `space`.
    """
    native = features.map.space
    if native == space:
        return features
    sources = dict.fromkeys((*features.sources, *sphere_sources(native, space)))
    note = f"resampled from {native} with weights over valid vertices only"
    return replace(
        features,
        map=resample(features.map, space, masked=True),
        sources=tuple(sources),
        notes=(*features.notes, note),
    )


def standardised(features: FeatureSet) -> FeatureSet:
    """Return the set with columns of mean 0 and SD 1 over the valid vertices of all hemispheres.

    Vertices that are not valid get 0. A constant column is left at 0, for `checked` to refuse.

    Examples
    --------
    >>> from cytosurf.surfaces.space import Space
    >>> toy = SurfaceMap(np.array([1.0, 3, 1, 3]), Space("toy", "2"))
    >>> standardised(FeatureSet("toy", toy)).map.values.ravel().tolist()
    [-1.0, 1.0, -1.0, 1.0]
    """
    valid = features.map.valid
    inside = features.map.values[valid].astype(np.float64)
    sd = inside.std(axis=0)
    values = np.zeros_like(features.map.values)
    values[valid] = (inside - inside.mean(axis=0)) / np.where(sd > 0, sd, 1)
    return replace(features, map=replace(features.map, values=values))


def join_features(sets: Sequence[FeatureSet]) -> FeatureSet:
    """Put the columns of several sets side by side; valid where all of them are.

    Parameters
    ----------
    sets : sequence of FeatureSet
        Sets of one space. When some hold a single hemisphere, the joined set holds the
        hemispheres that all of them have.

    Returns
    -------
    FeatureSet
        Named ``"A+B"``; its columns are named ``"A: column"`` when there are several sets.

    Raises
    ------
    InputError
        If there is no set, two are the same, they live in different spaces, they share no
        hemisphere or no valid vertex, or a column is constant where all are valid.

    Examples
    --------
    >>> import numpy as np
    >>> from cytosurf.surfaces.space import Space
    >>> a, b = (SurfaceMap(np.arange(4.0) ** n, Space("toy", "2"), ("x",)) for n in (1, 2))
    >>> join_features([FeatureSet("a", a), FeatureSet("b", b)]).map.columns
    ('a: x', 'b: x')
    """
    if not sets:
        raise InputError("features", "no feature set", "at least one")
    if len(sets) == 1:
        return sets[0]
    name = "+".join(features.name for features in sets)
    names = [features.name for features in sets]
    for repeated in names:
        if names.count(repeated) > 1:
            raise InputError(name, f"{repeated!r} {names.count(repeated)} times", "each set once")
    hemispheres = _common_hemispheres(name, sets)
    parts = [_restricted(features.map, hemispheres) for features in sets]
    valid = np.logical_and.reduce([part.valid for part in parts])
    if not valid.any():
        raise InputError(name, "no vertex that is valid in every set", "masks that overlap")
    joined = FeatureSet(
        name,
        SurfaceMap(
            np.concatenate([part.values for part in parts], axis=1),
            parts[0].space,
            tuple(f"{s.name}: {column}" for s in sets for column in s.map.columns),
            valid,
            hemispheres,
        ),
        tuple(dict.fromkeys(source for s in sets for source in s.sources)),
        tuple(dict.fromkeys(f"{s.name}: {note}" for s in sets for note in s.notes)),
    )
    _check_columns_vary(joined)
    return joined


def _check_columns_vary(features: FeatureSet) -> None:
    values = features.map.values[features.map.valid]
    constant = np.flatnonzero(values.min(axis=0) == values.max(axis=0))
    if constant.size:
        column = int(constant[0])
        raise InputError(
            features.name,
            f"column {features.map.columns[column]!r} with the same value "
            f"{values[0, column]:g} at all {len(values):,} vertices of the mask",
            "columns that vary",
            "Leave the column out.",
        )


def _common_hemispheres(name: str, sets: Sequence[FeatureSet]) -> tuple[str, ...]:
    spaces = {str(features.map.space) for features in sets}
    if len(spaces) > 1:
        raise InputError(name, f"sets in {' and '.join(sorted(spaces))}", "sets of one space")
    common = tuple(h for h in ("L", "R") if all(h in s.map.hemispheres for s in sets))
    if not common:
        raise InputError(name, "a left and a right hemisphere", "sets that share a hemisphere")
    return common


def _restricted(surface_map: SurfaceMap, hemispheres: tuple[str, ...]) -> SurfaceMap:
    if surface_map.hemispheres == hemispheres:
        return surface_map
    rows: npt.NDArray[np.int64] = np.concatenate(
        [np.arange(surface_map.n_vertices)[hemisphere_rows(surface_map, h)] for h in hemispheres]
    )
    return SurfaceMap(
        surface_map.values[rows],
        surface_map.space,
        surface_map.columns,
        surface_map.valid[rows],
        hemispheres,
    )
