"""Refits in torch equal those of the compiled solver and of scikit-learn, whatever is beside."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from cytosurf.decoding import crossval, torch_memory, torch_problem, torch_slab  # noqa: E402
from cytosurf.decoding.scores import macro_f1  # noqa: E402
from cytosurf.decoding.torch_softmax import NO_LABEL, TorchFitter  # noqa: E402
from cytosurf.errors import CytosurfError, InputError  # noqa: E402
from tests.unit.decoding.oracles import fit_reference, random_problem  # noqa: E402

NO_GPU = "no GPU that torch can use"
N_FOLDS, K = 4, 4
DEVICES = [
    "torch-cpu",
    pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason=NO_GPU)),
]


@pytest.fixture(params=DEVICES)
def device(request):
    """Give each device that torch has here."""
    return request.param


@pytest.fixture(autouse=True, params=["whole", "sampled"])
def sample_sizes(request, monkeypatch):
    """Let problems be larger than their samples, or not; and be in several blocks of rows."""
    monkeypatch.setattr(torch_problem, "BLOCK_ROWS", 350)
    monkeypatch.setattr(torch_slab, "BLOCK_ROWS", 350)
    if request.param == "sampled":
        monkeypatch.setattr(torch_problem, "SMALLEST_SAMPLE", 200)
        monkeypatch.setattr(torch_problem, "SAMPLE_PER_PARAMETER", 1)


def toy(seed, *, n=1200, p=5, k=K, n_labels=3, unlabelled=0.1):
    """Return features, several label vectors, and which rows train and are tested in each fold."""
    rng = np.random.default_rng(seed)
    x, _ = random_problem(seed, n=n, p=p, k=k)
    x = ((x - x.mean(axis=0)) / x.std(axis=0)).astype(np.float32)
    labels = []
    for _ in range(n_labels):
        utility = x @ rng.standard_normal((p, k)) + rng.gumbel(size=(n, k))
        labels.append(np.where(rng.random(n) < unlabelled, -1, utility.argmax(axis=1)))
    fold = rng.integers(0, N_FOLDS, n)
    test = fold == np.arange(N_FOLDS)[:, None]
    return x, np.stack(labels), ~test, test


def decoders(x, train, test, device):
    """Return the same decoder with the compiled solver and in torch."""
    from cytosurf.decoding.design import make_design
    from cytosurf.decoding.fitters import SoftmaxFitter

    rows = np.arange(len(x))
    compiled = SoftmaxFitter(make_design(x, test.argmax(axis=0)), 1.0)
    return [
        crossval.Decoder(rows, train, test, len(x), fitter)
        for fitter in (compiled, TorchFitter(x, 1.0, device))
    ]


def assert_like_the_compiled_solver(x, labels, train, test, device, n_classes=K):
    """Compare counts and scores of every label vector, one by one and together."""
    compiled, in_torch = decoders(x, train, test, device)
    many = list(crossval.count_many(in_torch, labels, n_classes))
    for label, (counts, correct, n_unconverged) in zip(labels, many, strict=True):
        expected, right, _ = crossval.count_labels(compiled, label, n_classes)
        assert n_unconverged == 0
        assert np.abs(counts - expected).sum() <= 2
        assert (correct != right).sum() <= 1
        assert np.nanmax(np.abs(macro_f1(counts) - macro_f1(expected))) < 5e-3
        alone = crossval.decode_labels(in_torch, label, n_classes)
        assert np.abs(alone.counts - counts).sum() <= 2
        observed = crossval.decode_labels(compiled, label, n_classes)
        difference = alone.probability.astype(float) - observed.probability
        assert np.abs(difference).max() < 2e-3
        assert np.array_equal(alone.absent, observed.absent)
        assert alone.converged


class TestEquality:
    """The same objective, solved."""

    @pytest.mark.parametrize("seed", range(3))
    def test_like_the_compiled_solver(self, device, seed):
        """Counts are those of the compiled solver but for a vertex on the border."""
        assert_like_the_compiled_solver(*toy(seed), device)

    def test_like_scikit_learn(self, device):
        """Held-out probabilities are those of converged scikit-learn after a scaler."""
        x, labels, train, test = toy(10)
        decoder = decoders(x, train, test, device)[1]
        for label in labels:
            result = crossval.decode_labels(decoder, label, K)
            for k in range(N_FOLDS):
                rows, tested = train[k] & (label >= 0), test[k] & (label >= 0)
                model = fit_reference(x[rows].astype(float), label[rows])
                expected = model.predict_proba(x[tested])
                assert np.abs(result.probability[tested] - expected).max() < 1e-3  # float16

    def test_two_classes(self, device):
        """The penalty counts twice, as scikit-learn's one vector for two classes."""
        x, labels, train, test = toy(11, k=2)
        assert_like_the_compiled_solver(x, labels, train, test, device, 2)

    def test_classes_that_a_fold_lacks(self, device):
        """A class without training rows is never predicted, and changes nothing for others."""
        x, labels, train, test = toy(12)
        labels[0] = np.where((labels[0] == 3) & ~test[1], -1, labels[0])
        labels[1] = np.where(labels[1] == 0, -1, labels[1])
        assert_like_the_compiled_solver(x, labels, train, test, device)
        counts, _, _ = TorchFitter(x, 1.0, device).count_many(labels, train, test, K)
        assert not counts[0, 1, :, 3].any()
        assert not counts[1, :, :, 0].any()

    def test_one_class_is_always_predicted(self, device):
        """Where a fold trains on a single class there is nothing to solve."""
        x, labels, train, test = toy(13, n_labels=1)
        labels[0, train[2]] = np.where(labels[0, train[2]] == 1, 1, -1)
        assert_like_the_compiled_solver(x, labels, train, test, device)

    def test_a_column_constant_in_one_training_set(self, device):
        """It is not fitted there, and fitted elsewhere."""
        x, labels, train, test = toy(14)
        x[train[1], 2] = 0.3
        assert_like_the_compiled_solver(x, labels, train, test, device)

    def test_rare_classes(self, device):
        """Weights of a hundred, and a class all but separable."""
        x, labels, train, test = toy(15, n=2000)
        far = x[:, 0] > np.sort(x[:, 0])[-25]
        labels = np.where(far, 3, np.minimum(labels, 2))
        assert_like_the_compiled_solver(x, labels, train, test, device)

    def test_rows_that_no_fold_trains_on_or_tests(self, device):
        """They change nothing."""
        x, labels, train, test = toy(16)
        train, test = train.copy(), test.copy()
        train[:, :50] = False
        test[:, 50:90] = False
        assert_like_the_compiled_solver(x, labels, train, test, device)
        counts, correct, _ = TorchFitter(x, 1.0, device).count_many(labels, train, test, K)
        assert counts.sum() == ((labels != NO_LABEL) & test.any(axis=0)).sum()
        assert not correct[:, 50:90].any()

    def test_blocks_of_classes(self, device, monkeypatch):
        """With many parameters the inverse Hessian has a block for each class."""
        from cytosurf.decoding import torch_curvature

        monkeypatch.setattr(torch_curvature, "FULL_HESSIAN_PARAMETERS", 10)
        assert_like_the_compiled_solver(*toy(17), device)


