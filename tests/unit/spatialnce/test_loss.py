"""The public losses against the dense equation and published formulas, in float64."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cytosurf.errors import CytosurfWarning, InputError
from cytosurf.spatialnce import SurfaceTable, nt_xent, spatial_nce, sup_con
from tests.unit.spatialnce import dense

SEEDS = st.integers(0, 2**16)


def assert_same_loss(found, expected, z, tolerance=1e-12):
    """Compare value and gradient, the gradient relative to its largest entry."""
    torch.testing.assert_close(found, expected, rtol=tolerance, atol=1e-14)
    (wanted,), (gradient,) = (
        torch.autograd.grad(loss, z, retain_graph=True) for loss in (expected, found)
    )
    largest = float(wanted.abs().max())
    torch.testing.assert_close(gradient, wanted, rtol=0, atol=tolerance * largest + 1e-15)


@pytest.mark.parametrize(("n", "tile"), [(37, 8), (37, 64), (5, 1), (64, 16), (2, 1)])
@pytest.mark.parametrize("normalise_weights", [True, False])
def test_the_tiled_loss_is_the_dense_one(n, tile, normalise_weights):
    """Value and gradient equal the equation, for tiles that fit, do not fit, or are single rows."""
    z, x = dense.samples(n)
    expected = dense.contrastive(z, dense.rbf(x, 30), 0.07, normalise_weights=normalise_weights)
    found = spatial_nce(z, x, sigma_mm=30, tile=tile, normalise_weights=normalise_weights)
    assert_same_loss(found.loss, expected, z)


def test_the_gradient_is_that_of_finite_differences():
    """Which the dense reference has no part in."""
    z, x = dense.samples(7, width=3)
    assert torch.autograd.gradcheck(lambda z: spatial_nce(z, x, tile=4, temperature=0.5).loss, z)
    raw = (0.3 * z.detach()).requires_grad_()
    assert torch.autograd.gradcheck(
        lambda z: spatial_nce(z, x, tile=4, normalise_embeddings=False).loss, raw
    )


def test_float32_is_close_to_the_equation():
    """Loss and gradient, at the published temperature, to a few units of rounding."""
    z, x = dense.samples(300, 64, dtype=torch.float32)
    exact = z.detach().double().requires_grad_()
    expected = dense.contrastive(exact, dense.rbf(x, 10), 0.07)
    expected.backward()
    found = spatial_nce(z, x, sigma_mm=10, temperature=0.07)
    found.loss.backward()
    assert found.loss.dtype == torch.float32
    assert found.loss.item() == pytest.approx(expected.item(), rel=1e-6)
    error = (z.grad - exact.grad).norm() / exact.grad.norm()
    assert error < 1e-5


@pytest.mark.parametrize("temperature", [0.01, 0.0249, 0.0251, 1.0])
def test_any_temperature_gives_the_dense_loss(temperature):
    """With one shift for all exponentials, and with one for each row."""
    z, x = dense.samples(30)
    expected = dense.contrastive(z, dense.rbf(x, 20), temperature)
    found = spatial_nce(z, x, sigma_mm=20, temperature=temperature, tile=8)
    assert_same_loss(found.loss, expected, z)


@pytest.mark.parametrize("temperature", [1e-3, 0.07, 100.0])
def test_no_temperature_overflows(temperature):
    """Similarities of 1,000 are shifted before they are exponentiated."""
    z, x = dense.samples(40, dtype=torch.float32)
    found = spatial_nce(z, x, temperature=temperature, tile=16)
    (gradient,) = torch.autograd.grad(found.loss, z)
    expected = dense.contrastive(z.double(), dense.rbf(x, 10), temperature)
    assert found.loss.item() == pytest.approx(expected.item(), rel=1e-5)
    assert gradient.isfinite().all()


@settings(max_examples=15)
@given(SEEDS)
def test_the_order_of_samples_does_not_matter(seed):
    """The loss is the same, and gradients and losses of anchors go with their samples."""
    z, x = dense.samples(24, seed=seed)
    order = torch.randperm(24, generator=torch.Generator().manual_seed(seed))
    found, other = spatial_nce(z, x, tile=7), spatial_nce(z[order], x[order], tile=7)
    torch.testing.assert_close(other.loss, found.loss, rtol=1e-12, atol=0)
    torch.testing.assert_close(other.per_anchor, found.per_anchor[order], rtol=1e-11, atol=1e-13)
    (a,), (b,) = (torch.autograd.grad(result.loss, z) for result in (found, other))
    torch.testing.assert_close(b, a, rtol=0, atol=1e-12)


@settings(max_examples=15)
@given(SEEDS, st.floats(-1e6, 1e6), st.booleans())
def test_moving_the_brain_does_not_matter(seed, shift_mm, mirror):
    """Rotations, reflections and any origin leave the loss alone; so does their precision."""
    z, x = dense.samples(24, seed=seed, dtype=torch.float32)
    generator = torch.Generator().manual_seed(seed)
    turn, _ = torch.linalg.qr(torch.randn(3, 3, generator=generator, dtype=torch.float64))
    if mirror:
        turn[:, 0] *= -1
    found, moved = spatial_nce(z, x).loss, spatial_nce(z, x @ turn + shift_mm).loss
    torch.testing.assert_close(moved, found, rtol=2e-6, atol=0)


def test_turning_the_embeddings_does_not_matter():
    """The loss sees angles between embeddings alone."""
    z, x = dense.samples(20, width=5)
    turn, _ = torch.linalg.qr(torch.randn(5, 5, dtype=torch.float64))
    torch.testing.assert_close(spatial_nce(3 * z @ turn, x).loss, spatial_nce(z, x).loss)


def test_a_narrow_bandwidth_is_simclr():
    """With two views at each place and places far apart, the other view is the only positive."""
    z, x = dense.samples(20)
    first, second = z, z + 0.3 * torch.randn_like(z)
    both = torch.cat([first, second])
    found = spatial_nce(both, x.repeat(2, 1), sigma_mm=0.05)
    assert_same_loss(found.loss, nt_xent(first, second).loss, z)
    assert float(found.effective_positives) == pytest.approx(1)


def test_a_wide_bandwidth_is_uniform():
    """All others are equal positives; coordinates that all are one place are warned about."""
    z, x = dense.samples(20)
    with pytest.warns(CytosurfWarning, match="far less than sigma_mm"):
        found = spatial_nce(z, x, sigma_mm=1e6)
    uniform = torch.ones(20, 20, dtype=torch.float64).fill_diagonal_(0)
    assert_same_loss(found.loss, dense.contrastive(z, uniform, 0.07), z, 1e-9)
    assert float(found.effective_positives) == pytest.approx(19)


def test_the_formula_of_kernelized_supcon():
    """Dufumier's y-aware loss as Barbano et al. (2023) normalise it, for two views of a sample.

    Mean over anchors of the weighted mean of log-probabilities, each row of weights divided by its
    own sum.
    """
    z, x = dense.samples(12)
    views = torch.stack([z, z.roll(1, 1)], 1)  # (samples, views, width)
    flat = torch.nn.functional.normalize(torch.cat(views.unbind(1)), dim=1)
    kernel = (-torch.cdist(x, x).square() / (2 * 20.0**2)).exp().tile(2, 2)
    off = 1 - torch.eye(24, dtype=torch.float64)
    logits = flat @ flat.T / 0.07
    log_p = logits - (logits.exp() * off).sum(1, keepdim=True).log()
    expected = -((kernel * off * log_p).sum(1) / (kernel * off).sum(1)).mean()
    found = spatial_nce(torch.cat(views.unbind(1)), x.repeat(2, 1), sigma_mm=20)
    torch.testing.assert_close(found.loss, expected, rtol=1e-12, atol=0)


def test_weights_are_normalised_by_row_and_not_by_column():
    """The released y-aware code divides columns: its targets do not add up to 1 for an anchor."""
    _, x = dense.samples(30)
    weights = dense.rbf(x, 10)
    by_column = weights / weights.sum(1)
    assert (by_column.sum(1) - 1).abs().max() > 0.05
    z, _ = dense.samples(30)
    wrong = -(by_column * _log_p(z)).sum(1).mean()
    assert abs((spatial_nce(z, x).loss - wrong).item()) > 1e-3


def _log_p(z):
    s = torch.nn.functional.normalize(z, dim=1)
    s = (s @ s.T / 0.07).fill_diagonal_(-1e9)
    return s.log_softmax(1)


def test_supervised_contrastive_is_its_formula():
    """Khosla et al. (2020), L_out: the mean over positives outside the logarithm."""
    z, _ = dense.samples(30)
    labels = torch.arange(30) % 4
    same = (labels[:, None] == labels).double().fill_diagonal_(0)
    expected = -((same * _log_p(z)).sum(1) / same.sum(1)).mean()
    assert_same_loss(sup_con(z, labels, tile=8).loss, expected, z)


def test_simclr_is_its_formula():
    """Chen et al. (2020): cross-entropy of the other view among all samples but the anchor."""
    z, _ = dense.samples(16)
    other = z.flip(1)
    both = torch.cat([z, other])
    target = torch.arange(32).roll(16)
    expected = torch.nn.functional.nll_loss(_log_p(both), target)
    assert_same_loss(nt_xent(z, other, tile=5).loss, expected, z)


def test_within_a_brain_others_are_negatives_alone():
    """Weights across brains are 0; samples of other brains stay in the denominator."""
    z, x = dense.samples(30)
    brain = torch.arange(30) % 3
    weights = dense.rbf(x, 30) * (brain[:, None] == brain)
    expected = dense.contrastive(z, weights, 0.07)
    assert_same_loss(spatial_nce(z, x, sigma_mm=30, brain=brain, tile=8).loss, expected, z)


def test_distances_along_a_surface():
    """A table replaces straight lines where it is longer, and samples at one vertex stay apart."""
    z, x = dense.samples(30)
    vertices = x[::3] + 0.1
    table = 1.5 * torch.cdist(vertices, vertices)
    table[0, 1:] = table[1:, 0] = torch.inf
    nearest = torch.cdist(x, vertices).argmin(1)
    apart = torch.maximum(torch.cdist(x, x), table[nearest][:, nearest])
    weights = (-apart.square() / (2 * 30.0**2)).exp().fill_diagonal_(0)
    expected = dense.contrastive(z, weights, 0.07)
    found = spatial_nce(z, x, sigma_mm=30, surface=SurfaceTable(vertices, table), tile=8)
    assert_same_loss(found.loss, expected, z)


def test_isolated_anchors_are_counted_and_left_out():
    """They have no part as anchors, but stay negatives of the others; nothing becomes NaN."""
    z, x = dense.samples(20)
    x[:3] = torch.tensor([[150.0, 0, 0], [0, 200, 0], [0, 0, 250]], dtype=torch.float64)
    found = spatial_nce(z, x, sigma_mm=10, tile=8)
    expected = dense.contrastive(z, dense.rbf(x, 10), 0.07)
    assert int(found.isolated) == 3
    assert found.per_anchor[:3].tolist() == [0, 0, 0]
    assert_same_loss(found.loss, expected, z)


def test_effective_positives_are_the_exponential_of_entropy():
    """So that k equal positives count as k."""
    z, x = dense.samples(25)
    p = dense.rbf(x, 10)
    p = p / p.sum(1, keepdim=True)
    expected = (-torch.xlogy(p, p).sum(1)).exp().mean()
    torch.testing.assert_close(spatial_nce(z, x).effective_positives, expected, rtol=1e-12, atol=0)
    assert float(sup_con(z, torch.arange(25) % 5).effective_positives) == pytest.approx(4)


def test_repeated_points_are_full_positives():
    """Samples at the same place, and even equal samples, give finite numbers."""
    z, x = dense.samples(20)
    z, x = z[:10].repeat(2, 1), x[:10].repeat(2, 1)
    found = spatial_nce(z, x)
    expected = dense.contrastive(z, dense.rbf(x, 10), 0.07)
    torch.testing.assert_close(found.loss, expected, rtol=1e-12, atol=0)


def test_embeddings_that_are_not_numbers_give_no_number():
    """The loss and its gradient are NaN, which training sees and skips; nothing is hidden."""
    z, x = dense.samples(12)
    z.data[3, 2] = torch.nan
    found = spatial_nce(z, x).loss
    (gradient,) = torch.autograd.grad(found, z)
    assert found.isnan()
    assert gradient.isnan().any()


def test_autocast_does_not_reach_the_loss():
    """Inside autocast, float32 embeddings give the same bits; bfloat16 ones are widened first."""
    z, x = dense.samples(64, dtype=torch.float32)
    plain = spatial_nce(z, x).loss
    (expected,) = torch.autograd.grad(plain, z)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = spatial_nce(z, x).loss
        (gradient,) = torch.autograd.grad(inside, z)
    assert torch.equal(inside, plain)
    assert torch.equal(gradient, expected)
    low = z.detach().bfloat16().requires_grad_()
    found = spatial_nce(low, x).loss
    assert found.dtype == torch.float32
    assert torch.equal(found, spatial_nce(low.detach().float(), x).loss)
    found.backward()
    assert float((low.grad - expected).norm() / expected.norm()) < 0.02


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"coordinates_mm": 1000 * torch.rand(8, 3)}, "Are they micrometres, voxels or pixels"),
        ({"coordinates_mm": torch.full((8, 3), torch.nan)}, "found NaN or infinity"),
        ({"coordinates_mm": torch.rand(7, 3)}, r"found shape \(7, 3\); expected shape \(8, axes\)"),
        ({"coordinates_mm": torch.rand(8)}, r"expected shape \(8, axes\)"),
        (
            {"embeddings": torch.rand(1, 4), "coordinates_mm": torch.rand(1, 3)},
            r"shape \(1, 4\); expected two samples or more",
        ),
        ({"embeddings": torch.ones(8, 4, dtype=torch.long)}, "floating-point"),
        ({"brain": torch.zeros(7, dtype=torch.long)}, r"brain: found shape \(7,\)"),
        ({"brain": torch.zeros(8)}, "brain: found torch.float32; expected whole numbers"),
        ({"sigma_mm": 0.0}, "sigma_mm: found 0.0; expected a number above 0"),
        ({"temperature": float("nan")}, "temperature: found nan"),
        ({"tile": 0}, "tile: found 0"),
        ({"min_mass": 0}, "min_mass: found 0"),
        ({"sigma_mm": 1e-3}, "Raise sigma_mm or the batch size"),
    ],
)
def test_bad_input_is_explained(change, message):
    """Each message names what was found and the way out."""
    generator = torch.Generator().manual_seed(0)
    options = {
        "embeddings": torch.randn(8, 4, generator=generator),
        "coordinates_mm": 30 * torch.rand(8, 3, generator=generator),
        **change,
    }
    with pytest.raises(InputError, match=message):
        spatial_nce(**options)


def test_views_must_be_of_the_same_images():
    """SimCLR's two views have one shape; labels are whole numbers."""
    with pytest.raises(InputError, match=r"second: found shape \(3, 2\)"):
        nt_xent(torch.rand(4, 2), torch.rand(3, 2))
    with pytest.raises(InputError, match=r"labels: found torch\.float32"):
        sup_con(torch.rand(4, 2), torch.rand(4))
    with pytest.raises(InputError, match="no sample that has positives"):
        sup_con(torch.rand(4, 2), torch.arange(4))
