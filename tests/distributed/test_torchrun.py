"""Under torchrun, with gloo on CPUs and with NCCL on GPUs."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from cytosurf.spatialnce import spatial_nce
from tests.distributed.tasks import batch_of, model_of

REPOSITORY = Path(__file__).resolve().parents[2]
GPUS = torch.cuda.device_count()


@pytest.mark.parametrize(
    ("backend", "processes"),
    [
        pytest.param("gloo", 2, marks=pytest.mark.slow),
        pytest.param("nccl", 1, marks=pytest.mark.skipif(GPUS < 1, reason="no GPU")),
        pytest.param("nccl", 2, marks=pytest.mark.skipif(GPUS < 2, reason="fewer than two GPUs")),
    ],
)
def test_a_step_is_that_of_one_process(backend, processes):
    """Loss and averaged gradients equal a float64 step alone (slow: pytest -m slow)."""
    program = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    script = str(REPOSITORY / "tests" / "distributed" / "launched.py")
    done = subprocess.run(
        [*program, f"--nproc-per-node={processes}", script, backend],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    size, loss, gradients = json.loads(done.stdout.splitlines()[-1])
    assert size == processes
    model = model_of()
    patches, x = batch_of(0)
    expected = spatial_nce(model(patches), x, sigma_mm=10).loss
    expected.backward()
    # Convolutions of the encoder may use TF32 on a GPU; the loss may not.
    tolerance = 1e-4 if backend == "gloo" else 2e-2
    assert loss == pytest.approx(expected.item(), rel=tolerance)
    for name, parameter in model.named_parameters():
        found = torch.tensor(gradients[name]).double()
        wanted = parameter.grad.flatten()
        assert (found - wanted).norm() <= tolerance * max(float(wanted.norm()), 1e-2), name


@pytest.mark.skipif(GPUS < 1, reason="no GPU")
def test_the_loss_on_a_gpu_is_that_on_the_cpu():
    """In full float32, with TF32 on globally and inside autocast."""
    from tests.unit.spatialnce import dense

    z, x = dense.samples(500, 64)
    expected = dense.contrastive(z, dense.rbf(x, 10), 0.07)
    (wanted,) = torch.autograd.grad(expected, z)
    there = z.detach().float().cuda().requires_grad_()
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    with torch.autocast("cuda", dtype=torch.bfloat16):
        found = spatial_nce(there, x.cuda(), sigma_mm=10)
    found.loss.backward()
    torch.set_float32_matmul_precision(before)
    assert found.loss.item() == pytest.approx(expected.item(), rel=1e-6)
    assert float((there.grad.cpu() - wanted).norm() / wanted.norm()) < 1e-5
