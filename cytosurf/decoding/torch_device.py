"""The device that torch computes on, and full float32 precision on it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal, get_args

from cytosurf.errors import InputError, unknown_name

if TYPE_CHECKING:
    import torch

Device = Literal["cpu", "cuda", "torch-cpu"]
DEVICES: tuple[Device, ...] = get_args(Device)
# The setting is one for the process: threads take turns, or one would undo what another needs.
_SETTING = threading.RLock()


def check_device(name: str) -> None:
    """Raise `InputError` unless refits can be done on a device here.

    Parameters
    ----------
    name : {"cpu", "cuda", "torch-cpu"}
        ``"cpu"`` is the compiled solver of `cytosurf.decoding.softmax` and needs no torch;
        ``"cuda"`` is torch on the GPU, ``"torch-cpu"`` the same code on the processor.

    Raises
    ------
    InputError
        If there is no such device, torch is not installed, or it finds no GPU.

    Examples
    --------
    >>> check_device("cpu")
    """
    if name not in DEVICES:
        raise unknown_name("--device", name, DEVICES)
    if name != "cpu":
        torch_device(name)


def torch_device(name: str) -> torch.device:
    """Return torch's device of a name other than ``"cpu"``.

    Raises
    ------
    InputError
        As from `check_device`.
    """
    where = f"--device {name}"
    try:
        import torch
    except ImportError:
        raise InputError(
            where,
            "no torch: the package is not installed",
            "PyTorch",
            "Install it with: pip install 'cytosurf[gpu]'; or leave --device out.",
        ) from None
    if name == "torch-cpu":
        return torch.device("cpu")
    if not torch.cuda.is_available():
        built = "without CUDA" if torch.version.cuda is None else f"for CUDA {torch.version.cuda}"
        raise InputError(
            where,
            f"no GPU that torch {torch.__version__} (built {built}) can use",
            "an NVIDIA GPU with its driver, and torch built for CUDA",
            "Leave --device out: the processor gives the same scores.",
        )
    return torch.device("cuda", torch.cuda.current_device())


@contextmanager
def full_precision() -> Iterator[None]:
    """Have matrix products of float32 done in float32, whatever is set for the process.

    With TF32 or bfloat16, which a user may have allowed for something else, logits have three
    digits. What was set is set again at the end of the block; other threads wait for it.
    """
    import torch

    with _SETTING:
        backends: tuple[Any, ...] = (torch.backends.cuda, torch.backends.mkldnn)
        matmuls = [backend.matmul for backend in backends]
        settings = [matmul.fp32_precision for matmul in matmuls]
        try:
            for matmul in matmuls:
                matmul.fp32_precision = "ieee"
            yield
        finally:
            for matmul, setting in zip(matmuls, settings, strict=True):
                matmul.fp32_precision = setting
