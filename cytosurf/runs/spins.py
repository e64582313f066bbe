"""The spin tests of a run directory: spins that are missing are done, p-values follow from all.

Since a spin depends on the seed and its index alone, a killed run goes on with the indices that
no file holds yet, and the result does not depend on chunk size or number of processes.
"""

from __future__ import annotations

import errno
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cytosurf.compute.files import write_bytes
from cytosurf.compute.pool import run_tasks
from cytosurf.compute.progress import Progress
from cytosurf.errors import CytosurfError, CytosurfWarning
from cytosurf.nulls import (
    SpinChunk,
    SpinPValue,
    SpinTest,
    fold_mean_macro_f1,
    max_statistic,
    run_spins,
)
from cytosurf.nulls.rotations import Policy
from cytosurf.runs.chunks import (
    FOLDER,
    check_same_run,
    chunk_file,
    intact_spins,
    read_spins,
    write_chunk,
)
from cytosurf.runs.config import COORDINATES
from cytosurf.runs.record import NullRecord, RunRecord

# Stands for the statistic of a spin that left nothing to decode: above any macro-F1.
FAILED_SPIN = 2.0
LARGEST_CHUNK = 50
CHUNKS_PER_JOB = 8
# Of the counts of a chunk in memory, per process; they are some kB for a dozen classes.
LARGEST_CHUNK_BYTES = 2**26
_ENTRY_BYTES = 12


@dataclass(frozen=True, eq=False)
class DoneChunk:
    """What is told of a chunk once it is on disk.

    Attributes
    ----------
    policy : {"independent", "mirrored"}
        Rotation policy.
    statistic : (n_spins, n_sets) float64
        Fold mean of macro-F1, NaN where a spin left nothing to decode.
    """

    policy: Policy
    statistic: npt.NDArray[np.float64]


def add_spins(
    directory: Path,
    test: SpinTest,
    policies: tuple[Policy, ...],
    spins: range,
    jobs: int,
    *,
    scheduler: str | None = None,
    after_chunk: Callable[[DoneChunk], str] = lambda _: "",
) -> None:
    """Compute those of `spins` that the run directory does not hold yet.

    Parameters
    ----------
    directory : Path
        The run directory.
    test : SpinTest
        Decoders, labels and spheres.
    policies : tuple of {"independent", "mirrored"}
        Rotation policies; each gets all spins.
    spins : range
        Indices of the spins.
    jobs : int
        Processes.
    scheduler : str, optional
        Spin on this Dask cluster, of about `jobs` workers; see
        `cytosurf.compute.cluster.run_on_dask`. Files are written by this process.
    after_chunk : callable, optional
        Called in this process whenever a chunk is on disk; what it returns is shown beside the
        progress bar.

    Raises
    ------
    InputError
        If a chunk that is there is of another run (``test.run``).
    CytosurfError
        If the disk is full; what is finished stays.

    Warns
    -----
    CytosurfWarning
        If a chunk is damaged; its spins are done again.
    """
    check_same_run(directory, policies, test.run)
    size = chunk_size(test, len(spins), jobs)
    tasks: list[tuple[Policy, list[int]]] = []
    for policy in policies:
        done, damaged = intact_spins(directory, policy)
        for path in damaged:
            message = f"{path}: damaged (its checksum is wrong). Its spins are computed again."
            warnings.warn(message, CytosurfWarning, stacklevel=2)
            path.unlink()
        missing = [k for k in spins if k not in done]
        tasks += [(policy, run) for run in _runs(missing, size)]
    with Progress("Spins", sum(len(task[1]) for task in tasks), "spins") as bar:
        try:
            for chunk in _done_chunks(directory, test, tasks, jobs, scheduler):
                bar.advance(len(chunk.statistic), after_chunk(chunk))
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            raise CytosurfError(
                f"{directory}: no space left on the disk. The spins that are finished are safe: "
                "make room, and the same command goes on from there."
            ) from None


