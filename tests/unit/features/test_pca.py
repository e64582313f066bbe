"""Principal components: the same as scikit-learn's, with a sign that does not depend on luck."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.decomposition import PCA

from cytosurf.errors import InputError
from cytosurf.features.pca import principal_components, reduce_features
from cytosurf.features.sets import FeatureSet
from cytosurf.surfaces.maps import SurfaceMap
from cytosurf.surfaces.space import Space

TOY = Space("toy", "300")


def correlated(n=600, n_columns=6, seed=0):
    """Return correlated columns off zero."""
    generator = np.random.default_rng(seed)
    return (
        generator.normal(size=(n, n_columns)) @ generator.normal(size=(n_columns, n_columns))
    ) + 5


def toy_set(values, valid=None):
    """Return a feature set of some values."""
    return FeatureSet("toy", SurfaceMap(values, TOY, valid=valid), ("file:toy",), ("made up",))


def test_scores_are_those_of_scikit_learn_up_to_sign():
    """Scores and explained variances equal a full SVD by scikit-learn over the valid rows."""
    values = correlated().astype(np.float32)
    valid = np.random.default_rng(1).random(600) < 0.7
    reduced = reduce_features(toy_set(values, valid), 4)
    oracle = PCA(4, svd_solver="full").fit(values[valid].astype(np.float64))
    scores = oracle.transform(values[valid].astype(np.float64))
    ours = reduced.map.values[valid]
    np.testing.assert_allclose(np.abs(ours), np.abs(scores), atol=1e-4)
    _, _, variances = principal_components(values[valid], 4)
    np.testing.assert_allclose(variances[:4], oracle.explained_variance_, rtol=1e-9)
    assert reduced.map.valid.tolist() == valid.tolist()


def test_rows_outside_the_mask_have_no_say():
    """Wild values outside the mask change nothing."""
    values, valid = correlated(), np.arange(600) < 400
    wild = values.copy()
    wild[~valid] = 1e6
    one, other = (reduce_features(toy_set(v, valid), 2).map for v in (values, wild))
    np.testing.assert_array_equal(one.values, other.values)


def test_columns_are_not_rescaled():
    """A column of large variance takes the first component: centred, not standardised."""
    values = np.random.default_rng(0).normal(size=(600, 3)) * [1, 100, 1]
    _, loadings, _ = principal_components(values, 1)
    assert abs(loadings[1, 0]) > 0.999


@settings(max_examples=40)
@given(hnp.arrays(np.float64, (12, 4), elements=st.floats(-100, 100, width=32)))
def test_the_largest_loading_is_positive_and_loadings_are_orthonormal(values):
    """The sign rule holds whatever the data, and mirroring the data mirrors nothing."""
    _, loadings, _ = principal_components(values, 4)
    assert (loadings[np.abs(loadings).argmax(axis=0), range(4)] > 0).all()
    np.testing.assert_allclose(loadings.T @ loadings, np.eye(4), atol=1e-9)


def test_the_set_says_what_was_done():
    """Name, columns, sources and notes are carried on."""
    reduced = reduce_features(toy_set(correlated()), 2)
    assert reduced.name == "toy:pca2"
    assert reduced.map.columns == ("pc1", "pc2")
    assert reduced.sources == ("file:toy",)
    assert reduced.notes[0] == "made up"
    assert "2 principal components of 6 columns, fitted over 600 valid vertices" in reduced.notes[1]


@pytest.mark.parametrize("n_components", [0, 7, 33])
def test_more_components_than_columns_are_refused(n_components):
    """Asking for more than there are is an error that says how many there are."""
    with pytest.raises(InputError, match="1 to 6 components"):
        reduce_features(toy_set(correlated()), n_components)


def test_components_that_would_be_rounding_errors_are_refused():
    """A copied column adds no component, and its rounding noise is not one."""
    values = correlated(n_columns=3).astype(np.float32)
    doubled = np.hstack([values, values[:, :1]])
    assert reduce_features(toy_set(doubled), 3).n_features == 3
    with pytest.raises(InputError, match="only 3 are independent"):
        reduce_features(toy_set(doubled), 4)
