"""The measurement of the loss: what is compared is the same, and memory is that of a process."""

import json

import pytest
import torch

from cytosurf.errors import CytosurfError, InputError
from cytosurf.spatialnce import benchmark
from cytosurf.spatialnce.benchmark import bench_loss, dense_spatial_nce, print_memory
from tests.unit.spatialnce import dense


@pytest.fixture
def no_process(monkeypatch):
    """Stand in for the processes that measure memory: 10 bytes for each pair or sample."""

    def memory(form, samples, width, seed):
        return samples * (samples if form == "dense" else width) / 1e5

    monkeypatch.setattr(benchmark, "_memory_in_a_process", memory)


def test_both_forms_are_measured(no_process):
    """They agree, and memory of the dense form is scaled by the square."""
    found = bench_loss(samples=2000, memory_samples=4000, width=8)
    assert found.ratio > 0
    assert found.loss_difference < 1e-5
    assert found.gradient_difference < 1e-4
    assert found.dense_predicted_mb == pytest.approx(4 * found.dense_memory_mb)
    assert json.loads(json.dumps(found.to_dict()))["memory_mb"] == pytest.approx(0.32)
    assert "4,000" in found.table()
    assert "(predicted)" in found.table()


def test_the_dense_form_is_the_equation():
    """It is what the ratio is over."""
    z, x = dense.samples(30)
    expected = dense.contrastive(z, dense.rbf(x, 10), 0.07)
    found = dense_spatial_nce(z, x, sigma_mm=10, temperature=0.07)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=0)


def test_memory_is_printed(capsys):
    """As a number that a parent process can read."""
    print_memory("tiled", 100, 8, 0)
    assert json.loads(capsys.readouterr().out) >= 0


@pytest.mark.slow
def test_memory_grows_with_samples_and_not_their_square():
    """Of real processes: 4,096 samples take the dense form 3 matrices or more, and ours 50 MB.

    32,768 embeddings of width 128 take less than 300 MB, where one matrix has 4.3 GB.
    Run with: pytest -m slow tests/unit/spatialnce
    """
    assert benchmark._memory_in_a_process("tiled", 4096, 32, 0) < 50
    assert benchmark._memory_in_a_process("tiled", 32768, 128, 0) < 300
    assert benchmark._memory_in_a_process("dense", 4096, 32, 0) > 3 * 4 * 4096**2 / 1e6


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"samples": 1}, "samples: found 1"),
        ({"memory_samples": 0}, "memory_samples: found 0"),
        ({"width": 0}, "width: found 0"),
        ({"device": "tpu"}, "device: found 'tpu'"),
    ],
)
def test_bad_options(no_process, options, message):
    """Before anything is measured."""
    with pytest.raises(InputError, match=message):
        bench_loss(**options)


def test_a_process_that_fails_is_reported(monkeypatch):
    """With the last line of what it said."""
    monkeypatch.setattr(benchmark, "__name__", "cytosurf.no_such_module")
    with pytest.raises(CytosurfError, match="tiled with 10 samples: ModuleNotFoundError"):
        benchmark._memory_in_a_process("tiled", 10, 8, 0)
