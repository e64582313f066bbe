"""The X-ray slice of the mouse thalamocortical data: overlapping tiles with 2-D coordinates.

Prasad et al. (2020, Sci Data 7:358), 1.17 µm per pixel, with a region for each pixel whose borders
are approximate (read off a published overlay). Tiles are cut where the annotated window allows;
their region is that of the centre pixel.
"""

from __future__ import annotations

import zipfile
import zlib
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
    region : (n,) ndarray of uint8
        Index into `REGIONS` of the pixel at the centre.
    """

    image: npt.NDArray[np.uint8]
    corners: Int64
    tile_px: int
    region: npt.NDArray[np.uint8]

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
    outside = np.pad(np.cumsum(np.cumsum(region == OUTSIDE, axis=0), axis=1), ((1, 0), (1, 0)))
    (y, x), size = corners.T, tile_px
    count = (
        outside[y + size, x + size] - outside[y, x + size] - outside[y + size, x] + outside[y, x]
    )
    corners = corners[count == 0]
    if not len(corners):
        raise InputError(
            str(path), f"no whole tile of {tile_px} px", "a window that holds one", "Smaller tiles."
        )
    centre = corners + tile_px // 2
    return XraySource(image, corners, tile_px, region[centre[:, 0], centre[:, 1]])
