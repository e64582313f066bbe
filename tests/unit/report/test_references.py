"""References as text and BibTeX."""

import re

import pytest

from cytosurf import data
from cytosurf.report.references import REFERENCES, Reference, parse_citation

YEO = (
    "Yeo et al., 2011, The organization of the human cerebral cortex, Journal of Neurophysiology "
    "106:1125, doi:10.1152/jn.00338.2011"
)


def test_a_citation_of_a_manifest_is_read_completely():
    """Authors, year, title, journal, place and DOI."""
    found = parse_citation(YEO)
    assert found == Reference(
        "Yeo2011",
        ("Yeo", "others"),
        "2011",
        "The organization of the human cerebral cortex",
        "Journal of Neurophysiology",
        "106:1125",
        "10.1152/jn.00338.2011",
    )
    assert found.label == "Yeo et al., 2011"
    assert found.text == (
        "Yeo et al. (2011). The organization of the human cerebral cortex. Journal of "
        "Neurophysiology 106:1125. doi:10.1152/jn.00338.2011"
    )


@pytest.mark.parametrize(
    ("text", "key", "label"),
    [
        ("Glasser & Van Essen, 2011, Title, J 1:2", "Glasser2011", "Glasser and Van Essen, 2011"),
        ("Vos de Wael et al., 2020, T, J 3:103", "VosdeWael2020", "Vos de Wael et al., 2020"),
        ("Larivière et al., 2021, T, J 18:698", "Lariviere2021", "Larivière et al., 2021"),
        ("Holm, 1979, A procedure", "Holm1979", "Holm, 1979"),
    ],
)
def test_names_of_all_kinds_are_labelled(text, key, label):
    """Two authors, several words, accents, one author."""
    found = parse_citation(text)
    assert (found.key, found.label) == (key, label)


@pytest.mark.parametrize("text", ["", "a talk", "https://example.org", "12 monkeys, 1995, film"])
def test_what_is_no_citation_is_left_alone(text):
    """Nothing is invented."""
    assert parse_citation(text) is None


def test_a_known_doi_gives_the_full_reference():
    """A paper cited by the methods and by a data source appears once."""
    text = (
        "Van Essen et al., 2012, Parcellations, Cerebral Cortex 22:2241, doi:10.1093/cercor/bhr291"
    )
    assert parse_citation(text) is REFERENCES["VanEssen2012"]


def test_every_citation_of_every_manifest_is_read():
    """What the reports will print; only the CytoNet page is no paper with authors first."""
    for source in data.sources().values():
        for citation in source.citations:
            found = parse_citation(" ".join(citation.split()))
            assert found is not None, citation
            assert len(found.title) > 10


def test_bibtex_entries_are_well_formed():
    """Balanced braces, one key each, all fields filled."""
    entries = [*REFERENCES.values(), parse_citation(YEO)]
    keys = set()
    for entry in entries:
        text = entry.bibtex
        assert text.count("{") == text.count("}")
        keys.add(re.match(r"@\w+\{(\w+),", text)[1])
        assert "= {}," not in text
        assert "others" not in text or "and others}" in text
    assert len(keys) == len(entries)


@pytest.mark.parametrize(
    ("key", "kind", "fields", "absent"),
    [
        ("AlexanderBloch2018", "article", ["volume = {178}", "pages = {540--551}"], "eprint"),
        ("Schiffer2025", "misc", ["eprint = {2511.01870}", "archivePrefix = {arXiv}"], "volume"),
        (
            "Botsch2004",
            "inproceedings",
            ["booktitle = {Proceedings of the Eurographics", "pages = {185--192}"],
            "volume",
        ),
    ],
)
def test_bibtex_fields_are_those_of_the_kind_of_publication(key, kind, fields, absent):
    """Pages are no volume, a preprint has no journal, and proceedings are a book."""
    text = REFERENCES[key].bibtex
    assert text.startswith(f"@{kind}{{{key},")
    assert all(field in text for field in fields)
    assert absent not in text
    assert ("journal" in text) == (kind == "article")


def test_a_meeting_without_pages_is_no_article():
    """An abstract is cited by its meeting."""
    found = parse_citation("Lewis et al., 2014, Tissue classification, Brain Mapping")
    assert found.bibtex.startswith("@misc{Lewis2014,")
    assert "howpublished = {Brain Mapping}" in found.bibtex


def test_bibtex_escapes_what_latex_would_not_print():
    """An ampersand in a title."""
    entry = Reference("A2000", ("A, B",), "2000", "Cells & 5 % of layers", "J & K", "1:2")
    assert r"Cells \& 5 \% of layers" in entry.bibtex
    assert r"journal = {J \& K}" in entry.bibtex
