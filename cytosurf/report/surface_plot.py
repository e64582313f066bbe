"""Figures of maps on the cortex, and `plot_surface` for notebooks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from cytosurf.report.colours import class_colours, display_name
from cytosurf.report.cortex import PIXELS_PER_MM, Picture, Scene, make_scene, strip
from cytosurf.report.inflation import display_mesh, folding
from cytosurf.surfaces.maps import Parcellation, SurfaceMap
from cytosurf.surfaces.mesh import Mesh
from cytosurf.surfaces.space import Space

DPI = 150
_MARGIN = 14
_TITLE = 40  # pixels above each row, for its title and its key
_HEADING = 30
_LEGEND_LINE = 25
_MAX_NAME = 40
_SHORT_KEY = 3  # classes that fit into the title line of a row
_LONGEST_KEY = 100  # colours of more classes cannot be told apart

Colour = tuple[float, float, float]
Key = tuple[tuple[str, Colour], ...]


@dataclass(frozen=True)
class Scale:
    """A colour scale: colormap name, the values at its two ends, and what they are."""

    colormap: str
    low: float
    high: float
    label: str


@dataclass(frozen=True, eq=False)
class MapRow:
    """One map, painted: its title, its pictures, and what the colours mean."""

    title: str
    pictures: tuple[Picture, ...]
    key: Key = ()
    scale: Scale | None = None


def surface_figure(scene: Scene, rows: Sequence[MapRow]) -> Figure:
    """Return a figure with one row of views per map, each at its own pixels.

    A key of up to three classes, or a colour scale, stands beside the title of its row. A longer
    key stands once below all rows, and a key of more than a hundred classes nowhere.
    """
    strips = [strip(row.pictures) for row in rows]
    width = max(s.shape[1] for s in strips) + 2 * _MARGIN
    long_keys = list(
        dict.fromkeys(row.key for row in rows if _SHORT_KEY < len(row.key) <= _LONGEST_KEY)
    )
    columns = [_legend_columns(key, width) for key in long_keys]
    legend_heights = [
        -(-len(key) // n) * _LEGEND_LINE + 12 for key, n in zip(long_keys, columns, strict=True)
    ]
    height = _HEADING + sum(len(s) + _TITLE for s in strips) + sum(legend_heights) + _MARGIN
    figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI, facecolor="white")
    _draw_headings(figure, scene, rows[0].pictures, width, height)
    top = _HEADING
    for row, image in zip(rows, strips, strict=True):
        _draw_row(figure, row, image, top, (width, height))
        top += _TITLE + len(image)
    for key, n, extent in zip(long_keys, columns, legend_heights, strict=True):
        figure.legend(
            handles=[Patch(color=colour, label=_short(name)) for name, colour in key],
            loc="upper center",
            bbox_to_anchor=(0.5, 1 - top / height),
            ncols=n,
            fontsize=7.5,
            frameon=False,
            handlelength=1.1,
            handleheight=1.1,
            columnspacing=1.4,
            borderaxespad=0.4,
        )
        top += extent
    return figure


def plot_surface(
    data: SurfaceMap | Parcellation,
    *,
    column: int | str = 0,
    meshes: Mapping[str, Mesh] | None = None,
    title: str = "",
    colormap: str = "viridis",
    limits: tuple[float, float] | None = None,
    colours: npt.NDArray[np.floating] | None = None,
    pixels_per_mm: float = PIXELS_PER_MM,
) -> Figure:
    """Draw a map or a parcellation on the cortex.

    Parameters
    ----------
    data : SurfaceMap or Parcellation
        What to draw, on one or both hemispheres. Vertices that are not valid, or have key 0, are
        grey: darker in sulci.
    column : int or str
        Column of a map, by number or name.
    meshes : mapping of str to Mesh, optional
        Surface of each hemisphere to draw on. By default the midthickness of the space of `data`,
        inflated.
    title : str
        Heading; by default the name of the column.
    colormap : str
        Name of a matplotlib colormap, for a map.
    limits : tuple of float, optional
        Values at the two ends of the colour scale; by default the 2nd and 98th percentile.
    colours : (n_keys, 3) ndarray, optional
        sRGB of each used key, for a parcellation; by default `class_colours`.
    pixels_per_mm : float
        Size of the picture.

    Returns
    -------
    matplotlib.figure.Figure
        Lateral and medial views; save it with ``figure.savefig("map.png")``.

    Raises
    ------
    InputError
        If the space has no known surface and `meshes` is not given, or the rows do not fit.
    """
    scene = scene_of(data.space, data.hemispheres, meshes, pixels_per_mm=pixels_per_mm)
    if isinstance(data, Parcellation):
        keys = data.used_keys()
        names = [data.names[int(key)] for key in keys]
        palette = class_colours(names) if colours is None else np.asarray(colours)
        index = np.where(data.keys > 0, np.searchsorted(keys, data.keys), -1)
        return surface_figure(scene, [label_row(scene, title, index, names, palette)])
    number = data.columns.index(column) if isinstance(column, str) else column
    values = data.values[:, number].astype(np.float64)
    valid = data.valid & np.isfinite(values)
    if limits is None:
        low, high = np.percentile(values[valid], [2, 98]) if valid.any() else (0.0, 1.0)
        limits = (float(low), float(high))
    scale = Scale(colormap, *limits, label="")
    return surface_figure(
        scene, [value_row(scene, title or data.columns[number], values, valid, scale)]
    )


def scene_of(
    space: Space,
    hemispheres: Sequence[str],
    meshes: Mapping[str, Mesh] | None = None,
    *,
    pixels_per_mm: float = PIXELS_PER_MM,
) -> Scene:
    """Return the views of a space: its inflated midthickness, or the meshes given.

    Raises
    ------
    InputError
        If the space has no known surface and `meshes` is not given.
    """
    if meshes is not None:
        chosen = {h: meshes[h] for h in hemispheres}
        return make_scene(
            chosen, {h: folding(m) for h, m in chosen.items()}, pixels_per_mm=pixels_per_mm
        )
    shown = {h: display_mesh(space, h) for h in hemispheres}
    return make_scene(
        {h: mesh for h, (mesh, _) in shown.items()},
        {h: folds for h, (_, folds) in shown.items()},
        pixels_per_mm=pixels_per_mm,
    )


def label_row(
    scene: Scene,
    title: str,
    index: npt.NDArray[np.integer],
    names: Sequence[str],
    palette: npt.NDArray[np.floating],
) -> MapRow:
    """Paint classes: `index` is the row of `palette` and `names`, below 0 where there is none."""
    pairs = zip(names, palette, strict=True)
    key = tuple((display_name(n), (float(c[0]), float(c[1]), float(c[2]))) for n, c in pairs)
    return MapRow(title, scene.paint_labels(index, palette), key)


def value_row(
    scene: Scene,
    title: str,
    values: npt.NDArray[np.floating],
    valid: npt.NDArray[np.bool_],
    scale: Scale,
) -> MapRow:
    """Paint numbers on a colour scale; vertices that are not valid stay grey."""
    filled = np.where(valid, values, scale.low)
    rgba = mpl.colormaps[scale.colormap](Normalize(scale.low, scale.high, clip=True)(filled))
    return MapRow(title, scene.paint_colours(rgba[:, :3], valid, relief=0.5), scale=scale)


def _draw_headings(
    figure: Figure, scene: Scene, pictures: tuple[Picture, ...], width: int, height: int
) -> None:
    """Write what each column shows above the first row."""
    left = _MARGIN + (width - 2 * _MARGIN - strip(pictures).shape[1]) / 2
    for text, picture in zip(scene.titles, pictures, strict=True):
        middle = (left + picture.shape[1] / 2) / width
        figure.text(
            middle, 1 - 8 / height, text, ha="center", va="top", fontsize=7.5, color="#555555"
        )
        left += picture.shape[1] + 16


def _draw_row(figure: Figure, row: MapRow, image: Picture, top: int, size: tuple[int, int]) -> None:
    """Draw one strip at its own pixels, its title above, its short key or scale to the right."""
    width, height = size
    title_y = 1 - (top + _TITLE * 0.45) / height
    figure.text(_MARGIN / width, title_y, row.title, va="center", fontsize=9.5, weight="bold")
    if row.scale is not None:
        _draw_scale(figure, row.scale, top, size)
    elif 0 < len(row.key) <= _SHORT_KEY:
        figure.legend(
            handles=[Patch(color=colour, label=_short(name)) for name, colour in row.key],
            loc="center right",
            bbox_to_anchor=(1 - _MARGIN / width, title_y),
            ncols=_SHORT_KEY,
            fontsize=8,
            frameon=False,
            handlelength=1.1,
            handleheight=1.1,
            columnspacing=1.2,
            borderaxespad=0,
        )
    left = (width - image.shape[1]) / 2
    bottom = height - top - _TITLE - len(image)
    box = (left / width, bottom / height, image.shape[1] / width, len(image) / height)
    axes = figure.add_axes(box)
    axes.imshow(image, interpolation="nearest", aspect="auto")
    axes.set_axis_off()


def _draw_scale(figure: Figure, scale: Scale, top: int, size: tuple[int, int]) -> None:
    """Draw a small horizontal colour scale at the right end of a title line."""
    width, height = size
    long, thick = 200, 11
    left, low = width - _MARGIN - 60 - long, height - top - _TITLE * 0.45 - thick / 2
    axes = figure.add_axes((left / width, low / height, long / width, thick / height))
    axes.imshow(np.linspace(0, 1, 256)[None], cmap=scale.colormap, aspect="auto")
    axes.set_axis_off()
    y = 1 - (top + _TITLE * 0.45) / height
    for x, text, side in (
        (left - 8, f"{scale.label}  {scale.low:.2g}".strip(), "right"),
        (left + long + 8, f"{scale.high:.2g}", "left"),
    ):
        figure.text(x / width, y, text, ha=side, va="center", fontsize=8)


def _legend_columns(key: Key, width: int) -> int:
    """Return how many columns of names fit below the figure."""
    longest = max(len(_short(name)) for name, _ in key)
    return max(1, min(len(key), int(width / (longest * 9.2 + 62))))


def _short(name: str) -> str:
    return name if len(name) <= _MAX_NAME else name[: _MAX_NAME - 1] + "…"
