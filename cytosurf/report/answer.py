"""The answer of a run in plain words: what was found, and what it does and does not show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from cytosurf.report.formatting import (
    columns,
    format_p,
    listed,
    mean_sd,
    n_tested,
    number,
    over_folds,
    rivals,
)
from cytosurf.report.selection import (
    circular_sets,
    feature_sets,
    fold_options,
    is_lenient,
    matched_position,
    names_with_role,
    primary_pair,
    primary_test,
)
from cytosurf.report.tables import fold_differences

if TYPE_CHECKING:
    from cytosurf.runs.record import NullRecord, RunRecord

_LEVEL = 0.05
_WEAK_LEVEL = 0.1  # up to here a p-value is called weak evidence instead of none


@dataclass(frozen=True)
class HeadlineNumber:
    """One number of the headline: what it is, its value, and a remark."""

    label: str
    value: str
    remark: str


@dataclass(frozen=True)
class Answer:
    """The answer of a run.

    Parameters
    ----------
    question : str
        What was asked, as one sentence.
    found : str
        Scores, position baselines and p-value, as one paragraph.
    shows, does_not_show : str
        How to read them.
    numbers : tuple of HeadlineNumber
        The headline numbers.
    """

    question: str
    found: str
    shows: str
    does_not_show: str
    numbers: tuple[HeadlineNumber, ...]


def answer(record: RunRecord) -> Answer:
    """Return the answer of a run in plain words."""
    features, baseline = primary_pair(record)
    sentences = [_score_sentence(record, features)]
    sentences += _position_sentences(record, features, baseline)
    test = primary_test(record)
    if test is not None:
        sentences.append(_spin_sentence(test))
    increments = [null for null in record.increment_nulls if null.features == features]
    sentences += [_increment_sentence(null) for null in increments]
    sentences += [
        _alone_sentence(null) for null in record.feature_nulls if null.features == features
    ]
    sentences += _other_sets_sentence(record)
    return Answer(
        question=_question(record, features, baseline),
        found=" ".join(sentences),
        shows=" ".join(
            [_shows(record, features, baseline, test), *(_adds(null) for null in increments)]
        ),
        does_not_show=_does_not_show(record, increments),
        numbers=_numbers(record, features, baseline, test, increments),
    )


def _question(record: RunRecord, features: str, baseline: str | None) -> str:
    k = len(record.labels)
    beyond = f", and better than {baseline}" if baseline else ""
    return (
        f"Does {features} predict the {k} classes of {record.results['target']} in parts of the "
        f"cortex that the decoder has not seen{beyond}?"
    )


def _score_sentence(record: RunRecord, features: str) -> str:
    scores = feature_sets(record)[features]
    macro = scores["macro_f1"]
    n_folds = n_tested(macro["folds"])
    sentence = (
        f"With {features} ({columns(scores['n_features'])}) the macro-F1 on held-out cortex is "
        f"{mean_sd(macro['mean'], macro['sd'], n_folds)} ({over_folds(n_folds)})"
    )
    if scores.get("ci95"):
        low, high = scores["ci95"]
        pooled = f"; pooled over folds it is {scores['pooled_macro_f1']:.3f}" if n_folds > 1 else ""
        sentence += f"{pooled}, 95 % interval {low:.3f} to {high:.3f}"
    return f"{sentence}."


def _position_sentences(record: RunRecord, features: str, baseline: str | None) -> list[str]:
    """Compare with the baseline, with position of the same size, and with the prior alone."""
    sets = feature_sets(record)
    sentences = []
    for other, what in ((baseline, "the baseline"), (matched_position(record, features), "")):
        if other is None or (not what and other == baseline):
            continue
        n = sets[other]["n_features"]
        kind = what or "position with about as many columns"
        differences = _tested_differences(record, features, other)
        sentences.append(
            f"With {other} ({kind}; {columns(n)}) it is {sets[other]['macro_f1']['mean']:.3f}: "
            f"{features} is {_signed(float(differences.mean()))}, and ahead in "
            f"{int((differences > 0).sum())} of {len(differences)} folds."
        )
    for reference in names_with_role(record, "reference"):
        mean = sets[reference]["macro_f1"]["mean"]
        sentences.append(f"Without any feature ({reference}) it is {mean:.3f}.")
    return sentences


def _tested_differences(record: RunRecord, features: str, other: str) -> npt.NDArray[np.float64]:
    """Return macro-F1 of features less that of another set in the folds that test a vertex."""
    differences = np.array(fold_differences(record, features, other))
    tested: npt.NDArray[np.float64] = differences[~np.isnan(differences)]
    return tested


def _other_sets_sentence(record: RunRecord) -> list[str]:
    """Name the best of several feature sets, which need not be the one the answer is about."""
    names = names_with_role(record, "features")
    if len(names) < 2:
        return []
    means = {name: feature_sets(record)[name]["macro_f1"]["mean"] for name in names}
    best = max(means, key=lambda name: means[name])
    return [
        f"Of the {len(names)} feature sets of this run, {best} scores highest ({means[best]:.3f})."
    ]


def _spin_sentence(test: NullRecord) -> str:
    n = len(test.null)
    what = f"an advantage over {test.baseline}" if test.baseline else "a macro-F1"
    low, high = test.p_ci95
    holm = f"; {format_p(test.p_holm)} after Holm's correction" if test.p_holm is not None else ""
    if not test.complete:
        holm += "; provisional, the run stopped for other tests"
    if test.tail and test.tail["p"] is not None:
        holm += f"; approximately {test.tail['p']:.1e} by a fitted tail"
    return (
        f"In the spin test, {test.exceed} of {n:,} label maps at random places gave {what} at "
        f"least as large: p = {format_p(test.p)} ({test.rotation} rotations; 95 % interval of "
        f"the rate {format_p(low)} to {format_p(high)}{holm})."
    )


def _increment_sentence(test: NullRecord) -> str:
    """Say what features added to position, and how many spins of them added as much."""
    n = len(test.null)
    return (
        f"Added to {test.baseline}, {test.features} changes the macro-F1 by "
        f"{number(test.observed)}; {test.exceed} of {n:,} {test.draws} of the features changed it "
        f"by as much or more (increment test, {_drawn(test)}): p = {format_p(test.p)}."
    )


def _alone_sentence(test: NullRecord) -> str:
    """Say how far features on their own are from position, and how many draws come as far."""
    return (
        f"Alone, {test.features} differs from {test.baseline} by {number(test.observed)}; "
        f"{test.exceed} of {len(test.null):,} {test.draws} of the features by as much or more "
        f"(test of features alone, {_drawn(test)}): p = {format_p(test.p)}."
    )


def _drawn(test: NullRecord) -> str:
    """Say how the draws of the hemispheres went together."""
    what = {"spins": "rotations", "surrogates": "hemispheres"}
    return f"{test.rotation} {what[test.draws]}"


def _adds(test: NullRecord) -> str:
    """Read the p of an increment test in words that are as graded as it is."""
    what = f"{test.features} adds to {test.baseline}"
    n, others = len(test.null), rivals(test.draws)
    few = 1 / (n + 1) > _LEVEL
    if few and not test.exceed:
        text = (
            f"None of {n} {test.draws} does as much beside {test.baseline}; they are too few to "
            f"tell whether {what} more than {others} would."
        )
    elif test.p <= _LEVEL and test.observed > 0:
        text = (
            f"{what} more than {others} would, so it knows something of the labels "
            " that these columns of position do not; more columns might."
        )
    elif test.p <= _LEVEL:
        text = (
            f"{test.features} harms the score beside {test.baseline} less than {others} would, but "
            "it does not raise it."
        )
    elif test.p <= _WEAK_LEVEL:
        text = f"That {what} what its smoothness alone would not is weakly supported."
    else:
        text = (
            f"{others.capitalize()} often do as much beside {test.baseline}: no good "
            f"evidence that {what} anything of its own."
        )
    if few:
        text += f" With {n} {test.draws} no smaller p was possible: run more."
    return text


def _shows(record: RunRecord, features: str, baseline: str | None, test: NullRecord | None) -> str:
    if test is None:
        text = (
            "No spin test belongs to this comparison, so it is not known how often label maps of "
            "the same smoothness at random places would score as well."
        )
    else:
        text = _verdict(test, features, baseline, record.results["target"])
        if is_lenient(record, test):
            text += (
                " But independent rotations make this p far too small where features and labels "
                "are alike left and right: it counts for little without mirrored ones."
            )
    position = matched_position(record, features)
    if position is None:
        return text
    differences = _tested_differences(record, features, position)
    if float(differences.mean()) <= 0:
        link = "But" if test is not None and _decisive_p(test) <= _WEAK_LEVEL else "Besides,"
        own = any(null.features == features for null in record.increment_nulls)
        what = "its score alone does not show" if own else "nothing here shows"
        return (
            f"{text} {link} {position}, which knows only where a vertex lies and has about as many "
            f"columns, does as well or better: {what} that {features} carries information beyond "
            "position."
        )
    ahead = (
        f"{text} {features} is also ahead of {position}, position with about as many columns, in "
        f"{int((differences > 0).sum())} of {len(differences)} folds"
    )
    tested = test is None or test.baseline == position
    return f"{ahead}." if tested else f"{ahead}; the spin test is not about that difference."


def _decisive_p(test: NullRecord) -> float:
    """Return the p-value that decides: corrected where several targets were tested."""
    return test.p if test.p_holm is None else test.p_holm


def _verdict(test: NullRecord, features: str, baseline: str | None, target: str) -> str:
    """Read a p-value in words that are as graded as it is, and say how well it is known."""
    what = f"advantage of {features} over {baseline}" if test.baseline else f"score of {features}"
    claim = (
        f"{features} tells more about {target}"
        f"{f' than {baseline}' if test.baseline else ' than smooth maps do by accident'}"
    )
    n, p = len(test.null), _decisive_p(test)
    # A test that stopped at an exceedance has all the spins that it asks for, however few.
    few = not test.stopped and 1 / (n + 1) > _LEVEL
    if few and not test.exceed:
        text = (
            f"None of {n} label maps at random places does as well; they are too few to tell "
            f"whether {claim}."
        )
    elif p <= _LEVEL:
        text = (
            f"The {what} is larger than label maps of the same smoothness at random places "
            f"usually give, so it is unlikely to be an accident of smoothness alone."
        )
    elif p <= _WEAK_LEVEL:
        text = (
            f"The {what} is larger than most label maps of the same smoothness at random places "
            f"give, but too many do as well to set an accident of smoothness aside: weak evidence "
            f"that {claim}, neither shown nor ruled out."
        )
    else:
        text = (
            "Label maps of the same smoothness at random places often do as well: this run gives "
            f"no good evidence that {claim}. It does not show the opposite either."
        )
    if few:
        return f"{text} With {n} spins no smaller p was possible: run more."
    low, high = test.p_ci95
    if not test.stopped and test.p_holm is None and low <= _LEVEL <= high:
        text += f" With {n:,} spins p may still come to lie on either side of {_LEVEL:g}: run more."
    return text


def _does_not_show(record: RunRecord, increments: Sequence[NullRecord]) -> str:
    text = (
        "The scores describe these maps (one brain, or one average of a group), not differences "
        "between people, and association, not cause. Folds share training data, so their SD is "
        "not a confidence interval. Rotated labels also lose their relation to position, so the "
        "spin test alone does not prove information beyond position"
    )
    text += "." if increments else "; the increment test asks that (cytosurf increment)."
    if len(record.hemispheres) == 2 and fold_options(record).get("scheme", "blocks") == "blocks":
        text += (
            " A held-out superblock may have its mirror image in the training set, which helps "
            "every feature that is alike left and right, position included; homotopic folds rule "
            "that out."
        )
    circular = circular_sets(record)
    if circular:
        made = "is" if len(circular) == 1 else "are"
        text = (
            f"{listed(circular)} {made} made from functional data, and so is the target: that "
            f"score is circular, a reference and not a finding. {text}"
        )
    return text


def _numbers(
    record: RunRecord,
    features: str,
    baseline: str | None,
    test: NullRecord | None,
    increments: Sequence[NullRecord],
) -> tuple[HeadlineNumber, ...]:
    sets = feature_sets(record)

    def score(name: str, remark: str) -> HeadlineNumber:
        macro = sets[name]["macro_f1"]
        n_folds = n_tested(macro["folds"])
        value, _, sd = mean_sd(macro["mean"], macro["sd"], n_folds).partition(" ± ")
        return HeadlineNumber(name, value, f"± {sd}, {remark}" if sd else f"one fold, {remark}")

    numbers = [score(features, f"macro-F1, {columns(sets[features]['n_features'])}")]
    position = matched_position(record, features)
    if baseline:
        numbers.append(score(baseline, f"baseline, {columns(sets[baseline]['n_features'])}"))
    if position and position != baseline:
        numbers.append(score(position, f"position, {columns(sets[position]['n_features'])}"))
    if test is not None:
        remark = f"{test.exceed} of {len(test.null):,} spins"
        numbers.append(HeadlineNumber("spin test", f"p = {format_p(test.p)}", remark))
    for null in increments[:1]:
        remark = f"added to {null.baseline}; {null.exceed} of {len(null.null):,} {null.draws}"
        numbers.append(HeadlineNumber("increment test", f"p = {format_p(null.p)}", remark))
    return tuple(numbers)


def _signed(value: float) -> str:
    return f"{abs(value):.3f} {'higher' if value >= 0 else 'lower'}"
