"""Locks: one process at a time works on a run directory, or one on each of the shards of its spins.

Two processes that do the same spins corrupt nothing, for files are whole and spins the same, but
each does all of the work, and the last to end decides what ``results.json`` says. So a session
leaves a file that names its process and host, and removes it at its end. It is touched twice a
minute: a process that was killed is known by its number on the same host, and elsewhere by a file
that nobody touches any more, for which one has to look twice. So a job that is killed and begun
again on another node waits for a while and goes on. Files of a copied directory lock nothing.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cytosurf.compute.files import writing
from cytosurf.errors import InputError

PREFIX = ".lock"
TOUCH_SECONDS = 30.0
# Untouched for so long, a lock of another host is of a process that has ended. (What is known of
# files on shared disks may be a minute old.)
STALE_SECONDS = 180.0
LOOK_SECONDS = 1.0
WAIT_SECONDS, POLL_SECONDS = 300.0, 0.05  # of who waits for its turn
SHARE = "Wait for it, or share the spins: cytosurf spin RUN_DIR --shard 1/2."


@contextmanager
def locked(directory: Path, shard: str | None = None, *, way_out: str = SHARE) -> Iterator[None]:
    """Keep other processes from working on the same directory while the block runs.

    Parameters
    ----------
    directory : Path
        A run directory; made if it is not there.
    shard : str, optional
        The shard that is worked on, such as ``"3/10"``; the whole run if left out. Shards go on
        beside each other, but neither beside the whole run nor beside themselves.
    way_out : str, optional
        What to do where another process is at work.

    Raises
    ------
    InputError
        If another process is at work, with its host and number.
    WriteError
        If the disk is full.
    """
    path = directory / _name(shard)
    with writing(path):
        directory.mkdir(parents=True, exist_ok=True)
    check_unlocked(directory, shard, way_out=way_out)
    if not _create(path):
        raise _refusal(directory, path, way_out)
    # Who came at the same moment finds this file, or is found here: at most one goes on.
    try:
        check_unlocked(directory, shard, but=path, way_out=way_out)
        with _touching(path):
            yield
    finally:
        path.unlink(missing_ok=True)


@contextmanager
def one_at_a_time(path: Path) -> Iterator[None]:
    """Keep other processes and threads out while a short block runs: who comes later waits.

    Parameters
    ----------
    path : Path
        The file that says who is at work, in a directory that is there. Its name is no `PREFIX`.

    Raises
    ------
    InputError
        If another process is still at work after five minutes.
    WriteError
        If the file cannot be written.
    """
    end = time.monotonic() + WAIT_SECONDS
    while not _create(path):
        # Nothing to read is a lock that has just gone, or is being written.
        if (lock := _read(path)) and not _holds(lock, path, path.parent):
            with writing(path):
                _remove(path)
        elif time.monotonic() >= end:
            way_out = f"Wait for it, or remove {path} if it has ended; then run the command again."
            raise _refusal(path.parent, path, way_out)
        else:
            time.sleep(POLL_SECONDS)
    try:
        with _touching(path):
            yield
    finally:
        path.unlink(missing_ok=True)


def check_unlocked(
    directory: Path, shard: str | None = None, *, but: Path | None = None, way_out: str = SHARE
) -> None:
    """Raise `InputError` if a process is at work that a session would be in the way of.

    Files of processes that have ended are removed.

    Parameters
    ----------
    directory : Path
        A run directory, or where one will be.
    shard : str, optional
        The shard to be worked on; the whole run if left out.
    but : Path, optional
        A lock of the caller.
    way_out : str, optional
        What to do then.
    """
    conflicting = {_name(None), _name(shard)}
    for path in sorted(directory.glob(f"{PREFIX}*")):
        if path == but or (shard is not None and path.name not in conflicting):
            continue
        with writing(path):
            if _is_held(path, directory):
                raise _refusal(directory, path, way_out)
            _remove(path)


def _remove(path: Path) -> None:
    """Remove what a process left that has ended, and not what another has put there since."""
    with tempfile.TemporaryDirectory(prefix=".tmp-", dir=path.parent) as aside:
        moved = Path(aside) / path.name
        try:
            path.rename(moved)
        except FileNotFoundError:
            return
        if _is_held(moved, path.parent):
            with contextlib.suppress(OSError):
                os.link(moved, path)


def _name(shard: str | None) -> str:
    return PREFIX if shard is None else f"{PREFIX}-shard-{shard.replace('/', '-')}"


def _create(path: Path) -> bool:
    """Write a lock at once, with all its content; return whether there was none."""
    host, process = socket.gethostname(), os.getpid()
    content = {
        "host": host,
        "process": process,
        "process_start": _process_start(process),
        "since": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "directory": path.parent.stat().st_ino,
    }
    with writing(path):
        return _link(path, content)


def _link(path: Path, content: dict[str, Any]) -> bool:
    handle, temporary = tempfile.mkstemp(prefix=".tmp-", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            json.dump(content, stream)
        try:
            os.link(temporary, path)
        except FileExistsError:
            return False
        except OSError:  # a file system without links
            with contextlib.suppress(FileExistsError), path.open("x", encoding="utf-8") as stream:
                json.dump(content, stream)
                return True
            return False
        return True
    finally:
        Path(temporary).unlink(missing_ok=True)


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _is_held(path: Path, directory: Path) -> bool:
    """Return whether the process that left a lock is still at work on this directory."""
    lock = _read(path)
    return bool(lock) and _holds(lock, path, directory)


def _holds(lock: dict[str, Any], path: Path, directory: Path) -> bool:
    if lock.get("directory") != directory.stat().st_ino:
        return False
    if lock.get("host") != socket.gethostname():
        return _is_touched(path)
    process = lock["process"]
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # of another user, but there
        pass
    # Numbers of processes are given again.
    return bool(_process_start(process) == lock.get("process_start"))


def _process_start(process: int) -> int | None:
    """Return when a process started, in ticks since the system did; None where it is not told."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text("ascii", errors="replace")
        return int(fields.rpartition(")")[2].split()[19])
    except (OSError, ValueError, IndexError):
        return None


