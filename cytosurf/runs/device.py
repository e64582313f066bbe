"""The device of a run: where its refits are done, from the observed labels to the last spin.

Scores of another device are equal within the tolerance of the solver, not to the bit, and a null is
only compared with what was made alike. So the device is part of what a run is.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cytosurf.compute.pool import resolve_jobs
from cytosurf.decoding.torch_device import check_device, torch_device
from cytosurf.errors import InputError
from cytosurf.runs.config import FILE_NAME, RunConfig, read_config


def processes_of(config: RunConfig) -> int:
    """Return the number of processes of a run, having checked that its device is there.

    Parameters
    ----------
    config : RunConfig
        The run. One process feeds a GPU.

    Raises
    ------
    InputError
        If the device is not there, or the run has a classifier of its own.
    """
    if config.device == "cpu":
        return resolve_jobs(config.jobs)
    if config.classifier is not None:
        found = f"the classifier {config.classifier}"
        way_out = "Other classifiers run on the processor: leave --device out."
        raise InputError(f"--device {config.device}", found, "the softmax regression", way_out)
    check_device(config.device)
    return 1


def identity_of_refits(config: RunConfig) -> dict[str, Any]:
    """Return what the results of refits depend on.

    The compiled solver has no entry: spins from before there were devices are of this kind.
    """
    identity = config.identity()
    if config.device == "cpu":
        del identity["device"]
    return identity


def device_facts(device: str) -> dict[str, str]:
    """Return what ``run.json`` says of a device: its name, and the version of torch.

    Parameters
    ----------
    device : {"cpu", "cuda", "torch-cpu"}
        The device of a run; of compiled code there is nothing to add.
    """
    if device == "cpu":
        return {}
    import torch

    where = torch_device(device)
    name = torch.cuda.get_device_name(where) if where.type == "cuda" else device
    return {"device": name, "torch": torch.__version__}


def check_same_device(directory: Path, device: str | None, scheduler: str | None) -> None:
    """Raise `InputError` if the spins of a run cannot be done on a device.

    Parameters
    ----------
    directory : Path
        A run directory.
    device : str or None
        The device asked for; None for that of the run.
    scheduler : str or None
        A Dask cluster asked for.
    """
    of_run = read_config(directory).device
    if device is not None and device != of_run:
        raise InputError(
            f"--device {device}",
            f"a run that was decoded with {of_run}",
            "the same device for its spins: last bits differ",
            f"Decode it again there: cytosurf decode --config {directory / FILE_NAME} "
            f"--device {device} --out NEW",
        )
    if scheduler is not None and of_run != "cpu":
        raise InputError(
            f"--scheduler {scheduler}",
            f"a run with the device {of_run}",
            "one of them",
            "For several GPUs start a process for each: CUDA_VISIBLE_DEVICES=0 cytosurf spin "
            f"{directory} --shard 1/2",
        )
