"""One update of a training: forward, loss, backward, and the optimiser's step or none."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from cytosurf.spatialnce.batches import Batch
from cytosurf.spatialnce.config import TrainConfig
from cytosurf.spatialnce.gather import ranks_of
from cytosurf.spatialnce.gradcache import two_pass_step
from cytosurf.spatialnce.loss import LossResult, nt_xent, spatial_nce, sup_con
from cytosurf.spatialnce.metrics import Phases
from cytosurf.spatialnce.optim import make_optimiser
from cytosurf.spatialnce.sampler import MODEL, stream
from cytosurf.spatialnce.schedules import learning_rate
from cytosurf.spatialnce.surface import SurfaceTable


@dataclass(frozen=True)
class StepResult:
    """What one update came to.

    Attributes
    ----------
    loss, gradient_norm : float
        Before the update, the norm before clipping.
    effective_positives : float
        Of an anchor, on average.
    isolated : int
        Anchors without positives.
    finite : bool
        Whether the update was made.
    """

    loss: float
    gradient_norm: float
    effective_positives: float
    isolated: int
    finite: bool


def update(
    model: nn.Module,
    optimiser: torch.optim.Optimizer,
    batch: Batch,
    step: int,
    config: TrainConfig,
    phases: Phases,
    surface: SurfaceTable | None = None,
) -> StepResult:
    """Make one update; where loss or gradient is not finite, leave the model as it was.

    Parameters
    ----------
    model : nn.Module
        From images to projections.
    optimiser : torch.optim.Optimizer
        Of the parameters of `model`.
    batch : Batch
        The share of this process.
    step : int
        Number of the update, from 0: decides learning rate and dropout.
    config : TrainConfig
        The training.
    phases : Phases
        Clock of the parts of the step.
    surface : SurfaceTable, optional
        Distances for the weights, on the device of the model.
    """
    # Dropout differs between processes, which hold different patches.
    torch.manual_seed(int(stream(config.seed, step, MODEL).integers(2**62)) + ranks_of().index)
    for group in optimiser.param_groups:
        group["lr"] = rate(config, step)
    device = next(model.parameters()).device
    before = [buffer.clone() for buffer in model.buffers()]
    optimiser.zero_grad(set_to_none=True)
    images = batch.images.to(device, non_blocking=True)
    loss_of = partial(
        objective,
        coordinates_mm=batch.coordinates_mm.to(device, non_blocking=True),
        config=config,
        group=None if batch.group is None else batch.group.to(device, non_blocking=True),
        surface=surface,
    )
    half = torch.bfloat16 if config.precision == "bfloat16" else None
    if config.batch.chunk is None:
        result = _one_pass(model, images, loss_of, half, phases)
    else:
        with phases("two_pass"):
            result = two_pass_step(model, images, loss_of, chunk=config.batch.chunk, autocast=half)
    with phases("step"):
        norm = nn.utils.clip_grad_norm_(model.parameters(), config.clip_norm or math.inf)
        loss, length, positives, isolated = _numbers(result, norm)
        finite = math.isfinite(loss) and math.isfinite(length)
        if finite:
            optimiser.step()
        else:
            with torch.no_grad():
                for buffer, value in zip(model.buffers(), before, strict=True):
                    buffer.copy_(value)
    return StepResult(loss, length, positives, int(isolated), finite)


def _one_pass(
    model: nn.Module,
    images: Tensor,
    loss_of: Callable[[Tensor], LossResult],
    half: torch.dtype | None,
    phases: Phases,
) -> LossResult:
    """Add the gradient of a batch to the parameters, all activations in memory."""
    with phases("forward"), torch.autocast(images.device.type, half, enabled=half is not None):
        projected = model(images)
    with phases("loss"):
        result = loss_of(projected)
    with phases("backward"):
        result.loss.backward()  # type: ignore[no-untyped-call]
    return result


def objective(
    projected: Tensor,
    coordinates_mm: Tensor,
    config: TrainConfig,
    *,
    group: Tensor | None = None,
    surface: SurfaceTable | None = None,
) -> LossResult:
    """Return the loss that the configuration names.

    Parameters
    ----------
    projected : Tensor
        (n, d), or (2 n, d) with the second views after the first for SimCLR.
    coordinates_mm : Tensor
        (n, 3).
    config : TrainConfig
        The training.
    group : Tensor, optional
        (n,) label or brain of each patch.
    surface : SurfaceTable, optional
        Distances along the surface.
    """
    loss = config.loss
    if loss.kind == "simclr":
        first, second = projected.chunk(2)
        return nt_xent(first, second, temperature=loss.temperature, tile=loss.tile)
    if loss.kind == "supcon":
        assert group is not None
        return sup_con(projected, group, temperature=loss.temperature, tile=loss.tile)
    return spatial_nce(
        projected,
        coordinates_mm,
        brain=group,
        surface=surface,
        sigma_mm=loss.sigma_mm,
        temperature=loss.temperature,
        normalise_weights=loss.normalise_weights,
        min_mass=loss.min_mass,
        tile=loss.tile,
    )


def rate(config: TrainConfig, step: int) -> float:
    """Return the learning rate of a step of a training."""
    return learning_rate(
        step,
        name=config.schedule.name,
        steps=config.steps,
        peak=config.optimiser.lr,
        final=config.schedule.final,
        warmup_steps=config.schedule.warmup_steps,
    )


def optimiser_of(config: TrainConfig, model: nn.Module) -> torch.optim.Optimizer:
    """Return the optimiser of a training."""
    options = config.optimiser
    return make_optimiser(
        model,
        options.name,
        lr=options.lr,
        momentum=options.momentum,
        weight_decay=options.weight_decay,
        trust_coefficient=options.trust_coefficient,
        trust=options.trust,
        lr_in_momentum=options.lr_in_momentum,
    )


def _numbers(result: LossResult, norm: Tensor) -> list[float]:
    """Bring the numbers of a step from the device in one transfer."""
    values = (result.loss, norm, result.effective_positives, result.isolated)
    numbers: list[float] = torch.stack([v.detach().double() for v in values]).tolist()
    return numbers
