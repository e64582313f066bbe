"""The figures of the page: images as data URIs, with captions and alternative texts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cytosurf.errors import DownloadError, InputError
from cytosurf.report import figures, figures_tests, maps
from cytosurf.report.cortex import Scene
from cytosurf.report.embed import data_uri, png_uri, svg_uri
from cytosurf.report.formatting import listed, number
from cytosurf.report.outcome_tables import class_tests_table
from cytosurf.report.selection import detailed_sets, feature_sets, joined_sets, primary_pair
from cytosurf.report.spin_quality import spin_quality_figure
from cytosurf.report.surface_plot import scene_of
from cytosurf.report.tables import confusion_table, per_class_table
from cytosurf.runs.spin_quality import read_quality
from cytosurf.surfaces.mesh import Mesh

if TYPE_CHECKING:
    from cytosurf.runs.record import RunRecord

# Feature sets shown in detail: fewer where each figure is large.
_MANY_CLASSES = 20
SIDE_BY_SIDE = 10
_DETAILED = 4
_DETAILED_WITH_MANY_CLASSES = 2


@dataclass(frozen=True)
class PageFigure:
    """A figure of the page: its image as a data URI, what it shows, and the same for the blind."""

    source: str
    caption: str
    alt: str


def folds(record: RunRecord) -> PageFigure:
    """Return the scores of all folds."""
    ranges = [
        f"{name} {np.nanmin(values):.3f} to {np.nanmax(values):.3f}"
        for name, s in feature_sets(record).items()
        if len(values := np.array(s["macro_f1"]["folds"], dtype=float))
    ]
    lines = " Grey lines join the same fold." if joined_sets(record) else ""
    return PageFigure(
        svg_uri(figures.folds_figure(record)),
        "Macro-F1 of every fold (points), their mean (bar), and the pooled macro-F1 with its 95 % "
        f"block-bootstrap interval (diamond).{lines} In brackets: columns.",
        f"Macro-F1 over folds: {'; '.join(ranges)}.",
    )


def nulls(record: RunRecord) -> PageFigure:
    """Return the null distributions of a run with spins."""
    tests = [
        f"{n.features}{f' minus {n.baseline}' if n.baseline else ''}, {n.rotation}: observed "
        f"{n.observed:.3f}, null median {np.median(n.tested) if len(n.tested) else np.nan:.3f}"
        for n in record.nulls
    ]
    return PageFigure(
        svg_uri(figures.nulls_figure(record)),
        "Null distribution of each statistic under each rotation policy, and the observed value "
        "(red line). The headline test is in bold.",
        f"Histograms of spins. {'; '.join(tests)}.",
    )


def per_class(record: RunRecord) -> PageFigure:
    """Return the F1 of each class."""
    return PageFigure(
        svg_uri(figures.per_class_figure(record, _DETAILED)),
        "F1 of each class, sorted by the first feature set.",
        "Dot plot of the F1 of each class; the numbers are in the table below.",
    )


def class_bands(record: RunRecord) -> PageFigure:
    """Return the F1 of each class beside its null band, of a run with spins."""
    table = class_tests_table(record)
    features, _ = primary_pair(record)
    of = table[(table["features"] == features) & (table["baseline"] == "")]
    above = of[of["observed"] > of["null_high"]]["name"].tolist()
    corrected = of[of["p_max"] <= 0.05]["name"].tolist()
    return PageFigure(
        svg_uri(figures_tests.class_bands_figure(record)),
        f"F1 of each class with {features} (point) beside what rotated labels give: 95 % of the "
        "spins of the class (wide bar), and 95 % of the spins in all classes at once (thin bar). A "
        "filled point has p ≤ 0.05 after correction over the classes.",
        f"F1 of {len(of)} classes; {len(above)} lie above the band of their spins, "
        f"{len(corrected)} after correction{': ' if corrected else ''}{listed(corrected[:20])}. "
        "The numbers are in the table below.",
    )


def spin_quality(record: RunRecord) -> PageFigure | None:
    """Return what the spins keep and distort; None where that was not measured."""
    figure = spin_quality_figure(record)
    if figure is None:
        return None
    medians = [
        f"{policy}, median distortion {number(float(np.median(quality.distortion)))}, median kept "
        f"{100 * np.median(quality.kept):.1f} %"
        for policy, quality in read_quality(record.directory).items()
    ]
    return PageFigure(
        svg_uri(figure),
        "Left: how much each spin changes distances along the cortex; right: the share of vertices "
        "that have a label after it. Spins far to the right on the left, or far to the left on the "
        "right, are the poor ones.",
        f"Histograms over spins: {'; '.join(medians)}.",
    )


def two_tests(record: RunRecord) -> PageFigure:
    """Return the null of the headline label-spin test beside those of draws of the features."""
    tests = [
        f"{n.features} over {n.baseline}: observed {n.observed:.3f}, {n.exceed} of {len(n.null)} "
        f"{n.draws} reach it"
        for n in (*record.increment_nulls, *record.feature_nulls)
    ]
    return PageFigure(
        svg_uri(figures_tests.two_tests_figure(record)),
        "What is found when the labels are spun, and when the features are spun or made anew; the "
        "red line is the real value.",
        f"Histograms of label spins and of draws of the features. {'; '.join(tests)}.",
    )


def confusions(record: RunRecord) -> list[PageFigure]:
    """Return the confusion matrices of the most important feature sets."""
    return [
        PageFigure(
            svg_uri(figures.confusion_figure(record, name)),
            f"Confusion matrix of {name}. A row is a true class: {_cells(record)}.",
            f"Confusion matrix of {name}, {_recall(record, name)}; its counts are in the file "
            "below.",
        )
        for name in _detailed(record)
    ]


def _cells(record: RunRecord) -> str:
    """Say what the cells of a confusion matrix show."""
    if len(record.labels) > figures.FEW_CLASSES:
        return "the colour is the share of its vertices"
    below = ", and below their number" if len(record.labels) <= figures.VERY_FEW_CLASSES else ""
    return f"per cent of its vertices{below}"


def _recall(record: RunRecord, name: str) -> str:
    """Say of which class most is found, and of which least."""
    table = per_class_table(record)
    found = table[(table["features"] == name) & (table["n_vertices"] > 0)]
    rows = found.sort_values("recall", kind="stable").to_dict("records")
    worst, best = rows[0], rows[-1]
    return (
        f"most found class {best['name']} ({100 * best['recall']:.0f} %), "
        f"least found {worst['name']} ({100 * worst['recall']:.0f} %)"
    )


def confusion_files(record: RunRecord) -> list[tuple[str, str, str]]:
    """Return (feature set, file name, data URI) of the counts of every feature set.

    With more than a hundred classes only of those whose matrices are shown: the files are large.
    """
    names = [name for name in feature_sets(record) if name in record.counts]
    if len(record.labels) > figures.MOST_NAMED_CLASSES:
        names = _detailed(record)
    files = []
    for name in names:
        text = confusion_table(record, name).to_csv(sep="\t")
        plain = "".join(c if c.isalnum() else "-" for c in name)
        uri = data_uri(text.encode(), "text/tab-separated-values")
        files.append((name, f"confusion_{plain}.tsv", uri))
    return files


def surface_maps(
    record: RunRecord, meshes: Mapping[str, Mesh] | None
) -> tuple[list[PageFigure], str]:
    """Return the maps, or none and the reason."""
    try:
        scene = scene_of(record.space, record.hemispheres, meshes)
    except (InputError, DownloadError) as error:
        return [], f"No surface of {record.space} is at hand to draw on: {error}"
    return _draw_maps(record, scene), ""


def detail_note(record: RunRecord) -> str:
    """Say which feature sets are shown in detail, if not all."""
    shown, there = _detailed(record), len(record.counts)
    if len(shown) == there:
        return ""
    return (
        f"Shown for {listed(shown)}. The maps of all {there} feature sets are in the folder "
        "maps of the run directory."
    )


def _detailed(record: RunRecord) -> list[str]:
    many = len(record.labels) > _MANY_CLASSES
    return detailed_sets(record, _DETAILED_WITH_MANY_CLASSES if many else _DETAILED)


def _wrong(record: RunRecord, names: list[str]) -> str:
    """Name feature sets with their share of vertices predicted wrong."""
    shares = [(record.prediction[n] != record.truth)[record.truth > 0].mean() for n in names]
    return listed([f"{n} ({100 * s:.0f} %)" for n, s in zip(names, shares, strict=True)])


def _draw_maps(record: RunRecord, scene: Scene) -> list[PageFigure]:
    palette = not _MANY_CLASSES < len(record.labels) <= figures.MOST_NAMED_CLASSES
    predicted = [name for name in _detailed(record) if name in record.prediction]
    with_probability = [name for name in predicted if name in record.probability]
    views = "lateral and medial views of the cortex"
    drawn = [
        PageFigure(
            png_uri(maps.truth_and_prediction_figure(record, scene, predicted), palette=palette),
            "The target, and what each feature set predicts for it. Each vertex is predicted by "
            "the model of the fold that did not see it, so some borders are those of superblocks "
            "and not of the cortex. Grey: not analysed.",
            f"Truth and prediction from {listed(predicted)}: {views}.",
        ),
    ]
    if predicted:
        drawn.append(
            PageFigure(
                png_uri(maps.errors_figure(record, scene, predicted)),
                "Where the held-out prediction is right and wrong.",
                f"Errors of {_wrong(record, predicted)}: {views}.",
            )
        )
    if with_probability:
        drawn.append(
            PageFigure(
                png_uri(maps.uncertainty_figure(record, scene, with_probability)),
                "Entropy of the held-out class probabilities, relative to that of equally likely "
                "classes: 0 is certain, 1 is no idea. It is not calibrated: certain is not "
                "the same as right.",
                f"Uncertainty of {listed(with_probability)}: {views}.",
            )
        )
    drawn.append(
        PageFigure(
            png_uri(maps.folds_map_figure(record, scene)),
            "The fold in which each vertex was held out.",
            f"Folds: {views}.",
        )
    )
    return drawn
