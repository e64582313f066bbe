"""Numba kernels of the softmax regression: one fused pass over the vertices, in cache.

The design matrix is stored in tiles of `TILE` vertices, features first: ``x[tile, feature, slot]``.
One tile with its logits fits in the first- or second-level cache, the inner loops run over
contiguous slots and vectorise, and the matrix products go in register blocks
(`cytosurf.decoding.blocks`). Because tiles have one fixed shape and are summed in one fixed order,
a result never depends on what else is computed beside it.

Arithmetic and the sums over a few tiles (`COLLECTED`) are float32; those sums are added in float64.

Kernels that may reassociate sums and are called by others are always inlined (``forceinline``).
Otherwise a process that compiles them and one that loads them from the cache can end up with
machine code of different optimisation for the same kernel, and with different last bits.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from cytosurf.decoding.blocks import BLOCK, LANES, TILE, logits_block, products_block

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]

# Tiles whose float32 sums are added up before they go to float64.
COLLECTED = 4

# Vectorised sums need leave to reassociate; NaN and infinity keep their meaning.
FAST = {"reassoc", "contract", "nsz", "arcp"}


# exp(x) is 2 to the power of this times x.
PER_LN2 = np.float32(1.0 / np.log(2.0))


@intrinsic
def _nearest_whole(typing_context: Any, x: Any) -> Any:  # noqa: ARG001
    """Round a float32: one instruction, where ``np.rint`` calls a function."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ARG001
        real = ir.FloatType()
        rint = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(real, [real]), "llvm.rint.f32"
        )
        return builder.call(rint, arguments)

    return types.float32(types.float32), generate