def chunk_size(test: SpinTest, n_spins: int, jobs: int) -> int:
    """Return how many spins go into a file: enough chunks for all processes, none too large.

    Parameters
    ----------
    test : SpinTest
        Decoders and labels.
    n_spins, jobs : int
        Spins in all, and processes.
    """
    n_folds, n_rows = test.decoders[0].train.shape
    n_entries = len(test.decoders) * min(n_folds * test.n_classes**2, n_rows)
    largest = min(LARGEST_CHUNK, LARGEST_CHUNK_BYTES // (_ENTRY_BYTES * n_entries))
    return int(np.clip(n_spins // (jobs * CHUNKS_PER_JOB), 1, max(1, largest)))


def _done_chunks(
    directory: Path,
    test: SpinTest,
    tasks: list[tuple[Policy, list[int]]],
    jobs: int,
    scheduler: str | None,
) -> Iterator[DoneChunk]:
    """Do and write chunks; local processes write their own, the workers of a cluster send theirs.

    A cluster need not share a disk with this process.
    """
    if scheduler is None:
        to_file = partial(_spin_to_file, directory=directory, test=test)
        yield from run_tasks(to_file, tasks, jobs=jobs)
        return
    from cytosurf.compute.cluster import run_on_dask

    work = partial(_spin_to_bytes, test=test)
    for done, name, content in run_on_dask(work, tasks, scheduler=scheduler):
        write_bytes(directory / FOLDER / name, content)
        yield done


def _spin_to_file(task: tuple[Policy, list[int]], directory: Path, test: SpinTest) -> DoneChunk:
    policy, spins = task
    chunk = run_spins(test, spins, policy)
    write_chunk(directory, policy, test.run, chunk)
    return _done(policy, chunk)


def _spin_to_bytes(task: tuple[Policy, list[int]], test: SpinTest) -> tuple[DoneChunk, str, bytes]:
    policy, spins = task
    chunk = run_spins(test, spins, policy)
    return _done(policy, chunk), *chunk_file(policy, test.run, chunk)


def _done(policy: Policy, chunk: SpinChunk) -> DoneChunk:
    return DoneChunk(policy, fold_mean_macro_f1(chunk.counts.marginals()))


def _runs(spins: list[int], size: int) -> list[list[int]]:
    """Split sorted indices into runs of consecutive ones, at most `size` long."""
    runs: list[list[int]] = []
    for k in spins:
        if runs and runs[-1][-1] == k - 1 and len(runs[-1]) < size:
            runs[-1].append(k)
        else:
            runs.append([k])
    return runs


class RunningP:
    """The p-value of the first test of a run while its spins go on.

    Parameters
    ----------
    record : RunRecord
        The observed part of the run.
    policies : tuple of {"independent", "mirrored"}
        Rotation policies of the spins.
    """

    def __init__(self, record: RunRecord, policies: tuple[Policy, ...]) -> None:
        order = spun_sets(record.config)
        features, baseline = tests_of(record.config)[0]
        self.columns = [order.index(features), *([order.index(baseline)] if baseline else [])]
        self.policy = preferred_policy(baseline, policies)
        values = [float(fold_mean_macro_f1(record.counts[order[i]])) for i in self.columns]
        self.observed = values[0] - sum(values[1:])
        self.null = np.zeros(0)

    def add(self, chunk: DoneChunk) -> str:
        """Count the spins of a chunk, and return the p-value as text."""
        if chunk.policy == self.policy:
            values = chunk.statistic[:, self.columns]
            new = values[:, 0] - values[:, 1:].sum(axis=1)
            self.null = np.append(self.null, new)
        if not len(self.null):
            return ""
        outcome = SpinPValue.from_null(self.observed, self.null)
        low, high = outcome.ci95
        return f"p = {outcome.p:.2g} ({low:.2g} to {high:.2g})"


def preferred_policy(baseline: str | None, policies: tuple[Policy, ...]) -> Policy:
    """Return the policy to quote: independent, as published, for differences to coordinates."""
    preferred: Policy = "independent" if baseline == COORDINATES else "mirrored"
    return preferred if preferred in policies else policies[0]


def tests_of(config: dict[str, Any]) -> list[tuple[str, str | None]]:
    """Return the tests of a run: each feature set against each baseline, and on its own."""
    return [
        (features, baseline)
        for features in config["features"]
        for baseline in (*[b for b in config["baseline"] if b != features], None)
    ]


def spin_test_outcome(
    record: RunRecord, policies: tuple[Policy, ...], n_spins: int
) -> dict[str, Any]:
    """Return what ``results.json`` says of the spins of a run: all tests, and the spins' quality.

    For each feature set: its macro-F1, and the difference to each baseline. The policy to quote
    comes first: independent rotations for the difference to the coordinates (as published),
    mirrored ones for everything else.

    Parameters
    ----------
    record : RunRecord
        The observed part of the run.
    policies : tuple of {"independent", "mirrored"}
        Rotation policies of which the run directory holds the spins.
    n_spins : int
        Spins that are looked at: the first ones.

    Warns
    -----
    CytosurfWarning
        If spins left nothing to decode; they count as exceeding in every test.
    """
    order = spun_sets(record.config)
    observed = {name: float(fold_mean_macro_f1(record.counts[name])) for name in order}
    spins = {policy: read_spins(record.directory, policy, n_spins) for policy in policies}
    entries, nulls = [], []
    for features, baseline in tests_of(record.config):
        preferred = preferred_policy(baseline, policies)
        for policy in sorted(policies, key=lambda p: p != preferred):
            null = spins[policy]["statistic"][:, order.index(features)]
            value = observed[features]
            if baseline is not None:
                null = null - spins[policy]["statistic"][:, order.index(baseline)]
                value -= observed[baseline]
            outcome = SpinPValue.from_null(value, null)
            nulls.append(null)
            entries.append(
                {
                    "features": features,
                    "baseline": baseline,
                    "statistic": "macro_f1" if baseline is None else "macro_f1 difference",
                    "rotation": policy,
                    "primary": policy == preferred,
                    "observed": outcome.observed,
                    "exceed": outcome.exceed,
                    "p": outcome.p,
                    "p_ci95": list(outcome.ci95),
                    "p_max": None,
                    "p_holm": None,
                    "p_bh": None,
                }
            )
    _correct_over_features(entries, nulls)
    quality: dict[str, Any] = {
        policy: {
            "kept": {"mean": float(s["kept"].mean()), "min": float(s["kept"].min())},
            "distinct": {"mean": float(s["distinct"].mean()), "min": float(s["distinct"].min())},
        }
        for policy, s in spins.items()
    }
    untestable = {
        policy: int(np.isnan(s["statistic"]).any(axis=1).sum()) for policy, s in spins.items()
    }
    _warn_of_untestable(record.results["target"], untestable, n_spins)
    return {
        "n_spins": n_spins,
        "seed": record.config["seed"],
        "untestable": untestable,
        "sets": order,
        "tests": entries,
        "quality": quality,
    }


def _correct_over_features(
    entries: list[dict[str, Any]], nulls: list[npt.NDArray[np.float64]]
) -> None:
    """Fill in ``p_max`` of tests that several feature sets share: by the maximum of them all."""
    kinds: dict[tuple[str | None, str], list[int]] = {}
    for i, entry in enumerate(entries):
        kinds.setdefault((entry["baseline"], entry["rotation"]), []).append(i)
    for kind in kinds.values():
        null = np.column_stack([nulls[i] for i in kind])
        null = np.where(np.isnan(null).any(axis=1, keepdims=True), FAILED_SPIN, null)
        if len(kind) > 1:
            corrected = max_statistic([entries[i]["observed"] for i in kind], null)
            for i, p in zip(kind, corrected.p.tolist(), strict=True):
                entries[i]["p_max"] = p


def _warn_of_untestable(target: str, untestable: dict[Policy, int], n_spins: int) -> None:
    if any(untestable.values()):
        found = ", ".join(f"{n} of {n_spins} {policy} spins" for policy, n in untestable.items())
        message = (
            f"{target}: {found} left fewer than two classes in the region, or a fold without a "
            "labelled training vertex. They count as reaching the observed value in every test."
        )
        warnings.warn(message, CytosurfWarning, stacklevel=3)


def spun_sets(config: dict[str, Any]) -> list[str]:
    """Return the feature sets that are decoded in every spin: features, then baselines."""
    return list(dict.fromkeys([*config["features"], *config["baseline"]]))


def read_nulls(directory: Path, results: dict[str, Any]) -> list[NullRecord]:
    """Return the spin tests of a run with their null distributions."""
    spin_test = results.get("spin_test")
    if not spin_test:
        return []
    order = spin_test["sets"]
    policies = dict.fromkeys(test["rotation"] for test in spin_test["tests"])
    spins = {p: read_spins(directory, p, spin_test["n_spins"])["statistic"] for p in policies}
    records = []
    for test in spin_test["tests"]:
        null = spins[test["rotation"]][:, order.index(test["features"])]
        if test["baseline"] is not None:
            null = null - spins[test["rotation"]][:, order.index(test["baseline"])]
        fields = {key: test[key] for key in ("features", "baseline", "statistic", "rotation")}
        fields |= {key: test[key] for key in ("observed", "exceed", "p", "primary", "p_holm")}
        fields |= {key: test.get(key) for key in ("p_bh", "p_max")}
        records.append(NullRecord(**fields, null=null, p_ci95=tuple(test["p_ci95"])))
    return records
