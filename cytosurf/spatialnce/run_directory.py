"""The directory of a training: what was asked for, with what it was made, how far it is.

::

    RUN_DIR/
        config.yaml     resolved configuration, of the last session
        run.json        versions, data, machine, and a line for each session
        metrics.jsonl   loss, learning rate, gradient, positives, speed, memory
        checkpoints/    step-00000500, ...
        model/          model.safetensors and config.json of the finished training
        .lock           while a process is at work
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import torch

from cytosurf.compute.files import check_writable, write_text
from cytosurf.compute.lock import PREFIX, locked
from cytosurf.compute.versions import installed_versions
from cytosurf.errors import InputError
from cytosurf.spatialnce.checkpoint import checkpoint_step, checkpoints
from cytosurf.spatialnce.config import TrainConfig
from cytosurf.spatialnce.config_files import config_text, read_config
from cytosurf.spatialnce.sources import provenance

CONFIG, RUN, CHECKPOINTS, MODEL = "config.yaml", "run.json", "checkpoints", "model"
PACKAGES = ("cytosurf", "torch", "safetensors", "numpy", "scipy", "pydantic")


@contextmanager
def claimed(directory: Path, config: TrainConfig) -> Iterator[None]:
    """Keep a run directory for one training while the block runs, with its configuration in it.

    Raises
    ------
    InputError
        If the directory holds the training of another configuration, more updates than are asked
        for, or something else; if nothing can be written there; or if a process is at work in it.
    """
    check_writable(directory)
    path = directory / CONFIG
    if not path.exists() and any(not f.name.startswith(PREFIX) for f in directory.glob("*")):
        raise InputError(
            f"--out {directory}", "a folder of something else", "a new or empty folder"
        )
    with locked(directory, way_out="Wait for it, or choose another --out."):
        before = read_config(path) if path.exists() else None
        if before is not None:
            _check_same(directory, before, config)
        if config != before:
            write_text(path, config_text(config))
        yield


def _check_same(directory: Path, before: TrainConfig, now: TrainConfig) -> None:
    """Raise unless one configuration can go on where the other is."""
    old, new = before.identity(), now.identity()
    if now.schedule.name == "constant":  # then the rate does not depend on their number
        old["steps"] = new["steps"]
    for name in sorted(old.keys() | new.keys()):
        if old.get(name) != new.get(name):
            raise InputError(
                f"--out {directory}",
                f"a training with {name} = {old.get(name)}",
                f"one with {name} = {new.get(name)}",
                "Choose another --out, or delete the directory.",
            )
    done = max(map(checkpoint_step, checkpoints(directory / CHECKPOINTS)), default=0)
    if now.steps < done:
        raise InputError(
            "steps",
            f"{now.steps} where {done} are done in {directory}",
            f"{done} or more",
            "Choose another --out, or use one of its checkpoints.",
        )


def add_session(
    directory: Path, config: TrainConfig, step: int, device: torch.device, world_size: int
) -> None:
    """Note in ``run.json`` that training begins or goes on, where, and with what.

    Raises
    ------
    InputError
        If it goes on with other data than it began with.
    """
    path, data = directory / RUN, provenance(config)
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        record = {"schema": 1, "data": data, "sessions": []}
    changed = [name for name in data if record["data"].get(name) != data[name]]
    if changed:
        raise InputError(
            f"--out {directory}",
            f"a training on other content of {', '.join(changed)}",
            "the same data throughout",
            "Put the data back, or choose another --out.",
        )
    session = {
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "from_step": step,
        "processes": world_size,
        "workers": config.loader.workers,
        "threads": torch.get_num_threads(),
        "device": device_name(device),
        "platform": platform.platform(),
        "cores": os.cpu_count(),
        "versions": installed_versions(PACKAGES),
        "commit": commit(Path(__file__).resolve().parents[2]),
    }
    record |= {"seed": config.seed, "config": config.model_dump(mode="json")}
    record["sessions"].append(session)
    write_text(path, json.dumps(record, indent=2) + "\n")


def commit(checkout: Path) -> str | None:
    """Return the git commit of a checkout, with ``-dirty`` where files were changed since.

    None where the folder is no checkout (an installed package), or there is no git.
    """
    if not (checkout / ".git").exists():
        return None
    asked = ["git", "-C", str(checkout), "describe", "--always", "--abbrev=40", "--exclude=*"]
    try:
        found = subprocess.run([*asked, "--dirty"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return found.stdout.strip()


def device_name(device: torch.device) -> str:
    """Return what a device calls itself."""
    if device.type == "cuda":
        return str(torch.cuda.get_device_name(device))
    return platform.processor() or platform.machine()


def model_directory(path: Path) -> Path:
    """Return the folder of the weights in a run directory, or the path itself if it is one.

    Raises
    ------
    InputError
        If the training is not finished, or goes on to more steps than those of its weights, or
        there is no model.
    """
    if (path / "model.safetensors").is_file():
        return path
    if (path / MODEL / "model.safetensors").is_file() and not _goes_on(path):
        return path / MODEL
    if (path / CONFIG).is_file():
        raise InputError(
            str(path),
            "a training that is not finished",
            "a finished one",
            f"Go on with it, or give one of its checkpoints: {path / CHECKPOINTS}/step-...",
        )
    raise InputError(str(path), "no model", "the directory of a training, or of its weights")


def _goes_on(directory: Path) -> bool:
    """Return whether more steps were asked for than the weights of a finished training have."""
    if not (directory / CONFIG).is_file():
        return False
    try:
        done = json.loads((directory / MODEL / "config.json").read_text(encoding="utf-8"))["step"]
    except (OSError, ValueError, KeyError, TypeError):
        return False  # who loads the weights says what is wrong with their description
    return bool(done < read_config(directory / CONFIG).steps)
