"""How nearly resampling equals Connectome Workbench, and why where it does not."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from cytosurf.bench import workbench
from cytosurf.bench.conditions import Conditions, conditions, load_average
from cytosurf.errors import InputError
from cytosurf.surfaces.adaptive import chosen_rows
from cytosurf.surfaces.applying import apply_weights, resample_labels
from cytosurf.surfaces.areas import midsurface_areas
from cytosurf.surfaces.barycentric import barycentric_weights
from cytosurf.surfaces.carrying import step_weights
from cytosurf.surfaces.gifti import read_mesh
from cytosurf.surfaces.mesh import Mesh
from cytosurf.surfaces.routes import Step, route, sphere_path
from cytosurf.surfaces.space import Space, check_hemispheres
from cytosurf.surfaces.spheres import directions

# In standard deviations of the map: promised for all but 1 vertex in 1,000.
TOLERANCE = 1e-4
# A nearest point this close to an edge (in weight) may fall on either side of it in the single
# precision of Workbench: coordinates of 100 mm are rounded to 8e-6 mm, and squared distances more.
NEAR_EDGE = 3e-4
# Triangles with a smaller height than this, in mm on a sphere of radius 100: the same rounding.
SLIVER_MM = 0.15
# A sum of weights below this enlarges the rounding of each when they are divided by it.
LITTLE = 0.3
# Summed weights of two labels nearer than this may change order by the same rounding.
NEAR_TIE = 3e-4

ROUTES = (
    ("bigbrain-164k", "fsLR-164k"),
    ("bigbrain-164k", "fsLR-32k"),
    ("fsLR-164k", "fsLR-32k"),
    ("fsLR-32k", "fsLR-164k"),
)


@dataclass(frozen=True)
class Parity:
    """One comparison with Workbench.

    Attributes
    ----------
    source, target : str
        Spaces of the two spheres.
    method : str
        Barycentric or adaptive.
    masked : bool
        Whether a tenth of the source, in patches, was masked.
    n_vertices : int
        Target vertices that were compared.
    p999_sd, largest_sd : float
        99.9th percentile and largest of the absolute differences, in standard deviations of the
        map, which is white noise: no map of a brain differs as much between neighbours.
    n_above : int
        Vertices that differ by more than 1e-4 standard deviations.
    causes : dict of str to int
        Why, by what Workbench's single precision does: "edge", a nearest point lies on an edge
        but for rounding, and a weight is 0 or not; "sliver", a triangle is so thin that rounding
        is 1e-4 of it; "scarce", what the adaptive method gathers for a vertex is little, and
        dividing by its sum enlarges rounding; "remnant", the mask leaves so little, with the same
        effect. The first that holds is counted.
    n_reached : int
        Vertices that are valid for one program alone.
    n_labels : int
        Vertices whose labels (patches of a few vertices) differ.
    n_ties : int
        Those of them where two labels have equal weights but for rounding, or near an edge.
    """

    source: str
    target: str
    method: str
    masked: bool
    n_vertices: int
    p999_sd: float
    largest_sd: float
    n_above: int
    causes: dict[str, int]
    n_reached: int
    n_labels: int
    n_ties: int


@dataclass(frozen=True)
class ParityBench:
    """What `bench_parity` found.

    Attributes
    ----------
    workbench : str
        Version of Connectome Workbench.
    hemisphere : str
        Hemisphere that was compared.
    comparisons : tuple of Parity
        One for each route, method, with and without mask.
    conditions : Conditions
        When and where.
    """

    workbench: str
    hemisphere: str
    comparisons: tuple[Parity, ...]
    conditions: Conditions

    @property
    def failures(self) -> tuple[str, ...]:
        """What is wrong: a sentence for each comparison outside what is promised."""
        wrong = []
        for c in self.comparisons:
            name = f"{c.source} to {c.target}, {c.method}, {'' if c.masked else 'not '}masked"
            if not c.p999_sd < TOLERANCE:
                wrong.append(f"{name}: the 99.9th percentile is {c.p999_sd:.1e} SD")
            n = c.n_above - sum(c.causes.values()) + c.n_labels - c.n_ties
            if n:
                wrong.append(f"{name}: {n} vertices differ for no known reason")
            if c.n_labels > 0.001 * c.n_vertices:
                wrong.append(f"{name}: {c.n_labels} labels differ")
        return tuple(wrong)


def bench_parity(
    routes: Sequence[tuple[str, str]] = ROUTES, *, hemisphere: str = "L", seed: int = 0
) -> ParityBench:
    """Compare metrics and labels with ``wb_command``, with and without mask.

    Both programs get the same spheres and the same vertex areas, those of the midsurfaces.

    Parameters
    ----------
    routes : sequence of (str, str)
        Spaces that one step joins.
    hemisphere : str
        ``"L"`` or ``"R"``.
    seed : int
        Seed of noise, labels and mask.

    Returns
    -------
    ParityBench

    Raises
    ------
    InputError
        If Workbench is not installed, or no single step joins two spaces.
    """
    if not workbench.is_installed():
        raise InputError(
            workbench.COMMAND,
            "no such command",
            "Connectome Workbench",
            "Debian and Ubuntu: apt-get install connectome-workbench.",
        )
    check_hemispheres((hemisphere,), "hemisphere")
    before = load_average()
    found: list[Parity] = []
    for names in routes:
        source, target = (Space.parse(name) for name in names)
        steps = route(source, target, method="adaptive")
        if len(steps) != 1:
            raise InputError("route", " to ".join(names), "two spaces that one step joins")
        files = tuple(sphere_path(name) for name in steps[0].sphere_names(hemisphere))
        areas = tuple(midsurface_areas(space, hemisphere) for space in (source, target))
        for method in workbench.METHODS:
            weights = step_weights(Step(**vars(steps[0])), hemisphere, method=method)
            found += compare(weights, files, areas, method, (str(source), str(target)), seed)
    return ParityBench(workbench.version(), hemisphere, tuple(found), conditions(before))


def compare(
    weights: sparse.csr_array,
    files: tuple[Path, ...],
    areas: tuple[npt.NDArray[np.float64], ...],
    method: str,
    names: tuple[str, str] = ("source", "target"),
    seed: int = 0,
) -> list[Parity]:
    """Compare weights with Workbench on noise and random labels, without mask and with one.

    Parameters
    ----------
    weights : (n_target, n_source) scipy.sparse array
        Ours.
    files : (Path, Path)
        Surface files of the two spheres.
    areas : pair of ndarray
        Vertex areas of source and target.
    method : {"barycentric", "adaptive"}
        By which the weights were made.
    names : (str, str)
        What the two meshes are.
    seed : int
        Seed of noise, labels and mask.

    Returns
    -------
    list of Parity
        Without mask, then with.
    """
    source, target = (read_mesh(file) for file in files)
    geometry = uncertain(source, target, weights, method)
    noise, keys, mask = _test_data(source, seed)
    results = []
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        area_files = None
        if method == "adaptive":
            first, second = (
                workbench.write_metric(place / f"area{i}.func.gii", a) for i, a in enumerate(areas)
            )
            area_files = (first, second)
        peer = workbench.Peer((files[0], files[1]), method, area_files)
        metric = workbench.write_metric(place / "noise.func.gii", noise)
        labels = workbench.write_labels(place / "keys.label.gii", keys)
        roi_file = workbench.write_metric(place / "roi.func.gii", mask.astype(np.float32))
        for roi, valid in ((None, None), (roi_file, mask)):
            theirs = _by_workbench(peer, metric, labels, roi)
            found = _differences(weights, noise, keys, valid, theirs, geometry)
            results.append(Parity(*names, method=method, masked=roi is not None, **found))
    return results


def _by_workbench(
    peer: workbench.Peer, metric: Path, labels: Path, roi: Path | None
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_] | None, npt.NDArray[np.int32]]:
    """Return what Workbench makes of a metric and labels, and which vertices a mask lets it reach.

    All are reached without a mask (None), as far as Workbench says.
    """
    out, out_labels = metric.with_name("out.func.gii"), labels.with_name("out.label.gii")
    peer.metric(metric, out, roi)
    peer.labels(labels, out_labels, roi)
    reached = None
    if roi is not None:
        reached = workbench.read_metric(out.with_name(f"valid-{out.name}"))[:, 0] > 0
    return workbench.read_metric(out)[:, 0], reached, workbench.read_labels(out_labels)


def _differences(
    weights: sparse.csr_array,
    noise: npt.NDArray[np.float32],
    keys: npt.NDArray[np.int32],
    valid: npt.NDArray[np.bool_] | None,
    theirs: tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_] | None, npt.NDArray[np.int32]],
    geometry: dict[str, npt.NDArray[np.bool_]],
) -> dict[str, Any]:
    """Return what is counted in a `Parity`: our results beside those of Workbench."""
    ours, reached = apply_weights(weights, noise, valid)
    their_values, their_reached, their_keys = theirs
    reached_too = reached if their_reached is None else their_reached
    both = reached & reached_too
    differences = np.abs(ours - their_values) / noise.std()
    above = (differences > TOLERANCE) & both
    wrong_keys = resample_labels(weights, keys, valid) != their_keys
    left = np.ones(len(both)) if valid is None else weights @ valid.astype(float)
    reasons = {**geometry, "remnant": left < LITTLE}
    ties = np.logical_or.reduce([_near_ties(weights, keys, valid), *reasons.values()])
    return {
        "n_vertices": int(both.sum()),
        "p999_sd": float(np.quantile(differences[both], 0.999)),
        "largest_sd": float(differences[both].max()),
        "n_above": int(above.sum()),
        "causes": _first_causes(above, reasons),
        "n_reached": int((reached != reached_too).sum()),
        "n_labels": int(wrong_keys.sum()),
        "n_ties": int((wrong_keys & ties).sum()),
    }


def uncertain(
    source: Mesh, target: Mesh, weights: sparse.csr_array, method: str
) -> dict[str, npt.NDArray[np.bool_]]:
    """Return the target vertices whose weights rounding may change, by the geometry alone.

    The adaptive method asks which weights are above 0, and passes the areas of a source vertex on
    by all weights that it has: what happens to one target changes what those around it get.

    Parameters
    ----------
    source, target : Mesh
        The two spheres.
    weights : (n_target, n_source) scipy.sparse array
        What is compared.
    method : {"barycentric", "adaptive"}
        By which the weights were made.

    Returns
    -------
    dict of str to (n_target,) ndarray of bool
        "edge", "sliver" and for "adaptive" also "scarce", see `Parity`.
    """
    forward = barycentric_weights(source, target)
    found = {"edge": _rows_near_edge(forward), "sliver": _rows_of_slivers(forward, source)}
    if method == "barycentric":
        return found
    back = barycentric_weights(target, source)
    taken, given = _pattern(back), _pattern(weights)
    for name, rows in (
        ("edge", _rows_near_edge(back)),
        ("sliver", _rows_of_slivers(back, target)),
    ):
        reached = found[name] | (taken.T @ rows.astype(float) > 0)
        for _ in range(2):
            reached = given @ (given.T @ reached.astype(float)) > 0
        found[name] = reached
    found["scarce"] = chosen_rows(forward, sparse.csr_array(back.T)).sum(axis=1) < LITTLE
    return found


def _rows_near_edge(weights: sparse.csr_array) -> npt.NDArray[np.bool_]:
    """Return the rows with a weight near 0, or with none at one corner or two."""
    n = np.diff(weights.indptr)
    rows = np.repeat(np.arange(len(n)), n)
    n_small = np.bincount(rows[weights.data < NEAR_EDGE], minlength=len(n))
    near: npt.NDArray[np.bool_] = np.greater(n_small, 0) | np.less(n, 3)
    return near


def _rows_of_slivers(weights: sparse.csr_array, mesh: Mesh) -> npt.NDArray[np.bool_]:
    """Return the rows whose three vertices are a thin triangle."""
    full = np.diff(weights.indptr) == 3
    corners = weights.indices[np.repeat(full, np.diff(weights.indptr))].reshape(-1, 3)
    thin = np.zeros(len(full), bool)
    if len(corners):
        points = 100 * directions(mesh)[corners]
        longest = np.linalg.norm(points - np.roll(points, 1, axis=1), axis=2).max(axis=1)
        twice_area = np.linalg.norm(
            np.cross(points[:, 1] - points[:, 0], points[:, 2] - points[:, 0]), axis=1
        )
        thin[full] = twice_area < SLIVER_MM * longest
    return thin


def _pattern(weights: sparse.csr_array) -> sparse.csr_array:
    return sparse.csr_array((np.ones(weights.nnz), weights.indices, weights.indptr), weights.shape)


def _first_causes(
    above: npt.NDArray[np.bool_], reasons: dict[str, npt.NDArray[np.bool_]]
) -> dict[str, int]:
    """Count the vertices by the first reason that holds for them."""
    counts, rest = {}, above.copy()
    for name, holds in reasons.items():
        counts[name] = int((rest & holds).sum())
        rest &= ~holds
    return counts


def _near_ties(
    weights: sparse.csr_array, keys: npt.NDArray[np.int32], valid: npt.NDArray[np.bool_] | None
) -> npt.NDArray[np.bool_]:
    """Return the targets whose two heaviest labels weigh the same but for rounding."""
    counted = np.ones(len(keys)) if valid is None else valid.astype(float)
    used, code = np.unique(keys, return_inverse=True)
    votes = sparse.csr_array((counted, (np.arange(len(keys)), code)), (len(keys), len(used)))
    summed = sparse.csr_array(weights @ votes)
    rows = np.repeat(np.arange(weights.shape[0]), np.diff(summed.indptr))
    heaviest = np.zeros(weights.shape[0])
    np.maximum.at(heaviest, rows, summed.data)
    near = summed.data > heaviest[rows] - NEAR_TIE * (weights @ counted)[rows]
    n_near = np.bincount(rows[near], minlength=weights.shape[0])
    return np.greater(n_near, 1)


def _test_data(
    sphere: Mesh, seed: int
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int32], npt.NDArray[np.bool_]]:
    """Return white noise, labels in patches of a few vertices, and a mask in patches."""
    from scipy.spatial import cKDTree

    rng = np.random.default_rng(seed)
    n = sphere.n_vertices
    _, patch = cKDTree(sphere.vertices[rng.choice(n, max(2, n // 12), replace=False)]).query(
        sphere.vertices
    )
    keys = rng.integers(0, 20, patch.max() + 1)[patch].astype(np.int32)
    noise = rng.normal(size=n).astype(np.float32)
    return noise, keys, rng.random(patch.max() + 1)[patch] > 0.1
