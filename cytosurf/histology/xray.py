"""The X-ray slice of the mouse thalamocortical data: overlapping tiles with 2-D coordinates.

Prasad et al. (2020, Sci Data 7:358), 1.17 µm per pixel, with a region for each pixel whose borders
are approximate (read off a published overlay). Tiles are cut where the annotated window allows.

The region of a tile is the one that covers more than a stated share of its pixels, half of them or
more, so that there is at most one; a tile without such a region has none.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cytosurf.errors import InputError
from cytosurf.histology.source import Float32, Int64, unit_range

PIXEL_UM = 1.17
REGIONS = ("no label", "CTX", "STR", "TRN", "VP", "ZI", "IC", "HYP", "CC")
OUTSIDE = 255  # not annotated
SPACE = "other:xray-thc"
SOURCE = "https://github.com/nerdslab/xray-thc"


@dataclass(frozen=True, eq=False)
class XraySource:
    """Tiles of one slice, (1, tile_px, tile_px) each.

    Parameters
    ----------
    image : (height, width) ndarray of uint8
        The slice.
    corners : (n, 2) ndarray of int64
        Row and column of the first pixel of each tile.
    tile_px : int
        Side of a tile.
    shares : (n, 9) ndarray of float32
        Share of the pixels of each tile in each of `REGIONS`.
    """

    image: npt.NDArray[np.uint8]
    corners: Int64
    tile_px: int
    shares: Float32

    @property
    def space(self) -> str:
        """Name of the space of the coordinates."""
        return SPACE

    @property
    def shape(self) -> tuple[int, int, int]:
        """One channel, and the side twice."""
        return 1, self.tile_px, self.tile_px

    @property
    def coordinates_mm(self) -> Float32:
        """Centre of each tile: x along the columns, y along the rows, z 0, in mm."""
        y, x = ((self.corners + self.tile_px / 2) * PIXEL_UM / 1000).T
        return np.stack([x, y, np.zeros_like(x)], axis=1).astype(np.float32)

    @property
    def ids(self) -> Int64:
        """Row times the width of the image plus column of the first pixel."""
        ids: Int64 = self.corners @ np.array([self.image.shape[1], 1])
        return ids

    @property
    def groups(self) -> Mapping[str, Int64]:
        """Region of more than half of each tile as its ``label``, -1 where there is none."""
        region = self.regions()
        return {"label": np.where(region > 0, region, -1)}

    def regions(self, min_share: float = 0.5) -> Int64:
        """Return the region of each tile, an index into `REGIONS`, -1 where it has none.

        Parameters
        ----------
        min_share : float, optional
            A region counts if it covers more than this share of the pixels.

        Raises
        ------
        InputError
            If the share is below 0.5, where two regions could count, or not below 1.
        """
        if not 0.5 <= min_share < 1:
            raise InputError("min_share", str(min_share), "0.5 or more, and below 1")
        largest: Int64 = self.shares.argmax(axis=1)
        return np.where(self.shares.max(axis=1) > min_share, largest, -1)

    def read(self, indices: Int64) -> Float32:
        """Return tiles (n_indices, 1, tile_px, tile_px)."""
        steps = np.arange(self.tile_px)
        rows = self.corners[indices, 0][:, None, None] + steps[None, :, None]
        columns = self.corners[indices, 1][:, None, None] + steps[None, None, :]
        return unit_range(self.image[rows, columns], "X-ray slice")[:, None]


def xray_patches(path: Path, *, tile_px: int = 128, stride_px: int = 32) -> XraySource:
    """Cut the annotated window of the slice into overlapping tiles.

    Parameters
    ----------
    path : pathlib.Path
        ``xray_thc_slice-309.npz`` with ``image`` and ``roi``, both uint8 of the same shape.
    tile_px, stride_px : int, optional
        Side of a tile, and the distance from one to the next along both axes.

    Returns
    -------
    XraySource
        Tiles without a pixel outside the annotated window, row by row.

    Raises
    ------
    InputError
        If the file is not such a slice, or too small for a tile.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            image, region = stored["image"], stored["roi"]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error):
        raise InputError(
            str(path), "no readable slice", "an npz with `image` and `roi`", f"See {SOURCE}."
        ) from None
    if image.dtype != np.uint8 or image.ndim != 2 or region.shape != image.shape:
        raise InputError(
            str(path), f"{image.dtype} {image.shape} and {region.shape}", "two uint8 images"
        )
    top, left = (
        np.arange(0, size - tile_px + 1, stride_px, dtype=np.int64) for size in image.shape
    )
    corners = np.stack(np.meshgrid(top, left, indexing="ij"), axis=-1).reshape(-1, 2)
    corners = corners[_tile_sums(region == OUTSIDE, corners, tile_px) == 0]
    if not len(corners):
        raise InputError(
            str(path), f"no whole tile of {tile_px} px", "a window that holds one", "Smaller tiles."
        )
    counts = [_tile_sums(region == code, corners, tile_px) for code in range(len(REGIONS))]
    shares = np.stack(counts, axis=1) / np.float32(tile_px**2)
    return XraySource(image, corners, tile_px, shares.astype(np.float32))


def _tile_sums(mask: npt.NDArray[np.bool_], corners: Int64, size: int) -> Int64:
    """Return the number of true pixels of each tile, from sums over rectangles."""
    sums = np.zeros((mask.shape[0] + 1, mask.shape[1] + 1), np.int64)
    np.cumsum(mask, axis=0, out=sums[1:, 1:])
    np.cumsum(sums, axis=1, out=sums)
    y, x = corners.T
    inside: Int64 = sums[y + size, x + size] - sums[y, x + size] - sums[y + size, x] + sums[y, x]
    return inside
