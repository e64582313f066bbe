r"""How far the regions of a slice differ: in grey values, and in what their tissue is made of.

Two measures, and neither may stand for the other:

- the Kullback-Leibler divergence :math:`D(p \| q) = \sum_k p_k \log (p_k / q_k)`, in nats, which
  is not symmetric: the row is p, the column q;
- 1 - cosine of the angle between two vectors of shares, which is symmetric. The published code of
  the mouse thalamocortical X-ray data compares compositions by it.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from cytosurf.errors import InputError
from cytosurf.histology.xray_labels import TISSUES

Float64 = npt.NDArray[np.float64]
EPSILON = 1e-6


def kl_divergence(counts: npt.ArrayLike, *, epsilon: float = EPSILON) -> Float64:
    """Return the Kullback-Leibler divergence of every pair of distributions.

    Parameters
    ----------
    counts : (n, k) array_like
        Counts or shares, a row for each distribution.
    epsilon : float, optional
        Added to each share, then divided out: what is empty in one distribution alone costs a
        finite number, and this number decides it.

    Returns
    -------
    (n, n) ndarray of float64
        In nats; row p, column q of D(p || q).

    Raises
    ------
    InputError
        If there is a negative or not finite count, a row of zeros, or epsilon is not positive.

    Examples
    --------
    >>> kl_divergence([[1, 1], [3, 1]]).round(4).tolist()
    [[0.0, 0.1438], [0.1308, 0.0]]
    """
    if not 0 < epsilon < 1:
        raise InputError("epsilon", str(epsilon), "a number above 0 and below 1")
    share = _shares(counts) + epsilon
    p = share / share.sum(axis=1, keepdims=True)
    logs = np.log(p)
    divergence: Float64 = (p * logs).sum(axis=1)[:, None] - p @ logs.T
    np.fill_diagonal(divergence, 0)
    return np.maximum(divergence, 0)


def one_minus_cosine(counts: npt.ArrayLike) -> Float64:
    """Return 1 - cosine of the angle between every pair of rows.

    Parameters
    ----------
    counts : (n, k) array_like
        Counts or shares, a row for each region.

    Returns
    -------
    (n, n) ndarray of float64
        Symmetric, 0 (same direction) to 1 (nothing in common).

    Raises
    ------
    InputError
        If there is a negative or not finite count, or a row of zeros.

    Examples
    --------
    >>> one_minus_cosine([[1, 0], [1, 1]]).round(4).tolist()
    [[0.0, 0.2929], [0.2929, 0.0]]
    """
    share = _shares(counts)
    unit = share / np.linalg.norm(share, axis=1, keepdims=True)
    distance: Float64 = 1 - unit @ unit.T
    np.fill_diagonal(distance, 0)
    return np.maximum(distance, 0)


def tissue_counts(masks: Iterable[npt.NDArray[np.integer]]) -> npt.NDArray[np.int64]:
    """Count the pixels of each tissue in each region.

    Parameters
    ----------
    masks : iterable of ndarray of int
        Indices into `cytosurf.histology.TISSUES` of each region, as `read_tissue` gives them.

    Returns
    -------
    (n, 4) ndarray of int64
        Pixels of no tissue, axon, vessel and cell. The published comparison leaves the first
        column out.

    Examples
    --------
    >>> tissue_counts([np.array([[0, 1], [3, 3]])]).tolist()
    [[1, 1, 0, 2]]
    """
    size = len(TISSUES)
    return np.stack([np.bincount(np.ravel(m), minlength=size) for m in masks]).astype(np.int64)


def grey_counts(
    image: npt.NDArray[np.uint8], region: npt.NDArray[np.integer], codes: Iterable[int]
) -> npt.NDArray[np.int64]:
    """Count the grey values of the pixels of each region.

    Parameters
    ----------
    image : (height, width) ndarray of uint8
        Grey values.
    region : (height, width) ndarray of int
        Region of each pixel.
    codes : iterable of int
        The regions to look at.

    Returns
    -------
    (n_codes, 256) ndarray of int64
        Pixels of each grey value.

    Raises
    ------
    InputError
        If the shapes differ, the image is not uint8, or a region has no pixel.

    Examples
    --------
    >>> grey_counts(np.array([[0, 2]], np.uint8), np.array([[1, 1]]), [1])[0, :3].tolist()
    [1, 0, 1]
    """
    if image.shape != region.shape or image.dtype != np.uint8:
        raise InputError("image", f"{image.dtype} {image.shape}", f"uint8 of {region.shape}")
    rows = []
    for code in codes:
        values = image[region == code]
        if not values.size:
            raise InputError("regions", f"no pixel of region {code}", "regions that are there")
        rows.append(np.bincount(values, minlength=256))
    return np.stack(rows).astype(np.int64)


def _shares(counts: npt.ArrayLike) -> Float64:
    values = np.asarray(counts, np.float64)
    if values.ndim != 2 or not np.isfinite(values).all() or (values < 0).any():
        raise InputError("counts", f"shape {values.shape}", "(n, k) finite numbers, 0 or more")
    total = values.sum(axis=1, keepdims=True)
    if (total == 0).any():
        raise InputError("counts", f"nothing in row {total.argmin()}", "something in every row")
    share: Float64 = values / total
    return share
