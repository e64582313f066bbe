"""Principal components of a feature set: centred, not rescaled, the same on every machine."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from cytosurf.errors import InputError
from cytosurf.features.sets import FeatureSet
from cytosurf.surfaces.maps import SurfaceMap

# Components whose variance is below this share of the largest are rounding errors: columns are
# float32, so a column that copies another leaves about 1e-14 of the variance.
RANK_TOLERANCE = 1e-12


def principal_components(
    values: npt.NDArray[np.floating], n_components: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return means, loadings and explained variances of the first components.

    The covariance matrix is decomposed in full and in float64, so nothing depends on a random
    start. The sign of a component is free; here the loading of largest absolute value (the first
    of them on a tie) is positive.

    Parameters
    ----------
    values : (n_vertices, n_columns) ndarray
        The valid rows; they are centred here, and not rescaled.
    n_components : int
        How many components to return.

    Returns
    -------
    means : (n_columns,) ndarray of float64
    loadings : (n_columns, n_components) ndarray of float64
        Orthonormal columns; scores are ``(values - means) @ loadings``.
    variances : (n_columns,) ndarray of float64
        Variance (ddof 1) of every component, in decreasing order.

    Examples
    --------
    >>> means, loadings, variances = principal_components(np.array([[0.0, 0], [2, 2], [4, 4]]), 1)
    >>> loadings.round(3).ravel().tolist(), variances.round(3).tolist()
    ([0.707, 0.707], [8.0, 0.0])
    """
    exact = np.asarray(values, dtype=np.float64)
    means = exact.mean(axis=0)
    centred = exact - means
    covariance = centred.T @ centred / max(len(exact) - 1, 1)
    loadings, variances = _decomposed(covariance, n_components)
    return means, loadings, variances


def components_of_blocks(
    blocks: Iterable[npt.NDArray[np.floating]], n_components: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return what `principal_components` does of rows that come in blocks, each seen once.

    Incremental, and exact: sums and products of all columns are added up in float64, around the
    mean of the first block so that little cancels. It takes memory for one block and a matrix of
    all pairs of columns, and nothing depends on a random start.

    Parameters
    ----------
    blocks : iterable of (n, n_columns) ndarray
        The rows, in blocks of any sizes.
    n_components : int
        How many components to return.

    Returns
    -------
    means, loadings, variances : ndarray of float64
        As from `principal_components`.

    Raises
    ------
    InputError
        If there is no row.

    Examples
    --------
    >>> rows = np.array([[0.0, 0], [2, 2], [4, 4]])
    >>> means, loadings, variances = components_of_blocks([rows[:1], rows[1:]], 1)
    >>> means.tolist(), loadings.round(3).ravel().tolist(), variances.round(3).tolist()
    ([2.0, 2.0], [0.707, 0.707], [8.0, 0.0])
    """
    filled = (block for block in blocks if len(block))
    first = next(filled, None)
    if first is None:
        raise InputError("principal components", "no row", "at least one")
    start = first.mean(axis=0, dtype=np.float64)
    n_rows, total = 0, np.zeros_like(start)
    products = np.zeros((len(start), len(start)))
    for block in itertools.chain([first], filled):
        exact = block.astype(np.float64)
        exact -= start
        n_rows += len(exact)
        total += exact.sum(axis=0)
        products += exact.T @ exact
    shift = total / n_rows
    covariance = (products - n_rows * np.outer(shift, shift)) / max(n_rows - 1, 1)
    loadings, variances = _decomposed(covariance, n_components)
    return start + shift, loadings, variances


def check_rank(name: str, n_components: int, variances: npt.NDArray[np.float64]) -> None:
    """Raise `InputError` if there are fewer components than asked for that are no rounding errors.

    Parameters
    ----------
    name : str
        What to call the features in the message.
    n_components : int
        How many components are asked for.
    variances : (n_columns,) ndarray
        Variances of all components, in decreasing order.
    """
    rank = int((variances > RANK_TOLERANCE * variances[0]).sum())
    if n_components > rank:
        raise InputError(
            name,
            f"{n_components} components of {len(variances)} columns of which only {rank} "
            "are independent",
            f"at most {rank} components",
        )


def _decomposed(
    covariance: npt.NDArray[np.float64], n_components: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return the first loadings of a covariance matrix, signed by the rule, and all variances."""
    variances, vectors = np.linalg.eigh(covariance)
    variances = np.clip(variances[::-1], 0, None)
    loadings = vectors[:, ::-1][:, :n_components]
    largest = np.abs(loadings).argmax(axis=0)
    signs = np.where(loadings[largest, np.arange(loadings.shape[1])] < 0, -1.0, 1.0)
    return loadings * signs, variances


def reduce_features(features: FeatureSet, n_components: int) -> FeatureSet:
    """Replace the columns of a set by its first principal components.

    The components are fitted once, over all valid vertices of all hemispheres of the set. They
    see no labels; what they do see is the features of vertices that are later held out, as in the
    published protocol.

    Parameters
    ----------
    features : FeatureSet
        The set to reduce.
    n_components : int
        How many components to keep.

    Returns
    -------
    FeatureSet
        Named ``"NAME:pcaD"``, with columns ``pc1``, ``pc2``, ... and the same mask.

    Raises
    ------
    InputError
        If more components are asked for than the set has columns, or than it has columns that
        are not combinations of others.
    """
    name = f"{features.name}:pca{n_components}"
    expected = f"1 to {features.n_features} components, the number of columns"
    if not 1 <= n_components <= features.n_features:
        raise InputError(name, f"{n_components} components", expected)
    valid = features.map.valid
    means, loadings, variances = principal_components(features.map.values[valid], n_components)
    check_rank(name, n_components, variances)
    scores = np.zeros((features.map.n_vertices, n_components), dtype=np.float32)
    scores[valid] = (features.map.values[valid] - means) @ loadings
    share = variances[:n_components].sum() / variances.sum()
    note = (
        f"{n_components} principal components of {features.n_features} columns, fitted over "
        f"{int(valid.sum()):,} valid vertices; they explain {share:.1%} of the variance"
    )
    columns = tuple(f"pc{i + 1}" for i in range(n_components))
    reduced = SurfaceMap(scores, features.map.space, columns, valid, features.map.hemispheres)
    return FeatureSet(name, reduced, features.sources, (*features.notes, note))
