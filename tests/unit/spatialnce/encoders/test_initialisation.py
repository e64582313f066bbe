"""Every parameter and buffer is given its value: memory that torch hands out is NaN here."""

import pytest
import torch

from cytosurf.spatialnce import projection_head
from cytosurf.spatialnce.encoders import SmallEncoder
from tests.unit.spatialnce.encoders import test_resnet, test_vit


@pytest.fixture
def nan_memory():
    """Have torch fill uninitialised memory with NaN, as it does in its deterministic mode."""
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True)
    assert torch.empty(1000).isnan().all()
    yield
    torch.use_deterministic_algorithms(before)


@pytest.mark.usefixtures("nan_memory")
@pytest.mark.parametrize(
    "make",
    [
        lambda: SmallEncoder(18),
        lambda: SmallEncoder(norm="group"),
        test_resnet.small,
        test_vit.small,
        lambda: test_vit.small(norm="group"),
        lambda: projection_head(8),
        lambda: projection_head(8, norm="group"),
    ],
    ids=["small", "small, group", "r50", "r50-vit-b", "r50-vit-b, group", "head", "head, group"],
)
def test_nothing_is_left_as_memory_was(make):
    """In encoders and the projection, whatever their normalisation."""
    state = make().state_dict()
    assert state
    assert {name for name, value in state.items() if not value.isfinite().all()} == set()
