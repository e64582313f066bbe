"""Places on a torch device: a fixed number of problems whose gradients are computed together.

Every product has one shape, whatever is in the places, and each place is a matrix of its own in a
batched product. So what a place gives depends on its own problem alone, not on the problems beside
it, nor on how many of them there are.
"""

from __future__ import annotations

import torch
from torch import Tensor

from cytosurf.decoding.torch_problem import BLOCK_ROWS, Problems, sample, sample_size


class Slab:
    """The places, empty at first: what is in them has no rows and the gradient 0.

    Parameters
    ----------
    problems : Problems
        What is put into the places.
    n_places : int
        Their number.
    sampled : bool
        Put samples of the training rows there (see `cytosurf.decoding.torch_problem.sample`).

    Attributes
    ----------
    free : (n_places, K, width) float64
        As in `Problems`; 0 in empty places.
    """

    def __init__(self, problems: Problems, n_places: int, *, sampled: bool = False) -> None:
        self.problems, self.n_places, self.sampled = problems, n_places, sampled
        rows, (n_classes, width) = problems.rows, problems.free.shape[1:]
        if sampled:
            size = sample_size(n_classes, width, problems.masks.shape[1])
            n_blocks = -(-size // BLOCK_ROWS)
            shape = (n_places, n_blocks, -(-size // n_blocks))
            self.x = rows.x.new_zeros(*shape, width)
        else:
            shape = (n_places, *rows.x.shape[:2])
            self.x = rows.x.expand(n_places, -1, -1, -1)
        self.label = torch.zeros(shape, dtype=torch.int64, device=rows.device)
        self.weight = rows.x.new_zeros(shape)
        self.n_train = problems.penalty.new_ones(n_places, 1, 1)
        self.penalty = problems.penalty.new_zeros(n_places, 1, width)
        self.free = problems.free.new_zeros(n_places, n_classes, width)

    def put(self, places: Tensor, numbers: Tensor) -> None:
        """Put some of the problems into places."""
        problems = self.problems
        if self.sampled:
            row, label, weight = sample(problems, numbers)
            spare = self.label[0].numel() - row.shape[1]
            row, label, weight = (
                torch.nn.functional.pad(part, (0, spare)) for part in (row, label, weight)
            )
            self.x[places] = problems.rows.flat[row].reshape(-1, *self.x.shape[1:])
        else:
            label, included = problems.training_rows(numbers)
            weight = problems.class_weight[numbers].gather(1, label) * included
        self.label[places] = label.reshape(-1, *self.label.shape[1:])
        self.weight[places] = weight.reshape(-1, *self.weight.shape[1:])
        self.n_train[places] = problems.n_train[numbers].double()[:, None, None]
        self.penalty[places] = problems.penalty[numbers][:, None]
        self.free[places] = problems.free[numbers]

    def clear(self, places: Tensor) -> None:
        """Empty places."""
        for part in (self.weight, self.penalty, self.free):
            part[places] = 0.0

    def gradient(self, theta: Tensor) -> Tensor:
        """Return the gradient of each place's objective, divided by C n.

        Parameters
        ----------
        theta : (n_places, K, width) float64
            Coefficients in units of the design's columns, intercepts last.
        """
        coefficients = theta.float().transpose(1, 2).contiguous()
        total = torch.zeros_like(theta)
        for block in range(self.x.shape[1]):
            x, weight = self.x[:, block], self.weight[:, block, :, None]
            label = self.label[:, block, :, None]
            residual = torch.softmax(torch.bmm(x, coefficients), dim=2)
            residual *= weight
            residual.scatter_(2, label, residual.gather(2, label) - weight)
            total += torch.bmm(residual.transpose(1, 2), x)
        return (total / self.n_train + self.penalty * theta) * self.free
