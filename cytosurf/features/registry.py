"""From what a user types to a feature set.

``NAME`` or a path, ``NAME:pcaD`` for its first D principal components, ``A+B`` side by side::

    coordinates
    harmonics:32
    neighbourhood:pca32+coordinates
    thickness_hemi-{hemi}.func.gii+my_parcels.csv@schaefer400:pca2
    embedding:patches.h5:pca32

A ``+`` in a path is a separator, unless the whole text is the path of one file. Names of other
packages (``neuromaps:...``, ``siibra:...``, ``gradients:...``) are in `cytosurf.features.external`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from cytosurf.errors import InputError, unknown_name
from cytosurf.features import bigbrain, position
from cytosurf.features.embedded import CIRCULAR, embedded_loader
from cytosurf.features.embedding_set import PREFIX as EMBEDDING
from cytosurf.features.embedding_set import embedding_features
from cytosurf.features.external import check_external_name, external_features, is_external
from cytosurf.features.files import FEATURE_SUFFIXES, file_features
from cytosurf.features.names import known_features
from cytosurf.features.neighbourhood import neighbourhood
from cytosurf.features.pca import reduce_features
from cytosurf.features.sets import FeatureSet, checked, join_features
from cytosurf.surfaces.space import Space
from cytosurf.targets.embedded import FSLR32K
from cytosurf.targets.files import looks_like_file

_MICROSTRUCTURE = ("t1wt2w", "thickness", "curvature", "mpc_gradient0", "mpc_gradient1")

# Every name of `names.FEATURE_NAMES` but harmonics:N and embedding:FILE, which take something.
FEATURES: dict[str, Callable[[Space], FeatureSet]] = {
    "coordinates": position.coordinates,
    "coordinates:mirrored": position.mirrored_coordinates,
    "hist": bigbrain.hist,
    "micro": bigbrain.gradient_loader("micro", "Micro"),
    "func": bigbrain.gradient_loader("func", "Func"),
    "profiles": bigbrain.profiles,
    "neighbourhood": neighbourhood,
    "layers": bigbrain.layers,
    "microstructure": embedded_loader("microstructure", _MICROSTRUCTURE),
    "t1wt2w": embedded_loader("t1wt2w", ("t1wt2w",)),
    "thickness": embedded_loader("thickness", ("thickness",)),
    "curvature": embedded_loader("curvature", ("curvature",)),
    "mpc-gradients": embedded_loader("mpc-gradients", ("mpc_gradient0", "mpc_gradient1")),
    "fc-gradients": embedded_loader("fc-gradients", ("fc_gradient0", "fc_gradient1"), (CIRCULAR,)),
}


def load_features(name: str, space: Space = FSLR32K) -> FeatureSet:
    """Load feature sets by what a user types.

    Parameters
    ----------
    name : str
        A known name, a path, ``NAME:pcaD``, or several of them joined by ``+``. Paths are
        explained in `cytosurf.features.files`.
    space : Space, optional
        Where the values are wanted. Sets made elsewhere are resampled with masked weights; a
        user's file must already be in this space.

    Returns
    -------
    FeatureSet
        Float32 columns, the mask where they are valid, the sources and notes.

    Raises
    ------
    InputError
        If a name is unknown (the nearest is suggested), a file does not fit, more components are
        asked for than there are columns, a column is constant, or more than 5 % of the vertices
        have values that are not finite.

    Examples
    --------
    >>> load_features("coordinates:mirrored+harmonics:8").n_features
    11
    """
    return load_feature_sets([name], space)[name]


def load_feature_sets(names: Sequence[str], space: Space = FSLR32K) -> dict[str, FeatureSet]:
    """Load several feature sets, making what they have in common once.

    Parameters
    ----------
    names : sequence of str
        Names as for `load_features`.
    space : Space, optional
        Where the values are wanted.

    Returns
    -------
    dict of str to FeatureSet
        By name, each equal to what `load_features` gives.

    Raises
    ------
    InputError
        As for `load_features`.

    Examples
    --------
    >>> list(load_feature_sets(["coordinates", "coordinates+harmonics:3"]))
    ['coordinates', 'coordinates+harmonics:3']
    """
    made: dict[str, FeatureSet] = {}
    loaded: dict[str, FeatureSet] = {}
    for name in names:
        check_feature_name(name, "features")
        terms = [name] if Path(name).is_file() else name.split("+")
        loaded[name] = join_features([_load_term(term.strip(), space, made) for term in terms])
    return loaded


def check_feature_name(name: str, where: str) -> None:
    """Raise `InputError` that names an option or argument if a name is of no feature set.

    Parameters
    ----------
    name : str
        What a user typed, as for `load_features`. Paths and numbers are not looked at.
    where : str
        The option or argument that held the name.
    """
    for term in [name] if Path(name).is_file() else name.split("+"):
        base, _ = _split_components(term.strip())
        if base.startswith(EMBEDDING) and base != EMBEDDING:
            continue
        if is_external(base):
            check_external_name(base, where)
            continue
        is_file = looks_like_file(base, FEATURE_SUFFIXES) or "@" in base
        if base not in FEATURES and not base.startswith("harmonics:") and not is_file:
            raise unknown_name(where, base, known_features())


def matched_position(n_features: int, space: Space = FSLR32K) -> FeatureSet:
    """Return position with as many columns as a feature set, for a fair comparison.

    Parameters
    ----------
    n_features : int
        Number of columns of the feature set.
    space : Space, optional
        Where the values are wanted.

    Returns
    -------
    FeatureSet
        ``harmonics:N``.

    Examples
    --------
    >>> matched_position(5).name
    'harmonics:5'
    """
    return position.harmonics(n_features, space)


def _load_term(term: str, space: Space, made: dict[str, FeatureSet]) -> FeatureSet:
    """Load one term, reusing and extending the sets that were `made` before components."""
    base, components = _split_components(term)
    if base not in made:
        made[base] = checked(_load_base(base, space))
    return made[base] if components is None else reduce_features(made[base], components)


def _load_base(base: str, space: Space) -> FeatureSet:
    if base in FEATURES:
        return FEATURES[base](space)
    if base.startswith("harmonics:"):
        return position.harmonics(_count(base, base.partition(":")[2]), space)
    if is_external(base):
        return external_features(base, space)
    if base.startswith(EMBEDDING):
        return embedding_features(base, space)
    return file_features(base, space)


def _split_components(term: str) -> tuple[str, int | None]:
    match = re.fullmatch(r"(.+):pca([^:/\\]*)", term)
    if match is None or Path(term).is_file():
        return term, None
    return match[1], _count(term, match[2])


def _count(term: str, digits: str) -> int:
    if not re.fullmatch(r"[0-9]+", digits):
        raise InputError(term, f"{digits!r} after the colon", "a whole number of columns")
    return int(digits)
