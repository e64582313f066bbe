"""The tests of the page: what was counted, what each kind of spin can say, and what it cannot."""

from dataclasses import replace

import numpy as np
import pytest

from cytosurf.report import page_tests
from tests.unit.report.records import (
    toy_record,
    with_class_tests,
    with_features_alone,
    with_increment,
    with_other_statistics,
    with_spin_test,
)

TABLES = {
    "spin tests": page_tests.spin_tests,
    "other statistics": page_tests.other_statistics,
    "classes": page_tests.class_tests,
    "two tests": page_tests.two_tests,
}


@pytest.fixture
def full(record):
    """Return a run of which everything was asked."""
    return with_increment(with_other_statistics(with_class_tests(record)))


@pytest.mark.parametrize("name", TABLES)
def test_tables_are_rectangular_text(full, name):
    """Every row has a cell per header, all cells are text, none says nan or None."""
    table = TABLES[name](full)
    assert table.rows
    for row in table.rows:
        assert len(row) == len(table.headers)
        assert all(isinstance(cell, str) and cell not in ("nan", "None", "") for cell in row)
    assert table.caption


@pytest.mark.parametrize("name", TABLES)
def test_a_run_without_spins_has_no_rows(tmp_path, name):
    """The tables are there, and empty."""
    assert TABLES[name](toy_record(tmp_path, spins=False)).rows == ()


def test_the_rotations_to_quote_are_marked(record):
    """Independent for the difference to coordinates, mirrored for the score."""
    table = page_tests.spin_tests(record)
    assert table.marked == {0, 2}
    assert [row[2] for row in table.rows] == [
        "independent (primary)",
        "mirrored",
        "mirrored (primary)",
        "independent",
    ]
    assert table.rows[0][0] == "stain − coordinates"
    assert table.rows[0][1] == "macro-F1 difference"
    exceed, n_spins = record.nulls[0].exceed, len(record.nulls[0].null)
    assert table.rows[0][5:7] == (str(exceed), str(n_spins))
    assert table.headers[9:] == ("z", "Effect size")


def test_corrected_and_approximate_values_have_columns_where_there_are_any(record):
    """Holm, Benjamini-Hochberg, the maximum over sets, and the tail with its fit."""
    tail = {"approximate": True, "p": 0.00012, "fit_p": 0.43, "reason": None}
    test = replace(record.nulls[0], p_holm=0.04, p_bh=0.03, p_max=0.02, tail=tail)
    table = page_tests.spin_tests(replace(record, nulls=[test, *record.nulls[1:]]))
    assert table.headers[9:13] == ("p (Holm)", "p (BH)", "p (max)", "p (tail)")
    assert table.rows[0][9:13] == ("0.040", "0.030", "0.020", "≈ 1.2e-04 (fit 0.430)")
    assert table.rows[1][9:13] == ("–",) * 4
    with_tail = replace(record, nulls=[test])
    assert "approximate" in page_tests.tail_note(with_tail)
    assert "replaces no p" in page_tests.tail_note(with_tail)
    assert page_tests.tail_note(record) == ""


def test_other_statistics_stand_apart(full):
    """With the warning that a statistic chosen by its p has no valid p."""
    table = page_tests.other_statistics(full)
    assert [row[1] for row in table.rows] == ["mcc"]
    assert "chosen after its p was seen" in table.caption
    assert all("mcc" not in row[1] for row in page_tests.spin_tests(full).rows)


def test_the_class_that_stands_out_is_marked(full):
    """By its corrected p; classes on their nulls are not."""
    table = page_tests.class_tests(full)
    assert table.marked == {0}
    assert table.rows[0][-1] == "0.010"
    assert table.rows[0][5] == "0 of 99"


def test_both_questions_stand_side_by_side(full):
    """Label spins and feature spins, each with what a small p says and what it cannot say."""
    table = page_tests.two_tests(full)
    assert [row[0] for row in table.rows] == [
        "label spins: stain − coordinates",
        "label spins: stain",
        "increment: harmonics:8 + stain − harmonics:8",
    ]
    labels, _, increment = table.rows
    assert labels[1].startswith("the labels (independent)")
    assert increment[1] == "stain, rotated (mirrored); labels and harmonics:8 stay"
    assert "know more than position" in labels[5]
    assert "adds more to harmonics:8" in increment[4]
    assert "more columns of position" in increment[5]
    assert increment[3] == "0.010 (0 of 99 spins)"


