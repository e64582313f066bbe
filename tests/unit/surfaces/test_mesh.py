"""A mesh holds what it is given, refuses what is no mesh, and knows its areas and edges."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cytosurf.errors import InputError
from cytosurf.surfaces.mesh import Mesh
from tests import toy

SQUARE = ([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], [[0, 1, 2], [0, 2, 3]])


def test_arrays_are_float32_and_int32_and_cannot_be_written_to():
    """Coordinates and faces are converted once, and shared without risk."""
    mesh = Mesh(*SQUARE)
    assert mesh.vertices.dtype == np.float32
    assert mesh.faces.dtype == np.int32
    for array in (mesh.vertices, mesh.faces):
        with pytest.raises(ValueError, match="read-only"):
            array[0, 0] = 1


def test_areas_of_a_square_are_known():
    """Each triangle has half the square."""
    assert Mesh(*SQUARE).face_areas().tolist() == [0.5, 0.5]


def test_edges_appear_once():
    """The square has four sides and one diagonal."""
    assert Mesh(*SQUARE).edges().tolist() == [[0, 1], [0, 2], [0, 3], [1, 2], [2, 3]]


@pytest.mark.parametrize("subdivisions", [0, 1, 2, 3])
def test_a_closed_mesh_obeys_euler(subdivisions):
    """Vertices minus edges plus faces is 2 on a sphere, and its area approaches 4 pi r**2."""
    mesh = toy.icosphere(subdivisions)
    assert mesh.n_vertices - len(mesh.edges()) + len(mesh.faces) == 2
    if subdivisions == 3:
        assert mesh.face_areas().sum() == pytest.approx(4 * np.pi * 100**2, rel=0.02)


@given(st.floats(0.1, 10), st.tuples(*[st.floats(-50, 50)] * 3))
def test_areas_scale_with_the_square_and_ignore_position(scale, shift):
    """Moving a mesh changes no area; scaling it changes all by the square."""
    mesh = toy.icosphere(1, radius=10)
    moved = Mesh(mesh.vertices * np.float32(scale) + np.float32(shift), mesh.faces)
    np.testing.assert_allclose(moved.face_areas(), mesh.face_areas() * scale**2, rtol=2e-3)


@pytest.mark.parametrize(
    ("vertices", "faces", "where", "found"),
    [
        ([[0, 0], [1, 0], [0, 1]], [[0, 1, 2]], "vertices", "(3, 2)"),
        ([0, 1, 2], [[0, 1, 2]], "vertices", "(3,)"),
        (SQUARE[0], [0, 1, 2], "faces", "(3,)"),
        (SQUARE[0], [[0, 1, 2, 3]], "faces", "(1, 4)"),
        (SQUARE[0], [[0, 1, 4]], "faces", "0 to 4"),
        (SQUARE[0], [[-1, 1, 2]], "faces", "-1 to 2"),
        ([[0, 0, np.nan], *SQUARE[0][1:]], SQUARE[1], "vertices", "NaN"),
        ([[0, 0, np.inf], *SQUARE[0][1:]], SQUARE[1], "vertices", "infinite"),
    ],
)
def test_what_is_no_mesh_is_refused(vertices, faces, where, found):
    """Wrong shapes, faces of vertices that do not exist and NaN are named in the error."""
    with pytest.raises(InputError) as error:
        Mesh(vertices, faces)
    assert where in error.value.where
    assert found in error.value.found
