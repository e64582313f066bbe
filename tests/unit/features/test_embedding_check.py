"""Where points lie: the mix-up is named, on a toy brain and on the real midsurfaces."""

import numpy as np
import pytest

from cytosurf.errors import InputError, MissingDataError
from cytosurf.features import embedding_check
from cytosurf.features.embedding_check import check_near
from cytosurf.features.embedding_spaces import load_midsurfaces
from cytosurf.surfaces.mesh import Mesh
from tests import toy


def toy_brain(stretch=1.0):
    """Return two bumpy eggs beside each other that no axis maps onto another."""
    sphere = toy.icosphere(5, 1.0).vertices.astype(np.float64)
    x, y, z = sphere.T
    radius = 1 + 0.15 * np.sin(5 * y + 1) + 0.1 * np.cos(7 * z + 2) + 0.1 * np.sin(4 * x)
    egg = sphere * radius[:, None] * [25, 70, 40] + [0, 6 * stretch, 11]
    left = egg - [32, 0, 0]
    right = egg * [1, 1, 0.9] + [34, 2, 0]
    faces = toy.icosphere(5).faces
    return {"L": Mesh(left * stretch, faces), "R": Mesh(right * stretch, faces)}


def points_on(midsurfaces, n=3000, noise=0.3):
    """Return points around the surfaces."""
    rng = np.random.default_rng(0)
    vertices = np.concatenate([midsurfaces[h].vertices for h in "LR"]).astype(np.float64)
    return vertices[rng.integers(len(vertices), size=n)] + noise * rng.normal(size=(n, 3))


@pytest.fixture(scope="module")
def brains():
    """Return two toy spaces."""
    return {"bigbrain": toy_brain(), "bigbrainsym": toy_brain(1.25)}


@pytest.fixture
def check(monkeypatch, brains):
    """Return what checks points on the toy spaces."""
    monkeypatch.setattr(
        embedding_check, "load_midsurfaces", lambda name: brains[name.replace("colin27", "icbm")]
    )

    def run(points, space="bigbrain", **options):
        return check_near(points, space, brains[space], where="t.h5", **options)

    return run


MIXUPS = {
    "points in micrometres": (lambda p: p * 1e3, r"unit='um' \(--unit um\)"),
    "points in nanometres": (lambda p: p * 1e6, r"--unit nm"),
    "points in centimetres": (lambda p: p / 10, r"--unit cm"),
    "points in metres": (lambda p: p / 1e3, r"--unit m\)"),
    "points with x flipped": (lambda p: p * [-1, 1, 1], "Multiply x by -1"),
    "points with y flipped": (lambda p: p * [1, -1, 1], "Multiply y by -1"),
    "points with x and y flipped": (lambda p: p * [-1, -1, 1], "Multiply x and y by -1"),
    "points with columns in the order z, y, x": (lambda p: p[:, ::-1], "order x, y, z"),
    "points with columns in the order y, z, x": (lambda p: p[:, [1, 2, 0]], "order x, y, z"),
    "points in micrometres with columns in the order z, y, x and with x flipped": (
        lambda p: (p * [-1, 1, 1])[:, ::-1] * 1e3,
        "multiply x by -1.*--unit um",
    ),
    "points that look like voxel indices of 0.4 mm": (
        lambda p: np.add(p, [90, 110, 70]) / 0.4,
        "Apply the affine of the image",
    ),
    "points that look like voxel indices of 0.5 mm with columns in the order z, y, x": (
        lambda p: (np.add(p, [90, 110, 70]) / 0.5)[:, ::-1],
        "Apply the affine",
    ),
}


@pytest.mark.parametrize("found", MIXUPS)
def test_the_mixup_is_named(check, brains, found):
    """With what to do about it."""
    change, way_out = MIXUPS[found]
    with pytest.raises(InputError, match=way_out) as caught:
        check(change(points_on(brains["bigbrain"])))
    assert caught.value.found.startswith(f"{found} (")
    assert "BigBrain histological space" in caught.value.expected


def test_points_of_another_space_are_named(check, brains):
    """In both directions, and in another unit at once."""
    names = {
        "bigbrain": "BigBrain histological space",
        "bigbrainsym": r"BigBrainSym \(ICBM 2009b symmetric\)",
    }
    for space, other in (("bigbrain", "bigbrainsym"), ("bigbrainsym", "bigbrain")):
        points = points_on(brains[other])
        with pytest.raises(InputError, match=rf"points in {names[other]} .*--space {other}"):
            check(points, space)
        with pytest.raises(InputError, match=rf"micrometres in {names[other]} "):
            check(points * 1e3, space)


