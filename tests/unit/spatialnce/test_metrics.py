"""Records of a training."""

import json
import sys
from types import ModuleType

import pytest
import torch

from cytosurf.errors import InputError
from cytosurf.spatialnce.metrics import (
    MetricsFile,
    Phases,
    TensorBoard,
    peak_memory_mb,
    read_metrics,
)


def test_a_resumed_training_drops_the_records_of_lost_updates(tmp_path):
    """Lines after the checkpoint are made again; a line cut off by a kill is no error."""
    metrics = MetricsFile(tmp_path, 0)
    for step in range(1, 6):
        metrics.add({"step": step, "loss": 1.0 / step})
    with metrics.path.open("a") as stream:
        stream.write('{"step": 6, "lo')
    again = MetricsFile(tmp_path, 3)
    again.add({"step": 4, "loss": 0.25})
    assert [record["step"] for record in read_metrics(tmp_path)] == [1, 2, 3, 4]


def test_numbers_that_are_not_finite_become_null(tmp_path):
    """NaN is no JSON."""
    metrics = MetricsFile(tmp_path, 0)
    metrics.add({"step": 1, "loss": float("nan"), "norm": float("inf"), "lr": 0.5})
    (line,) = metrics.path.read_text().splitlines()
    record = json.loads(line, parse_constant=pytest.fail)
    assert record == {"step": 1, "loss": None, "norm": None, "lr": 0.5}


def test_a_folder_without_records_has_none(tmp_path):
    """A new training."""
    assert read_metrics(tmp_path) == []


def test_parts_of_a_step_add_up_until_they_are_taken():
    """And begin again at 0."""
    phases = Phases(torch.device("cpu"))
    with phases("forward"):
        pass
    phases.add("forward", 2.0)
    assert phases.take()["forward"] >= 2.0
    assert phases.take() == {}


def test_memory_is_a_plausible_number_of_megabytes():
    """Python with torch takes more than 50 MB and less than a machine has."""
    assert 50 < peak_memory_mb(torch.device("cpu")) < 1e6


def test_tensorboard_gets_the_same_numbers(tmp_path, monkeypatch):
    """Each under its name at its step; those of lost updates are purged."""
    seen = []

    class Writer:
        def __init__(self, folder, purge_step):
            seen.append((folder.name, purge_step))

        def add_scalar(self, name, value, step):
            seen.append((name, value, step))

        def flush(self):
            seen.append("flushed")

    module = ModuleType("torch.utils.tensorboard")
    module.SummaryWriter = Writer
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", module)
    TensorBoard(tmp_path, 4).add({"step": 5, "loss": 0.5, "lr": 0.1})
    assert seen == [("tensorboard", 5), ("loss", 0.5, 5), ("lr", 0.1, 5), "flushed"]


def test_tensorboard_that_is_not_installed_is_named(tmp_path, monkeypatch):
    """With the way to install it."""
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(InputError, match="pip install tensorboard"):
        TensorBoard(tmp_path, 0)
