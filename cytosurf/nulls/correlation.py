"""The correlation of two maps, tested with spins.

Spins of one map keep its smoothness and break its alignment with the other. What is easily got
wrong is the medial wall: it moves with the spun map, so every rotation has vertices of its own on
which both maps have values. Here each correlation, observed or spun, is computed on exactly these,
and Spearman's on ranks among exactly these.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal, Protocol, get_args

import numpy as np
import numpy.typing as npt

from cytosurf.compute.pool import resolve_jobs, run_tasks
from cytosurf.errors import CytosurfWarning, InputError, unknown_name
from cytosurf.nulls.parcels import ParcelAssigner, ParcelMethod
from cytosurf.nulls.pvalues import SpinPValue, check_spin_count
from cytosurf.nulls.rotations import Policy, spin_rotations
from cytosurf.nulls.spins import SpinAssigner
from cytosurf.surfaces.maps import Parcellation, SurfaceMap
from cytosurf.surfaces.mesh import Mesh
from cytosurf.surfaces.space import HEMISPHERES, Space
from cytosurf.surfaces.templates import load_mesh

Method = Literal["pearson", "spearman"]
Alternative = Literal["two-sided", "greater", "less"]
Float64 = npt.NDArray[np.float64]

# More zeros than this share of a map are likely a medial wall that nobody marked.
_MANY_ZEROS = 0.05
_FEWEST_VERTICES = 3


@dataclass(frozen=True, eq=False)
class SpinCorrelation:
    """The correlation of two maps and what spins say about it.

    Attributes
    ----------
    r : float
        The correlation over the vertices where both maps have values.
    p : float
        ``(exceed + 1) / (n_spins + 1)``.
    exceed : int
        Spins with a correlation at least as far out as `r`, in the sense of `alternative`.
    n_spins : int
        Spins in all.
    p_ci95 : tuple of float
        Clopper-Pearson 95 % interval of the share of all rotations that exceed.
    null : (n_spins,) float64
        The correlation of each spin, in the order of the spins.
    kept : (n_spins,) float64
        Share of the valid vertices (parcels) of `y` that have a value of `x` after the spin.
    n_vertices : int
        Vertices of the observed correlation; parcels if parcels were spun.
    method, alternative, rotation, seed
        As asked for.
    """

    r: float
    p: float
    exceed: int
    n_spins: int
    p_ci95: tuple[float, float]
    null: Float64
    kept: Float64
    n_vertices: int
    method: Method
    alternative: Alternative
    rotation: Policy
    seed: int


def spin_correlation(
    x: SurfaceMap | npt.ArrayLike,
    y: SurfaceMap | npt.ArrayLike,
    *,
    method: Method = "pearson",
    alternative: Alternative = "two-sided",
    n_spins: int = 1000,
    seed: int = 0,
    rotation: Policy = "mirrored",
    jobs: int | None = 1,
    mask: npt.ArrayLike | None = None,
    space: Space | str | None = None,
    hemispheres: Sequence[str] = HEMISPHERES,
    spheres: Mapping[str, Mesh] | None = None,
    parcellation: Parcellation | npt.ArrayLike | None = None,
    assignment: ParcelMethod = "hungarian",
) -> SpinCorrelation:
    """Correlate two maps of the cortex and test the correlation with spins of `x`.

    `x` is spun, with its medial wall, and `y` stays. The other way round is another test with
    another p: say which map was spun, or report both.

    Parameters
    ----------
    x, y : SurfaceMap or (n_vertices,) array_like
        Maps of one column on the same vertices, left hemisphere first. What is not valid in a
        `SurfaceMap`, or NaN, has no value. Zeros are values: mark the medial wall with NaN, by the
        map's own mask or with `mask`.
    method : {"pearson", "spearman"}, optional
        Spearman's ranks (ties averaged) are made anew in each spin over the vertices it keeps.
    alternative : {"two-sided", "greater", "less"}, optional
        Two-sided counts spins by the size of the correlation, whatever its sign.
    n_spins : int, optional
        Number of spins.
    seed : int, optional
        With the number of a spin, all that it depends on.
    rotation : {"mirrored", "independent"}, optional
        How the rotations of the hemispheres go together. Independent ones reject too often for
        maps that are alike left and right, as most are.
    jobs : int or None, optional
        Processes; None for one on each core. The result does not depend on it.
    mask : (n_vertices,) array_like of bool, optional
        Where both maps may have values, the cortex or a region. The mask of `x` is spun with it.
    space : Space or str, optional
        Of arrays, e.g. ``"fsLR-32k"``; a `SurfaceMap` knows its own.
    hemispheres : sequence of str, optional
        Of arrays: ``("L", "R")``, ``("L",)`` or ``("R",)``.
    spheres : mapping of str to Mesh, optional
        Registration spheres of ``"L"``, ``"R"`` or both, instead of those of the space.
    parcellation : Parcellation or (n_vertices,) array_like of int, optional
        Correlate values of parcels, and spin these, each onto exactly one other. `x` and `y` then
        hold one value for each parcel (left hemisphere first, by increasing key; a key on both
        sides is two parcels), or maps of vertices, whose mean over each parcel is taken.
    assignment : {"hungarian", "vasa"}, optional
        How parcels are assigned to rotated ones; see `cytosurf.nulls.spin_parcels`.

    Returns
    -------
    SpinCorrelation
        Correlation, p-value, interval, null distribution and what each spin kept.

    Raises
    ------
    InputError
        If the maps are not on the same vertices, hold infinite values or one value only, share
        fewer than three vertices (under a spin as well), or an option is unknown.

    Warns
    -----
    CytosurfWarning
        If more than 5 % of a map are exactly 0, or there are too few spins for p <= 0.05.

    References
    ----------
    Alexander-Bloch AF et al. (2018). On testing for spatial correspondence between maps of human
    brain structure and function. NeuroImage 178:540-551.

    Examples
    --------
    >>> sphere = load_mesh(Space("fsLR", "32k"), "L", "sphere").vertices
    >>> front, up = sphere[:, 1], sphere[:, 1] + sphere[:, 2]
    >>> result = spin_correlation(front, up, space="fsLR-32k", hemispheres=("L",), n_spins=99)
    >>> round(result.r, 2), result.p > 0.05
    (0.71, True)
    """
    _check_options(method, alternative, n_spins)
    spheres = _spheres((x, y, parcellation), space, hemispheres) if spheres is None else spheres
    assigner: SpinAssigner | ParcelAssigner
    if parcellation is None:
        assigner = SpinAssigner(spheres)
        x_values = _values(x, "x", assigner.n_vertices, mask)
        y_values = _values(y, "y", assigner.n_vertices, mask)
    else:
        keys = parcellation.keys if isinstance(parcellation, Parcellation) else parcellation
        assigner = ParcelAssigner(np.asarray(keys), spheres, assignment)
        x_values = _parcel_values(x, "x", assigner, mask)
        y_values = _parcel_values(y, "y", assigner, mask)
    spun = _Spun.of(x_values, y_values, method, assigner, seed, rotation)
    r, n_vertices = spun.correlate(np.arange(assigner.n_vertices), "x and y")
    null, kept = _null(spun, n_spins, resolve_jobs(jobs))
    outcome = SpinPValue.from_null(*_one_sided(r, null, alternative))
    return SpinCorrelation(
        r=r,
        p=outcome.p,
        exceed=outcome.exceed,
        n_spins=n_spins,
        p_ci95=outcome.ci95,
        null=null,
        kept=kept,
        n_vertices=n_vertices,
        method=method,
        alternative=alternative,
        rotation=rotation,
        seed=seed,
    )


def _check_options(method: str, alternative: str, n_spins: int) -> None:
    if method not in get_args(Method):
        raise unknown_name("method", str(method), get_args(Method))
    if alternative not in get_args(Alternative):
        raise unknown_name("alternative", str(alternative), get_args(Alternative))
    if n_spins < 1:
        raise InputError("n_spins", str(n_spins), "a whole number of at least 1")
    check_spin_count(n_spins)


class _Assigner(Protocol):
    """Of vertices or of parcels."""

    n_vertices: int

    def assign(self, rotations: Mapping[str, npt.ArrayLike]) -> npt.NDArray[np.int32]:
        """Return the source of each."""


@dataclass(frozen=True, eq=False)
class _Spun:
    """Two maps ready to be correlated under any assignment of vertices.

    For Spearman's correlation the values are replaced by classes: their place among the different
    values of the whole map. Counting the classes of a selection gives its ranks without sorting.
    """

    x: Float64 | npt.NDArray[np.int64]
    x_valid: npt.NDArray[np.bool_]
    y: Float64 | npt.NDArray[np.int64]
    y_rows: npt.NDArray[np.int64]
    method: Method
    assigner: _Assigner
    seed: int
    rotation: Policy

    @classmethod
    def of(
        cls,
        x: Float64,
        y: Float64,
        method: Method,
        assigner: _Assigner,
        seed: int,
        rotation: Policy,
    ) -> _Spun:
        x_valid, y_rows = ~np.isnan(x), np.flatnonzero(~np.isnan(y))
        rest = (y_rows, method, assigner, seed, rotation)
        if method == "pearson":
            return cls(x, x_valid, y[y_rows], *rest)
        classes = np.zeros(len(x), np.int64)
        classes[x_valid] = np.unique(x[x_valid], return_inverse=True)[1]
        return cls(classes, x_valid, np.unique(y[y_rows], return_inverse=True)[1], *rest)

    def correlate(self, index: npt.NDArray[np.integer], where: str) -> tuple[float, int]:
        """Return the correlation with ``x[index]``, and over how many vertices it is."""
        source = index[self.y_rows]
        keep = self.x_valid[source]
        a, b = self.x[source[keep]], self.y[keep]
        if len(a) < _FEWEST_VERTICES or a.min() == a.max() or b.min() == b.max():
            found = f"{len(a)} common vertices" + (", one value on all" if len(a) else "")
            raise InputError(
                where,
                found,
                f"at least {_FEWEST_VERTICES} with different values in both maps",
                "Look at the masks: under a spin a small region may come to lie where the other "
                "map has no values.",
            )
        if self.method == "spearman":
            a, b = _ranks(a), _ranks(b)
        return _pearson(a, b), len(a)


def _pearson(a: npt.NDArray[np.number], b: npt.NDArray[np.number]) -> float:
    a, b = a - a.mean(), b - b.mean()
    return float(np.clip((a @ b) / math.sqrt((a @ a) * (b @ b)), -1, 1))


def _ranks(classes: npt.NDArray[np.integer]) -> Float64:
    """Return the ranks of a selection, ties averaged, from ordered classes."""
    counts = np.bincount(classes)
    ranks: Float64 = (np.cumsum(counts) - (counts - 1) / 2)[classes]
    return ranks


def _null(spun: _Spun, n_spins: int, jobs: int) -> tuple[Float64, Float64]:
    """Return the correlation of each spin, and the share of the vertices of `y` that it keeps."""
    null, kept = np.empty(n_spins), np.empty(n_spins)
    for spins, chunk, counts in run_tasks(partial(_chunk, spun), _chunks(n_spins, jobs), jobs=jobs):
        null[spins], kept[spins] = chunk, counts / len(spun.y_rows)
    return null, kept


def _chunk(spun: _Spun, spins: range) -> tuple[slice, list[float], Float64]:
    """Return the correlations of some spins and their numbers of vertices."""
    outcomes = [
        spun.correlate(
            spun.assigner.assign(spin_rotations(spun.seed, k, spun.rotation)), f"spin {k}"
        )
        for k in spins
    ]
    counts = np.array([n for _, n in outcomes], np.float64)
    return slice(spins.start, spins.stop), [r for r, _ in outcomes], counts


def _chunks(n_spins: int, jobs: int) -> list[range]:
    size = math.ceil(n_spins / (4 * jobs))
    return [range(start, min(start + size, n_spins)) for start in range(0, n_spins, size)]


def _one_sided(r: float, null: Float64, alternative: Alternative) -> tuple[float, Float64]:
    """Return statistics whose large values speak against the null."""
    if alternative == "two-sided":
        return abs(r), np.abs(null)
    return (r, null) if alternative == "greater" else (-r, -null)


def _spheres(
    given: Sequence[SurfaceMap | Parcellation | npt.ArrayLike | None],
    space: Space | str | None,
    hemispheres: Sequence[str],
) -> dict[str, Mesh]:
    """Return the spheres of the space that the maps name, or that was given for arrays."""
    places = [(m.space, m.hemispheres) for m in given if isinstance(m, SurfaceMap | Parcellation)]
    if space is not None:
        named = Space.parse(space) if isinstance(space, str) else space
        places.append((named, places[0][1] if places else tuple(hemispheres)))
    if not places:
        raise InputError(
            "x and y", "arrays without a space", "SurfaceMaps, or space='fsLR-32k', or spheres"
        )
    for place in places[1:]:
        if place != places[0]:
            found = " and ".join(f"{s}, hemispheres {'+'.join(h)}" for s, h in (places[0], place))
            raise InputError("x and y", found, "maps of one space", "Resample one of them first.")
    return {h: load_mesh(places[0][0], h, "sphere") for h in places[0][1]}


def _parcel_values(
    m: SurfaceMap | npt.ArrayLike, name: str, assigner: ParcelAssigner, mask: npt.ArrayLike | None
) -> Float64:
    """Return the values of parcels, as they are given or as means over the vertices of a map."""
    if isinstance(m, SurfaceMap) or np.shape(m) != (assigner.n_vertices,):
        return assigner.means(_values(m, name, len(assigner.vertex_parcel), mask))
    if mask is not None:
        raise InputError("mask", "a mask of vertices for values of parcels", "NaN in the values")
    return _finite(_numbers(m, name), name)


def _values(
    m: SurfaceMap | npt.ArrayLike, name: str, n_vertices: int, mask: npt.ArrayLike | None
) -> Float64:
    """Return the values of a map in float64, NaN where it has none."""
    if isinstance(m, SurfaceMap):
        values = np.where(m.valid[:, None], m.values, np.nan).astype(np.float64)
    else:
        values = _numbers(m, name)
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    expected = (n_vertices,)
    if values.shape != expected:
        raise InputError(
            name, f"shape {values.shape}", f"one value for each of {expected[0]:,} vertices"
        )
    if mask is not None:
        inside = np.asarray(mask)
        if inside.shape != expected or inside.dtype != bool:
            found = f"{inside.dtype} array of shape {inside.shape}"
            raise InputError("mask", found, f"bool array of shape {expected}")
        values[~inside] = np.nan
    _finite(values, name)
    n_valid, n_zero = int((~np.isnan(values)).sum()), int((values == 0).sum())
    if n_zero > _MANY_ZEROS * n_valid and len(np.unique(values[~np.isnan(values)])) > 2:
        message = (
            f"{name} is exactly 0 at {n_zero:,} of {n_valid:,} vertices, and zeros are values. If "
            "this is the medial wall, set it to NaN or give a mask."
        )
        warnings.warn(message, CytosurfWarning, stacklevel=3)
    return values


def _numbers(given: npt.ArrayLike, name: str) -> Float64:
    try:
        return np.array(given, dtype=np.float64)
    except (TypeError, ValueError):
        found = f"a {type(given).__name__}"
        raise InputError(name, found, "a SurfaceMap, or one number for each vertex") from None


def _finite(values: Float64, name: str) -> Float64:
    if np.isinf(values).any():
        found = f"{int(np.isinf(values).sum())} infinite values"
        raise InputError(name, found, "finite values, or NaN where there is none")
    return values
