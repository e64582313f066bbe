"""Preconditioned L-BFGS for many problems of the softmax regression at once, on a torch device.

The steps, line searches and stopping rule are those of `cytosurf.decoding.minimise`. A place of the
slab takes the next problem as soon as its own is solved. The product with the inverse Hessian
estimate is done in matrices (Byrd, Nocedal and Schnabel 1994, Math Program 63:129), where two loops
over the memory would be hundreds of small kernels.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from cytosurf.decoding.torch_problem import Problems
from cytosurf.decoding.torch_slab import Slab

MEMORY = 40
MAX_TRIALS = 30


@dataclass(frozen=True, eq=False)
class Begin:
    """Where N problems start, and what is known of their curvature.

    Attributes
    ----------
    theta : (N, K, width) float64
        Parameters.
    inverse : (n_spins, 1, K * width, K * width) or (n_spins, K, width, width) float32
        Estimate of the inverse Hessian of every label vector: full, or a block for each class.
    tilt : (N, K, width) float64 or None
        What is added to the gradients.
    memory : (3, N, MEMORY, K * width) float64 or None
        Steps to begin with: steps, changes of the gradient, and these times the inverse.
    n_held : (N,) int64 or None
        How many.
    """

    theta: Tensor
    inverse: Tensor
    tilt: Tensor | None = None
    memory: Tensor | None = None
    n_held: Tensor | None = None


@dataclass(frozen=True, eq=False)
class Minimum:
    """Where N problems ended.

    Attributes
    ----------
    theta : (N, K, width) float64
        Parameters.
    converged : (N,) bool
        Whether the stopping rule was met.
    n_passes : (N,) int64
        Gradients computed.
    memory, n_held : Tensor or None
        As in `Begin`, if asked for.
    """

    theta: Tensor
    converged: Tensor
    n_passes: Tensor
    memory: Tensor | None
    n_held: Tensor | None


def apply_inverse(inverse: Tensor, vectors: Tensor) -> Tensor:
    """Multiply ``vectors (n, m, K * width)`` float64 by ``inverse (n, Q, E, E)`` in float32."""
    n, n_parts, size, _ = inverse.shape
    parts = vectors.float().reshape(n, -1, n_parts, size).permute(0, 2, 3, 1)
    product = torch.bmm(inverse.reshape(-1, size, size), parts.reshape(n * n_parts, size, -1))
    product = product.reshape(n, n_parts, size, -1).permute(0, 3, 1, 2)
    return product.reshape(vectors.shape).double()


def evaluate(
    problems: Problems, theta: Tensor, inverse: Tensor, n_places: int, *, sampled: bool = False
) -> tuple[Tensor, Tensor]:
    """Return gradients ``(N, K, width)`` at `theta`, and their decrements ``(N,)``.

    Parameters
    ----------
    problems : Problems
        Training sets.
    theta : (N, K, width) float64
        Parameters.
    inverse : Tensor
        As in `Begin`.
    n_places : int
        Problems at a time.
    sampled : bool
        Over samples.
    """
    slab = Slab(problems, n_places, sampled=sampled)
    gradients, decrements = torch.zeros_like(theta), theta.new_zeros(len(theta))
    held = torch.zeros_like(inverse[:1]).repeat(n_places, 1, 1, 1)
    at = theta.new_zeros(n_places, *theta.shape[1:])
    for numbers in torch.split(torch.arange(len(theta), device=theta.device), n_places):
        places = torch.arange(len(numbers), device=theta.device)
        slab.put(places, numbers)
        held[places] = inverse[problems.spin[numbers]]
        at[places] = theta[numbers]
        gradient = slab.gradient(at)
        flat = gradient.reshape(n_places, 1, -1)
        fall = torch.bmm(flat, apply_inverse(held, flat).transpose(1, 2))[:, 0, 0]
        gradients[numbers], decrements[numbers] = gradient[places], fall[places]
    return gradients, decrements


def minimise(
    problems: Problems,
    begin: Begin,
    n_places: int,
    *,
    tolerance: float,
    max_passes: int,
    sampled: bool = False,
    keep_memory: bool = False,
) -> Minimum:
    """Minimise the objectives of all problems, plus ``sum(tilt * theta)``.

    Parameters
    ----------
    problems : Problems
        N training sets.
    begin : Begin
        Where to start.
    n_places : int
        Problems at a time: the shape of everything that is computed.
    tolerance : float
        Estimated distance to the minimum, in units of the mean log-loss, to be reached.
    max_passes : int
        Gradients after which to give up.
    sampled : bool
        Over samples of the training rows.
    keep_memory : bool
        Return the steps that were made.
    """
    search = _Search(problems, begin, n_places, tolerance, max_passes, sampled)
    n_problems = len(problems)
    found = torch.zeros_like(begin.theta)
    converged = torch.zeros(n_problems, dtype=torch.bool, device=found.device)
    n_passes = torch.zeros(n_problems, dtype=torch.int64, device=found.device)
    memory = n_held = None
    if keep_memory:
        memory, n_held = found.new_zeros(3, n_problems, *search.pairs.shape[2:]), n_passes.clone()
    waiting, at = list(range(n_problems))[::-1], [-1] * n_places
    ended = list(range(n_places))
    while True:
        arriving = [(place, waiting.pop()) for place in ended if waiting]
        leaving = [place for place in ended if at[place] >= 0]
        for place in ended:
            at[place] = -1
        for place, number in arriving:
            at[place] = number
        search.clear(leaving)
        search.put([a[0] for a in arriving], [a[1] for a in arriving])
        if max(at) < 0:
            return Minimum(found, converged, n_passes, memory, n_held)
        done, n_ended = search.advance()
        ended = [place for place in n_ended if at[place] >= 0]
        if not ended:
            continue
        places = torch.tensor(ended, device=found.device)
        numbers = torch.tensor([at[place] for place in ended], device=found.device)
        found[numbers] = search.theta[places]
        converged[numbers], n_passes[numbers] = done[places], search.n_passes[places]
        if memory is not None and n_held is not None:
            memory[:, numbers], n_held[numbers] = search.pairs[:, places], search.n_held[places]


class _Search:
    """The state of all places. What is rejected or ended is masked, not left out."""

    def __init__(
        self,
        problems: Problems,
        begin: Begin,
        n_places: int,
        tolerance: float,
        max_passes: int,
        sampled: bool,
    ) -> None:
        self.problems, self.begin = problems, begin
        self.tolerance, self.max_passes = tolerance, max_passes
        self.slab = Slab(problems, n_places, sampled=sampled)
        like = begin.theta
        self.theta = like.new_zeros(n_places, *like.shape[1:])
        self.tilt, self.gradient = torch.zeros_like(self.theta), torch.zeros_like(self.theta)
        self.direction = torch.zeros_like(self.theta)
        self.inverse = torch.zeros_like(begin.inverse[:1]).repeat(n_places, 1, 1, 1)
        self.slope, self.length = like.new_zeros(n_places), like.new_ones(n_places)
        self.n_trials = torch.zeros(n_places, dtype=torch.int64, device=like.device)
        self.n_passes, self.n_held = self.n_trials.clone(), self.n_trials.clone()
        # Steps, changes of the gradient, and these times the inverse; the oldest first.
        self.pairs = like.new_zeros(3, n_places, MEMORY, self.theta[0].numel())
        self.any_full = False

    def put(self, places: list[int], numbers: list[int]) -> None:
        """Begin with problems: a step of no length comes first, which finds the gradient."""
        if not places:
            return
        device, begin = self.theta.device, self.begin
        here, them = torch.tensor(places, device=device), torch.tensor(numbers, device=device)
        self.slab.put(here, them)
        self.theta[here] = begin.theta[them]
        self.inverse[here] = begin.inverse[self.problems.spin[them]]
        if begin.tilt is not None:
            self.tilt[here] = begin.tilt[them]
        if begin.memory is not None and begin.n_held is not None:
            self.pairs[:, here], self.n_held[here] = begin.memory[:, them], begin.n_held[them]
            self.any_full |= bool((self.n_held == MEMORY).any())

    def clear(self, places: list[int]) -> None:
        """Empty places."""
        if not places:
            return
        here = torch.tensor(places, device=self.theta.device)
        self.slab.clear(here)
        for part in (self.theta, self.tilt, self.gradient, self.direction, self.inverse):
            part[here] = 0.0
        self.slope[here], self.length[here] = 0.0, 1.0
        for number in (self.n_trials, self.n_passes, self.n_held):
            number[here] = 0

    def advance(self) -> tuple[Tensor, list[int]]:
        """Try a step everywhere; return where the rule is met, and the places that have ended.

        As on the processor: a step is taken as far as the slope along it has at most half its
        size, going up or not, and the last one without looking at where it leads.
        """
        theta = self.theta + self.length[:, None, None] * self.direction
        gradient = self.slab.gradient(theta) + self.tilt
        self.n_passes += 1
        slope = _dot(gradient, self.direction)
        taken = (slope <= -0.5 * self.slope) | (self.n_trials == MAX_TRIALS - 1)
        shorter = (self.slope / (self.slope - slope)).clamp(0.1, 0.9)
        self.length = torch.where(taken, 1.0, self.length * shorter)
        self.n_trials = torch.where(taken, 0, self.n_trials + 1)
        step, change = theta - self.theta, gradient - self.gradient
        remembered = taken & (_dot(step, change) > 0)
        wide = taken[:, None, None]
        self.theta = torch.where(wide, theta, self.theta)
        self.gradient = torch.where(wide, gradient, self.gradient)
        flat, flat_change = (v.reshape(len(v), 1, -1) for v in (self.gradient, change))
        solved = apply_inverse(self.inverse, torch.cat([flat, flat_change], dim=1))
        self._remember(remembered, step.reshape(len(step), -1), flat_change[:, 0], solved[:, 1])
        plain = -solved[:, 0].reshape(theta.shape) * self.slab.free
        direction = -self._times_inverse(flat[:, 0], solved[:, 0]).reshape(theta.shape)
        direction = direction * self.slab.free
        # Rounding can spoil the memory: it is dropped where it would lead upwards.
        spoiled = taken & ~(_dot(self.gradient, direction) <= 0)
        self.n_held = torch.where(spoiled, 0, self.n_held)
        direction = torch.where(spoiled[:, None, None], plain, direction)
        self.direction = torch.where(wide, direction, self.direction)
        self.slope = torch.where(taken, _dot(self.gradient, self.direction), self.slope)
        done = taken & (-self.slope < self.tolerance)
        self.theta = torch.where(done[:, None, None], self.theta + self.direction, self.theta)
        ended = done | (self.n_passes >= self.max_passes)
        flags = torch.stack([ended, self.n_held == MEMORY]).tolist()
        self.any_full = any(flags[1])
        return done, [place for place, has_ended in enumerate(flags[0]) if has_ended]

    def _remember(self, where: Tensor, step: Tensor, change: Tensor, solved: Tensor) -> None:
        """Add a step to the memories, in place of the oldest where one is full."""
        if self.any_full:
            rolled = where & (self.n_held == MEMORY)
            older = torch.roll(self.pairs, -1, dims=2)
            self.pairs = torch.where(rolled[None, :, None, None], older, self.pairs)
            self.n_held = torch.where(rolled, MEMORY - 1, self.n_held)
        at = self.n_held.clamp(max=MEMORY - 1)
        places = torch.arange(len(where), device=where.device)
        new = torch.stack([step, change, solved])
        self.pairs[:, places, at] = torch.where(
            where[None, :, None], new, self.pairs[:, places, at]
        )
        self.n_held = self.n_held + where

    def _times_inverse(self, gradient: Tensor, solved: Tensor) -> Tensor:
        """Multiply the gradients ``(n, D)`` by the inverse Hessian that the memory tells."""
        steps, changes, images = self.pairs
        held = torch.arange(MEMORY, device=gradient.device) < self.n_held[:, None]
        both_held = held[:, :, None] & held[:, None]
        products = torch.where(both_held, torch.bmm(steps, changes.transpose(1, 2)), 0.0)
        diagonal = products.diagonal(dim1=1, dim2=2)
        upper = torch.triu(products, 1) + torch.diag_embed(torch.where(held, diagonal, 1.0))
        inner = torch.where(both_held, torch.bmm(changes, images.transpose(1, 2)), 0.0)
        inner = inner + torch.diag_embed(diagonal)
        u, v = (
            torch.where(held[:, :, None], torch.bmm(part, gradient[:, :, None]), 0.0)
            for part in (steps, images)
        )
        u = torch.linalg.solve_triangular(upper, u, upper=True)
        w = torch.linalg.solve_triangular(
            upper.transpose(1, 2), torch.bmm(inner, u) - v, upper=False
        )
        both = torch.bmm(steps.transpose(1, 2), w) - torch.bmm(images.transpose(1, 2), u)
        return solved + both[:, :, 0]


def _dot(a: Tensor, b: Tensor) -> Tensor:
    """Return the scalar product in each place."""
    n = len(a)
    return torch.bmm(a.reshape(n, 1, -1), b.reshape(n, -1, 1))[:, 0, 0]
