"""Time and memory of the SpatialNCE loss beside its dense form, on this machine."""

from __future__ import annotations

import datetime
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from cytosurf.errors import CytosurfError, InputError
from cytosurf.spatialnce.loss import SIGMA_MM, TEMPERATURE, spatial_nce
from cytosurf.spatialnce.run_directory import device_name

EXTENT_MM = 150.0  # of a brain
REPEATS = 5
_WARM = 64
_MB = 1e6


@dataclass(frozen=True)
class LossBench:
    """What `bench_loss` measured, for embeddings of one width in float32.

    Attributes
    ----------
    device, name, torch, date : str
        "cpu" or "cuda", what it calls itself, version of torch, date and time in UTC at the end.
    threads : int
        Of this process, on a CPU.
    load : tuple of float, or None
        Processes that wanted a core, averaged over a minute: before and after.
    width : int
        Of the embeddings.
    samples : int
        For the comparison of times.
    seconds, dense_seconds : float
        Forward and backward pass, medians: CPU time of all threads on a CPU, time by the clock on a
        GPU.
    ratio : float
        Dense time over ours, measured in turn: median.
    loss_difference, gradient_difference : float
        Relative, between the two; of the gradient, its norm.
    memory_samples : int
        For memory.
    memory_mb, dense_memory_mb : float
        Largest memory beyond that of the inputs, in MB of 1e6 bytes: ours for `memory_samples`, the
        dense form's for `samples`, each in a process of its own.
    dense_predicted_mb : float
        The dense form's for `memory_samples`: it grows with the square.
    """

    device: str
    name: str
    torch: str
    date: str
    threads: int
    load: tuple[float, float] | None
    width: int
    samples: int
    seconds: float
    dense_seconds: float
    ratio: float
    loss_difference: float
    gradient_difference: float
    memory_samples: int
    memory_mb: float
    dense_memory_mb: float
    dense_predicted_mb: float

    def to_dict(self) -> dict[str, Any]:
        """Return all of it, for JSON."""
        return asdict(self)

    def table(self) -> str:
        """Return it as text."""
        load = "" if self.load is None else " Load {:.1f} before, {:.1f} after.".format(*self.load)
        clock = "CPU s" if self.device == "cpu" else "s"
        few, many = f"{self.samples:,}", f"{self.memory_samples:,}"
        rows = [
            ("", "samples", "cytosurf", "dense"),
            (
                f"forward and backward, {clock}",
                few,
                f"{self.seconds:.3f}",
                f"{self.dense_seconds:.3f}",
            ),
            ("times cytosurf, in turn", few, "1", f"{self.ratio:.2f}"),
            ("memory beyond inputs, MB", few, "", f"{self.dense_memory_mb:,.0f}"),
            (
                "memory beyond inputs, MB",
                many,
                f"{self.memory_mb:,.0f}",
                f"{self.dense_predicted_mb:,.0f} (predicted)",
            ),
        ]
        lines = [f"{a:34s}{b:>9s}{c:>12s}{d:>22s}" for a, b, c, d in rows]
        title = f"SpatialNCE, embeddings of width {self.width}, float32"
        differences = (
            f"Relative difference: loss {self.loss_difference:.1e}, gradient "
            f"{self.gradient_difference:.1e}."
        )
        end = f"{self.date}, {self.name}, {self.threads} threads, torch {self.torch}.{load}"
        return "\n".join([title, *lines, differences, end])


def dense_spatial_nce(
    embeddings: Tensor, coordinates_mm: Tensor, *, sigma_mm: float, temperature: float
) -> Tensor:
    """Return the loss with (N, N) matrices and autograd, as it is usually written.

    Examples
    --------
    >>> z, x = torch.eye(3), torch.tensor([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]])
    >>> round(float(dense_spatial_nce(z, x, sigma_mm=10, temperature=1.0)), 4)
    0.6931
    """
    z = torch.nn.functional.normalize(embeddings, dim=1)
    weights = torch.cdist(coordinates_mm, coordinates_mm).square().div(-2 * sigma_mm**2).exp()
    weights = weights.fill_diagonal_(0)
    weights = weights / weights.sum(1, keepdim=True)
    similarities = (z @ z.T / temperature).fill_diagonal_(-1e9)
    return -(weights * similarities.log_softmax(1)).sum(1).mean()


