"""One training set of the softmax regression, in the slots of a design, and samples of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cytosurf.decoding import kernels
from cytosurf.decoding.blocks import TILE
from cytosurf.decoding.design import Design
from cytosurf.errors import InputError

Float64 = npt.NDArray[np.float64]

# Vertices in a sample: of every class the same number, or all of it.
SAMPLE = 4096
# A standard deviation below this share of the mean is rounding.
CONSTANT = 1e-6


@dataclass(frozen=True, eq=False)
class Problem:
    """One training set: what the gradient and the preconditioner need."""

    classes: npt.NDArray[np.int64]
    x: npt.NDArray[np.float32]
    tiles: npt.NDArray[np.int64]
    label: npt.NDArray[np.int16]
    weight: npt.NDArray[np.float32]
    n_train: int
    mean: Float64
    scale: Float64
    penalty: float
    constant: npt.NDArray[np.bool_]

    def raw(self, theta: Float64) -> tuple[Float64, Float64]:
        """Turn standardised parameters into coefficients and intercepts of the design."""
        coefficients = theta[:, :-1] / self.scale
        return coefficients, theta[:, -1] - coefficients @ self.mean

    def gradient(self, theta: Float64) -> Float64:
        """Return the gradient of the objective divided by C n, shaped like `theta`."""
        coefficients, intercepts = self.raw(theta)
        raw, raw0 = kernels.gradient_pass(
            self.x,
            self.tiles,
            self.label,
            self.weight,
            coefficients.astype(np.float32),
            intercepts.astype(np.float32),
        )
        gradient = np.empty_like(theta)
        gradient[:, :-1] = (raw - np.outer(raw0, self.mean)) / self.scale
        gradient[:, -1] = raw0
        gradient /= self.n_train
        gradient[:, :-1] += self.penalty * theta[:, :-1]
        return gradient


def make_problem(
    design: Design, label: npt.NDArray[np.integer], train: npt.NDArray[np.bool_], C: float
) -> Problem:
    """Return the training set: classes present, weights, means, scales, penalty."""
    train_label = label[train]
    n_train = len(train_label)
    if not n_train:
        raise InputError("train", "no training row", "at least one")
    n_per_class = np.bincount(train_label)
    classes = np.flatnonzero(n_per_class)
    position = np.zeros(len(n_per_class), np.int16)
    position[classes] = np.arange(len(classes))
    class_weight = n_train / (len(classes) * np.maximum(n_per_class, 1.0))
    label_slots, weight, tiles = kernels.fill_training_slots(
        design.slot_row,
        np.asarray(label, dtype=np.int64),
        train,
        position,
        class_weight.astype(np.float32),
    )
    mean, variance = kernels.moments_pass(design.x, tiles, weight)
    # A column that is constant in this training set, but for the rounding of its float32, stays
    # as it is, as in StandardScaler.
    constant = variance <= (CONSTANT * mean) ** 2
    scale = np.sqrt(np.where(constant, 1.0, variance))
    # Balanced weights add up to n, so dividing by C n leaves this penalty.
    penalty = (2.0 if len(classes) == 2 else 1.0) / (C * n_train)
    return Problem(
        classes, design.x, tiles, label_slots, weight, n_train, mean, scale, penalty, constant
    )


def sample_problem(problem: Problem) -> Problem:
    """Return the problem of a stratified sample of the training vertices, in tiles of its own."""
    n_classes, n_features = len(problem.classes), problem.x.shape[1]
    used, weight = stratified_subset(problem, n_classes)
    order = np.random.default_rng(0).permutation(len(used))
    used, weight = used[order], weight[order]
    n_tiles = -(-len(used) // TILE)
    x = kernels.aligned(n_tiles * n_features * TILE).reshape(n_tiles, n_features, TILE)
    filled = np.zeros((n_tiles * TILE, n_features), np.float32)
    filled[: len(used)] = problem.x[used // TILE, :, used % TILE]
    x[:] = filled.reshape(n_tiles, TILE, n_features).transpose(0, 2, 1)
    label = np.zeros((n_tiles, TILE), np.int16)
    weights = np.zeros((n_tiles, TILE), np.float32)
    label.ravel()[: len(used)] = problem.label.ravel()[used]
    weights.ravel()[: len(used)] = weight * problem.n_train
    return Problem(
        problem.classes,
        x,
        np.arange(n_tiles),
        label,
        weights,
        problem.n_train,
        problem.mean,
        problem.scale,
        problem.penalty,
        problem.constant,
    )


def stratified_subset(
    problem: Problem, n_classes: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """Return slots strided through the training vertices of every class, and their weights."""
    trained = np.flatnonzero(problem.weight.ravel() > 0)
    label = problem.label.ravel()[trained]
    chosen, weights = [], []
    for k in range(n_classes):
        of_class = trained[label == k]
        taken = of_class[:: max(1, len(of_class) * n_classes // SAMPLE)]
        chosen.append(taken)
        weights.append(np.full(len(taken), 1 / (n_classes * len(taken)), np.float32))
    return np.concatenate(chosen), np.concatenate(weights)
