"""Registration spheres are recognised, and mix-ups are named."""

import warnings

import numpy as np
import pytest

from cytosurf.errors import CytosurfWarning, InputError
from cytosurf.surfaces.mesh import Mesh
from cytosurf.surfaces.spheres import are_mirrored, check_sphere, directions, sphere_coverage
from tests import toy


def test_a_closed_outward_sphere_passes(icosphere):
    """A sphere of any constant radius around the origin is accepted."""
    for sphere in (icosphere, toy.icosphere(1, radius=1.0)):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            check_sphere(sphere)
        assert sphere_coverage(sphere) == pytest.approx(1)


def test_radii_may_vary_as_much_as_on_real_spheres(icosphere):
    """The rounding of stored spheres (up to 1e-4 of the radius) is no reason to refuse them."""
    wobble = 1 + 1e-4 * np.sin(np.arange(icosphere.n_vertices))
    check_sphere(Mesh(icosphere.vertices * wobble[:, None], icosphere.faces))
    more = 1 + 0.1 * np.sin(np.arange(icosphere.n_vertices))
    with pytest.raises(InputError, match="sphere"):
        check_sphere(Mesh(icosphere.vertices * more[:, None], icosphere.faces))


def test_a_sphere_around_another_centre_is_named_as_such(icosphere):
    """A moved sphere is refused, and the message gives the centre to subtract."""
    moved = Mesh(icosphere.vertices + np.array([10, -20, 5]), icosphere.faces)
    with pytest.raises(InputError, match=r"sphere around \(10.0, -20.0, 5.0\): subtract"):
        check_sphere(moved)


def test_another_surface_is_named_as_such(icosphere):
    """An ellipsoid, like an inflated surface, is refused with the advice to give the sphere."""
    inflated = Mesh(icosphere.vertices * [0.5, 1, 0.8], icosphere.faces)
    with pytest.raises(InputError, match=r"inflated.surf.gii: .*another surface"):
        check_sphere(inflated, "inflated.surf.gii")


def test_an_inverted_sphere_is_named_as_a_mirror_image(icosphere):
    """Triangles that face inwards, or a sphere flipped in x, are refused as a mirror image."""
    for wrong in (
        Mesh(icosphere.vertices, icosphere.faces[:, ::-1]),
        Mesh(icosphere.vertices * [-1, 1, 1], icosphere.faces),
    ):
        assert sphere_coverage(wrong) == pytest.approx(-1)
        with pytest.raises(InputError, match=r"face inwards.*other hemisphere"):
            check_sphere(wrong)


def test_holes_and_triangles_of_another_mesh_are_refused(icosphere):
    """A sphere that is not covered exactly once is refused."""
    with pytest.raises(InputError, match="holes or folds"):
        check_sphere(Mesh(icosphere.vertices, icosphere.faces[:-40]))
    shuffled = np.random.default_rng(0).permutation(icosphere.vertices)
    with pytest.raises(InputError, match=r"different meshes|inwards"):
        check_sphere(Mesh(shuffled, icosphere.faces))


def test_a_few_inverted_triangles_are_counted(icosphere):
    """A fold, or a triangle turned over, leaves the sphere in use, with a warning that counts."""
    fine = toy.icosphere(5)
    turned = fine.faces.copy()
    turned[7] = turned[7, ::-1]
    with pytest.warns(CytosurfWarning, match=r"reg\.gii: 1 of 20,480 triangles face inwards"):
        check_sphere(Mesh(fine.vertices, turned), "reg.gii")
    folded = icosphere.vertices.copy()
    a, b, c = icosphere.faces[100]
    beyond = folded[b] + folded[c] - 0.9 * folded[a]  # over the edge opposite to it
    folded[a] = beyond * 100 / np.linalg.norm(beyond)
    with pytest.warns(CytosurfWarning, match="triangles face inwards; the sphere is folded"):
        check_sphere(Mesh(folded, icosphere.faces))


def test_an_empty_mesh_or_a_vertex_at_the_centre_is_refused(icosphere):
    """A mesh without vertices, or with a vertex at the origin, has no directions."""
    with pytest.raises(InputError, match="registration sphere"):
        check_sphere(Mesh(np.zeros((0, 3)), np.zeros((0, 3), int)))
    vertices = icosphere.vertices.copy()
    vertices[0] = 0
    with pytest.raises(InputError, match="registration sphere"):
        check_sphere(Mesh(vertices, icosphere.faces))


def test_directions_are_unit_vectors(icosphere):
    """Directions have length 1 and do not depend on the radius."""
    unit = directions(icosphere)
    assert np.allclose(np.linalg.norm(unit, axis=1), 1, atol=1e-12)
    assert np.allclose(unit, directions(toy.icosphere(3, radius=1.0)), atol=1e-6)


def test_mirrored_spheres_are_recognised(icosphere):
    """A sphere and its mirror image with the same vertex order are mirrored, and only those."""
    assert are_mirrored(icosphere, toy.mirrored(icosphere))
    assert not are_mirrored(icosphere, icosphere)
    assert not are_mirrored(icosphere, toy.icosphere(2))
    off = toy.mirrored(icosphere).vertices.copy()
    off[5] += 0.1
    assert not are_mirrored(icosphere, Mesh(off, icosphere.faces))
    assert are_mirrored(icosphere, Mesh(off, icosphere.faces), tolerance_mm=1)


@pytest.mark.real_data
def test_the_real_spheres_pass_and_only_fs_lr_is_mirrored(real_data):
    """All shipped spheres are valid; fs_LR hemispheres mirror each other, BigBrain's do not."""
    names = {
        "bigbrainwarp/xfms/tpl-bigbrain_hemi-{}_desc-sphere_rot_fs_LR.surf.gii": False,
        "bigbrainwarp/xfms/tpl-fs_LR_hemi-{}_den-164k_desc-sphere_rsled_like_bigbrain.reg"
        ".surf.gii": False,
        "fs_LR_32/surfaces/fs_LR.32k.{}.sphere.surf.gii": True,
        "hcp_pipelines/fs_LR/fsaverage.{}_LR.spherical_std.164k_fs_LR.surf.gii": True,
    }
    import nibabel

    for name, mirrored in names.items():
        left, right = (
            Mesh(*(array.data for array in nibabel.load(real_data / name.format(side)).darrays))
            for side in "LR"
        )
        check_sphere(left)
        check_sphere(right)
        assert are_mirrored(left, right) is mirrored
