"""Painting maps on prepared views."""

import numpy as np
import pytest

from cytosurf.errors import InputError
from cytosurf.report.cortex import GROUND, make_scene, render_views, strip
from tests.unit.report.records import toy_meshes

MESHES = toy_meshes()
N = 162


def middle(picture):
    """Return RGB of the middle pixel, 0 to 1."""
    return picture[picture.shape[0] // 2, picture.shape[1] // 2, :3] / 255


def test_views_stand_in_the_usual_order_and_count_vertices_over_both_hemispheres():
    """Lateral views outside, medial ones inside; right corners come after the left ones."""
    scene = make_scene(MESHES)
    assert scene.titles == ("left, lateral", "left, medial", "right, medial", "right, lateral")
    assert scene.n_vertices == 2 * N
    assert [v.corners.max() < N for v in scene.views] == [True, True, False, False]
    assert [v.corners.min() >= N for v in scene.views] == [False, False, True, True]


@pytest.mark.parametrize("hemisphere", ["L", "R"])
def test_one_hemisphere_has_two_views(hemisphere):
    """The rows of a single hemisphere start at 0, the right one's too."""
    scene = make_scene({hemisphere: MESHES[hemisphere]})
    assert len(scene.views) == 2
    assert all(view.corners.max() < N for view in scene.views)
    assert scene.n_vertices == N


def test_labels_get_their_colours_and_the_rest_is_grey():
    """The left hemisphere red, the right one unlabelled."""
    scene = make_scene(MESHES)
    index = np.r_[np.zeros(N, int), np.full(N, -1)]
    pictures = scene.paint_labels(index, np.array([[1.0, 0.0, 0.0]]))
    assert middle(pictures[0])[0] > 0.9
    assert middle(pictures[0])[1] == 0
    red, green, blue = middle(pictures[3])
    assert red == green == blue
    assert red == pytest.approx(GROUND, abs=0.05)


def test_colours_are_not_mixed_with_those_of_invalid_vertices():
    """Next to the mask the colour stays what it is; more than half invalid is grey."""
    scene = make_scene(MESHES)
    colours = np.tile([0.0, 0.0, 1.0], (2 * N, 1))
    valid = np.arange(2 * N) % 3 > 0
    colours[~valid] = np.nan
    for picture in scene.paint_colours(colours, valid, relief=0.0):
        seen = picture[picture[..., 3] == 255][:, :3].astype(int)
        red, green, blue = seen.T
        assert (red == green).all()
        # Only blue, grey, and mixtures of the two where fine pixels were averaged.
        np.testing.assert_allclose(red, GROUND * (255 - (blue - red)), atol=2)
        assert ((blue == 255) & (red == 0)).any()
        assert (red == round(GROUND * 255)).any()


def test_sulci_are_darker_than_gyri():
    """The grey ground follows the folding that is given."""
    folds = {h: np.where(m.vertices[:, 2] > 0, 1.0, -1.0) for h, m in MESHES.items()}
    picture = make_scene(MESHES, folds).paint_labels(np.full(2 * N, -1), np.zeros((1, 3)))[0]
    height = len(picture)
    above, below = picture[height // 3, height // 2, 0], picture[2 * height // 3, height // 2, 0]
    assert int(above) < int(below) - 10


def test_strip_sets_pictures_side_by_side():
    """Widths add up with gaps; shorter pictures are centred."""
    tall, short = np.full((10, 4, 4), 1, np.uint8), np.full((4, 6, 4), 2, np.uint8)
    row = strip((tall, short), gap=3)
    assert row.shape == (10, 13, 4)
    assert (row[:, :4] == 1).all()
    assert (row[3:7, 7:] == 2).all()
    assert not row[:3, 7:].any()
    assert not row[:, 4:7].any()


def test_render_views_equals_a_painted_scene():
    """The one-call form gives the same pixels."""
    colours = np.random.default_rng(0).random((2 * N, 3))
    expected = strip(make_scene(MESHES, pixels_per_mm=1).paint_colours(colours))
    np.testing.assert_array_equal(render_views(MESHES, colours, pixels_per_mm=1), expected)


@pytest.mark.parametrize("call", ["paint_labels", "paint_colours"])
def test_a_wrong_number_of_rows_is_refused(call):
    """A map of one hemisphere does not fit a scene of two."""
    scene = make_scene(MESHES)
    arguments = (np.zeros(N, int), np.zeros((1, 3)))
    with pytest.raises(InputError, match="162 rows; expected 324"):
        getattr(scene, call)(*arguments[: 2 if call == "paint_labels" else 1])


def test_no_hemisphere_is_refused():
    """There must be something to look at."""
    with pytest.raises(InputError, match="meshes"):
        make_scene({})
