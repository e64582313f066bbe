"""The answer in plain words."""

from dataclasses import replace

import numpy as np
import pytest

from cytosurf.report.answer import answer
from tests.unit.report.records import (
    null_record,
    one_fold,
    under_one_policy,
    untested_folds,
    with_features_alone,
    with_increment,
)


def with_test(record, p, **changes):
    """Return a record whose headline test has a given p-value out of 999 spins."""
    null = np.r_[np.ones(round(p * 1000) - 1), -np.ones(1000 - round(p * 1000))]
    test = null_record("stain", "coordinates", "independent", 0.5, null, primary=True, **changes)
    return replace(record, nulls=[test])


def with_position(record, gain):
    """Return a record whose matched position is `gain` better than the features in every fold."""
    sets = record.results["feature_sets"]
    folds = [f + gain for f in sets["stain"]["macro_f1"]["folds"]]
    macro = {"mean": float(np.mean(folds)), "sd": float(np.std(folds)), "folds": folds}
    sets = sets | {"harmonics:8": sets["harmonics:8"] | {"macro_f1": macro}}
    return replace(record, results=record.results | {"feature_sets": sets})


def with_sets(record, *names, target="toy target"):
    """Return a record without spins that has only the named sets, all scoring like `stain`."""
    entry = record.results["feature_sets"]["stain"] | {"matched_position": None}
    results = record.results | {"feature_sets": dict.fromkeys(names, entry), "target": target}
    return replace(record, results=results, nulls=[])


def test_the_answer_says_what_score_what_baselines_and_what_p(record):
    """Every number of the headline comparison is in the paragraph."""
    said = answer(record)
    sets = record.results["feature_sets"]
    for name in ("stain", "coordinates", "harmonics:8", "prior"):
        assert f"{sets[name]['macro_f1']['mean']:.3f}" in said.found
    low, high = sets["stain"]["ci95"]
    assert f"95 % interval {low:.3f} to {high:.3f}" in said.found
    assert "(8 columns)" in said.found
    assert f"{record.nulls[0].exceed} of 99 label maps" in said.found
    assert "independent rotations" in said.found
    assert said.question == (
        "Does stain predict the 3 classes of toy target in parts of the cortex that the decoder "
        "has not seen, and better than coordinates?"
    )


def test_the_headline_numbers_are_those_of_the_run(record):
    """Features, baseline, position of the same size, p."""
    numbers = answer(record).numbers
    assert [n.label for n in numbers] == ["stain", "coordinates", "harmonics:8", "spin test"]
    assert numbers[0].value == f"{record.results['feature_sets']['stain']['macro_f1']['mean']:.3f}"
    assert numbers[3].value.startswith("p = ")


def test_differences_are_counted_fold_by_fold(record):
    """Better, and in how many folds."""
    found = answer(with_position(record, -0.125)).found
    assert "stain is 0.125 higher, and ahead in 5 of 5 folds" in found
    found = answer(with_position(record, 0.125)).found
    assert "stain is 0.125 lower, and ahead in 0 of 5 folds" in found


@pytest.mark.parametrize(
    ("p", "gain", "phrases"),
    [
        (0.001, -0.1, ["unlikely to be an accident", "also ahead of harmonics:8"]),
        (0.001, 0.1, ["unlikely to be an accident", "But harmonics:8", "beyond position"]),
        (0.06, -0.1, ["weak evidence that stain tells more", "neither shown nor ruled out"]),
        (0.06, 0.1, ["weak evidence that stain tells more", "But harmonics:8"]),
        (0.4, -0.1, ["no good evidence", "not show the opposite", "also ahead of harmonics:8"]),
        (0.4, 0.1, ["no good evidence", "Besides, harmonics:8"]),
    ],
)
def test_the_reading_follows_from_p_and_position(record, p, gain, phrases):
    """A small p with position ahead is not information beyond position; 0.06 is not nothing."""
    shows = answer(with_test(with_position(record, gain), p)).shows
    assert all(phrase in shows for phrase in phrases)
    assert ("unlikely" in shows) == (p < 0.05)
    assert ("no good evidence" in shows) == (p > 0.1)


def test_no_p_is_called_not_significant_or_no_effect(record):
    """A p-value above a level is not evidence of absence."""
    for p in (0.001, 0.05, 0.051, 0.1, 0.5, 1.0):
        shows = answer(with_test(record, p)).shows
        assert "significant" not in shows
        assert "no effect" not in shows


