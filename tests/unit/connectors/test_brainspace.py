"""Gradients are those of BrainSpace, with signs that do not depend on the solver."""

import numpy as np
import pytest

from cytosurf.connectors import brainspace
from cytosurf.connectors.brainspace import gradients_from_matrix
from cytosurf.errors import InputError


def ring(n=60):
    """Return the similarity of points on a ring: its first two gradients are sine and cosine."""
    angle = 2 * np.pi * np.arange(n) / n
    return np.cos(angle[:, None] - angle) + 0.1 * np.cos(3 * (angle[:, None] - angle))


def test_values_are_those_of_brainspace():
    """Up to the sign of each column, which is settled; the matrix is left as it was."""
    from brainspace.gradient import GradientMaps

    matrix = np.corrcoef(np.random.default_rng(0).normal(size=(50, 80)))
    kept = matrix.copy()
    ours = gradients_from_matrix(matrix, 4)
    theirs = GradientMaps(n_components=4, approach="dm", kernel="normalized_angle", random_state=0)
    theirs.fit(matrix, sparsity=0.9)
    np.testing.assert_allclose(np.abs(ours.values), np.abs(theirs.gradients_), atol=1e-8)
    np.testing.assert_allclose(ours.lambdas, theirs.lambdas_)
    assert (ours.values[np.abs(ours.values).argmax(axis=0), range(4)] > 0).all()
    np.testing.assert_array_equal(matrix, kept)


def test_the_first_gradients_of_a_ring_go_around_it():
    """Neighbours on the ring are neighbours in the plane of the first two gradients."""
    values = gradients_from_matrix(ring(), 2, sparsity=0.5).values
    angle = np.unwrap(np.arctan2(values[:, 1], values[:, 0]))
    steps = np.diff(angle)
    assert np.sign(steps).min() == np.sign(steps).max()
    assert abs(abs(angle[-1] - angle[0]) - 2 * np.pi * 59 / 60) < 0.1


@pytest.mark.parametrize("approach", ["dm", "le", "pca"])
@pytest.mark.parametrize(("kernel", "sparsity"), [(None, 0.9), ("cosine", 0.5), ("gaussian", 0)])
def test_every_approach_gives_a_column_per_gradient(approach, kernel, sparsity):
    """Whatever kernel and sparsity; twice the same."""
    matrix = np.exp(ring())
    options = {"approach": approach, "kernel": kernel, "sparsity": sparsity}
    first, second = (gradients_from_matrix(matrix, 3, **options).values for _ in range(2))
    assert first.shape == (60, 3)
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize(
    ("matrix", "options", "match"),
    [
        (np.ones((3, 4)), {}, "shape"),
        (np.where(np.eye(20) > 0, np.inf, ring(20)), {}, "set the diagonal to 0"),
        (np.triu(ring(20)), {}, "symmetric"),
        (ring(20), {"n_components": 20}, "number of gradients"),
        (ring(20) * (np.arange(20) > 0) * (np.arange(20) > 0)[:, None], {}, "row 1"),
        (ring(20), {"approach": "umap"}, "approach"),
        (ring(20), {"kernel": "cosin"}, "Did you mean 'cosine'"),
        (ring(20), {"sparsity": 1}, "sparsity"),
        (ring(9), {}, "Lower the sparsity"),
    ],
)
def test_bad_input_is_named(matrix, options, match):
    """Shape, infinity, asymmetry, too many gradients, empty rows, unknown names."""
    with pytest.raises(InputError, match=match):
        gradients_from_matrix(matrix, **{"n_components": 3, **options})


def test_signs_do_not_depend_on_the_solver(monkeypatch):
    """The entry of largest size of each gradient is positive, whatever BrainSpace returns."""
    found = np.array([[0.1, 3.0], [-0.5, 1.0], [0.2, -2.0]] * 7)[:20]

    class Maps:
        def __init__(self, **_):
            self.gradients_, self.lambdas_ = found, np.ones(2)

        def fit(self, *_, **__):
            pass

    module = type("module", (), {"GradientMaps": Maps})
    monkeypatch.setattr(brainspace, "imported", lambda _: module)
    np.testing.assert_array_equal(gradients_from_matrix(ring(20), 2).values, found * [-1, 1])


def test_another_brainspace_is_one_clear_message(monkeypatch):
    """A class without the attributes that are read is an API that moved."""

    class Other:
        def __init__(self, **_):
            self.gradients_ = np.zeros((1, 1))
            self.lambdas_ = np.zeros(1)

        def fit(self, *_, **__):
            pass

    monkeypatch.setattr(
        brainspace, "imported", lambda _: type("module", (), {"GradientMaps": Other})
    )
    with pytest.raises(InputError, match="API is another one"):
        gradients_from_matrix(ring(20), 2)
    monkeypatch.setattr(brainspace, "imported", lambda _: object())
    with pytest.raises(InputError, match=r"API is another one.*GradientMaps"):
        gradients_from_matrix(ring(20), 2)
