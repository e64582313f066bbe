"""How long carrying maps to another mesh takes, beside Connectome Workbench."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from cytosurf.bench import workbench
from cytosurf.bench.conditions import Conditions, check_at_least, conditions, load_average
from cytosurf.bench.workbench import Cost
from cytosurf.errors import CytosurfError, InputError
from cytosurf.surfaces.adaptive import adaptive_weights
from cytosurf.surfaces.areas import midsurface_areas
from cytosurf.surfaces.barycentric import barycentric_weights
from cytosurf.surfaces.carrying import step_weights
from cytosurf.surfaces.gifti import read_mesh
from cytosurf.surfaces.routes import route, sphere_path
from cytosurf.surfaces.space import Space

REPEATS = 3
PEER_FILES = 5

# What is timed of ours: all that a call does in a fresh process but for imports.
_IMPORTS = """
import concurrent.futures, json, sys, time
import isal.isal_zlib, nibabel.gifti, pybase64, pydantic, scipy.sparse, yaml
from cytosurf.data import manifest
from cytosurf.surfaces import Space, areas, mapping
"""
_TIMED = f"""{_IMPORTS}
inputs, source, to, method, out = json.loads(sys.argv[1])
wall, cpu = time.perf_counter(), time.process_time()
mapping.map_files(inputs, Space.parse(to), out, source=Space.parse(source), method=method)
print(json.dumps([time.perf_counter() - wall, time.process_time() - cpu]))
"""


@dataclass(frozen=True)
class ResampleTiming:
    """One kind of work, done by both programs.

    Attributes
    ----------
    work : str
        What is carried.
    n_maps : int
        Columns, or files of one column.
    ours, peer : Cost
        Seconds of all of it, reading and writing included: median over repeated measurements.
        Several files are one call of ours and a process each of Workbench, of which some are
        measured and the mean is multiplied.
    wall_ratio, cpu_ratio : float
        Workbench's seconds over ours.
    least : float
        The ratio by the clock that is promised.
    """

    work: str
    n_maps: int
    ours: Cost
    peer: Cost
    wall_ratio: float
    cpu_ratio: float
    least: float


@dataclass(frozen=True)
class ResampleBench:
    """What `bench_resample` measured.

    Attributes
    ----------
    workbench : str
        Version of Connectome Workbench.
    source, target, method : str
        The way that maps were carried.
    import_s : float
        Seconds that our imports take, which are in no other figure.
    weights_s : float
        Processor seconds to compute the weights, once for all; they are cached in all others.
    timings : tuple of ResampleTiming
        One map, many columns, many files.
    conditions : Conditions
        When, where and at what load.
    """

    workbench: str
    source: str
    target: str
    method: str
    import_s: float
    weights_s: float
    timings: tuple[ResampleTiming, ...]
    conditions: Conditions

    @property
    def failures(self) -> tuple[str, ...]:
        """What is wrong: a sentence for each ratio below what is promised."""
        return tuple(
            f"{t.work}: {t.wall_ratio:.1f} times as fast as {workbench.COMMAND}, promised "
            f"{t.least:g}"
            for t in self.timings
            if t.wall_ratio < t.least
        )


def bench_resample(
    source: str = "bigbrain-164k",
    target: str = "fsLR-164k",
    method: str = "barycentric",
    *,
    columns: int = 200,
    files: int = 200,
    seed: int = 0,
) -> ResampleBench:
    """Time one map, one file of many columns, and many files, beside ``wb_command``.

    Maps are white noise of the left hemisphere, in GIFTI files that Workbench wrote. Workbench
    uses all cores, and so does cytosurf. Each of our calls is timed in a fresh process, after its
    imports and with the weights in the cache; a process of Workbench computes them each time.

    Parameters
    ----------
    source, target : str
        Spaces that one step joins.
    method : {"barycentric", "adaptive"}
        How maps are carried.
    columns, files : int
        Columns of the large file, and number of single files.
    seed : int
        Seed of the noise.

    Raises
    ------
    InputError
        If Workbench is not installed, or spaces, method or numbers do not fit.
    """
    if not workbench.is_installed():
        raise InputError(
            workbench.COMMAND,
            "no such command",
            "Connectome Workbench",
            "Debian and Ubuntu: apt-get install connectome-workbench.",
        )
    if method not in workbench.METHODS:
        raise InputError("method", repr(method), " or ".join(workbench.METHODS))
    for name, value in (("columns", columns), ("files", files)):
        check_at_least(name, value, 1)
    spaces = Space.parse(source), Space.parse(target)
    steps = route(*spaces, method=method)
    if len(steps) != 1:
        raise InputError("target", f"{source} to {target}", "spaces that one step joins")
    before = load_average()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        weights_s = _weights_seconds(spaces, method)
        peer = _peer(place, spaces, method)
        n_vertices = spaces[0].n_vertices or 0
        inputs = _inputs(place, n_vertices, columns, files, np.random.default_rng(seed))
        step = (str(spaces[0]), str(spaces[1]), method)
        timings = tuple(
            _timing(work, n_maps, peer, inputs[work], step, place, least)
            for work, n_maps, least in (
                ("one map", 1, 1),
                ("one file of many maps", columns, 10),
                ("many files", files, 20),
            )
        )
    return ResampleBench(
        workbench.version(),
        *step,
        import_s=_import_seconds(),
        weights_s=weights_s,
        timings=timings,
        conditions=conditions(before),
    )


def _inputs(
    place: Path, n_vertices: int, columns: int, files: int, rng: np.random.Generator
) -> dict[str, list[Path]]:
    """Write the maps to carry, with Workbench's own encoding."""
    noise = rng.normal(size=(n_vertices, columns)).astype(np.float32)
    first = workbench.write_metric(place / "in.func.gii", noise)
    large = place / "many_hemi-L.func.gii"
    workbench.call(["-metric-math", "x", large, "-var", "x", first])
    one = place / "map0_hemi-L.func.gii"
    workbench.call(["-metric-merge", one, "-metric", large, "-column", "1"])
    singles = []
    for index in range(files):
        singles.append(place / f"map{index}_hemi-L.func.gii")
        singles[-1].write_bytes(one.read_bytes())
    return {"one map": [one], "one file of many maps": [large], "many files": singles}


