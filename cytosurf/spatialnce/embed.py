"""From a trained encoder to a table of embeddings: the features of every patch of a source."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from cytosurf.compute.progress import Progress
from cytosurf.errors import InputError
from cytosurf.features.embedding_table import EmbeddingTable
from cytosurf.features.embedding_writing import EmbeddingChunk, write_embeddings
from cytosurf.histology.source import PatchSource
from cytosurf.spatialnce.config import SourceConfig
from cytosurf.spatialnce.config_files import changed_source
from cytosurf.spatialnce.model import PatchModel, load_model
from cytosurf.spatialnce.run_directory import model_directory
from cytosurf.spatialnce.sources import open_source

LAYERS = ("encoder", "projection")


def embed_patches(
    model: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    changes: Iterable[str] = (),
    layer: str = "encoder",
    batch_size: int = 1024,
) -> EmbeddingTable:
    """Write the features of all patches of a source as a table of embeddings.

    Parameters
    ----------
    model : path-like
        Directory of a finished training, one of its checkpoints, or any folder with
        ``model.safetensors`` and ``config.json``.
    out : path-like
        The HDF5 file to write.
    changes : iterable of str, optional
        ``source.NAME=VALUE`` each: another source than that of the training. Patches that the
        training was not allowed to see (`subset`) are embedded like all others.
    layer : {"encoder", "projection"}, optional
        Features of the encoder, or what the loss saw.
    batch_size : int, optional
        Patches at a time.

    Returns
    -------
    EmbeddingTable
        Rows in the order of the source, with its ids and coordinates.

    Raises
    ------
    InputError
        If the model is missing, damaged or not finished, or takes patches of another shape.

    Examples
    --------
    >>> embed_patches("runs/first", "first.h5").n_features  # doctest: +SKIP
    256
    """
    if layer not in LAYERS:
        raise InputError("layer", repr(layer), f"one of {', '.join(LAYERS)}")
    if batch_size < 1:
        raise InputError("batch_size", str(batch_size), "at least 1")
    directory = model_directory(Path(model))
    trained, config, stored = load_model(directory)
    source = _source(changed_source(config, changes), tuple(stored["shape"]), directory)
    name = f"{directory} ({layer}, step {stored['step']})"
    with Progress("Patches", len(source.ids), "patches") as bar:
        chunks = embedded(trained, source, layer, batch_size, bar.advance)
        return write_embeddings(out, chunks, space=source.space, source=name)


def embedded(
    model: PatchModel,
    source: PatchSource,
    layer: str = "encoder",
    batch_size: int = 1024,
    on_patches: Callable[[int], None] | None = None,
) -> Iterator[EmbeddingChunk]:
    """Give the features of all patches of a source, some at a time, without changing the model.

    Parameters
    ----------
    model, source, layer, batch_size
        As of `embed_patches`.
    on_patches : callable, optional
        Called with the number of patches of each chunk when it is taken up.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    n = len(source.ids)
    model = model.to(device).eval()
    for start in range(0, n, batch_size):
        rows = np.arange(start, min(start + batch_size, n))
        images = torch.from_numpy(source.read(rows)).to(device)
        features = _features(model, images, layer)
        yield EmbeddingChunk(source.coordinates_mm[rows], features.numpy(), source.ids[rows])
        if on_patches is not None:
            on_patches(len(rows))


@torch.no_grad()
def _features(model: PatchModel, images: Tensor, layer: str) -> Tensor:
    features: Tensor = model(images) if layer == "projection" else model.features(images)
    return features.float().cpu()


def _source(config: SourceConfig, shape: tuple[int, ...], directory: Path) -> PatchSource:
    source = open_source(config)
    if source.shape[0] != shape[0]:
        raise InputError(
            "source",
            f"patches of {source.shape[0]} channels",
            f"{shape[0]}, as {directory} was trained with",
        )
    return source
