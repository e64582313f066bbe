"""Feature sets that other packages fetch or compute, by the names that users type.

================================  ==============================================================
``neuromaps:SOURCE:DESC``         a map of neuromaps' collection, ``neuromaps:hcps1200:myelinmap``
``...:SPACE:DENSITY``             which version of it, where there are several
``siibra:profiles``               BigBrain's staining profiles, 200 depths, left hemisphere
``siibra:layers``                 thickness of BigBrain's layers I to VI, left hemisphere
``siibra:region:PARC:REGION``     probability of a region, ``siibra:region:julich-3.1:hOc1``
``gradients:FILE@PARC:N``         gradients of your matrix, see `cytosurf.features.gradients`
================================  ==============================================================
"""

from __future__ import annotations

from cytosurf.connectors.fetched import Fetched
from cytosurf.connectors.neuromaps import annotation
from cytosurf.connectors.siibra import siibra_layers, siibra_profiles, siibra_region
from cytosurf.errors import InputError, unknown_name
from cytosurf.features.cortex import on_cortex
from cytosurf.features.gradients import GRADIENTS, matrix_gradients, split_gradients
from cytosurf.features.sets import FeatureSet, carried
from cytosurf.surfaces.maps import SurfaceMap
from cytosurf.surfaces.space import Space

NEUROMAPS, SIIBRA = "neuromaps:", "siibra:"
PREFIXES = (NEUROMAPS, SIIBRA, GRADIENTS)
_SIIBRA_NAMES = ("siibra:profiles", "siibra:layers", "siibra:region:PARCELLATION:REGION")


def is_external(name: str) -> bool:
    """Return whether a name is of a set that another package fetches or computes.

    Examples
    --------
    >>> is_external("neuromaps:hcps1200:myelinmap"), is_external("hist")
    (True, False)
    """
    return name.startswith(PREFIXES)


def check_external_name(name: str, where: str) -> None:
    """Raise `InputError` that names an option if a name has not the form of its package.

    Whether the package has such a map is found when it is asked.
    """
    parts = name.split(":")
    if name.startswith(NEUROMAPS) and (len(parts) not in (3, 5) or not all(parts)):
        form = "neuromaps:SOURCE:DESC or neuromaps:SOURCE:DESC:SPACE:DENSITY"
        raise InputError(where, repr(name), form, "Such as neuromaps:hcps1200:myelinmap.")
    if name.startswith("siibra:region:"):
        if len(parts) != 4 or not all(parts):
            raise InputError(where, repr(name), _SIIBRA_NAMES[2])
    elif name.startswith(SIIBRA) and name not in _SIIBRA_NAMES:
        raise unknown_name(where, name, _SIIBRA_NAMES)
    if name.startswith(GRADIENTS):
        split_gradients(name)


def external_features(name: str, space: Space) -> FeatureSet:
    """Load a feature set of another package.

    Parameters
    ----------
    name : str
        See the table at the head of this module.
    space : Space
        Where the values are wanted.

    Returns
    -------
    FeatureSet
        Maps without a mask of their own are valid on the cortex.

    Raises
    ------
    InputError
        If the package has no such map, is missing or another one.
    MissingDataError
        If it needs the network and there is none; the message says how to bring the files.
    """
    check_external_name(name, "features")
    parts = name.split(":")
    if name.startswith(GRADIENTS):
        return matrix_gradients(name, space)
    if name.startswith(NEUROMAPS):
        return _on_cortex(name, annotation(*parts[1:], wanted=space), space)
    if name.startswith("siibra:region:"):
        return carried(_as_features(name, siibra_region(parts[2], parts[3])), space)
    fetched = siibra_profiles() if name == "siibra:profiles" else siibra_layers()
    return carried(_as_features(name, fetched), space)


def _as_features(name: str, fetched: Fetched[SurfaceMap]) -> FeatureSet:
    return FeatureSet(name, fetched.data, fetched.sources, fetched.notes)


def _on_cortex(name: str, fetched: Fetched[SurfaceMap], space: Space) -> FeatureSet:
    """Return a map whose medial wall means nothing, valid on the cortex, in the space wanted."""
    own_mask = fetched.data.valid
    features = on_cortex(_as_features(name, fetched))
    surface_map = features.map
    valid = surface_map.valid & own_mask
    limited = SurfaceMap(
        surface_map.values, surface_map.space, surface_map.columns, valid, surface_map.hemispheres
    )
    return carried(FeatureSet(name, limited, features.sources, features.notes), space)
