"""What each pixel sees."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cytosurf.errors import InputError
from cytosurf.report.views import look, outward_normals
from cytosurf.surfaces.mesh import Mesh
from tests.toy import icosphere

SPHERE = icosphere(3, radius=50)
FACING_X = {("L", "lateral"): -1, ("L", "medial"): 1, ("R", "lateral"): 1, ("R", "medial"): -1}


def vertex_at(view, row, column):
    """Return the vertex nearest to a pixel given as shares of height and width, or None."""
    flat = int(row * view.shape[0]) * view.shape[1] + int(column * view.shape[1])
    found = np.flatnonzero(view.pixel == flat)
    return int(view.corners[found[0], view.weights[found[0]].argmax()]) if len(found) else None


@pytest.mark.parametrize(("hemisphere", "side"), FACING_X)
def test_the_middle_pixel_shows_the_vertex_that_faces_the_camera(hemisphere, side):
    """In the middle of the picture is the vertex nearest to the camera."""
    view = look(SPHERE, hemisphere, side)
    expected = (SPHERE.vertices[:, 0] * FACING_X[hemisphere, side]).argmax()
    assert vertex_at(view, 0.5, 0.5) == expected


@pytest.mark.parametrize(("hemisphere", "side"), FACING_X)
def test_the_far_side_is_hidden(hemisphere, side):
    """No vertex behind the outline is seen, and every vertex well in front of it is."""
    seen = np.unique(look(SPHERE, hemisphere, side, pixels_per_mm=4).corners)
    towards = SPHERE.vertices[:, 0] * FACING_X[hemisphere, side]
    assert towards[seen].min() > -6  # a triangle of the outline reaches a little behind it
    assert np.isin(np.flatnonzero(towards > 6), seen).all()


@pytest.mark.parametrize(
    ("hemisphere", "side", "anterior_is_left"),
    [
        ("L", "lateral", True),
        ("L", "medial", False),
        ("R", "lateral", False),
        ("R", "medial", True),
    ],
)
def test_anterior_lies_where_neuroscientists_expect_it(hemisphere, side, anterior_is_left):
    """A left hemisphere looks left from outside and right from inside; a right one mirrors it."""
    view = look(SPHERE, hemisphere, side)
    left = SPHERE.vertices[vertex_at(view, 0.5, 0.03)]
    right = SPHERE.vertices[vertex_at(view, 0.5, 0.97)]
    assert (left[1] > 0) == anterior_is_left
    assert (right[1] < 0) == anterior_is_left


@pytest.mark.parametrize("side", ["lateral", "medial"])
def test_superior_is_up(side):
    """The top of the picture is the top of the brain."""
    view = look(SPHERE, "L", side)
    assert SPHERE.vertices[vertex_at(view, 0.03, 0.5), 2] > 40
    assert SPHERE.vertices[vertex_at(view, 0.97, 0.5), 2] < -40


def test_a_nearer_sheet_hides_a_farther_one():
    """Of two sheets facing the camera the nearer one is seen, in whatever order they come."""
    square = np.array([[0, 0, 0], [0, 10, 0], [0, 10, 10], [0, 0, 10]], float)
    faces = np.array([[0, 2, 1], [0, 3, 2]])
    for near_first in (True, False):
        sheets = [square - (5, 0, 0), square * 0.8 + (5, 1, 1)]  # L lateral looks from -x
        order = sheets if near_first else sheets[::-1]
        back = [np.array([[20, 5, 5]])]
        mesh = Mesh(np.vstack(order + back), np.vstack([faces, faces + 4]))
        view = look(mesh, "L", "lateral")
        near = range(4) if near_first else range(4, 8)
        assert np.isin(view.corners, near).all()


def test_weights_reproduce_positions():
    """Interpolated coordinates are those of the pixel: the picture is geometrically true."""
    view = look(SPHERE, "L", "lateral", pixels_per_mm=2, supersample=1)
    place = view.interpolate(SPHERE.vertices)
    column, row = view.pixel % view.shape[1], view.pixel // view.shape[1]
    np.testing.assert_allclose(
        SPHERE.vertices[:, 1].max() - place[:, 1], (column + 0.5) / 2, atol=1e-4
    )
    np.testing.assert_allclose(
        SPHERE.vertices[:, 2].max() - place[:, 2], (row + 0.5) / 2, atol=1e-4
    )
    np.testing.assert_allclose(view.weights.sum(axis=1), 1, atol=1e-6)
    assert (view.weights >= 0).all()


def test_the_silhouette_of_a_sphere_is_a_disc():
    """No holes between triangles, and nothing outside."""
    view = look(icosphere(4, radius=50), "R", "lateral", pixels_per_mm=2)
    disc = np.pi * (50 * 4) ** 2
    assert abs(len(view.pixel) / disc - 1) < 0.01
    assert len(np.unique(view.pixel)) == len(view.pixel)


@settings(max_examples=20)
@given(st.permutations(range(4)), st.integers(0, 5))
def test_the_picture_does_not_depend_on_the_order_of_faces_or_corners(order, roll):
    """Renumbering triangles changes neither what is seen nor the shading."""
    mesh = icosphere(1, radius=20)
    faces = np.roll(mesh.faces, roll, axis=0)
    faces = np.concatenate([faces[i::4] for i in order])
    other = look(Mesh(mesh.vertices, np.roll(faces, roll, axis=1)), "L", "medial")
    this = look(mesh, "L", "medial")
    np.testing.assert_array_equal(this.pixel, other.pixel)
    np.testing.assert_allclose(this.shade, other.shade, atol=1e-6)
    x = mesh.vertices[:, 0]
    np.testing.assert_allclose(this.interpolate(x), other.interpolate(x), atol=1e-5)


def test_triangles_that_turn_inwards_give_the_same_picture():
    """The side of a surface that is drawn does not depend on the turn of its triangles."""
    flipped = Mesh(SPHERE.vertices, SPHERE.faces[:, ::-1])
    this, other = look(SPHERE, "L", "lateral"), look(flipped, "L", "lateral")
    np.testing.assert_array_equal(this.pixel, other.pixel)
    np.testing.assert_allclose(this.shade, other.shade)


def test_majority_takes_the_label_with_most_weight():
    """Two corners of one label outvote a third one of larger weight."""
    view = look(SPHERE, "L", "lateral", supersample=1)
    labels = np.arange(SPHERE.n_vertices) % 3
    chosen = view.majority(labels)
    share = [(view.weights * (labels[view.corners] == k)).sum(axis=1) for k in range(3)]
    np.testing.assert_allclose(np.choose(chosen, share), np.max(share, axis=0), atol=1e-6)


def test_image_is_transparent_outside_and_as_light_as_it_should_be():
    """Corners of the picture are empty; the middle has the colour; relief 0 is flat."""
    view = look(SPHERE, "L", "lateral")
    red = np.tile([1.0, 0.0, 0.0], (len(view.pixel), 1))
    image = view.image(red, relief=0.0)
    assert image.shape == (200, 200, 4)
    assert image.dtype == np.uint8
    assert image[0, 0].tolist() == [0, 0, 0, 0]
    assert image[100, 100].tolist() == [255, 0, 0, 255]
    shaded = view.image(red)
    assert (shaded[..., 0] <= image[..., 0]).all()
    assert shaded[100, 3, 0] < shaded[100, 100, 0]
    assert 0 < np.count_nonzero((image[..., 3] > 0) & (image[..., 3] < 255)) < 2000  # smooth edge


def test_normals_point_outwards_and_have_unit_length():
    """On a sphere the normal of a vertex is its direction, whichever way triangles turn."""
    for faces in (SPHERE.faces, SPHERE.faces[:, ::-1]):
        _, normals = outward_normals(Mesh(SPHERE.vertices, faces))
        np.testing.assert_allclose(normals, SPHERE.vertices / 50, atol=0.02)


@pytest.mark.parametrize(
    ("hemisphere", "side", "named"), [("X", "lateral", "'X'"), ("L", "latteral", "Did you mean")]
)
def test_unknown_views_are_refused(hemisphere, side, named):
    """A wrong hemisphere or side is named."""
    with pytest.raises(InputError, match=named):
        look(SPHERE, hemisphere, side)


def test_a_mesh_without_extent_is_refused():
    """A surface that is a point cannot be drawn."""
    with pytest.raises(InputError, match="without extent"):
        look(Mesh(np.zeros((3, 3)), [[0, 1, 2]]), "L", "lateral")
