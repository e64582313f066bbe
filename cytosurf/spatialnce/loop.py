"""The training loop: plain torch, resumable to the bit, under torchrun as on one core.

A step is a function of the state before it and its number. What is saved is weights, optimiser and
that number, so a training that was stopped anywhere, by whatever signal, and goes on from its last
checkpoint ends with the same bits as one that was not, also with another number of workers.
"""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from cytosurf.errors import CytosurfError, CytosurfWarning, InputError
from cytosurf.spatialnce.batches import Batch, StepBatches, batches
from cytosurf.spatialnce.checkpoint import (
    Progress,
    checkpoints,
    load_checkpoint,
    save_checkpoint,
    tidy,
    write_weights,
)
from cytosurf.spatialnce.config import TrainConfig
from cytosurf.spatialnce.config_files import make_config
from cytosurf.spatialnce.gather import gather_rows, ranks_of
from cytosurf.spatialnce.metrics import (
    MetricsFile,
    Phases,
    TensorBoard,
    peak_memory_mb,
    summary_writer,
)
from cytosurf.spatialnce.model import description, new_model
from cytosurf.spatialnce.processes import (
    distributed,
    first_does,
    joined_processes,
    noting_signals,
    synchronised,
    wait_for_all,
)
from cytosurf.spatialnce.run_directory import CHECKPOINTS, MODEL, RUN, add_session, claimed
from cytosurf.spatialnce.sources import training_source
from cytosurf.spatialnce.step import StepResult, optimiser_of, rate, update
from cytosurf.spatialnce.surface import surface_of

Record = dict[str, Any]


class TrainingFailedError(CytosurfError):
    """Training cannot go on: too many updates in a row were not finite."""


@dataclass(frozen=True)
class Training:
    """How a training ended.

    Attributes
    ----------
    directory : pathlib.Path
        The run directory.
    progress : Progress
        Updates done and skipped.
    finished : bool
        False if a signal stopped it; the same call goes on.
    process : int
        Which of the processes that trained together this is, from 0.
    """

    directory: Path
    progress: Progress
    finished: bool
    process: int = 0


def train(
    config: TrainConfig | dict[str, Any],
    out: str | os.PathLike[str],
    *,
    on_record: Callable[[Record], None] | None = None,
) -> Training:
    """Train an encoder, or go on with a training that was stopped.

    Parameters
    ----------
    config : TrainConfig or dict
        What to train; a dict is checked first.
    out : path-like
        Run directory, new or begun with the same configuration. Checkpoints, workers and the
        interval of logging may differ; so may the number of steps, if the learning rate is
        constant and no more than that are done.
    on_record : callable, optional
        Called with each record of ``metrics.jsonl`` when it is written.

    Returns
    -------
    Training

    Raises
    ------
    InputError
        If the configuration does not fit the source, the number of processes or what is in `out`,
        or another training is at work there.
    TrainingFailedError
        If loss or gradient were not finite for `max_skipped` updates in a row.

    Notes
    -----
    Started by torchrun, each process trains on its slice of each batch. SIGTERM and SIGUSR1 end
    the training after the current update, with a checkpoint.

    Examples
    --------
    >>> options = {"source": {"kind": "bigbrain"}, "steps": 300}
    >>> train(options, "runs/first").finished  # doctest: +SKIP
    True
    """
    checked = make_config(config) if isinstance(config, dict) else config
    with ExitStack() as held, joined_processes() as device, warnings.catch_warnings():
        warnings.simplefilter("default", CytosurfWarning)  # not again for each batch
        return _Trainer(checked, Path(out), device, on_record, held).run()


