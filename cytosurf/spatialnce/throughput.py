"""How fast a training is, and where its time goes: a few steps of it, measured."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import Any

from cytosurf.errors import InputError
from cytosurf.spatialnce.batches import StepBatches, batches
from cytosurf.spatialnce.config import TrainConfig
from cytosurf.spatialnce.gather import ranks_of
from cytosurf.spatialnce.metrics import Phases, peak_memory_mb
from cytosurf.spatialnce.model import new_model
from cytosurf.spatialnce.processes import distributed, joined_processes, synchronised
from cytosurf.spatialnce.run_directory import device_name
from cytosurf.spatialnce.sources import training_source
from cytosurf.spatialnce.step import optimiser_of, update
from cytosurf.spatialnce.surface import surface_of

PHASES = ("wait", "forward", "loss", "backward", "two_pass", "step")


@dataclass(frozen=True)
class Throughput:
    """Seconds of a training, per step.

    Attributes
    ----------
    patches_per_second : float
        Of all processes together.
    seconds : dict of str to float
        Of each part of a step in this process: waiting for data, forward, loss (with gathering),
        backward (with averaging gradients), the optimiser's step, and all that is between them.
        With chunks, forward to backward are one part.
    read_seconds, augment_seconds : float
        Of a worker for each batch; part of the waiting where there are no workers.
    memory_mb : float
        Peak of this process, or of its GPU.
    processes, workers, batch_size : int
        As measured.
    device : str
        What computed.
    n_parameters : int
        Of encoder and projection.
    steps : int
        Measured, after two that were not.
    process : int
        Which of the processes this is, from 0.
    """

    patches_per_second: float
    seconds: dict[str, float]
    read_seconds: float
    augment_seconds: float
    memory_mb: float
    processes: int
    workers: int
    batch_size: int
    device: str
    n_parameters: int
    steps: int
    process: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Return all of it, for JSON."""
        return asdict(self)

    def table(self) -> str:
        """Return it as text, one line for each part of a step."""
        total = sum(self.seconds.values())
        head = (
            f"{self.patches_per_second:,.0f} patches/s on {self.processes} x {self.device}, "
            f"batch {self.batch_size:,}, {self.n_parameters:,} parameters, "
            f"{self.memory_mb:,.0f} MB"
        )
        lines = [
            head,
            *(
                f"{name:10s}{1000 * seconds:10.1f} ms {seconds / total:6.1%}"
                for name, seconds in self.seconds.items()
            ),
            f"{'read':10s}{1000 * self.read_seconds:10.1f} ms in {self.workers or 'no'} workers",
            f"{'augment':10s}{1000 * self.augment_seconds:10.1f} ms",
        ]
        return "\n".join(lines)


def bench_train(config: TrainConfig, *, steps: int = 10, warmup: int = 2) -> Throughput:
    """Measure some steps of a training; nothing is written.

    Parameters
    ----------
    config : TrainConfig
        The training. Started by torchrun, all processes take part.
    steps : int, optional
        Steps to measure.
    warmup : int, optional
        Steps before them.

    Raises
    ------
    InputError
        If the configuration does not fit the source or the number of processes.
    """
    if steps < 1:
        raise InputError("steps", str(steps), "at least 1")
    with joined_processes() as device:
        ranks = ranks_of()
        source = training_source(config)
        surface = surface_of(config.loss.surface, source.space, device)
        plain = synchronised(new_model(config, source).to(device), ranks.size)
        optimiser = optimiser_of(config, plain)
        model = distributed(plain, device, ranks.size)
        phases = Phases(device, exact=True)
        read = augment = start = 0.0
        source_of_batches = batches(
            StepBatches(config, ranks.index, ranks.size, source), 0, warmup + steps
        )
        for step in range(warmup + steps):
            if step == warmup:
                phases.take()
                start = time.perf_counter()
                read = augment = 0.0
            with phases("wait"):
                batch = next(source_of_batches)
            update(model, optimiser, batch, step, config, phases, surface)
            read, augment = read + batch.read_s, augment + batch.augment_s
        whole, parts = time.perf_counter() - start, phases.take()
        seconds = {name: parts[name] / steps for name in PHASES if name in parts}
        seconds["other"] = (whole - sum(parts.values())) / steps
        return Throughput(
            patches_per_second=config.batch.size * steps / whole,
            seconds=seconds,
            read_seconds=read / steps,
            augment_seconds=augment / steps,
            memory_mb=peak_memory_mb(device),
            processes=ranks.size,
            workers=config.loader.workers,
            batch_size=config.batch.size,
            device=device_name(device),
            n_parameters=sum(p.numel() for p in plain.parameters()),
            steps=steps,
            process=ranks.index,
        )
