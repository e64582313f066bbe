"""The cortex, for feature sets that have a value on every vertex, the medial wall included.

What stands on the medial wall means nothing (zeros or NaN in most files), or is no cortex
(position). Labels that a spin carries there must not be decoded.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from cytosurf.errors import InputError, MissingDataError
from cytosurf.features.sets import FeatureSet
from cytosurf.targets.embedded import cortex_mask


def on_cortex(features: FeatureSet) -> FeatureSet:
    """Return the set, valid on the cortex of its space alone, with a note that says so.

    The cortex is that of BrainSpace's mask on fs_LR 32k, in other spaces the same mask carried
    there as a label. A space of the user's own that nothing maps to keeps all vertices.

    Parameters
    ----------
    features : FeatureSet
        A set without a mask of its own; its mask is replaced.

    Returns
    -------
    FeatureSet

    Raises
    ------
    MissingDataError
        If a sphere on the way to the space is missing and cannot be downloaded.

    Examples
    --------
    >>> from cytosurf.features import load_features
    >>> on_cortex(load_features("coordinates")).notes
    ("no mask given: valid on the 58,558 cortex vertices of BrainSpace's mask",)
    """
    space, hemispheres = features.map.space, features.map.hemispheres
    try:
        halves = dict(zip("LR", np.split(cortex_mask(space), 2), strict=True))
    except MissingDataError:
        raise
    except InputError:
        note = f"no mask given: all vertices of {space} are valid"
        return replace(features, notes=(*features.notes, note))
    valid = np.concatenate([halves[h] for h in hemispheres])
    note = f"no mask given: valid on the {int(valid.sum()):,} cortex vertices of BrainSpace's mask"
    return replace(features, map=replace(features.map, valid=valid), notes=(*features.notes, note))