class _Trainer:
    """A training in one process: what is opened once, and the loop over it."""

    def __init__(
        self,
        config: TrainConfig,
        directory: Path,
        device: torch.device,
        on_record: Callable[[Record], None] | None,
        held: ExitStack,
    ) -> None:
        self.config, self.directory, self.device = config, directory, device
        self.on_record = on_record
        if config.tensorboard:
            summary_writer()  # raises, on every process, where it is missing
        self.ranks = ranks_of()
        source = training_source(config)
        self.surface = surface_of(config.loss.surface, source.space, device)
        self.steps = StepBatches(config, self.ranks.index, self.ranks.size, source)
        _, sampler = self.steps.opened()
        sampler.share(self.ranks.size)
        self.shape = source.shape
        self.model = synchronised(new_model(config, source).to(device), self.ranks.size)
        self.optimiser = optimiser_of(config, self.model)
        self.phases = Phases(device)
        claim = partial(held.enter_context, claimed(directory, config))
        first_does(claim, self.ranks.index, device)

    def run(self) -> Training:
        """Make the updates that are left, with records and checkpoints on their way."""
        progress = self._resumed()
        first_does(partial(self._note_session, progress), self.ranks.index, self.device)
        if progress.step < self.config.steps:
            progress = self._loop(progress)
        finished = progress.step >= self.config.steps
        if finished:
            self._save(progress)
            if self.ranks.index == 0:
                stored = description(self.config, self.shape, progress.step)
                write_weights(self.directory / MODEL, self.model, stored)
        return Training(self.directory, progress, finished, self.ranks.index)

    def _note_session(self, progress: Progress) -> None:
        """Write into ``run.json`` what is about to be done, if anything is."""
        if progress.step < self.config.steps or not (self.directory / RUN).is_file():
            add_session(self.directory, self.config, progress.step, self.device, self.ranks.size)

    def _loop(self, progress: Progress) -> Progress:
        """Return how far the training came before its end or a signal."""
        writers = self._writers(progress.step) if self.ranks.index == 0 else []
        model = distributed(self.model, self.device, self.ranks.size)
        self._mark = (time.perf_counter(), progress.step)
        with noting_signals() as request:
            for batch in self._timed(progress.step):
                result = update(
                    model,
                    self.optimiser,
                    batch,
                    progress.step,
                    self.config,
                    self.phases,
                    self.surface,
                )
                progress = _advanced(progress, result)
                if writers and progress.step % self.config.log_every == 0:
                    self._log(writers, progress, result)
                self._check(progress)
                stopped = request.anywhere(self.device)
                if stopped or progress.step % self.config.checkpoint.every == 0:
                    self._save(progress)
                if stopped:
                    break
        return progress

    def _timed(self, start: int) -> Iterator[Batch]:
        """Give batches, and keep the time that the loop waits for each."""
        source = batches(self.steps, start, self.config.steps)
        while True:
            with self.phases("wait"):
                batch = next(source, None)
            if batch is None:
                return
            yield batch

    def _check(self, progress: Progress) -> None:
        if progress.in_a_row >= self.config.max_skipped:
            raise TrainingFailedError(
                f"{self.directory}: loss or gradient was not finite in {progress.in_a_row} updates "
                f"in a row, the last of them number {progress.step}. Use a lower learning rate, "
                "or look at the patches."
            )

    def _resumed(self) -> Progress:
        found = checkpoints(self.directory / CHECKPOINTS)
        done = load_checkpoint(found[-1], self.model, self.optimiser) if found else Progress()
        steps = gather_rows(torch.tensor([done.step], device=self.device), self.ranks).tolist()
        if len(set(steps)) > 1:
            raise InputError(
                f"--out {self.directory}",
                f"checkpoints of the steps {', '.join(map(str, steps))} on different processes",
                "the same on all of them",
                "Put the directory on a file system that all nodes share.",
            )
        return done

    def _save(self, progress: Progress) -> None:
        if self.ranks.index == 0:
            folder = self.directory / CHECKPOINTS
            stored = description(self.config, self.shape, progress.step)
            save_checkpoint(folder, self.model, self.optimiser, progress, stored)
            tidy(folder, self.config.checkpoint.keep_last, self.config.checkpoint.keep_every)
        wait_for_all()

    def _writers(self, step: int) -> list[MetricsFile | TensorBoard]:
        metrics = MetricsFile(self.directory, step)
        return (
            [metrics, TensorBoard(self.directory, step)] if self.config.tensorboard else [metrics]
        )

    def _log(
        self, writers: list[MetricsFile | TensorBoard], progress: Progress, result: StepResult
    ) -> None:
        now, (since, step) = time.perf_counter(), self._mark
        self._mark = (now, progress.step)
        record = {
            "step": progress.step,
            "loss": result.loss,
            "lr": rate(self.config, progress.step - 1),
            "gradient_norm": result.gradient_norm,
            "effective_positives": result.effective_positives,
            "isolated": result.isolated,
            "skipped": progress.skipped,
            "patches_per_second": (progress.step - step) * self.config.batch.size / (now - since),
            "data_wait_share": self.phases.take()["wait"] / (now - since),
            "memory_mb": peak_memory_mb(self.device),
        }
        for writer in writers:
            writer.add(record)
        if self.on_record is not None:
            self.on_record(record)


def _advanced(progress: Progress, result: StepResult) -> Progress:
    """Count an update, made or skipped."""
    if result.finite:
        return Progress(progress.step + 1, progress.skipped, 0)
    return Progress(progress.step + 1, progress.skipped + 1, progress.in_a_row + 1)
