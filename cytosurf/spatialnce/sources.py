"""From the configuration of a source to the patches themselves."""

from __future__ import annotations

import warnings
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from cytosurf import data
from cytosurf.compute.files import file_sha256
from cytosurf.errors import CytosurfWarning, InputError
from cytosurf.histology.source import PatchSource, Selection, away_from
from cytosurf.spatialnce.checks import spread
from cytosurf.spatialnce.config import (
    ArraysConfig,
    BigBrainConfig,
    SectionConfig,
    SourceConfig,
    SubsetConfig,
    TrainConfig,
    XrayConfig,
)

SAMPLED_PIXELS = 2**26  # for the mean and SD of grey values
MAX_SAMPLED_PATCHES = 4096
UNREADABLE = (
    *(OSError, ValueError, KeyError, EOFError, TypeError),
    *(zipfile.BadZipFile, zlib.error),  # cut off
)


def open_source(config: SourceConfig, *, check: bool = True) -> PatchSource:
    """Return the source that a configuration describes.

    Parameters
    ----------
    config : SourceConfig
        What to open.
    check : bool, optional
        Whether to look at every section now; a worker of a training whose sections were looked at
        leaves it, and finds out about each as it reads it.

    Raises
    ------
    InputError
        If a file is missing or not what is stated of it.
    """
    if isinstance(config, BigBrainConfig):
        from cytosurf.histology.profiles import bigbrain_patches

        return bigbrain_patches(
            side=config.side,
            spacing_mm=config.spacing_mm,
            space=config.space,
            hemispheres=config.hemispheres,
            normalise_bin_mm=config.normalise_bin_mm,
        )
    if isinstance(config, ArraysConfig):
        from cytosurf.histology.arrays import read_arrays

        return read_arrays(config.path, config.space)
    if isinstance(config, SectionConfig):
        from cytosurf.histology.sections import section_patches

        sections = section_patches(
            config.points,
            pixel_um=config.pixel_um,
            patch_px=config.patch_px,
            space=config.space,
            check=check,
        )
        if check and "pixel_um" not in config.model_fields_set:
            _warn_of_assumed_pixels(sections.files, config.pixel_um)
        return sections
    from cytosurf.histology.xray import xray_patches

    return xray_patches(xray_file(config), tile_px=config.tile_px, stride_px=config.stride_px)


def _warn_of_assumed_pixels(files: Sequence[Path], pixel_um: float) -> None:
    from cytosurf.histology.sections import open_section

    silent = [path for path in files if open_section(path)[1] is None]
    if silent:
        message = (
            f"{len(silent)} of {len(files)} sections, the first {silent[0]}, do not state the size "
            f"of their pixels: {pixel_um:g} µm is assumed. Give it as source.pixel_um."
        )
        warnings.warn(message, CytosurfWarning, stacklevel=3)


def xray_file(config: XrayConfig) -> Path:
    """Return the file of the slice: the one that is named, or that of the data directory."""
    return config.path or data.path("xray-thc", "xray_thc_slice-309.npz")


def training_source(config: TrainConfig, *, check: bool = True) -> PatchSource:
    """Return the patches that a training sees: those it may see and its loss can use.

    Patches without a label, or without a brain where that matters, are left out. Coordinates that
    cannot be millimetres are found here, before a batch of them is.

    Parameters
    ----------
    config : TrainConfig
        The training.
    check : bool, optional
        As of `open_source`, and whether to look at the coordinates.

    Raises
    ------
    InputError
        As `open_source` and `training_part`; or if the loss asks for labels or brains that the
        source does not know.
    """
    source = training_part(open_source(config.source, check=check), config.subset)
    if check and config.loss.kind == "spatialnce":
        spread(torch.from_numpy(source.coordinates_mm), config.loss.sigma_mm)
    name = config.loss.group
    if name is None:
        return source
    if name not in source.groups:
        option = "loss.kind = supcon" if name == "label" else "loss.within_brain"
        raise InputError(
            option,
            f"patches of kind {config.source.kind} without `{name}`",
            f"a whole number for each patch: the array or column `{name}`",
            "Patches of the same number belong together; -1 stands for none.",
        )
    rows = np.flatnonzero(source.groups[name] >= 0)
    return source if len(rows) == len(source.ids) else Selection(source, rows)


