"""The paragraph about spin tests."""

from dataclasses import replace

import numpy as np

from cytosurf.report import methods_text
from tests.unit.report.records import toy_record


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
