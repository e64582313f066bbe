"""The processes that train together: joining and leaving the group, devices, signals."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import torch
import torch.distributed as dist
from torch import nn

from cytosurf.errors import InputError
from cytosurf.spatialnce.batchnorm import synchronise

SIGNALS = (signal.SIGTERM, signal.SIGUSR1)


@contextmanager
def joined_processes() -> Iterator[torch.device]:
    """Join the group of torchrun, if there is one, and leave it at the end.

    NCCL where each process has a GPU, gloo on CPUs. Convolutions are made deterministic.

    Yields
    ------
    torch.device
        The device of this process.
    """
    on_gpu = torch.cuda.is_available()
    device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0"))) if on_gpu else _CPU
    if on_gpu:
        torch.cuda.set_device(device)
        torch.backends.cudnn.deterministic = True
        torch.backends.cudnn.benchmark = False
    join = "RANK" in os.environ and not dist.is_initialized()
    if join:
        dist.init_process_group("nccl" if on_gpu else "gloo")
    try:
        yield device
    finally:
        if join:
            dist.destroy_process_group()


def wait_for_all() -> None:
    """Wait until every process of the group is here."""
    if dist.is_available() and dist.is_initialized():
        dist.barrier()


def first_does(action: Callable[[], object], rank: int, device: torch.device) -> None:
    """Let the first process do something; where it cannot, none goes on.

    Raises
    ------
    Exception
        What the action raised; in the other processes an `InputError` that it did.
    """
    refusal: Exception | None = None
    if rank == 0:
        try:
            action()
        except Exception as error:
            refusal = error
    if anywhere(refusal is not None, device):
        raise refusal or InputError("training", "a refusal by the first process", "its consent")


def anywhere(here: bool, device: torch.device) -> bool:
    """Return whether something is so in any process of the group; all must call together."""
    if not (dist.is_available() and dist.is_initialized()):
        return here
    flag = torch.tensor([here], dtype=torch.int32, device=device)
    dist.all_reduce(flag, dist.ReduceOp.MAX)
    return bool(flag.item())


def synchronised(model: nn.Module, world_size: int) -> nn.Module:
    """Return the model with batch normalisation over all processes; itself if there is one."""
    return model if world_size == 1 else synchronise(model)


def distributed(model: nn.Module, device: torch.device, world_size: int) -> nn.Module:
    """Return the model with gradients averaged over processes; itself if there is one."""
    if world_size == 1:
        return model
    ids = [device.index] if device.type == "cuda" else None
    return nn.parallel.DistributedDataParallel(model, device_ids=ids, broadcast_buffers=False)


class StopRequest:
    """Whether a signal has asked to stop."""

    def __init__(self) -> None:
        self.asked = False

    def ask(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002
        """Note the request: a signal handler."""
        self.asked = True

    def anywhere(self, device: torch.device) -> bool:
        """Return whether any process of the group was asked; all must call together."""
        return anywhere(self.asked, device)


@contextmanager
def noting_signals() -> Iterator[StopRequest]:
    """Note SIGTERM and SIGUSR1 instead of ending at once; put the handlers back at the end.

    Outside the main thread, where Python does not allow handlers, signals are left as they are.
    """
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    before = {number: signal.signal(number, request.ask) for number in SIGNALS}
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


_CPU = torch.device("cpu")