def _seconds_untouched(path: Path) -> float:
    """Return the age of a file by the clock of its file system, which may not be ours."""
    with tempfile.NamedTemporaryFile(prefix=".tmp-", dir=path.parent) as now:
        return Path(now.name).stat().st_mtime - path.stat().st_mtime


def _is_touched(path: Path) -> bool:
    """Wait until a file is touched, and return True; or has not been for too long, or is gone."""
    try:
        before = path.stat().st_mtime_ns
        while _seconds_untouched(path) < STALE_SECONDS:
            if path.stat().st_mtime_ns != before:
                return True
            time.sleep(LOOK_SECONDS)
    except FileNotFoundError:
        pass
    return False


@contextmanager
def _touching(path: Path) -> Iterator[None]:
    """Touch a lock while the block runs, so that other hosts know of it."""
    ended = threading.Event()
    thread = threading.Thread(target=_touch_until, args=(path, ended), daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _touch_until(path: Path, ended: threading.Event) -> None:
    while not ended.wait(TOUCH_SECONDS):
        with contextlib.suppress(OSError):
            path.touch(exist_ok=True)


def _refusal(directory: Path, path: Path, way_out: str) -> InputError:
    lock = _read(path)
    of_shard = path.name.startswith(f"{PREFIX}-shard-")
    shard = path.name.removeprefix(f"{PREFIX}-shard-") if of_shard else ""
    doing = f" on shard {shard.replace('-', '/')}" if shard else ""
    return InputError(
        str(directory),
        f"process {lock.get('process', '?')} on {lock.get('host', '?')} at work{doing} since "
        f"{lock.get('since', 'a moment ago')}",
        "one process at a time",
        way_out,
    )
