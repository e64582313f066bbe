"""Tests of runs that are there already: more spins, in shards, of labels or of features."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cytosurf.errors import InputError
from cytosurf.nulls import Policy
from cytosurf.nulls.feature_nulls import Family
from cytosurf.nulls.increment import Statistic
from cytosurf.runs import (
    Forecast,
    RunRecord,
    Shard,
    add_increment_test,
    add_to_run,
    check_writable,
    forecast,
    merge_into_run,
)
from cytosurf.runs.device import check_same_device
from cytosurf.workflow import Decoding, correct, write_pages

__all__ = ["Forecast", "forecast_spins", "increment", "merge", "spin"]


def spin(
    run_dir: str | Path,
    spins: int | None = None,
    *,
    shard: str | Shard | None = None,
    jobs: int | None = None,
    scheduler: str | None = None,
    device: str | None = None,
    stop_after_exceedances: int | None = None,
) -> Decoding | None:
    """Add spins to a run directory, and test with all that it then holds.

    Spins that are there are not done again, so an interrupted call goes on where it was, and any
    number of processes or nodes may work on one directory in shards. Spin k depends on the seed of
    the run and on k alone: the results are the same to the bit however the work was split.

    Parameters
    ----------
    run_dir : path-like
        A run directory, as `decode` makes it (``spins=0`` is enough).
    spins : int, optional
        Spins in all of each rotation policy; as many as the run was made for if left out.
    shard : str or Shard, optional
        The part of the spins to do: ``"3/10"`` is the third of ten. Nothing is tested then; call
        `merge` when all parts are done.
    jobs : int, optional
        Processes; as the run was made with if left out.
    scheduler : str, optional
        Spin on a Dask cluster in place of local processes: its address (``"tcp://host:8786"``), or
        a YAML file of Slurm jobs (see `cytosurf.compute.slurm.SlurmOptions`). The workers need the
        same environment, but neither the data nor a shared disk: this process sends them what they
        need, and writes what they return.
    device : {"cpu", "cuda", "torch-cpu"}, optional
        Where refits are done. It is part of a run, so this must be that of `decode`.
    stop_after_exceedances : int, optional
        End the spins once the differences to the baselines have this many exceedances, counted in
        the order of the spins, however the work was split (Besag and Clifford's rule; 20 is usual).
        0 for all spins; as the run was made with if left out.

    Returns
    -------
    Decoding or None
        The run with its tests and a new report; None after a shard.

    Raises
    ------
    InputError
        If the directory is not the run of named inputs, its inputs have changed, or the scheduler
        cannot be reached.

    Examples
    --------
    >>> import cytosurf
    >>> cytosurf.spin("cytosurf-run-yeo7", 10_000)  # doctest: +SKIP
    """
    directory = Path(run_dir)
    check_writable(directory)
    check_same_device(directory, device, scheduler)
    part = _shard(shard)
    n = _n_processes(jobs, scheduler)
    record = add_to_run(
        directory,
        spins,
        shard=part,
        jobs=n,
        scheduler=scheduler,
        stop_after_exceedances=stop_after_exceedances,
    )
    return None if record is None else _tested(record)


def merge(run_dir: str | Path, shards: Sequence[str | Path] = ()) -> Decoding:
    """Join the shards of a run, check that no spin is missing, and test.

    Parameters
    ----------
    run_dir : path-like
        The run directory.
    shards : sequence of path-like
        Copies of it in which `spin` did shards; none if all of them worked in `run_dir`.

    Returns
    -------
    Decoding
        The run with its tests and a new report.

    Raises
    ------
    InputError
        If a shard is of another run or damaged, two results of one spin differ, or spins are
        missing (they are named).

    Examples
    --------
    >>> import cytosurf
    >>> cytosurf.merge("cytosurf-run-yeo7", ["from-node-1", "from-node-2"])  # doctest: +SKIP
    """
    directory = Path(run_dir)
    check_writable(directory)
    return _tested(merge_into_run(directory, [Path(shard) for shard in shards]))


def increment(
    run_dir: str | Path,
    features: str | None = None,
    *,
    position: str | None = None,
    spins: int | None = None,
    rotation: Policy = "mirrored",
    null: Family = "spins",
    statistic: Statistic = "increment",
    jobs: int | None = None,
) -> Decoding:
    """Test whether the features of a run add to position, and put it into the run's report.

    The increment test (`increment_test`) on the vertices, labels and folds of a run: the features
    are spun, labels and position stay. Draws that are there are not done again, so an interrupted
    call goes on where it was.

    Parameters
    ----------
    run_dir : path-like
        A finished run of named inputs, with or without label spins.
    features : str, optional
        A feature set of the run; its first one if left out.
    position : str, optional
        What stays; ``harmonics:N`` with as many columns as the features if left out.
    spins : int, optional
        Draws in all. If left out as many as the run has label spins; 99 where it has none, and at
        most 99 where its spins stopped early.
    rotation : {"mirrored", "independent"}, optional
        How the draws of the hemispheres go together.
    null : {"spins", "surrogates"}, optional
        Whether features are spun or made anew.
    statistic : {"increment", "difference"}, optional
        Whether features are decoded beside position, or on their own with position as a baseline:
        then the outcome is ``record.results["feature_tests"]``.
    jobs : int, optional
        Processes; as the run was made with if left out.

    Returns
    -------
    Decoding
        The run with the test (`increment_tests`) and a new report.

    Raises
    ------
    InputError
        If the directory is no finished run of named inputs, its inputs have changed, or there is no
        such feature set.

    Examples
    --------
    >>> import cytosurf
    >>> run = cytosurf.increment("cytosurf-run-yeo7", position="harmonics:8")  # doctest: +SKIP
    >>> run.increment_tests[["features", "position", "observed", "p"]]  # doctest: +SKIP
    """
    directory = Path(run_dir)
    check_writable(directory)
    record = add_increment_test(
        directory,
        features,
        position=position,
        spins=spins,
        rotation=rotation,
        null=null,
        statistic=statistic,
        jobs=jobs,
    )
    write_pages([record])
    return Decoding(record)


def forecast_spins(
    run_dir: str | Path,
    spins: int | None = None,
    *,
    shard: str | Shard | None = None,
    jobs: int | None = None,
    scheduler: str | None = None,
    device: str | None = None,
    stop_after_exceedances: int | None = None,
) -> Forecast:
    """Predict how long the spins that are left will take and how much memory, from a few of them.

    Parameters
    ----------
    run_dir, spins, shard, jobs, scheduler, device, stop_after_exceedances
        As for `spin`. The measurement is of this machine; a cluster counts with its workers.

    Returns
    -------
    Forecast
        Nothing is written. Spins that stop early take less.
    """
    check_same_device(Path(run_dir), device, scheduler)
    return forecast(
        Path(run_dir),
        spins,
        shard=_shard(shard),
        jobs=_n_processes(jobs, scheduler),
        stop_after_exceedances=stop_after_exceedances,
    )


def _shard(shard: str | Shard | None) -> Shard | None:
    return Shard.parse(shard) if isinstance(shard, str) else shard


def _n_processes(jobs: int | None, scheduler: str | None) -> int | None:
    """Return `jobs`, or the size of a cluster, having checked before all else that it is there."""
    if scheduler is None:
        return jobs
    if jobs is not None:
        way_out = "A cluster has its own workers."
        raise InputError("--jobs and --scheduler", "both", "one of them", way_out)
    from cytosurf.compute.cluster import cluster_size

    return cluster_size(scheduler)


def _tested(record: RunRecord) -> Decoding:
    """Correct the family of a run whose tests have changed, and write tables and reports."""
    (own,), others = correct([record], record.directory)
    write_pages([own, *others])
    return Decoding(own)
