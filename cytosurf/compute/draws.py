"""Random draws that depend on a seed and a number alone, however work is split."""

from __future__ import annotations

import numpy as np

from cytosurf.errors import InputError

_LARGEST = 2**64 - 1


def counter_generator(stream: int, seed: int, number: int, part: int = 0) -> np.random.Generator:
    """Return the counter-based generator (Philox) of one draw.

    Parameters
    ----------
    stream : int
        What is drawn: keeps draws of different kinds made with the same seed apart.
    seed : int
        0 to 2**64 - 1.
    number : int
        Of the draw, e.g. of a spin; 0 to 2**64 - 1.
    part : int, optional
        Of the draw, e.g. the hemisphere.

    Returns
    -------
    numpy.random.Generator
        Its draws advance the first word of the counter only, so no two draws ever overlap.

    Raises
    ------
    InputError
        If seed or number is negative, too large or not a whole number.

    Examples
    --------
    >>> one, again = (counter_generator(1, seed=0, number=7).random() for _ in range(2))
    >>> one == again, one == counter_generator(1, seed=0, number=8).random()
    (True, False)
    """
    _check_whole("seed", seed)
    _check_whole("spin number k", number)
    key = np.array([seed, stream], dtype=np.uint64)
    counter = np.array([0, 0, part, number], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(key=key, counter=counter))


def _check_whole(where: str, value: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise InputError(where, repr(value), "a whole number")
    if not 0 <= value <= _LARGEST:
        raise InputError(where, str(value), f"0 to {_LARGEST}")
