"""Tables of embeddings made from feature sets of BigBrain: to try the route with known answers."""

from __future__ import annotations

import os

import numpy as np

from cytosurf.errors import InputError
from cytosurf.features.embedding_spaces import POINT_SPACES, load_midsurfaces, point_space
from cytosurf.features.embedding_table import EmbeddingTable
from cytosurf.features.registry import load_features
from cytosurf.surfaces.templates import BIGBRAIN


def generate_embeddings(
    features: str,
    out: str | os.PathLike[str],
    *,
    space: str = "bigbrain",
    share: float = 1.0,
    jitter_mm: float = 0.0,
    seed: int = 0,
) -> EmbeddingTable:
    """Put a feature set of BigBrain at the vertices of the midsurface, as a table of embeddings.

    Parameters
    ----------
    features : str
        Name of a feature set, such as ``profiles``.
    out : path-like
        The table to write, ``*.h5``.
    space : {"bigbrain", "bigbrainsym"}
        The space of the points.
    share : float
        Share of the valid vertices that become points, chosen at random.
    jitter_mm : float
        Points are moved by a normal random number of this SD along each axis.
    seed : int
        Of the choice and of the jitter.

    Returns
    -------
    EmbeddingTable
        One row for each valid vertex that was chosen; its id is the index of the vertex, left
        hemisphere first.

    Raises
    ------
    InputError
        If a name is unknown, or a number makes no sense.
    """
    own = [name for name, known in POINT_SPACES.items() if known.is_own]
    if point_space(space) not in own:
        raise InputError("space", space, f"{' or '.join(own)}: a surface of BigBrain's own")
    if not 0 < share <= 1:
        raise InputError("share", f"{share:g}", "a share of the vertices, above 0 and at most 1")
    if not 0 <= jitter_mm < np.inf:
        raise InputError("jitter_mm", f"{jitter_mm:g}", "0 mm or more")
    midsurfaces = load_midsurfaces(point_space(space), "space")
    surface_map = load_features(features, BIGBRAIN).map
    points = np.concatenate([midsurfaces[h].vertices for h in surface_map.hemispheres])
    rng = np.random.default_rng(seed)
    valid = np.flatnonzero(surface_map.valid)
    n_points = max(1, round(share * len(valid)))
    rows = np.sort(rng.permutation(valid)[:n_points])
    moved = points[rows] + jitter_mm * rng.standard_normal((n_points, 3))
    return EmbeddingTable(moved, surface_map.values[rows], rows, space=space).write(out)
