"""R2 of linear predictions: that of scikit-learn, fold by fold."""

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.metrics import r2_score

from cytosurf.decoding.folds import Folds
from cytosurf.decoding.linear import linear_r2
from cytosurf.errors import InputError


@pytest.fixture
def problem():
    """Return features, values and folds with a buffer and vertices outside the mask."""
    rng = np.random.default_rng(0)
    features = rng.normal(size=(300, 5)) * [1, 10, 0.1, 1, 1] + 7
    values = np.c_[features @ rng.normal(size=5) + rng.normal(size=300), rng.normal(size=300)]
    block = np.repeat(np.arange(30), 10)
    block[:10] = -1
    excluded = rng.random((3, 300)) < 0.2
    features[:10] = np.nan
    return features, values, Folds(block, np.where(block < 0, -1, block % 3), excluded)


def test_equals_scikit_learn(problem):
    """Same training vertices, same test vertices, same definition, for every fold and column."""
    features, values, folds = problem
    found = linear_r2(features, values, folds)
    assert found.shape == (3, 2)
    for k in range(3):
        train, test = folds.train(k), folds.test(k)
        model = LinearRegression().fit(features[train], values[train])
        expected = r2_score(values[test], model.predict(features[test]), multioutput="raw_values")
        assert found[k] == pytest.approx(expected, abs=1e-9)
    assert found[:, 0].min() > 0.9
    assert found[:, 1].max() < 0.1


def test_columns_that_say_nothing_new_change_nothing(problem):
    """A constant column and a copy leave predictions as they are."""
    features, values, folds = problem
    more = np.c_[features, np.ones(300), features[:, 0]]
    assert linear_r2(more, values, folds) == pytest.approx(linear_r2(features, values, folds))


def test_bad_arrays_are_refused(problem):
    """Rows of another space, and values that are not finite where they count."""
    features, values, folds = problem
    with pytest.raises(InputError, match=r"values: found shape \(299, 2\)"):
        linear_r2(features, values[1:], folds)
    with pytest.raises(InputError, match="features: found shape"):
        linear_r2(features[:, 0], values, folds)
    values[20] = np.inf
    with pytest.raises(InputError, match="values: found NaN"):
        linear_r2(features, values, folds)
