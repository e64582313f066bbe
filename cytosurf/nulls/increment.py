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

Instead of being spun, features can be made anew (`cytosurf.nulls.surrogates`), a null of another
family. And instead of being decoded beside position they can be decoded alone, with position, or
any other baseline, only subtracted: then a small p says that features predict the labels, not that
they add to anything.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from cytosurf.compute.pool import resolve_jobs, run_tasks
from cytosurf.decoding.crossval import UNLABELLED, Decoder, count_labels, make_decoder
from cytosurf.decoding.folds import Folds
from cytosurf.errors import InputError, unknown_name
from cytosurf.nulls.eigenmodes import Eigenmodes
from cytosurf.nulls.feature_nulls import (
    Family,
    FeatureNull,
    SpunFeatures,
    SurrogateFeatures,
    check_family,
)
from cytosurf.nulls.pvalues import SpinPValue, check_spin_count
from cytosurf.nulls.rotations import Policy
from cytosurf.nulls.spin_test import can_be_decoded
from cytosurf.nulls.spins import SpinAssigner
from cytosurf.nulls.statistics import fold_mean_macro_f1

Float64 = npt.NDArray[np.float64]
Statistic = Literal["increment", "difference"]

# Score with the features, score of position, and share of vertices kept: of one draw.
Row = tuple[float, float, float]

INCREMENT: Statistic = "increment"
LARGEST_CHUNK = 10  # draws: what a killed process loses


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
    modes : dict of str to Eigenmodes or None
        Of the surfaces where features are valid, for surrogates.
    """

    features: npt.NDArray[np.floating]
    valid: npt.NDArray[np.bool_]
    position: npt.NDArray[np.floating]
    label: npt.NDArray[np.integer]
    n_classes: int
    folds: Folds
    assigner: SpinAssigner
    C: float = 1.0
    modes: dict[str, Eigenmodes] | None = None

    def null(self, family: Family) -> FeatureNull:
        """Return the null of the features by its name."""
        if family == "spins":
            return SpunFeatures(self.features, self.valid, self.assigner)
        if self.modes is None:
            raise InputError("null", "surrogates without modes", "IncrementData with modes")
        return SurrogateFeatures.of(self.features, self.modes, self.assigner)


@dataclass(frozen=True)
class SurrogateSettings:
    """How surrogates were made.

    Attributes
    ----------
    n_modes : int
        Eigenmodes of each hemisphere that were turned.
    n_vertices : tuple of int
        Vertices of each hemisphere with modes: the size of the mesh.
    wavelength_mm : float
        Of the shortest mode; anything finer is in the remainder, which is spun.
    share : float
        Share of the variance of the features (mean over columns) that the modes hold.
    """

    n_modes: int
    n_vertices: tuple[int, ...]
    wavelength_mm: float
    share: float


@dataclass(frozen=True, eq=False)
class IncrementTest:
    """The outcome of an increment test.

    Attributes
    ----------
    features, position, target : str
        Names of what was spun or made anew, of what stayed and of what was decoded.
    score, score_position : float
        Macro-F1, mean over folds, of position and features together (of the features alone for
        the statistic "difference"), and of position alone.
    observed : float
        Their difference.
    null : (n_spins,) float64
        The difference for each draw of the features; NaN where a draw left nothing to decode.
    kept : (n_spins,) float64
        Share of the analysed vertices on which the drawn features are valid.
    p : float
        ``(exceed + 1) / (n_spins + 1)``, one-sided.
    exceed : int
        Draws with a difference of at least `observed`, and those with none.
    n_spins : int
        Draws that count.
    p_ci95 : tuple of float
        Clopper-Pearson 95 % interval of the share of all draws that exceed.
    n_vertices : int
        Vertices of the observed analysis.
    n_features, n_position : int
        Columns of either.
    rotation : {"mirrored", "independent"}
        How the rotations of the hemispheres went together.
    seed : int
        Seed of the draws.
    family : {"spins", "surrogates"}
        How features were drawn.
    statistic : {"increment", "difference"}
        Whether features were decoded beside position, or alone.
    surrogates : SurrogateSettings or None
        How surrogates were made, if they were.
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
    family: Family = "spins"
    statistic: Statistic = INCREMENT
    surrogates: SurrogateSettings | None = None


def mean_macro_f1(decoder: Decoder, label: npt.NDArray[np.integer], n_classes: int) -> float:
    """Return the mean macro-F1 over folds of labels; NaN if they leave nothing to decode."""
    if not can_be_decoded(label[decoder.rows], decoder.train, decoder.test):
        return math.nan
    return float(fold_mean_macro_f1(count_labels(decoder, label, n_classes).counts))


def feature_scores(
    data: IncrementData,
    alone: Decoder,
    features: npt.NDArray[np.floating],
    valid: npt.NDArray[np.bool_],
    statistic: Statistic = INCREMENT,
) -> Row:
    """Decode with features in place of those of `data`.

    Parameters
    ----------
    data : IncrementData
        What all draws share.
    alone : Decoder
        Of ``data.position``, made once.
    features : (n_vertices, n_features) ndarray
        Real features, or those of a draw; finite on all vertices.
    valid : (n_vertices,) ndarray of bool
        Where they count.
    statistic : {"increment", "difference"}, optional
        Whether the features are decoded beside position, or on their own.

    Returns
    -------
    score, alone : float
        Macro-F1 with the features, and of position alone, on the same vertices.
    kept : float
        Share of the analysed vertices that these are.
    """
    label = np.where(valid, data.label, UNLABELLED)
    rows = alone.rows
    kept = (label[rows] != UNLABELLED).sum() / (data.label[rows] != UNLABELLED).sum()
    design = features
    if statistic == INCREMENT:
        design = np.concatenate([data.position, features], axis=1)
    return (
        mean_macro_f1(make_decoder(design, data.folds, C=data.C), label, data.n_classes),
        mean_macro_f1(alone, label, data.n_classes),
        float(kept),
    )


