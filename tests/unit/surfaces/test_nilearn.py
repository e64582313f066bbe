"""Maps and labels become nilearn images and come back the same."""

import numpy as np
import pytest
from hypothesis import given, settings

from cytosurf.errors import InputError
from cytosurf.surfaces.io import write_map
from cytosurf.surfaces.maps import Parcellation, SurfaceMap
from cytosurf.surfaces.mesh import Mesh
from cytosurf.surfaces.nilearn import (
    from_surface_image,
    labels_from_surface_image,
    poly_mesh,
    to_surface_image,
)
from cytosurf.surfaces.space import Space
from cytosurf.surfaces.templates import load_mesh
from tests import toy
from tests.unit.surfaces.strategies import FSLR_32K, TOY, N, maps, parcellations, same_bits

MESHES = {"L": toy.icosphere(0), "R": toy.icosphere(0)}
assert MESHES["L"].n_vertices == N


@settings(max_examples=40)
@given(maps())
def test_maps_come_back_bit_by_bit(data):
    """Values where valid, the mask and the sides; NaN where not valid."""
    image = to_surface_image(data, MESHES)
    again = from_surface_image(image, TOY, data.columns)
    valid = data.valid & ~np.isnan(data.values).all(axis=1)
    np.testing.assert_array_equal(again.valid, valid)
    assert same_bits(again.values[valid], data.values[valid])
    assert (again.columns, again.hemispheres) == (data.columns, data.hemispheres)


@settings(max_examples=40)
@given(parcellations())
def test_labels_come_back_with_their_names(data):
    """Keys are int32 in the image."""
    image = to_surface_image(data, MESHES)
    assert {part.dtype for part in image.data.parts.values()} == {np.dtype("int32")}
    again = labels_from_surface_image(image, TOY, data.names)
    np.testing.assert_array_equal(again.keys, data.keys)
    assert again.names == data.names
    assert again.hemispheres == data.hemispheres


def test_an_image_has_the_mesh_of_the_template():
    """The embedded midthickness surface, for one hemisphere as for both."""
    both = to_surface_image(SurfaceMap(np.zeros((64_984, 2)), FSLR_32K))
    assert both.shape == (64_984, 2)
    for side, word in (("L", "left"), ("R", "right")):
        mesh = load_mesh(FSLR_32K, side, "midthickness")
        np.testing.assert_array_equal(both.mesh.parts[word].coordinates, mesh.vertices)
        np.testing.assert_array_equal(both.mesh.parts[word].faces, mesh.faces)
    right = to_surface_image(SurfaceMap(np.zeros(32_492), FSLR_32K, hemispheres=("R",)))
    assert set(right.mesh.parts) == set(right.data.parts) == {"right"}
    assert right.shape == (32_492,)


def test_nilearn_computes_with_the_images(tmp_path):
    """A masker of nilearn gives the values back, and its reader the files."""
    from nilearn.maskers import SurfaceMasker
    from nilearn.surface import SurfaceImage

    data = SurfaceMap(np.random.default_rng(0).random((2 * N, 3)), TOY)
    image = to_surface_image(data, MESHES)
    rows = SurfaceMasker(standardize=None).fit(image).transform(image)
    np.testing.assert_array_equal(rows, data.values.T)
    left, right = write_map(data, tmp_path / "x_{hemi}.func.gii")
    from_files = SurfaceImage(poly_mesh(MESHES), {"left": left, "right": right})
    again = from_surface_image(from_files, TOY)
    np.testing.assert_array_equal(again.values, data.values)


def test_spaces_without_a_known_surface_need_meshes():
    """The error says so; a mesh of another size is refused, a missing one too."""
    data = SurfaceMap(np.zeros(2 * N), TOY)
    with pytest.raises(InputError, match="Give the meshes"):
        to_surface_image(data)
    with pytest.raises(InputError, match="found 42 vertices; expected 12"):
        to_surface_image(data, {"L": toy.icosphere(1), "R": toy.icosphere(0)})
    with pytest.raises(InputError, match="right mesh: found none"):
        to_surface_image(data, {"L": toy.icosphere(0)})


def test_what_is_no_fitting_image_is_refused():
    """Other objects, other counts, swapped sides, several columns and broken keys."""
    image = to_surface_image(SurfaceMap(np.zeros((2 * N, 2)), TOY), MESHES)
    with pytest.raises(InputError, match="nilearn SurfaceImage"):
        from_surface_image(np.zeros(2 * N), TOY)
    with pytest.raises(InputError, match="24 vertices"):
        from_surface_image(image, FSLR_32K)
    with pytest.raises(InputError, match="2 columns"):
        labels_from_surface_image(image, TOY)
    halves = to_surface_image(SurfaceMap(np.full(2 * N, 0.5), TOY), MESHES)
    with pytest.raises(InputError, match="not whole numbers"):
        labels_from_surface_image(halves, TOY)
    shifted = {
        side: Mesh(mesh.vertices + np.float32([shift, 0, 0]), mesh.faces)
        for (side, mesh), shift in zip(MESHES.items(), (100, -100), strict=True)
    }
    with pytest.raises(InputError, match=r"left mesh of the surface image.*right hemisphere"):
        from_surface_image(to_surface_image(SurfaceMap(np.zeros(2 * N), TOY), shifted), TOY)


def test_one_column_of_labels_may_have_two_dimensions():
    """Maskers of nilearn return (n_vertices, 1)."""
    from nilearn.surface import PolyData, SurfaceImage

    keys = np.arange(N, dtype="i4")[:, None]
    image = SurfaceImage(poly_mesh({"L": MESHES["L"]}), PolyData(left=keys))
    labels = labels_from_surface_image(image, TOY)
    assert isinstance(labels, Parcellation)
    assert labels.keys.tolist() == list(range(N))


@pytest.mark.real_data
def test_bigbrain_maps_become_images(real_cache):
    """On the midthickness of BigBrain, from the data directory."""
    bigbrain = Space("bigbrain", "164k")
    image = to_surface_image(SurfaceMap(np.zeros(163_842), bigbrain, hemispheres=("L",)))
    middle = load_mesh(bigbrain, "L", "midthickness")
    np.testing.assert_array_equal(image.mesh.parts["left"].coordinates, middle.vertices)
