"""Maps and parcellations: values and labels on the vertices of a space.

Rows are vertices, the left hemisphere first and then the right; a single hemisphere is allowed.
Both carry the space they live on, so that nothing is ever matched by its number of vertices.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from cytosurf.errors import InputError
from cytosurf.surfaces.space import Space, check_hemispheres, check_vertex_count

MOST_SHOWN = 7  # columns or labels that are named where a map is printed


@dataclass(frozen=True, eq=False)
class SurfaceMap:
    """Values on the vertices of one or both hemispheres.

    Parameters
    ----------
    values : (n_vertices, n_columns) or (n_vertices,) array_like
        Kept as float32 with two dimensions; left hemisphere first, then right.
    space : Space
        The mesh that the rows belong to.
    columns : tuple of str, optional
        A name for each column; ``column_1, ...`` if left out.
    valid : (n_vertices,) array_like of bool, optional
        Where the values mean something; everywhere if left out. Values that are not valid are
        kept but never used.
    hemispheres : tuple of str
        ``("L", "R")``, ``("L",)`` or ``("R",)``.

    Raises
    ------
    InputError
        If the number of rows does not fit the space, or shapes disagree.

    Examples
    --------
    >>> import numpy as np
    >>> thickness = SurfaceMap(np.ones(64984), Space("fsLR", "32k"), ("thickness",))
    >>> thickness.hemisphere("R").values.shape
    (32492, 1)
    >>> thickness
    SurfaceMap(fsLR-32k, L+R, 64,984 vertices of which 64,984 are valid, columns: thickness)
    """

    values: npt.NDArray[np.float32]
    space: Space
    columns: tuple[str, ...] = ()
    valid: npt.NDArray[np.bool_] = field(default=None)  # type: ignore[arg-type]
    hemispheres: tuple[str, ...] = ("L", "R")

    def __post_init__(self) -> None:
        values = np.asarray(self.values)
        if values.dtype.kind not in "buif":
            raise InputError("map values", f"dtype {values.dtype}", "real numbers")
        values = np.ascontiguousarray(values, dtype=np.float32)
        if values.ndim == 1:
            values = values[:, None]
        if values.ndim != 2 or values.shape[1] == 0:
            raise InputError("map values", f"shape {values.shape}", "(n_vertices, n_columns)")
        check_hemispheres(self.hemispheres, "map")
        check_vertex_count(len(values), self.space, self.hemispheres, "map")
        columns = tuple(self.columns) or tuple(f"column_{i + 1}" for i in range(values.shape[1]))
        if len(columns) != values.shape[1]:
            raise InputError(
                "map columns", f"{len(columns)} names", f"{values.shape[1]}, one per column"
            )
        valid = np.ones(len(values), bool) if self.valid is None else np.asarray(self.valid)
        if valid.shape != (len(values),) or valid.dtype != bool:
            raise InputError(
                "map mask",
                f"{valid.dtype} array of shape {valid.shape}",
                f"bool array of shape ({len(values)},)",
            )
        object.__setattr__(self, "values", values)
        object.__setattr__(self, "columns", columns)
        object.__setattr__(self, "valid", valid)

    def __repr__(self) -> str:
        where = f"{self.space}, {'+'.join(self.hemispheres)}, {self.n_vertices:,} vertices"
        n_valid = int(self.valid.sum())
        return f"SurfaceMap({where} of which {n_valid:,} are valid, columns: {_few(self.columns)})"

    @property
    def n_vertices(self) -> int:
        """Number of rows: the vertices of all hemispheres of the map."""
        return len(self.values)

    def hemisphere(self, hemisphere: str) -> SurfaceMap:
        """Return the part of the map on hemisphere ``"L"`` or ``"R"``."""
        rows = hemisphere_rows(self, hemisphere)
        return SurfaceMap(
            self.values[rows], self.space, self.columns, self.valid[rows], (hemisphere,)
        )

    @classmethod
    def join(cls, left: SurfaceMap, right: SurfaceMap) -> SurfaceMap:
        """Stack a left and a right map of the same space and columns.

        Raises
        ------
        InputError
            If they are not a left and a right hemisphere of one space.
        """
        _check_pair(left, right)
        if left.columns != right.columns:
            raise InputError("right map", f"columns {right.columns}", f"{left.columns}")
        return cls(
            np.concatenate([left.values, right.values]),
            left.space,
            left.columns,
            np.concatenate([left.valid, right.valid]),
            ("L", "R"),
        )

    def to_nilearn(self) -> Any:
        """Return the map as a `nilearn.surface.SurfaceImage` (see `cytosurf.surfaces.nilearn`)."""
        from cytosurf.surfaces.nilearn import to_surface_image

        return to_surface_image(self)


@dataclass(frozen=True, eq=False)
class Parcellation:
    """A label for every vertex of one or both hemispheres.

    Parameters
    ----------
    keys : (n_vertices,) array_like of int
        Key of each vertex, kept as int32; 0 is the medial wall or unassigned.
    space : Space
        The mesh that the rows belong to.
    names : mapping of int to str, optional
        Name of each key. A key that is used and has no name is called ``label_<key>``.
    hemispheres : tuple of str
        ``("L", "R")``, ``("L",)`` or ``("R",)``.

    Raises
    ------
    InputError
        If keys are negative or not whole numbers, or their number does not fit the space.

    Examples
    --------
    >>> import numpy as np
    >>> lobes = Parcellation(np.r_[0, np.ones(64983)], Space("fsLR", "32k"), {1: "cortex"})
    >>> lobes.used_keys().tolist()
    [1]
    >>> lobes
    Parcellation(fsLR-32k, L+R, 64,984 vertices of which 64,983 are labelled, names: cortex)
    """

    keys: npt.NDArray[np.int32]
    space: Space
    names: Mapping[int, str] = field(default_factory=dict)
    hemispheres: tuple[str, ...] = ("L", "R")

    def __post_init__(self) -> None:
        keys = np.asarray(self.keys)
        if keys.ndim != 1 or keys.dtype.kind not in "buif":
            raise InputError("labels", f"{keys.dtype} array of shape {keys.shape}", "(n_vertices,)")
        if not np.array_equal(np.rint(keys), keys):
            raise InputError(
                "labels",
                "keys that are not whole numbers",
                "whole numbers",
                "Labels must not be interpolated as numbers; resample them as labels.",
            )
        if keys.size and keys.max() > np.iinfo(np.int32).max:
            raise InputError("labels", f"key {keys.max()}", "keys that fit 32 bits", "Recode them.")
        whole = keys.astype(np.int32)
        if whole.size and whole.min() < 0:
            raise InputError(
                "labels", f"key {whole.min()}", "keys of 0 (unassigned) or more", "Recode them."
            )
        check_hemispheres(self.hemispheres, "labels")
        check_vertex_count(len(whole), self.space, self.hemispheres, "labels")
        names = {int(k): str(v) for k, v in self.names.items()}
        for key in np.unique(whole[whole > 0]).tolist():
            names.setdefault(key, f"label_{key}")
        object.__setattr__(self, "keys", whole)
        object.__setattr__(self, "names", dict(sorted(names.items())))

    def __repr__(self) -> str:
        where = f"{self.space}, {'+'.join(self.hemispheres)}, {self.n_vertices:,} vertices"
        n_labelled = int((self.keys > 0).sum())
        names = _few(list(self.names.values()))
        return f"Parcellation({where} of which {n_labelled:,} are labelled, names: {names})"

    @property
    def n_vertices(self) -> int:
        """Number of rows: the vertices of all hemispheres."""
        return len(self.keys)

    def used_keys(self) -> npt.NDArray[np.int32]:
        """Return the keys above 0 that at least one vertex has, in increasing order."""
        return np.unique(self.keys[self.keys > 0])

    def hemisphere(self, hemisphere: str) -> Parcellation:
        """Return the part on hemisphere ``"L"`` or ``"R"``, with all names."""
        rows = hemisphere_rows(self, hemisphere)
        return Parcellation(self.keys[rows], self.space, self.names, (hemisphere,))

    @classmethod
    def join(cls, left: Parcellation, right: Parcellation) -> Parcellation:
        """Stack a left and a right parcellation of one space; a key must mean the same in both.

        Raises
        ------
        InputError
            If they are not a left and a right hemisphere of one space, or a key has two names.
        """
        _check_pair(left, right)
        for key in left.names.keys() & right.names.keys():
            if left.names[key] != right.names[key]:
                raise InputError(
                    "right labels",
                    f"key {key} named {right.names[key]!r}",
                    f"{left.names[key]!r} as on the left",
                    "Give the regions of the two hemispheres different keys.",
                )
        keys = np.concatenate([left.keys, right.keys])
        return cls(keys, left.space, {**right.names, **left.names}, ("L", "R"))

    def to_nilearn(self) -> Any:
        """Return the labels as a `nilearn.surface.SurfaceImage` of int32 keys."""
        from cytosurf.surfaces.nilearn import to_surface_image

        return to_surface_image(self)


def hemisphere_rows(data: SurfaceMap | Parcellation, hemisphere: str) -> slice:
    """Return the rows of `data` that belong to hemisphere ``"L"`` or ``"R"``.

    Raises
    ------
    InputError
        If `data` does not hold that hemisphere.
    """
    if hemisphere not in data.hemispheres:
        raise InputError("hemisphere", repr(hemisphere), f"one of {data.hemispheres}")
    n = data.n_vertices // len(data.hemispheres)
    start = n * data.hemispheres.index(hemisphere)
    return slice(start, start + n)


def _few(names: Sequence[str]) -> str:
    """Return names in one line, the first of them where there are many."""
    left_out = len(names) - MOST_SHOWN
    if left_out <= 0:
        return ", ".join(names)
    return f"{', '.join(names[:MOST_SHOWN])} and {left_out} more"


def _check_pair(left: SurfaceMap | Parcellation, right: SurfaceMap | Parcellation) -> None:
    if left.hemispheres != ("L",) or right.hemispheres != ("R",):
        raise InputError(
            "hemispheres",
            f"{left.hemispheres} and {right.hemispheres}",
            "a left and a right hemisphere, in this order",
        )
    if left.space != right.space:
        raise InputError("right hemisphere", f"space {right.space}", f"{left.space} as on the left")
