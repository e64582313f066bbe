"""The spins of a run directory: one file per finished chunk, whole or absent.

A chunk file is named by rotation policy and spin indices (``independent_000000-000009.npz``).
Since a spin depends on the seed and its index alone, a killed run goes on with the indices that
no file holds yet, and the result does not depend on chunk size or number of processes.
"""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cytosurf.compute.files import write_npz
from cytosurf.compute.pool import run_tasks
from cytosurf.errors import InputError
from cytosurf.nulls import SpinPValue, SpinTest, fold_mean_macro_f1, run_spins
from cytosurf.nulls.rotations import Policy
from cytosurf.runs.config import COORDINATES
from cytosurf.runs.record import AGAIN, NullRecord, RunRecord, read_arrays

FOLDER = "spins"
LARGEST_CHUNK = 50
CHUNKS_PER_JOB = 8
_CHUNK_NAME = re.compile(r"(independent|mirrored)_(\d+)-(\d+)\.npz")


def add_spins(
    directory: Path, test: SpinTest, policies: tuple[Policy, ...], n_spins: int, jobs: int
) -> None:
    """Compute the spins 0 to ``n_spins - 1`` that the run directory does not hold yet.

    Parameters
    ----------
    directory : Path
        The run directory.
    test : SpinTest
        Decoders, labels and spheres.
    policies : tuple of {"independent", "mirrored"}
        Rotation policies; each gets all spins.
    n_spins : int
        Spins in all.
    jobs : int
        Processes.

    Raises
    ------
    InputError
        If a chunk that is there cannot be read, or is of another run (``test.run``).
    """
    size = int(np.clip(n_spins // (jobs * CHUNKS_PER_JOB), 1, LARGEST_CHUNK))
    tasks: list[tuple[Policy, list[int]]] = []
    for policy in policies:
        done = _finished(directory, policy, test.run)
        missing = [k for k in range(n_spins) if k not in done]
        tasks += [(policy, run) for run in _runs(missing, size)]
    work = partial(_spin_to_file, directory=directory, test=test)
    for _ in run_tasks(work, tasks, jobs=jobs, label="Spins"):
        pass


def _spin_to_file(task: tuple[Policy, list[int]], directory: Path, test: SpinTest) -> str:
    policy, spins = task
    chunk = run_spins(test, spins, policy)
    name = f"{policy}_{spins[0]:06d}-{spins[-1]:06d}.npz"
    write_npz(
        directory / FOLDER / name,
        spins=chunk.spins,
        counts=chunk.counts,
        kept=chunk.kept,
        distinct=chunk.distinct,
        evaluated=chunk.evaluated,
        correct=chunk.correct,
        policy=np.array(policy),
        run=np.array(test.run),
    )
    return name


def _finished(directory: Path, policy: str, run: str) -> set[int]:
    """Return the spins that chunks of this run hold; refuse those of another run."""
    done: set[int] = set()
    for _, _, path in _chunks(directory, policy):
        chunk = read_arrays(path, ("spins", "policy", "run"))
        if str(chunk["run"]) != run or str(chunk["policy"]) != policy:
            raise InputError(
                str(path),
                "spins of another run, of other data or of another version of cytosurf",
                f"{policy} spins of this run",
                "Remove them from the folder, or choose another --out.",
            )
        done.update(chunk["spins"].tolist())
    return done


def _runs(spins: list[int], size: int) -> list[list[int]]:
    """Split sorted indices into runs of consecutive ones, at most `size` long."""
    runs: list[list[int]] = []
    for k in spins:
        if runs and runs[-1][-1] == k - 1 and len(runs[-1]) < size:
            runs[-1].append(k)
        else:
            runs.append([k])
    return runs


def _chunks(directory: Path, policy: str) -> list[tuple[int, int, Path]]:
    """Return first index, last index and path of each chunk of a policy, in order."""
    found = []
    for path in (directory / FOLDER).glob(f"{policy}_*.npz"):
        match = _CHUNK_NAME.fullmatch(path.name)
        if match:
            found.append((int(match[2]), int(match[3]), path))
    return sorted(found)


def read_spins(directory: Path, policy: str, n_spins: int) -> dict[str, npt.NDArray[Any]]:
    """Read what is kept of the spins 0 to ``n_spins - 1`` under one policy.

    Returns
    -------
    dict
        ``statistic`` (n_spins, n_sets): fold mean of macro-F1; ``kept`` and ``distinct``
        (n_spins,).

    Raises
    ------
    InputError
        If a chunk cannot be read or spins are missing.
    """
    parts: list[dict[str, npt.NDArray[Any]]] = []
    for _, _, path in _chunks(directory, policy):
        chunk = read_arrays(path, ("spins", "counts", "kept", "distinct"))
        parts.append(chunk | {"statistic": fold_mean_macro_f1(chunk.pop("counts"))})
    together = {key: np.concatenate([p[key] for p in parts]) for key in parts[0]} if parts else {}
    spins, rows = np.unique(together.get("spins", np.zeros(0, int)), return_index=True)
    if not np.array_equal(spins[:n_spins], np.arange(n_spins)):
        raise InputError(
            str(directory / FOLDER),
            f"{len(spins)} of {n_spins} spins",
            "all of them",
            AGAIN,
        )
    return {key: value[rows[:n_spins]] for key, value in together.items() if key != "spins"}


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
    """
    order = spun_sets(record.config)
    observed = {name: float(fold_mean_macro_f1(record.counts[name])) for name in order}
    spins = {policy: read_spins(record.directory, policy, n_spins) for policy in policies}
    entries = []
    for features in record.config["features"]:
        for baseline in (*[b for b in record.config["baseline"] if b != features], None):
            preferred = "independent" if baseline == COORDINATES else "mirrored"
            for policy in sorted(policies, key=lambda p: p != preferred):
                null = spins[policy]["statistic"][:, order.index(features)]
                value = observed[features]
                if baseline is not None:
                    null = null - spins[policy]["statistic"][:, order.index(baseline)]
                    value -= observed[baseline]
                outcome = SpinPValue.from_null(value, null)
                entries.append(
                    {
                        "features": features,
                        "baseline": baseline,
                        "statistic": "macro_f1" if baseline is None else "macro_f1 difference",
                        "rotation": policy,
                        "primary": policy == preferred or len(policies) == 1,
                        "observed": outcome.observed,
                        "exceed": outcome.exceed,
                        "p": outcome.p,
                        "p_ci95": list(outcome.ci95),
                        "p_holm": None,
                    }
                )
    quality: dict[str, Any] = {
        policy: {
            "kept": {"mean": float(s["kept"].mean()), "min": float(s["kept"].min())},
            "distinct": {"mean": float(s["distinct"].mean()), "min": float(s["distinct"].min())},
        }
        for policy, s in spins.items()
    }
    return {
        "n_spins": n_spins,
        "seed": record.config["seed"],
        "sets": order,
        "tests": entries,
        "quality": quality,
    }


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
        records.append(NullRecord(**fields, null=null, p_ci95=tuple(test["p_ci95"])))
    return records
