"""Errors name the option of the command line where a function names an argument of its own."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from cytosurf.errors import InputError

if TYPE_CHECKING:
    from cytosurf.surfaces.space import Space

# An argument of a function, one of the folds of a run, or an item of a list of them. Nothing else
# ends at a dot: `labels.nii.gz` is a file, whatever arguments there are.
_ARGUMENT = re.compile(r"(?:folds\.)?(\w+)(?:\.\d+)?")


@contextmanager
def naming_options(
    arguments: Collection[str], option_of: Mapping[str, str] | None = None
) -> Iterator[None]:
    """Put the option in the place of the argument in an `InputError`.

    Parameters
    ----------
    arguments : collection of str
        Arguments that have an option.
    option_of : mapping of str to str, optional
        Options that are not called like their argument.

    Examples
    --------
    >>> with naming_options(["n_folds"]):
    ...     raise InputError("n_folds", "0", "2 or more")
    Traceback (most recent call last):
    cytosurf.errors.InputError: --n-folds: found 0; expected 2 or more.
    """
    try:
        yield
    except InputError as error:
        argument = _ARGUMENT.fullmatch(error.where)
        name = error.where if argument is None else argument[1]
        if name not in arguments:
            raise
        option = "--" + (option_of or {}).get(name, name).replace("_", "-")
        raise InputError(option, error.found, error.expected, error.way_out) from None


def parsed_space(text: str, option: str) -> Space:
    """Return the space that an option names.

    Raises
    ------
    InputError
        If it names none; the message names the option.

    Examples
    --------
    >>> str(parsed_space("fs_LR 32k", "to"))
    'fsLR-32k'
    """
    from cytosurf.surfaces.space import Space

    with naming_options(("space",), {"space": option}):
        return Space.parse(text)