def test_points_near_the_surface_are_accepted(check, brains):
    """All over the brain, of one hemisphere, of one place, a single one."""
    points = points_on(brains["bigbrain"])
    assert check(points) < 1
    assert check(points[points[:, 0] < 0]) < 1
    place = points[np.linalg.norm(points - points[0], axis=1) < 8]
    assert len(place) > 5
    assert check(place) < 1
    assert check(points[:1]) < 1


def test_points_in_metres_may_all_lie_near_the_surface():
    """Where it passes through the origin, as it does between the hemispheres: still refused."""
    brain = toy_brain()
    shift = brain["L"].vertices[100]
    moved = {h: Mesh(mesh.vertices - shift, mesh.faces) for h, mesh in brain.items()}
    points = points_on(moved) / 1e3
    assert np.linalg.norm(points, axis=1).max() < 0.2
    with pytest.raises(InputError, match="points in metres"):
        check_near(points, "other:toy", moved, where="t.h5")


def test_points_that_nothing_explains(check):
    """They are refused with where they are."""
    points = np.random.default_rng(0).uniform(-80, 80, (2000, 3))
    with pytest.raises(InputError, match=r"lie elsewhere \(x -7\d.*No other unit"):
        check(points)


def test_the_tolerance_can_be_raised(check, brains):
    """For points that are 3 mm off, if nothing else explains them."""
    points = points_on(brains["bigbrain"], noise=2.5)
    with pytest.raises(InputError, match="lie elsewhere"):
        check(points)
    assert 2 < check(points, tolerance_mm=6) < 6


def test_a_stand_in_surface_is_not_held_to_millimetres(check, brains, monkeypatch):
    """Points in Colin 27 may be some mm off the other brain, but not in another space."""
    monkeypatch.setitem(brains, "colin27", brains["bigbrainsym"])
    points = points_on(brains["bigbrainsym"])
    warped = points + 3 * np.sin(points[:, [1, 2, 0]] / 15)
    assert 2 < check(warped, "colin27") < 8
    with pytest.raises(InputError, match="BigBrain histological space"):
        check(points_on(brains["bigbrain"]), "colin27")
    with pytest.raises(InputError, match="x flipped"):
        check(points * [-1, 1, 1], "colin27")


def test_surfaces_that_are_missing_are_not_tried(check, brains, monkeypatch):
    """A user without the other surface still learns of the unit."""

    def missing(name):
        raise MissingDataError(name, "no file", "one")

    monkeypatch.setattr(embedding_check, "load_midsurfaces", missing)
    with pytest.raises(InputError, match="points in micrometres"):
        check(points_on(brains["bigbrain"]) * 1e3)


@pytest.fixture(scope="module")
def real_brains(real_cache):
    """Return the midsurfaces of BigBrain in both spaces."""
    return {space: load_midsurfaces(space) for space in ("bigbrain", "bigbrainsym")}


@pytest.mark.real_data
@pytest.mark.parametrize("space", ["bigbrain", "bigbrainsym"])
def test_mixups_on_the_real_brain(real_brains, monkeypatch, space):
    """Both spaces, the two hemispheres being all but symmetric."""
    monkeypatch.setattr(embedding_check, "load_midsurfaces", real_brains.get)
    points = points_on(real_brains[space])

    def check(changed, stated=space):
        return check_near(changed, stated, real_brains[stated], where="t.h5")

    assert check(points) < 1
    for changed, words in (
        (points * 1e3, "points in micrometres"),
        (points / 1e3, "points in metres"),
        (points * [-1, 1, 1], "points with x flipped"),
        (points * [-1, -1, 1], "points with x and y flipped"),
        (points[:, ::-1], "columns in the order z, y, x"),
        (np.add(points, [71, 73, 59]) / 0.4, r"voxel indices of 0\.4 mm"),
    ):
        with pytest.raises(InputError, match=words):
            check(changed)
    other = {"bigbrain": "bigbrainsym", "bigbrainsym": "bigbrain"}[space]
    with pytest.raises(InputError, match=f"--space {space}"):
        check(points, other)
