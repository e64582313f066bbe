"""The loss over several processes is the loss of one, to the last bit."""

import numpy as np
import pytest
import torch

from cytosurf.spatialnce import spatial_nce
from tests.distributed import tasks
from tests.unit.spatialnce import dense

SIZES = (1, 2, 4)


def together(world, size, task, *arguments):
    """Run a task on `size` ranks: the loss on each, the gradients row by row, and the counts."""
    answers = [found for found in world.call(task, size, *arguments) if found is not None]
    assert len(answers) == size
    losses, gradients, counts = zip(*answers, strict=True)
    return np.array(losses), np.concatenate(gradients), counts


def assert_same(found, expected, tolerance):
    """Compare the loss of every rank and every gradient: to the bit, or relative to the largest."""
    if tolerance == 0:
        assert set(found[0]) == set(expected[0])
        assert np.array_equal(found[1], expected[1])
    else:
        np.testing.assert_allclose(found[0], expected[0][0], rtol=tolerance)
        np.testing.assert_allclose(
            found[1], expected[1], rtol=0, atol=tolerance * np.abs(expected[1]).max()
        )


@pytest.mark.parametrize("kind", ["spatial_nce", "within brains", "sup_con", "nt_xent"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("n", "tile"), [(64, 16), (60, 16), (60, 7), (60, 1000)])
def test_the_number_of_ranks_changes_no_bit(world, kind, dtype, n, tile):
    """Loss, gradient and counts are equal, whether or not tiles divide the rows of a rank."""
    alone = together(world, 1, tasks.loss_and_gradient, kind, n, tile, dtype)
    for size in SIZES[1:]:
        found = together(world, size, tasks.loss_and_gradient, kind, n, tile, dtype)
        assert_same(found, alone, 0)
        assert all(counts == alone[2][0] for counts in found[2])


@pytest.mark.parametrize("kind", ["spatial_nce", "nt_xent"])
def test_ranks_may_hold_one_sample_each(world, kind):
    """Two in the whole batch are enough."""
    alone = together(world, 1, tasks.loss_and_gradient, kind, 4, 2, "float32")
    assert_same(together(world, 4, tasks.loss_and_gradient, kind, 4, 2, "float32"), alone, 0)


def test_one_rank_is_the_dense_equation(world):
    """So all of them are."""
    z, x = dense.samples(60)
    expected = dense.contrastive(z, dense.rbf(x, 10), 0.07)
    expected.backward()
    found = together(world, 4, tasks.loss_and_gradient, "spatial_nce", 60, 16, "float64")
    assert_same(found, ([expected.item()], z.grad.numpy()), 1e-12)


@pytest.mark.parametrize("gather", ["reversed", "forgetful"])
def test_a_wrong_gather_is_found(world, gather):
    """The comparison above fails where samples come in another order, or not at all."""
    alone = together(world, 1, tasks.loss_and_gradient, "spatial_nce", 60, 16, "float64")
    found = together(world, 2, tasks.loss_and_gradient, "spatial_nce", 60, 16, "float64", gather)
    with pytest.raises(AssertionError):
        assert_same(found, alone, 1e-6)


@pytest.mark.parametrize(
    ("backward", "rows", "length", "cosine"),
    [
        ("own slice", "all", 0.25, 1),
        ("own slice", "own", None, 0.999),
        ("summed", "all", 1, 1),
        ("summed", "own", 1, 1),
    ],
)
def test_gathers_of_public_code(world, backward, rows, length, cosine):
    """Of its four ways to a gradient two are too small by the ranks, or point elsewhere."""
    z, x = dense.samples(60)
    expected = dense.contrastive(z, dense.rbf(x, 30), 0.07)
    expected.backward()
    truth = [expected.item()], z.grad.numpy()
    found = together(world, 4, tasks.public_gather, 60, backward, rows)
    np.testing.assert_allclose(found[0], truth[0][0], rtol=1e-12)
    if length is None:
        there, here = found[1].ravel(), truth[1].ravel()
        assert there @ here / np.linalg.norm(there) / np.linalg.norm(here) < cosine
    else:
        assert_same((found[0], found[1] / length), truth, 1e-12)


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("uneven ranks", "8 x 16 (64 bits) on rank 0, 6 x 16 (64 bits) on rank 1"),
        ("one sample", "8 x 16 (64 bits) on rank 0, 1 x 16 (64 bits) on rank 1"),
        ("no samples", "shape (0, 16) on every rank; expected two samples or more in all"),
        ("another width", "8 x 16 (64 bits) on rank 0, 8 x 15 (64 bits) on rank 1"),
        ("isolated", "no sample that has positives"),
    ],
)
def test_every_rank_complains(world, kind, message):
    """Bad input ends all ranks with the same message; none is left waiting."""
    first, second, *rest = world.call(tasks.complaint, 2, kind)
    assert first == second
    assert message in first
    assert rest == ["no complaint"] * 2 or rest == [None] * 2


def test_without_torch_distributed_a_process_is_alone():
    """Nothing is gathered in a process that trains by itself."""
    z, x = dense.samples(10)
    assert torch.isfinite(spatial_nce(z, x).loss)
