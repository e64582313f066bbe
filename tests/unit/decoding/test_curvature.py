"""Estimates of the inverse Hessian, against dense float64 Hessians."""

import numpy as np
import pytest
from scipy.linalg import block_diag
from scipy.special import softmax
from sklearn.utils.class_weight import compute_sample_weight

from cytosurf.decoding import curvature
from cytosurf.decoding.curvature import estimate_inverse
from cytosurf.decoding.design import make_design
from cytosurf.decoding.problem import label_design, make_problem
from tests.unit.decoding.oracles import random_problem


def toy(seed, *, n=700, p=4, k=4, C=1.0, size=0.5, x=None):
    """Return a problem that is its own sample, parameters, and the dense Hessian there."""
    drawn, label = random_problem(seed, n=n, p=p, k=k)
    design = make_design(drawn if x is None else x, np.zeros(n, int))
    rng = np.random.default_rng(seed)
    train = rng.random(n) < 0.8
    problem = make_problem(label_design(design, label, train), train, C)
    theta = size * rng.standard_normal((len(problem.classes), design.x.shape[1] + 1))
    rows = design.x.transpose(0, 2, 1).reshape(-1, design.x.shape[1])[design.row_slot[train]]
    return problem, theta, dense_hessian(rows, label[train], problem.penalty, theta)


def dense_hessian(rows, label, penalty, theta):
    """Return the Hessian of the objective over C n, ``(K, n, K, n)``, in float64."""
    z = np.column_stack([rows.astype(np.float64), np.ones(len(rows))])
    p = softmax(z @ theta.T, axis=1)
    share = compute_sample_weight("balanced", label) / len(label)
    same = np.eye(len(theta))
    pairs = p[:, :, None] * (same - p[:, None, :])
    hessian = np.einsum("i,ikl,ia,ib->kalb", share, pairs, z, z, optimize=True)
    return hessian + same[:, None, :, None] * np.diag(penalty)[None, :, None, :]


def balanced(theta):
    """Take out what all classes share, along which the objective hardly curves."""
    return theta - theta.mean(axis=0)


def matrix(preconditioner):
    """Return an estimate as one dense matrix, in float64; its upper half is what counts."""
    assert preconditioner.inverse.dtype == np.float32
    halves = [np.triu(half) for half in preconditioner.inverse.astype(np.float64)]
    return block_diag(*[half + np.triu(half, 1).T for half in halves])


def assert_inverts(inverse, hessian, atol=5e-3):
    """Take steps to gradients with the Hessian and back; what classes share does not matter."""
    rng = np.random.default_rng(0)
    for _ in range(5):
        step = balanced(rng.standard_normal(hessian.shape[:2]))
        gradient = np.einsum("kalb,lb->ka", hessian, step)
        back = (inverse @ gradient.ravel()).reshape(step.shape)
        assert balanced(back) == pytest.approx(step, abs=atol)