def _peer(place: Path, spaces: tuple[Space, Space], method: str) -> workbench.Peer:
    (step,) = route(*spaces, method=method)
    first, second = (sphere_path(name) for name in step.sphere_names("L"))
    if method != "adaptive":
        return workbench.Peer((first, second), method)
    source, target = (
        workbench.write_metric(place / f"area{i}.func.gii", midsurface_areas(space, "L"))
        for i, space in enumerate(spaces)
    )
    return workbench.Peer((first, second), method, (source, target))


def _timing(
    work: str,
    n_maps: int,
    peer: workbench.Peer,
    inputs: list[Path],
    step: tuple[str, str, str],
    place: Path,
    least: float,
) -> ResampleTiming:
    """Time both programs in turn: on a machine that others use, speed changes with time."""
    out = place / "out" if len(inputs) > 1 else place / "out_hemi-L.func.gii"
    n_measured = min(len(inputs), PEER_FILES)

    def theirs() -> Cost:
        costs = [peer.metric(file, place / "peer.func.gii") for file in inputs[:n_measured]]
        factor = len(inputs) / n_measured
        return Cost(
            factor * sum(cost.wall_s for cost in costs), factor * sum(cost.cpu_s for cost in costs)
        )

    ours, others = [], []
    for _ in range(REPEATS):
        ours.append(_ours(inputs, step, out))
        others.append(theirs())
    return ResampleTiming(
        work,
        n_maps,
        _median(ours),
        _median(others),
        wall_ratio=_median_ratio(others, ours, lambda cost: cost.wall_s),
        cpu_ratio=_median_ratio(others, ours, lambda cost: cost.cpu_s),
        least=least,
    )


def _ours(inputs: list[Path], step: tuple[str, str, str], out: Path) -> Cost:
    """Return what a call of ours takes in a fresh process, imports left out."""
    arguments = json.dumps([[str(file) for file in inputs], *step, str(out)])
    done = subprocess.run(
        [sys.executable, "-c", _TIMED, arguments], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise CytosurfError(f"a measured call failed: {done.stderr.strip().splitlines()[-1]}")
    return Cost(*json.loads(done.stdout))


def _weights_seconds(spaces: tuple[Space, Space], method: str) -> float:
    """Return the processor seconds of computing weights; the cache is filled on the way."""
    (step,) = route(*spaces, method=method)
    step_weights(step, "L", method=method)
    first, second = (read_mesh(sphere_path(name), "L") for name in step.sphere_names("L"))
    areas = [midsurface_areas(space, "L") for space in spaces]
    start = time.process_time()
    if method == "adaptive":
        adaptive_weights(first, second, *areas)
    else:
        barycentric_weights(first, second)
    return time.process_time() - start


def _import_seconds() -> float:
    """Return the seconds from start to end of a process that only imports what is needed."""
    code = f"import time; start = time.perf_counter(){_IMPORTS}print(time.perf_counter() - start)"
    costs = []
    for _ in range(REPEATS):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
        costs.append(float(done.stdout))
    return float(np.median(costs))


def _median(costs: list[Cost]) -> Cost:
    wall_s, cpu_s = np.median([list(asdict(cost).values()) for cost in costs], axis=0)
    return Cost(float(wall_s), float(cpu_s))


def _median_ratio(peer: list[Cost], ours: list[Cost], of: Callable[[Cost], float]) -> float:
    return float(np.median([of(p) / of(o) for p, o in zip(peer, ours, strict=True)]))
