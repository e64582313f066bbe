"""Divergences between regions, against SciPy and the published figures."""

import numpy as np
import pytest
from scipy.spatial.distance import cosine
from scipy.stats import entropy

from cytosurf.errors import InputError
from cytosurf.histology.xray_labels import read_tissue
from cytosurf.probes.divergence import grey_counts, kl_divergence, one_minus_cosine, tissue_counts

COUNTS = np.random.default_rng(0).integers(1, 50, (4, 6))


def test_kl_is_that_of_scipy():
    """Row p, column q; nats; counts of different totals are shares first."""
    shares = COUNTS / COUNTS.sum(axis=1, keepdims=True)
    smooth = (shares + 1e-6) / (1 + 6e-6)
    expected = [[entropy(p, q) for q in smooth] for p in smooth]
    np.testing.assert_allclose(kl_divergence(COUNTS), expected, atol=1e-14)
    np.testing.assert_allclose(kl_divergence(7 * COUNTS), expected, atol=1e-14)


def test_one_minus_cosine_is_that_of_scipy_and_not_kl():
    """Symmetric, blind to totals, and another number than KL."""
    expected = [[cosine(p, q) for q in COUNTS] for p in COUNTS]
    found = one_minus_cosine(COUNTS * np.array([1, 2, 3, 4])[:, None])
    np.testing.assert_allclose(found, expected, atol=1e-14)
    assert np.array_equal(found, found.T)
    assert not np.allclose(found, kl_divergence(COUNTS), rtol=0.1)


def test_epsilon_bounds_what_an_empty_bin_costs():
    """Smaller epsilon, larger divergence; never infinite, never below 0."""
    apart = [[1, 0], [0, 1]]
    large, small = (kl_divergence(apart, epsilon=e)[0, 1] for e in (1e-3, 1e-9))
    assert 0 < large < small < np.inf
    assert (np.diag(kl_divergence(COUNTS)) == 0).all()


@pytest.mark.parametrize("measure", [kl_divergence, one_minus_cosine])
def test_what_is_no_distribution_is_refused(measure):
    """Empty rows, negative and infinite counts, a vector."""
    for bad in ([[1, 1], [0, 0]], [[1, -1]], [[1, np.inf]], [1, 2]):
        with pytest.raises(InputError, match="counts"):
            measure(bad)


def test_epsilon_is_checked():
    """0 would divide by it."""
    with pytest.raises(InputError, match="epsilon"):
        kl_divergence(COUNTS, epsilon=0)


def test_counts_are_of_the_pixels_of_a_region():
    """As a loop over pixels would count; a region that is nowhere is refused."""
    rng = np.random.default_rng(1)
    image, region = rng.integers(0, 256, (9, 7), dtype=np.uint8), rng.integers(0, 3, (9, 7))
    found = grey_counts(image, region, [2, 0])
    for row, code in zip(found, [2, 0], strict=True):
        expected = np.zeros(256, int)
        for value, where in zip(image.ravel(), region.ravel(), strict=True):
            expected[value] += where == code
        assert np.array_equal(row, expected)
    with pytest.raises(InputError, match="no pixel of region 5"):
        grey_counts(image, region, [0, 5])
    with pytest.raises(InputError, match="uint8"):
        grey_counts(image, region[:4], [0])


def test_tissue_counts_have_a_column_for_each_tissue():
    """Also for a tissue that does not occur."""
    assert tissue_counts([np.zeros((2, 2), int), np.full((1, 3), 2)]).tolist() == [
        [4, 0, 0, 0],
        [0, 0, 3, 0],
    ]


@pytest.mark.real_data
def test_published_compositions_are_reproduced(real_data):
    """1 - cosine of Figure 2E, and what a true KL is instead; wrong under another coding."""
    path = real_data / "xray_thc" / "xray_thc_microstructure_masks.npz"
    masks = read_tissue(path, coding="notebook")
    counts = tissue_counts(masks[name] for name in ("CTX", "ZI", "STR", "TRN"))[:, 1:]
    upper = one_minus_cosine(counts)[np.triu_indices(4, 1)]
    np.testing.assert_allclose(upper, [0.032, 0.786, 0.934, 0.795, 0.930, 0.012], atol=6e-4)
    kl = kl_divergence(counts)
    assert kl[0, 3] == pytest.approx(2.47, abs=0.005)
    assert kl[3, 0] == pytest.approx(12.28, abs=0.005)
    assert kl[2, 3] == pytest.approx(0.105, abs=0.0005)
