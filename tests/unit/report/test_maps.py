"""Maps of a run on the cortex."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import entropy

from cytosurf.report import (
    errors_figure,
    folds_map_figure,
    truth_and_prediction_figure,
    uncertainty_figure,
)
from cytosurf.report import maps as room
from cytosurf.report.colours import WRONG
from cytosurf.report.surface_plot import scene_of
from tests.unit.report.records import TOY, toy_meshes


@pytest.fixture(scope="module")
def scene():
    """Return the views of the toy cortex."""
    return scene_of(TOY, ("L", "R"), toy_meshes())


def titles(figure):
    """Return the titles of the rows."""
    return [t.get_text() for t in figure.texts if t.get_fontweight() == "bold"]


def pictures(figure):
    """Return the pictures of the rows."""
    return [a.get_images()[0].get_array() for a in figure.axes]


def test_truth_and_each_prediction_are_a_row(record, scene):
    """A perfect prediction looks like the truth."""
    record = replace(record, prediction=record.prediction | {"oracle": record.truth})
    figure = truth_and_prediction_figure(record, scene, ["stain", "oracle"])
    assert titles(figure) == ["Truth", "Prediction from stain", "Prediction from oracle"]
    truth, stain, oracle = pictures(figure)
    np.testing.assert_array_equal(truth, oracle)
    assert (truth != stain).any()


def test_errors_are_coloured_and_counted(record, scene):
    """No error, no warning colour; all wrong, 100 %."""
    wrong = np.where(record.truth == 3, 6, 3) * (record.truth > 0)
    record = replace(record, prediction={"right": record.truth, "wrong": wrong})
    figure = errors_figure(record, scene, ["right", "wrong"])
    assert titles(figure) == [
        "Errors of right: 0 % of vertices",
        "Errors of wrong: 100 % of vertices",
    ]
    red = int(WRONG[1:3], 16) / 255
    reddish = [(p[..., 0] > 1.5 * p[..., 2].astype(float)).sum() for p in pictures(figure)]
    assert reddish[0] == 0
    assert reddish[1] > 1000
    assert red > 0.7
    words = [t.get_text() for legend in figure.legends for t in legend.get_texts()]
    assert words == ["correct", "wrong", "not tested"] * 2


def test_vertices_that_were_only_trained_on_count_as_neither_right_nor_wrong(record, scene):
    """From one hemisphere to the other: prediction 0 on the training side."""
    tested = np.arange(len(record.truth)) >= 162
    prediction = {"stain": np.where(tested, record.truth, 0)}
    figure = errors_figure(replace(record, prediction=prediction), scene, ["stain"])
    assert titles(figure) == ["Errors of stain: 0 % of vertices"]


def test_uncertainty_rows_share_one_scale(record, scene):
    """Two sets can be compared by eye."""
    figure = uncertainty_figure(record, scene, ["stain", "coordinates"])
    ends = [t.get_text() for t in figure.texts if t.get_fontsize() == 8]
    assert ends[:2] == ends[2:]
    assert ends[0].startswith("relative entropy")


def test_folds_are_numbered_from_one(record, scene):
    """The legend names every fold."""
    figure = folds_map_figure(record, scene)
    words = [t.get_text() for t in figure.legends[0].get_texts()]
    assert words == [f"fold {i}" for i in range(1, 6)]


def test_the_entropy_drawn_is_that_of_scipy(record, scene, monkeypatch):
    """Relative entropy is that of float16 probabilities, certain and uniform ones included."""
    k = len(record.labels)
    p = record.probability["stain"].copy()
    p[1], p[2] = np.eye(k)[0], 1 / k
    drawn = {}

    def value_row(_scene, title, values, *_):
        drawn[title] = values
        return title

    monkeypatch.setattr(room, "value_row", value_row)
    monkeypatch.setattr(room, "surface_figure", lambda _scene, rows: rows)
    room.uncertainty_figure(replace(record, probability={"stain": p}), scene, ["stain"])
    expected = entropy(p.astype(float), axis=1) / np.log(k)
    np.testing.assert_allclose(drawn["Uncertainty of stain"], expected, atol=2e-3)
    np.testing.assert_allclose(drawn["Uncertainty of stain"][1:3], [0, 1], atol=2e-3)
