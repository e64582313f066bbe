"""What a training says of itself while it goes: a line of JSON every few updates."""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from cytosurf.compute.files import write_text
from cytosurf.errors import InputError

FILE_NAME = "metrics.jsonl"


class MetricsFile:
    """``metrics.jsonl``: one line per record, in the order of steps.

    Parameters
    ----------
    directory : pathlib.Path
        The run directory.
    from_step : int
        Lines of later steps are removed: they belong to updates that were lost with a process and
        are made again.
    """

    def __init__(self, directory: Path, from_step: int) -> None:
        self.path = directory / FILE_NAME
        kept = [r for r in read_metrics(directory) if r["step"] <= from_step]
        write_text(self.path, "".join(json.dumps(record) + "\n" for record in kept))

    def add(self, record: dict[str, Any]) -> None:
        """Append a line; numbers that are not finite become null."""
        clean = {
            key: None if isinstance(value, float) and not abs(value) < float("inf") else value
            for key, value in record.items()
        }
        with self.path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(clean) + "\n")


class TensorBoard:
    """The same records for TensorBoard, in ``tensorboard/`` of the run directory.

    Parameters
    ----------
    directory : pathlib.Path
        The run directory.
    from_step : int
        Records of later steps are removed.

    Raises
    ------
    InputError
        If TensorBoard is not installed.
    """

    def __init__(self, directory: Path, from_step: int) -> None:
        self._writer = summary_writer()(directory / "tensorboard", purge_step=from_step + 1)

    def add(self, record: dict[str, Any]) -> None:
        """Write each number of a record at its step."""
        for name, value in record.items():
            if name != "step":
                self._writer.add_scalar(name, value, record["step"])
        self._writer.flush()


def summary_writer() -> Any:
    """Return the class of TensorBoard that writes.

    Raises
    ------
    InputError
        If TensorBoard is not installed.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise InputError(
            "tensorboard", "true without that package", "it installed", "pip install tensorboard"
        ) from None
    return SummaryWriter


def read_metrics(directory: Path) -> list[dict[str, Any]]:
    """Return the records of a run; a last line cut off by a kill is left out.

    Parameters
    ----------
    directory : pathlib.Path
        A run directory; without the file there are no records.
    """
    path = directory / FILE_NAME
    records: list[dict[str, Any]] = []
    if not path.is_file():
        return records
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            records.append(json.loads(line))
        except json.JSONDecodeError:
            break
    return records


def one_line(record: dict[str, Any], steps: int) -> str:
    """Return a record for the eye.

    Examples
    --------
    >>> one_line({"step": 5, "loss": 1.25, "lr": 0.1, "patches_per_second": 80.2}, 10)
    'step 5 of 10: loss 1.2500, lr 0.1, 80 patches/s'
    """
    return (
        f"step {record['step']} of {steps}: loss {record['loss']:.4f}, lr {record['lr']:.3g}, "
        f"{record['patches_per_second']:,.0f} patches/s"
    )


def peak_memory_mb(device: torch.device) -> float:
    """Return the largest memory so far: of the GPU's allocator, or of this process on a CPU."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


class Phases:
    """Seconds spent in named parts of a step.

    Parameters
    ----------
    device : torch.device
        With CUDA, and only if `exact`, each part waits for the device before its clock stops.
    exact : bool
        For benchmarks; training itself never waits for the sake of the clock.
    """

    def __init__(self, device: torch.device, exact: bool = False) -> None:
        self.seconds: dict[str, float] = {}
        self._device = device if exact and device.type == "cuda" else None

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        """Add the time of a block to a part."""
        start = time.perf_counter()
        try:
            yield
        finally:
            if self._device is not None:
                torch.cuda.synchronize(self._device)
            self.add(name, time.perf_counter() - start)

    def add(self, name: str, seconds: float) -> None:
        """Add seconds to a part."""
        self.seconds[name] = self.seconds.get(name, 0.0) + seconds

    def take(self) -> dict[str, float]:
        """Return the seconds of all parts and begin again at 0."""
        taken, self.seconds = self.seconds, {}
        return taken