@intrinsic
def _add_bits(typing_context: Any, x: Any, bits: Any) -> Any:  # noqa: ARG001
    """Add an int32 to the bits of a float32."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ARG001
        x, bits = arguments
        total = builder.add(builder.bitcast(x, ir.IntType(32)), bits)
        return builder.bitcast(total, ir.FloatType())

    return types.float32(types.float32, types.int32), generate


@njit(inline="always")
def _exp(x: Any) -> Any:
    """Return exp(x) for x <= 0; 2^-125 = 2.4e-38 below -86.6.

    The error is below 2e-7, and below 4e-6 of the result. The nearest whole power of 2 goes to
    the exponent; the rest, from -0.5 to 0.5, to the polynomial with the smallest relative error
    of those of degree 5 that are 1 at 0.
    """
    x = max(x * PER_LN2, np.float32(-125.0))
    whole = _nearest_whole(x)
    r = x - whole
    p = np.float32(1.32647272e-3)
    p = p * r + np.float32(9.67151299e-3)
    p = p * r + np.float32(5.55073358e-2)
    p = p * r + np.float32(2.40222424e-1)
    p = p * r + np.float32(6.93147004e-1)
    p = p * r + np.float32(1.0)
    return _add_bits(p, np.int32(whole) << np.int32(23))


@njit(cache=True)
def aligned(n: int) -> Float32:
    """Return `n` float32 zeros that begin at a multiple of 64 bytes: no vector spans two lines."""
    padded = np.zeros(n + LANES, np.float32)
    skipped = (-(padded.ctypes.data >> 2)) & (LANES - 1)
    return padded[skipped : skipped + n]


@njit(inline="always")
def tile_logits(x: Float32, coefficients: Float32, intercepts: Float32, z: Float32) -> None:
    """Fill ``z[class, slot]`` with the logits of one tile."""
    n_classes, n_features = coefficients.shape
    for k in range(0, n_classes, BLOCK):
        logits_block(x, coefficients, intercepts, z, k, n_classes, n_features)


@njit(inline="always")
def copy_row(row: Float32, to: Float32) -> None:
    """Fill `to` with `row`: as ``to[:] = row``, which would take seconds more to compile."""
    for t in range(TILE):
        to[t] = row[t]


@njit(inline="always")
def tile_exponentials(z: Float32, top: Float32, total: Float32) -> None:
    """Turn logits ``z[class, slot]`` into exponentials below 1, in place, and add them up."""
    n_classes = z.shape[0]
    copy_row(z[0], top)
    for k in range(1, n_classes):
        zk = z[k]
        for t in range(TILE):
            top[t] = max(top[t], zk[t])
    total[:] = np.float32(0.0)
    for k in range(n_classes):
        zk = z[k]
        for t in range(TILE):
            e = _exp(zk[t] - top[t])
            zk[t] = e
            total[t] += e


@njit(inline="always")
def _collect(sums: Float32, gradient: Float64) -> None:
    """Add up the lanes of ``sums[class, feature, lane]`` into `gradient`, and clear them."""
    n_classes, n_features = gradient.shape
    for k in range(n_classes):
        for j in range(n_features):
            lanes = sums[k, j]
            total = np.float32(0.0)
            for t in range(LANES):
                total += lanes[t]
            gradient[k, j] += total
            lanes[:] = np.float32(0.0)


@njit(cache=True, fastmath=FAST, error_model="numpy", nogil=True, forceinline=True)
def gradient_pass(
    x: Float32,
    tiles: Int64,
    label: npt.NDArray[np.int16],
    weight: Float32,
    coefficients: Float32,
    intercepts: Float32,
) -> tuple[Float64, Float64]:
    """Return the gradient of the weighted log-loss with respect to coefficients and intercepts.

    Parameters
    ----------
    x : (n_tiles, n_features, TILE) float32
        Design matrix.
    tiles : (n,) int64
        The tiles to visit, in this order.
    label : (n_tiles, TILE) int16
        Class index of each slot; anything in range where the weight is 0.
    weight : (n_tiles, TILE) float32
        Weight of each slot; 0 leaves it out.
    coefficients : (n_classes, n_features) float32
    intercepts : (n_classes,) float32

    Returns
    -------
    gradient : (n_classes, n_features) float64
    gradient0 : (n_classes,) float64
    """
    n_classes, n_features = coefficients.shape
    gradient = np.zeros((n_classes, n_features), np.float64)
    gradient0 = np.zeros(n_classes, np.float64)
    z = aligned(n_classes * TILE).reshape(n_classes, TILE)
    sums = aligned(n_classes * n_features * LANES).reshape(n_classes, n_features, LANES)
    top = np.empty(TILE, np.float32)
    total = np.empty(TILE, np.float32)
    for i in range(len(tiles)):
        tile = tiles[i]
        tile_logits(x[tile], coefficients, intercepts, z)
        tile_exponentials(z, top, total)
        w = weight[tile]
        for t in range(TILE):
            total[t] = w[t] / total[t]
        for k in range(n_classes):
            zk = z[k]
            for t in range(TILE):
                zk[t] *= total[t]
        y = label[tile]
        for t in range(TILE):
            z[y[t], t] -= w[t]
        for k in range(n_classes):
            zk = z[k]
            residual = np.float32(0.0)
            for t in range(TILE):
                residual += zk[t]
            gradient0[k] += residual
        for k in range(0, n_classes, BLOCK):
            for j in range(0, n_features, BLOCK):
                products_block(x[tile], z, sums, k, j, n_classes, n_features)
        if (i + 1) % COLLECTED == 0:
            _collect(sums, gradient)
    _collect(sums, gradient)
    return gradient, gradient0


@njit(cache=True, error_model="numpy", nogil=True, forceinline=True)
def objective_gradient(
    x: Float32,
    tiles: Int64,
    label: npt.NDArray[np.int16],
    weight: Float32,
    n_train: int,
    penalty: Float64,
    free: Float64,
    theta: Float64,
) -> Float64:
    """Return the gradient of the penalised log-loss divided by `n_train`, shaped like `theta`.

    Parameters
    ----------
    x, tiles, label, weight
        As for `gradient_pass`.
    n_train : int
        What the log-loss is divided by.
    penalty : (n_features + 1,) float64
        Of the squares of each column of `theta`.
    free : (n_features + 1,) float64
        1 for each column of `theta` that is fitted, 0 for the others.
    theta : (n_classes, n_features + 1) float64
        Coefficients, intercepts last.
    """
    coefficients = np.ascontiguousarray(theta[:, :-1]).astype(np.float32)
    raw, raw0 = gradient_pass(
        x, tiles, label, weight, coefficients, theta[:, -1].astype(np.float32)
    )
    # Sums of whole arrays would take seconds more to compile.
    n_features = len(penalty) - 1
    gradient = np.empty_like(theta)
    for k in range(len(theta)):
        for j in range(n_features):
            gradient[k, j] = (penalty[j] * theta[k, j] + raw[k, j] / n_train) * free[j]
        intercept = penalty[n_features] * theta[k, n_features] + raw0[k] / n_train
        gradient[k, n_features] = intercept * free[n_features]
    return gradient


@njit(cache=True, fastmath=FAST, error_model="numpy", nogil=True)
def tile_gradients_pass(
    x: Float32,
    tiles: Int64,
    label: npt.NDArray[np.int16],
    weight: Float32,
    coefficients: Float32,
    intercepts: Float32,
) -> Float64:
    """Return what every tile adds to the gradient of the weighted log-loss.

    Parameters
    ----------
    x, tiles, label, weight, coefficients, intercepts
        As for `gradient_pass`.

    Returns
    -------
    (n_tiles, n_classes, n_features + 1) float64
        Of the intercepts last; 0 in tiles that are not visited.
    """
    n_classes, n_features = coefficients.shape
    gradients = np.zeros((len(x), n_classes, n_features + 1))
    for i in range(len(tiles)):
        gradient, gradient0 = gradient_pass(
            x, tiles[i : i + 1], label, weight, coefficients, intercepts
        )
        of_tile = gradients[tiles[i]]
        for k in range(n_classes):
            for j in range(n_features):
                of_tile[k, j] = gradient[k, j]
            of_tile[k, n_features] = gradient0[k]
    return gradients


@njit(cache=True, fastmath=FAST, error_model="numpy", nogil=True)
def probability_pass(
    x: Float32, place: Int32, coefficients: Float32, intercepts: Float32, probability: Float32
) -> None:
    """Fill ``probability[place[tile, slot]]`` with the class probabilities of every slot.

    A slot whose place is -1 is left out, and so is a tile of such slots.
    """
    n_classes = len(coefficients)
    z = aligned(n_classes * TILE).reshape(n_classes, TILE)
    top = np.empty(TILE, np.float32)
    total = np.empty(TILE, np.float32)
    for tile in range(len(x)):
        to = place[tile]
        if to.max() < 0:
            continue
        tile_logits(x[tile], coefficients, intercepts, z)
        tile_exponentials(z, top, total)
        for t in range(TILE):
            if to[t] >= 0:
                inverse = np.float32(1.0) / total[t]
                for k in range(n_classes):
                    probability[to[t], k] = z[k, t] * inverse


@njit(cache=True, fastmath=FAST, error_model="numpy", nogil=True)
def class_pass(x: Float32, slots: Int64, coefficients: Float32, intercepts: Float32) -> Int64:
    """Return which logit is the largest in each of the chosen slots, the first of equal ones.

    Parameters
    ----------
    x, coefficients, intercepts
        As for `gradient_pass`.
    slots : (n,) int64
        Slots, counted through all tiles. Tiles without any of them are not computed.

    Returns
    -------
    (n,) int64
        Index of the class.
    """
    n_classes = len(coefficients)
    wanted = np.zeros(len(x), np.bool_)
    for slot in slots:
        wanted[slot // TILE] = True
    winner = np.empty((len(x), TILE), np.int32)
    z = aligned(n_classes * TILE).reshape(n_classes, TILE)
    top = np.empty(TILE, np.float32)
    for tile in np.flatnonzero(wanted):
        tile_logits(x[tile], coefficients, intercepts, z)
        at = winner[tile]
        copy_row(z[0], top)
        at[:] = 0
        for k in range(1, n_classes):
            zk = z[k]
            for t in range(TILE):
                above = zk[t] > top[t]
                top[t] = zk[t] if above else top[t]
                at[t] = np.int32(k) if above else at[t]
    found = np.empty(len(slots), np.int64)
    for i in range(len(slots)):
        found[i] = winner[slots[i] // TILE, slots[i] % TILE]
    return found
