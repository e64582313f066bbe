"""Optimisers: LARS by a named rule, SGD with Nesterov momentum, AdamW; one function of groups.

Three optimisers go by the name of LARS. Here the trust ratio of a parameter w with gradient g,
weight decay b and trust coefficient c is

- ``"sum_norms"``: c |w| / (|g| + b |w| + eps), as in timm and lightly, after You et al. (2017);
- ``"norm_sum"``: c |w| / |g + b w|, as in the code of SimCLR, VICReg and Barlow Twins;

and 1 where the parameter or its gradient is all zero, so that a parameter that begins at zero
moves. The learning rate multiplies the update, not the momentum buffer, unless `lr_in_momentum`
is asked for (SimCLR's form). Biases and the parameters of normalisation layers get neither weight
decay nor a trust ratio: `parameter_groups` says which they are.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from cytosurf.errors import InputError, unknown_name

TRUST_RULES = ("sum_norms", "norm_sum")
OPTIMISERS = ("lars", "sgd", "adamw")


def parameter_groups(model: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Divide trainable parameters into those with weight decay and trust ratio, and those without.

    Excluded are parameters with fewer than two dimensions: biases, and scales and shifts of
    normalisation layers. This is the one place that decides it, for every optimiser.

    Parameters
    ----------
    model : nn.Module
        Parameters that need no gradient are in no group.
    weight_decay : float
        Of the first group; 0 in the second.

    Returns
    -------
    list of dict
        ``params``, ``weight_decay`` and ``adapt`` (whether LARS computes a trust ratio). A group
        without parameters is left out.

    Examples
    --------
    >>> groups = parameter_groups(nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3)), 1e-4)
    >>> [(len(group["params"]), group["weight_decay"]) for group in groups]
    [(1, 0.0001), (3, 0.0)]
    """
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    groups: list[dict[str, Any]] = [
        {
            "params": [p for p in trainable if p.ndim >= 2],
            "weight_decay": weight_decay,
            "adapt": True,
        },
        {"params": [p for p in trainable if p.ndim < 2], "weight_decay": 0.0, "adapt": False},
    ]
    return [group for group in groups if group["params"]]


