"""Numba kernels that fill, sample and describe the slots of a design."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit

from cytosurf.decoding.blocks import TILE
from cytosurf.decoding.kernels import FAST, aligned

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]


@njit(cache=True, nogil=True)
def fill_training_slots(
    slot_row: Int64,
    label: Int64,
    train: npt.NDArray[np.bool_],
    position: npt.NDArray[np.int16],
    class_weight: Float32,
) -> tuple[npt.NDArray[np.int16], Float32, Int64]:
    """Spread class indices and weights of the training rows over the slots.

    Parameters
    ----------
    slot_row : (n_tiles * TILE,) int64
        Row in each slot, or -1.
    label : (n_rows,) int64
        Class of each row; not looked at outside `train`.
    train : (n_rows,) bool
        The training rows.
    position : (n,) int16
        Index of each class among those present.
    class_weight : (n,) float32
        Weight of each class.

    Returns
    -------
    label_slots : (n_tiles, TILE) int16
        Index of the class, 0 in slots without a training row.
    weight_slots : (n_tiles, TILE) float32
        Weight, 0 in slots without a training row.
    tiles : (n,) int64
        The tiles with a training row.
    """
    n_tiles = len(slot_row) // TILE
    label_slots = np.zeros((n_tiles, TILE), np.int16)
    weight_slots = np.zeros((n_tiles, TILE), np.float32)
    used = np.zeros(n_tiles, np.bool_)
    for tile in range(n_tiles):
        for t in range(TILE):
            row = slot_row[tile * TILE + t]
            if row >= 0 and train[row]:
                label_slots[tile, t] = position[label[row]]
                weight_slots[tile, t] = class_weight[label[row]]
                used[tile] = True
    return label_slots, weight_slots, np.flatnonzero(used)


@njit(cache=True, nogil=True)
def stratified_sample(
    x: Float32,
    tiles: Int64,
    label: npt.NDArray[np.int16],
    weight: Float32,
    n_classes: int,
    size: int,
) -> tuple[Float32, npt.NDArray[np.int16], Float32]:
    """Take the same number of training slots from every class, strided through the tiles.

    Parameters
    ----------
    x, tiles, label, weight
        As for `gradient_pass`.
    n_classes : int
        Number of classes, each with a weight above 0 somewhere.
    size : int
        Slots wanted in all; classes with less than their part are taken whole.

    Returns
    -------
    x : (n, n_features, TILE) float32
    label : (n, TILE) int16
    weight : (n, TILE) float32
        The weights of each class add up to those of all its slots.
    """
    n_features = x.shape[1]
    count = np.zeros(n_classes, np.int64)
    for tile in tiles:
        for t in range(TILE):
            if weight[tile, t] > 0:
                count[label[tile, t]] += 1
    stride = np.maximum(1, count * n_classes // size)
    taken = (count + stride - 1) // stride
    n_tiles = -(-taken.sum() // TILE)
    sample = aligned(n_tiles * n_features * TILE).reshape(n_tiles, n_features, TILE)
    labels = np.zeros((n_tiles, TILE), np.int16)
    weights = np.zeros((n_tiles, TILE), np.float32)
    seen = np.zeros(n_classes, np.int64)
    n = 0
    for tile in tiles:
        for t in range(TILE):
            if weight[tile, t] > 0:
                k = label[tile, t]
                if seen[k] % stride[k] == 0:
                    i, slot = n // TILE, n % TILE
                    for j in range(n_features):
                        sample[i, j, slot] = x[tile, j, t]
                    labels[i, slot] = k
                    weights[i, slot] = weight[tile, t] * count[k] / taken[k]
                    n += 1
                seen[k] += 1
    return sample, labels, weights


@njit(cache=True, fastmath=FAST, error_model="numpy", nogil=True)
def moments_pass(x: Float32, tiles: Int64, weight: Float32) -> tuple[Float64, Float64]:
    """Return mean and variance of each feature over the slots whose weight is above 0.

    Sums are taken of differences to the first such value, so that a constant feature has variance
    0 exactly, and one that hardly varies is not lost in rounding.

    Parameters
    ----------
    x : (n_tiles, n_features, TILE) float32
        Design matrix.
    tiles : (n,) int64
        The tiles to visit, each with such a slot.
    weight : (n_tiles, TILE) float32
        Only its sign counts.

    Returns
    -------
    mean, variance : (n_features,) float64
    """
    n_features = x.shape[1]
    count = 0.0
    sums = np.zeros(n_features, np.float64)
    squares = np.zeros(n_features, np.float64)
    included = np.empty(TILE, np.float32)
    first = x[tiles[0], :, np.argmax(weight[tiles[0]] > 0)]
    for tile in tiles:
        w = weight[tile]
        inside = np.float32(0.0)
        for t in range(TILE):
            included[t] = np.float32(1.0) if w[t] > 0 else np.float32(0.0)
            inside += included[t]
        count += float(inside)
        for j in range(n_features):
            xj, centre = x[tile, j], first[j]
            a = np.float32(0.0)
            b = np.float32(0.0)
            for t in range(TILE):
                v = (xj[t] - centre) * included[t]
                a += v
                b += v * v
            sums[j] += a
            squares[j] += b
    shift = sums / count
    return first + shift, np.maximum(squares / count - shift**2, 0.0)
