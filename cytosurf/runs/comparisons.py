"""The comparisons of a run: which feature sets are tested against which, by what statistic."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from cytosurf.decoding.marginals import Marginals, marginals
from cytosurf.errors import InputError
from cytosurf.nulls import fold_mean_macro_f1, statistic_named
from cytosurf.nulls.rotations import Policy
from cytosurf.nulls.statistics import Statistic, is_of_a_class
from cytosurf.runs.config import COORDINATES, DEFAULT_STATISTIC
from cytosurf.runs.record import RunRecord

Float64 = npt.NDArray[np.float64]
Pair = tuple[str, str | None]


def preferred_policy(
    baseline: str | None, policies: tuple[Policy, ...], statistic: str = DEFAULT_STATISTIC
) -> Policy:
    """Return the policy to quote: independent, as published, for differences to coordinates.

    Mirrored for everything else, other statistics among it.
    """
    published = baseline == COORDINATES and statistic == DEFAULT_STATISTIC
    preferred: Policy = "independent" if published else "mirrored"
    return preferred if preferred in policies else policies[0]


def spun_sets(config: Mapping[str, Any]) -> list[str]:
    """Return the feature sets that are decoded in every spin: features, then baselines."""
    return list(dict.fromkeys([*config["features"], *config["baseline"]]))


def tests_of(config: Mapping[str, Any]) -> list[Pair]:
    """Return the tests of a run: each feature set against each baseline, and on its own."""
    return [
        (features, baseline)
        for features in config["features"]
        for baseline in (*[b for b in config["baseline"] if b != features], None)
    ]


def deciding_tests(
    config: Mapping[str, Any], policies: tuple[Policy, ...]
) -> list[tuple[Pair, Policy]]:
    """Return the tests that must be settled before spins may end: what the run is about.

    The differences to the baselines, under the policy to quote; scores where there is no baseline.
    """
    pairs = tests_of(config)
    differences = [pair for pair in pairs if pair[1] is not None]
    return [(pair, preferred_policy(pair[1], policies)) for pair in differences or pairs]


def observed_statistic(record: RunRecord, statistic: Statistic = fold_mean_macro_f1) -> Float64:
    """Return a statistic of the real labels, (n_sets, ...), in the order of `spun_sets`."""
    return np.stack([statistic(marginals(record.counts[n])) for n in spun_sets(record.config)])


def compared(values: Float64, config: Mapping[str, Any], pair: Pair, axis: int = 1) -> Float64:
    """Return the values of a feature set less those of its baseline, if it has one.

    Parameters
    ----------
    values : ndarray
        Of all spun sets along `axis`.
    config : mapping
        The configuration.
    pair : tuple
        Features, and baseline or None.
    axis : int, optional
        Dimension of the sets.
    """
    order = spun_sets(config)
    result = values.take(order.index(pair[0]), axis=axis)
    if pair[1] is not None:
        result = result - values.take(order.index(pair[1]), axis=axis)
    return np.asarray(result)


def check_tested(
    names: Iterable[str], keys: Sequence[int], class_names: Sequence[str], n_tested: Sequence[int]
) -> None:
    """Raise `InputError` for a statistic of a class of which no fold tests a vertex.

    Parameters
    ----------
    names : iterable of str
        Statistics, as for `cytosurf.nulls.statistic_named`.
    keys, class_names : sequence of int, of str
        The classes.
    n_tested : sequence of int
        Tested vertices of each.
    """
    of_truth = np.asarray(n_tested, np.float64)[None]
    perfect = Marginals(of_truth, of_truth, of_truth)
    for name in names:
        statistic = statistic_named(name, keys, class_names)
        if is_of_a_class(name) and np.isnan(statistic(perfect)):
            found = "a class of which no fold tests a vertex"
            raise InputError(f"--statistic {name}", found, "a class that is tested")
