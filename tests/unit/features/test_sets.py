"""Feature sets: what is dropped, what is refused, and how sets are joined."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cytosurf.errors import CytosurfWarning, InputError
from cytosurf.features.sets import FeatureSet, carried, checked, join_features, standardised
from cytosurf.surfaces.maps import SurfaceMap
from cytosurf.surfaces.space import Space

TOY = Space("toy", "100")


def toy_set(name="toy", n_columns=2, n=200, valid=None, hemispheres=("L", "R"), seed=0, space=TOY):
    """Return a feature set of random values."""
    values = np.random.default_rng(seed).normal(size=(n, n_columns))
    columns = tuple("abcdefgh"[:n_columns])
    return FeatureSet(name, SurfaceMap(values, space, columns, valid, hemispheres), (name,))


def with_values(features, rows, value):
    """Return the set with some rows changed."""
    values = features.map.values.copy()
    values[rows] = value
    return FeatureSet(features.name, SurfaceMap(values, features.map.space, features.map.columns))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_few_values_that_are_not_finite_leave_the_mask_with_a_count(value):
    """Up to 5 % of vertices with NaN or infinite values are dropped, counted and warned about."""
    dirty = with_values(toy_set(), [3, 7], value)
    with pytest.warns(CytosurfWarning, match="2 of 200 vertices"):
        clean = checked(dirty)
    assert np.flatnonzero(~clean.map.valid).tolist() == [3, 7]
    assert clean.notes == ("2 of 200 vertices have NaN or infinite values and were dropped",)


def test_exactly_five_percent_may_be_dropped_and_one_more_may_not():
    """The limit is 5 % of the valid vertices, not more."""
    with pytest.warns(CytosurfWarning):
        assert checked(with_values(toy_set(), np.arange(10), np.nan)).map.valid.sum() == 190
    with pytest.raises(InputError, match=r"11 of 200 vertices \(5.5%\)"):
        checked(with_values(toy_set(), np.arange(11), np.nan))


def test_what_lies_outside_the_mask_is_neither_counted_nor_warned_about():
    """NaN outside the mask is no news."""
    valid = np.arange(200) >= 100
    values = np.random.default_rng(0).normal(size=(200, 1))
    values[:100] = np.nan
    features = FeatureSet("toy", SurfaceMap(values, TOY, ("a",), valid))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert checked(features) is features


def test_a_constant_column_is_refused_by_name():
    """A column that does not vary inside the mask is named."""
    values = np.random.default_rng(0).normal(size=(200, 2))
    values[20:, 1] = 3
    features = FeatureSet("toy", SurfaceMap(values, TOY, ("a", "b"), np.arange(200) >= 20))
    with pytest.raises(InputError, match="column 'b' with the same value 3"):
        checked(features)


def test_no_valid_vertex_is_refused():
    """A set without a valid vertex is no set."""
    with pytest.raises(InputError, match="no valid vertex"):
        checked(toy_set(valid=np.zeros(200, bool)))


def test_zeros_inside_the_mask_are_values():
    """Zeros stay valid."""
    assert checked(with_values(toy_set(), np.arange(150), 0.0)).map.valid.all()


def test_joining_keeps_columns_in_order_and_intersects_masks():
    """A+B has the columns of A, then B, and is valid where both are."""
    a = toy_set("a", 2, valid=np.arange(200) < 150)
    b = toy_set("b", 3, valid=np.arange(200) >= 50, seed=1)
    joined = join_features([a, b])
    assert joined.name == "a+b"
    assert joined.n_features == 5
    assert joined.map.columns == ("a: a", "a: b", "b: a", "b: b", "b: c")
    assert joined.map.values.tolist() == np.hstack([a.map.values, b.map.values]).tolist()
    assert np.flatnonzero(joined.map.valid).tolist() == list(range(50, 150))
    assert joined.sources == ("a", "b")


@given(st.permutations(range(4)))
def test_the_mask_of_a_join_does_not_depend_on_the_order(order):
    """Joining is commutative up to the order of columns."""
    masks = [np.random.default_rng(i).random(200) < 0.8 for i in range(4)]
    sets = [toy_set(str(i), 1, valid=masks[i], seed=i) for i in range(4)]
    joined = join_features([sets[i] for i in order])
    assert joined.map.valid.tolist() == np.logical_and.reduce(masks).tolist()


def test_one_set_is_not_touched_by_joining():
    """A single set keeps its columns."""
    single = toy_set()
    assert join_features([single]) is single


def test_one_hemisphere_restricts_the_join():
    """A set of one hemisphere takes that hemisphere of the others."""
    both, left = toy_set("both"), toy_set("left", 1, 100, hemispheres=("L",), seed=1)
    right = toy_set("right", 1, 100, hemispheres=("R",), seed=2)
    assert join_features([both, left]).map.hemispheres == ("L",)
    np.testing.assert_array_equal(
        join_features([both, right]).map.values[:, :2], both.map.values[100:]
    )
    with pytest.raises(InputError, match="share a hemisphere"):
        join_features([left, right])


@pytest.mark.parametrize(
    ("sets", "message"),
    [
        ([], "no feature set"),
        ([toy_set("a"), toy_set("a")], "'a' 2 times"),
        ([toy_set("a"), toy_set("b", space=Space("other", "100"))], "other-100 and toy-100"),
        (
            [toy_set("a", valid=np.arange(200) < 9), toy_set("b", valid=np.arange(200) > 9)],
            "no vertex that is valid in every set",
        ),
    ],
)
def test_sets_that_do_not_fit_are_refused(sets, message):
    """Nothing is joined that does not belong together."""
    with pytest.raises(InputError, match=message):
        join_features(sets)


def test_a_column_that_is_constant_where_all_are_valid_is_refused():
    """The mask of the other set may leave a column without variation."""
    values = np.r_[np.zeros(100), np.arange(100.0)]
    a = FeatureSet("a", SurfaceMap(values, TOY, ("step",)))
    with pytest.raises(InputError, match="column 'a: step'"):
        join_features([a, toy_set("b", valid=np.arange(200) < 100)])


def test_columns_are_standardised_over_both_hemispheres_together():
    """Mean 0 and SD 1 over all valid vertices; a difference between hemispheres stays."""
    values = (
        np.random.default_rng(0).normal(size=(200, 2))
        + np.r_[np.zeros(100), np.full(100, 9)][:, None]
    )
    valid = np.random.default_rng(1).random(200) < 0.8
    features = standardised(FeatureSet("toy", SurfaceMap(values, TOY, ("a", "b"), valid)))
    inside = features.map.values[valid].astype(np.float64)
    np.testing.assert_allclose(inside.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(inside.std(axis=0), 1, atol=1e-6)
    left, right = (features.map.hemisphere(h) for h in "LR")
    assert right.values[right.valid].min() > left.values[left.valid].max()
    assert (features.map.values[~valid] == 0).all()


def test_a_constant_column_survives_standardising_to_be_refused_by_name():
    """Nothing is divided by zero on the way to the message."""
    features = FeatureSet("toy", SurfaceMap(np.full(200, 3.0), TOY, ("flat",)))
    with pytest.raises(InputError, match="column 'flat'"):
        checked(standardised(features))


def test_a_set_in_its_own_space_is_not_touched():
    """No resampling, no note."""
    features = toy_set()
    assert carried(features, TOY) is features