def bench_loss(
    *,
    samples: int = 4096,
    memory_samples: int = 32768,
    width: int = 128,
    device: str = "cpu",
    seed: int = 0,
) -> LossBench:
    """Measure the loss and its dense form, on random embeddings of samples in a cube of 15 cm.

    Parameters
    ----------
    samples : int
        For times. The dense form takes some 30 ``samples**2`` bytes.
    memory_samples : int
        For our memory.
    width : int
        Of the embeddings.
    device : str
        "cpu" or "cuda".
    seed : int
        Of the embeddings and positions.

    Returns
    -------
    LossBench

    Raises
    ------
    InputError
        Numbers below 2, or a device that is not there.
    CytosurfError
        Memory could not be measured.
    """
    for name, value in (("samples", samples), ("memory_samples", memory_samples)):
        if value < 2:
            raise InputError(name, str(value), "a whole number of at least 2")
    if width < 1:
        raise InputError("width", str(width), "a whole number of at least 1")
    if device not in ("cpu", "cuda"):
        raise InputError("device", repr(device), "cpu or cuda")
    if device == "cuda" and not torch.cuda.is_available():
        raise InputError("device", "cuda", "cpu, since torch finds no GPU")
    before = _load()
    data = _inputs(samples, width, device, seed)
    ours, dense = _Timed(_tiled, data, device), _Timed(_dense, data, device)
    pairs = [(ours(), dense()) for _ in range(REPEATS)]
    measure = _memory_on_gpu if device == "cuda" else _memory_in_a_process
    dense_mb = measure("dense", samples, width, seed)
    memory_mb = measure("tiled", memory_samples, width, seed)
    after = _load()
    return LossBench(
        device=device,
        name=device_name(torch.device(device)),
        torch=torch.__version__,
        date=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        threads=torch.get_num_threads(),
        load=None if before is None or after is None else (before, after),
        width=width,
        samples=samples,
        seconds=statistics.median(a for a, _ in pairs),
        dense_seconds=statistics.median(b for _, b in pairs),
        ratio=statistics.median(b / a for a, b in pairs),
        loss_difference=float((ours.loss - dense.loss).abs() / dense.loss),
        gradient_difference=float((ours.gradient - dense.gradient).norm() / dense.gradient.norm()),
        memory_samples=memory_samples,
        memory_mb=memory_mb,
        dense_memory_mb=dense_mb,
        dense_predicted_mb=dense_mb * (memory_samples / samples) ** 2,
    )


class _Timed:
    """A forward and backward pass, run once before it is timed."""

    def __init__(
        self, loss: Callable[[Tensor, Tensor], Tensor], data: tuple[Tensor, Tensor], device: str
    ) -> None:
        self.of, self.data, self.device = loss, data, device
        self.loss, self.gradient = _pass(loss, *data)

    def __call__(self) -> float:
        if self.device != "cuda":
            started = time.process_time()
            _pass(self.of, *self.data)
            return time.process_time() - started
        torch.cuda.synchronize()
        started = time.perf_counter()
        _pass(self.of, *self.data)
        torch.cuda.synchronize()
        return time.perf_counter() - started


def _inputs(samples: int, width: int, device: str, seed: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    z = torch.randn(samples, width, generator=generator).to(device).requires_grad_()
    return z, (EXTENT_MM * torch.rand(samples, 3, generator=generator)).to(device)


def _tiled(z: Tensor, x: Tensor) -> Tensor:
    return spatial_nce(z, x, sigma_mm=SIGMA_MM, temperature=TEMPERATURE).loss


def _dense(z: Tensor, x: Tensor) -> Tensor:
    return dense_spatial_nce(z, x, sigma_mm=SIGMA_MM, temperature=TEMPERATURE)


_FORMS = {"tiled": _tiled, "dense": _dense}


def _pass(loss: Callable[[Tensor, Tensor], Tensor], z: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
    value = loss(z, x)
    (gradient,) = torch.autograd.grad(value, z)
    return value.detach(), gradient


def _memory_on_gpu(form: str, samples: int, width: int, seed: int) -> float:
    data = _inputs(samples, width, "cuda", seed)
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    _pass(_FORMS[form], *data)
    return (torch.cuda.max_memory_allocated() - before) / _MB


def _memory_in_a_process(form: str, samples: int, width: int, seed: int) -> float:
    """Measure in a fresh process: memory that an allocator keeps from before would hide some."""
    code = (
        f"from {__name__} import print_memory; print_memory({form!r}, {samples}, {width}, {seed})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    if done.returncode:
        reason = done.stderr.strip().splitlines()[-1] if done.stderr else f"code {done.returncode}"
        raise CytosurfError(f"The memory of {form} with {samples:,} samples: {reason}")
    return float(json.loads(done.stdout.splitlines()[-1]))


def print_memory(form: str, samples: int, width: int, seed: int) -> None:
    """Print how much the peak memory of this process grows, in MB; for a process of its own.

    Parameters
    ----------
    form : {"tiled", "dense"}
        Which loss.
    samples, width, seed : int
        As of `bench_loss`.
    """
    loss = _FORMS[form]
    _pass(loss, *_inputs(_WARM, width, "cpu", seed))  # what is loaded on first use
    data = _inputs(samples, width, "cpu", seed)
    before = _bytes("VmRSS")
    _pass(loss, *data)
    more = max(0.0, _bytes("VmHWM") - before)  # the kernel counts the two at different moments
    sys.stdout.write(f"{json.dumps(more / _MB)}\n")


def _bytes(kind: str) -> float:
    """Return the resident memory of this process: now (VmRSS), or the largest so far (VmHWM)."""
    status = Path("/proc/self/status")
    if status.exists():
        lines = status.read_text(encoding="utf-8").splitlines()
        return 1024 * float(next(line for line in lines if line.startswith(kind)).split()[1])
    # Elsewhere the largest stands for both: what importing took for a moment is not counted.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return float(peak if sys.platform == "darwin" else 1024 * peak)


def _load() -> float | None:
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None
