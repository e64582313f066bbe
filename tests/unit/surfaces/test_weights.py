"""Weights are kept by the content of the spheres, and a bad file is never trusted."""

import numpy as np
import pytest

from cytosurf.compute.files import write_npz
from cytosurf.errors import CytosurfWarning
from cytosurf.surfaces import barycentric as barycentric_module
from cytosurf.surfaces.barycentric import barycentric_weights
from cytosurf.surfaces.mesh import Mesh
from cytosurf.surfaces.weights import cached_weights
from tests import toy

SOURCE, TARGET = toy.icosphere(2), toy.icosphere(3)


def same(a, b):
    """Say whether two matrices are the same, entry by entry."""
    return a.shape == b.shape and (a != b).nnz == 0


@pytest.fixture
def computed(monkeypatch):
    """Count how often weights are computed rather than read."""
    calls = []

    def count(source, target):
        calls.append((source, target))
        return barycentric_weights(source, target)

    monkeypatch.setattr(barycentric_module, "barycentric_weights", count)
    return calls


def test_computed_once_and_then_read(tmp_path, computed):
    """The second call reads the very same weights from one file."""
    first = cached_weights(SOURCE, TARGET, tmp_path / "weights")
    second = cached_weights(SOURCE, TARGET, tmp_path / "weights")
    assert len(computed) == 1
    assert len(list((tmp_path / "weights").iterdir())) == 1
    assert same(first, second)
    assert same(first, barycentric_weights(SOURCE, TARGET))


def test_the_content_of_each_array_counts(tmp_path, computed):
    """Other vertices or faces of either sphere, and the other direction, have their own weights."""
    moved = Mesh(TARGET.vertices[:, [1, 2, 0]], TARGET.faces)
    turned = Mesh(TARGET.vertices, np.roll(TARGET.faces, 1, axis=0))
    pairs = [
        (SOURCE, TARGET),
        (TARGET, TARGET),
        (SOURCE, moved),
        (SOURCE, turned),
        (TARGET, SOURCE),
    ]
    pairs += [(moved, TARGET), (turned, TARGET)]
    for source, target in pairs:
        assert same(cached_weights(source, target, tmp_path), barycentric_weights(source, target))
    assert len(computed) == len(list(tmp_path.iterdir())) == len(pairs)


def damage(path, kind):
    """Spoil a file of weights in one of the ways that happen or could be made."""
    with np.load(path) as file:
        arrays = dict(file)
    if kind == "truncated":
        path.write_bytes(path.read_bytes()[:-200])
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "text":
        path.write_text("not weights")
    elif kind == "object array":
        np.savez(path, **{**arrays, "weights": np.array([{}], dtype=object)})
    elif kind == "array missing":
        write_npz(path, weights=arrays["weights"])
    elif kind == "fewer rows":
        write_npz(path, **{**arrays, "starts": arrays["starts"][:-1]})
    elif kind == "column out of range":
        write_npz(path, **{**arrays, "columns": arrays["columns"] + SOURCE.n_vertices})
    elif kind == "sum not 1":
        write_npz(path, **{**arrays, "weights": arrays["weights"] * 0.9})
    elif kind == "negative":
        two = arrays["weights"].copy()
        row = np.flatnonzero(np.diff(arrays["starts"]) > 1)[0]
        two[arrays["starts"][row] : arrays["starts"][row] + 2] += [5, -5]
        write_npz(path, **{**arrays, "weights": two})
    elif kind == "NaN":
        write_npz(path, **{**arrays, "weights": arrays["weights"] * np.nan})


KINDS = ["truncated", "empty", "text", "object array", "array missing", "fewer rows"]
KINDS += ["column out of range", "sum not 1", "negative", "NaN"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_bad_file_is_computed_again_and_replaced(tmp_path, computed, kind):
    """A file that is damaged, or holds something else, is neither used nor left in place."""
    cached_weights(SOURCE, TARGET, tmp_path)
    (path,) = tmp_path.iterdir()
    damage(path, kind)
    for _ in range(2):
        again = cached_weights(SOURCE, TARGET, tmp_path)
        assert same(again, barycentric_weights(SOURCE, TARGET))
    assert len(computed) == 2
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_an_unwritable_folder_only_warns(tmp_path):
    """Where nothing can be kept the weights are still returned, with a warning."""
    blocked = tmp_path / "file"
    blocked.write_text("a file where the folder should be")
    with pytest.warns(CytosurfWarning, match="computed each time"):
        weights = cached_weights(SOURCE, TARGET, blocked / "weights")
    assert same(weights, barycentric_weights(SOURCE, TARGET))
