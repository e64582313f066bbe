"""What the spins of a run that are left will take: time and memory, from a few of them."""

from __future__ import annotations

import resource
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from threadpoolctl import threadpool_limits

from cytosurf.nulls import run_spins
from cytosurf.runs import spins
from cytosurf.runs.chunks import named_spins
from cytosurf.runs.extend import prepare_spins
from cytosurf.runs.shards import Shard

MEASURED_SPINS = 3


@dataclass(frozen=True)
class Forecast:
    """What spins will take, from a short measurement.

    Attributes
    ----------
    n_spins : int
        Spins of each rotation policy: all, or those of the shard.
    n_left : int
        Those of all policies that are not there yet.
    n_policies : int
        Number of rotation policies.
    exceedances : int or None
        After how many exceedances the spins end early.
    jobs : int
        Processes on this machine.
    start_s : float
        Wall-clock time until the first spin: reading the inputs, compiled code from the cache.
    spin_s : float
        Wall-clock time of one spin of one policy on one core.
    process_mb : float
        Largest memory of the process that was measured.
    """

    n_spins: int
    n_left: int
    n_policies: int
    exceedances: int | None
    jobs: int
    start_s: float
    spin_s: float
    process_mb: float

    @property
    def total_s(self) -> float:
        """Wall-clock time on this machine of the spins that are left, if they do not end early."""
        return self.start_s + self.n_left * self.spin_s / self.jobs

    @property
    def total_mb(self) -> float:
        """Memory of all processes, counted as if they shared nothing."""
        return self.process_mb * (self.jobs + 1)

    @property
    def spins_per_hour(self) -> float:
        """Spins of every policy that this machine does in an hour."""
        return 3600 * self.jobs / (self.spin_s * self.n_policies)


def forecast(
    directory: Path,
    n_spins: int | None,
    *,
    shard: Shard | None = None,
    jobs: int | None = None,
    stop_after_exceedances: int | None = None,
) -> Forecast:
    """Predict time and memory of the spins that are left, from a few of which nothing is kept.

    Parameters
    ----------
    directory, n_spins, shard, jobs, stop_after_exceedances
        As for `add_to_run`.
    """
    start = time.perf_counter()
    name = None if shard is None else str(shard)
    prepared, test, _ = prepare_spins(directory, n_spins, name, jobs, stop_after_exceedances)
    config, policies = prepared.config, prepared.policies
    with threadpool_limits(1):
        run_spins(test, [0], policies[0])
        ready = time.perf_counter()
        # A GPU is busy with many of them alone.
        n_measured = MEASURED_SPINS if config.device == "cpu" else spins.LARGEST_CHUNK
        for policy in policies:
            run_spins(test, range(1, 1 + n_measured), policy)
    spin_s = (time.perf_counter() - ready) / (n_measured * len(policies))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    wanted = range(config.spins) if shard is None else shard.of(config.spins)
    return Forecast(
        n_spins=len(wanted),
        n_left=sum(len(set(wanted) - named_spins(directory, policy)) for policy in policies),
        n_policies=len(policies),
        exceedances=config.stop_after_exceedances,
        jobs=prepared.jobs,
        start_s=ready - start,
        spin_s=spin_s,
        process_mb=peak / 2**20 if sys.platform == "darwin" else peak / 2**10,
    )
