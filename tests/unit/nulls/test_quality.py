"""What a spin keeps is counted as a user would count it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from cytosurf.errors import InputError
from cytosurf.nulls.quality import distinct_share, spin_quality
from cytosurf.nulls.rotations import spin_rotations
from cytosurf.nulls.spins import SpinAssigner, spin_labels


@given(st.permutations(range(20)))
def test_a_permutation_is_fully_distinct(order):
    """Every vertex used once: share 1; all from one vertex: 1 / n."""
    assert distinct_share(np.array(order, np.int32)) == 1
    assert distinct_share(np.full(20, order[0], np.int32)) == 1 / 20


@given(
    hnp.arrays(np.int32, 30, elements=st.integers(0, 4)),
    hnp.arrays(bool, 30).filter(lambda mask: mask.any()),
)
def test_counts_are_those_of_a_loop(keys, mask):
    """Kept share and classes equal what counting vertex by vertex gives."""
    on_cortex = [int(k) for k, m in zip(keys, mask, strict=True) if m]
    quality = spin_quality(np.arange(30, dtype=np.int32), keys, mask)
    assert quality.kept == pytest.approx(sum(k > 0 for k in on_cortex) / len(on_cortex))
    assert quality.classes == tuple(sorted({k for k in on_cortex if k > 0}))


def test_the_identity_keeps_everything(toy_spheres):
    """Without rotation, all vertices are distinct, the cortex keeps all labels and classes."""
    assigner = SpinAssigner(toy_spheres)
    index = assigner.assign({"L": np.eye(3), "R": np.eye(3)})
    keys = np.arange(assigner.n_vertices, dtype=np.int32) % 4
    quality = spin_quality(index, spin_labels(keys, index), keys > 0)
    assert quality == type(quality)(1.0, 1.0, (1, 2, 3))


def test_a_real_spin_loses_about_one_medial_wall(fslr_spheres):
    """With a wall of 8 %, about 8 % of the cortex is lost, and 9 in 10 vertices are distinct."""
    assigner = SpinAssigner(fslr_spheres)
    x, y, _ = np.concatenate([fslr_spheres[h].vertices for h in "LR"]).T
    towards_midline = np.where(np.arange(len(x)) < len(x) // 2, x, -x)
    keys = np.where(towards_midline > 84, 0, 1 + (y > 0)).astype(np.int32)
    kept = []
    for k in range(20):
        index = assigner.assign(spin_rotations(0, k, "mirrored"))
        quality = spin_quality(index, spin_labels(keys, index), keys > 0)
        assert 0.9 < quality.distinct < 1
        assert quality.classes == (1, 2)
        kept.append(quality.kept)
    wall = (keys == 0).mean()
    assert min(kept) >= 1 - wall / (1 - wall) - 0.003
    assert np.mean(kept) == pytest.approx(1 - wall, abs=0.02)


def test_bad_input():
    """Different lengths and an empty mask are refused."""
    index, keys, mask = np.arange(3, dtype=np.int32), np.ones(3, np.int32), np.ones(3, bool)
    with pytest.raises(InputError, match="shapes"):
        spin_quality(index, keys[:2], mask)
    with pytest.raises(InputError, match="no vertex"):
        spin_quality(index, keys, ~mask)