def run_increment_test(
    data: IncrementData,
    n_spins: int,
    *,
    seed: int = 0,
    rotation: Policy = "mirrored",
    null: Family = "spins",
    statistic: Statistic = INCREMENT,
    jobs: int | None = 1,
    names: tuple[str, str, str] = ("features", "position", "labels"),
    done: Mapping[int, Row] = MappingProxyType({}),
    keep: Callable[[list[int], list[Row]], object] = lambda *_: None,
    counted: npt.NDArray[np.bool_] | None = None,
) -> IncrementTest:
    """Test whether features add to position, on arrays.

    See `cytosurf.increment_test` for the test on named maps.

    Parameters
    ----------
    data : IncrementData
        Features, position, labels, folds and spheres.
    n_spins : int
        Number of spins, or of surrogates.
    seed : int, optional
        With the number of a draw, all that it depends on.
    rotation : {"mirrored", "independent"}, optional
        How the draws of the hemispheres go together.
    null : {"spins", "surrogates"}, optional
        Whether features are spun or made anew.
    statistic : {"increment", "difference"}, optional
        Whether features are decoded beside position or on their own.
    jobs : int or None, optional
        Processes; None for one on each core. The result does not depend on it.
    names : tuple of str, optional
        Of features, position and target, for the result.
    done : mapping of int to tuple, optional
        What `feature_scores` gave for draws that are done already; they are not done again.
    keep : callable, optional
        Called in this process with some draws and what they gave, as soon as they are done.
    counted : (n_spins,) ndarray of bool, optional
        Draws that count, chosen without a look at their scores; all if left out.

    Returns
    -------
    IncrementTest

    Raises
    ------
    InputError
        If there are no draws, the spheres do not allow mirrored ones, an option is unknown, or
        the labels cannot be decoded.

    Warns
    -----
    CytosurfWarning
        If there are too few draws for p <= 0.05.
    """
    _check_options(n_spins, null, statistic)
    family = data.null(null)
    family.draw(seed, 0, rotation)  # refuses before anything is fitted
    alone = make_decoder(data.position, data.folds, C=data.C)
    score, by_position, kept = feature_scores(data, alone, *family.observed(), statistic)
    if math.isnan(score):
        found = "labels without two classes, or a fold without a labelled training vertex"
        raise InputError(names[2], found, "labels that can be decoded in every fold")
    n_analysed = (data.label[alone.rows] != UNLABELLED).sum()
    work = partial(_draws, data, family, alone, seed=seed, rotation=rotation, statistic=statistic)
    rows = _all_rows(work, n_spins, resolve_jobs(jobs), done, keep)
    if counted is not None:
        rows = rows[counted]
    values = rows[:, 0] - rows[:, 1]
    outcome = SpinPValue.from_null(score - by_position, values)
    return IncrementTest(
        features=names[0],
        position=names[1],
        target=names[2],
        score=score,
        score_position=by_position,
        observed=outcome.observed,
        null=values,
        kept=rows[:, 2],
        p=outcome.p,
        exceed=outcome.exceed,
        n_spins=outcome.n_spins,
        p_ci95=outcome.ci95,
        n_vertices=round(kept * n_analysed),
        n_features=data.features.shape[1],
        n_position=data.position.shape[1],
        rotation=rotation,
        seed=seed,
        family=null,
        statistic=statistic,
        surrogates=_settings(family),
    )


def _check_options(n_spins: int, null: str, statistic: str) -> None:
    if n_spins < 1:
        raise InputError("--spins", str(n_spins), "a whole number of at least 1")
    check_family(null)
    if statistic not in get_args(Statistic):
        raise unknown_name("statistic", str(statistic), get_args(Statistic))
    check_spin_count(n_spins)


def _all_rows(
    work: Callable[[list[int]], tuple[list[int], list[Row]]],
    n_spins: int,
    jobs: int,
    done: Mapping[int, Row],
    keep: Callable[[list[int], list[Row]], object],
) -> Float64:
    """Return what each draw gave, (n_spins, 3): of `done` ones as it is, of others by `work`."""
    missing = [k for k in range(n_spins) if k not in done]
    rows_of = dict(done)
    for draws, rows in run_tasks(work, _chunks(missing, jobs), jobs=jobs, label="Spins"):
        keep(draws, rows)
        rows_of.update(zip(draws, rows, strict=True))
    return np.array([rows_of[k] for k in range(n_spins)])


def _settings(null: FeatureNull) -> SurrogateSettings | None:
    if not isinstance(null, SurrogateFeatures):
        return None
    modes = list(null.spectrum.modes.values())
    return SurrogateSettings(
        modes[0].n_modes,
        tuple(len(basis.rows) for basis in modes),
        max(basis.wavelength_mm for basis in modes),
        float(null.spectrum.share.mean()),
    )


def _draws(
    data: IncrementData,
    null: FeatureNull,
    alone: Decoder,
    numbers: list[int],
    *,
    seed: int,
    rotation: Policy,
    statistic: Statistic,
) -> tuple[list[int], list[Row]]:
    rows = [feature_scores(data, alone, *null.draw(seed, k, rotation), statistic) for k in numbers]
    return numbers, rows


def _chunks(numbers: list[int], jobs: int) -> list[list[int]]:
    size = max(1, min(LARGEST_CHUNK, math.ceil(len(numbers) / (8 * jobs))))
    return [numbers[start : start + size] for start in range(0, len(numbers), size)]
