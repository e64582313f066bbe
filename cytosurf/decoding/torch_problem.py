"""Training sets of the softmax regression on a torch device, and samples of them.

The objective is that of `cytosurf.decoding.softmax`. All training sets of a batch share the rows,
which stay on the device; a problem is a label vector, a mask of rows and what follows from them.
Whatever adds numbers up is computed in groups of one size, each problem by itself, so that nothing
depends on how many there are; counts are whole numbers, and all else is done element by element.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from cytosurf.decoding.problem import CONSTANT

# Rows in a sample: so many for each parameter, and at least so many.
SAMPLE_PER_PARAMETER, SMALLEST_SAMPLE = 8, 8192
# Rows of a block: one matrix product of a pass, whose float32 sums are added in float64.
BLOCK_ROWS = 8192
# Intercept of a class without training rows: its exponential is 0.
NEVER = -1e30


@dataclass(frozen=True, eq=False)
class Rows:
    """The design matrix on the device.

    Attributes
    ----------
    x : (n_blocks, n_per_block, width) float32
        Features and a last column of ones; 0 in the rows that fill up the last block.
    n_rows : int
        Rows of the design.
    wide : (1, n_blocks * n_per_block, 2 * width) float64
        The columns and their squares.
    """

    x: Tensor
    n_rows: int
    wide: Tensor

    @property
    def flat(self) -> Tensor:
        """The rows without blocks, (n_blocks * n_per_block, width)."""
        return self.x.reshape(-1, self.x.shape[-1])

    @property
    def device(self) -> torch.device:
        """Where they are."""
        return self.x.device


def make_rows(features: Tensor) -> Rows:
    """Arrange features ``(n_rows, n_features)`` float32 in blocks of equal size."""
    n_rows, n_features = features.shape
    n_blocks = -(-n_rows // BLOCK_ROWS)
    per_block = -(-n_rows // n_blocks)
    x = features.new_zeros(n_blocks * per_block, n_features + 1)
    x[:n_rows, :-1] = features
    x[:n_rows, -1] = 1.0
    wide = x.double()
    return Rows(x.reshape(n_blocks, per_block, -1), n_rows, torch.cat([wide, wide**2], dim=1)[None])


@dataclass(frozen=True, eq=False)
class Problems:
    """N training sets of K classes.

    Attributes
    ----------
    rows : Rows
        The design.
    labels : (n_spins, n) int16
        Class of every row, with those that fill up the last block; -1 where there is none.
    masks : (n_masks, n) bool
        Sets of training rows.
    spin, mask : (N,) int64
        Label vector and set of rows of each problem.
    count : (N, K) int64
        Training rows of each class.
    class_weight : (N, K) float32
        Balanced weights, 0 for classes without training rows.
    penalty : (N, width) float64
        Of the squares of each column of the parameters; 0 for the intercepts.
    free : (N, K, width) float64
        1 for the parameters that are fitted: not those of absent classes and constant columns.
    constant : (N, width) float64
        Value of the columns that do not vary, 0 for the others and the intercepts.
    """

    rows: Rows
    labels: Tensor
    masks: Tensor
    spin: Tensor
    mask: Tensor
    count: Tensor
    class_weight: Tensor
    penalty: Tensor
    free: Tensor
    constant: Tensor

    def __len__(self) -> int:
        """Return their number."""
        return len(self.spin)

    @property
    def n_train(self) -> Tensor:
        """Training rows of each problem, (N,) int64."""
        return self.count.sum(dim=1)

    @property
    def present(self) -> Tensor:
        """Classes with training rows, (N, K) bool."""
        return self.count > 0

    def training_rows(self, numbers: Tensor) -> tuple[Tensor, Tensor]:
        """Return class (int64, 0 elsewhere) and membership of every row for some problems."""
        label = self.labels[self.spin[numbers]].long()
        included = self.masks[self.mask[numbers]] & (label >= 0)
        return label.clamp(min=0), included


def make_problems(
    rows: Rows,
    labels: Tensor,
    masks: Tensor,
    spin: Tensor,
    mask: Tensor,
    n_classes: int,
    C: float,
    n_places: int,
) -> Problems:
    """Return training sets: classes present, weights, penalties.

    Parameters
    ----------
    rows : Rows
        The design.
    labels : (n_spins, n) int16
        Class of every row of the blocks, -1 where there is none.
    masks : (n_masks, n) bool
        Sets of rows.
    spin, mask : (N,) int64
        The label vector and the set of each problem.
    n_classes : int
        Number of classes K, present or not.
    C : float
        Inverse strength of the penalty, as in scikit-learn.
    n_places : int
        Problems that are looked at together.
    """
    counts, sums = [], []
    for numbers, n in groups(len(spin), n_places, rows.device):
        label = labels[spin[numbers]].long()
        included = masks[mask[numbers]] & (label >= 0)
        of_group = label.new_zeros(n_places, n_classes + 1)
        of_group.scatter_add_(1, torch.where(included, label, n_classes), torch.ones_like(label))
        counts.append(of_group[:n, :-1])
        wide = rows.wide.expand(n_places, -1, -1)
        sums.append(torch.bmm(included.double()[:, None], wide)[:n, 0])
    count = torch.cat(counts)
    mean, square = (torch.cat(sums) / count.sum(dim=1, keepdim=True)).tensor_split(2, dim=1)
    variance = (square - mean**2).clamp(min=0.0)
    n_train, present = count.sum(dim=1, keepdim=True), count > 0
    n_present = present.sum(dim=1, keepdim=True)
    weight = torch.where(present, n_train / (n_present * count.clamp(min=1).double()), 0.0)
    # Not scaled, as in StandardScaler: what is constant but for the rounding of its float32.
    is_constant = variance <= (CONSTANT * mean) ** 2
    is_constant[:, -1] = False
    penalty = torch.where(n_present == 2, 2.0, 1.0) / (C * n_train.double())
    penalty = penalty * torch.where(is_constant, 1.0, variance)
    penalty[:, -1] = 0.0
    return Problems(
        rows,
        labels,
        masks,
        spin,
        mask,
        count,
        weight.float(),
        penalty,
        (present[:, :, None] & ~is_constant[:, None]).double(),
        torch.where(is_constant, mean, 0.0),
    )


def groups(n: int, size: int, device: torch.device) -> Iterator[tuple[Tensor, int]]:
    """Split the numbers below `n` into groups of one size; say how many of the last one count."""
    for first in range(0, n, size):
        numbers = torch.arange(first, first + size, device=device)
        yield numbers.clamp(max=n - 1), min(size, n - first)


def sample_size(n_classes: int, width: int, n_rows: int) -> int:
    """Return how many rows a sample has at most."""
    return min(n_rows, max(SMALLEST_SAMPLE, SAMPLE_PER_PARAMETER * n_classes * width))


def sample(problems: Problems, numbers: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Take the same number of training rows from every class, evenly, or all where fewer.

    Problems that are no larger than a sample are taken whole.

    Parameters
    ----------
    problems : Problems
        Training sets.
    numbers : (n,) int64
        Those wanted.

    Returns
    -------
    row : (n, size) int64
        Rows of the design.
    label : (n, size) int64
        Their classes.
    weight : (n, size) float32
        Those of a class weigh as much together as the class does; 0 for what fills up.
    """
    n_classes, n_all = problems.count.shape[1], problems.masks.shape[1]
    size = sample_size(n_classes, problems.penalty.shape[1], n_all)
    label, included = problems.training_rows(numbers)
    label = torch.where(included, label, n_classes)
    by_class, order = torch.sort(label, dim=1, stable=True)
    count = problems.count[numbers]
    share = size // problems.present[numbers].sum(dim=1, keepdim=True)
    share = torch.where(count.sum(dim=1, keepdim=True) <= size, n_all, share)
    taken = torch.minimum(count, share)
    first, first_taken = (torch.cumsum(c, dim=1) - c for c in (count, taken))
    kind = by_class.clamp(max=n_classes - 1)
    rank = torch.arange(n_all, device=label.device) - first.gather(1, kind)
    n_kind, n_taken = count.gather(1, kind).clamp(min=1), taken.gather(1, kind)
    place = rank * n_taken // n_kind
    kept = (by_class < n_classes) & ((rank + 1) * n_taken // n_kind > place)
    target = torch.where(kept, first_taken.gather(1, kind) + place, size)
    row = label.new_zeros(len(label), size + 1).scatter_(1, target, order)[:, :size]
    filled = torch.arange(size, device=label.device) < taken.sum(dim=1, keepdim=True)
    sampled = torch.where(filled, label.gather(1, row), 0)
    scale = problems.class_weight[numbers] * count / taken.clamp(min=1)
    return row, sampled, torch.where(filled, scale.gather(1, sampled), 0.0)
