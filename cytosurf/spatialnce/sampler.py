"""Which patches make up a batch: a pure function of the seed and the step.

The batch of step t is the same whatever came before, however many processes share it and however
many workers read it: process r of W takes the r-th of W equal slices of it. So nothing about the
order of the data is part of a checkpoint.

Batches walk through all patches in an order that is shuffled anew in each round; what is left at
the end of a round and too little for a batch is left out of that round. With a
`group_size` of more than one they walk through group centres, and each centre brings others from
within `radius_mm`, so that every patch of a batch has neighbours for which the loss has weight;
with a bandwidth that is large against the distances in a random batch this is not needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from cytosurf.errors import InputError

Int64 = npt.NDArray[np.int64]
ORDER, GROUPS, VIEWS, MODEL = 1, 2, 3, 4  # purposes of random streams


def stream(seed: int, step: int, purpose: int) -> np.random.Generator:
    """Return the random generator of one step: the counter of Philox begins at the step.

    Parameters
    ----------
    seed : int
        Seed of the run.
    step : int
        Number of the update, or of the round for `ORDER`.
    purpose : int
        What the numbers are for; streams of different purposes are independent.

    Examples
    --------
    >>> bool(stream(0, 5, GROUPS).random() == stream(0, 5, GROUPS).random())
    True
    """
    key = np.array([seed, purpose], np.uint64)
    return np.random.Generator(np.random.Philox(key=key, counter=[0, 0, 0, step]))


@dataclass(frozen=True, eq=False)
class BatchSampler:
    """Batches of patch indices.

    Parameters
    ----------
    coordinates_mm : (n, 3) ndarray
        Place of each patch.
    batch_size : int
        Patches of a batch, over all processes.
    seed : int
        Seed of the order.
    group_size : int, optional
        Patches of a group; 1 for batches without groups.
    radius_mm : float, optional
        Distance from the centre of a group within which its other members lie.

    Raises
    ------
    InputError
        If there are fewer patches than a batch, the batch is no multiple of the group, or groups
        cannot be formed: too few patches have a neighbour within the radius.

    Examples
    --------
    >>> sampler = BatchSampler(np.zeros((10, 3)), batch_size=4, seed=0)
    >>> sorted(np.concatenate([sampler.batch(0), sampler.batch(1)]).tolist())[:2]
    [0, 1]
    """

    coordinates_mm: npt.NDArray[np.floating]
    batch_size: int
    seed: int
    group_size: int = 1
    radius_mm: float = 5.0

    def __post_init__(self) -> None:
        n = len(self.coordinates_mm)
        if self.batch_size < 2:
            raise InputError("batch.size", str(self.batch_size), "at least 2 patches")
        if n < self.batch_size:
            raise InputError(
                "batch.size",
                f"{self.batch_size:,} with {n:,} patches",
                f"at most {n:,}",
                "Use a smaller batch, or more patches.",
            )
        if self.batch_size % self.group_size:
            raise InputError(
                "batch.group_size",
                str(self.group_size),
                f"a divisor of the batch of {self.batch_size}",
            )
        if self.group_size > 1 and len(self._centres) < self.batch_size // self.group_size:
            raise InputError(
                "batch.radius_mm",
                f"{len(self._centres):,} of {n:,} patches with {self.group_size - 1} others within "
                f"{self.radius_mm:g} mm",
                f"at least {self.batch_size // self.group_size:,}, one for each group",
                "Use a larger radius, or smaller groups.",
            )

    @cached_property
    def _tree(self) -> cKDTree:
        return cKDTree(self.coordinates_mm)

    @cached_property
    def _centres(self) -> Int64:
        """Patches that may be the centre of a group: those with enough others around them."""
        n = len(self.coordinates_mm)
        if self.group_size == 1:
            return np.arange(n)
        nearest, _ = self._tree.query(self.coordinates_mm, k=[self.group_size])
        return np.flatnonzero(nearest[:, 0] <= self.radius_mm)

    def batch(self, step: int) -> Int64:
        """Return the indices of a batch, (batch_size,), each once.

        Groups, if there are any, stand one after the other with their centre first. Where the
        patches of a batch are nearly all there are, the last groups may reach beyond the radius.
        """
        per_batch = self.batch_size // self.group_size
        if self.group_size == 1:
            return self._walk(step, per_batch)
        return self._grouped(step, per_batch)

    def shard(self, step: int, rank: int, world_size: int) -> Int64:
        """Return the slice of a batch that one of several processes works on.

        Raises
        ------
        InputError
            If the processes cannot share the batch evenly.
        """
        share = self.share(world_size)
        return self.batch(step)[rank * share : (rank + 1) * share]

    def share(self, world_size: int) -> int:
        """Return the number of patches of each process."""
        if self.batch_size % world_size:
            raise InputError(
                "batch.size",
                f"{self.batch_size} for {world_size} processes",
                "a multiple of the number of processes",
            )
        return self.batch_size // world_size

    def _walk(self, step: int, count: int) -> Int64:
        """Return `count` centres from the place of a step in its round on, around its end."""
        n = len(self._centres)
        per_batch = self.batch_size // self.group_size
        number, place = divmod(step, n // per_batch)
        order = _shuffled(self.seed, number, n)
        start = place * per_batch
        return self._centres[order[np.arange(start, start + count) % n]]

    def _grouped(self, step: int, per_batch: int) -> Int64:
        """Fill groups in the order of the walk, drawing members among those not yet taken.

        Where the walk ends before the batch is full, what is left lies farther apart than the
        radius: it is doubled, and all patches are tried as centres, until there are enough.
        """
        generator = stream(self.seed, step, GROUPS)
        taken = np.zeros(len(self.coordinates_mm), bool)
        groups: list[Int64] = []
        centres, radius_mm = self._walk(step, len(self._centres)), self.radius_mm
        while True:
            for centre in centres:
                if taken[centre]:
                    continue
                around = np.array(
                    self._tree.query_ball_point(self.coordinates_mm[centre], radius_mm), np.int64
                )
                free = np.sort(around[~taken[around] & (around != centre)])
                if len(free) < self.group_size - 1:
                    continue
                members = generator.choice(free, self.group_size - 1, replace=False)
                groups.append(np.concatenate([[centre], members]))
                taken[groups[-1]] = True
                if len(groups) == per_batch:
                    return np.concatenate(groups)
            centres, radius_mm = np.arange(len(taken)), 2 * radius_mm


@lru_cache(maxsize=4)
def _shuffled(seed: int, number: int, n: int) -> Int64:
    """Return the order of a round."""
    return stream(seed, number, ORDER).permutation(n)
