"""Feature sets that the BrainSpace package carries: group averages of the Human Connectome Project.

All on fs_LR 32k, valid inside BrainSpace's mask; other spaces get them resampled.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from cytosurf.features.sets import FeatureSet, carried
from cytosurf.surfaces.maps import SurfaceMap
from cytosurf.surfaces.space import Space
from cytosurf.targets.embedded import FSLR32K, cortex_mask, embedded_values

CIRCULAR = (
    "gradients of functional connectivity: against a functional target they are circular, a "
    "reference and not a finding"
)


def embedded_loader(
    name: str, columns: tuple[str, ...], notes: tuple[str, ...] = ()
) -> Callable[[Space], FeatureSet]:
    """Return a loader of some of BrainSpace's group maps as one feature set.

    Parameters
    ----------
    name : str
        Name of the set.
    columns : tuple of str
        Names of the maps, as in BrainSpace's file names.
    notes : tuple of str, optional
        What to say about the set.

    Returns
    -------
    callable
        From a space to the feature set.

    Examples
    --------
    >>> load = embedded_loader("thickness", ("thickness",))
    >>> load(FSLR32K).n_features
    1
    """

    def load(space: Space) -> FeatureSet:
        values = [embedded_values(f"matrices/main_group/conte69_32k_{c}.csv") for c in columns]
        # Outside the mask the files hold NaN; a map keeps numbers there that are never used.
        surface_map = SurfaceMap(
            np.nan_to_num(np.column_stack(values)), FSLR32K, columns, cortex_mask()
        )
        return carried(FeatureSet(name, surface_map, ("brainspace",), notes), space)

    return load
