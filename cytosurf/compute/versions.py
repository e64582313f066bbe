"""Versions of what results depend on."""

from __future__ import annotations

import platform
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version

# What results may depend on to the bit, if only through the code that is compiled.
TO_THE_BIT = ("cytosurf", "numpy", "numba")


def installed_versions(packages: Iterable[str]) -> dict[str, str]:
    """Return the versions of Python and of those of the packages that are installed.

    A package that is used from a source tree has none, and is left out.

    Examples
    --------
    >>> list(installed_versions(["numpy", "no-such-package"]))
    ['python', 'numpy']
    """
    found = {"python": platform.python_version()}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
