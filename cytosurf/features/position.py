"""Position as features: the baselines that say how far location alone goes.

A linear decoder of x, y and z can only cut the cortex with planes, which makes the published
baseline weak. Spherical harmonics of the registration sphere are a smooth position basis of any
size, so that features of d columns can be compared with position of d columns.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from cytosurf.errors import InputError
from cytosurf.features.sets import FeatureSet
from cytosurf.surfaces.maps import SurfaceMap
from cytosurf.surfaces.space import HEMISPHERES, Space
from cytosurf.surfaces.templates import load_mesh

MAX_HARMONICS = 1023  # degrees 1 to 31: as many columns as a decoder could bear


def coordinates(space: Space) -> FeatureSet:
    """Return x, y and z of the midthickness in mm: the published baseline.

    On fs_LR 32k this is the Conte69 midthickness that BrainSpace carries; on BigBrain the mean of
    the pial and the white surface. All vertices are valid: the medial wall has a position.
    """
    points = _midthickness(space)
    return FeatureSet("coordinates", SurfaceMap(points, space, ("x", "y", "z")), _sources(space))


def mirrored_coordinates(space: Space) -> FeatureSet:
    """Return |x|, y and z of the midthickness in mm: the same place left and right."""
    points = _midthickness(space).copy()
    points[:, 0] = np.abs(points[:, 0])
    surface_map = SurfaceMap(points, space, ("abs_x", "y", "z"))
    return FeatureSet("coordinates:mirrored", surface_map, _sources(space))


def harmonics(n_features: int, space: Space) -> FeatureSet:
    """Return N real spherical harmonics of the registration sphere, matched left and right.

    The right sphere is mirrored (x -> -x) before they are evaluated, so mirror vertices have the
    same values. See `spherical_harmonics` for the order of the columns.

    Raises
    ------
    InputError
        If N is not between 1 and 1,023.
    """
    if not 1 <= n_features <= MAX_HARMONICS:
        raise InputError(
            f"harmonics:{n_features}", f"{n_features} columns", f"1 to {MAX_HARMONICS:,} columns"
        )
    values = np.concatenate(
        [
            spherical_harmonics(load_mesh(space, h, "sphere").vertices * _mirror(h), n_features)
            for h in HEMISPHERES
        ]
    )
    surface_map = SurfaceMap(values, space, harmonic_names(n_features))
    note = (
        "real spherical harmonics by degree from 1 on, the right sphere mirrored; within a degree "
        "order 0, then cosine and sine of orders 1, 2, ..."
    )
    return FeatureSet(f"harmonics:{n_features}", surface_map, _sources(space), (note,))


def spherical_harmonics(
    points: npt.NDArray[np.floating], n_columns: int
) -> npt.NDArray[np.float64]:
    """Evaluate the first real spherical harmonics at points seen from the origin.

    Columns are ordered by degree 1, 2, 3, ... (degree 0 is the intercept of a decoder); within a
    degree l: order 0, then cos and sin of order 1, cos and sin of order 2, up to l. The polar
    axis is z, and azimuth is counted from x. The last degree is cut in that order.

    Parameters
    ----------
    points : (n_points, 3) ndarray
        Only their directions matter.
    n_columns : int
        How many harmonics.

    Returns
    -------
    (n_points, n_columns) ndarray of float64
        Orthonormal over the unit sphere, without the Condon-Shortley phase.

    Examples
    --------
    >>> spherical_harmonics(np.array([[0.0, 0, 5]]), 3).round(4).tolist()
    [[0.4886, 0.0, 0.0]]
    """
    unit = np.asarray(points, dtype=np.float64)
    unit = unit / np.linalg.norm(unit, axis=1, keepdims=True)
    height = unit[:, 2]
    # Powers of x + iy carry both the azimuth and the sine of the polar angle, poles included.
    planar = unit[:, 0] + 1j * unit[:, 1]
    columns = np.empty((len(unit), n_columns))
    order_zero = _slots(n_columns)
    top = max(order_zero)[0]
    azimuthal = np.ones(len(unit), dtype=np.complex128)
    diagonal = np.sqrt(1 / (4 * np.pi))
    for m in range(top + 1):
        if m:
            azimuthal = azimuthal * planar
            diagonal *= np.sqrt((2 * m + 1) / (2 * m))
        for degree, legendre in _legendre(height, m, top, diagonal):
            factor = legendre * (np.sqrt(2) if m else 1.0)
            for part, angular in (("cos", azimuthal.real), ("sin", azimuthal.imag)):
                column = order_zero.get((degree, m, part))
                if column is not None:
                    columns[:, column] = factor * angular
    return columns


def harmonic_names(n_columns: int) -> tuple[str, ...]:
    """Return the column names in order: degree, order, and cosine or sine.

    Examples
    --------
    >>> harmonic_names(5)
    ('degree1_order0', 'degree1_cos1', 'degree1_sin1', 'degree2_order0', 'degree2_cos1')
    """
    names = (
        f"degree{degree}_{part}{m}" if m else f"degree{degree}_order0"
        for degree, m, part in _slots(n_columns)
    )
    return tuple(names)


def _slots(n_columns: int) -> dict[tuple[int, int, str], int]:
    """Return the column of each (degree, order, cos or sin) that is wanted."""
    slots: dict[tuple[int, int, str], int] = {}
    degree = 0
    while len(slots) < n_columns:
        degree += 1
        orders = [(0, "cos")] + [(m, p) for m in range(1, degree + 1) for p in ("cos", "sin")]
        for m, part in orders[: n_columns - len(slots)]:
            slots[degree, m, part] = len(slots)
    return slots


def _legendre(
    height: npt.NDArray[np.float64], m: int, top: int, diagonal: float
) -> list[tuple[int, npt.NDArray[np.float64]]]:
    """Return normalised associated Legendre functions of order m, without sin(theta)**m."""
    before = np.zeros_like(height)
    current = np.full_like(height, diagonal)
    functions = [(m, current)]
    for degree in range(m + 1, top + 1):
        scale = np.sqrt((4 * degree**2 - 1) / (degree**2 - m**2))
        lower = np.sqrt(((degree - 1) ** 2 - m**2) / (4 * (degree - 1) ** 2 - 1))
        before, current = current, scale * (height * current - lower * before)
        functions.append((degree, current))
    return functions


def _midthickness(space: Space) -> npt.NDArray[np.float32]:
    return np.concatenate([load_mesh(space, h, "midthickness").vertices for h in HEMISPHERES])


def _mirror(hemisphere: str) -> npt.NDArray[np.float32]:
    return np.array([-1 if hemisphere == "R" else 1, 1, 1], dtype=np.float32)


def _sources(space: Space) -> tuple[str, ...]:
    if space == Space("fsLR", "32k"):
        return ("brainspace",)
    sources = {
        "bigbrain": ("bigbrainwarp",),
        "fsaverage": ("brainspace", "fslr", "fsaverage5"),
    }
    return sources.get(space.template, ("brainspace", "fslr"))
