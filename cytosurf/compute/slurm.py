"""A Dask cluster of Slurm jobs, described by a YAML file.

    cores: 32                # of one job: as many worker processes, of one thread each
    memory: 64GB             # of one job
    walltime: "04:00:00"
    queue: compute
    n_workers: 1024          # or:  adapt: {minimum: 0, maximum: 1024}

`SlurmOptions` lists all keys. Jobs are submitted by Dask-Jobqueue when the work begins, and
cancelled when it ends.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from cytosurf.errors import InputError, unknown_name

# Libraries read these when they are loaded, so they must stand in the job script.
ONE_THREAD = (
    "export OMP_NUM_THREADS=1",
    "export OPENBLAS_NUM_THREADS=1",
    "export MKL_NUM_THREADS=1",
    "export NUMBA_NUM_THREADS=1",
)
_ADDRESS = re.compile(r"[A-Za-z0-9_.\-]+:\d+|[a-z]+://.+")
_NOT_OF_A_JOB = {"n_workers", "adapt", "worker_timeout", "allowed_failures"}
# Seconds after which nobody waits for the first worker any more.
WORKER_TIMEOUT = 86_400.0


class Adapt(BaseModel):
    """Workers come and go with the work.

    Attributes
    ----------
    minimum, maximum : int
        Worker processes.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    minimum: Annotated[int, Field(ge=0)] = 0
    maximum: Annotated[int, Field(ge=1)]


