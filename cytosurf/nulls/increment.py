"""The increment test: whether features add to position.

Spinning the labels cannot answer this. It breaks the relation of the labels to position together
with their relation to the features, so features that hold nothing but position beat all spins.
Here the *features* are spun, all columns by one rotation and their mask with them, while labels,
position and folds stay:

    statistic = macro-F1(position + features) - macro-F1(position)

both as the mean over folds, on the same vertices: those of the analysis on which the spun features
are valid. The baseline is refitted for every spin, since these vertices change. Under the null the
features are as smooth and as related to each other as they are, and lie in the wrong place;
position predicts the labels as well as it ever does.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from cytosurf.compute.pool import resolve_jobs, run_tasks
from cytosurf.decoding.crossval import UNLABELLED, Decoder, count_labels, make_decoder
from cytosurf.decoding.folds import Folds
from cytosurf.errors import InputError
from cytosurf.nulls.pvalues import SpinPValue, check_spin_count
from cytosurf.nulls.rotations import Policy, spin_rotations
from cytosurf.nulls.spin_test import can_be_decoded
from cytosurf.nulls.spins import SpinAssigner
from cytosurf.nulls.statistics import fold_mean_macro_f1

Float64 = npt.NDArray[np.float64]
Index = npt.NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class IncrementData:
    """What all spins of an increment test share.

    Attributes
    ----------
    features : (n_vertices, n_features) float
        What is spun.
    valid : (n_vertices,) bool
        Where the features have values; spun with them.
    position : (n_vertices, n_position) float
        What stays. Finite wherever ``folds.mask`` is set.
    label : (n_vertices,) int
        Class index of every vertex, -1 where there is none.
    n_classes : int
        Number of classes K.
    folds : Folds
        Folds of the analysed vertices.
    assigner : SpinAssigner
        The spheres.
    C : float
        Inverse strength of the penalty.
    """

    features: npt.NDArray[np.floating]
    valid: npt.NDArray[np.bool_]
    position: npt.NDArray[np.floating]
    label: npt.NDArray[np.integer]
    n_classes: int
    folds: Folds
    assigner: SpinAssigner
    C: float = 1.0


@dataclass(frozen=True, eq=False)
class IncrementTest:
    """The outcome of an increment test.

    Attributes
    ----------
    features, position, target : str
        Names of what was spun, of what stayed and of what was decoded.
    score, score_position : float
        Macro-F1, mean over folds, of position and features together, and of position alone.
    observed : float
        Their difference.
    null : (n_spins,) float64
        The difference for each spin of the features; NaN where a spin left nothing to decode.
    kept : (n_spins,) float64
        Share of the analysed vertices on which the spun features are valid.
    p : float
        ``(exceed + 1) / (n_spins + 1)``, one-sided.
    exceed : int
        Spins with a difference of at least `observed`, and those with none.
    n_spins : int
        Spins in all.
    p_ci95 : tuple of float
        Clopper-Pearson 95 % interval of the share of all rotations that exceed.
    n_vertices : int
        Vertices of the observed analysis.
    n_features, n_position : int
        Columns of either.
    rotation : {"mirrored", "independent"}
        How the rotations of the hemispheres went together.
    seed : int
        Seed of the spins.
    """

    features: str
    position: str
    target: str
    score: float
    score_position: float
    observed: float
    null: Float64
    kept: Float64
    p: float
    exceed: int
    n_spins: int
    p_ci95: tuple[float, float]
    n_vertices: int
    n_features: int
    n_position: int
    rotation: Policy
    seed: int


def spun_design(
    features: npt.NDArray[np.floating],
    position: npt.NDArray[np.floating],
    index: Index,
    valid: npt.NDArray[np.bool_],
) -> npt.NDArray[np.floating]:
    """Return position and spun features side by side.

    Parameters
    ----------
    features : (n_vertices, n_features) ndarray
        Columns that are spun together.
    position : (n_vertices, n_position) ndarray
        Columns that stay.
    index : (n_vertices,) ndarray of int32
        Source vertex of every vertex, from `SpinAssigner.assign`.
    valid : (n_vertices,) ndarray of bool
        Where the features are valid, before the spin.

    Returns
    -------
    (n_vertices, n_position + n_features) ndarray
        Where the source is not valid the features have their mean: such vertices must not be
        fitted, and whatever stands there must not disturb the scale of the columns.

    Examples
    --------
    >>> features, valid = np.array([[1.0], [3.0], [9.0]]), np.array([True, True, False])
    >>> spun_design(features, np.zeros((3, 1)), np.array([1, 2, 0], np.int32), valid).tolist()
    [[0.0, 3.0], [0.0, 2.0], [0.0, 1.0]]
    """
    spun = features[index]
    lost = ~valid[index]
    spun[lost] = features[valid].mean(axis=0)
    return np.concatenate([position, spun], axis=1)


def mean_macro_f1(decoder: Decoder, label: npt.NDArray[np.integer], n_classes: int) -> float:
    """Return the mean macro-F1 over folds of labels; NaN if they leave nothing to decode."""
    if not can_be_decoded(label[decoder.rows], decoder.train, decoder.test):
        return math.nan
    return float(fold_mean_macro_f1(count_labels(decoder, label, n_classes)[0]))


def increment_scores(
    data: IncrementData, alone: Decoder, index: Index
) -> tuple[float, float, float]:
    """Decode with the features where `index` brings them.

    Parameters
    ----------
    data : IncrementData
        What all spins share.
    alone : Decoder
        Of ``data.position``, made once.
    index : (n_vertices,) ndarray of int32
        Source vertex of every vertex; ``arange`` for the observed scores.

    Returns
    -------
    together, alone : float
        Macro-F1 of position and features, and of position, on the same vertices.
    kept : float
        Share of the analysed vertices that these are.
    """
    label = np.where(data.valid[index], data.label, UNLABELLED)
    rows = alone.rows
    kept = (label[rows] != UNLABELLED).sum() / (data.label[rows] != UNLABELLED).sum()
    design = spun_design(data.features, data.position, index, data.valid)
    together = make_decoder(design, data.folds, C=data.C)
    return (
        mean_macro_f1(together, label, data.n_classes),
        mean_macro_f1(alone, label, data.n_classes),
        float(kept),
    )


def run_increment_test(
    data: IncrementData,
    n_spins: int,
    *,
    seed: int = 0,
    rotation: Policy = "mirrored",
    jobs: int | None = 1,
    names: tuple[str, str, str] = ("features", "position", "labels"),
) -> IncrementTest:
    """Test whether features add to position, on arrays.

    See `cytosurf.increment_test` for the test on named maps.

    Parameters
    ----------
    data : IncrementData
        Features, position, labels, folds and spheres.
    n_spins : int
        Number of spins.
    seed : int, optional
        With the number of a spin, all that it depends on.
    rotation : {"mirrored", "independent"}, optional
        How the rotations of the hemispheres go together.
    jobs : int or None, optional
        Processes; None for one on each core. The result does not depend on it.
    names : tuple of str, optional
        Of features, position and target, for the result.

    Returns
    -------
    IncrementTest

    Raises
    ------
    InputError
        If there are no spins, the spheres do not allow mirrored rotations, or the labels cannot
        be decoded.

    Warns
    -----
    CytosurfWarning
        If there are too few spins for p <= 0.05.
    """
    if n_spins < 1:
        raise InputError("--spins", str(n_spins), "a whole number of at least 1")
    check_spin_count(n_spins)
    data.assigner.assign(spin_rotations(seed, 0, rotation))  # refuses before anything is fitted
    alone = make_decoder(data.position, data.folds, C=data.C)
    n_vertices = data.assigner.n_vertices
    together, by_position, kept = increment_scores(
        data, alone, np.arange(n_vertices, dtype=np.int32)
    )
    if math.isnan(together):
        found = "labels without two classes, or a fold without a labelled training vertex"
        raise InputError(names[2], found, "labels that can be decoded in every fold")
    n_analysed = (data.label[alone.rows] != UNLABELLED).sum()
    table = np.empty((n_spins, 3))
    jobs = resolve_jobs(jobs)
    work = partial(_spins, data=data, alone=alone, seed=seed, rotation=rotation)
    for spins, rows in run_tasks(work, _chunks(n_spins, jobs), jobs=jobs, label="Spins"):
        table[spins] = rows
    null = table[:, 0] - table[:, 1]
    outcome = SpinPValue.from_null(together - by_position, null)
    return IncrementTest(
        *names,
        score=together,
        score_position=by_position,
        observed=outcome.observed,
        null=null,
        kept=table[:, 2],
        p=outcome.p,
        exceed=outcome.exceed,
        n_spins=n_spins,
        p_ci95=outcome.ci95,
        n_vertices=round(kept * n_analysed),
        n_features=data.features.shape[1],
        n_position=data.position.shape[1],
        rotation=rotation,
        seed=seed,
    )


def _spins(
    spins: range, data: IncrementData, alone: Decoder, seed: int, rotation: Policy
) -> tuple[slice, list[tuple[float, float, float]]]:
    rows = [
        increment_scores(data, alone, data.assigner.assign(spin_rotations(seed, k, rotation)))
        for k in spins
    ]
    return slice(spins.start, spins.stop), rows


def _chunks(n_spins: int, jobs: int) -> list[range]:
    size = math.ceil(n_spins / (8 * jobs))
    return [range(start, min(start + size, n_spins)) for start in range(0, n_spins, size)]
