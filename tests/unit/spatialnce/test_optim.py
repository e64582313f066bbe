"""LARS by its rules, groups of parameters, optimisers by name."""

import pytest
import torch
from torch import nn

from cytosurf.errors import InputError
from cytosurf.spatialnce.optim import LARS, make_optimiser, parameter_groups


def parameter(*values):
    """Return a weight of one row in float64."""
    return nn.Parameter(torch.tensor([values], dtype=torch.float64))


def stepped(weight, gradients, **options):
    """Return a weight after a step for each gradient."""
    optimiser = LARS([{"params": [weight], "adapt": options.pop("adapt", True)}], **options)
    for gradient in gradients:
        weight.grad = torch.tensor([gradient], dtype=torch.float64)
        optimiser.step()
    return weight.detach()[0]


@pytest.mark.parametrize("rule", ["sum_norms", "norm_sum"])
def test_one_step_is_the_closed_form(rule):
    """Trust ratio of the named rule, weight decay in the direction, learning rate outside."""
    w, g, decay, c, lr = torch.tensor([3.0, 4.0], dtype=torch.float64), (0.6, -0.8), 0.1, 0.02, 0.5
    direction = torch.tensor(g, dtype=torch.float64) + decay * w
    below = 1.0 + decay * 5.0 if rule == "sum_norms" else direction.norm()
    expected = w - lr * c * 5.0 / below * direction
    found = stepped(
        parameter(3.0, 4.0), [g], lr=lr, momentum=0.9, weight_decay=decay, trust=rule, eps=0.0
    )
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=0)


@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("inside", [False, True])
def test_momentum_is_its_recursion(nesterov, inside):
    """With the learning rate outside the buffer, or inside as SimCLR has it."""
    gradients, lr, m = [(1.0, 2.0), (0.5, -1.0), (0.1, 0.3)], 0.3, 0.9
    w, buffer = torch.tensor([1.0, -2.0], dtype=torch.float64), torch.zeros(2).double()
    for g in gradients:
        g = torch.tensor(g, dtype=torch.float64)
        update = g * (0.02 * w.norm() / g.norm()) * (lr if inside else 1)
        buffer = m * buffer + update
        w = w - (1 if inside else lr) * (update + m * buffer if nesterov else buffer)
    found = stepped(
        parameter(1.0, -2.0),
        gradients,
        lr=lr,
        momentum=m,
        nesterov=nesterov,
        lr_in_momentum=inside,
        eps=0.0,
    )
    torch.testing.assert_close(found, w, rtol=1e-12, atol=0)


def test_without_a_trust_ratio_it_is_torchs_sgd():
    """An excluded group is plain SGD with Nesterov momentum, to the bit."""
    gradients = [(1.0, 2.0), (0.5, -1.0), (0.1, 0.3)]
    found = stepped(parameter(1.0, 2.0), gradients, lr=0.1, nesterov=True, adapt=False)
    reference = parameter(1.0, 2.0)
    sgd = torch.optim.SGD([reference], lr=0.1, momentum=0.9, nesterov=True)
    for gradient in gradients:
        reference.grad = torch.tensor([gradient], dtype=torch.float64)
        sgd.step()
    torch.testing.assert_close(found, reference.detach()[0], rtol=1e-14, atol=0)


def test_a_parameter_that_begins_at_zero_moves():
    """A ratio of 0 would hold it there for ever."""
    assert stepped(parameter(0.0, 0.0), [(1.0, 0.0)], lr=0.1).tolist() == [-0.1, 0.0]


def test_gradients_are_left_as_they_are():
    """A norm that is logged after the step is that of the gradient."""
    weight = parameter(3.0, 4.0)
    stepped(weight, [(1.0, 1.0)], lr=0.1, weight_decay=0.5)
    assert weight.grad.tolist() == [[1.0, 1.0]]


def test_state_goes_through_a_state_dict():
    """Three steps, saved after two, are three steps."""
    gradients = [(1.0, 2.0), (0.5, -1.0), (0.1, 0.3)]
    whole = stepped(parameter(1.0, 2.0), gradients, lr=0.1)
    weight = parameter(1.0, 2.0)
    first = LARS([weight], lr=0.1)
    for gradient in gradients[:2]:
        weight.grad = torch.tensor([gradient], dtype=torch.float64)
        first.step()
    second = LARS([weight], lr=0.1)
    second.load_state_dict(first.state_dict())
    weight.grad = torch.tensor([gradients[2]], dtype=torch.float64)
    second.step()
    assert torch.equal(weight.detach()[0], whole)


def test_biases_and_normalisation_are_excluded():
    """From weight decay and trust ratio; frozen parameters are nowhere."""
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Linear(2, 2))
    model[2].weight.requires_grad_(False)
    decayed, free = parameter_groups(model, 0.1)
    assert [p.shape for p in decayed["params"]] == [model[0].weight.shape]
    assert (decayed["weight_decay"], decayed["adapt"]) == (0.1, True)
    assert (free["weight_decay"], free["adapt"]) == (0.0, False)
    assert len(free["params"]) == 4


@pytest.mark.parametrize("name", ["lars", "sgd", "adamw"])
def test_every_optimiser_lowers_a_loss(name):
    """In the groups of parameters, with its weight decay there."""
    torch.manual_seed(0)
    model, x = nn.Linear(4, 1), torch.randn(32, 4)
    optimiser = make_optimiser(model, name, lr=0.05)
    y = x @ torch.ones(4, 1)
    losses = []
    for _ in range(20):
        optimiser.zero_grad()
        loss = (model(x) - y).square().mean()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]
    assert [group["weight_decay"] for group in optimiser.param_groups] == [1e-4, 0.0]


def test_options_of_lars_arrive():
    """All three rules that go by its name can be asked for."""
    (group, *_) = make_optimiser(
        nn.Linear(2, 2), "lars", lr=0.1, trust="norm_sum", lr_in_momentum=True
    ).param_groups
    assert (group["trust"], group["lr_in_momentum"], group["nesterov"]) == ("norm_sum", True, True)


def test_what_is_no_optimiser_is_refused():
    """An unknown name or rule, a negative rate, nothing to train."""
    model = nn.Linear(1, 1)
    for make, words in (
        (lambda: make_optimiser(model, "lamb", lr=1.0), "lars"),
        (lambda: make_optimiser(model, "lars", lr=1.0, trust="mean"), "norm_sum"),
        (lambda: LARS(model.parameters(), lr=-1.0), "lr"),
        (lambda: make_optimiser(model.requires_grad_(False), "sgd", lr=1.0), "trainable"),
    ):
        with pytest.raises(InputError, match=words):
            make()
