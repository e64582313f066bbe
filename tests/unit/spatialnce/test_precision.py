"""Full precision for a block, whatever is set globally."""

import pytest
import torch

from cytosurf.spatialnce import spatial_nce, tiles
from cytosurf.spatialnce.precision import full_precision
from tests.unit.spatialnce import dense


@pytest.fixture
def tf32():
    """Switch TF32 and bfloat16 products on globally, as training scripts do."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    yield
    torch.set_float32_matmul_precision(before)


def settings():
    """Return how float32 matrices are multiplied."""
    return (
        torch.backends.cuda.matmul.fp32_precision,
        torch.backends.mkldnn.matmul.fp32_precision,
        torch.get_float32_matmul_precision(),
    )


def test_precision_is_full_inside_and_put_back(tf32):
    """Also when the block fails."""
    before = settings()
    assert before[:2] == ("tf32", "bf16")
    with pytest.raises(ZeroDivisionError), full_precision("cpu"):
        1 / (settings()[:2] != ("ieee", "ieee"))
    assert settings() == before


def test_what_follows_the_setting_of_all_backends_still_does():
    """A later change of that setting reaches them."""
    before = torch.backends.cuda.matmul.fp32_precision
    torch.backends.cuda.matmul.fp32_precision = "none"
    torch.backends.fp32_precision = "tf32"
    try:
        with full_precision("cpu"):
            assert torch.backends.cuda.matmul.fp32_precision == "ieee"
        assert torch.backends.cuda.matmul.fp32_precision == "tf32"
        torch.backends.fp32_precision = "ieee"
        assert torch.backends.cuda.matmul.fp32_precision == "ieee"
    finally:
        torch.backends.fp32_precision = "none"
        torch.backends.cuda.matmul.fp32_precision = before


def test_every_product_of_the_loss_is_full(tf32, monkeypatch):
    """Forward and backward, with TF32 on globally and inside autocast."""
    seen = []
    similarities = tiles._similarities

    def spy(*arguments):
        seen.append((settings()[:2], torch.is_autocast_enabled("cpu")))
        return similarities(*arguments)

    monkeypatch.setattr(tiles, "_similarities", spy)
    z, x = dense.samples(12, dtype=torch.float32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        spatial_nce(z, x).loss.backward()
    assert seen == [(("ieee", "ieee"), False)] * 2
