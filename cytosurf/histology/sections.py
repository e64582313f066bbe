"""Patches around points of histological sections, as TIFF or zarr files of any size.

Points come as a table, one row per patch::

    image            the section's file, relative to the folder of the table
    x_um, y_um       where the centre of the patch lies in the image, from its upper left corner
    x_mm, y_mm, z_mm its place in the brain
    id, label, brain optional: whole numbers

Sections are opened where they are read and never sent from one process to another: zarr's threads
and tifffile's handles do not survive it. Only the tiles under a patch are decoded. At the edge of
an image the outermost pixels are repeated.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cytosurf.errors import InputError
from cytosurf.histology.source import (
    GROUPS,
    Float32,
    Int64,
    checked_coordinates,
    unit_range,
    white_of,
    whole_numbers,
)

COLUMNS = ("image", "x_um", "y_um", "x_mm", "y_mm", "z_mm")
OPEN_SECTIONS = 16  # kept open at a time
PIXEL_TOLERANCE = 0.01
BLACK_IS_0 = "MINISBLACK"  # name of the photometric interpretation in TIFF
EXTRA = "pip install 'cytosurf[histology]'"
DAMAGED = (OSError, ValueError, RuntimeError, struct.error, zlib.error)
_UM_PER = {"µm": 1.0, "um": 1.0, "micrometer": 1.0, "mm": 1e3, "millimeter": 1e3, "cm": 1e4}
_UM_PER |= {"nm": 1e-3, "nanometer": 1e-3}


@dataclass(eq=False)
class SectionSource:
    """Patches around points of sections, (1, patch_px, patch_px) each.

    Parameters
    ----------
    files : tuple of pathlib.Path
        The sections.
    section : (n,) ndarray of int64
        Which of the files each point lies in.
    centre_um : (n, 2) ndarray of float64
        x and y of each point in its image.
    coordinates_mm : (n, 3) ndarray of float32
        Its place in the brain.
    ids : (n,) ndarray of int64
        Its identifier.
    pixel_um : float
        Size of a pixel, which files must agree with if they state one.
    patch_px : int
        Side of a patch.
    space : str
        Name of the space of the coordinates.
    groups : mapping of str to (n,) ndarray of int64, optional
        ``label`` and ``brain`` of each point, where the table has them.
    """

    files: tuple[Path, ...]
    section: Int64
    centre_um: npt.NDArray[np.float64]
    coordinates_mm: Float32
    ids: Int64
    pixel_um: float
    patch_px: int
    space: str
    groups: Mapping[str, Int64] = field(default_factory=dict)
    _open: OrderedDict[int, Any] = field(default_factory=OrderedDict, init=False, repr=False)

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what is open."""
        return {**self.__dict__, "_open": OrderedDict()}

    @property
    def shape(self) -> tuple[int, int, int]:
        """One channel, and the side twice."""
        return 1, self.patch_px, self.patch_px

    def read(self, indices: Int64) -> Float32:
        """Return patches (n_indices, 1, patch_px, patch_px).

        Raises
        ------
        InputError
            If a section is missing, damaged or of another pixel size, or a point lies outside it.
        """
        patches = np.empty((len(indices), *self.shape), np.float32)
        # Section by section, so that each is opened once.
        for place in np.argsort(self.section[indices], kind="stable"):
            patches[place, 0] = self._patch(int(indices[place]))
        return patches

    def check(self) -> None:
        """Open every section once and look whether its points lie in it.

        Raises
        ------
        InputError
            As `read`, before any training has begun.
        """
        for section in range(len(self.files)):
            self._check_points(section, self._section(section).shape)

    def _patch(self, row: int) -> Float32:
        section = int(self.section[row])
        image = self._section(section)
        x, y = np.floor(self.centre_um[row] / self.pixel_um).astype(int)
        height, width = image.shape[:2]
        if not (0 <= x < width and 0 <= y < height):
            self._check_points(section, image.shape)
        rows = np.arange(y - self.patch_px // 2, y - self.patch_px // 2 + self.patch_px)
        columns = np.arange(x - self.patch_px // 2, x - self.patch_px // 2 + self.patch_px)
        rows, columns = rows.clip(0, height - 1), columns.clip(0, width - 1)
        try:
            part = np.asarray(image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])
        except DAMAGED as error:
            raise InputError(
                str(self.files[section]),
                f"tiles that cannot be decoded near row {y}, column {x} ({error})",
                "a whole file",
            ) from None
        part = part.reshape(part.shape[:2])[np.ix_(rows - rows[0], columns - columns[0])]
        return unit_range(part, str(self.files[section]))

    def _section(self, section: int) -> Any:
        if section in self._open:
            self._open.move_to_end(section)
            return self._open[section]
        if len(self._open) >= OPEN_SECTIONS:
            self._open.popitem(last=False)
        path = self.files[section]
        image, stated_um = open_section(path)
        if stated_um is not None and abs(stated_um / self.pixel_um - 1) > PIXEL_TOLERANCE:
            raise InputError(
                str(path),
                f"pixels of {stated_um:g} µm",
                f"{self.pixel_um:g} µm, as stated by pixel_um",
                "Give the size that the file states, or correct the file.",
            )
        self._open[section] = image
        return image

    def _check_points(self, section: int, shape: tuple[int, ...]) -> None:
        rows = np.flatnonzero(self.section == section)
        x, y = np.floor(self.centre_um[rows] / self.pixel_um).T
        outside = (x < 0) | (y < 0) | (x >= shape[1]) | (y >= shape[0])
        if outside.any():
            first = rows[np.flatnonzero(outside)[0]]
            x_um, y_um = self.centre_um[first]
            raise InputError(
                str(self.files[section]),
                f"{int(outside.sum())} of {len(rows)} points outside the image, the first at "
                f"x {x_um:g} µm, y {y_um:g} µm (row {first} of the table)",
                f"points in {shape[1]} x {shape[0]} pixels of {self.pixel_um:g} µm",
                "Are x_um and y_um micrometres from the upper left corner, and not pixels?",
            )


def section_patches(
    points: Path, *, pixel_um: float, patch_px: int, space: str, check: bool = True
) -> SectionSource:
    """Return the patches around the points of a table.

    Parameters
    ----------
    points : pathlib.Path
        csv, or tsv, see the head of this module.
    pixel_um : float
        Size of a pixel of all sections.
    patch_px : int
        Side of a patch.
    space : str
        Name of the space of ``x_mm``, ``y_mm``, ``z_mm``.
    check : bool, optional
        Whether to open every section now.

    Raises
    ------
    InputError
        If the table or a section is missing or not as stated.
    """
    table = _read_table(points)
    names = sorted(set(table["image"]))
    files = tuple(points.parent / name for name in names)
    for path in files:
        if not path.exists():
            raise InputError(str(path), "no such file", f"a section named in {points}")
    numbers = {
        name: whole_numbers(table[name].to_numpy(), len(table), f"{points}, column {name}")
        for name in ("id", *GROUPS)
        if name in table
    }
    source = SectionSource(
        files,
        np.searchsorted(names, table["image"]).astype(np.int64),
        _numbers(table, ["x_um", "y_um"], points),
        checked_coordinates(
            _numbers(table, ["x_mm", "y_mm", "z_mm"], points), len(table), str(points)
        ),
        numbers.pop("id", np.arange(len(table), dtype=np.int64)),
        pixel_um,
        patch_px,
        space,
        numbers,
    )
    if check:
        source.check()
    return source


def open_section(path: Path) -> tuple[Any, float | None]:
    """Open a section without reading it.

    Parameters
    ----------
    path : pathlib.Path
        A TIFF file, or a zarr array or OME-NGFF group (a folder).

    Returns
    -------
    image : array-like
        (height, width), read where it is sliced; the finest level of a pyramid.
    pixel_um : float or None
        Size of a pixel if the file states it.

    Raises
    ------
    InputError
        If the file cannot be read, or is not one grey channel that rises from black to white.
    """
    try:
        import tifffile
        import zarr
    except ImportError:
        raise InputError(str(path), "no tifffile and zarr to read it", "both", EXTRA) from None
    photometric = BLACK_IS_0
    try:
        if path.is_dir():
            image, pixel_um = _open_zarr(zarr.open(str(path), mode="r"))
        else:
            with tifffile.TiffFile(path) as tiff:
                pixel_um, photometric = _tiff_pixel_um(tiff), _tiff_photometric(tiff)
            store = tifffile.imread(path, aszarr=True, level=0, maxworkers=1)
            image = zarr.open(store, mode="r")
    except (*DAMAGED, KeyError, IndexError, TypeError, tifffile.TiffFileError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(str(path), f"no readable section ({reason})", "TIFF or zarr") from None
    grey = len(image.shape) == 2 or (len(image.shape) == 3 and image.shape[2] == 1)
    if not grey:
        raise InputError(str(path), f"an image of shape {image.shape}", "one grey channel")
    if photometric != BLACK_IS_0:
        raise InputError(
            str(path),
            f"pixels of the kind {photometric} (photometric interpretation)",
            f"grey values with black as 0 ({BLACK_IS_0})",
            "Save it as an image of grey values; one with white as 0 must be inverted.",
        )
    white_of(image.dtype, str(path))
    return image, pixel_um


def _open_zarr(opened: Any) -> tuple[Any, float | None]:
    """Return an array and the pixel size of its attributes, also of the first level of a group."""
    attributes = dict(opened.attrs)
    attributes = attributes.get("ome", attributes)
    if "multiscales" not in attributes:
        if not hasattr(opened, "shape"):
            raise ValueError("a group without `multiscales`")
        return opened, attributes.get("pixel_um")
    scales = attributes["multiscales"][0]
    level = scales["datasets"][0]
    unit = scales["axes"][-1].get("unit", "micrometer")
    sizes = [t["scale"][-1] for t in level["coordinateTransformations"] if t["type"] == "scale"]
    return opened[level["path"]], sizes[0] * _UM_PER[unit] if sizes else None


def _tiff_pixel_um(tiff: Any) -> float | None:
    """Return the pixel size of OME metadata, or of the resolution tags."""
    if tiff.ome_metadata:
        size = re.search(r'PhysicalSizeX="([^"]+)"', tiff.ome_metadata)
        unit = re.search(r'PhysicalSizeXUnit="([^"]+)"', tiff.ome_metadata)
        return float(size[1]) * _UM_PER[unit[1] if unit else "µm"] if size else None
    tags = tiff.pages[0].tags
    if "XResolution" not in tags or "ResolutionUnit" not in tags:
        return None
    pixels, per = tags["XResolution"].value
    um = {2: 25_400.0, 3: 10_000.0}.get(int(tags["ResolutionUnit"].value))
    return um * per / pixels if um and pixels else None


def _tiff_photometric(tiff: Any) -> str:
    """Return what the pixels of the first image mean; `BLACK_IS_0` if the file does not say."""
    tags = tiff.series[0].keyframe.tags
    if "PhotometricInterpretation" not in tags:
        return BLACK_IS_0
    meaning = tags["PhotometricInterpretation"].value
    return str(getattr(meaning, "name", meaning))


def _read_table(points: Path) -> pd.DataFrame:
    try:
        separator = "\t" if points.suffix == ".tsv" else ","
        table = pd.read_csv(points, sep=separator, dtype={"image": str})
    except (OSError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(str(points), f"no readable table ({reason})", "csv or tsv") from None
    missing = [name for name in COLUMNS if name not in table]
    if missing or table.empty:
        found = f"no column {', '.join(missing)}" if missing else "no row"
        raise InputError(str(points), found, f"columns {', '.join(COLUMNS)}, a row per patch")
    if table["image"].isna().any():
        row = int(np.flatnonzero(table["image"].isna())[0])
        raise InputError(str(points), f"no image in row {row}", "the name of a file in all rows")
    return table


def _numbers(table: pd.DataFrame, columns: list[str], points: Path) -> npt.NDArray[np.float64]:
    values: npt.NDArray[np.float64] = (
        table[columns].apply(pd.to_numeric, errors="coerce").to_numpy(np.float64)
    )
    if not np.isfinite(values).all():
        row = int(np.flatnonzero(~np.isfinite(values).all(axis=1))[0])
        raise InputError(
            str(points), f"no number in row {row} of {', '.join(columns)}", "numbers in all rows"
        )
    return values
