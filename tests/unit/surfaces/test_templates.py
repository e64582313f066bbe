"""Template surfaces: embedded where possible, else from the data directory, left is left."""

import nibabel as nib
import numpy as np
import pytest
from scipy.spatial import cKDTree

from cytosurf import data
from cytosurf.errors import InputError, MissingDataError
from cytosurf.surfaces.io import write_map
from cytosurf.surfaces.maps import SurfaceMap
from cytosurf.surfaces.space import KNOWN_SPACES, Space
from cytosurf.surfaces.templates import greyordinate_mask, load_mesh, surfaces_of

FSLR_32K, FSLR_164K = Space("fsLR", "32k"), Space("fsLR", "164k")
BIGBRAIN = Space("bigbrain", "164k")
FSAVERAGE_10K = Space("fsaverage", "10k")


@pytest.fixture
def no_data(tmp_path, monkeypatch):
    """Make the data directory empty and forbid downloads."""
    monkeypatch.setenv("CYTOSURF_DATA", str(tmp_path))
    monkeypatch.setenv("CYTOSURF_OFFLINE", "1")


@pytest.mark.parametrize("hemisphere", ["L", "R"])
@pytest.mark.parametrize("surface", ["sphere", "midthickness"])
def test_embedded_surfaces_need_no_data_directory(no_data, hemisphere, surface):
    """Conte69 comes with the package, bit by bit as in its file."""
    mesh = load_mesh(FSLR_32K, hemisphere, surface)
    name = f"surfaces/conte69_32k_{hemisphere.lower()}h{'_sphere' * (surface == 'sphere')}.gii"
    image = nib.load(data.embedded_path(name))
    np.testing.assert_array_equal(mesh.vertices, image.darrays[0].data)
    np.testing.assert_array_equal(mesh.faces, image.darrays[1].data)


def test_other_surfaces_say_what_to_fetch(no_data):
    """Offline and not there: the error names the command that brings it."""
    for space, surface in ((FSLR_32K, "pial"), (FSLR_164K, "sphere"), (BIGBRAIN, "midthickness")):
        with pytest.raises(MissingDataError, match="cytosurf data"):
            load_mesh(space, "L", surface)


def test_unknown_spaces_surfaces_and_sides_are_refused():
    """The nearest name is suggested, and the known ones are listed."""
    with pytest.raises(InputError, match="Did you mean 'midthickness'"):
        load_mesh(FSLR_32K, "L", "midthicknes")
    with pytest.raises(InputError, match="one of midthickness, sphere"):
        load_mesh(FSLR_164K, "L", "pial")
    with pytest.raises(InputError, match="fsLR-32k, fsLR-164k, bigbrain-164k, fsaverage-10k"):
        load_mesh(Space("fsaverage", "164k"), "L", "pial")
    with pytest.raises(InputError, match="'left'"):
        load_mesh(FSLR_32K, "left", "sphere")
    assert surfaces_of(Space("mouse", "1k")) == ()


ALL = [(space, surface) for space in (FSLR_32K, FSLR_164K, BIGBRAIN, FSAVERAGE_10K)
       for surface in surfaces_of(space)]  # fmt: skip


def test_all_surfaces_of_the_plan_are_there():
    """Everything for fs_LR 32k and BigBrain; for the others what decoding needs."""
    assert set(surfaces_of(FSLR_32K)) == {"sphere", "midthickness", "pial", "white", "inflated"}
    assert surfaces_of(FSLR_164K) == ("midthickness", "sphere")
    assert surfaces_of(FSAVERAGE_10K) == ("midthickness", "pial", "sphere")
    assert set(surfaces_of(BIGBRAIN)) == {
        *("sphere", "pial", "white", "midthickness"),
        *("pial_sym", "white_sym", "midthickness_sym"),
    }


@pytest.mark.real_data
@pytest.mark.parametrize(("space", "surface"), ALL, ids=str)
def test_every_real_surface_has_its_size_and_side(real_cache, space, surface):
    """All vertices of the space; spheres have radius 100; others lie on their side."""
    for side, sign in (("L", -1), ("R", 1)):
        mesh = load_mesh(space, side, surface)
        assert mesh.n_vertices == KNOWN_SPACES[space.template, space.density]
        if surface == "sphere":
            radii = np.linalg.norm(mesh.vertices, axis=1)
            np.testing.assert_allclose(radii, 100, rtol=2e-4)
        else:
            assert sign * mesh.vertices[:, 0].mean() > 15


@pytest.mark.real_data
@pytest.mark.parametrize("side", ["L", "R"])
def test_bigbrain_surfaces_share_faces_and_the_middle_lies_between(real_cache, side):
    """The midthickness is half way between pial and white, in both BigBrain spaces."""
    pial = load_mesh(BIGBRAIN, side, "pial")
    for suffix in ("", "_sym"):
        meshes = [load_mesh(BIGBRAIN, side, f"{kind}{suffix}")
                  for kind in ("pial", "white", "midthickness")]  # fmt: skip
        for mesh in meshes:
            np.testing.assert_array_equal(mesh.faces, pial.faces)
        outer, inner, middle = (mesh.vertices.astype(float) for mesh in meshes)
        np.testing.assert_allclose(middle, (outer + inner) / 2, atol=1e-5)
        assert np.median(np.linalg.norm(outer - inner, axis=1)) > 1


