"""Gradients of a user's matrix lie on the vertices of its parcels, or on those of its rows."""

import numpy as np
import pytest

from cytosurf.connectors.brainspace import gradients_from_matrix
from cytosurf.errors import InputError
from cytosurf.features import gradients
from cytosurf.features.gradients import matrix_gradients, read_matrix, split_gradients
from cytosurf.features.registry import load_features
from cytosurf.surfaces.maps import Parcellation
from cytosurf.surfaces.space import Space
from cytosurf.targets.target import Target

TOY = Space("toy", "12")


@pytest.fixture
def parcels(monkeypatch):
    """Make a target of 11 used keys and one that no vertex has, in a space of 2 x 12 vertices."""
    keys = np.r_[0, 0, np.repeat(np.delete(np.arange(1, 13), 2), 2)]
    target = Target(
        "toy", Parcellation(keys, TOY, {k: f"p{k}" for k in range(1, 13)}), ("toy",), ("note",)
    )
    monkeypatch.setattr(gradients, "load_target", lambda *_: target)
    return keys


def similarity(n, seed=0):
    """Return a matrix of correlations."""
    return np.corrcoef(np.random.default_rng(seed).normal(size=(n, 40)))


@pytest.mark.parametrize(("n_rows", "keys"), [(11, (1, 2, *range(4, 13))), (12, range(1, 13))])
def test_rows_are_parcels_in_the_order_of_their_keys(parcels, tmp_path, n_rows, keys):
    """Of the keys that are used, or of all that have a name; other vertices are not valid."""
    matrix = similarity(n_rows)
    np.save(tmp_path / "fc.npy", matrix)
    features = matrix_gradients(f"gradients:{tmp_path / 'fc.npy'}@toy:3", TOY)
    expected = gradients_from_matrix(matrix, 3).values
    for row, key in enumerate(keys):
        inside = parcels == key
        np.testing.assert_allclose(
            features.map.values[inside], np.tile(expected[row], (inside.sum(), 1)), rtol=1e-5
        )
    assert np.array_equal(features.map.valid, parcels > 0)
    assert features.map.columns == ("gradient_1", "gradient_2", "gradient_3")
    assert features.sources == (f"file:{tmp_path / 'fc.npy'}", "toy")
    assert any("circular" in note for note in features.notes)


def test_rows_may_be_vertices(monkeypatch, tmp_path):
    """Of the whole space, or of its cortex; the rest is not valid."""
    cortex = np.arange(24) % 4 > 0
    monkeypatch.setattr(gradients, "cortex_mask", lambda _: cortex)
    for n in (24, 18):
        matrix = similarity(n)
        np.savez(tmp_path / f"m{n}.npz", matrix=matrix)
        features = matrix_gradients(f"gradients:{tmp_path / f'm{n}.npz'}:2", TOY)
        expected = gradients_from_matrix(matrix, 2).values[cortex if n == 24 else slice(None)]
        np.testing.assert_allclose(features.map.values[cortex], expected, rtol=1e-5)
        assert np.array_equal(features.map.valid, cortex)
    np.save(tmp_path / "m20.npy", similarity(20))
    with pytest.raises(InputError, match=r"m20\.npy.*found 20 rows; expected 24 .* or 18"):
        matrix_gradients(f"gradients:{tmp_path / 'm20.npy'}", TOY)


def test_a_matrix_of_another_size_is_refused_by_file(parcels, tmp_path):
    """The numbers that would fit are named."""
    np.save(tmp_path / "fc.npy", similarity(9))
    with pytest.raises(InputError, match=r"fc\.npy.*found 9 rows; expected 11 or 12, one"):
        matrix_gradients(f"gradients:{tmp_path / 'fc.npy'}@toy:3", TOY)


def test_names_are_split_from_the_right():
    """The count is a trailing number alone, so that a path with a colon stays whole."""
    assert split_gradients("gradients:C:/fc.npy@julich") == ("C:/fc.npy", "julich", 10)
    assert split_gradients("gradients:fc.npy@yeo7:bigbrain:4") == ("fc.npy", "yeo7:bigbrain", 4)
    for bad in ("gradients:", "gradients:fc.npy@", "gradients:@yeo7"):
        with pytest.raises(InputError, match="gradients:FILE@PARCELLATION:N"):
            split_gradients(bad)


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".csv", ".tsv", ".txt"])
def test_every_format_gives_the_matrix(tmp_path, suffix):
    """Binary exactly, text to its digits."""
    path = tmp_path / f"m{suffix}"
    matrix = similarity(5)
    if suffix == ".npy":
        np.save(path, matrix)
    elif suffix == ".npz":
        np.savez(path, anything=matrix)
    else:
        np.savetxt(path, matrix, delimiter={".csv": ",", ".tsv": "\t"}.get(suffix, " "))
    np.testing.assert_allclose(read_matrix(path), matrix, rtol=1e-15)


def test_files_that_hold_no_matrix_are_refused_by_name(tmp_path):
    """Several arrays, pickled objects, words, an unknown suffix."""
    np.savez(tmp_path / "two.npz", a=np.eye(2), b=np.eye(2))
    np.save(tmp_path / "objects.npy", np.array([{}]), allow_pickle=True)
    (tmp_path / "words.csv").write_text("a,b\n1,2\n")
    (tmp_path / "torn.npz").write_bytes(b"PK\x03\x04")
    (tmp_path / "m.mat").write_bytes(b"")
    for name in ("two.npz", "objects.npy", "words.csv", "torn.npz", "m.mat"):
        with pytest.raises(InputError, match=name):
            read_matrix(tmp_path / name)


def test_the_name_works_where_features_are_named(tmp_path):
    """On fs_LR 32k with a label file of the user's; too few rows for the sparsity are refused."""
    np.savetxt(tmp_path / "labels.csv", np.arange(64_984) // 2_600 + 1, fmt="%d")
    np.savetxt(tmp_path / "fc.csv", similarity(25), delimiter=",")
    name = f"gradients:{tmp_path / 'fc.csv'}@{tmp_path / 'labels.csv'}:4"
    features = load_features(f"{name}:pca2+coordinates")
    assert features.n_features == 5
    np.savetxt(tmp_path / "fc.csv", similarity(7), delimiter=",")
    with pytest.raises(InputError, match="Lower the sparsity"):
        load_features(f"gradients:{tmp_path / 'fc.csv'}@schaefer400-7networks:2")