@pytest.mark.parametrize(("p", "open_question"), [(0.001, False), (0.045, True), (0.06, True)])
def test_a_p_that_more_spins_could_move_across_the_level_is_said(record, p, open_question):
    """When the interval of the rate holds 0.05, the number of spins is too small to tell."""
    shows = answer(with_test(record, p)).shows
    assert ("may still come to lie on either side of 0.05" in shows) == open_question


def test_the_corrected_p_decides(record):
    """After Holm's correction 0.03 may be weak evidence, or none."""
    said = answer(with_test(record, 0.03, p_holm=0.09))
    assert "weak evidence" in said.shows
    assert "0.090 after Holm's correction" in said.found
    assert "either side" not in said.shows
    assert "no good evidence" in answer(with_test(record, 0.04, p_holm=0.12)).shows


def test_position_as_the_baseline_is_what_the_test_is_about(record):
    """Only another difference than the tested one is said not to be tested."""
    ahead = with_test(with_position(record, -0.1), 0.001)
    assert "the spin test is not about that difference" in answer(ahead).shows
    test = replace(ahead.nulls[0], baseline="harmonics:8")
    assert "not about" not in answer(replace(ahead, nulls=[test])).shows
    assert "not about" not in answer(replace(ahead, nulls=[])).shows


def test_too_few_spins_are_said(record):
    """With 9 spins p cannot be below 0.1."""
    test = null_record("stain", "coordinates", "independent", 1.0, np.zeros(9), primary=True)
    assert "no smaller p was possible" in answer(replace(record, nulls=[test])).shows


def test_a_run_without_spins_claims_nothing_about_chance(record):
    """No p-value, and no verdict that would need one."""
    said = answer(replace(record, nulls=[]))
    assert "No spin test" in said.shows
    assert "unlikely" not in said.shows
    assert "spin test, " not in said.found
    assert len(said.numbers) == 3


def test_a_run_without_any_baseline_can_be_answered(record):
    """Only a feature set: a score and nothing to compare it with."""
    said = answer(with_sets(record, "stain"))
    assert "better than" not in said.question
    assert len(said.numbers) == 1


def test_a_circular_set_is_called_circular(record):
    """A functional gradient against functional networks is no finding."""
    said = answer(with_sets(record, "func", target="yeo7"))
    assert "func is made from functional data" in said.does_not_show
    assert "circular" in said.does_not_show
    assert "circular" not in answer(with_sets(record, "hist", target="yeo7")).does_not_show


def test_of_several_feature_sets_the_best_is_named(record):
    """The answer is about the first set; a better one is not hidden."""
    record = with_sets(record, "hist", "micro")
    record.results["feature_sets"]["micro"] = record.results["feature_sets"]["hist"] | {
        "macro_f1": {"mean": 0.9, "sd": 0.0, "folds": [0.9] * 5}
    }
    assert "Of the 2 feature sets of this run, micro scores highest (0.900)" in answer(record).found


def test_mirror_images_in_training_are_said_unless_folds_keep_them_together(record):
    """Superblocks of two hemispheres are dealt independently unless asked otherwise."""
    assert "mirror image in the training set" in answer(record).does_not_show
    for scheme in ("homotopic", "left-to-right"):
        folds = record.config["folds"] | {"scheme": scheme}
        other = replace(record, config=record.config | {"folds": folds})
        assert "mirror image" not in answer(other).does_not_show
    assert "mirror image" not in answer(replace(record, hemispheres=("L",))).does_not_show


def test_one_fold_is_called_one_fold(record):
    """No SD is given where there is a single fold."""
    made = answer(one_fold(record))
    assert "(one fold), 95 % interval" in made.found
    assert "±" not in made.found
    assert all("±" not in number.remark for number in made.numbers)
    assert made.numbers[0].remark.startswith("one fold, ")


def test_folds_that_test_nothing_are_not_counted(record):
    """Neither in scores nor in differences, which are over the other folds."""
    made = answer(untested_folds(with_position(record, 0.125)))
    assert "(mean ± SD over 3 folds)" in made.found
    assert "stain is 0.125 lower, and ahead in 0 of 3 folds" in made.found
    assert "nan" not in made.found + made.shows
    ahead = answer(untested_folds(with_position(record, -0.125))).shows
    assert "with about as many columns, in 3 of 3 folds" in ahead
    single = answer(untested_folds(record, n_tested=1))
    assert "(one fold), 95 % interval" in single.found
    assert single.numbers[0].remark.startswith("one fold, ")


