"""Draw maps on the cortex: both hemispheres, lateral and medial, with matplotlib alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cytosurf.errors import InputError
from cytosurf.report.views import View, look
from cytosurf.surfaces.mesh import Mesh

Picture = npt.NDArray[np.uint8]

PIXELS_PER_MM = 1.8
GROUND = 0.68  # grey of cortex that a map says nothing about

# Left to right as in most papers: the two lateral views outside, the two medial ones inside.
_ORDER = (("L", "lateral"), ("L", "medial"), ("R", "medial"), ("R", "lateral"))


@dataclass(frozen=True, eq=False)
class Scene:
    """The views of a cortex, made once and painted with any number of maps.

    Parameters
    ----------
    n_vertices : int
        Vertices of all hemispheres together.
    titles : tuple of str
        What each view shows, e.g. ``"left, lateral"``.
    views : tuple of View
        From left to right; corners count over all hemispheres.
    ground : tuple of ndarray
        Grey of each pixel of each view where a map has nothing to show.
    """

    n_vertices: int
    titles: tuple[str, ...]
    views: tuple[View, ...]
    ground: tuple[npt.NDArray[np.float64], ...]

    def paint_labels(
        self, index: npt.NDArray[np.integer], palette: npt.NDArray[np.floating]
    ) -> tuple[Picture, ...]:
        """Paint classes.

        Parameters
        ----------
        index : (n_vertices,) ndarray of int
            Row of `palette` for each vertex; below 0 where there is none.
        palette : (n_classes, 3) ndarray
            sRGB, 0 to 1.
        """
        self._check(index)
        pictures = []
        for view, grey in zip(self.views, self.ground, strict=True):
            label = view.majority(index)
            colours = np.where((label >= 0)[:, None], palette[label], grey[:, None])
            pictures.append(view.image(colours))
        return tuple(pictures)

    def paint_colours(
        self,
        colours: npt.NDArray[np.floating],
        valid: npt.NDArray[np.bool_] | None = None,
        relief: float = 1.0,
    ) -> tuple[Picture, ...]:
        """Paint a colour per vertex, mixed linearly within triangles.

        Parameters
        ----------
        colours : (n_vertices, 3) ndarray
            sRGB, 0 to 1.
        valid : (n_vertices,) ndarray of bool, optional
            Where the colour means something; grey elsewhere.
        relief : float
            Strength of the shading, 0 to 1.
        """
        self._check(colours)
        shown = np.ones(self.n_vertices) if valid is None else valid.astype(np.float64)
        shown_colours = np.where(shown[:, None] > 0, colours, 0.0)
        pictures = []
        for view, grey in zip(self.views, self.ground, strict=True):
            share = view.interpolate(shown)
            mixed = view.interpolate(shown_colours) / np.maximum(share, 1e-9)[:, None]
            seen = np.where((share >= 0.5)[:, None], mixed, grey[:, None])
            pictures.append(view.image(seen, relief))
        return tuple(pictures)

    def _check(self, values: npt.NDArray[np.generic]) -> None:
        if len(values) != self.n_vertices:
            raise InputError("map to draw", f"{len(values):,} rows", f"{self.n_vertices:,}")


def make_scene(
    meshes: Mapping[str, Mesh],
    folds: Mapping[str, npt.NDArray[np.float64]] | None = None,
    *,
    pixels_per_mm: float = PIXELS_PER_MM,
) -> Scene:
    """Prepare lateral and medial views of one or both hemispheres.

    Parameters
    ----------
    meshes : mapping of str to Mesh
        Surface to draw on, by hemisphere (``"L"``, ``"R"``).
    folds : mapping of str to (n_vertices,) ndarray, optional
        Folding of each hemisphere (see `cytosurf.report.inflation.folding`): sulci (above 0) are
        drawn in a darker grey. Even grey if left out.
    pixels_per_mm : float
        Size of the pictures.

    Returns
    -------
    Scene
        Ready to be painted; rows of maps are the left hemisphere, then the right.

    Raises
    ------
    InputError
        If no hemisphere is given.
    """
    present = [h for h in ("L", "R") if h in meshes]
    if not present:
        raise InputError("meshes", f"hemispheres {sorted(meshes)}", '"L", "R" or both')
    start = {h: sum(meshes[g].n_vertices for g in present[:i]) for i, h in enumerate(present)}
    titles, views, ground = [], [], []
    for hemisphere, side in _ORDER:
        if hemisphere not in present:
            continue
        view = look(meshes[hemisphere], hemisphere, side, pixels_per_mm=pixels_per_mm)
        grey = np.full(len(view.pixel), GROUND)
        if folds is not None:
            grey = GROUND - 0.10 * np.tanh(1.5 * view.interpolate(folds[hemisphere]))
        corners = view.corners + np.int32(start[hemisphere])
        views.append(
            View(view.shape, view.supersample, view.pixel, corners, view.weights, view.shade)
        )
        titles.append(f"{'left' if hemisphere == 'L' else 'right'}, {side}")
        ground.append(grey)
    n_vertices = sum(meshes[h].n_vertices for h in present)
    return Scene(n_vertices, tuple(titles), tuple(views), tuple(ground))


def strip(pictures: tuple[Picture, ...], gap: int = 16) -> Picture:
    """Set pictures side by side, centred vertically, with `gap` transparent pixels between."""
    height = max(len(p) for p in pictures)
    width = sum(p.shape[1] for p in pictures) + gap * (len(pictures) - 1)
    out = np.zeros((height, width, 4), np.uint8)
    left = 0
    for picture in pictures:
        top = (height - len(picture)) // 2
        out[top : top + len(picture), left : left + picture.shape[1]] = picture
        left += picture.shape[1] + gap
    return out


def render_views(
    meshes: Mapping[str, Mesh],
    colours: npt.NDArray[np.floating],
    *,
    valid: npt.NDArray[np.bool_] | None = None,
    pixels_per_mm: float = PIXELS_PER_MM,
) -> Picture:
    """Return one RGBA picture of vertex colours on all views of the given hemispheres.

    Parameters
    ----------
    meshes : mapping of str to Mesh
        Surface to draw on, by hemisphere; of any space.
    colours : (n_vertices, 3) ndarray
        sRGB of each vertex, 0 to 1; left hemisphere first.
    valid : (n_vertices,) ndarray of bool, optional
        Vertices to colour; the others stay grey.
    pixels_per_mm : float
        Size of the picture.

    Returns
    -------
    (height, width, 4) uint8 ndarray
        Left lateral, left medial, right medial, right lateral; transparent outside.

    Raises
    ------
    InputError
        If the number of rows is not the number of vertices.

    Examples
    --------
    >>> mesh = Mesh([[0, 0, 0], [9, 0, 0], [0, 9, 0], [0, 0, 9]],
    ...             [[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]])
    >>> render_views({"L": mesh}, np.ones((4, 3)), pixels_per_mm=2).shape
    (18, 52, 4)
    """
    scene = make_scene(meshes, pixels_per_mm=pixels_per_mm)
    return strip(scene.paint_colours(np.asarray(colours, dtype=np.float64), valid))
