"""The report of a run: one HTML file that needs no other file and no network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined

from cytosurf._version import __version__
from cytosurf.compute.files import write_text
from cytosurf.errors import DownloadError, InputError
from cytosurf.report import figures, maps, page_tables
from cytosurf.report.answer import answer
from cytosurf.report.cortex import Scene
from cytosurf.report.embed import data_uri, png_uri, svg_uri
from cytosurf.report.formatting import listed, number
from cytosurf.report.methods import methods
from cytosurf.report.page_tables import PageTable
from cytosurf.report.selection import (
    circular_sets,
    detailed_sets,
    feature_sets,
    names_with_role,
)
from cytosurf.report.surface_plot import scene_of
from cytosurf.report.tables import confusion_table
from cytosurf.surfaces.mesh import Mesh

if TYPE_CHECKING:
    from cytosurf.runs.record import RunRecord

# Feature sets shown in detail: fewer where each figure is large.
_MANY_CLASSES = 20
_SIDE_BY_SIDE = 10
_NAMES_IN_TITLE = 4
_DETAILED = 4
_DETAILED_WITH_MANY_CLASSES = 2


@dataclass(frozen=True)
class PageFigure:
    """A figure of the page: its image as a data URI, what it shows, and the same for the blind."""

    source: str
    caption: str
    alt: str


def write_report(record: RunRecord, *, meshes: Mapping[str, Mesh] | None = None) -> Path:
    """Write ``report.html`` into the directory of a run.

    The file holds its figures and its style, loads nothing, and can be printed.

    Parameters
    ----------
    record : RunRecord
        A finished run, with or without spins.
    meshes : mapping of str to Mesh, optional
        Surface of each hemisphere to draw maps on. By default the midthickness of the run's
        space, inflated; where none is known the report says so.

    Returns
    -------
    pathlib.Path
        The file, whole or as it was before.
    """
    return write_text(record.directory / "report.html", render_report(record, meshes=meshes))


def render_report(record: RunRecord, *, meshes: Mapping[str, Mesh] | None = None) -> str:
    """Return the report of a run as HTML text (see `write_report`)."""
    environment = Environment(
        loader=PackageLoader("cytosurf.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html.j2").render(_context(record, meshes))


def _context(record: RunRecord, meshes: Mapping[str, Mesh] | None) -> dict[str, Any]:
    """Return everything that the template shows."""
    section = methods(record)
    map_figures, map_note = _map_figures(record, meshes)
    return {
        "version": __version__,
        "title": _title(record),
        "subtitle": _subtitle(record),
        "answer": answer(record),
        "command": record.info.get("command", ""),
        "run_table": _run_table(record),
        "configuration": yaml.safe_dump(_plain(record.config), sort_keys=False),
        "inputs_table": page_tables.inputs(record),
        "scores_table": page_tables.scores(record),
        "folds_figure": _folds_figure(record),
        "differences_table": page_tables.differences(record),
        "variants_table": page_tables.variants(record),
        "spin_quality": _spin_quality(record),
        "one_hemisphere": len(record.hemispheres) == 1,
        "spins_table": page_tables.spin_tests(record),
        "nulls_figure": _nulls_figure(record) if record.nulls else None,
        "class_figure": _class_figure(record),
        "class_table": page_tables.per_class(record),
        "confusion_figures": _confusion_figures(record),
        "confusion_side_by_side": len(record.labels) <= _SIDE_BY_SIDE,
        "confusion_files": _confusion_files(record),
        "map_figures": map_figures,
        "map_note": map_note,
        "circular": listed(circular_sets(record)),
        "warnings": _warnings(record),
        "sources_table": page_tables.sources(record),
        "methods": section,
        "bibtex": "\n\n".join(r.bibtex for r in section.references),
    }


def _title(record: RunRecord) -> str:
    names = names_with_role(record, "features")
    if len(names) > _NAMES_IN_TITLE:
        names = [*names[: _NAMES_IN_TITLE - 1], f"{len(names) - _NAMES_IN_TITLE + 1} more"]
    return f"{record.results['target']} from {listed(names)}"


def _subtitle(record: RunRecord) -> str:
    started = str(record.info.get("started", ""))[:10]
    names = {("L", "R"): "both hemispheres", ("L",): "left hemisphere", ("R",): "right hemisphere"}
    parts = [str(record.space), names[tuple(record.hemispheres)], started]
    return ", ".join(part for part in parts if part)


def _run_table(record: RunRecord) -> PageTable:
    """Return what was run: counts, seeds, machine and versions."""
    results, info = record.results, record.info
    machine = info.get("machine") or {}
    spin_test = results.get("spin_test") or {}
    seconds = {k: f"{number(float(v), 1)} s" for k, v in (info.get("timings_s") or {}).items()}
    n_blocks = len(np.unique(record.block[record.block >= 0]))
    return page_tables.facts(
        "run",
        "Counts, seeds, machine and versions.",
        [
            ("Target", f"{results['target']}, {len(record.labels)} classes"),
            ("Features", listed(names_with_role(record, "features"))),
            ("Baseline", listed(names_with_role(record, "baseline"))),
            ("Vertices valid in every feature set", _count(results.get("n_vertices_mask"))),
            ("Vertices analysed (also labelled)", _count(results.get("n_vertices"))),
            ("Folds", f"{results.get('n_folds', '')}, made of {n_blocks} superblocks"),
            ("Seed", record.config.get("seed")),
            ("Spins", _count(spin_test.get("n_spins")) or "none"),
            ("Seed of the spins", spin_test.get("seed")),
            ("Started", info.get("started")),
            ("Time", _pairs(seconds)),
            ("Machine", ", ".join(f"{k}: {v}" for k, v in machine.items())),
            ("Versions", _pairs(info.get("versions") or {})),
            ("Run directory", record.directory.name),
        ],
    )


def _folds_figure(record: RunRecord) -> PageFigure:
    ranges = [
        f"{name} {np.nanmin(folds):.3f} to {np.nanmax(folds):.3f}"
        for name, s in feature_sets(record).items()
        if len(folds := np.array(s["macro_f1"]["folds"], dtype=float))
    ]
    return PageFigure(
        svg_uri(figures.folds_figure(record)),
        "Macro-F1 of every fold (points), their mean (bar), and the pooled macro-F1 with its 95 % "
        "block-bootstrap interval (diamond). Grey lines join the same fold. In brackets: columns.",
        f"Macro-F1 over folds: {'; '.join(ranges)}.",
    )


def _nulls_figure(record: RunRecord) -> PageFigure:
    tests = [
        f"{n.features}{f' minus {n.baseline}' if n.baseline else ''}, {n.rotation}: observed "
        f"{n.observed:.3f}, null median {float(np.median(n.null)):.3f}"
        for n in record.nulls
    ]
    return PageFigure(
        svg_uri(figures.nulls_figure(record)),
        "Null distribution of each statistic under both rotation policies, and the observed value "
        "(red line). The primary test is in bold.",
        f"Histograms of spins. {'; '.join(tests)}.",
    )


def _class_figure(record: RunRecord) -> PageFigure:
    return PageFigure(
        svg_uri(figures.per_class_figure(record, _DETAILED)),
        "F1 of each class, sorted by the first feature set.",
        "Dot plot of the F1 of each class; the numbers are in the table below.",
    )


def _confusion_figures(record: RunRecord) -> list[PageFigure]:
    many = len(record.labels) > _MANY_CLASSES
    shown = detailed_sets(record, _DETAILED_WITH_MANY_CLASSES if many else _DETAILED)
    return [
        PageFigure(
            svg_uri(figures.confusion_figure(record, name)),
            f"Confusion matrix of {name}: each row is a true class and adds up to 1.",
            f"Confusion matrix of {name}; its counts are in the file below.",
        )
        for name in shown
    ]


def _confusion_files(record: RunRecord) -> list[tuple[str, str, str]]:
    """Return (feature set, file name, data URI) of the counts of every feature set."""
    files = []
    for name in feature_sets(record):
        if name in record.counts:
            text = confusion_table(record, name).to_csv(sep="\t")
            plain = "".join(c if c.isalnum() else "-" for c in name)
            uri = data_uri(text.encode(), "text/tab-separated-values")
            files.append((name, f"confusion_{plain}.tsv", uri))
    return files


def _map_figures(
    record: RunRecord, meshes: Mapping[str, Mesh] | None
) -> tuple[list[PageFigure], str]:
    """Return the maps, or none and the reason."""
    try:
        scene = scene_of(record.space, record.hemispheres, meshes)
    except (InputError, DownloadError) as error:
        return [], f"No surface of {record.space} is at hand to draw on: {error}"
    many = len(record.labels) > _MANY_CLASSES
    shown = detailed_sets(record, _DETAILED_WITH_MANY_CLASSES if many else _DETAILED)
    return _draw_maps(record, scene, shown, many), ""


def _draw_maps(record: RunRecord, scene: Scene, shown: list[str], many: bool) -> list[PageFigure]:
    predicted = [name for name in shown if name in record.prediction]
    with_probability = [name for name in predicted if name in record.probability]
    views = "lateral and medial views of the inflated surface"
    drawn = [
        PageFigure(
            png_uri(maps.truth_and_prediction_figure(record, scene, predicted), palette=not many),
            "The target, and what each feature set predicts for it. Each vertex is predicted by "
            "the model of the fold that did not see it. Grey: not analysed.",
            f"Truth and prediction from {listed(predicted)}: {views}.",
        ),
    ]
    if predicted:
        drawn.append(
            PageFigure(
                png_uri(maps.errors_figure(record, scene, predicted)),
                "Where the held-out prediction is right and wrong.",
                f"Errors of {listed(predicted)}: {views}.",
            )
        )
    if with_probability:
        drawn.append(
            PageFigure(
                png_uri(maps.uncertainty_figure(record, scene, with_probability)),
                "Entropy of the held-out class probabilities, relative to that of equally likely "
                "classes: 0 is certain, 1 is no idea.",
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


def _warnings(record: RunRecord) -> list[str]:
    return [str(t) for key in ("warnings", "notes") for t in record.info.get(key) or []]


def _spin_quality(record: RunRecord) -> list[str]:
    """Return what the spins did to the labels, one sentence for each rotation policy."""
    quality = (record.results.get("spin_test") or {}).get("quality") or {}
    return [
        f"{policy.capitalize()} rotations: {_share(shares['kept'])} of the vertices of the mask "
        f"had a label after a spin, and {_share(shares['distinct'])} of the vertices were a source."
        for policy, shares in quality.items()
    ]


def _share(values: Mapping[str, float]) -> str:
    return f"{100 * values['mean']:.1f} % on average (at least {100 * values['min']:.1f} %)"


def _pairs(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} {value}" for key, value in values.items())


def _count(value: int | None) -> str:
    return "" if value is None else f"{value:,}"


def _plain(value: Any) -> Any:
    """Return a configuration in plain YAML types, paths and arrays as text."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