def test_surrogates_are_not_called_spins(full):
    """Nothing is spun where features are made anew."""
    (entry,) = full.results["increment_tests"]
    results = full.results | {"increment_tests": [entry | {"null": "surrogates"}]}
    row = page_tests.two_tests(replace(full, results=results)).rows[-1]
    assert row[1] == "stain, made anew (mirrored); labels and harmonics:8 stay"
    assert row[3] == "0.010 (0 of 99 surrogates)"
    assert (
        row[4]
        == "stain adds more to harmonics:8 than equally smooth features that are made anew add"
    )


def test_features_alone_have_a_row(record):
    """With what was drawn, and that position may know the same."""
    row = page_tests.two_tests(with_features_alone(record)).rows[-1]
    assert row[0] == "features alone: stain − harmonics:8"
    assert row[1].startswith("stain, made anew (mirrored)")
    assert row[3].endswith(" of 99 surrogates)")
    assert "that are made anew do" in row[4]
    assert "drawn features have lost position as well" in row[5]


class TestSpinNotes:
    """What must be known of the spins before their p-values are read."""

    def test_lost_spins_are_shown(self, record):
        """How many of which policy, that they count, and in which direction."""
        counts = {"independent": 3, "mirrored": 0}
        (note,) = page_tests.spin_notes(with_spin_test(record, untestable=counts))
        assert "3 of 99 independent spins" in note
        assert "mirrored" not in note
        assert "make p larger, never smaller" in note
        none = with_spin_test(record, untestable={"independent": 0, "mirrored": 0})
        assert page_tests.spin_notes(none) == [
            "Untestable spins: none. Every spin left something to decode."
        ]
        assert page_tests.spin_notes(record) == []

    def test_fits_that_did_not_converge_are_shown(self, record):
        """How many, under which rotations; nothing where all did."""
        found = page_tests.spin_notes(
            with_spin_test(record, unconverged={"independent": 0, "mirrored": 1200})
        )
        (note,) = found
        assert "1,200 under mirrored rotations" in note
        assert "independent" not in note
        none = with_spin_test(record, unconverged={"independent": 0, "mirrored": 0})
        assert page_tests.spin_notes(none) == []

    def test_an_early_stop_is_told(self, record):
        """The rule, where it stopped, what is provisional and what is not given."""
        rule = {"exceedances": 20, "max_spins": 10_000, "stopped": True}
        first, last = record.nulls[0], record.nulls[2]
        nulls = [
            replace(first, stopped=True, exceed=20, p=20 / 99),
            replace(last, complete=False),
        ]
        stopped = replace(with_spin_test(record, stopping=rule), nulls=nulls)
        notes = " ".join(page_tests.spin_notes(stopped))
        for words in ("exceedance 20", "10,000 spins", "stopped after 99", "provisional"):
            assert words in notes
        table = page_tests.spin_tests(stopped)
        assert "p = b/n where the test stopped" in table.caption
        assert table.rows[1][7].endswith("(provisional)")
        assert table.rows[0][7] == "0.202"
        assert page_tests.two_tests(stopped).rows[1][3].endswith(" of 99 spins, provisional)")

    def test_a_rule_that_did_not_bite(self, record):
        """It is told too: the p-values are those of all spins."""
        rule = {"exceedances": 20, "max_spins": 99, "stopped": False}
        (note,) = page_tests.spin_notes(with_spin_test(record, stopping=rule))
        assert note.endswith("It did not stop early.")

    def test_why_there_is_no_approximate_p(self, record):
        """Each reason once, however many spins reach the values."""
        reasons = ["null distribution: 99 spins", "x: 12 of 99 spins at or above it"]
        reasons += ["x: 40 of 99 spins at or above it", None]
        nulls = [
            replace(null, tail={"approximate": True, "p": None, "reason": reason})
            for null, reason in zip(record.nulls, reasons, strict=True)
        ]
        (note,) = page_tests.spin_notes(replace(record, nulls=nulls))
        assert note == (
            "Where there is no approximate p: null distribution: 99 spins; ten or more spins reach "
            "the value, so counting is accurate enough."
        )


def test_a_stopped_run_has_bands_without_p(record):
    """A number of spins that the data chose."""
    table = page_tests.class_tests(with_class_tests(record, tested=False))
    assert {row[6] for row in table.rows} == {"–"}
    assert table.marked == frozenset()
    assert all(np.isfinite(float(row[2].replace("−", "-"))) for row in table.rows)
