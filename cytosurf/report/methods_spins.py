"""The paragraph of the methods section about spin tests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

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
    seed = (record.results.get("spin_test") or {}).get("seed", record.config.get("seed", 0))
    n_spins = max(len(test.null) for test in tests)
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
        text += f" p-values were corrected over targets by Holm's method {cite('Holm1979')}."
    return text


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
