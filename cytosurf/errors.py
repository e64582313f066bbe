"""Errors that a caller may want to catch, and the one form in which bad input is reported.

Every message for bad input answers four questions in one sentence each: which file or option,
what was found, what was expected, and what to do about it. The command line prints the message
alone and ends with exit code 2 for `InputError`, 1 for every other `CytosurfError`.
"""

from __future__ import annotations

import difflib
import errno
from collections.abc import Iterable

FULL = (errno.ENOSPC, errno.EDQUOT)  # of a disk, of a quota


class CytosurfError(Exception):
    """Base of all errors raised on purpose by cytosurf."""


class InputError(CytosurfError, ValueError):
    """A file, an option or an array is not what it must be.

    Parameters
    ----------
    where : str
        The file, option or argument at fault.
    found : str
        What was found there.
    expected : str
        What was expected instead.
    way_out : str, optional
        What the user can do about it.

    Examples
    --------
    >>> print(InputError("--spins", "-3", "a whole number of at least 0"))
    --spins: found -3; expected a whole number of at least 0.
    """

    def __init__(self, where: str, found: str, expected: str, way_out: str = "") -> None:
        self.where = where
        self.found = found
        self.expected = expected
        self.way_out = way_out
        super().__init__(where, found, expected, way_out)

    def __str__(self) -> str:
        message = f"{self.where}: found {self.found}; expected {self.expected}."
        return f"{message} {self.way_out}".rstrip()


class MissingDataError(InputError):
    """A file of a known source is not in the data directory and may not be downloaded now."""


class DownloadError(CytosurfError):
    """A download failed for good: every address was tried, and retried."""


class WriteError(CytosurfError, OSError):
    """A file cannot be written: the disk or a quota is full, or the place may not be written to.

    Parameters
    ----------
    errno : int or None
        Number of the error of the operating system.
    strerror : str
        What the operating system says.
    filename : str
        The file.
    """

    def __str__(self) -> str:
        return (
            f"{self.filename}: cannot be written ({self.strerror}). Nothing is half-written, and "
            "what is finished stays: make room or mend the place, and the same command goes on."
        )


class CytosurfWarning(UserWarning):
    """Something was handled that the user should know about."""


def unknown_name(where: str, name: str, known: Iterable[str]) -> InputError:
    """Build the error for a name that is not in a list, with the nearest known names.

    Parameters
    ----------
    where : str
        The option or argument that held the name.
    name : str
        The unknown name.
    known : iterable of str
        All names that would have been accepted.

    Returns
    -------
    InputError
        To be raised by the caller.

    Examples
    --------
    >>> print(unknown_name("--target", "yoe7", ["yeo7", "yeo17"]))
    --target: found 'yoe7'; expected one of yeo17, yeo7. Did you mean 'yeo7'?
    """
    names = sorted(known)
    near = difflib.get_close_matches(name.lower(), names, n=1, cutoff=0.5)
    way_out = f"Did you mean {near[0]!r}?" if near else ""
    return InputError(where, repr(name), f"one of {', '.join(names)}", way_out)
