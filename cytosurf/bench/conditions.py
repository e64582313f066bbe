"""Under what conditions a benchmark ran: without them its figures say nothing."""

from __future__ import annotations

import datetime
import os
from collections.abc import Iterable
from dataclasses import dataclass

from cytosurf.errors import InputError
from cytosurf.runs import provenance


@dataclass(frozen=True)
class Conditions:
    """When and where a benchmark ran, and how busy the machine was.

    Attributes
    ----------
    date : str
        Date and time in UTC at the end.
    cpu : str
        Name of the processor.
    cores : int
        Cores of the machine.
    load : tuple of float, or None
        Processes that wanted a core, averaged over a minute: before and after. None where the
        system does not tell.
    versions : dict of str to str
        Of Python and the packages that results depend on.
    """

    date: str
    cpu: str
    cores: int
    load: tuple[float, float] | None
    versions: dict[str, str]


def load_average() -> float | None:
    """Return how many processes wanted a core over the last minute; None where not known."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None


def conditions(load_before: float | None) -> Conditions:
    """Return the conditions of a benchmark that ends now.

    Parameters
    ----------
    load_before : float or None
        `load_average` when it began.

    Examples
    --------
    >>> conditions(load_average()).cores > 0
    True
    """
    load_after = load_average()
    load = None
    if load_before is not None and load_after is not None:
        load = (round(load_before, 2), round(load_after, 2))
    return Conditions(
        date=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        cpu=provenance.machine()["cpu"],
        cores=os.cpu_count() or 1,
        load=load,
        versions=provenance.versions(),
    )


def listed(names: str | Iterable[str]) -> list[str]:
    """Return names that may be given as one text, separated by commas.

    Examples
    --------
    >>> listed("hist, micro,")
    ['hist', 'micro']
    """
    parts = names.split(",") if isinstance(names, str) else names
    return [part.strip() for part in parts if part.strip()]


def check_at_least(argument: str, value: int, least: int) -> None:
    """Raise `InputError` that names an argument for a number below `least`."""
    if value < least:
        raise InputError(argument, str(value), f"a whole number of at least {least}")