def test_a_surface_of_the_other_side_does_not_get_through(monkeypatch):
    """Whatever a file is called, a left surface is not given for the right hemisphere."""
    left = data.embedded_path("surfaces/conte69_32k_lh.gii")
    monkeypatch.setattr(data, "embedded_path", lambda _: left)
    with pytest.raises(InputError, match="swapped"):
        load_mesh(FSLR_32K, "R", "midthickness")


@pytest.mark.real_data
@pytest.mark.parametrize("surface", ["pial", "white", "inflated"])
def test_surfaces_are_those_of_their_files(real_cache, surface):
    """Every name loads its own file; the inflated one is the very inflated surface."""
    kind = "very_inflated" if surface == "inflated" else surface
    image = nib.load(data.path("fslr", f"fs_LR.32k.R.{kind}.surf.gii"))
    mesh = load_mesh(FSLR_32K, "R", surface)
    np.testing.assert_array_equal(mesh.vertices, image.darrays[0].data)


@pytest.mark.real_data
def test_the_two_bigbrain_spaces_are_not_the_same(real_cache):
    """BigBrainSym is much larger: 657 against 335 cubic centimetres on the left."""
    volumes = []
    for surface in ("pial", "pial_sym"):
        mesh = load_mesh(BIGBRAIN, "L", surface)
        a, b, c = (mesh.vertices[mesh.faces[:, i]].astype(float) for i in range(3))
        volumes.append(abs(np.einsum("ij,ij->", a, np.cross(b, c))) / 6000)
    assert volumes == pytest.approx([335, 657], abs=1)


@pytest.mark.real_data
def test_the_embedded_sphere_is_that_of_the_human_connectome_project(real_cache, real_data):
    """Vertex by vertex the same, so that the two templates correspond."""
    for side in "LR":
        image = nib.load(real_data / "fs_LR_32" / "surfaces" / f"fs_LR.32k.{side}.sphere.surf.gii")
        mesh = load_mesh(FSLR_32K, side, "sphere")
        np.testing.assert_array_equal(mesh.vertices, image.darrays[0].data)
        np.testing.assert_array_equal(mesh.faces, image.darrays[1].data)


@pytest.mark.real_data
def test_the_greyordinate_mask_makes_standard_cifti_files(real_cache, tmp_path):
    """29,696 and 29,716 vertices; a file written with it has exactly those of the template."""
    mask = greyordinate_mask()
    assert [int(half.sum()) for half in np.split(mask, 2)] == [29_696, 29_716]
    np.testing.assert_array_equal(greyordinate_mask(("R",)), mask[32_492:])
    ours = write_map(SurfaceMap(np.ones(64_984), FSLR_32K), tmp_path / "x.dscalar.nii", mask=mask)
    standard = nib.load(data.path("fslr", "91282_Greyordinates.dscalar.nii")).header.get_axis(1)
    written = nib.load(ours[0]).header.get_axis(1)
    np.testing.assert_array_equal(written.vertex, standard.vertex[:59_412])
    np.testing.assert_array_equal(written.name, standard.name[:59_412])
    assert written.nvertices == standard.nvertices


@pytest.mark.real_data
@pytest.mark.parametrize("side", ["L", "R"])
def test_carried_midthickness_lies_on_that_of_fs_lr(real_cache, side):
    """On every mesh the surface is the same one: near that of fs_LR 32k, as large, not inverted."""
    coarse = load_mesh(FSLR_32K, side, "midthickness")
    tree = cKDTree(coarse.vertices)
    for space, least_area in ((FSLR_164K, 0.95), (FSAVERAGE_10K, 0.8)):
        mesh = load_mesh(space, side, "midthickness")
        sphere = load_mesh(space, side, "sphere")
        np.testing.assert_array_equal(mesh.faces, sphere.faces)
        assert np.quantile(tree.query(mesh.vertices)[0], 0.99) < 2.5
        assert least_area < mesh.face_areas().sum() / coarse.face_areas().sum() <= 1.001


@pytest.mark.real_data
def test_the_pial_surface_of_fsaverage5_is_on_its_mesh(real_cache):
    """BrainSpace's pial and the sphere of the Human Connectome Project have the same triangles."""
    for side in "LR":
        pial, sphere = (load_mesh(FSAVERAGE_10K, side, name) for name in ("pial", "sphere"))
        assert {tuple(sorted(face)) for face in pial.faces.tolist()} == {
            tuple(sorted(face)) for face in sphere.faces.tolist()
        }