def training_part(source: PatchSource, config: SubsetConfig) -> PatchSource:
    """Return the patches of a source that training may see; all others it never reads.

    Raises
    ------
    InputError
        If the file of excluded ids is not readable, holds none of the source, or leaves nothing.
    """
    excluded = np.zeros(len(source.ids), bool)
    if config.exclude is not None:
        excluded |= np.isin(source.ids, _excluded_ids(config))
        _check_buffer(source, config.buffer_mm)
        if not excluded.any():
            raise InputError(
                "subset.exclude", f"no id of the source in {config.exclude}", "ids to leave out"
            )
    rows = away_from(source, excluded, config.buffer_mm)
    if config.hemispheres != ("L", "R"):
        is_left = _is_left(source)[rows]
        rows = rows[is_left if config.hemispheres == ("L",) else ~is_left]
    return source if len(rows) == len(source.ids) else Selection(source, rows)


def grey_statistics(
    source: PatchSource,
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return mean and SD of each channel over patches spread evenly over a source.

    At most 4,096 patches, fewer of large ones (16 at least, 67 million pixels). Channels without
    variation get an SD of 1.
    """
    pixels = int(np.prod(source.shape))
    count = min(max(SAMPLED_PIXELS // pixels, 16), MAX_SAMPLED_PATCHES, len(source.ids))
    rows = np.linspace(0, len(source.ids) - 1, count).astype(np.int64)
    total, squares = np.zeros(source.shape[0]), np.zeros(source.shape[0])
    for part in np.array_split(rows, max(1, count * pixels // 2**24)):
        patches = source.read(part).astype(np.float64)
        total += patches.sum(axis=(0, 2, 3))
        squares += (patches**2).sum(axis=(0, 2, 3))
    n = count * pixels / source.shape[0]
    mean = total / n
    sd = np.sqrt(np.maximum(squares / n - mean**2, 0))
    return mean.astype(np.float32), np.where(sd > 1e-6, sd, 1).astype(np.float32)


def provenance(config: TrainConfig) -> dict[str, Any]:
    """Return what identifies the data of a training: hashes of files, from manifests where known.

    Of sections, the table of points stands for all: they may be too large to hash.
    """
    source = config.source
    others = (config.subset.exclude, config.loss.surface)
    found: dict[str, Any] = {str(path): file_sha256(path) for path in others if path is not None}
    if isinstance(source, BigBrainConfig):
        known = data.sources()
        for name in ("bigbrainwarp", "staining-profiles", "gradients"):
            found[name] = {
                file.name: file.content_sha256 or "+".join(u.sha256 for u in file.upstream)
                for file in known[name].files
            }
        return found
    if isinstance(source, XrayConfig):
        path = xray_file(source)
    else:
        path = source.points if isinstance(source, SectionConfig) else source.path
    return {str(path): file_sha256(path), **found}


def _is_left(source: PatchSource) -> npt.NDArray[np.bool_]:
    known: npt.NDArray[np.bool_] | None = getattr(source, "is_left", None)
    return source.coordinates_mm[:, 0] < 0 if known is None else known


def _check_buffer(source: PatchSource, buffer_mm: float) -> None:
    """Warn where a patch that stays may hold what was excluded."""
    reach_mm = getattr(source, "reach_mm", 0.0)
    if buffer_mm < reach_mm:
        warnings.warn(
            f"subset.buffer_mm is {buffer_mm:g}, but patches reach {reach_mm:.3g} mm: some that "
            "stay for training hold profiles of excluded vertices.",
            CytosurfWarning,
            stacklevel=4,
        )


def _excluded_ids(config: SubsetConfig) -> npt.NDArray[np.int64]:
    path = config.exclude
    try:
        with np.load(str(path), allow_pickle=False) as stored:
            ids: npt.NDArray[np.int64] = stored["ids"]
    except UNREADABLE as error:
        raise InputError(
            "subset.exclude", f"{path}: {type(error).__name__}", "an npz file with `ids`"
        ) from None
    return ids
