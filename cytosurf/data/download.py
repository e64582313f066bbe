"""Downloading one upstream file: over HTTP, retried, and accepted only when it is the right one."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import requests
from pooch import HTTPDownloader

from cytosurf._version import __version__
from cytosurf.compute.files import file_sha256
from cytosurf.data.manifest import Upstream
from cytosurf.errors import DownloadError

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

ATTEMPTS = 4
FIRST_WAIT_S = 1.0  # doubled after every attempt
CONNECT_TIMEOUT_S = 10.0
READ_TIMEOUT_S = 30.0  # longest silence of a server
RETRIED_STATUS = (408, 429)  # request timeout, too many requests; and every 5xx


@dataclass(frozen=True)
class _Failure:
    """Why one attempt failed, and whether another attempt at the same address may help."""

    reason: str
    is_final: bool


class ProgressBar:
    """A bar on the terminal for all parts of one file, in the form that pooch expects.

    Parameters
    ----------
    progress : rich.progress.Progress
        Where the bar is drawn.
    task : int
        The bar.
    """

    def __init__(self, progress: Progress, task: TaskID) -> None:
        self.total = 0  # set by pooch for every response
        self._progress = progress
        self._task = task
        self._finished = 0
        self._received = 0

    def update(self, n_bytes: int) -> None:
        """Note that about `n_bytes` more have arrived."""
        self._received += n_bytes
        self._progress.update(self._task, completed=self._finished + self._received)

    def reset(self) -> None:
        """Begin the current part again."""
        self._received = 0

    def close(self) -> None:
        """Do nothing: the bar goes on with the next part."""

    def finish_part(self, n_bytes: int) -> None:
        """Note that a part of `n_bytes` is complete and correct."""
        self._finished += n_bytes
        self.reset()
        self.update(0)


@contextmanager
def progress_bar(description: str, n_bytes: int) -> Iterator[ProgressBar | None]:
    """Give a progress bar on standard error, or None where that is not a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        yield None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(*columns, TransferSpeedColumn(), console=console, transient=True) as progress:
        yield ProgressBar(progress, progress.add_task(description, total=n_bytes))


def download(upstream: Upstream, target: Path, bar: ProgressBar | None = None) -> None:
    """Download one upstream file, from whichever of its addresses works.

    Broken, silent and overloaded servers are tried again with growing pauses; an address that
    says "not found" or sends another file is not.

    Parameters
    ----------
    upstream : Upstream
        Addresses, size and checksum.
    target : pathlib.Path
        Where to write; does not exist afterwards unless the download succeeded.
    bar : ProgressBar, optional
        Shows how far it is.

    Raises
    ------
    DownloadError
        If every address failed; the message says for each one what happened.
    """
    failures: dict[str, _Failure] = {}
    for attempt in range(ATTEMPTS):
        urls = [url for url in upstream.urls if url not in failures or not failures[url].is_final]
        if not urls:
            break
        if attempt:
            time.sleep(FIRST_WAIT_S * 2 ** (attempt - 1))
        for url in urls:
            failure = _attempt(url, upstream, target, bar)
            if failure is None:
                return
            target.unlink(missing_ok=True)
            failures[url] = failure
    what_happened = "; ".join(f"{url}: {failure.reason}" for url, failure in failures.items())
    raise DownloadError(
        f"The download failed ({what_happened}). "
        "Check the connection (a proxy is set with HTTPS_PROXY) and try again, or get the file "
        "in another way and run `cytosurf data import DIR` on its folder."
    )


def _attempt(
    url: str, upstream: Upstream, target: Path, bar: ProgressBar | None
) -> _Failure | None:
    """Try one address once; return why it failed, or None."""
    downloader = HTTPDownloader(
        progressbar=bar or False,
        timeout=(CONNECT_TIMEOUT_S, READ_TIMEOUT_S),
        headers={"User-Agent": f"cytosurf/{__version__}"},
    )
    if bar:
        bar.reset()
    try:
        downloader(url, str(target), None)
    except requests.RequestException as error:
        return _failure_of(error)
    n_bytes = target.stat().st_size
    if n_bytes < upstream.bytes:
        reason = f"the server sent only {n_bytes:,} of {upstream.bytes:,} bytes"
        return _Failure(reason, is_final=False)
    digest = file_sha256(target)
    if digest != upstream.sha256:
        reason = (
            f"the server sent another file ({n_bytes:,} bytes, SHA-256 {digest}; expected "
            f"{upstream.bytes:,} bytes, SHA-256 {upstream.sha256})"
        )
        return _Failure(reason, is_final=True)
    if bar:
        bar.finish_part(n_bytes)
    return None


def _failure_of(error: requests.RequestException) -> _Failure:
    """Say in words what a request failed with."""
    if isinstance(error, requests.HTTPError) and error.response is not None:
        status = error.response.status_code
        reason = f"the server answered {status} {error.response.reason}"
        return _Failure(reason, is_final=status < 500 and status not in RETRIED_STATUS)
    # A silence in the middle of a body arrives as a ConnectionError that wraps the timeout.
    if isinstance(error, requests.ReadTimeout) or "Read timed out" in str(error):
        return _Failure(f"the server sent nothing for {READ_TIMEOUT_S:g} s", is_final=False)
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return _Failure("the connection broke off", is_final=False)
    if isinstance(error, ValueError):  # an address that requests cannot use
        return _Failure(str(error), is_final=True)
    return _Failure("no connection", is_final=False)  # requests' text has addresses of objects
