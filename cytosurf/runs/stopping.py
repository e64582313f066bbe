"""Spins watched while they go on: the running p-value, and whether more of them are needed.

Chunks finish in any order, here or elsewhere, so a decision rests on the spins before the first
gap alone. It only ends the work early: what the run says follows from the stored spins in their
order (`cytosurf.runs.outcome.spins_that_decide`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cytosurf.nulls import clopper_pearson
from cytosurf.nulls.pvalues import TIE_TOLERANCE
from cytosurf.nulls.rotations import Policy
from cytosurf.runs.comparisons import (
    compared,
    deciding_tests,
    observed_statistic,
    preferred_policy,
    tests_of,
)
from cytosurf.runs.record import RunRecord


@dataclass(frozen=True, eq=False)
class DoneChunk:
    """What is told of a chunk once it is on disk.

    Attributes
    ----------
    policy : {"independent", "mirrored"}
        Rotation policy.
    spins : (n_spins,) int64
        Numbers of the spins.
    statistic : (n_spins, n_sets) float64
        Fold mean of macro-F1, NaN where a spin left nothing to decode.
    """

    policy: Policy
    spins: npt.NDArray[np.int64]
    statistic: npt.NDArray[np.float64]


class Watch:
    """The first test of a run while its spins go on, and those that may end them.

    Parameters
    ----------
    record : RunRecord
        The observed part of the run, with its configuration.
    policies : tuple of {"independent", "mirrored"}
        Rotation policies of the spins.
    n_spins : int
        The largest number of spins.
    """

    def __init__(self, record: RunRecord, policies: tuple[Policy, ...], n_spins: int) -> None:
        self.config = record.config
        self.exceedances = self.config.get("stop_after_exceedances")
        first = tests_of(self.config)[0]
        shown = (first, preferred_policy(first[1], policies))
        self.deciding = deciding_tests(self.config, policies)
        self.tests = list(dict.fromkeys([shown, *self.deciding]))
        observed = observed_statistic(record)
        self.observed = [float(compared(observed, self.config, pair, 0)) for pair, _ in self.tests]
        self.there = {policy: np.zeros(n_spins, bool) for policy in policies}
        self.exceeds = np.zeros((len(self.tests), n_spins), bool)

    def add(self, chunk: DoneChunk) -> str:
        """Count the spins of a chunk, and return the p-value of the first test as text."""
        inside = chunk.spins < self.exceeds.shape[1]
        spins, statistic = chunk.spins[inside], chunk.statistic[inside]
        self.there[chunk.policy][spins] = True
        for i, (pair, policy) in enumerate(self.tests):
            if policy == chunk.policy:
                values = compared(statistic, self.config, pair)
                self.exceeds[i, spins] = ~(values < self.observed[i] - TIE_TOLERANCE)
        n = int(self.there[self.tests[0][1]].sum())
        if not n:
            return ""
        exceed = int(self.exceeds[0].sum())
        low, high = clopper_pearson(exceed, n)
        return f"p = {(exceed + 1) / (n + 1):.2g} ({low:.2g} to {high:.2g})"

    def settled(self) -> bool:
        """Say whether more spins can change nothing of what decides."""
        if self.exceedances is None:
            return False
        needed, n_spins = 1, self.exceeds.shape[1]
        for test in self.deciding:
            leading = self._leading(test[1])
            where = np.flatnonzero(self.exceeds[self.tests.index(test), :leading])
            if len(where) >= self.exceedances:
                needed = max(needed, int(where[self.exceedances - 1]) + 1)
            elif leading == n_spins:
                needed = n_spins
            else:
                return False
        return all(self._leading(policy) >= needed for policy in self.there)

    def _leading(self, policy: Policy) -> int:
        """Return how many spins there are from 0 on without a gap."""
        there = self.there[policy]
        return len(there) if there.all() else int(there.argmin())
