"""Batches as a data loader gives them: item t is the share of one process in the batch of step t.

A data set whose items are steps: whichever worker reads an item, and in whatever order, it comes
out the same, because everything in it is decided by (seed, step, position). Each worker opens the
source itself, when it reads its first item.
"""

from __future__ import annotations

import multiprocessing
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from multiprocessing import forkserver
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from cytosurf.errors import InputError
from cytosurf.histology.source import PatchSource
from cytosurf.spatialnce.augment import Augmentation, augment, draws
from cytosurf.spatialnce.config import TrainConfig
from cytosurf.spatialnce.processes import SIGNALS
from cytosurf.spatialnce.sampler import BatchSampler
from cytosurf.spatialnce.sources import training_source


class Batch(NamedTuple):
    """What a step trains on.

    Attributes
    ----------
    images : Tensor
        (n_views * n, C, H, W) float32 of 0 to 1, the first views before the second.
    coordinates_mm : Tensor
        (n, 3) float32.
    group : Tensor or None
        (n,) int64: label or brain of each patch, if the loss asks for it.
    indices : Tensor
        (n,) int64: rows of the source.
    read_s, augment_s : float
        Seconds of the worker.
    """

    images: Tensor
    coordinates_mm: Tensor
    group: Tensor | None
    indices: Tensor
    read_s: float
    augment_s: float


@dataclass
class StepBatches(Dataset[Batch]):
    """The batches of a training, by step, as one process of several sees them.

    Parameters
    ----------
    config : TrainConfig
        The training.
    rank, world_size : int
        This process, and how many there are.
    source : PatchSource, optional
        The patches to train on, if they are open already; never sent to a worker.
    """

    config: TrainConfig
    rank: int = 0
    world_size: int = 1
    source: PatchSource | None = None
    _sampler: BatchSampler | None = field(default=None, repr=False)

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what a worker opens itself."""
        return {**self.__dict__, "source": None, "_sampler": None}

    def opened(self) -> tuple[PatchSource, BatchSampler]:
        """Return source and sampler, opening them if need be, as a worker does."""
        if self.source is None:
            self.source = training_source(self.config, check=False)
        if self._sampler is None:
            batch = self.config.batch
            self._sampler = BatchSampler(
                self.source.coordinates_mm,
                batch.size,
                self.config.seed,
                batch.group_size,
                batch.radius_mm,
            )
        return self.source, self._sampler

    def __getitem__(self, step: int) -> Batch:
        """Return this process's share of the batch of a step."""
        start = time.perf_counter()
        source, sampler = self.opened()
        rows = sampler.shard(step, self.rank, self.world_size)
        images = torch.from_numpy(source.read(rows))
        middle = time.perf_counter()
        positions = self.rank * len(rows) + np.arange(len(rows))
        options = Augmentation(**self.config.augment.model_dump())
        n_views = 2 if self.config.loss.kind == "simclr" else 1
        views = [
            augment(images, draws(self.config.seed, step, positions, view), options)
            for view in range(n_views)
        ]
        name = self.config.loss.group
        return Batch(
            torch.cat(views),
            torch.from_numpy(sampler.coordinates_mm[rows]),
            None if name is None else torch.from_numpy(source.groups[name][rows]),
            torch.from_numpy(rows),
            middle - start,
            time.perf_counter() - middle,
        )


def batches(steps: StepBatches, start: int, stop: int) -> Iterator[Batch]:
    """Give the batches of steps `start` to `stop`, read ahead by the workers of the configuration.

    Workers are started afresh (forkserver), so that no thread or file of this process is half in
    them, and leave SIGTERM to the training, which saves and ends them.

    Raises
    ------
    InputError
        If a patch cannot be read, also where a worker finds it out.
    """
    loader = steps.config.loader
    workers: dict[str, Any] = {}
    if loader.workers:
        _start_forkserver()
        workers = {
            "multiprocessing_context": "forkserver",
            "prefetch_factor": loader.prefetch,
            "worker_init_fn": _leave_signals,
        }
    for item in DataLoader(
        _Guarded(steps),
        batch_size=None,
        sampler=range(start, stop),
        num_workers=loader.workers,
        pin_memory=torch.cuda.is_available(),
        **workers,
    ):
        if not isinstance(item, Batch):
            raise InputError(*item)
        yield item


@dataclass
class _Guarded(Dataset[Batch | tuple[str, ...]]):
    """Steps whose bad input comes as the words of the error: torch would send a `RuntimeError`."""

    steps: StepBatches

    def __getitem__(self, step: int) -> Batch | tuple[str, ...]:
        try:
            return self.steps[step]
        except InputError as error:
            words: tuple[str, ...] = error.args
            return words


def _start_forkserver() -> None:
    """Start the process that workers are forked from, deaf to the signals that end a training.

    A job's end sends SIGTERM to all its processes, and the workers of a forkserver that died end
    with it. Signals that are ignored stay so in a program that is started; it takes milliseconds.
    """
    multiprocessing.get_context("forkserver").set_forkserver_preload([__name__])  # imports once
    if threading.current_thread() is not threading.main_thread():
        forkserver.ensure_running()
        return
    before = {number: signal.signal(number, signal.SIG_IGN) for number in SIGNALS}
    try:
        forkserver.ensure_running()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _leave_signals(worker: int) -> None:  # noqa: ARG001
    for number in (*SIGNALS, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