class LARS(torch.optim.Optimizer):
    """Layer-wise adaptive rate scaling with momentum.

    Parameters
    ----------
    params : iterable
        Parameters or groups, best from `parameter_groups`; ``adapt`` False leaves a group
        without a trust ratio.
    lr : float
        Learning rate.
    momentum : float, optional
        Of the update.
    nesterov : bool, optional
        Whether the update looks ahead by the momentum.
    weight_decay : float, optional
        Added to the gradient.
    trust_coefficient : float, optional
        c above; 0.02 in the published training of CytoNet.
    trust : {"sum_norms", "norm_sum"}, optional
        Rule of the trust ratio.
    lr_in_momentum : bool, optional
        Whether the momentum buffer holds updates times the learning rate of their step.

    Raises
    ------
    InputError
        If a rule is unknown or a number out of range.

    Notes
    -----
    Gradients are not changed by a step. No value is copied from the device to the host.

    Examples
    --------
    >>> w = nn.Parameter(torch.tensor([[3.0, 4.0]]))
    >>> w.grad = torch.tensor([[0.0, 2.0]])
    >>> LARS([w], lr=1.0, momentum=0.0, trust_coefficient=0.02).step()
    >>> [round(v, 4) for v in w.detach().ravel().tolist()]
    [3.0, 3.9]
    """

    def __init__(
        self,
        params: Iterable[Any],
        *,
        lr: float,
        momentum: float = 0.9,
        nesterov: bool = False,
        weight_decay: float = 0.0,
        trust_coefficient: float = 0.02,
        trust: str = "sum_norms",
        lr_in_momentum: bool = False,
        eps: float = 1e-8,
    ) -> None:
        if trust not in TRUST_RULES:
            raise unknown_name("optimiser.trust", trust, TRUST_RULES)
        for name, value in (("lr", lr), ("momentum", momentum), ("weight_decay", weight_decay)):
            if not value >= 0:
                raise InputError(f"optimiser.{name}", str(value), "a number of at least 0")
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "nesterov": nesterov,
            "weight_decay": weight_decay,
            "trust_coefficient": trust_coefficient,
            "trust": trust,
            "lr_in_momentum": lr_in_momentum,
            "eps": eps,
            "adapt": True,
        }
        super().__init__(params, defaults)

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """Make one update; `closure`, if given, is called first and its value returned."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            params = [p for p in group["params"] if p.grad is not None]
            if params:
                self._step_group(group, params)
        return loss

    def _step_group(self, group: dict[str, Any], params: list[Tensor]) -> None:
        gradients = [p.grad for p in params]
        updates = torch._foreach_add(gradients, params, alpha=group["weight_decay"])  # type: ignore[arg-type]
        if group["adapt"]:
            torch._foreach_mul_(updates, _trust_ratios(params, gradients, updates, group))
        inside = group["lr"] if group["lr_in_momentum"] else 1.0
        if group["momentum"] > 0:
            updates = self._with_momentum(group, params, updates, inside)
        elif group["lr_in_momentum"]:
            torch._foreach_mul_(updates, inside)
        outside = 1.0 if group["lr_in_momentum"] else group["lr"]
        torch._foreach_add_(params, updates, alpha=-outside)

    def _with_momentum(
        self, group: dict[str, Any], params: list[Tensor], updates: Any, inside: float
    ) -> Any:
        buffers = []
        for parameter in params:
            state = self.state[parameter]
            if "momentum_buffer" not in state:
                state["momentum_buffer"] = torch.zeros_like(parameter)
            buffers.append(state["momentum_buffer"])
        torch._foreach_mul_(buffers, group["momentum"])
        torch._foreach_add_(buffers, updates, alpha=inside)
        if not group["nesterov"]:
            return buffers
        ahead = torch._foreach_mul(updates, inside)
        torch._foreach_add_(ahead, buffers, alpha=group["momentum"])
        return ahead


def _trust_ratios(params: Any, gradients: Any, updates: Any, group: dict[str, Any]) -> list[Tensor]:
    """Return one ratio per parameter, 1 where the parameter or its gradient is all zero."""
    w_norms = torch._foreach_norm(params)
    g_norms = torch._foreach_norm(gradients)
    if group["trust"] == "norm_sum":
        below = list(torch._foreach_norm(updates))
    else:
        decay, eps = group["weight_decay"], group["eps"]
        below = [g + decay * w + eps for g, w in zip(g_norms, w_norms, strict=True)]
    return [
        torch.where((w > 0) & (g > 0), group["trust_coefficient"] * w / b, torch.ones_like(w))
        for w, g, b in zip(w_norms, g_norms, below, strict=True)
    ]


def make_optimiser(
    model: nn.Module,
    name: str,
    *,
    lr: float,
    momentum: float = 0.9,
    weight_decay: float = 1e-4,
    trust_coefficient: float = 0.02,
    trust: str = "sum_norms",
    lr_in_momentum: bool = False,
) -> torch.optim.Optimizer:
    """Return an optimiser of a model's trainable parameters, in the groups of `parameter_groups`.

    Parameters
    ----------
    model : nn.Module
        What is trained.
    name : {"lars", "sgd", "adamw"}
        LARS and SGD use Nesterov momentum, as published for CytoNet; AdamW decouples its decay.
    lr, momentum, weight_decay, trust_coefficient, trust, lr_in_momentum
        See `LARS`; AdamW has no momentum of this kind, and only LARS the last three.

    Raises
    ------
    InputError
        If the name is unknown or nothing is to be trained.
    """
    groups = parameter_groups(model, weight_decay)
    if not groups:
        raise InputError("encoder", "no trainable parameter", "at least one")
    if name == "lars":
        return LARS(
            groups,
            lr=lr,
            momentum=momentum,
            nesterov=True,
            trust_coefficient=trust_coefficient,
            trust=trust,
            lr_in_momentum=lr_in_momentum,
        )
    if name == "sgd":
        return torch.optim.SGD(groups, lr=lr, momentum=momentum, nesterov=momentum > 0)
    if name == "adamw":
        return torch.optim.AdamW(groups, lr=lr)
    raise unknown_name("optimiser.name", name, OPTIMISERS)
