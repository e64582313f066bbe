"""Figures of the page and their texts."""

import base64
import io
from dataclasses import replace

import pandas as pd
import pytest

from cytosurf.report import page_figures
from tests.unit.report.records import toy_meshes, toy_record


def test_every_figure_has_a_caption_and_an_alternative_text(record):
    """The page can be read without seeing."""
    shown = [page_figures.folds(record), page_figures.nulls(record), page_figures.per_class(record)]
    shown += page_figures.confusions(record)
    maps, note = page_figures.surface_maps(record, toy_meshes())
    assert note == ""
    assert len(maps) == 4
    for figure in shown + maps:
        assert figure.source.startswith("data:image/")
        assert len(figure.caption) > 20
        assert len(figure.alt) > 20


def test_alternative_texts_hold_the_numbers(record):
    """Ranges of the folds, observed value and null median."""
    folds = record.results["feature_sets"]["stain"]["macro_f1"]["folds"]
    assert f"stain {min(folds):.3f} to {max(folds):.3f}" in page_figures.folds(record).alt
    assert f"observed {record.nulls[0].observed:.3f}" in page_figures.nulls(record).alt


def test_alternative_texts_of_matrices_and_errors_hold_numbers(record):
    """The class found best and worst, and the share of errors."""
    alt = page_figures.confusions(record)[0].alt
    assert "most found class class" in alt
    assert alt.count(" %)") == 2
    wrong = (record.prediction["stain"] != record.truth)[record.truth > 0].mean()
    maps, _ = page_figures.surface_maps(record, toy_meshes())
    assert f"stain ({100 * wrong:.0f} %)" in maps[1].alt


@pytest.mark.parametrize(
    ("n_classes", "words"), [(3, "below their number"), (15, "per cent of its"), (64, "colour")]
)
def test_captions_of_matrices_say_what_the_cells_hold(tmp_path, n_classes, words):
    """Percentages and counts, percentages alone, or colours alone."""
    record = toy_record(tmp_path, n_classes=n_classes)
    caption = page_figures.confusions(record)[0].caption
    assert words in caption
    assert ("below" in caption) == (n_classes == 3)


def test_folds_of_many_sets_are_not_joined(record):
    """Lines between sets in no order would hide the points, and the caption then knows of none."""
    assert "Grey lines" in page_figures.folds(record).caption
    sets = record.results["feature_sets"]
    many = sets | {f"set{i}": sets["stain"] for i in range(6)}
    record = replace(record, results=record.results | {"feature_sets": many})
    assert "Grey lines" not in page_figures.folds(record).caption


def test_counts_of_every_set_can_be_saved_from_the_page(record):
    """The files inside the page hold the confusion counts."""
    files = page_figures.confusion_files(record)
    assert [name for name, _, _ in files] == ["stain", "coordinates", "harmonics:8"]
    name, file, uri = files[2]
    assert file == "confusion_harmonics-8.tsv"
    text = base64.b64decode(uri.partition(",")[2]).decode()
    table = pd.read_csv(io.StringIO(text), sep="\t", index_col=0)
    assert (table.to_numpy() == record.counts[name].sum(axis=0)).all()


@pytest.mark.parametrize(("n_classes", "expected"), [(3, 3), (64, 2)])
def test_fewer_sets_are_shown_in_detail_with_many_classes(tmp_path, n_classes, expected):
    """And the page says which."""
    record = toy_record(tmp_path, n_classes=n_classes)
    assert len(page_figures.confusions(record)) == expected
    note = page_figures.detail_note(record)
    assert ("Shown for stain and coordinates" in note) == (n_classes == 64)


def test_a_space_without_a_surface_gives_a_note_instead_of_maps(record):
    """A run on a mesh of the user's own still has a report."""
    maps, note = page_figures.surface_maps(record, None)
    assert maps == []
    assert "No surface of toy-162" in note