@pytest.mark.parametrize(
    ("p", "shows"),
    [
        (0.01, "stain adds to harmonics:8 more than equally smooth features in wrong places"),
        (0.08, "is weakly supported"),
        (0.4, "no good evidence that stain adds to harmonics:8 anything of its own"),
    ],
)
def test_an_increment_test_is_part_of_the_answer(record, p, shows):
    """What was added, how many spins of the features did as much, and how to read it."""
    run = with_increment(record, p)
    said = answer(run)
    (test,) = run.increment_nulls
    assert f"Added to harmonics:8, stain changes the macro-F1 by {test.observed:.3f}" in said.found
    assert f"{test.exceed} of 99 spins of the features" in said.found
    made_anew = answer(replace(run, increment_nulls=[replace(test, draws="surrogates")]))
    assert f"{test.exceed} of 99 surrogates of the features" in made_anew.found
    assert "mirrored rotations" not in made_anew.found.partition("Added to")[2]
    assert "wrong places" not in made_anew.shows.partition("adds to")[2]
    few = replace(test, draws="surrogates", null=test.null[:9])
    few = answer(replace(run, increment_nulls=[replace(few, exceed=0, p=0.1)])).shows
    assert "None of 9 surrogates does as much beside harmonics:8; they are too few" in few
    assert "often do as much" not in few
    assert "With 9 surrogates no smaller p was possible" in few
    assert shows in said.shows
    assert said.numbers[-1].label == "increment test"
    assert "cytosurf increment" not in said.does_not_show
    assert "cytosurf increment" in answer(record).does_not_show


def test_a_score_under_independent_rotations_is_not_trusted(record):
    """Nor its p where hemispheres are alike; the published difference is."""
    one = under_one_policy(record, "independent")
    assert "alike left and right: it counts" not in answer(one).shows
    score = replace(one, nulls=[null for null in one.nulls if null.baseline is None])
    assert "p far too small where features and labels are alike" in answer(score).shows
    assert (
        "alike left and right: it counts" not in answer(under_one_policy(record, "mirrored")).shows
    )


def test_too_few_spins_are_not_read_as_evidence_against(record):
    """Where none of them does as well, the answer does not say that they often do."""
    test = replace(record.nulls[0], null=record.nulls[0].null[:4], exceed=0, p=0.2)
    shows = answer(replace(record, nulls=[test])).shows
    assert "None of 4 label maps at random places does as well; they are too few" in shows
    assert "often do as well" not in shows
    assert "With 4 spins no smaller p was possible" in shows


@pytest.mark.parametrize("n", [5, 40])
def test_a_test_that_stopped_asks_for_no_more_spins(record, n):
    """Its number of spins is what the rule gave, and p is final."""
    null = np.r_[1.0, 1.0, np.zeros(n - 2)]
    test = null_record("stain", "coordinates", "independent", 0.5, null, primary=True)
    stopped = replace(test, p=2 / n, stopped=True)
    assert "run more" in answer(replace(record, nulls=[test])).shows
    assert "run more" not in answer(replace(record, nulls=[stopped])).shows


def test_features_alone_are_part_of_the_answer(record):
    """What was drawn is named, and the test is not taken for an increment."""
    run = with_features_alone(record)
    (test,) = run.feature_nulls
    said = answer(run)
    assert f"Alone, stain differs from harmonics:8 by {test.observed:.3f}; 0 of 99" in said.found
    assert "surrogates of the features by as much or more (test of features alone" in said.found
    alone = answer(replace(run, increment_nulls=[]))
    assert "Added to" not in alone.found
    assert "cytosurf increment" in alone.does_not_show


def test_a_better_position_and_an_increment_do_not_contradict_each_other(record):
    """Position may score higher alone, and features still add to it."""
    shows = answer(with_increment(with_position(record, 0.1))).shows
    assert "its score alone does not show that stain carries information beyond" in shows
    assert "nothing here" not in shows
    assert "nothing here shows" in answer(with_position(record, 0.1)).shows


def test_a_smaller_loss_is_not_called_an_advantage(record):
    """Features that harm less than rotated ones do not add anything."""
    run = with_increment(record)
    test = replace(run.increment_nulls[0], observed=-0.01)
    shows = answer(replace(run, increment_nulls=[test])).shows
    assert "does not raise it" in shows
    assert "adds to harmonics:8 more" not in shows


def test_provisional_and_approximate_values_say_so(record):
    """Beside the p that was counted, never in its place."""
    tail = {"approximate": True, "p": 0.00004, "fit_p": 0.5, "reason": None}
    test = replace(with_test(record, 0.001).nulls[0], complete=False, tail=tail)
    found = answer(replace(record, nulls=[test])).found
    assert "p = 0.0010" in found
    assert "provisional" in found
    assert "approximately 4.0e-05 by a fitted tail" in found
