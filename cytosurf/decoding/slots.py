"""Numba kernels that fill, sample and describe the slots of a design."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit

from cytosurf.decoding.blocks import TILE
from cytosurf.decoding.kernels import FAST, aligned

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Int16 = npt.NDArray[np.int16]
Int64 = npt.NDArray[np.int64]


@njit(cache=True, nogil=True)
def fill_labels(slot_row: Int64, label: Int64, rows: npt.NDArray[np.bool_]) -> Int16:
    """Spread the labels of the chosen rows over the slots.

    Parameters
    ----------
    slot_row : (n_tiles * TILE,) int64
        Row in each slot, or -1.
    label : (n_rows,) int64
        Class of each row; not looked at outside `rows`.
    rows : (n_rows,) bool
        The rows wanted.

    Returns
    -------
    (n_tiles, TILE) int16
        Class of each slot, -1 in slots without such a row.
    """
    label_slots = np.full(len(slot_row), -1, np.int16)
    for slot in range(len(slot_row)):
        row = slot_row[slot]
        if row >= 0 and rows[row]:
            label_slots[slot] = label[row]
    return label_slots.reshape(-1, TILE)


@njit(cache=True, nogil=True)
def count_training(
    slot_row: Int64, label_slots: Int16, train: npt.NDArray[np.bool_], n_classes: int
) -> tuple[Int64, Int64]:
    """Count the labelled training slots of every class and tile.

    Parameters
    ----------
    slot_row : (n_tiles * TILE,) int64
        Row in each slot, or -1.
    label_slots : (n_tiles, TILE) int16
        Class of each slot, from `fill_labels`.
    train : (n_rows,) bool
        The training rows.
    n_classes : int
        Number of classes.

    Returns
    -------
    per_class : (n_classes,) int64
    per_tile : (n_tiles,) int64
    """
    per_class = np.zeros(n_classes, np.int64)
    per_tile = np.zeros(len(label_slots), np.int64)
    for tile in range(len(label_slots)):
        labels, rows = label_slots[tile], slot_row[tile * TILE : (tile + 1) * TILE]
        for t in range(TILE):
            if labels[t] >= 0 and train[rows[t]]:
                per_class[labels[t]] += 1
                per_tile[tile] += 1
    return per_class, per_tile


@njit(cache=True, nogil=True)
def fill_training_slots(
    slot_row: Int64,
    label_slots: Int16,
    train: npt.NDArray[np.bool_],
    position: Int16,
    class_weight: Float32,
) -> tuple[Int16, Float32]:
    """Give every slot the index of its class among those present, and its weight.

    Parameters
    ----------
    slot_row : (n_tiles * TILE,) int64
        Row in each slot, or -1.
    label_slots : (n_tiles, TILE) int16
        Class of each slot, from `fill_labels`.
    train : (n_rows,) bool
        The training rows.
    position : (n,) int16
        Index of each class among those present.
    class_weight : (n,) float32
        Weight of each class.

    Returns
    -------
    labels : (n_tiles, TILE) int16
        Index of the class, 0 in slots without a labelled training row.
    weights : (n_tiles, TILE) float32
        Weight, 0 in slots without a labelled training row.
    """
    labels = np.zeros(label_slots.shape, np.int16)
    weights = np.zeros(label_slots.shape, np.float32)
    for tile in range(len(label_slots)):
        rows = slot_row[tile * TILE : (tile + 1) * TILE]
        for t in range(TILE):
            k = label_slots[tile, t]
            if k >= 0 and train[rows[t]]:
                labels[tile, t] = position[k]
                weights[tile, t] = class_weight[k]
    return labels, weights


@njit(cache=True, nogil=True)
def stratified_sample(
    x: Float32,
    tiles: Int64,
    label: Int16,
    weight: Float32,
    n_classes: int,
    size: int,
) -> tuple[Float32, Int64]:
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
        The features of the slots taken.
    source : (n, TILE) int64
        Which slots they are, -1 where the last tile is not full.
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
    source = np.full((n_tiles, TILE), -1, np.int64)
    seen = np.zeros(n_classes, np.int64)
    picked = np.empty(TILE, np.int64)
    n = 0
    for tile in tiles:
        n_picked = 0
        for t in range(TILE):
            if weight[tile, t] > 0:
                k = label[tile, t]
                if seen[k] % stride[k] == 0:
                    source[(n + n_picked) // TILE, (n + n_picked) % TILE] = tile * TILE + t
                    picked[n_picked] = t
                    n_picked += 1
                seen[k] += 1
        for j in range(n_features):
            for m in range(n_picked):
                sample[(n + m) // TILE, j, (n + m) % TILE] = x[tile, j, picked[m]]
        n += n_picked
    return sample, source


@njit(cache=True, nogil=True)
def fill_sample(
    source: Int64, label: Int16, weight: Float32, per_class: Int64
) -> tuple[Int16, Float32, Int64]:
    """Give the slots of a sample their classes and weights in one training set.

    Parameters
    ----------
    source : (n, TILE) int64
        Slots of the sample, from `stratified_sample`.
    label, weight : (n_tiles, TILE)
        Class and weight of all slots, from `fill_training_slots`.
    per_class : (K,) int64
        Training slots of every class.

    Returns
    -------
    labels : (n, TILE) int16
    weights : (n, TILE) float32
        The weights of each class add up to those of all its slots; 0 outside the training set.
    taken : (K,) int64
        Training slots of every class in the sample.
    """
    labels = np.zeros(source.shape, np.int16)
    weights = np.zeros(source.shape, np.float32)
    taken = np.zeros(len(per_class), np.int64)
    for i in range(len(source)):
        for t in range(TILE):
            slot = source[i, t]
            if slot >= 0:
                tile, at = slot // TILE, slot % TILE
                if weight[tile, at] > 0:
                    k = label[tile, at]
                    labels[i, t], weights[i, t] = k, weight[tile, at]
                    taken[k] += 1
    factor = np.ones(len(per_class), np.float32)
    for k in range(len(per_class)):
        factor[k] = per_class[k] / max(taken[k], 1)
    for i in range(len(source)):
        for t in range(TILE):
            weights[i, t] *= factor[labels[i, t]]
    return labels, weights, taken


@njit(cache=True, fastmath=FAST, error_model="numpy", nogil=True)
def moments_pass(x: Float32, tiles: Int64, weight: Float32) -> tuple[Float64, Float64, Float64]:
    """Return, for each tile, how many slots have a weight above 0, their mean, and their spread.

    Sums are taken of differences to the first such slot, so that a feature that is constant there
    has a spread of 0 exactly, and one that hardly varies is not lost in rounding.

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
    count : (n,) float64
    mean : (n, n_features) float64
    spread : (n, n_features) float64
        Sum of the squared differences to the mean.
    """
    n, n_features = len(tiles), x.shape[1]
    count = np.zeros(n)
    mean = np.empty((n, n_features))
    spread = np.empty((n, n_features))
    included = np.empty(TILE, np.float32)
    for i in range(n):
        w = weight[tiles[i]]
        inside = np.float32(0.0)
        for t in range(TILE):
            included[t] = np.float32(1.0) if w[t] > 0 else np.float32(0.0)
            inside += included[t]
        count[i] = inside
        first = np.argmax(included)
        for j in range(n_features):
            xj = x[tiles[i], j]
            centre = xj[first]
            a = np.float32(0.0)
            b = np.float32(0.0)
            for t in range(TILE):
                v = (xj[t] - centre) * included[t]
                a += v
                b += v * v
            mean[i, j] = float(centre) + float(a) / count[i]
            spread[i, j] = max(float(b) - float(a) ** 2 / count[i], 0.0)
    return count, mean, spread
