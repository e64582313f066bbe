"""The float64 solver finds the minimum of the objective as stated, without another's word."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cytosurf.decoding import newton
from cytosurf.decoding.newton import solve_softmax
from tests.unit.decoding.oracles import dense_gradient, random_problem


def solve(x, index, weight=None, **options):
    """Solve with defaults."""
    weight = np.ones(len(x)) if weight is None else weight
    defaults = {"C": 1.0, "fit_intercept": True, "tol": 1e-14, "max_iter": 100}
    return solve_softmax(x, index, weight, **(defaults | options))


@settings(max_examples=40)
@given(
    seed=st.integers(0, 2**32 - 1),
    p=st.integers(1, 7),
    k=st.integers(2, 6),
    C=st.sampled_from([1e-4, 1.0, 100.0]),
    fit_intercept=st.booleans(),
)
def test_the_gradient_vanishes(seed, p, k, C, fit_intercept):
    """Of C times the weighted log-loss plus half the squares, in the units of the columns."""
    rng = np.random.default_rng(seed)
    x, index = rng.standard_normal((50, p)), np.r_[np.arange(k), rng.integers(0, k, 50 - k)]
    weight = rng.uniform(0.1, 2, 50)
    coefficients, intercepts, n_iter, converged = solve(
        x, index, weight, C=C, fit_intercept=fit_intercept
    )
    gradient, gradient0 = dense_gradient(x, index, weight, coefficients, intercepts)
    assert converged
    assert 1 <= n_iter < 30
    scale = C * weight.sum()
    assert np.abs(C * gradient + coefficients).max() < 1e-7 * max(1, scale)
    if fit_intercept:
        assert np.abs(gradient0).max() < 1e-7 * weight.sum()
    else:
        assert not intercepts.any()


@pytest.mark.parametrize("fit_intercept", [True, False])
def test_classes_add_up_to_nothing(fit_intercept):
    """What all classes share changes no probability, and there is none of it."""
    x, index = random_problem(0, n=200, p=4, k=5)
    coefficients, intercepts, _, _ = solve(3 * x + 2, index, fit_intercept=fit_intercept)
    assert np.abs(coefficients.sum(axis=0)).max() < 1e-12
    assert abs(intercepts.sum()) < 1e-12


def test_offsets_of_the_columns_go_to_the_intercepts():
    """Shifting the columns leaves the coefficients alone, by whatever amount."""
    x, index = random_problem(1, n=200, p=3, k=3)
    plain, plain0, *_ = solve(x, index)
    shift = np.array([1e3, -5.0, 1e6])
    moved, moved0, *_ = solve(x + shift, index)
    assert moved == pytest.approx(plain, abs=1e-8)
    assert moved0 + moved @ shift == pytest.approx(plain0, abs=1e-6)


def test_a_constant_column_has_no_coefficient():
    """It says nothing that the intercept does not."""
    x, index = random_problem(2, n=200, p=2, k=3)
    coefficients, *_ = solve(np.column_stack([x, np.full(200, 0.1)]), index)
    assert np.abs(coefficients[:, 2]).max() < 1e-12
    assert coefficients[:, :2] == pytest.approx(solve(x, index)[0], abs=1e-9)


def test_equal_columns_share_a_coefficient():
    """The penalty divides it evenly."""
    x, index = random_problem(3, n=200, p=2, k=3)
    coefficients, *_ = solve(np.hstack([x, x]), index)
    assert coefficients[:, :2] == pytest.approx(coefficients[:, 2:], abs=1e-9)


def test_without_columns_that_tell_anything_the_shares_remain():
    """The intercepts are the logarithms of the classes' shares."""
    index = np.repeat([0, 1, 2], [10, 20, 70])
    _, intercepts, _, converged = solve(np.zeros((100, 1)), index)
    share = np.exp(intercepts) / np.exp(intercepts).sum()
    assert converged
    assert share == pytest.approx([0.1, 0.2, 0.7], abs=1e-9)


@pytest.mark.parametrize("seed", range(12))
def test_steps_that_would_lead_uphill_are_shortened(seed):
    """With rows and weights over orders of magnitude whole Newton steps lead away for good."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((30, 2)) * 10 ** rng.uniform(0, 4, (30, 1))
    index, weight = np.r_[0, 1, 2, rng.integers(0, 3, 27)], 10 ** rng.uniform(-4, 4, 30)
    coefficients, intercepts, n_iter, converged = solve(x, index, weight, C=1e3, max_iter=200)
    gradient, _ = dense_gradient(x, index, weight, coefficients, intercepts)
    assert converged
    assert n_iter < 100
    scale = weight @ np.abs(x)
    assert (np.abs(gradient + coefficients / 1e3) / scale).max() < 1e-6


def test_it_says_when_steps_ran_out():
    """And gives what it has."""
    x, index = random_problem(4, n=300, p=3, k=4)
    coefficients, _, n_iter, converged = solve(x, index, max_iter=2)
    assert (n_iter, converged) == (2, False)
    assert np.isfinite(coefficients).all()


def test_the_tolerance_is_a_distance_to_the_minimum():
    """In units of the mean log-loss."""
    x, index = random_problem(5, n=500, p=5, k=4)

    def objective(coefficients, intercepts):
        logits = x @ coefficients.T + intercepts
        loss = np.logaddexp.reduce(logits, axis=1) - logits[np.arange(500), index]
        return loss.mean() + 0.5 * (coefficients**2).sum() / 500

    best = objective(*solve(x, index)[:2])
    for tol in (1e-2, 1e-4, 1e-6):
        assert 0 <= objective(*solve(x, index, tol=tol)[:2]) - best + 1e-15 < tol


def test_products_are_bounded(monkeypatch):
    """Steps found with few products are worse, and enough of them get there all the same."""
    x, index = random_problem(6, n=200, p=6, k=4)
    expected = solve(x, index, C=100.0)
    monkeypatch.setattr(newton, "MAX_PRODUCTS", 2)
    few = solve(x, index, C=100.0)
    assert few[2] > expected[2]
    assert few[0] == pytest.approx(expected[0], abs=1e-4)
