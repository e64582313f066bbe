"""Tables of the page."""

from dataclasses import replace

import pytest

from cytosurf.report import page_tables
from tests.unit.report.records import one_fold, toy_record

SETS = ("stain", "coordinates", "harmonics:8")
TABLES = {
    "scores": page_tables.scores,
    "differences": page_tables.differences,
    "per class": page_tables.per_class,
    "sources": page_tables.sources,
    "inputs": page_tables.inputs,
    "variants": page_tables.variants,
}


@pytest.mark.parametrize("name", TABLES)
def test_tables_are_rectangular_text(record, name):
    """Every row has a cell per header, all cells are text, none says nan or None."""
    table = TABLES[name](record)
    for row in table.rows:
        assert len(row) == len(table.headers)
        assert all(isinstance(cell, str) and cell not in ("nan", "None", "") for cell in row)
    assert table.caption


def test_position_of_the_same_size_stands_in_the_row_of_the_features(record):
    """The row of the comparison is marked."""
    table = page_tables.scores(record)
    assert table.rows[0][0] == "stain"
    assert table.rows[0][4].startswith("harmonics:8: 0.")
    assert table.marked == {0}
    assert table.rows[3][0] == "prior"
    assert table.rows[3][6] == "–"


def test_commercial_use_is_yes_no_or_unknown(record):
    """An unknown licence is not taken for a free one."""
    sources = [{"title": str(use), "commercial_use": use} for use in (True, False, None)]
    table = page_tables.sources(replace(record, info={"sources": [*sources, {"name": "bare"}]}))
    assert [row[2] for row in table.rows] == ["yes", "no", "unknown", "unknown"]
    assert [row[1] for row in table.rows] == ["unknown"] * 4
    assert table.rows[3][0] == "bare"


def test_other_folds_are_listed_where_the_run_has_them(record):
    """Fold seeds and numbers of superblocks, with a dash for what is missing."""
    assert page_tables.variants(record).rows == ()
    extra = {"repeats": {"8": {"stain": 0.5}}, "block_sweep": {"50": {"stain": 0.25}}}
    table = page_tables.variants(replace(record, results=record.results | extra))
    assert table.rows[0][:3] == ("fold seed 8", "0.500", "–")
    assert table.rows[1][:2] == ("superblocks per hemisphere: 50", "0.250")


def test_every_class_has_a_row(tmp_path):
    """Also with 64 classes."""
    table = page_tables.per_class(toy_record(tmp_path, n_classes=64))
    assert len(table.rows) == 64
    assert table.headers == ("Class", "Key", "Tested vertices", *SETS)


def test_facts_leave_out_what_is_empty():
    """Nothing is said about what is not known; 0 is known."""
    pairs = [("a", 0), ("b", None), ("c", ""), ("d", []), ("e", "x")]
    assert page_tables.facts("n", "c", pairs).rows == (("a", "0"), ("e", "x"))


def test_the_table_of_classes_fits_on_a_page(record):
    """Of many feature sets the most important ones are shown, and the file with all is named."""
    table = page_tables.per_class(record)
    assert table.headers[3:] == SETS
    assert "per_class.tsv" not in table.caption
    sets, counts = record.results["feature_sets"], record.counts
    names = [f"set{i}" for i in range(6)]
    results = record.results | {"feature_sets": sets | dict.fromkeys(names, sets["stain"])}
    many = replace(record, results=results, counts=counts | dict.fromkeys(names, counts["stain"]))
    table = page_tables.per_class(many)
    assert table.headers[3:6] == ("stain", "coordinates", "harmonics:8")
    assert len(table.headers) == 3 + 6
    assert "All 9 feature sets are in per_class.tsv." in table.caption


def test_one_fold_is_shown_without_an_sd(record):
    """Captions say that there is one fold, and no cell holds a plus-minus sign."""
    single = one_fold(record)
    for table in (page_tables.scores(single), page_tables.differences(single)):
        assert not any("±" in text for row in (table.headers, *table.rows) for text in row)
        assert "±" not in table.caption
    assert "one fold" in page_tables.scores(single).caption


def test_classes_are_counted_by_the_vertices_that_were_tested(record):
    """Where folds leave vertices untested, the table of classes says how many were."""
    counts = {name: c[:1] for name, c in record.counts.items()}
    table = page_tables.per_class(replace(record, counts=counts))
    assert table.headers[2] == "Tested vertices"
    tested = counts["stain"].sum(axis=(0, 2))
    assert [row[2] for row in table.rows] == [f"{n:,}" for n in tested]
