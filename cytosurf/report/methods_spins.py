"""The paragraph of the methods section about spin tests."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cytosurf.report.formatting import listed
from cytosurf.report.references import Citations
from cytosurf.report.selection import quoted_tests

if TYPE_CHECKING:
    from cytosurf.runs.record import NullRecord, RunRecord

# More feature sets than these are counted instead of listed.
_NAMED_SETS = 4
_HOW = {
    "independent": "each hemisphere had a rotation of its own",
    "mirrored": "the rotation of the right hemisphere was the mirror image of that of the left",
}


def spins_paragraph(record: RunRecord, cite: Citations) -> str:
    """Return how the spin tests of a run were made, all of them and under every policy.

    Parameters
    ----------
    record : RunRecord
        A finished run with spins.
    cite : Citations
        Collects the references.
    """
    tests = record.nulls
    spin_test = record.results.get("spin_test") or {}
    seed = spin_test.get("seed", record.config.get("seed", 0))
    n_spins = max(len(test.null) for test in tests)
    if spin_test.get("filter"):
        n_spins = spin_test["n_spins"]
    text = (
        f"Significance was assessed by one-sided spin tests {cite('AlexanderBloch2018')}: the "
        "labels, with the medial wall, were rotated on the sphere by "
        f"{n_spins:,} uniformly random rotations (seed {seed}), reassigned to the nearest vertex, "
        f"and decoded anew with the same folds. {_policy_sentences(record)} "
        f"p = (b + 1)/(n + 1) {cite('Phipson2010')}, where b of n spins reached the observed "
        f"value; intervals of b/n are exact binomial ones {cite('Clopper1934')}."
    )
    n_lost = max(len(test.null) - len(test.tested) for test in tests)
    if n_lost:
        text += f" {n_lost} spins left too few labels to decode and were counted among the b."
    if any(test.p_holm is not None for test in tests):
        text += (
            f" p-values were corrected over targets by Holm's method {cite('Holm1979')}, and for "
            f"the false discovery rate {cite('Benjamini1995')}."
        )
    return text + "".join(f" {sentence}" for sentence in _further_sentences(record, cite))


def increment_paragraph(record: RunRecord, cite: Citations) -> str:
    """Return how increment tests of a run, and tests of its features alone, were made.

    Parameters
    ----------
    record : RunRecord
        A finished run with tests of either kind.
    cite : Citations
        Collects the references.
    """
    tests, alone = (record.results.get(key) or [] for key in ("increment_tests", "feature_tests"))
    return " ".join(
        [*([_increments(tests, cite)] if tests else []), *([_alone(alone, cite)] if alone else [])]
    )


def _increments(tests: Sequence[Mapping[str, Any]], cite: Citations) -> str:
    what = listed([f"{test['features']} beside {test['position']}" for test in tests])
    return (
        f"Whether features add to position was tested by increment tests ({what}): the features, "
        f"all columns and their mask together, were {_how_drawn(tests)}, while labels, position "
        "and folds stayed. The statistic was the macro-F1 of position and features minus "
        "that of position alone, refitted in every draw on the vertices where the drawn features "
        f"were valid; p = (b + 1)/(n + 1) {cite('Phipson2010')}."
    )


def _alone(tests: Sequence[Mapping[str, Any]], cite: Citations) -> str:
    what = listed([f"{test['features']} minus {test['position']}" for test in tests])
    return (
        f"Features were also tested on their own ({what}): they were {_how_drawn(tests)}, and "
        "decoded without position, whose macro-F1 on the same vertices was subtracted; "
        f"p = (b + 1)/(n + 1) {cite('Phipson2010')}."
    )


def _how_drawn(tests: Sequence[Mapping[str, Any]]) -> str:
    """Say how features were drawn, and how often."""
    made = {"spins": "rotated", "surrogates": "replaced by surrogates"}
    draws = [
        f"{made[t['null']]} ({t['n_spins']:,} {t['rotation']} draws{_left_out(t)})" for t in tests
    ]
    return listed(sorted(dict.fromkeys(draws)))


def _left_out(test: Mapping[str, Any]) -> str:
    """Say how many draws were left out because they distort distances."""
    if not test.get("filter"):
        return ""
    return f", and {len(test['filter']['left_out']):,} left out for their distortion"


def _further_sentences(record: RunRecord, cite: Citations) -> list[str]:
    """Say how spins ended early, what was corrected over what, and what else was asked of them."""
    tests, spin_test = record.nulls, record.results.get("spin_test") or {}
    sentences = []
    left_out = spin_test.get("filter")
    if left_out:
        numbers = (f"{n:,} {policy}" for policy, n in left_out["n_left_out"].items())
        sentences.append(
            "Rotations that changed distances along the cortex by more than "
            f"{100 * left_out['max_distortion']:g} % on average (mean relative change over random "
            f"pairs of vertices) were left out, {listed(list(numbers))} ones of "
            f"{spin_test['n_spins']:,} each; the limit was set before any rotation was scored."
        )
    stopping = spin_test.get("stopping")
    if stopping:
        sentences.append(
            f"Spins ended at exceedance {stopping['exceedances']} of the tests of differences to "
            f"baselines (of scores where there was no baseline), with p = b/n, or after "
            f"{stopping['max_spins']:,} {cite('Besag1991')}, decided in the order of the spins."
        )
    if any(test.p_max is not None for test in tests):
        sentences.append(
            "p-values over the feature sets of a target were corrected by the largest of their "
            f"statistics in each spin, each on the scale of its null {cite('Nichols2002')}."
        )
    per_class = spin_test.get("per_class") or []
    if any(p is not None and not math.isnan(p) for test in per_class for p in test["p_max"]):
        sentences.append(
            "The F1 of each class was compared with its own null, and corrected over the classes "
            f"by the largest of their studentised values in each spin {cite('Nichols2002')}."
        )
    other = dict.fromkeys(n.statistic.removesuffix(" difference") for n in record.other_nulls)
    if other:
        sentences.append(f"The same spins were used to test {listed(list(other))}.")
    if any(test.tail and test.tail["p"] is not None for test in tests):
        sentences.append(
            "Approximate p-values are from a generalised Pareto distribution fitted to the largest "
            f"spins, its fit tested by Anderson and Darling's statistic {cite('Knijnenburg2009')}."
        )
    return sentences


def _policy_sentences(record: RunRecord) -> str:
    """Say which statistic was tested with which rotations, and what was tested besides."""
    if len(record.hemispheres) == 1:
        return f"Tested were {_statistics(record.nulls)}."
    policies = list(dict.fromkeys(test.rotation for test in record.nulls))
    quoted = {policy: quoted_tests(record, policy) for policy in policies}
    sentences = [
        f"For {_statistics(tests)} {_HOW[policy]} ({policy} rotations)."
        for policy, tests in quoted.items()
        if tests
    ]
    if len(policies) > 1:
        sentences.append(
            "Every statistic was tested under both rotation policies; the p-value of the other "
            "policy is reported beside the one named here."
        )
    return " ".join(sentences)


def _statistics(tests: Sequence[NullRecord]) -> str:
    """Name the statistics of tests: differences by baseline, and then scores."""
    baselines = dict.fromkeys(test.baseline for test in tests)
    parts = []
    for baseline in sorted(baselines, key=lambda b: (b is None, str(b))):
        sets = list(dict.fromkeys(t.features for t in tests if t.baseline == baseline))
        named = listed(sets) if len(sets) <= _NAMED_SETS else f"each of {len(sets)} feature sets"
        if baseline is None:
            parts.append(f"the macro-F1 of {named}")
        else:
            parts.append(f"the macro-F1 of {named} minus that of {baseline}")
    return listed(parts)
