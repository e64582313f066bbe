"""Checkpoints: whole or absent, and enough to go on to the bit.

A checkpoint is a folder ``step-00000500`` that appears under this name when it is complete::

    model.safetensors      weights and buffers
    config.json            what is needed to build the model again
    optimiser.safetensors  momenta, by the name of their parameter
    state.json             step, updates skipped

Order of the data, augmentation, dropout and learning rate are functions of the step, so there is
no state of a random generator to keep.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from cytosurf.compute.files import atomic_path, write_text
from cytosurf.errors import InputError

MODEL, OPTIMISER, STATE, CONFIG = (
    *("model.safetensors", "optimiser.safetensors"),
    *("state.json", "config.json"),
)
_NAME = re.compile(r"step-(\d{8,})")
_TEMPORARY = ".tmp-step-"


@dataclass(frozen=True)
class Progress:
    """How far a training is.

    Attributes
    ----------
    step : int
        Updates done, those skipped included.
    skipped : int
        Updates skipped because loss or gradient was not finite.
    in_a_row : int
        Of these, the last ones without an update between them.
    """

    step: int = 0
    skipped: int = 0
    in_a_row: int = 0


def save_checkpoint(
    folder: Path,
    model: nn.Module,
    optimiser: torch.optim.Optimizer,
    progress: Progress,
    description: dict[str, Any],
) -> Path:
    """Write a checkpoint under a temporary name, and rename it when all of it is on disk.

    Parameters
    ----------
    folder : pathlib.Path
        Where checkpoints are.
    model, optimiser
        What to keep.
    progress : Progress
        Decides the name.
    description : dict
        Content of ``config.json``.

    Returns
    -------
    pathlib.Path
        The finished folder; left as it is if it was there.
    """
    final = folder / f"step-{progress.step:08d}"
    if final.is_dir():
        return final
    folder.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=_TEMPORARY, dir=folder))
    try:
        write_weights(temporary, model, description)
        save_file(_optimiser_tensors(model, optimiser), temporary / OPTIMISER)
        (temporary / STATE).write_text(json.dumps(asdict(progress)) + "\n", encoding="utf-8")
        _to_disk(temporary)
        temporary.replace(final)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    return final


def load_checkpoint(path: Path, model: nn.Module, optimiser: torch.optim.Optimizer) -> Progress:
    """Put a checkpoint into a model and an optimiser of the same architecture.

    Raises
    ------
    InputError
        If a file is missing or cut off, or the checkpoint is of another architecture.
    """
    load_weights(path, model)
    tensors = _read(path / OPTIMISER)
    by_name = dict(model.named_parameters())
    state: dict[nn.Parameter, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        name, _, kind = key.rpartition(":")
        if name not in by_name:
            raise InputError(
                str(path / OPTIMISER), f"state of {name!r}", "parameters of the model", _WAY_OUT
            )
        parameter = by_name[name]
        on_device = tensor if kind == "step" else tensor.to(parameter.device)
        state.setdefault(parameter, {})[kind] = on_device
    optimiser.state.clear()
    for parameter, values in state.items():
        optimiser.state[parameter] = values
    try:
        return Progress(**json.loads((path / STATE).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        raise InputError(str(path / STATE), "no readable state", "a checkpoint", _WAY_OUT) from None


def checkpoints(folder: Path) -> list[Path]:
    """Return the finished checkpoints in a folder, in the order of their steps."""
    if not folder.is_dir():
        return []
    found = [path for path in folder.iterdir() if _NAME.fullmatch(path.name)]
    return sorted(found, key=checkpoint_step)


def checkpoint_step(path: Path) -> int:
    """Return the step in the name of a checkpoint."""
    return int(path.name.removeprefix("step-"))


def tidy(folder: Path, keep_last: int, keep_every: int | None) -> None:
    """Remove checkpoints that need not be kept, and what a killed process left half-written.

    Parameters
    ----------
    folder : pathlib.Path
        Where checkpoints are.
    keep_last : int
        The latest so many stay.
    keep_every : int or None
        So do those whose step is a multiple of this.
    """
    for path in checkpoints(folder)[:-keep_last]:
        if keep_every is None or checkpoint_step(path) % keep_every:
            shutil.rmtree(path)
    for path in folder.glob(f"{_TEMPORARY}*"):
        shutil.rmtree(path, ignore_errors=True)


def write_weights(directory: Path, model: nn.Module, description: dict[str, Any]) -> None:
    """Write ``config.json`` and then ``model.safetensors`` into a folder, each whole or absent."""
    write_text(directory / CONFIG, json.dumps(description, indent=2) + "\n")
    tensors = {name: t.detach().cpu().contiguous() for name, t in model.state_dict().items()}
    with atomic_path(directory / MODEL) as temporary:
        save_file(tensors, temporary)


def load_weights(directory: Path, model: nn.Module) -> None:
    """Put the weights in a folder into a model of the same architecture.

    Raises
    ------
    InputError
        If the file is missing or cut off, or names or shapes differ.
    """
    tensors = _read(directory / MODEL)
    expected = {name: tuple(t.shape) for name, t in model.state_dict().items()}
    found = {name: tuple(t.shape) for name, t in tensors.items()}
    for name in sorted(expected.keys() | found.keys()):
        if expected.get(name) != found.get(name):
            raise InputError(
                str(directory / MODEL),
                f"{name} {_shape(found.get(name))}",
                f"{_shape(expected.get(name))}, as in the model of the configuration",
                "This is a checkpoint of another architecture: give the configuration it was "
                "trained with, or another --out.",
            )
    model.load_state_dict(tensors)


_WAY_OUT = "Remove this folder: training goes on from the checkpoint before it."
_WRITE_AGAIN = "Of a finished training, `cytosurf train` writes it again from the last checkpoint."


def _shape(shape: tuple[int, ...] | None) -> str:
    return "absent" if shape is None else f"of shape {shape}"


def _read(path: Path) -> dict[str, Tensor]:
    try:
        tensors: dict[str, Tensor] = load_file(path)
    except (OSError, SafetensorError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(
            str(path),
            f"a missing, damaged or cut-off file ({reason})",
            "weights",
            _WAY_OUT if _NAME.fullmatch(path.parent.name) else _WRITE_AGAIN,
        ) from None
    return tensors


def _optimiser_tensors(model: nn.Module, optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Return the state of an optimiser as tensors, named by parameter and kind."""
    return {
        f"{name}:{kind}": value.detach().cpu().contiguous()
        for name, parameter in model.named_parameters()
        for kind, value in optimiser.state.get(parameter, {}).items()
        if isinstance(value, Tensor)
    }


def _to_disk(directory: Path) -> None:
    """Make sure that the content of a folder outlives a power cut after the rename."""
    for path in (*directory.iterdir(), directory):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
