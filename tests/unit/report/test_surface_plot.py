"""Figures of maps on the cortex."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from cytosurf.errors import InputError
from cytosurf.report import plot_surface
from cytosurf.report.embed import png_uri
from cytosurf.report.surface_plot import (
    Scale,
    label_row,
    scene_of,
    surface_figure,
    value_row,
)
from cytosurf.surfaces.maps import Parcellation, SurfaceMap
from cytosurf.surfaces.space import Space
from tests.unit.report.records import TOY, toy_meshes

MESHES = toy_meshes()
N = 324


def texts(figure):
    """Return all words on a figure."""
    legends = [t.get_text() for legend in figure.legends for t in legend.get_texts()]
    return [t.get_text() for t in figure.texts] + legends


def test_a_parcellation_is_drawn_with_a_key_of_its_used_names():
    """Every used key is in the legend, unused ones are not."""
    keys = np.arange(N) % 5
    names = {1: "Vis", 2: "SomMot", 3: "DorsAttn", 4: "Default", 9: "unused"}
    words = texts(plot_surface(Parcellation(keys, TOY, names), meshes=MESHES, title="Networks"))
    assert {"Networks", "Vis", "SomMot", "DorsAttn", "Default", "left, lateral"} <= set(words)
    assert "unused" not in words


def test_a_map_is_drawn_with_a_scale_of_its_values():
    """The chosen column names the figure; the ends of the scale are given or percentiles."""
    values = np.column_stack([np.zeros(N), np.linspace(0, 1, N)])
    data = SurfaceMap(values, TOY, ("a", "b"))
    words = texts(plot_surface(data, column="b", meshes=MESHES, limits=(-1, 3)))
    assert {"b", "-1", "3"} <= {w.strip() for w in words}
    words = texts(plot_surface(data, column=1, meshes=MESHES))
    assert {"b", "0.02", "0.98"} <= {w.strip() for w in words}


def test_values_that_are_not_finite_are_grey():
    """NaN and invalid vertices neither fail nor set the scale."""
    values = np.where(np.arange(N) < 162, np.nan, 5.0)
    figure = plot_surface(SurfaceMap(values, TOY), meshes=MESHES)
    picture = figure.axes[-1].get_images()[0].get_array()
    left = picture[picture.shape[0] // 2, picture.shape[1] // 8, :3]
    assert left[0] == left[1] == left[2]


@pytest.mark.parametrize("hemisphere", ["L", "R"])
def test_one_hemisphere_is_drawn_alone(hemisphere):
    """Two views instead of four."""
    data = SurfaceMap(np.arange(162.0), TOY, hemispheres=(hemisphere,))
    words = texts(plot_surface(data, meshes=MESHES))
    side = "left" if hemisphere == "L" else "right"
    assert [w for w in words if "lateral" in w or "medial" in w] == [
        f"{side}, {v}" for v in (("lateral", "medial") if side == "left" else ("medial", "lateral"))
    ]


def test_the_same_map_gives_the_same_bytes_and_leaves_no_pyplot_state():
    """Figures are deterministic, and pyplot knows nothing of them."""
    data = Parcellation(np.arange(N) % 9, TOY)
    first, second = (png_uri(plot_surface(data, meshes=MESHES)) for _ in range(2))
    assert first == second
    assert plt.get_fignums() == []


def test_pictures_are_drawn_at_their_own_pixels():
    """No resampling: the figure's pixels at the place of a picture are those of the picture."""
    scene = scene_of(TOY, ("L", "R"), MESHES)
    index = np.arange(N) % 4
    row = label_row(scene, "t", index, list("abcd"), np.eye(4)[:, :3])
    figure = surface_figure(scene, [row])
    box = figure.axes[0].get_window_extent()
    picture = figure.axes[0].get_images()[0].get_array()
    assert (round(box.height), round(box.width)) == picture.shape[:2]


def test_a_long_key_is_given_once_and_a_short_one_in_every_row():
    """Rows of the same classes share one legend below; short keys stand beside the title."""
    scene = scene_of(TOY, ("L", "R"), MESHES)
    long = label_row(
        scene, "t", np.arange(N) % 5, list("abcde"), np.random.default_rng(0).random((5, 3))
    )
    short = label_row(scene, "t", np.arange(N) % 2, ("yes", "no"), np.eye(3)[:2])
    figure = surface_figure(scene, [long, long, short, short])
    assert len(figure.legends) == 3
    assert texts(figure).count("a") == 1
    assert texts(figure).count("yes") == 2


def test_all_names_of_many_classes_fit_on_the_figure():
    """Legends of 64 long names stay inside the figure."""
    scene = scene_of(TOY, ("L", "R"), MESHES, pixels_per_mm=6)
    names = [f"a rather long name of a cortical area, number {i}" for i in range(64)]
    colours = np.random.default_rng(0).random((64, 3))
    figure = surface_figure(scene, [label_row(scene, "t", np.arange(N) % 64, names, colours)])
    png_uri(figure)  # draws it, so that extents are known
    legend = figure.legends[0].get_window_extent()
    assert legend.x0 >= 0
    assert legend.x1 <= figure.get_figwidth() * figure.dpi
    assert legend.y0 >= -1
    assert legend.y1 <= figure.axes[0].get_window_extent().y0 + 1


def test_values_outside_the_scale_take_its_end_colours():
    """A scale clips instead of wrapping."""
    scene = scene_of(TOY, ("L", "R"), MESHES)
    valid = np.ones(N, bool)
    scale = Scale("viridis", 0, 1, "")
    rows = [value_row(scene, "", np.full(N, v), valid, scale) for v in (1.0, 99.0)]
    np.testing.assert_array_equal(rows[0].pictures[0], rows[1].pictures[0])


def test_a_space_without_a_known_surface_is_refused():
    """Without meshes of its own an unknown space cannot be drawn."""
    with pytest.raises(InputError, match="toy-162"):
        plot_surface(SurfaceMap(np.zeros(N), TOY))


def test_fs_lr_needs_no_meshes():
    """The embedded surface of fs_LR 32k is there without any download."""
    figure = plot_surface(SurfaceMap(np.zeros(32_492), Space("fsLR", "32k"), hemispheres=("L",)))
    assert len(figure.axes) == 2


def test_more_than_a_hundred_classes_have_no_key():
    """Nobody can tell 150 colours apart, and the key would be longer than the maps."""
    figure = plot_surface(Parcellation(np.arange(N) % 151, TOY), meshes=MESHES)
    assert not figure.legends
