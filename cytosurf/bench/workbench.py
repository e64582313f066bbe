"""Connectome Workbench as a peer: resampling by its command, with what that took."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cytosurf.errors import CytosurfError
from cytosurf.surfaces.gifti import label_part, map_part, write_label_file, write_map_file
from cytosurf.surfaces.space import Space

COMMAND = "wb_command"
METHODS = {"barycentric": "BARYCENTRIC", "adaptive": "ADAP_BARY_AREA"}
# A space of no name: files for Workbench state none.
_ANY = Space("any", "mesh")


@dataclass(frozen=True)
class Cost:
    """What some work took.

    Attributes
    ----------
    wall_s : float
        Seconds by the clock.
    cpu_s : float
        Seconds of all threads on processors.
    """

    wall_s: float
    cpu_s: float


def is_installed() -> bool:
    """Return whether ``wb_command`` can be called."""
    return shutil.which(COMMAND) is not None


def version() -> str:
    """Return the version that ``wb_command -version`` states, or an empty text."""
    if not is_installed():
        return ""
    done = subprocess.run([COMMAND, "-version"], capture_output=True, text=True, check=False)
    found = [line for line in done.stdout.splitlines() if line.startswith("Version:")]
    return found[0].partition(":")[2].strip() if found else ""


def call(arguments: Sequence[str | Path], *, threads: int | None = None) -> Cost:
    """Run ``wb_command`` and return what its process took.

    Parameters
    ----------
    arguments : sequence of str or path
        Command and files.
    threads : int, optional
        Threads that it may use; all cores if left out.

    Raises
    ------
    CytosurfError
        With its message, if it fails.
    """
    environment = {k: v for k, v in os.environ.items() if k != "OMP_NUM_THREADS"}
    if threads is not None:
        environment["OMP_NUM_THREADS"] = str(threads)
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(
        [COMMAND, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    wall_s, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise CytosurfError(f"{COMMAND} failed: {' '.join((done.stderr or done.stdout).split())}")
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(wall_s, cpu_s)


@dataclass(frozen=True)
class Peer:
    """Resampling between two spheres by Workbench.

    Attributes
    ----------
    spheres : (Path, Path)
        Source and target.
    method : {"barycentric", "adaptive"}
        As cytosurf calls it.
    areas : (Path, Path), optional
        Metric files with vertex areas, for "adaptive".
    """

    spheres: tuple[Path, Path]
    method: str
    areas: tuple[Path, Path] | None = None

    def metric(self, source: Path, out: Path, roi: Path | None = None) -> Cost:
        """Resample a metric file; with a mask, write also ``valid-`` plus the name of `out`."""
        return call(["-metric-resample", *self._arguments(source, out, roi)])

    def labels(self, source: Path, out: Path, roi: Path | None = None) -> Cost:
        """Resample a label file."""
        return call(["-label-resample", *self._arguments(source, out, roi)])

    def _arguments(self, source: Path, out: Path, roi: Path | None) -> list[str | Path]:
        areas: list[str | Path] = ["-area-metrics", *self.areas] if self.areas else []
        mask: list[str | Path] = []
        if roi is not None:
            valid = out.with_name(f"valid-{out.name}".replace(".label.", ".func."))
            mask = ["-current-roi", roi, "-valid-roi-out", valid]
        return [source, *self.spheres, METHODS[self.method], out, *areas, *mask]


def write_metric(path: Path, values: npt.NDArray[np.generic]) -> Path:
    """Write values (n,) or (n, n_columns) of a left hemisphere, as Workbench takes them."""
    columns = np.asarray(values, np.float32).reshape(len(values), -1)
    names = tuple(f"column_{i + 1}" for i in range(columns.shape[1]))
    write_map_file(path, columns.T.__getitem__, len(columns), names, "L", _ANY)
    return path


def write_labels(path: Path, keys: npt.NDArray[np.int32]) -> Path:
    """Write labels of a left hemisphere, as Workbench takes them."""
    names = {int(key): f"label {key}" for key in np.unique(keys)}
    write_label_file(path, keys.astype(np.int32), names | {0: "???"}, "L", _ANY)
    return path


def read_metric(path: Path) -> npt.NDArray[np.float32]:
    """Return the values (n, n_columns) of a metric file."""
    return np.asarray(map_part(path).values, np.float32)


def read_labels(path: Path) -> npt.NDArray[np.int32]:
    """Return the keys of a label file."""
    return np.asarray(label_part(path).values, np.int32)
