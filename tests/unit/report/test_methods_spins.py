"""The paragraph about spin tests."""

from dataclasses import replace

import numpy as np

from cytosurf.report import methods_text
from tests.unit.report.records import (
    toy_record,
    with_class_tests,
    with_features_alone,
    with_increment,
    with_other_statistics,
    with_spin_test,
)


def test_one_hemisphere_has_one_rotation(tmp_path):
    """No word about the other hemisphere, or about policies, when there is none."""
    left = toy_record(tmp_path, hemispheres=("L",))
    text = methods_text(replace(left, nulls=[n for n in left.nulls if n.rotation == "mirrored"]))
    assert "the left hemisphere of the" in text
    assert "Tested were the macro-F1 of stain minus that of coordinates" in text
    for word in ("each hemisphere had", "mirror", "both rotation policies"):
        assert word not in text


def test_one_policy_is_not_called_two(record):
    """Where spheres are no mirror images, all tests are with independent rotations."""
    only = [replace(n, primary=True) for n in record.nulls if n.rotation == "independent"]
    text = methods_text(replace(record, nulls=only))
    assert "that of coordinates and the macro-F1 of stain each hemisphere had a rotation" in text
    assert "both rotation policies" not in text
    assert "mirror image" not in text


def test_the_tests_of_all_feature_sets_are_named(record):
    """Not only those of the first set; many are counted."""
    other = [replace(null, features="layers") for null in record.nulls]
    text = methods_text(replace(record, nulls=[*record.nulls, *other]))
    assert "the macro-F1 of stain and layers minus that of coordinates" in text
    assert "the macro-F1 of stain and layers" in text
    many = [replace(n, features=f"set{i}") for i in range(9) for n in record.nulls]
    assert "the macro-F1 of each of 9 feature sets" in methods_text(replace(record, nulls=many))


def test_a_set_that_is_only_scored_is_not_said_to_be_compared(record):
    """A feature set that is its own baseline has no difference to it."""
    tests = [replace(n, primary=True) for n in record.nulls if n.rotation == "independent"]
    score = next(null for null in tests if null.baseline is None)
    text = methods_text(replace(record, nulls=[*tests, replace(score, features="layers")]))
    assert "the macro-F1 of stain minus that of coordinates" in text
    assert "the macro-F1 of stain and layers each hemisphere" in text


def test_spins_that_could_not_be_tested_are_said_to_count(record):
    """A spin without labels is no success."""
    assert "counted among the b" not in methods_text(record)
    null = record.nulls[0]
    lost = replace(null, null=np.append(null.null[2:], [np.nan] * 2))
    text = methods_text(replace(record, nulls=[lost, *record.nulls[1:]]))
    assert "2 spins left too few labels to decode and were counted among the b" in text


def test_what_else_was_asked_of_the_spins_is_named_and_cited(record):
    """The stopping rule, both maxima, other statistics and the fitted tail, each when used."""
    plain = methods_text(record)
    for word in ("exceedance", "studentised", "Knijnenburg", "Besag", "same spins were used"):
        assert word not in plain
    tail = {"approximate": True, "p": 0.0001, "fit_p": 0.5, "reason": None}
    rule = {"exceedances": 20, "max_spins": 10_000, "stopped": True}
    full = with_spin_test(with_class_tests(record), stopping=rule)
    nulls = [replace(null, p_max=0.03, tail=tail) for null in record.nulls]
    text = methods_text(with_other_statistics(replace(full, nulls=nulls)))
    assert "Spins ended at exceedance 20" in text
    assert "after 10,000 (Besag and Clifford, 1991)" in text
    assert "over the feature sets of a target were corrected by the largest" in text
    assert "corrected over the classes by the largest of their studentised values" in text
    assert "The same spins were used to test mcc." in text
    assert "generalised Pareto distribution" in text
    for key in ("Besag J, Clifford P", "Nichols TE", "Knijnenburg TA"):
        assert key in text


def test_classes_without_p_are_not_said_to_be_tested(record):
    """A run that stopped early has bands alone."""
    text = methods_text(with_class_tests(record, tested=False))
    assert "The F1 of each class was compared" not in text


def test_increment_tests_have_a_paragraph(record):
    """What was rotated, what stayed, and the statistic."""
    assert "increment test" not in methods_text(record)
    text = methods_text(with_increment(record))
    assert "increment tests (stain beside harmonics:8)" in text
    assert "rotated (99 mirrored draws)" in text
    assert "on their own" not in text
    text = methods_text(with_features_alone(record))
    assert "on their own (stain minus harmonics:8)" in text
    assert "were replaced by surrogates (99 mirrored draws)" in text
    assert "were rotated (99 mirrored draws)" in text


def test_draws_left_out_are_told(record):
    """With the number of those that count."""
    full = with_increment(record)
    (entry,) = full.results["increment_tests"]
    entry = entry | {"filter": {"max_distortion": 0.2, "left_out": [0, 4]}}
    results = full.results | {"increment_tests": [entry]}
    text = methods_text(replace(full, results=results))
    assert "rotated (99 mirrored draws, and 2 left out for their distortion)" in text


def test_families_name_both_corrections(record):
    """Holm's and Benjamini and Hochberg's."""
    nulls = [replace(null, p_holm=0.04, p_bh=0.03) for null in record.nulls]
    text = methods_text(replace(record, nulls=nulls))
    assert "Holm's method (Holm, 1979)" in text
    assert "false discovery rate (Benjamini and Hochberg, 1995)" in text
