"""Under torchrun, with gloo on CPUs and with NCCL on GPUs."""

import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
import torch
import yaml

from cytosurf.spatialnce import spatial_nce
from cytosurf.spatialnce.loop import train
from tests.distributed.tasks import batch_of, model_of
from tests.unit.spatialnce.toy_training import assert_close, options, write_patches

REPOSITORY = Path(__file__).resolve().parents[2]
GPUS = torch.cuda.device_count()


def torchrun(processes, *program):
    """Run a program in several processes and return what they printed."""
    scripts = sysconfig.get_path("scripts")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "torch.distributed.run", "--standalone"),
            *("--nproc-per-node", str(processes), *program),
        ],
        env={
            **os.environ,
            "PATH": os.pathsep.join([scripts, os.environ["PATH"]]),
            "PYTHONPATH": str(REPOSITORY),
            "OMP_NUM_THREADS": "1",
        },
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.skipif(GPUS == 1, reason="two processes and one GPU")
def test_the_command_trains_what_one_process_trains(tmp_path):
    """Weights and records agree to rounding; the first process alone speaks."""
    asked, path = options(write_patches(tmp_path)), tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(asked))
    command = ("--no-python", "cytosurf", "train", str(path), "--out", str(tmp_path / "two"))
    lines = torchrun(2, *command).splitlines()
    assert [line.split(":")[0] for line in lines[:6]] == [f"step {i} of 6" for i in range(1, 7)]
    assert lines[6:] == [str(tmp_path / "two" / "model")]
    sessions = json.loads((tmp_path / "two" / "run.json").read_text())["sessions"]
    assert [session["processes"] for session in sessions] == [2]
    train(asked, tmp_path / "one")
    assert_close(tmp_path / "two", tmp_path / "one")


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
    script = str(REPOSITORY / "tests" / "distributed" / "launched.py")
    size, loss, gradients = json.loads(torchrun(processes, script, backend).splitlines()[-1])
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
