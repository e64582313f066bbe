"""On the real cortex, refits in torch are those of the compiled solver."""

import numpy as np
import pytest

from cytosurf.bench.problem import load_problem
from cytosurf.decoding.crossval import count_labels, count_many, make_decoder
from cytosurf.decoding.scores import macro_f1
from cytosurf.nulls.spin_test import spin_label

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

HAS_GPU = torch.cuda.is_available()
DEVICES = [
    "torch-cpu",
    pytest.param("cuda", marks=pytest.mark.skipif(not HAS_GPU, reason="no GPU that torch can use")),
]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.real_data
def test_real_spins(device, real_cache):
    """Spun Yeo networks: macro-F1 of each fold within 5e-4 of the compiled solver's."""
    problem = load_problem("profiles,coordinates", "yeo7")
    test = problem.spin_test()
    labels = np.stack([spin_label(test, k, "independent")[0] for k in range(2)])
    for values, compiled in zip(problem.values, test.decoders, strict=True):
        in_torch = make_decoder(values, problem.folds, device=device)
        found = list(count_many(in_torch, labels, test.n_classes))
        for label, (counts, correct, _) in zip(labels, found, strict=True):
            expected, right, _ = count_labels(compiled, label, test.n_classes)
            assert np.abs(macro_f1(counts) - macro_f1(expected)).max() < 5e-4
            assert (correct != right).mean() < 1e-4
