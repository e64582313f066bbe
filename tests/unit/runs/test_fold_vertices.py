"""Vertices behind the test folds of a run."""

from dataclasses import replace

import numpy as np

from cytosurf.runs import write_fold_vertices


def test_every_fold_has_a_file_with_its_test_vertices(finished, tmp_path):
    """In the space of the run they are the test vertices; files count from 1, as maps do."""
    files = write_fold_vertices(finished, finished.space, tmp_path / "folds")
    assert [file.name for file in files] == ["fold-1.npz", "fold-2.npz", "fold-3.npz"]
    for k, file in enumerate(files):
        with np.load(file, allow_pickle=False) as stored:
            assert stored.files == ["ids"]
            assert np.array_equal(stored["ids"], np.flatnonzero(finished.fold == k))


def test_a_right_hemisphere_alone_is_counted_on_from_the_left(finished, tmp_path):
    """The same ids as those of both hemispheres where only right vertices are tested."""
    n = len(finished.fold) // 2
    right = replace(finished, hemispheres=("R",), fold=finished.fold[n:])
    for k, file in enumerate(write_fold_vertices(right, finished.space, tmp_path / "folds")):
        with np.load(file, allow_pickle=False) as stored:
            tested = np.flatnonzero(finished.fold == k)
            assert np.array_equal(stored["ids"], tested[tested >= n])
