"""Commands whose libraries are an extra say so where it is not installed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from cytosurf.errors import InputError


@contextmanager
def from_extra(name: str) -> Iterator[None]:
    """Name the extra of the package where an import in the block does not find a library.

    Parameters
    ----------
    name : str
        The extra, as in ``pip install 'cytosurf[train]'``.

    Examples
    --------
    >>> with from_extra("train"):
    ...     import no_such_library
    Traceback (most recent call last):
        ...
    cytosurf.errors.InputError: extra train: found no library no_such_library; expected ...
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise InputError(
            f"extra {name}",
            f"no library {error.name}",
            "it installed",
            f"pip install 'cytosurf[{name}]'",
        ) from None
