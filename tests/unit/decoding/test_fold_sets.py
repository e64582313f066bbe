"""Several seeds and several block sizes: each equals a call of its own, remeshed once."""

import numpy as np

from cytosurf.decoding import fold_sets, superblocks
from cytosurf.decoding.fold_sets import repeat_folds, sweep_block_counts
from cytosurf.decoding.folds import make_folds
from cytosurf.decoding.superblocks import remesh_cells
from tests import toy


def test_repeats_equal_single_calls(brain):
    """Repeat r is what make_folds gives for seed + r."""
    meshes, mask, _ = brain
    options = {"n_blocks": 12, "n_folds": 3, "scheme": "homotopic", "buffer_mm": 3.0}
    repeats = repeat_folds(3, mask, meshes, seed=4, **options)
    assert len(repeats) == 3
    for r, folds in enumerate(repeats):
        alone = make_folds(mask, meshes, seed=4 + r, **options)
        assert np.array_equal(folds.fold, alone.fold)
        assert np.array_equal(folds.block, alone.block)
        assert np.array_equal(folds.excluded, alone.excluded)
    assert not np.array_equal(repeats[0].fold, repeats[1].fold)


def test_sweep_equals_single_calls(brain):
    """Each number of blocks gives what make_folds gives for it, in the order asked for."""
    meshes, mask, _ = brain
    spheres = {"L": toy.icosphere(4), "R": toy.mirrored(toy.icosphere(4))}
    options = {"spheres": spheres, "method": "sphere", "seed": 2}
    sweep = sweep_block_counts([40, 10], mask, meshes, **options)
    assert list(sweep) == [40, 10]
    for n, folds in sweep.items():
        alone = make_folds(mask, meshes, n_blocks=n, **options)
        assert np.array_equal(folds.fold, alone.fold)
        assert len(np.unique(folds.block[mask])) == 2 * n


def test_remesh_once(brain, monkeypatch):
    """The slow step is done once per hemisphere, whatever the number of repeats."""
    calls = []
    monkeypatch.setattr(fold_sets, "remesh_cells", lambda m: calls.append(m) or remesh_cells(m))
    monkeypatch.setattr(superblocks, "remesh_cells", None)
    meshes, mask, _ = brain
    repeat_folds(3, mask, meshes, n_blocks=12)
    assert len(calls) == 2
