"""What a connector returns, and the two ways in which a library from outside can fail us."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Generic, TypeVar

from cytosurf.data.cache import is_offline
from cytosurf.errors import InputError, MissingDataError
from cytosurf.surfaces.maps import Parcellation, SurfaceMap
from cytosurf.surfaces.routes import route
from cytosurf.surfaces.space import KNOWN_SPACES, Space

Data = TypeVar("Data", SurfaceMap, Parcellation)

# The versions whose API the connectors were written and tested with.
TESTED = {"siibra": "1.0.1a25", "neuromaps": "0.0.7", "nilearn": "0.14.1", "brainspace": "0.3.0"}

CONNECTED = frozenset(TESTED)  # first words of the sources that connectors name

# Errors by which these libraries say that they reached nobody. siibra's are no OSErrors.
_UNREACHED = (
    *("NoSiibraConfigMirrorsAvailableException", "SiibraHttpRequestError", "RequestException"),
    *("URLError", "ConnectionError", "TimeoutError"),
)


@dataclass(frozen=True, eq=False)
class Fetched(Generic[Data]):
    """A map or labels from another package.

    Parameters
    ----------
    data : SurfaceMap or Parcellation
        In the space that the package has it in, or that it was sampled on.
    sources : tuple of str
        The package with its version, and what was asked of it.
    notes : tuple of str
        What a reader of a result should know: how it was made, on what terms.
    """

    data: Data
    sources: tuple[str, ...]
    notes: tuple[str, ...] = ()


def imported(module: str) -> Any:
    """Import a module of an optional package.

    Raises
    ------
    InputError
        If the package is not installed, or too broken to be imported.

    Examples
    --------
    >>> imported("math").pi > 3
    True
    """
    package = module.partition(".")[0]
    try:
        return importlib.import_module(module)
    except ImportError as error:
        found = "no such package" if _is_absent(package) else f"an import that fails ({error})"
        raise InputError(
            package, found, "an installed package", "pip install 'cytosurf[atlases]'"
        ) from error


def source_name(package: str, asked: str) -> str:
    """Return the source of a result: package, version, and what was asked of it.

    Examples
    --------
    >>> source_name("no-such-package", "map")
    'no-such-package (unknown version): map'
    """
    return f"{package} {_version(package)}: {asked}"


@contextmanager
def asking(package: str, asked: str, without_network: str) -> Iterator[None]:
    """Turn the failures of another package into errors that say what to do.

    With ``CYTOSURF_OFFLINE=1`` requests over the network fail at once, in this block.

    Parameters
    ----------
    package : str
        Its name.
    asked : str
        What is asked of it, for messages.
    without_network : str
        How the files can be brought to a machine without network, as a sentence.

    Raises
    ------
    MissingDataError
        If the package needed the network and did not reach it.
    InputError
        If the package has not the functions, or their results not the shape, that this version of
        cytosurf knows.
    """
    try:
        with _no_network() if is_offline() else nullcontext():
            yield
    except InputError:
        raise
    except Exception as error:
        names = {kind.__name__ for kind in type(error).__mro__}
        if names & set(_UNREACHED):
            raise MissingDataError(
                asked,
                "no network" + (" (CYTOSURF_OFFLINE is set)" if is_offline() else ""),
                f"files that {package} downloads",
                without_network,
            ) from error
        if names & {"AttributeError", "TypeError", "ImportError", "KeyError"}:
            raise moved(package, f"{type(error).__name__}: {error}") from error
        raise


def moved(package: str, what: str) -> InputError:
    """Build the error for a package whose API is not the one this version of cytosurf knows.

    Examples
    --------
    >>> print(moved("siibra", "no get_map"))  # doctest: +ELLIPSIS
    siibra: found version ..., whose API is another one (no get_map); expected that of version \
1.0.1a25. pip install 'siibra==1.0.1a25', or a newer cytosurf.
    """
    return InputError(
        package,
        f"version {_version(package)}, whose API is another one ({what})",
        f"that of version {TESTED[package]}",
        f"pip install '{package}=={TESTED[package]}', or a newer cytosurf.",
    )


def has_route(native: Space, wanted: Space) -> bool:
    """Return whether cytosurf knows a mesh and a way from it to the space that is wanted.

    Examples
    --------
    >>> fslr = Space("fsLR", "32k")
    >>> has_route(Space("bigbrain", "164k"), fslr), has_route(Space("civet", "41k"), fslr)
    (True, False)
    """
    if (native.template, native.density) not in KNOWN_SPACES:
        return False
    try:
        route(native, wanted)
    except InputError:
        return False
    return True


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "(unknown version)"


def _is_absent(package: str) -> bool:
    return importlib.util.find_spec(package) is None


@contextmanager
def _no_network() -> Iterator[None]:
    """Let every request over HTTP fail: all of these packages go through requests."""
    from requests.adapters import HTTPAdapter
    from requests.exceptions import ConnectionError as Unreached

    def refuse(*_: Any, **__: Any) -> Any:
        raise Unreached("CYTOSURF_OFFLINE is set")

    original = HTTPAdapter.send
    HTTPAdapter.send = refuse  # type: ignore[method-assign]
    try:
        yield
    finally:
        HTTPAdapter.send = original  # type: ignore[method-assign]
