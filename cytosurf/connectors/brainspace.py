"""Gradients of a user's matrix, by BrainSpace (Vos de Wael et al., 2020, Commun. Biol. 3:103)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cytosurf.connectors.fetched import asking, imported, moved
from cytosurf.errors import InputError, unknown_name

APPROACHES = ("dm", "le", "pca")
KERNELS = ("normalized_angle", "cosine", "pearson", "spearman", "gaussian")


@dataclass(frozen=True, eq=False)
class Gradients:
    """Gradients of a matrix.

    Parameters
    ----------
    values : (n_nodes, n_components) ndarray of float64
        One gradient per column; its sign is such that its entry of largest size is positive.
    lambdas : (n_components,) ndarray of float64
        What BrainSpace calls lambdas: eigenvalues, or variances of components of ``pca``.
    """

    values: npt.NDArray[np.float64]
    lambdas: npt.NDArray[np.float64]


def gradients_from_matrix(
    matrix: npt.ArrayLike,
    n_components: int = 10,
    *,
    approach: str = "dm",
    kernel: str | None = "normalized_angle",
    sparsity: float = 0.9,
    seed: int = 0,
) -> Gradients:
    """Compute the gradients of a matrix between parcels or vertices.

    Parameters
    ----------
    matrix : (n_nodes, n_nodes) array_like
        Functional connectivity, similarity of profiles and the like; symmetric.
    n_components : int, optional
        How many gradients.
    approach : {"dm", "le", "pca"}, optional
        Diffusion map, Laplacian eigenmaps or principal components.
    kernel : str or None, optional
        How rows become an affinity, one of BrainSpace's; None takes the matrix as affinity.
    sparsity : float, optional
        Share of each row, its smallest entries, that is set to 0 before.
    seed : int, optional
        For the start vector of the eigensolver.

    Returns
    -------
    Gradients

    Raises
    ------
    InputError
        If the matrix is not square, symmetric and finite, has a constant row, is too small for
        the gradients, or the approach or kernel is unknown; or if BrainSpace is another one.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> correlation = np.corrcoef(rng.normal(size=(40, 100)))
    >>> gradients_from_matrix(correlation, 3).values.shape
    (40, 3)
    """
    if approach not in APPROACHES:
        raise unknown_name("approach", approach, APPROACHES)
    if kernel is not None and kernel not in KERNELS:
        raise unknown_name("kernel", kernel, KERNELS)
    if not 0 <= sparsity < 1:
        raise InputError("sparsity", f"{sparsity:g}", "a share of at least 0 and less than 1")
    values = _checked(matrix, n_components)
    if int((1 - sparsity) * len(values)) < 1:
        raise InputError(
            "matrix",
            f"{len(values)} rows, of which {1 - sparsity:.0%} are kept in each",
            "at least one entry per row",
            "Lower the sparsity.",
        )
    with asking("brainspace", "gradients of a matrix", ""):
        maps = imported("brainspace.gradient").GradientMaps(
            n_components=n_components, approach=approach, kernel=kernel, random_state=seed
        )
        maps.fit(values, sparsity=sparsity)
        gradients = np.asarray(maps.gradients_, dtype=np.float64)
        lambdas = np.asarray(maps.lambdas_, dtype=np.float64)
    if gradients.shape != (len(values), n_components):
        raise moved("brainspace", f"gradients of shape {gradients.shape}")
    largest = np.abs(gradients).argmax(axis=0)
    signs = np.sign(gradients[largest, np.arange(n_components)])
    return Gradients(gradients * np.where(signs == 0, 1, signs), lambdas)


def _checked(matrix: npt.ArrayLike, n_components: int) -> npt.NDArray[np.float64]:
    values = np.array(matrix, dtype=np.float64)  # BrainSpace writes into what it is given
    if values.ndim != 2 or values.shape[0] != values.shape[1]:
        raise InputError("matrix", f"shape {values.shape}", "(n_nodes, n_nodes)")
    if not 0 < n_components < len(values):
        raise InputError(
            "number of gradients", str(n_components), f"1 to {len(values) - 1} of this matrix"
        )
    if not np.isfinite(values).all():
        raise InputError(
            "matrix",
            f"{int((~np.isfinite(values)).sum()):,} entries that are NaN or infinite",
            "finite numbers",
            "Fisher's z of a diagonal of 1 is infinite: set the diagonal to 0.",
        )
    if not np.allclose(values, values.T, rtol=1e-4, atol=1e-6 * np.abs(values).max()):
        raise InputError("matrix", "entries that differ from their mirror", "a symmetric matrix")
    constant = np.flatnonzero(values.min(axis=1) == values.max(axis=1))
    if constant.size:
        raise InputError(
            "matrix",
            f"row {constant[0] + 1} with one value throughout",
            "rows that vary",
            "Leave out parcels without data.",
        )
    return values
