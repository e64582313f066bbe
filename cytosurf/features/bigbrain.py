"""Feature sets measured on BigBrain, carried to the space of the analysis with masked weights.

Each loader makes the map on BigBrain with the mask of what was measured there; `resample` then
renormalises its weights over valid vertices, so no zero of the medial wall and no tear of the
tissue leaks into a value.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from cytosurf import data
from cytosurf.features.embedded import CIRCULAR
from cytosurf.features.sets import FeatureSet, carried
from cytosurf.surfaces.io import read_map
from cytosurf.surfaces.maps import SurfaceMap
from cytosurf.surfaces.space import HEMISPHERES, Space

BIGBRAIN = Space("bigbrain", "164k")
N_DEPTHS = 18
SATURATED = 60_000  # grey values from here on are tears and background, in 16 bit
PROFILE_SOURCES = ("staining-profiles", "gradients")
OUTSIDE = "{:,} BigBrain vertices are exactly 0: outside the mask"
LAYERS = ("I", "II", "III", "IV", "V", "VI")


def npz_rows(source: str, description: str, *arrays: str) -> npt.NDArray[np.float32]:
    """Read arrays of both hemispheres from converted BigBrain files.

    Parameters
    ----------
    source : str
        Name of the data manifest.
    description : str
        The ``desc-`` part of the file name.
    *arrays : str
        Names of the arrays; several become the columns.

    Returns
    -------
    (327684, n_columns) ndarray of float32
        Left hemisphere first.
    """
    halves = []
    for hemisphere in HEMISPHERES:
        path = data.path(source, f"tpl-bigbrain_hemi-{hemisphere}_desc-{description}.npz")
        with np.load(path, allow_pickle=False) as stored:
            halves.append(np.column_stack([stored[name] for name in arrays]))
    return np.concatenate(halves)


def gradient_loader(name: str, family: str) -> Callable[[Space], FeatureSet]:
    """Return a loader of the first two functional or microstructural gradients on BigBrain.

    Parameters
    ----------
    name : str
        Name of the set.
    family : str
        ``"Func"`` or ``"Micro"``, as in the file names.
    """

    def load(space: Space) -> FeatureSet:
        columns = (f"{family}_G1", f"{family}_G2")
        maps = [_read_gradient(column) for column in columns]
        values = np.column_stack([m.values for m in maps])
        valid = (values != 0).all(axis=1)
        surface_map = SurfaceMap(values, BIGBRAIN, columns, valid)
        notes: tuple[str, ...] = (OUTSIDE.format(int((~valid).sum())),)
        if family == "Func":
            notes += (CIRCULAR,)
        return carried(FeatureSet(name, surface_map, ("gradients",), notes), space)

    return load


def hist(space: Space) -> FeatureSet:
    """Return the first two histological gradients, Hist_G1 and Hist_G2."""
    values = npz_rows("gradients", "Hist_G1G2", "Hist_G1", "Hist_G2")
    valid = (values != 0).all(axis=1)
    surface_map = SurfaceMap(values, BIGBRAIN, ("Hist_G1", "Hist_G2"), valid)
    notes = (
        OUTSIDE.format(int((~valid).sum())),
        (
            "computed for about 5,000 patches per hemisphere and expanded: neighbouring vertices "
            "share a value"
        ),
    )
    return carried(FeatureSet("hist", surface_map, ("gradients",), notes), space)


def profiles(space: Space) -> FeatureSet:
    """Return the staining intensity at 18 depths from the pial to the white surface."""
    surface_map, notes = bigbrain_profiles()
    return carried(FeatureSet("profiles", surface_map, PROFILE_SOURCES, notes), space)


def bigbrain_profiles() -> tuple[SurfaceMap, tuple[str, ...]]:
    """Return the staining profiles on BigBrain, valid on intact cortex, and what to say of them.

    Cortex is where the histological gradients have a value; a vertex with a depth of 60,000 or
    more (a tear, or background) is not valid.
    """
    values = npz_rows("staining-profiles", "equivolumetric18_profiles", "profiles")
    cortex = npz_rows("gradients", "Hist_G1G2", "Hist_G1")[:, 0] != 0
    torn = cortex & (values >= SATURATED).any(axis=1)
    columns = tuple(f"depth_{i + 1}" for i in range(N_DEPTHS))
    notes = (
        (
            f"{int(torn.sum()):,} of {int(cortex.sum()):,} BigBrain vertices of the cortex have a "
            f"depth of {SATURATED:,} or more (tears, background) and were left out"
        ),
        (
            "high values are light: few cell bodies; depth_1 is the pial side, an order that "
            "upstream does not document"
        ),
    )
    return SurfaceMap(values, BIGBRAIN, columns, cortex & ~torn), notes


def layers(space: Space) -> FeatureSet:
    """Return the thickness of cortical layers I to VI in mm."""
    values = npz_rows("layer-thickness", "layerthickness", "thickness")
    valid = values.sum(axis=1) > 0
    surface_map = SurfaceMap(
        values, BIGBRAIN, tuple(f"thickness_{layer}_mm" for layer in LAYERS), valid
    )
    notes = (
        (
            f"{int((~valid).sum()):,} BigBrain vertices have a total thickness of 0 (the layer "
            "surfaces meet there) and were left out"
        ),
    )
    return carried(FeatureSet("layers", surface_map, ("layer-thickness",), notes), space)


def _read_gradient(column: str) -> SurfaceMap:
    left, right = (
        data.path("gradients", f"tpl-bigbrain_hemi-{h}_desc-{column}.shape.gii")
        for h in HEMISPHERES
    )
    return read_map((left, right), space=BIGBRAIN)
