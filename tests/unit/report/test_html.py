"""The report as one HTML file."""

from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from cytosurf.report import page_figures, render_report, write_report
from cytosurf.report.page_tests import spin_tests
from tests.unit.report.records import (
    toy_meshes,
    toy_record,
    under_one_policy,
    with_class_tests,
    with_features_alone,
    with_increment,
    with_other_statistics,
)

NASTY = '<script>alert("x")</script> & <b>'
TABLES = (
    *("run", "scores", "differences", "spin-tests", "spin-quality", "other-statistics"),
    *("two-tests", "per-class", "class-tests", "sources", "inputs"),
)
VOID = {"meta", "img", "br", "wbr", "link", "input", "hr"}


class Page(HTMLParser):
    """Collects what the tests ask of a page, and checks that its tags are balanced."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.words, self.headings = [], [], [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        """Remember a tag."""
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        """Check that the innermost open tag is closed."""
        assert self.open.pop() == tag, f"</{tag}> closes another tag"

    def handle_data(self, data):
        """Remember words, and which of them are headings."""
        self.words.append(data)
        if self.open and self.open[-1] in ("h1", "h2", "h3"):
            self.headings.append((self.open[-1], data))

    def all(self, tag):
        """Return the attributes of every tag of a kind."""
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def text(self):
        """All words, with single spaces."""
        return " ".join(" ".join(self.words).split())


@pytest.fixture(scope="module", params=[3, 64])
def page(request):
    """Return the text of a report of few and of many classes."""
    record = with_class_tests(toy_record("run", n_classes=request.param))
    record = with_increment(with_other_statistics(record))
    return render_report(record, meshes=toy_meshes())


@pytest.fixture
def undrawn(monkeypatch):
    """Leave charts undrawn: for tests of words alone."""
    monkeypatch.setattr(page_figures, "svg_uri", lambda _: "data:image/svg+xml;base64,")


def test_the_page_is_one_file_that_loads_nothing(page):
    """No script, no style sheet, no font, no image from anywhere else."""
    parsed = Page(page)
    assert not parsed.all("script")
    assert not parsed.all("link")
    assert not parsed.all("iframe")
    assert all(image["src"].startswith("data:image/") for image in parsed.all("img"))
    style = page[page.index("<style>") : page.index("</style>")]
    assert "url(" not in style
    assert "@import" not in style
    for link in parsed.all("a"):
        assert link["href"].startswith(("#", "data:text/tab-separated-values", "https://"))
    for tag, attributes in parsed.tags:
        assert "srcset" not in attributes
        assert not any(name.startswith("on") for name in attributes), tag


def test_the_page_holds_every_table_and_figure(page):
    """All tables with headings for rows and columns, all figures, all sections in order."""
    parsed = Page(page)
    names = [table["id"] for table in parsed.all("table")]
    assert names == [f"table-{name}" for name in TABLES]
    assert len(parsed.all("caption")) == len(names)
    scopes = [cell.get("scope") for cell in parsed.all("th")]
    assert set(scopes) == {"row", "col"}
    assert len(parsed.all("img")) >= 5 + 2 + 4
    sections = [words for tag, words in parsed.headings if tag == "h2"]
    assert sections == [
        *("Answer", "What was run", "Scores", "Spin test", "Classes", "Confusion", "Maps"),
        *("Warnings and notes", "Data sources", "Methods", "References"),
        "Configuration and checksums",
    ]


def test_the_page_is_accessible(page):
    """A language, a title, alternative texts, one h1, links that lead somewhere."""
    parsed = Page(page)
    assert parsed.all("html")[0]["lang"] == "en"
    assert all(len(image["alt"]) > 20 for image in parsed.all("img"))
    assert [tag for tag, _ in parsed.headings].count("h1") == 1
    targets = {attributes["id"] for _, attributes in parsed.tags if "id" in attributes}
    inside = [link["href"][1:] for link in parsed.all("a") if link["href"].startswith("#")]
    assert set(inside) <= targets
    assert len(targets) == sum("id" in attributes for _, attributes in parsed.tags)
    assert "@media print" in page


def test_the_page_is_small(page):
    """Well below 3 MB."""
    assert len(page) < 3e6


def test_the_page_is_deterministic(record):
    """The same run gives the same bytes."""
    assert render_report(record) == render_report(record)


@pytest.mark.usefixtures("undrawn")
def test_the_page_says_what_was_run(record):
    """Command, counts, seeds, machine, versions, warnings, notes, licences, and what is missing."""
    text = Page(render_report(record)).text
    for words in (
        "cytosurf decode --features stain",
        "toy-162, both hemispheres, 2025-01-02",
        f"Vertices analysed (also labelled) {record.results['n_vertices']}",
        "Vertices valid in every feature set 324",
        "cpu: Toy CPU, cores: 2",
        "python 3.11.7, cytosurf 0.1.0",
        "A class was absent from one training fold.",
        "stain: components fitted on both hemispheres",
        "CC BY-NC-SA 4.0",
        "https://bigbrainproject.org",
        "n_blocks: 30",
        "What the spins keep",
        "mirrored 90.0 % (at least 87.5 %)",
        "mirrored rotations are the default",
        "cut off from position as well",
        "being ahead in every fold is not a test",
        "no class was tested by itself",
        "all classes weigh the same",
        "@misc{Schiffer2025,",
        "No surface of toy-162 is at hand",
    ):
        assert words in text, words


@pytest.mark.usefixtures("undrawn")
def test_notes_that_a_joined_set_repeats_are_given_once(record):
    """The notes of A and those of A+B: A are the same."""
    record.info["notes"] = ["hist: carried", "hist+layers: hist: carried", "hist+layers: joined"]
    text = Page(render_report(record)).text
    assert text.count("hist: carried") == 1
    assert "hist+layers: joined" in text


@pytest.mark.usefixtures("undrawn")
def test_what_another_classifier_does_is_not_claimed(record):
    """Balanced weights are those of the softmax regression."""
    other = replace(record, config=record.config | {"classifier": "GaussianNB()"})
    assert "all classes weigh the same" not in Page(render_report(other)).text


@pytest.mark.usefixtures("undrawn")
def test_vertices_that_were_tested_are_counted_where_the_run_says(record):
    """From one hemisphere to the other only one is tested."""
    assert "Vertices tested" not in Page(render_report(record)).text
    results = record.results | {"n_vertices_tested": 1234}
    assert "Vertices tested 1,234" in Page(render_report(replace(record, results=results))).text


@pytest.mark.usefixtures("undrawn")
def test_long_names_break_after_a_sign(record):
    """And not in the middle of a word; what is markup in a name stays text."""
    sets = record.results["feature_sets"]
    renamed = {"<b>+hist:pca2" if k == "stain" else k: v for k, v in sets.items()}
    results = record.results | {"feature_sets": renamed, "differences": []}
    page = render_report(replace(record, results=results, nulls=[]))
    assert "&lt;b&gt;+<wbr>hist:<wbr>pca2" in page


def test_names_are_escaped_everywhere(tmp_path):
    """A name that is markup stays text, in tables, figures, links and the title."""
    record = toy_record(tmp_path, names=[NASTY, "b", "c"])
    sets = {NASTY if k == "stain" else k: v for k, v in record.results["feature_sets"].items()}
    record.config["features"] = [NASTY]
    record.info["warnings"] = [NASTY]
    record.info["command"] = NASTY
    record.info["sources"][0] |= {"title": NASTY, "homepage": "javascript:alert(1)"}
    results = record.results | {"feature_sets": sets, "target": NASTY, "differences": []}
    record = replace(
        record,
        results=results,
        nulls=[replace(n, features=NASTY) for n in record.nulls],
        counts={NASTY if k == "stain" else k: v for k, v in record.counts.items()},
        prediction={NASTY if k == "stain" else k: v for k, v in record.prediction.items()},
        probability={NASTY if k == "stain" else k: v for k, v in record.probability.items()},
    )
    page = render_report(record, meshes=toy_meshes())
    parsed = Page(page)
    assert not parsed.all("script")
    assert not parsed.all("b")
    assert not any(link["href"].startswith("javascript") for link in parsed.all("a"))
    assert NASTY in parsed.text


@pytest.mark.usefixtures("undrawn")
def test_a_run_without_spins_has_a_report(tmp_path):
    """The section says how to add them."""
    parsed = Page(render_report(toy_record(tmp_path, spins=False)))
    assert "No spins were run." in parsed.text
    assert "table-spin-tests" not in [table["id"] for table in parsed.all("table")]


@pytest.mark.parametrize("hemisphere", ["L", "R"])
@pytest.mark.usefixtures("undrawn")
def test_a_run_on_one_hemisphere_has_a_report(tmp_path, hemisphere):
    """One rotation per spin, and no word about mirrored ones."""
    record = toy_record(tmp_path, hemispheres=(hemisphere,))
    record = replace(record, nulls=[n for n in record.nulls if n.rotation == "independent"])
    text = Page(render_report(record, meshes=toy_meshes() if hemisphere == "L" else None)).text
    assert {"L": "left", "R": "right"}[hemisphere] + " hemisphere, 2025-01-02" in text
    assert "With one hemisphere there is one rotation per spin" in text
    assert "mirrored rotations are the default" not in text


def test_only_the_required_keys_are_needed(record):
    """Everything optional may be missing from info, configuration and results."""
    keys = ("target", "n_vertices", "n_folds")
    results = {key: record.results[key] for key in keys}
    results["feature_sets"] = {
        name: {key: entry[key] for key in ("n_features", "macro_f1")}
        for name, entry in record.results["feature_sets"].items()
    }
    record = replace(record, info={}, config={"features": ["stain"]}, results=results, nulls=[])
    parsed = Page(render_report(record, meshes=toy_meshes()))
    assert "The run names no data source." in parsed.text
    assert "nan" not in parsed.text.split()
    assert "None" not in parsed.text.split()


@pytest.mark.usefixtures("undrawn")
def test_the_way_to_an_increment_test(record):
    """A command, until there is one."""
    says = "cytosurf increment RUN_DIR"
    assert says in Page(render_report(record, meshes=toy_meshes())).text
    assert says not in Page(render_report(with_increment(record), meshes=toy_meshes())).text
    alone = replace(with_features_alone(record), increment_nulls=[])
    page = Page(render_report(alone, meshes=toy_meshes())).text
    assert says in page
    assert "stain, made anew (mirrored)" in page


@pytest.mark.usefixtures("undrawn")
def test_one_rotation_policy(record):
    """The page does not speak of two, and says which p is not to be quoted."""

    def text(run):
        return Page(render_report(run, meshes=toy_meshes())).text

    assert "Both rotation policies are given" in text(record)
    mirrored = text(under_one_policy(record, "mirrored"))
    assert "Both rotation policies" not in mirrored
    assert "valid for every statistic" in mirrored
    independent = text(under_one_policy(record, "independent"))
    assert "Both rotation policies" not in independent
    assert "do not quote it" in independent
    assert "--rotation both" in independent
    table = spin_tests(under_one_policy(record, "independent"))
    assert [row[2] for row in table.rows] == ["independent (primary)", "independent"]
    assert table.marked == {0}


@pytest.mark.usefixtures("undrawn")
def test_a_circular_set_is_called_circular_beside_its_score(record):
    """Not only in the answer."""
    sets = record.results["feature_sets"]
    results = record.results | {"target": "yeo7", "feature_sets": sets | {"func": sets["stain"]}}
    text = Page(render_report(replace(record, results=results))).text
    assert text.count("circular") >= 2


@pytest.mark.usefixtures("undrawn")
def test_the_title_stays_short(record):
    """Eleven feature sets are not all in the title."""
    entry = record.results["feature_sets"]["stain"]
    sets = {f"set{i}": entry | {"matched_position": None} for i in range(11)}
    results = record.results | {"feature_sets": sets, "differences": []}
    counts = {"set0": record.counts["stain"]}
    record = replace(
        record, results=results, nulls=[], counts=counts, prediction={}, probability={}
    )
    parsed = Page(render_report(record))
    assert ("h1", "toy target from set0, set1, set2 and 8 more") in parsed.headings


@pytest.mark.usefixtures("undrawn")
def test_the_report_is_written_whole_into_the_run_directory(record):
    """A report that fails leaves the one before it, and no half-written file."""
    path = write_report(record)
    assert path == record.directory / "report.html"
    before = path.read_text(encoding="utf-8")
    assert before.startswith("<!DOCTYPE html>")
    broken = replace(record, counts={name: np.zeros(3) for name in record.counts})
    with pytest.raises((IndexError, ValueError, np.exceptions.AxisError)):
        write_report(broken)
    assert path.read_text(encoding="utf-8") == before
    assert [p.name for p in record.directory.iterdir()] == ["report.html"]
