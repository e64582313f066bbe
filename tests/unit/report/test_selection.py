"""Which comparison a run is about, and what is shown of it."""

from dataclasses import replace

import pytest

from cytosurf.report.selection import (
    circular_sets,
    detailed_sets,
    feature_sets,
    matched_position,
    names_with_role,
    primary_pair,
    primary_test,
    role,
)


def with_results(record, **changes):
    """Return a record with other entries in its results."""
    return replace(record, results=record.results | changes)


def renamed(record, target, *names):
    """Return a record of a target with feature sets of the given names."""
    entry = record.results["feature_sets"]["stain"]
    return with_results(record, target=target, feature_sets=dict.fromkeys(names, entry))


def test_sets_are_sorted_by_role(record):
    """Features, baseline, matched position, reference, whatever order the file has."""
    assert list(feature_sets(record)) == ["stain", "coordinates", "harmonics:8", "prior"]
    assert names_with_role(record, "baseline", "reference") == ["coordinates", "prior"]


def test_a_role_that_is_not_given_follows_from_the_configuration(record):
    """Old files without roles can be shown."""
    sets = {
        name: {key: value for key, value in entry.items() if key != "role"}
        for name, entry in record.results["feature_sets"].items()
    }
    bare = with_results(record, feature_sets=sets)
    assert role(bare, "coordinates") == "baseline"
    assert role(bare, "stain") == "features"


def test_a_matched_position_must_have_been_run(record):
    """A name without scores is not shown."""
    assert matched_position(record, "stain") == "harmonics:8"
    assert matched_position(record, "coordinates") is None
    sets = record.results["feature_sets"]
    rest = {name: sets[name] for name in sets if name != "harmonics:8"}
    assert matched_position(with_results(record, feature_sets=rest), "stain") is None


def test_the_primary_test_is_the_quoted_difference(record):
    """A difference to a baseline comes before a score, whichever comes first."""
    test = primary_test(replace(record, nulls=record.nulls[::-1]))
    assert (test.features, test.baseline, test.rotation) == ("stain", "coordinates", "independent")
    assert primary_test(replace(record, nulls=[])) is None


def test_the_primary_pair_without_spins_is_the_first_feature_set_and_baseline(record):
    """The run is about what it was asked for."""
    assert primary_pair(replace(record, nulls=[])) == ("stain", "coordinates")
    alone = renamed(replace(record, nulls=[]), "t", "stain")
    assert primary_pair(alone) == ("stain", None)


def test_details_begin_with_the_comparison(record):
    """Features, baseline and position of the same size first; references never."""
    assert detailed_sets(record, 9) == ["stain", "coordinates", "harmonics:8"]
    assert detailed_sets(record, 2) == ["stain", "coordinates"]


@pytest.mark.parametrize(
    ("target", "name", "circular"),
    [
        ("yeo7", "func", True),
        ("yeo17:bigbrain", "hist+func", True),
        ("schaefer400-7networks", "fc-gradients:pca1", True),
        ("difumo64", "func", True),
        ("julich", "func", False),
        ("mesulam", "fc-gradients", False),
        ("yeo7", "functional.func.gii", False),
        ("yeo7", "hist", False),
    ],
)
def test_functional_gradients_against_functional_targets_are_circular(
    record, target, name, circular
):
    """Said for the known names, alone or joined, and for nothing else."""
    assert circular_sets(renamed(record, target, name)) == ([name] if circular else [])