class TestFullInverse:
    """For all parameters together."""

    @pytest.mark.parametrize("size", [0.0, 0.5, 2.0])
    @pytest.mark.parametrize(("p", "k"), [(1, 2), (4, 2), (3, 3), (5, 7), (8, 4), (11, 9)])
    def test_is_the_inverse_of_the_dense_hessian(self, p, k, size):
        """Times the Hessian of any step, it gives the step back."""
        problem, theta, hessian = toy(p, p=p, k=k, size=size)
        inverse = matrix(estimate_inverse(problem, theta))
        assert inverse.shape == (theta.size, theta.size)
        assert_inverts(inverse, hessian)

    def test_is_positive_definite(self):
        """So that a step against the gradient goes down."""
        problem, theta, _ = toy(1, p=6, k=5)
        inverse = matrix(estimate_inverse(problem, theta))
        assert np.linalg.eigvalsh(inverse)[0] > 0

    def test_classes_without_a_training_vertex_have_no_part(self):
        """The inverse is for the classes present."""
        x, label = random_problem(2, n=600, p=3, k=6)
        design = make_design(x, np.zeros(600, int))
        train = ~np.isin(label, [1, 4])
        problem = make_problem(label_design(design, label, train), train, 1.0)
        theta = np.zeros((4, 4))
        rows = design.x.transpose(0, 2, 1).reshape(-1, 3)[design.row_slot[train]]
        hessian = dense_hessian(rows, label[train], problem.penalty, theta)
        assert_inverts(matrix(estimate_inverse(problem, theta)), hessian)

    @pytest.mark.parametrize("C", [1.0, 1e4])
    def test_dependent_columns(self, C):
        """Columns twice leave hardly any curvature; a step against the gradient still goes down."""
        x = random_problem(3, n=700, p=3, k=4)[0]
        problem, theta, _ = toy(3, p=3, k=4, x=np.hstack([x, x]), C=C)
        inverse = matrix(estimate_inverse(problem, theta))
        assert np.isfinite(inverse).all()
        assert np.linalg.eigvalsh(inverse)[0] > -1e-6 * np.abs(inverse).max()
        gradient = problem.gradient(theta).ravel()
        assert gradient @ inverse @ gradient > 0


class TestBlocks:
    """One inverse for each class, where the whole would be too large."""

    @pytest.mark.parametrize("size", [0.0, 1.0])
    @pytest.mark.parametrize(("p", "k"), [(1, 2), (3, 3), (8, 5)])
    def test_are_the_inverses_of_the_diagonal_blocks(self, p, k, size, monkeypatch):
        """Of the dense Hessian; classes have nothing to do with each other."""
        monkeypatch.setattr(curvature, "FULL_HESSIAN_PARAMETERS", k * (p + 1) - 1)
        problem, theta, hessian = toy(p + 10, p=p, k=k, size=size)
        inverse = matrix(estimate_inverse(problem, theta))
        diagonal = block_diag(*[hessian[c, :, c] for c in range(k)])
        assert inverse @ diagonal == pytest.approx(np.eye(len(inverse)), abs=5e-3)


class TestOfClasses:
    """What serves a training set with fewer classes."""

    @pytest.mark.parametrize("largest", [0, 4000])
    def test_keeps_the_rows_and_columns_of_the_classes(self, largest, monkeypatch):
        """In order, and positive definite still."""
        monkeypatch.setattr(curvature, "FULL_HESSIAN_PARAMETERS", largest)
        problem, theta, _ = toy(30, p=3, k=5)
        whole = estimate_inverse(problem, theta)
        part = whole.of_classes(np.array([0, 2, 3]))
        rows = np.r_[0:4, 8:16]
        assert np.array_equal(matrix(part), matrix(whole)[np.ix_(rows, rows)])
        assert np.linalg.eigvalsh(matrix(part))[0] > 0
        again = part.of_classes(np.array([1, 2]))
        assert np.array_equal(matrix(again), matrix(part)[4:, 4:])

    def test_of_all_is_the_whole(self):
        """Nothing is left out."""
        problem, theta, _ = toy(31, p=3, k=5)
        whole = estimate_inverse(problem, theta)
        assert np.array_equal(matrix(whole.of_classes(np.arange(5))), matrix(whole))


class TestDecrement:
    """What Newton's step promises."""

    @pytest.mark.parametrize("shape", [(1, 6, 6), (3, 2, 2)])
    def test_is_the_gradient_in_the_norm_of_the_inverse(self, shape):
        """Of the whole inverse, or of its blocks."""
        rng = np.random.default_rng(4)
        inverse = rng.standard_normal(shape).astype(np.float32)
        gradient = rng.standard_normal((3, 2))
        parts = gradient.reshape(shape[0], -1)
        expected = sum(part @ block @ part for part, block in zip(parts, inverse, strict=True))
        estimate = curvature.Preconditioner(inverse, 3)
        assert estimate.decrement(gradient) == pytest.approx(expected, rel=1e-5)
