"""The maps of a run on the cortex: truth, prediction, errors, uncertainty and folds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from cytosurf.report.colours import CORRECT, WRONG, class_colours, distinct_colours
from cytosurf.report.cortex import GROUND, Scene
from cytosurf.report.surface_plot import Scale, label_row, surface_figure, value_row
from cytosurf.runs.maps import entropy_bits

if TYPE_CHECKING:
    from cytosurf.runs.record import RunRecord


def truth_and_prediction_figure(record: RunRecord, scene: Scene, names: Sequence[str]) -> Figure:
    """Return the target and the held-out prediction of each named feature set.

    Every vertex is predicted by the model of the fold that did not see it. Grey vertices were not
    analysed.
    """
    palette = class_colours(record.label_names)
    rows = [("Truth", record.truth)]
    rows += [(f"Prediction from {name}", record.prediction[name]) for name in names]
    return surface_figure(
        scene,
        [
            label_row(scene, title, _index(record, keys), record.label_names, palette)
            for title, keys in rows
        ],
    )


def errors_figure(record: RunRecord, scene: Scene, names: Sequence[str]) -> Figure:
    """Return where the held-out prediction of each named feature set is right and wrong."""
    palette = np.array([to_rgb(CORRECT), to_rgb(WRONG), (GROUND, GROUND, GROUND)])
    rows = []
    for name in names:
        tested = record.prediction[name] > 0
        wrong = record.prediction[name] != record.truth
        index = np.where(tested, wrong.astype(np.int64), -1)
        share = wrong[tested].mean()
        title = f"Errors of {name}: {100 * share:.0f} % of vertices"
        rows.append(label_row(scene, title, index, ("correct", "wrong", "not tested"), palette))
    return surface_figure(scene, rows)


def uncertainty_figure(record: RunRecord, scene: Scene, names: Sequence[str]) -> Figure:
    """Return the entropy of the held-out class probabilities of each named feature set.

    In units of the entropy of K equally likely classes: 0 is certain, 1 is no idea. All rows
    share one scale, from the 2nd to the 98th percentile.
    """
    tested = {name: record.prediction[name] > 0 for name in names}
    most_bits = np.log2(len(record.labels))
    entropies = {name: entropy_bits(record.probability[name]) / most_bits for name in names}
    everything = np.concatenate([entropies[name][tested[name]] for name in names])
    low, high = np.percentile(everything, [2, 98])
    scale = Scale("viridis", round(float(low), 2), round(float(high), 2), "relative entropy")
    return surface_figure(
        scene,
        [
            value_row(scene, f"Uncertainty of {name}", values, tested[name], scale)
            for name, values in entropies.items()
        ],
    )


def folds_map_figure(record: RunRecord, scene: Scene) -> Figure:
    """Return which fold each vertex was held out in."""
    n_folds = int(record.fold.max()) + 1
    index = np.where(record.truth > 0, record.fold.astype(np.int64), -1)
    names = [f"fold {i + 1}" for i in range(n_folds)]
    palette = class_colours(names) if n_folds <= 7 else distinct_colours(n_folds)
    row = label_row(scene, "Folds: whole superblocks are held out", index, names, palette)
    return surface_figure(scene, [row])


def _index(record: RunRecord, keys: npt.NDArray[np.integer]) -> npt.NDArray[np.int64]:
    """Return the position of each key in the run's labels, -1 where a vertex has none."""
    position = np.searchsorted(record.labels, keys).clip(0, len(record.labels) - 1)
    return np.where(np.asarray(record.labels)[position] == keys, position, -1)
