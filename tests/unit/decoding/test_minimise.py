"""The minimiser finds the minimum, says whether it did, and can be tilted and taken up again."""

import numpy as np
import pytest

from cytosurf.decoding.curvature import estimate_inverse
from cytosurf.decoding.design import make_design
from cytosurf.decoding.minimise import MEMORY, Memory, minimise
from cytosurf.decoding.problem import label_design, make_problem
from tests.unit.decoding.oracles import random_problem


@pytest.fixture
def problem():
    """Return 900 rows, 4 features, 3 classes, all trained on."""
    x, label = random_problem(0, n=900, p=4, k=3)
    every = np.ones(900, bool)
    return make_problem(label_design(make_design(x, np.zeros(900, int)), label, every), every, 1.0)


def start_of(problem):
    """Return zeros and the inverse Hessian there."""
    theta = np.zeros((3, 5))
    return theta, estimate_inverse(problem, theta).inverse


def identity(problem):
    """Return a preconditioner that knows nothing."""
    return np.eye(problem.classes.size * problem.penalty.size, dtype=np.float32)[None]


class TestMinimise:
    """L-BFGS from a start, with an estimate of the inverse Hessian."""

    @pytest.mark.parametrize("make_inverse", [lambda p: start_of(p)[1], identity])
    def test_the_gradient_vanishes(self, problem, make_inverse):
        """Whatever the preconditioner, good or not; the start is left as it is."""
        theta = np.zeros((3, 5))
        options = {"tolerance": 1e-10, "max_iterations": 200}
        found, n_passes, converged = minimise(
            problem, theta, make_inverse(problem), Memory.empty(theta), **options
        )
        assert converged
        assert n_passes > 2
        assert not theta.any()
        assert np.abs(problem.gradient(found)).max() < 3e-5

    def test_it_says_when_it_is_not_done(self, problem):
        """After as many steps as it may make."""
        theta, inverse = start_of(problem)
        _, n_passes, converged = minimise(
            problem, theta, inverse, Memory.empty(theta), tolerance=1e-10, max_iterations=1
        )
        assert (n_passes, converged) == (2, False)

    def test_a_tilt_moves_the_minimum(self, problem):
        """To where the gradient is minus the tilt."""
        theta, inverse = start_of(problem)
        tilt = 1e-2 * np.random.default_rng(1).standard_normal(theta.shape)
        tilt -= tilt.mean(axis=0)
        found, _, converged = minimise(
            problem,
            theta,
            inverse,
            Memory.empty(theta),
            tolerance=1e-10,
            max_iterations=100,
            tilt=tilt,
        )
        assert converged
        assert np.abs(problem.gradient(found) + tilt).max() < 3e-5

    def test_a_known_gradient_saves_a_pass(self, problem):
        """And changes nothing else, to the bit."""
        theta, inverse = start_of(problem)
        options = {"tolerance": 1e-8, "max_iterations": 50}
        plain = minimise(problem, theta, inverse, Memory.empty(theta), **options)
        gradient = problem.gradient(theta)
        known = minimise(problem, theta, inverse, Memory.empty(theta), gradient=gradient, **options)
        assert np.array_equal(known[0], plain[0])
        assert known[1:] == (plain[1] - 1, True)

    def test_a_memory_of_the_problem_saves_passes(self, problem):
        """What was learnt about the curvature on the way helps from any other start."""
        theta = np.zeros((3, 5))
        options = {"tolerance": 1e-8, "max_iterations": 200}
        memory = Memory.empty(theta)
        minimise(problem, theta, identity(problem), memory, **options)
        assert 0 < memory.place[1] <= MEMORY
        other = np.random.default_rng(2).standard_normal(theta.shape) / 3
        empty = Memory.empty(theta)
        _, cold, _ = minimise(problem, other, identity(problem), empty, **options)
        _, warm, _ = minimise(problem, other, identity(problem), memory, **options)
        assert warm < cold

    def test_the_memory_is_a_ring(self, problem):
        """More steps than it holds replace the oldest, and the minimum is found still."""
        theta = np.zeros((3, 5))
        memory = Memory.empty(theta)
        inverse = 1e-2 * identity(problem)
        for seed in range(30):
            start = np.random.default_rng(seed).standard_normal(theta.shape)
            found, _, converged = minimise(
                problem, start, inverse, memory, tolerance=1e-8, max_iterations=200
            )
            assert converged
        assert memory.place[0] > MEMORY == memory.place[1]
        assert np.abs(problem.gradient(found)).max() < 3e-4

    def test_columns_that_are_not_free_stay(self, problem):
        """Even where the preconditioner would move them."""
        from dataclasses import replace

        fixed = replace(problem, free=np.array([1.0, 0, 1, 1, 1]))
        theta, inverse = start_of(problem)
        found, _, converged = minimise(
            fixed, theta, inverse, Memory.empty(theta), tolerance=1e-8, max_iterations=100
        )
        assert converged
        assert not found[:, 1].any()
        assert np.abs(found).max() > 0.1
