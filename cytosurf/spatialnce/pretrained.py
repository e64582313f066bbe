"""Backbones trained by others, such as DINOv3, for comparison and finetuning.

They need the extra ``backbones`` (``pip install "cytosurf[backbones]"``), which is not part of
``all``: timm asks for a torchvision that does not import beside the CPU build of torch.

Weights are what was asked for, or there is an error. A name never gives random weights.
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any

from torch import Tensor, nn

from cytosurf.data.cache import is_offline
from cytosurf.errors import InputError, unknown_name

_SOURCES = {"hf": "transformers", "timm": "timm"}
_COLOURS = 3


class PretrainedEncoder(nn.Module):
    """A pretrained backbone that takes grey patches.

    Patches, standardised to mean 0 and SD 1 as for every encoder here, are repeated over three
    colours; the networks were trained on colours standardised over many photographs.

    Parameters
    ----------
    backbone : torch.nn.Module
        From (B, 3, H, W) to features, or to an output of transformers.
    width : int
        Number of features.
    frozen : bool
        Keep its weights and statistics as they are, also in training.

    Examples
    --------
    >>> import torch
    >>> model = PretrainedEncoder(nn.Sequential(nn.Flatten(), nn.Linear(12, 5)), 5)
    >>> model(torch.zeros(2, 1, 2, 2)).requires_grad
    False
    """

    def __init__(self, backbone: nn.Module, width: int, frozen: bool = True) -> None:
        super().__init__()
        self.backbone = backbone
        self.width = width
        self.frozen = frozen
        if frozen:
            self.backbone.requires_grad_(False)
            self.backbone.eval()

    def train(self, mode: bool = True) -> PretrainedEncoder:
        """Set training mode; a frozen backbone stays in evaluation mode."""
        super().train(mode)
        if self.frozen:
            self.backbone.eval()
        return self

    def forward(self, patches: Tensor) -> Tensor:
        """Return features, (B, width), of patches (B, 1, H, W).

        Raises
        ------
        InputError
            If patches have more than one channel.
        """
        if patches.shape[1] != 1:
            raise InputError(
                "encoder.name",
                f"pretrained, for patches of {patches.shape[1]} channels",
                "grey patches of one channel, which are repeated over three colours",
                "Use another encoder.",
            )
        found: Any = self.backbone(patches.expand(-1, _COLOURS, -1, -1))
        if not isinstance(found, Tensor):  # an output of transformers
            pooled = found.pooler_output
            found = found.last_hidden_state[:, 0] if pooled is None else pooled
        features: Tensor = found.flatten(1)
        return features


def load_pretrained(model: str, *, frozen: bool = True) -> PretrainedEncoder:
    """Load a backbone with the weights that its authors published.

    Parameters
    ----------
    model : str
        ``hf:NAME`` for a model of Hugging Face or a folder that holds one, such as
        ``hf:facebook/dinov3-vitb16-pretrain-lvd1689m``, or ``timm:NAME``.
    frozen : bool
        Keep its weights; if False, they are finetuned.

    Returns
    -------
    PretrainedEncoder

    Raises
    ------
    InputError
        The package is not installed or does not import, the name is not known, weights are gated,
        cannot be reached, or do not fill the network.

    Examples
    --------
    >>> load_pretrained("dinov3")
    Traceback (most recent call last):
    cytosurf.errors.InputError: encoder.model: found 'dinov3'; expected hf:NAME or timm:NAME.
    """
    source, colon, name = model.partition(":")
    if not colon or not name:
        raise InputError("encoder.model", repr(model), "hf:NAME or timm:NAME")
    if source not in _SOURCES:
        raise unknown_name("source of encoder.model", source, _SOURCES)
    library = _library(_SOURCES[source])
    backbone, width = _from_timm(library, name) if source == "timm" else _from_hub(library, name)
    return PretrainedEncoder(backbone, width, frozen)


def _library(package: str) -> ModuleType:
    try:
        return importlib.import_module(package)
    except (ImportError, RuntimeError) as error:  # RuntimeError: torchvision without its operators
        raise InputError(
            "encoder.model",
            f"no {package} that imports ({error})",
            f"{package}, which pretrained backbones come from",
            'Install the extra: pip install "cytosurf[backbones]". timm also needs a torchvision '
            "that belongs to the installed torch; it does not import beside torch for CPUs.",
        ) from error


def _from_hub(transformers: ModuleType, name: str) -> tuple[nn.Module, int]:
    """Load by transformers, which fills missing weights at random unless one looks."""
    try:
        backbone, report = transformers.AutoModel.from_pretrained(
            name,
            output_loading_info=True,
            local_files_only=is_offline(),
            use_safetensors=True,  # and no pickle
        )
    except (OSError, ValueError) as error:
        raise _not_loaded(name, error) from error
    # Of the report, what was not in the file, and what was there in another shape.
    missing = sorted(map(str, (*report["missing_keys"], *report["mismatched_keys"])))
    if missing:
        raise InputError(
            "encoder.model",
            f"weights of {name} without {len(missing)} of the network's ({missing[0]}, ...)",
            "weights for the whole network",
            "Those would be random. Use the model that the weights were published for.",
        )
    config = backbone.config
    width = getattr(config, "hidden_size", None) or config.hidden_sizes[-1]
    return backbone, int(width)


def _from_timm(timm: ModuleType, name: str) -> tuple[nn.Module, int]:
    """Load by timm, without its classifier; it fails by itself where weights are missing."""
    if not timm.is_model_pretrained(name):
        raise InputError(
            "encoder.model",
            f"timm:{name}, which timm has no weights for",
            "a pretrained model of timm",
            "timm.list_models(pretrained=True) lists them.",
        )
    if is_offline():
        raise InputError(
            "encoder.model",
            f"timm:{name} while CYTOSURF_OFFLINE forbids downloads",
            "a network, since timm may have to download weights",
            "Unset CYTOSURF_OFFLINE, or give a folder: hf:/path/to/folder.",
        )
    try:
        backbone = timm.create_model(name, pretrained=True, num_classes=0)
    except (OSError, RuntimeError, ValueError) as error:
        raise _not_loaded(name, error) from error
    return backbone, int(backbone.num_features)


def _not_loaded(name: str, error: Exception) -> InputError:
    text = str(error)
    gated = any(sign in text.lower() for sign in ("gated", "401", "403", "access to model"))
    reason = str(error).strip().splitlines()[0] if text.strip() else type(error).__name__
    if gated:
        return InputError(
            "encoder.model",
            f"weights of {name} that are gated ({reason})",
            "weights that you may download",
            f"Accept their licence at https://huggingface.co/{name}, log in with 'hf auth login' "
            "and try again; or give the folder of a download: hf:/path/to/folder.",
        )
    return InputError(
        "encoder.model",
        f"no weights of {name} ({reason})",
        "a model that can be downloaded, or a folder that holds one",
        "Check the name and the network; without internet, download the model elsewhere and give "
        "its folder: hf:/path/to/folder.",
    )
