"""Whether points lie where they are said to lie, and if not, which mix-up would put them there.

Points of the cortex lie within half its thickness of the midsurface. Where they do not, the usual
mistakes are tried one after the other (another unit, another space, axes flipped or in another
order, voxel indices), and the one that brings the points to a surface is named.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from cytosurf.errors import DownloadError, InputError, MissingDataError
from cytosurf.features.embedding_spaces import POINT_SPACES, load_midsurfaces, title_of
from cytosurf.surfaces.mesh import Mesh

Float64 = npt.NDArray[np.float64]
Stage = Callable[[Float64, str, Mapping[str, "Surface"]], "Iterator[Fit]"]

SAMPLE = 500  # points that are looked at
SHARE = 0.9  # of them that must lie within the tolerance
CLEAR_MM = 1.5  # within this nothing else is considered: half the thickness and a vertex
TOLERANCE_MM = 2.0  # on the surface of the space itself
STAND_IN_TOLERANCE_MM = 8.0  # on that of another brain
UNITS = (("micrometres", 1e-3), ("nanometres", 1e-6), ("centimetres", 10.0), ("metres", 1000.0))
AXES = "xyz"
FEWEST_FOR_VOXELS = 50  # points without which an unknown scale and origin would fit anything
REFINEMENTS = 12
CANDIDATES = 4  # of scales, origins and orientations that are refined
NARROW_MM = 20.0  # extent below which points may be near a surface by accident
MOST_RELATIVE = 0.1  # distance of points to a surface over their extent
MARGIN_MM = 5.0  # around the box of a surface


@dataclass(frozen=True, eq=False)
class Surface:
    """The midsurface of all hemispheres, ready to be asked for what is nearest to a point.

    Attributes
    ----------
    vertices : (n_vertices, 3) ndarray of float64
        Of all hemispheres, in mm.
    boxes : tuple of (2, 3) ndarray
        Lowest and highest coordinates of the whole surface, then of each hemisphere.
    tree : scipy.spatial.cKDTree
        Of the vertices.
    """

    vertices: Float64
    boxes: tuple[Float64, ...]
    tree: Any

    @classmethod
    def of(cls, midsurfaces: Mapping[str, Mesh]) -> Surface:
        """Take all hemispheres together."""
        from scipy.spatial import cKDTree

        parts = [midsurfaces[h].vertices.astype(np.float64) for h in sorted(midsurfaces)]
        whole = np.concatenate(parts)
        boxes = tuple(np.array([p.min(axis=0), p.max(axis=0)]) for p in (whole, *parts))
        return cls(whole, boxes, cKDTree(whole))

    def distance_mm(self, points: Float64) -> float:
        """Return within how many mm of the surface 90 % of the points lie."""
        return float(np.quantile(self.tree.query(points)[0], SHARE))

    def may_hold(self, points: Float64) -> bool:
        """Say whether most points lie in the box around the surface: cheap, before a search."""
        low, high = self.boxes[0] + [[-MARGIN_MM], [MARGIN_MM]]
        return bool(((points >= low) & (points <= high)).all(axis=1).mean() >= SHARE)


@dataclass(frozen=True)
class Fit:
    """A mix-up that may bring the points to a surface.

    Attributes
    ----------
    mixup, way_out : str
        What it is, and what to do about it.
    distance_mm : float
        Within how many mm of the surface 90 % of the points lie then.
    relative : float
        That distance over the extent of the points. Points that a wrong unit draws together are
        all near the surface, but not in relation to their extent.
    """

    mixup: str
    way_out: str
    distance_mm: float
    relative: float

    @property
    def is_good(self) -> bool:
        """Whether the points lie on the surface then."""
        return self.distance_mm <= TOLERANCE_MM and self.relative <= MOST_RELATIVE


def check_near(
    points_mm: Float64,
    space: str,
    midsurfaces: Mapping[str, Mesh],
    *,
    where: str,
    tolerance_mm: float | None = None,
) -> float:
    """Raise unless the points lie near the midsurface, naming the mix-up that explains them.

    Parameters
    ----------
    points_mm : (n, 3) ndarray of float64
        The points.
    space : str
        The space they are said to be in.
    midsurfaces : mapping of str to Mesh
        The midsurface in that space, by hemisphere.
    where : str
        The table, for messages.
    tolerance_mm : float, optional
        90 % of the points must lie this near to the surface: 2 mm if left out, and 8 mm where
        another brain's surface stands in (MNI Colin 27).

    Returns
    -------
    float
        Within how many mm of the surface 90 % of the points lie.

    Raises
    ------
    InputError
        If they lie further away, or something else fits at least twice as well.
    """
    rows = np.random.default_rng(0).permutation(len(points_mm))[:SAMPLE]
    points = points_mm[np.sort(rows)]
    surface = Surface.of(midsurfaces)
    if tolerance_mm is None:
        own = space not in POINT_SPACES or POINT_SPACES[space].is_own
        tolerance_mm = TOLERANCE_MM if own else STAND_IN_TOLERANCE_MM
    stated = surface.distance_mm(points)
    extent_mm = float(np.ptp(points, axis=0).max())
    narrow = len(points) > 1 and extent_mm < NARROW_MM
    if stated <= min(CLEAR_MM, tolerance_mm) and not narrow:
        return stated
    # A narrow cloud near the surface may be a patch of cortex, or the whole brain in metres.
    stages = STAGES[:1] if narrow and stated <= tolerance_mm else STAGES
    better = best_fit(points, space, surface, stages)
    expected = (
        f"points in mm, {SHARE:.0%} of them within {tolerance_mm:g} mm of the midsurface in "
        f"{title_of(space)}{_box(surface)}"
    )
    if better is not None and better.relative < stated / max(extent_mm, 1e-9) / 2:
        raise InputError(
            where,
            f"{better.mixup} ({SHARE:.0%} of them then lie within {better.distance_mm:.1f} mm of "
            f"the midsurface; as they are, within {_number(stated)} mm)",
            expected,
            better.way_out,
        )
    if stated <= tolerance_mm:
        return stated
    low, high = (np.quantile(points, q, axis=0) for q in (0.01, 0.99))
    ranges = ", ".join(
        f"{a} {_number(p)} to {_number(q)}" for a, p, q in zip(AXES, low, high, strict=True)
    )
    raise InputError(
        where,
        f"points that lie elsewhere ({ranges}; {SHARE:.0%} of them within {_number(stated)} mm of "
        "the midsurface)",
        expected,
        "No other unit, space, order or direction of axes brings them there. Apply the affine of "
        "the image if they are voxel indices; leave out points that are not cortex; transform "
        "points of another space, or raise the tolerance.",
    )


def best_fit(points: Float64, space: str, stated: Surface, stages: Sequence[Stage]) -> Fit | None:
    """Return the simplest mix-up that brings the points to a surface, or None.

    Parameters
    ----------
    points : (n, 3) ndarray of float64
        Some of the points.
    space : str
        The space they are said to be in.
    stated : Surface
        The midsurface in that space.
    stages : sequence of callable
        What to try, the simplest first; see `STAGES`.
    """
    surfaces = {space: stated} | dict(_other_surfaces(space))
    for stage in stages:
        fits = [fit for fit in stage(points, space, surfaces) if fit.is_good]
        if fits:
            return min(fits, key=lambda fit: fit.relative)
    return None


def _other_surfaces(space: str) -> Iterator[tuple[str, Surface]]:
    """Give the surfaces of the other spaces, as far as they are at hand."""
    if space not in POINT_SPACES:  # of another species, perhaps
        return
    for name, known in POINT_SPACES.items():
        if name != space and known.is_own:
            try:
                yield name, Surface.of(load_midsurfaces(name))
            except (MissingDataError, DownloadError):
                continue


def _in_other_units_and_spaces(
    points: Float64, space: str, surfaces: Mapping[str, Surface]
) -> Iterator[Fit]:
    for name, surface in surfaces.items():
        for unit, factor in (("mm", 1.0), *UNITS):
            moved = points * factor
            if (name == space and factor == 1) or not surface.may_hold(moved):
                continue
            mixup = _joined(_of_unit(unit), _of_space(name, space))
            yield _fit(mixup, _repair(unit, name, space), surface, moved)


def _with_other_axes(points: Float64, space: str, surfaces: Mapping[str, Surface]) -> Iterator[Fit]:
    for name, surface in surfaces.items():
        for unit, factor in (("mm", 1.0), *UNITS):
            for order, signs in _orientations():
                moved = points[:, order] * signs * factor
                if surface.may_hold(moved):
                    mixup = _joined(_of_unit(unit), _of_space(name, space), _of_axes(order, signs))
                    repair = f"{_reorder(order, signs)} {_repair(unit, name, space)}".strip()
                    yield _fit(mixup, repair, surface, moved)


def _as_voxels(points: Float64, space: str, surfaces: Mapping[str, Surface]) -> Iterator[Fit]:
    """Try any scale and origin: the extents of the points laid over those of the surface."""
    if len(points) < FEWEST_FOR_VOXELS or np.ptp(points, axis=0).min() == 0:
        return
    few = points[:FEWEST_FOR_VOXELS]
    for name, surface in surfaces.items():
        laid = []
        for order, signs in _orientations():
            turned = points[:, order] * signs
            for box in surface.boxes:
                scale, shift = _lay_over(turned, box)
                distance = surface.distance_mm(few[:, order] * signs * scale + shift)
                laid.append((distance, scale, shift, order, signs))
        laid.sort(key=lambda start: start[0])
        for _, scale, shift, order, signs in laid[:CANDIDATES]:
            size, moved = _refine(points[:, order] * signs, scale, shift, surface)
            mixup = _joined(
                f"that look like voxel indices of {size:.2g} mm"
                + (" or have another origin" if abs(size - 1) < 0.02 else ""),
                _of_space(name, space),
                _of_axes(order, signs),
            )
            way_out = "Apply the affine of the image that they index (nibabel.affines.apply_affine)"
            yield _fit(mixup, f"{way_out}, and import them again.", surface, moved)


def _fit(mixup: str, way_out: str, surface: Surface, moved: Float64) -> Fit:
    distance = surface.distance_mm(moved)
    return Fit(mixup, way_out, distance, distance / max(float(np.ptp(moved, axis=0).max()), 1e-9))


def _lay_over(points: Float64, box: Float64) -> tuple[float, Float64]:
    """Return scale and shift by which the extents of points meet those of a surface."""
    scale = float(np.median(np.ptp(box, axis=0) / np.ptp(points, axis=0)))
    return scale, box.mean(axis=0) - scale * (points.min(axis=0) + points.max(axis=0)) / 2


def _refine(
    points: Float64, scale: float, shift: Float64, surface: Surface
) -> tuple[float, Float64]:
    """Move points closer to the surface by turns of nearest vertices and least squares."""
    centre = points.mean(axis=0)
    spread = points - centre
    for _ in range(REFINEMENTS):
        goal = surface.vertices[surface.tree.query(points * scale + shift)[1]]
        scale = float((spread * (goal - goal.mean(axis=0))).sum() / (spread**2).sum())
        shift = goal.mean(axis=0) - scale * centre
    return scale, points * scale + shift


def _orientations() -> list[tuple[tuple[int, ...], tuple[float, ...]]]:
    """Return all orders and directions of three axes, the usual one first."""
    orders = itertools.permutations(range(3))
    return [(o, s) for o in orders for s in itertools.product((1.0, -1.0), repeat=3)]


def _of_unit(unit: str) -> str:
    return "" if unit == "mm" else f"in {unit}"


def _of_space(name: str, stated: str) -> str:
    return "" if name == stated else f"in {title_of(name)}"


def _of_axes(order: tuple[int, ...], signs: tuple[float, ...]) -> str:
    flipped = [AXES[i] for i, sign in enumerate(signs) if sign < 0]
    words = []
    if order != (0, 1, 2):
        # Axis i of the brain is column order[i] of the table.
        names = ", ".join(AXES[order.index(column)] for column in range(3))
        words.append(f"with columns in the order {names}")
    if flipped:
        words.append(f"with {' and '.join(flipped)} flipped")
    return " and ".join(words)


def _joined(*parts: str) -> str:
    return "points " + " ".join(part for part in parts if part)


def _reorder(order: tuple[int, ...], signs: tuple[float, ...]) -> str:
    words = []
    if order != (0, 1, 2):
        words.append("name the columns in the order x, y, z")
    if min(signs) < 0:
        words.append(
            f"multiply {' and '.join(a for a, s in zip(AXES, signs, strict=True) if s < 0)} by -1"
        )
    return f"{' and '.join(words).capitalize()}, and import the table again." if words else ""


def _repair(unit: str, name: str, stated: str) -> str:
    words = []
    if unit != "mm":
        short = {"micrometres": "um", "nanometres": "nm", "centimetres": "cm", "metres": "m"}[unit]
        words.append(f"unit={short!r} (--unit {short})")
    if name != stated:
        words.append(f"space={name!r} (--space {name})")
    return f"Import the table with {' and '.join(words)}." if words else ""


def _box(surface: Surface) -> str:
    low, high = surface.vertices.min(axis=0), surface.vertices.max(axis=0)
    ranges = (f"{a} {p:.0f} to {q:.0f}" for a, p, q in zip(AXES, low, high, strict=True))
    return f" ({', '.join(ranges)})"


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}"


# What to try, the simplest first.
STAGES: tuple[Stage, ...] = (_in_other_units_and_spaces, _with_other_axes, _as_voxels)
