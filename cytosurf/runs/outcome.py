"""What the spins of a run say: every test with its p-values, computed from the stored counts.

Each feature set is tested on its own and against each baseline, under every rotation policy. The
statistic is the fold mean of macro-F1; others that the configuration names are computed from the
same counts and stand apart, since they may have been chosen after the run.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cytosurf.errors import CytosurfWarning, InputError
from cytosurf.nulls import (
    SpinPValue,
    fold_mean_macro_f1,
    max_statistic,
    sequential_p_value,
    statistic_named,
    tail_p_value,
)
from cytosurf.nulls.rotations import Policy
from cytosurf.nulls.statistics import DIFFERENCE, Statistic, class_f1, is_of_a_class
from cytosurf.runs.chunks import UNCONVERGED, n_spins_from_zero, read_spins
from cytosurf.runs.class_tests import class_test
from cytosurf.runs.comparisons import (
    Pair,
    compared,
    deciding_tests,
    observed_statistic,
    preferred_policy,
    spun_sets,
    tests_of,
)
from cytosurf.runs.config import DEFAULT_STATISTIC
from cytosurf.runs.record import NullRecord, RunRecord
from cytosurf.runs.spin_quality import (
    N_CLASSES,
    classes_present,
    counted_spins,
    filter_summary,
    judge_spins,
)

Float64 = npt.NDArray[np.float64]

_CLASS_F1 = "F1 of each class"
_ALWAYS: dict[str, Statistic] = {_CLASS_F1: class_f1, N_CLASSES: classes_present}


def spins_that_decide(record: RunRecord, policies: tuple[Policy, ...], n_spins: int) -> int:
    """Return how many spins, from 0 on, are looked at.

    All of them, unless the run may stop early and its deciding tests are settled before. That
    follows from the spins in their order, whatever else the directory holds.

    Parameters
    ----------
    record : RunRecord
        The observed part of the run, with its configuration.
    policies : tuple of {"independent", "mirrored"}
        Rotation policies of the spins.
    n_spins : int
        The largest number of spins.
    """
    exceedances = record.config.get("stop_after_exceedances")
    if exceedances is None:
        return n_spins
    there = min(n_spins, n_spins_from_zero(record.directory, policies))
    if not there:
        return n_spins
    observed, needed = observed_statistic(record), 1
    nulls = {policy: read_spins(record.directory, policy, there) for policy in policies}
    for pair, policy in deciding_tests(record.config, policies):
        outcome = sequential_p_value(
            float(compared(observed, record.config, pair, axis=0)),
            compared(nulls[policy]["statistic"], record.config, pair),
            exceedances=exceedances,
            max_spins=n_spins,
        )
        needed = max(needed, outcome.n_spins if outcome.complete else n_spins)
    return needed


@dataclass(frozen=True, eq=False)
class _Tested:
    """A test with its null distribution, before it is corrected with others."""

    entry: dict[str, Any]
    null: Float64


def spin_test_outcome(
    record: RunRecord, policies: tuple[Policy, ...], n_spins: int
) -> dict[str, Any]:
    """Return what ``results.json`` says of the spins of a run: all tests, and the spins' quality.

    For each feature set: its macro-F1, and the difference to each baseline; the same for the other
    statistics of the configuration; and the F1 of every class beside its null. The policy to quote
    comes first: independent rotations for the difference in macro-F1 to the coordinates (as
    published), mirrored ones for everything else.

    Parameters
    ----------
    record : RunRecord
        The observed part of the run.
    policies : tuple of {"independent", "mirrored"}
        Rotation policies of which the run directory holds the spins.
    n_spins : int
        Spins that are looked at: the first ones, fewer where the run stopped early.

    Warns
    -----
    CytosurfWarning
        If spins left nothing to decode; they count as exceeding in every test. If fits ended before
        their stopping rule was met. If the filter leaves too few. Or if a statistic of one class is
        left out, since no fold tests the class or no spin kept it.
    """
    config = record.config
    n_used = spins_that_decide(record, policies, n_spins)
    whole = n_used == n_spins
    statistics = _statistics(record)
    spins = {p: read_spins(record.directory, p, n_used, statistics | _ALWAYS) for p in policies}
    quality = judge_spins(record, spins)
    spins = {p: quality[p].selected(arrays) for p, arrays in spins.items()}
    tested = list(_tests(record, DEFAULT_STATISTIC, fold_mean_macro_f1, spins, n_spins))
    if whole:
        _correct_over_features(tested)
    others = [
        test.entry
        for name, statistic in statistics.items()
        for test in _tests(record, name, statistic, spins, n_spins)
    ]
    untestable = {p: int(np.isnan(s["statistic"]).any(axis=1).sum()) for p, s in spins.items()}
    _warn_of_untestable(record.results["target"], untestable, n_used)
    unconverged = {p: int(np.nansum(s[UNCONVERGED])) for p, s in spins.items()}
    _warn_of_unconverged(record.results["target"], unconverged)
    exceedances = config.get("stop_after_exceedances")
    rule = {"exceedances": exceedances, "max_spins": n_spins, "stopped": not whole}
    return {
        "n_spins": n_used,
        "seed": config["seed"],
        "stopping": None if exceedances is None else rule,
        "untestable": untestable,
        "unconverged": unconverged,
        "sets": spun_sets(config),
        "tests": [test.entry for test in tested],
        "other_statistics": others,
        "per_class": _class_tests(record, spins, whole=whole),
        "quality": {policy: its_quality.summary() for policy, its_quality in quality.items()},
        "filter": filter_summary(config, quality),
    }


def read_nulls(
    directory: Path, results: dict[str, Any]
) -> tuple[list[NullRecord], list[NullRecord]]:
    """Return the spin tests of a run with their null distributions: macro-F1, other statistics."""
    spin_test = results.get("spin_test")
    if not spin_test:
        return [], []
    parts = (spin_test["tests"], spin_test.get("other_statistics", []))
    classes = [c["key"] for c in results["classes"]], [c["name"] for c in results["classes"]]
    further = {name: statistic_named(name, *classes) for name in map(_name_of, parts[1])}
    policies = dict.fromkeys(test["rotation"] for test in spin_test["tests"])
    n_spins = spin_test["n_spins"]
    spins = {
        p: counted_spins(directory, spin_test, p, read_spins(directory, p, n_spins, further))
        for p in policies
    }
    order = {"features": spin_test["sets"], "baseline": []}

    def record_of(test: dict[str, Any], name: str) -> NullRecord:
        pair = test["features"], test["baseline"]
        null = _null(spins[test["rotation"]], name, order, pair)
        fields = {key: test[key] for key in ("features", "baseline", "statistic", "rotation")}
        fields |= {key: test[key] for key in ("observed", "exceed", "p", "primary", "p_holm")}
        fields |= {key: test.get(key) for key in ("p_bh", "p_max", "tail")}
        fields |= {"stopped": test.get("stopped", False), "complete": test.get("complete", True)}
        looked_at = null[: test.get("n_spins", n_spins)]
        return NullRecord(**fields, null=looked_at, p_ci95=tuple(test["p_ci95"]))

    return (
        [record_of(test, DEFAULT_STATISTIC) for test in parts[0]],
        [record_of(test, _name_of(test)) for test in parts[1]],
    )


def _name_of(test: Mapping[str, Any]) -> str:
    return str(test["statistic"]).removesuffix(DIFFERENCE)


def _statistics(record: RunRecord) -> dict[str, Statistic]:
    """Return the statistics that a run is asked for besides macro-F1."""
    names = record.config.get("statistics", ())
    return {n: statistic_named(n, record.labels.tolist(), record.label_names) for n in names}


def _tests(
    record: RunRecord,
    name: str,
    statistic: Statistic,
    spins: Mapping[Policy, Mapping[str, Float64]],
    max_spins: int,
) -> Iterator[_Tested]:
    """Give every test of a statistic, the policy to quote before the other."""
    config, policies = record.config, tuple(spins)
    observed = observed_statistic(record, statistic)
    if is_of_a_class(name) and np.isnan(observed).any():
        _warn_of_class(record, name, "no fold tests a vertex of the class")
        return
    for pair in tests_of(config):
        value = float(compared(observed, config, pair, axis=0))
        preferred = preferred_policy(pair[1], policies, name)
        for policy in sorted(policies, key=lambda p: p != preferred):
            null = _null(spins[policy], name, config, pair)
            if is_of_a_class(name) and np.isnan(null).all():
                _warn_of_class(record, name, f"none of the {policy} spins kept the class")
                continue
            n_left_out = len(spins[policy]["statistic"]) - len(null)
            entry = {
                "features": pair[0],
                "baseline": pair[1],
                "statistic": name if pair[1] is None else name + DIFFERENCE,
                "rotation": policy,
                "primary": policy == preferred,
            }
            corrected = dict.fromkeys(("p_max", "p_holm", "p_bh"))
            counted = _counted(value, null, config, max_spins - n_left_out)
            yield _Tested(entry | counted | corrected, null)


def _null(
    spins: Mapping[str, Float64], name: str, config: Mapping[str, Any], pair: Pair
) -> Float64:
    """Return a statistic of the spins of one policy, less that of the baseline.

    A spin that took a class away says nothing of that class, and is left out of its scores. One
    that left nothing to decode stays, as NaN.
    """
    scores = spins["statistic"]
    if name == DEFAULT_STATISTIC:
        return compared(scores, config, pair)
    null = compared(spins[name], config, pair)
    if not is_of_a_class(name):
        return null
    lost = np.isnan(scores).any(axis=1)
    return null[lost | ~np.isnan(null)]


def _counted(
    observed: float, null: Float64, config: Mapping[str, Any], max_spins: int
) -> dict[str, Any]:
    """Count exceedances, by the stopping rule where there is one; approximate p if asked for."""
    exceedances = config.get("stop_after_exceedances")
    outcome = (
        SpinPValue.from_null(observed, null)
        if exceedances is None
        else sequential_p_value(observed, null, exceedances=exceedances, max_spins=max_spins)
    )
    stopped, complete = getattr(outcome, "stopped", False), getattr(outcome, "complete", True)
    asked = config.get("approximate_tail", False)
    return {
        "observed": outcome.observed,
        "exceed": outcome.exceed,
        "n_spins": outcome.n_spins,
        "p": outcome.p,
        "p_ci95": list(outcome.ci95),
        "stopped": stopped,
        "complete": complete,
        "tail": _tail(observed, null, config["seed"], stopped=stopped) if asked else None,
    }


def _tail(observed: float, null: Float64, seed: int, *, stopped: bool) -> dict[str, Any]:
    """Return the approximate p of a tail with its fit, or why there is none."""
    if stopped:
        return {"approximate": True, "p": None, "reason": "the test stopped: p is not small"}
    try:
        fitted = tail_p_value(observed, null, seed)
    except InputError as error:
        return {"approximate": True, "p": None, "reason": f"{error.where}: {error.found}"}
    names = ("p", "fit_p", "n_tail", "threshold", "shape", "scale")
    return {"approximate": True} | {key: getattr(fitted, key) for key in names} | {"reason": None}


def _correct_over_features(tested: list[_Tested]) -> None:
    """Fill in ``p_max`` of tests that several feature sets share: by the maximum of them all."""
    kinds: dict[tuple[str | None, str], list[_Tested]] = {}
    for test in tested:
        kinds.setdefault((test.entry["baseline"], test.entry["rotation"]), []).append(test)
    for kind in kinds.values():
        if len(kind) > 1:
            observed = [test.entry["observed"] for test in kind]
            corrected = max_statistic(observed, np.column_stack([test.null for test in kind]))
            for test, p in zip(kind, corrected.p.tolist(), strict=True):
                test.entry["p_max"] = p


def _class_tests(
    record: RunRecord, spins: Mapping[Policy, Mapping[str, Float64]], *, whole: bool
) -> list[dict[str, Any]]:
    """Return the F1 of each class beside its null for every test, under the policy of scores."""
    config, k = record.config, len(record.labels)
    policy = preferred_policy(None, tuple(spins))
    observed, null = observed_statistic(record, class_f1), spins[policy][_CLASS_F1][..., :k]
    return [
        {"features": pair[0], "baseline": pair[1], "rotation": policy}
        | class_test(
            compared(observed, config, pair, axis=0), compared(null, config, pair), tested=whole
        )
        for pair in tests_of(config)
    ]


def _warn_of_untestable(target: str, untestable: Mapping[Policy, int], n_spins: int) -> None:
    if any(untestable.values()):
        found = ", ".join(f"{n} of {n_spins} {policy} spins" for policy, n in untestable.items())
        message = (
            f"{target}: {found} left fewer than two classes in the region, or a fold without a "
            "labelled training vertex. They count as reaching the observed value in every test."
        )
        warnings.warn(message, CytosurfWarning, stacklevel=3)


def _warn_of_class(record: RunRecord, name: str, why: str) -> None:
    message = f"{record.results['target']}: --statistic {name} is not tested, since {why}."
    warnings.warn(message, CytosurfWarning, stacklevel=3)


def _warn_of_unconverged(target: str, unconverged: Mapping[Policy, int]) -> None:
    if any(unconverged.values()):
        found = ", ".join(f"{n} of {policy} spins" for policy, n in unconverged.items())
        message = (
            f"{target}: fits ended before their stopping rule was met ({found}). Their scores are "
            "a little off the minimum; where there are many, look for columns that are nearly "
            "copies of each other, or use a smaller C."
        )
        warnings.warn(message, CytosurfWarning, stacklevel=3)
