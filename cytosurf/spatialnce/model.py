"""What is trained: grey values made comparable, an encoder, and a projection for the loss alone."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from cytosurf._version import __version__
from cytosurf.errors import InputError
from cytosurf.histology.source import PatchSource
from cytosurf.spatialnce.checkpoint import CONFIG, load_weights
from cytosurf.spatialnce.config import TrainConfig
from cytosurf.spatialnce.config_files import make_config
from cytosurf.spatialnce.encoders import build_encoder
from cytosurf.spatialnce.projection import PROJECTION, projection_head
from cytosurf.spatialnce.run_directory import model_directory
from cytosurf.spatialnce.sources import grey_statistics

FORMAT, VERSION = "cytosurf-spatialnce", 1


class PatchModel(nn.Module):
    """Encoder and projection of patches with values of 0 to 1.

    Parameters
    ----------
    encoder : nn.Module
        From (B, C, H, W) to (B, d), with d as its attribute ``width``.
    n_channels : int
        C.
    hidden, projection, norm
        Of the projection head.
    """

    mean: Tensor
    sd: Tensor

    def __init__(
        self,
        encoder: nn.Module,
        n_channels: int,
        hidden: int | None = None,
        projection: int = PROJECTION,
        norm: str = "batch",
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.projection = projection_head(_width(encoder), hidden, projection, norm)
        self.register_buffer("mean", torch.zeros(n_channels, 1, 1))
        self.register_buffer("sd", torch.ones(n_channels, 1, 1))

    def features(self, images: Tensor) -> Tensor:
        """Return the encoder's features (B, d): what embeddings are made of."""
        scaled = (images - self.mean) / self.sd
        # Channels side by side: convolutions of small images take two thirds of the time on a CPU.
        features: Tensor = self.encoder(scaled.contiguous(memory_format=torch.channels_last))
        return features

    def forward(self, images: Tensor) -> Tensor:
        """Return the projections (B, projection) that the loss compares."""
        projected: Tensor = self.projection(self.features(images))
        return projected


def new_model(config: TrainConfig, source: PatchSource) -> PatchModel:
    """Return a model with the weights of the seed, its grey values scaled by those of the source.

    Raises
    ------
    InputError
        If the encoder or one of its options is unknown, or it does not take such patches.
    """
    model = _empty_model(config, source.shape)
    mean, sd = grey_statistics(source)
    model.mean.copy_(torch.from_numpy(mean)[:, None, None])
    model.sd.copy_(torch.from_numpy(sd)[:, None, None])
    return model


def description(config: TrainConfig, shape: tuple[int, int, int], step: int) -> dict[str, Any]:
    """Return what ``config.json`` says of a model: enough to build it again."""
    return {
        "format": FORMAT,
        "version": VERSION,
        "cytosurf": __version__,
        "shape": list(shape),
        "step": step,
        "config": config.model_dump(mode="json"),
    }


def load_model(
    directory: str | os.PathLike[str],
) -> tuple[PatchModel, TrainConfig, dict[str, Any]]:
    """Return a trained model: of a finished training, one of its checkpoints, or any such folder.

    Parameters
    ----------
    directory : path-like
        Run directory, or a folder with ``model.safetensors`` and ``config.json``.

    Returns
    -------
    model : PatchModel
        Ready to embed (evaluation mode).
    config : TrainConfig
        What it was trained with.
    stored : dict
        All of ``config.json``.

    Raises
    ------
    InputError
        If the folder holds no model, or a damaged one, or one of another architecture.

    Examples
    --------
    >>> model, config, _ = load_model("runs/first")  # doctest: +SKIP
    >>> features = model.features(images)  # (n, channels, H, W) of 0 to 1  # doctest: +SKIP
    """
    folder = model_directory(Path(directory))
    path = folder / CONFIG
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        known = stored.get("format") == FORMAT and stored.get("version") == VERSION
    except (OSError, ValueError, AttributeError):
        known = False
    if not known:
        raise InputError(
            str(path), "no description of a model", f"a {FORMAT} model of version {VERSION}"
        )
    config = make_config(stored["config"])
    model = _empty_model(config, tuple(stored["shape"]))
    load_weights(folder, model)
    return model.eval(), config, stored


def _empty_model(config: TrainConfig, shape: tuple[int, int, int]) -> PatchModel:
    options = config.encoder
    sized: dict[str, int] = {} if options.name == "pretrained" else {"channels": shape[0]}
    if options.name == "r50-vit-b":
        sized["image_px"] = shape[1]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        encoder = build_encoder(options.name, **{**sized, **options.options})
        return PatchModel(
            encoder,
            shape[0],
            options.projection_hidden,
            options.projection,
            options.projection_norm,
        )


def _width(encoder: nn.Module) -> int:
    return int(encoder.width)  # type: ignore[arg-type]
