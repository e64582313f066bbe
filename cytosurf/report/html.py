"""The report of a run: one HTML file that needs no other file and no network."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined

from cytosurf._version import __version__
from cytosurf.compute.files import write_text
from cytosurf.report import page_figures, page_tables, page_tests
from cytosurf.report.answer import answer
from cytosurf.report.formatting import listed, number
from cytosurf.report.methods import methods
from cytosurf.report.page_tables import PageTable
from cytosurf.report.selection import circular_sets, is_lenient, names_with_role
from cytosurf.report.spin_quality import spin_quality
from cytosurf.surfaces.mesh import Mesh

if TYPE_CHECKING:
    from cytosurf.runs.record import RunRecord

_NAMES_IN_TITLE = 4


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
    drawn = (*record.increment_nulls, *record.feature_nulls)
    with_classes = bool((record.results.get("spin_test") or {}).get("per_class"))
    map_figures, map_note = page_figures.surface_maps(record, meshes)
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
        "folds_figure": page_figures.folds(record),
        "differences_table": page_tables.differences(record),
        "variants_table": page_tables.variants(record),
        "quality_table": spin_quality(record),
        "quality_figure": page_figures.spin_quality(record),
        "one_hemisphere": len(record.hemispheres) == 1,
        "rotations": list(dict.fromkeys(null.rotation for null in record.nulls)),
        "lenient": any(null.primary and is_lenient(record, null) for null in record.nulls),
        "spins_table": page_tests.spin_tests(record),
        "spin_notes": page_tests.spin_notes(record),
        "tail_note": page_tests.tail_note(record),
        "other_table": page_tests.other_statistics(record),
        "nulls_figure": page_figures.nulls(record) if record.nulls else None,
        "tests_table": page_tests.two_tests(record),
        "tests_figure": page_figures.two_tests(record) if drawn else None,
        "has_increment": bool(record.increment_nulls),
        "bands_figure": page_figures.class_bands(record) if with_classes else None,
        "bands_table": page_tests.class_tests(record) if with_classes else None,
        "class_figure": page_figures.per_class(record),
        "class_table": page_tables.per_class(record),
        "confusion_figures": page_figures.confusions(record),
        "confusion_side_by_side": len(record.labels) <= page_figures.SIDE_BY_SIDE,
        "confusion_files": page_figures.confusion_files(record),
        "map_figures": map_figures,
        "map_note": map_note,
        "detail_note": page_figures.detail_note(record),
        "circular": listed(circular_sets(record)),
        "warnings": _texts(record, "warnings"),
        "notes": _texts(record, "notes"),
        "balanced": not record.config.get("classifier"),
        "beyond_baseline": any(null.baseline for null in record.nulls),
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
            ("Vertices tested", _count(results.get("n_vertices_tested"))),
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


def _texts(record: RunRecord, key: str) -> list[str]:
    """Return the warnings or notes of a run; what a joined set repeats of its parts is left out."""
    texts = [str(text) for text in record.info.get(key) or []]
    return [text for text in texts if text.partition(": ")[2] not in texts]


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
