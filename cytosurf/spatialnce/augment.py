"""Augmentations of patches, each a pure function of (seed, step, position in the batch).

The six of the published training: rotation, shift, mirror, unbiased gamma, blur and sharpening.
Numbers are drawn for the whole batch, a row per position, and each process uses the rows of its
slice; nothing depends on the number of processes or workers. Images are (B, C, H, W) with values
of 0 to 1. All arithmetic is elementwise, so that a patch comes out with the same bits whichever
batch it stands in and however many threads there are.

Ranges of the published training are not known; the defaults are ours.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from cytosurf.spatialnce.sampler import VIEWS, stream

N_DRAWS = 7


@dataclass(frozen=True)
class Augmentation:
    """How much patches are changed.

    Parameters
    ----------
    rotate_degrees : float
        Largest rotation to either side.
    shift_share : float
        Largest shift along each axis, as a share of the side.
    mirror : float
        Probability of a mirror image.
    gamma : float
        a of the unbiased gamma: Z is uniform in (-a, a) and the exponent
        ``log(1/2 + Z / sqrt(2)) / log(1/2 - Z / sqrt(2))``, which leaves the mean of a uniform
        grey scale where it was (Pohlen et al., 2017).
    blur, sharpen : float
        Probabilities. One patch gets at most one of the two; both should add up to 1 or less.
    blur_sd_px : float
        Largest standard deviation of the blur.
    sharpen_amount : float
        Largest multiple of the difference to a blurred image that is added.

    Examples
    --------
    >>> Augmentation(gamma=0.2).mirror
    0.5
    """

    rotate_degrees: float = 180.0
    shift_share: float = 0.1
    mirror: float = 0.5
    gamma: float = 0.1
    blur: float = 0.25
    blur_sd_px: float = 0.7
    sharpen: float = 0.25
    sharpen_amount: float = 1.0


def draws(seed: int, step: int, positions: npt.NDArray[np.int64], view: int = 0) -> Tensor:
    """Return the random numbers of patches at positions of a batch.

    Parameters
    ----------
    seed, step : int
        Of the run and the update.
    positions : (n,) ndarray of int64
        Places in the batch of all processes.
    view : int, optional
        0, or 1 for the second view of the same patches.

    Returns
    -------
    (n, 7) Tensor of float32
        Uniform in [0, 1).
    """
    generator = stream(seed, step, VIEWS + 8 * (1 + view))
    rows = int(positions.max()) + 1
    return torch.from_numpy(generator.random((rows, N_DRAWS), np.float32)[positions])


def augment(images: Tensor, uniform: Tensor, options: Augmentation) -> Tensor:
    """Return changed images, decided by their rows of random numbers.

    Parameters
    ----------
    images : (B, C, H, W) Tensor of float32
        Values of 0 to 1.
    uniform : (B, 7) Tensor
        From `draws`.
    options : Augmentation
        How much is changed.

    Returns
    -------
    (B, C, H, W) Tensor
        Values of 0 to 1.

    Examples
    --------
    >>> images = torch.rand(2, 1, 5, 5)
    >>> same = Augmentation(0, 0, 0, 0, 0, 0, 0, 0)
    >>> bool(torch.allclose(augment(images, torch.rand(2, N_DRAWS), same), images, atol=1e-6))
    True
    """
    images = moved(images, uniform[:, :4], options)
    images = gamma_changed(images, uniform[:, 4], options.gamma)
    return sharpened_or_blurred(images, uniform[:, 5:7], options).clamp(0, 1)


def moved(images: Tensor, uniform: Tensor, options: Augmentation) -> Tensor:
    """Rotate about the centre, shift and mirror in one bilinear resampling; edges are repeated.

    A rotation of a multiple of 90 degrees without a shift only moves pixels.
    """
    if not (options.rotate_degrees or options.shift_share or options.mirror):
        return images
    height, width = images.shape[-2:]
    angle = (2 * uniform[:, 0] - 1) * math.radians(options.rotate_degrees)
    shift = (2 * uniform[:, 1:3] - 1) * options.shift_share
    flip = torch.where(uniform[:, 3] < options.mirror, -1.0, 1.0)
    rows = (torch.arange(height) - (height - 1) / 2)[None, :, None]
    columns = (torch.arange(width) - (width - 1) / 2)[None, None, :]
    cos, sin = torch.cos(angle)[:, None, None], torch.sin(angle)[:, None, None]
    x = flip[:, None, None] * (cos * columns - sin * rows) + shift[:, :1, None] * width
    y = sin * columns + cos * rows + shift[:, 1:, None] * height
    grid = torch.stack([2 * x / width, 2 * y / height], dim=-1)  # pixel edges are at -1 and 1
    return functional.grid_sample(images, grid, padding_mode="border", align_corners=False)


def gamma_changed(images: Tensor, uniform: Tensor, strength: float) -> Tensor:
    """Raise grey values to the power of the unbiased gamma (see `Augmentation`)."""
    if not strength:
        return images
    z = (2 * uniform - 1) * strength / math.sqrt(2)
    exponent = torch.log(0.5 + z) / torch.log(0.5 - z)
    return images.clamp_min(0) ** exponent[:, None, None, None]


def sharpened_or_blurred(images: Tensor, uniform: Tensor, options: Augmentation) -> Tensor:
    """Blur some images, sharpen some others by what a blur of one pixel takes away."""
    if not (options.blur or options.sharpen):
        return images
    chosen, amount = uniform[:, 0], uniform[:, 1]
    is_blurred = chosen < options.blur
    is_sharpened = ~is_blurred & (chosen < options.blur + options.sharpen)
    sd_px = torch.where(is_blurred, amount * options.blur_sd_px, 1.0)
    soft = gaussian_blurred(images, sd_px)
    extra = (amount * options.sharpen_amount)[:, None, None, None]
    sharp = images + extra * (images - soft)
    pick = is_blurred[:, None, None, None], is_sharpened[:, None, None, None]
    return torch.where(pick[0], soft, torch.where(pick[1], sharp, images))


def gaussian_blurred(images: Tensor, sd_px: Tensor) -> Tensor:
    """Blur each image by a Gaussian of its own SD, cut off at two pixels; edges are repeated.

    Sums of shifted images rather than a convolution: their order, and so the last bit, does not
    depend on the library.
    """
    offsets = torch.arange(-2, 3, dtype=images.dtype)
    weights = torch.exp(-0.5 * (offsets / sd_px.clamp_min(1e-3)[:, None]) ** 2)
    weights = (weights / weights.sum(dim=1, keepdim=True))[:, :, None, None, None]
    height, width = images.shape[-2:]
    padded = functional.pad(images, (0, 0, 2, 2), mode="replicate")
    images = sum(weights[:, k] * padded[:, :, k : k + height] for k in range(5))  # type: ignore[assignment]
    padded = functional.pad(images, (2, 2, 0, 0), mode="replicate")
    return sum(weights[:, k] * padded[..., k : k + width] for k in range(5))  # type: ignore[return-value]