class TestIndependence:
    """A result depends on its own labels alone."""

    def test_of_the_batch(self, device):
        """One label vector, or eight in another order: the same bits."""
        x, labels, train, _ = toy(20, n_labels=8)
        fitter = TorchFitter(x, 1.0, device)
        together, converged = fitter.solve(labels, train, K)
        turned, _ = fitter.solve(labels[::-1], train, K)
        assert converged.all()
        assert np.array_equal(turned[::-1], together)
        for i in (0, 5):
            assert np.array_equal(fitter.solve(labels[[i]], train, K)[0][0], together[i])

    def test_of_the_memory_that_is_free(self, device, monkeypatch):
        """The number of label vectors that go through the stages together changes no bit."""
        x, labels, train, _ = toy(21, n_labels=3)
        fitter = TorchFitter(x, 1.0, device)
        together, _ = fitter.solve(labels, train, K)
        monkeypatch.setattr("cytosurf.decoding.torch_softmax.LARGEST_BATCH", 1)
        assert np.array_equal(fitter.solve(labels, train, K)[0], together)

    def test_of_hard_neighbours(self, device):
        """A neighbour that needs many more steps than the others does not hold them up."""
        x, labels, train, _ = toy(22, n_labels=4)
        hard = labels.copy()
        hard[1:] = np.where(x[:, 0] > 0, 0, labels[1:] % 2 + 1)  # all but separable
        fitter = TorchFitter(x, 1.0, device)
        assert np.array_equal(
            fitter.solve(hard, train, K)[0][0], fitter.solve(labels, train, K)[0][0]
        )

    def test_of_reduced_precision_for_others(self, device, monkeypatch):
        """TF32 or bfloat16, allowed for the process, is not for these products."""
        x, labels, train, test = toy(23, n_labels=1)
        used, gradient = set(), torch_slab.Slab.gradient

        def watched(slab, theta):
            used.add(torch.backends.cuda.matmul.fp32_precision)
            used.add(torch.backends.mkldnn.matmul.fp32_precision)
            return gradient(slab, theta)

        monkeypatch.setattr(torch_slab.Slab, "gradient", watched)
        before = torch.get_float32_matmul_precision()
        torch.set_float32_matmul_precision("medium")
        try:
            decoder = decoders(x, train, test, device)[1]
            crossval.decode_labels(decoder, labels[0], K)
            next(crossval.count_many(decoder, labels, K))
            assert torch.get_float32_matmul_precision() == "medium"
        finally:
            torch.set_float32_matmul_precision(before)
        assert used == {"ieee"}


class TestMemory:
    """The batch follows what is free."""

    def test_refuses_too_little(self, device, monkeypatch):
        """The message says what is free and what is needed."""
        x, labels, train, test = toy(30, n_labels=1)
        monkeypatch.setattr("cytosurf.decoding.torch_softmax.free_bytes", lambda _: 10**5)
        with pytest.raises(CytosurfError, match=r"0\.0 GB of memory are free, and .* needed"):
            TorchFitter(x, 1.0, device).count_many(labels, train, test, K)

    def test_what_is_free(self, device):
        """Some, and on a processor no more than a gibibyte."""
        from cytosurf.decoding.torch_device import torch_device

        free = torch_memory.free_bytes(torch_device(device))
        assert free > 0
        assert device == "cuda" or free <= 2**30


def test_make_decoder_checks_the_device():
    """As it checks features and folds."""
    from cytosurf.decoding.folds import Folds

    folds = Folds(block=[0, 0, 1, 1], fold=[0, 0, 1, 1])
    with pytest.raises(InputError, match="--device"):
        crossval.make_decoder(np.arange(4.0)[:, None], folds, device="tpu")
