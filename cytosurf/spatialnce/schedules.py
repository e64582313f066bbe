"""Schedules: the learning rate as a function of the step alone, so that nothing need be saved."""

from __future__ import annotations

import math
from collections.abc import Callable

from cytosurf.errors import unknown_name


def constant(step: int, steps: int, peak: float, final: float) -> float:  # noqa: ARG001
    """Return `peak`, whatever the step."""
    return peak


def linear(step: int, steps: int, peak: float, final: float) -> float:
    """Return the value on the straight line from `peak` at step 0 to `final` at `steps`."""
    return peak + (final - peak) * step / steps


def cosine(step: int, steps: int, peak: float, final: float) -> float:
    """Return the value on half a cosine from `peak` at step 0 to `final` at `steps`."""
    return final + (peak - final) * 0.5 * (1 + math.cos(math.pi * step / steps))


SCHEDULES: dict[str, Callable[[int, int, float, float], float]] = {
    "constant": constant,
    "linear": linear,
    "cosine": cosine,
}


def learning_rate(
    step: int,
    *,
    name: str,
    steps: int,
    peak: float,
    final: float = 0.0,
    warmup_steps: int = 0,
) -> float:
    """Return the learning rate of a step.

    Parameters
    ----------
    step : int
        Number of the update, from 0.
    name : {"constant", "linear", "cosine"}
        Shape after the warm-up.
    steps : int
        Updates in all; from there on the rate stays at its last value.
    peak, final : float
        Rate after the warm-up and at the end.
    warmup_steps : int, optional
        Updates of a linear rise: ``peak * (step + 1) / warmup_steps``, the last of them at `peak`.

    Raises
    ------
    InputError
        If the name is unknown.

    Examples
    --------
    >>> [learning_rate(t, name="cosine", steps=6, peak=1.0, warmup_steps=2) for t in (0, 1, 2, 4)]
    [0.5, 1.0, 1.0, 0.5]
    """
    if name not in SCHEDULES:
        raise unknown_name("schedule.name", name, SCHEDULES)
    if step < warmup_steps:
        return peak * (step + 1) / warmup_steps
    rest = max(steps - warmup_steps, 1)
    return SCHEDULES[name](min(step - warmup_steps, rest), rest, peak, final)
