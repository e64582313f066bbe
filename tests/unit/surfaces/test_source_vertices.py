"""The vertices behind a value: those, and no others, change it."""

import numpy as np
import pytest
from scipy import sparse

from cytosurf.errors import InputError
from cytosurf.surfaces import source_vertices as module
from cytosurf.surfaces.maps import SurfaceMap
from cytosurf.surfaces.resample import resample
from cytosurf.surfaces.routes import Step
from cytosurf.surfaces.source_vertices import vertices_behind
from cytosurf.surfaces.space import Space

SOURCE, MIDDLE, TARGET = Space("toy", "s"), Space("toy", "m"), Space("toy", "t")
N_SOURCE, N_MIDDLE, N_TARGET = 20, 15, 8


@pytest.fixture
def chain(monkeypatch):
    """Let the way lead over a mesh in between, other weights on each side; return its product."""
    rng = np.random.default_rng(0)

    def weights(n_target, n_source):
        dense = np.zeros((n_target, n_source))
        for row in dense:
            row[rng.choice(n_source, 2, replace=False)] = [0.3, 0.7]
        return sparse.csr_array(dense)

    steps = [Step(SOURCE, MIDDLE, "", ""), Step(MIDDLE, TARGET, "", "")]
    sizes = [(N_MIDDLE, N_SOURCE), (N_TARGET, N_MIDDLE)]
    matrices = {h: [weights(*size) for size in sizes] for h in "LR"}
    monkeypatch.setattr(module, "route", lambda source, _: [] if source == TARGET else steps)
    monkeypatch.setattr(module, "step_weights", lambda step, h: matrices[h][steps.index(step)])
    return {h: (second @ first).toarray() for h, (first, second) in matrices.items()}


def test_is_where_the_weights_are(chain):
    """Oracle: non-zero columns of the dense product of all steps, hemisphere by hemisphere."""
    marked = np.random.default_rng(1).random(2 * N_TARGET) < 0.3
    expected = [
        (chain[h][part] > 0).any(axis=0) for h, part in zip("LR", np.split(marked, 2), strict=True)
    ]
    behind = vertices_behind(marked, TARGET, SOURCE)
    assert np.array_equal(behind, np.concatenate(expected))
    assert 0 < behind.sum() < 2 * N_SOURCE
    right = vertices_behind(marked[N_TARGET:], TARGET, SOURCE, ("R",))
    assert np.array_equal(right, expected[1])


def test_nothing_behind_nothing_and_a_copy_in_the_same_space(chain):
    """No marked vertex needs none; without a way each vertex is behind itself."""
    assert not vertices_behind(np.zeros(2 * N_TARGET, bool), TARGET, SOURCE).any()
    marked = np.arange(5) < 2
    same = vertices_behind(marked, SOURCE, TARGET)
    assert np.array_equal(same, marked)
    assert same is not marked


def test_a_mask_of_another_mesh_is_refused(chain):
    """It would mark other vertices."""
    with pytest.raises(InputError, match=r"marked vertices: found shape \(17,\)"):
        vertices_behind(np.zeros(17, bool), TARGET, SOURCE)


@pytest.mark.real_data
def test_on_the_real_brain(real_cache):
    """Values of BigBrain at all other vertices may change: marked ones on fs_LR 32k stay."""
    bigbrain, fslr = Space("bigbrain", "164k"), Space("fsLR", "32k")
    rng = np.random.default_rng(0)
    marked = np.zeros(64984, bool)
    marked[5000:5300] = marked[50000:50100] = True
    behind = vertices_behind(marked, fslr, bigbrain)
    assert 400 < behind.sum() < 20_000
    values = rng.normal(size=327_684).astype(np.float32)
    before = resample(SurfaceMap(values, bigbrain), fslr).values[marked]
    others = np.where(behind, values, rng.normal(size=327_684)).astype(np.float32)
    assert np.array_equal(resample(SurfaceMap(others, bigbrain), fslr).values[marked], before)
    own = np.where(behind, values + 1, values).astype(np.float32)
    moved = resample(SurfaceMap(own, bigbrain), fslr).values[marked]
    assert np.allclose(moved, before + 1, atol=1e-4)
