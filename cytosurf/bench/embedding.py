"""How long a large table of embeddings takes to the cortex, and how much memory."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cytosurf.bench.conditions import Conditions, check_at_least, conditions, load_average
from cytosurf.bench.shares import peak_bytes
from cytosurf.errors import InputError
from cytosurf.features.embedding_assign import AssignedEmbeddings, assign_to_midsurface
from cytosurf.features.embedding_spaces import load_midsurfaces
from cytosurf.features.embedding_table import EmbeddingTable
from cytosurf.features.embedding_writing import EmbeddingChunk, write_embeddings
from cytosurf.surfaces import Mesh, Space, resample

SPACE = "bigbrain"
ROWS = 4096  # that are generated at once
N_WAVES = 64  # smooth maps that the features are mixed of, beside noise
JITTER_MM = 0.4  # of points around the midsurface
N_CHECKED = 50  # vertices whose nearest point is searched by hand
ROOM = 1.1  # of the table's size, that must be free on the disk


@dataclass(frozen=True)
class EmbeddingBench:
    """What `bench_embedding` measured.

    Attributes
    ----------
    n_points, n_features, n_components, seed : int
        Size of the table, components, and seed of its generation.
    target : str
        Space of the result.
    n_vertices : int
        Vertices of both midsurfaces.
    table_mb : float
        Size of the file in MB.
    generate_cpu_s : float
        CPU seconds to generate and write it: not part of the route.
    assign_cpu_s, assign_wall_s : float
        CPU seconds, and seconds by the clock, from the file to components on the midsurface.
    resample_cpu_s, resample_wall_s : float
        From there to the target.
    read_cpu_s, read_wall_s : float
        Reading all features once and doing nothing with them: part of the route, and a limit.
    products_cpu_s : float
        Products of all pairs of features over the vertices by BLAS in float64: the other limit.
    peak_memory_mb : float or None
        Largest resident memory of the process; None where the system does not tell.
    n_checked, n_different : int
        Vertices whose nearest point was searched by hand, and those where another one was taken.
    conditions : Conditions
        When, where and at what load.
    """

    n_points: int
    n_features: int
    n_components: int
    seed: int
    target: str
    n_vertices: int
    table_mb: float
    generate_cpu_s: float
    assign_cpu_s: float
    assign_wall_s: float
    resample_cpu_s: float
    resample_wall_s: float
    read_cpu_s: float
    read_wall_s: float
    products_cpu_s: float
    peak_memory_mb: float | None
    n_checked: int
    n_different: int
    conditions: Conditions

    @property
    def failures(self) -> tuple[str, ...]:
        """What is wrong: a sentence if a vertex did not take the point that is nearest."""
        if not self.n_different:
            return ()
        return (f"{self.n_different} of {self.n_checked} vertices did not take the nearest point",)


def bench_embedding(
    points: int = 1_000_000,
    features: int = 768,
    components: int = 32,
    *,
    space: str = "fsLR-32k",
    seed: int = 0,
    folder: Path | None = None,
    midsurfaces: Mapping[str, Mesh] | None = None,
    mesh_space: Space | None = None,
) -> EmbeddingBench:
    """Time a table of embeddings from its file to principal components on another space.

    The table is generated around the BigBrain midsurface and written to a temporary folder first
    (3 GB for a million points of 768 features); it lies in the memory of the operating system
    then, so that reading it is faster than from a cold disk.

    Parameters
    ----------
    points, features, components : int
        Size of the table, and components.
    space : str
        Where the components go.
    seed : int
        Of the generated table.
    folder : pathlib.Path, optional
        Where the temporary folder is made.
    midsurfaces, mesh_space : optional
        Another midsurface than BigBrain's, and its space.

    Returns
    -------
    EmbeddingBench

    Raises
    ------
    InputError
        If a number is below 1, a name is unknown, or the disk has no room for the table.

    Examples
    --------
    >>> from cytosurf.bench import bench_embedding
    >>> bench_embedding(10_000, 64, 8).n_different  # doctest: +SKIP
    0
    """
    for name, value in (("points", points), ("features", features), ("components", components)):
        check_at_least(name, value, 1)
    to, before = Space.parse(space), load_average()
    own = {} if midsurfaces is None else {"midsurfaces": midsurfaces, "mesh_space": mesh_space}
    meshes = load_midsurfaces(SPACE) if midsurfaces is None else midsurfaces
    with tempfile.TemporaryDirectory(dir=folder) as name:
        _check_room(Path(name), points * features * 4)
        path = Path(name) / "embeddings.h5"
        generate = _Timed()
        write_embeddings(path, generated(meshes, points, features, seed), space=SPACE)
        generate.stop()
        assign = _Timed()
        table = EmbeddingTable.open(path)
        assigned = assign_to_midsurface(table, n_components=components, **own)  # type: ignore[arg-type]
        assign.stop()
        carry = _Timed()
        resample(assigned.features, to)
        carry.stop()
        memory = peak_bytes()
        read = _Timed()
        for _ in table.chunks():
            pass
        read.stop()
        return EmbeddingBench(
            n_points=points,
            n_features=features,
            n_components=components,
            seed=seed,
            target=str(to),
            n_vertices=assigned.distance.n_vertices,
            table_mb=path.stat().st_size / 1e6,
            generate_cpu_s=generate.cpu_s,
            assign_cpu_s=assign.cpu_s,
            assign_wall_s=assign.wall_s,
            resample_cpu_s=carry.cpu_s,
            resample_wall_s=carry.wall_s,
            read_cpu_s=read.cpu_s,
            read_wall_s=read.wall_s,
            products_cpu_s=_products_cpu_s(int(assigned.features.valid.sum()), features),
            peak_memory_mb=None if memory is None else memory / 1e6,
            n_checked=N_CHECKED,
            n_different=_n_different(table, assigned, meshes),
            conditions=conditions(before),
        )


def generated(
    midsurfaces: Mapping[str, Mesh], n_points: int, n_features: int, seed: int
) -> Iterator[EmbeddingChunk]:
    """Give a made-up table: smooth maps of position and noise, mixed into features.

    Parameters
    ----------
    midsurfaces : mapping of str to Mesh
        Points are scattered around their vertices.
    n_points, n_features, seed : int
        Size of the table, and seed.
    """
    vertices = np.concatenate([midsurfaces[h].vertices for h in sorted(midsurfaces)])
    rng = np.random.default_rng(seed)
    waves = rng.normal(scale=0.1, size=(3, N_WAVES))
    phases = rng.uniform(0, 2 * np.pi, N_WAVES)
    mixing = rng.standard_normal((N_WAVES, n_features)) * np.geomspace(1, 0.05, N_WAVES)[:, None]
    for start in range(0, n_points, ROWS):
        n = min(ROWS, n_points - start)
        points = vertices[rng.integers(len(vertices), size=n)].astype(np.float64)
        points += JITTER_MM * rng.standard_normal((n, 3))
        features = rng.standard_normal((n, n_features), dtype=np.float32)
        features += (np.cos(points @ waves + phases) @ mixing).astype(np.float32)
        yield EmbeddingChunk(points, features)


class _Timed:
    """CPU seconds and seconds by the clock from when it is made to `stop`."""

    def __init__(self) -> None:
        self._cpu, self._wall = time.process_time(), time.perf_counter()

    def stop(self) -> None:
        self.cpu_s = time.process_time() - self._cpu
        self.wall_s = time.perf_counter() - self._wall


def _products_cpu_s(n_rows: int, n_features: int) -> float:
    """Return the CPU seconds that BLAS takes for the products, measured on a part of the rows."""
    block = np.random.default_rng(0).standard_normal((min(n_rows, 8192), n_features))
    timed = _Timed()
    block.T @ block
    timed.stop()
    return timed.cpu_s * n_rows / len(block)


def _n_different(
    table: EmbeddingTable, assigned: AssignedEmbeddings, midsurfaces: Mapping[str, Mesh]
) -> int:
    """Return at how many of some vertices another point is nearer than the one taken."""
    sides = assigned.distance.hemispheres
    vertices = np.concatenate([midsurfaces[h].vertices for h in sides]).astype(np.float64)
    some = np.random.default_rng(1).permutation(len(vertices))[:N_CHECKED]
    taken = _distance_mm(vertices[some], table.points_mm[assigned.nearest[some]])
    nearest = [_distance_mm(vertex, table.points_mm).min() for vertex in vertices[some]]
    return int((taken > np.array(nearest) + 1e-9).sum())


def _distance_mm(a: npt.NDArray[np.float64], b: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    distance: npt.NDArray[np.float64] = np.linalg.norm(a - b, axis=-1)
    return distance


def _check_room(folder: Path, n_bytes: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < ROOM * n_bytes:
        raise InputError(
            str(folder),
            f"{free / 1e9:.1f} GB free",
            f"room for a table of {n_bytes / 1e9:.1f} GB",
            "Name another folder with TMPDIR, or take fewer points.",
        )