class SlurmOptions(BaseModel):
    """Slurm jobs that Dask workers run in.

    Attributes
    ----------
    cores : int
        Cores of a job. Each gets a worker process of one thread.
    memory : str
        Memory of a job, such as ``"64GB"``.
    walltime : str
        Time limit of a job, in quotes: ``"04:00:00"``.
    n_workers : int or None
        Worker processes in all, whole jobs.
    adapt : Adapt or None
        In place of `n_workers`.
    queue, account : str or None
        Partition and account.
    interface : str or None
        Network interface between nodes, such as ``"ib0"``.
    local_directory, log_directory : str or None
        Folder for what workers spill, preferably on the node; folder for the jobs' output.
    python : str or None
        Interpreter on the nodes; the one of this process if None.
    job_script_prologue : tuple of str
        Shell lines before the workers start: modules, the environment.
    job_extra_directives, job_directives_skip : tuple of str
        ``#SBATCH`` options to add, and to leave out.
    worker_extra_args : tuple of str
        Further arguments of ``dask worker``, such as ``--lifetime``.
    worker_timeout : float
        Seconds to wait for the first worker, a day if left out: jobs may queue for long.
    death_timeout : int
        Seconds after which workers without a scheduler end.
    allowed_failures : int
        A task whose worker is killed more often than this ends the run.
    scheduler_options : dict
        Further arguments of the scheduler, such as its port; it runs in this process.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    cores: Annotated[int, Field(ge=1)]
    memory: str
    walltime: str
    n_workers: Annotated[int, Field(ge=1)] | None = None
    adapt: Adapt | None = None
    queue: str | None = None
    account: str | None = None
    interface: str | None = None
    local_directory: str | None = None
    log_directory: str | None = None
    python: str | None = None
    job_script_prologue: tuple[str, ...] = ()
    job_extra_directives: tuple[str, ...] = ()
    job_directives_skip: tuple[str, ...] = ()
    worker_extra_args: tuple[str, ...] = ()
    worker_timeout: Annotated[float, Field(gt=0)] = WORKER_TIMEOUT
    death_timeout: Annotated[int, Field(ge=1)] = 300
    allowed_failures: Annotated[int, Field(ge=0)] = 10
    scheduler_options: dict[str, Any] = {}

    @model_validator(mode="after")
    def _one_size(self) -> SlurmOptions:
        if (self.n_workers is None) == (self.adapt is None):
            found = "neither" if self.adapt is None else "both"
            raise InputError("n_workers and adapt", found, "one of them")
        return self


def is_address(scheduler: str) -> bool:
    """Return whether a scheduler is named by its address rather than by a file.

    Examples
    --------
    >>> is_address("tcp://node1:8786"), is_address("node1:8786"), is_address("cluster.yaml")
    (True, True, False)
    """
    return _ADDRESS.fullmatch(scheduler) is not None


def read_slurm_options(path: str | Path) -> SlurmOptions:
    """Read a description of Slurm jobs.

    Raises
    ------
    InputError
        If the file cannot be read, or a key is missing, unknown or of a wrong kind.
    """
    where = f"--scheduler {path}"
    readable = "the address of a Dask scheduler, or a readable YAML file of Slurm jobs"
    try:
        content = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except yaml.MarkedYAMLError as error:
        line = f" in line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise InputError(where, f"{error.problem}{line}", readable) from None
    except OSError as error:
        found = "no such file" if isinstance(error, FileNotFoundError) else str(error.strerror)
        raise InputError(where, found, readable) from None
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(where, str(error).splitlines()[0], readable) from None
    if not isinstance(content, dict):
        raise InputError(where, f"a {type(content).__name__}", "a mapping of options")
    try:
        return SlurmOptions(**{str(name): value for name, value in content.items()})
    except ValidationError as error:
        raise _input_error(error, where) from None


def _input_error(error: ValidationError, where: str) -> InputError:
    """Say one complaint of pydantic in our own form: a key that is none, or else the first."""
    first, *_ = sorted(error.errors(), key=lambda e: e["type"] != "extra_forbidden")
    *parents, name = (str(part) for part in first["loc"]) if first["loc"] else ("",)
    cause = first.get("ctx", {}).get("error")
    if isinstance(cause, InputError):
        return InputError(f"{where}: {cause.where}", cause.found, cause.expected)
    if first["type"] == "extra_forbidden":
        fields = Adapt.model_fields if parents else SlurmOptions.model_fields
        return unknown_name(f"{where}{''.join(': ' + p for p in parents)}", name, fields)
    named = f"{where}: {'.'.join((*parents, name))}"
    if first["type"] == "missing":
        return InputError(named, "nothing", "a value")
    way_out = ""
    if name == "walltime":  # YAML reads 12:00:00 as the number 43200, which Slurm takes as minutes
        way_out = 'Put it in quotes: walltime: "12:00:00".'
    expected = first["msg"].removeprefix("Input should be ")
    return InputError(named, repr(first["input"]), expected, way_out)


@contextmanager
def start_slurm_cluster(path: str | Path) -> Iterator[Any]:
    """Give a cluster whose jobs are submitted; they are cancelled when the block ends.

    Parameters
    ----------
    path : path-like
        YAML file of `SlurmOptions`.

    Yields
    ------
    dask_jobqueue.SLURMCluster

    Raises
    ------
    InputError
        As from `read_slurm_options`; or if jobs cannot be submitted from this machine.
    """
    options = read_slurm_options(path)
    if shutil.which("sbatch") is None:
        raise InputError(
            f"--scheduler {path}",
            "no command sbatch on this machine",
            "a machine from which Slurm jobs are submitted",
            "Log in to one, or give the address of a Dask scheduler that runs already.",
        )
    with make_slurm_cluster(options, f"--scheduler {path}") as cluster:
        if options.adapt is not None:
            cluster.adapt(minimum=options.adapt.minimum, maximum=options.adapt.maximum)
        else:
            cluster.scale(options.n_workers)
        yield cluster


def make_slurm_cluster(options: SlurmOptions, where: str = "--scheduler") -> Any:
    """Start the scheduler of a Slurm cluster in this process; nothing is submitted yet.

    Parameters
    ----------
    options : SlurmOptions
        The jobs.
    where : str
        What to name in errors.

    Returns
    -------
    dask_jobqueue.SLURMCluster
        To be closed by the caller. Its ``job_script()`` is what Slurm gets.

    Raises
    ------
    InputError
        If Dask-Jobqueue is not installed, or refuses the options.
    """
    try:
        import dask
        from dask_jobqueue import SLURMCluster
    except ImportError:
        raise InputError(
            where,
            "no Dask-Jobqueue: the package dask-jobqueue is not installed",
            "the extra 'cluster' of cytosurf",
            "Install it with: pip install 'cytosurf[cluster]'",
        ) from None
    given = options.model_dump(exclude=_NOT_OF_A_JOB, exclude_none=True)
    for name, value in given.items():
        given[name] = list(value) if isinstance(value, tuple) else value
    given["processes"] = options.cores
    given["job_script_prologue"] = [*ONE_THREAD, *options.job_script_prologue]
    given["death_timeout"] = str(options.death_timeout)
    given["scheduler_options"] = {"dashboard_address": ":0"} | options.scheduler_options
    with dask.config.set({"distributed.scheduler.allowed-failures": options.allowed_failures}):
        try:
            return SLURMCluster(**given)
        except (ValueError, TypeError, OSError, RuntimeError) as error:
            first_line = (str(error).splitlines() or [type(error).__name__])[0]
            raise InputError(where, first_line, "options that Dask-Jobqueue accepts") from None
