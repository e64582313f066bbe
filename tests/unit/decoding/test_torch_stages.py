"""What refits in torch are made of equals dense float64 arithmetic."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from cytosurf.decoding import torch_memory, torch_minimise, torch_problem  # noqa: E402
from cytosurf.decoding.torch_curvature import inverse_at, inverse_at_zero  # noqa: E402
from cytosurf.decoding.torch_minimise import (  # noqa: E402
    Begin,
    apply_inverse,
    evaluate,
    minimise,
)
from cytosurf.decoding.torch_problem import (  # noqa: E402
    NEVER,
    make_problems,
    make_rows,
    sample,
)
from cytosurf.decoding.torch_slab import Slab  # noqa: E402
from tests.unit.decoding.oracles import balanced_weights, random_problem  # noqa: E402

N, P, K = 900, 4, 3


@pytest.fixture
def problems(monkeypatch):
    """Two label vectors, two sets of rows, four problems; class 2 is absent from the last."""
    monkeypatch.setattr(torch_problem, "BLOCK_ROWS", 250)
    x, first = random_problem(0, n=N, p=P, k=K)
    rng = np.random.default_rng(0)
    second = np.where(rng.random(N) < 0.2, -1, rng.integers(0, K, N))
    rows = make_rows(torch.from_numpy(x.astype(np.float32)))
    n_all = len(rows.flat)
    labels = torch.full((2, n_all), -1, dtype=torch.int16)
    labels[:, :N] = torch.from_numpy(np.stack([first, second]))
    masks = torch.zeros(2, n_all, dtype=torch.bool)
    masks[0, :N], masks[1, :N] = True, torch.from_numpy(second < 2)
    spin, mask = torch.tensor([0, 0, 1, 1]), torch.tensor([0, 1, 0, 1])
    return make_problems(rows, labels, masks, spin, mask, K, 2.0, 3)


def training_set(problems, number):
    """Return features, classes and weights of one problem, by NumPy alone."""
    label = problems.labels[problems.spin[number]].numpy().astype(int)
    inside = problems.masks[problems.mask[number]].numpy() & (label >= 0)
    x = problems.rows.flat[:, :-1].numpy().astype(np.float64)[inside]
    return x, label[inside], balanced_weights(label[inside])


def objective_gradient(problems, number, theta):
    """Return the gradient of the objective of one problem, divided by C n."""
    x, label, weight = training_set(problems, number)
    wide = np.column_stack([x, np.ones(len(x))])
    z = wide @ theta.T
    p = np.exp(z - z.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    residual = weight[:, None] * (p - np.eye(K)[label])
    n_present = len(np.unique(label))
    scaled = np.append(x.var(axis=0), 0.0) * (2 if n_present == 2 else 1) / (2.0 * len(x))
    gradient = residual.T @ wide / len(x) + scaled * theta
    gradient[np.setdiff1d(np.arange(K), label)] = 0
    return gradient


def some_theta(problems, seed=0):
    """Return parameters for all problems; absent classes can never be predicted."""
    generator = torch.Generator().manual_seed(seed)
    theta = torch.randn(problems.free.shape, generator=generator, dtype=torch.float64)
    theta[:, :, -1] = torch.where(problems.present, theta[:, :, -1], NEVER)
    theta[:, :, :-1] *= problems.present[:, :, None]
    return theta


def test_gradient(problems):
    """In any place, and 0 in an empty one."""
    slab, theta = Slab(problems, 6), some_theta(problems)
    places = torch.tensor([5, 1, 4, 2])
    slab.put(places, torch.arange(4))
    at = theta.new_zeros(6, K, P + 1)
    at[places] = theta
    gradient = slab.gradient(at)
    for number, place in enumerate(places):
        expected = objective_gradient(problems, number, theta[number].numpy())
        assert np.allclose(gradient[place], expected, atol=2e-7)
    assert not gradient[[0, 3]].any()
    slab.clear(places[:1])
    assert not slab.gradient(at)[5].any()


def test_sample(problems, monkeypatch):
    """The same number of every class, evenly spread, weighing what the class does."""
    monkeypatch.setattr(torch_problem, "SMALLEST_SAMPLE", 120)
    monkeypatch.setattr(torch_problem, "SAMPLE_PER_PARAMETER", 1)
    row, label, weight = (part.numpy() for part in sample(problems, torch.arange(4)))
    for number in range(4):
        taken = weight[number] > 0
        of_vector = problems.labels[problems.spin[number]].numpy()
        assert np.array_equal(of_vector[row[number, taken]], label[number, taken])
        assert problems.masks[problems.mask[number]].numpy()[row[number, taken]].all()
        assert len(set(row[number, taken])) == taken.sum()
        n_present = int(problems.present[number].sum())
        _, true, true_weight = training_set(problems, number)
        for k in np.unique(true):
            of_class = taken & (label[number] == k)
            assert of_class.sum() == min((true == k).sum(), 120 // n_present)
            assert weight[number, of_class].sum() == pytest.approx(true_weight[true == k].sum())
            rows_of_class = np.flatnonzero(
                problems.masks[problems.mask[number]].numpy() & (of_vector == k)
            )
            rank = np.searchsorted(rows_of_class, np.sort(row[number, of_class]))
            step = len(rows_of_class) / of_class.sum()
            assert np.abs(rank - step * np.arange(1, of_class.sum() + 1)).max() <= step


def test_a_sample_of_all(problems):
    """A problem that is no larger than a sample is taken whole."""
    row, _, weight = sample(problems, torch.tensor([2]))
    x, _, true_weight = training_set(problems, 2)
    assert (weight > 0).sum() == len(x)
    assert len(set(row[weight > 0].tolist())) == len(x)
    assert np.allclose(np.sort(weight[weight > 0]), np.sort(true_weight))


def dense_hessian(problems, number, theta):
    """Return the Hessian of the objective by differences of the exact gradient."""
    step, size = 1e-5, theta.size
    columns = []
    for i in range(size):
        moved = np.zeros(size)
        moved[i] = step
        ahead, behind = (
            objective_gradient(problems, number, theta + sign * moved.reshape(theta.shape))
            for sign in (1, -1)
        )
        columns.append((ahead - behind).ravel() / (2 * step))
    return np.stack(columns)


def test_inverse_at(problems):
    """Times the Hessian it is the identity, but for shifts of all classes alike."""
    theta = 0.3 * some_theta(problems)
    inverse = inverse_at(problems, theta)
    for number in range(3):
        hessian = dense_hessian(problems, number, theta[number].numpy())
        found = inverse[number, 0].numpy() @ hessian
        v = np.random.default_rng(1).standard_normal((K, P + 1))
        v -= v.mean(axis=0)
        assert np.allclose(found @ v.ravel(), v.ravel(), atol=2e-3)


def test_inverse_at_an_absent_class(problems):
    """Its parameters are left alone, and those of the others are as without it."""
    theta = 0.3 * some_theta(problems)
    inverse = inverse_at(problems, theta)[3, 0].numpy()
    of_others = 2 * (P + 1)
    assert np.allclose(inverse[of_others:, :of_others], 0)
    hessian = dense_hessian(problems, 3, theta[3].numpy())[:of_others, :of_others]
    v = np.random.default_rng(1).standard_normal((2, P + 1))
    v -= v.mean(axis=0)
    assert np.allclose(inverse[:of_others, :of_others] @ hessian @ v.ravel(), v.ravel(), atol=2e-3)


def test_inverse_at_zero(problems):
    """A block for each class, exact where nothing tells the classes apart."""
    inverse = inverse_at_zero(problems)
    hessian = dense_hessian(problems, 0, np.zeros((K, P + 1)))
    v = np.random.default_rng(2).standard_normal((1, 1, K, P + 1))
    v -= v.mean(axis=2, keepdims=True)
    image = torch.from_numpy((hessian @ v.ravel()).reshape(1, 1, -1))
    assert np.allclose(apply_inverse(inverse[:1], image).numpy().ravel(), v.ravel(), atol=1e-4)


def two_loops(gradient, inverse, steps, changes):
    """Return the product of L-BFGS as the textbook has it."""
    q, products = gradient.copy(), []
    for s, y in zip(steps[::-1], changes[::-1], strict=True):
        products.append(s @ q / (s @ y))
        q -= products[-1] * y
    r = inverse @ q
    for s, y, a in zip(steps, changes, products[::-1], strict=True):
        r += s * (a - y @ r / (s @ y))
    return r


@pytest.mark.parametrize("n_held", [0, 1, 7])
def test_memory_in_matrices(problems, n_held):
    """The product with the memory is that of two loops over it; what is stale is not used."""
    size = K * (P + 1)
    rng = np.random.default_rng(n_held)
    root = rng.standard_normal((size, size))
    curvature = root @ root.T + np.eye(size)
    inverse = np.diag(rng.uniform(0.5, 2, size))
    steps = rng.standard_normal((n_held, size))
    begin = Begin(some_theta(problems), inverse_at_zero(problems))
    search = torch_minimise._Search(problems, begin, 2, 1e-8, 10, sampled=False)
    search.pairs += 7.0
    parts = (steps, steps @ curvature, steps @ curvature @ inverse)
    for part, values in zip(search.pairs, parts, strict=True):
        part[1, :n_held] = torch.from_numpy(values)
    search.n_held[1] = n_held
    gradient = rng.standard_normal((2, size))
    solved = torch.from_numpy(gradient @ inverse)
    found = search._times_inverse(torch.from_numpy(gradient), solved)
    expected = two_loops(gradient[1], inverse, steps, steps @ curvature)
    assert np.allclose(found[1], expected)
    assert np.allclose(found[0], solved[0])


@pytest.mark.parametrize("memory", [2, 40])
def test_minimise(problems, monkeypatch, memory):
    """Gradients vanish at the minimum, also with a memory that is soon full."""
    monkeypatch.setattr(torch_minimise, "MEMORY", memory)
    begin = Begin(torch.zeros_like(problems.free), inverse_at_zero(problems))
    begin.theta[:, :, -1] = torch.where(problems.present, 0.0, NEVER)
    begin = Begin(begin.theta, begin.inverse[[0, 2]])
    found = minimise(problems, begin, 3, tolerance=1e-12, max_passes=500)
    assert found.converged.all()
    for number in range(4):
        gradient = objective_gradient(problems, number, found.theta[number].numpy())
        assert np.abs(gradient).max() < 1e-6


def test_minimise_gives_up(problems):
    """After so many gradients, and says so."""
    begin = Begin(some_theta(problems), inverse_at_zero(problems)[[0, 2]])
    found = minimise(problems, begin, 2, tolerance=1e-12, max_passes=2)
    assert not found.converged.any()
    assert found.n_passes.tolist() == [2, 2, 2, 2]


def test_tilt(problems):
    """The tilted minimum is where the gradient is minus the tilt."""
    begin = Begin(torch.zeros_like(problems.free), inverse_at_zero(problems)[[0, 2]])
    begin.theta[:, :, -1] = torch.where(problems.present, 0.0, NEVER)
    tilt = 0.01 * torch.randn(problems.free.shape, dtype=torch.float64)
    tilt = (tilt - tilt.mean(dim=1, keepdim=True)) * problems.present[:, :, None]
    tilt[3, :2] -= tilt[3, :2].mean(dim=0)
    tilted = Begin(begin.theta, begin.inverse, tilt=tilt)
    found = minimise(problems, tilted, 2, tolerance=1e-12, max_passes=500)
    gradient, _ = evaluate(problems, found.theta, begin.inverse, 3)
    assert found.converged.all()
    assert torch.allclose(gradient, -tilt, atol=1e-6)


def test_bytes_grow_with_what_they_are_of():
    """More rows, classes, columns, folds or places take more memory."""
    slab, spin = (8, 50_000, 7, 33), (50_000, 7, 33, 5)
    for function, arguments in ((torch_memory.slab_bytes, slab), (torch_memory.spin_bytes, spin)):
        for i in range(4):
            more = [n * (2 if i == j else 1) for j, n in enumerate(arguments)]
            assert function(*more) > function(*arguments)
