"""The licence notice: what it says, where it goes and how often."""

import pytest

from cytosurf.data.manifest import Source, load_source
from cytosurf.data.notice import announce, commercial_use_in_words, licence_notice
from tests.unit.data.conftest import original, source


@pytest.mark.parametrize(
    ("allowed", "words"),
    [(True, "allowed"), (False, "not allowed"), (None, "not known; ask the authors")],
)
def test_commercial_use_in_words(allowed, words):
    """Unknown is said to be unknown."""
    assert commercial_use_in_words(allowed) == words


def test_all_terms_of_a_source_are_stated_with_their_counts():
    """Where files differ in terms, each licence is named with the number of its files."""
    files = [original("a", b"a"), original("b", b"b"), original("c", b"c", licence="GPL")]
    text = licence_notice(Source.model_validate(source(files=files, commercial_use=False)))
    assert "Licence (2 of 3 files): CC0." in text
    assert "Licence (1 of 3 files): GPL." in text
    assert "Commercial use: not allowed." in text
    assert "Commercial use: not known" in text
    assert "Please cite: Nobody, 2020" in text


def test_terms_of_the_source_alone_when_all_files_share_them():
    """One licence is stated once, without counts."""
    text = licence_notice(Source.model_validate(source(files=[original("a", b"a")])))
    assert text.count("Licence") == 1
    assert "Licence: CC0." in text


def test_notice_goes_to_standard_error_before_the_first_file(cache, capsys):
    """It is printed while no file of the source is there, and not afterwards."""
    entry = load_source("yeo")
    announce(entry)
    out, err = capsys.readouterr()
    assert out == ""
    assert "yeo: Yeo 7 and 17 functional networks" in err
    assert "No licence file in the distributing repository" in err
    assert "Commercial use: not known" in err
    (cache / "yeo").mkdir(parents=True)
    (cache / "yeo" / entry.files[-1].name).touch()
    announce(entry)
    assert capsys.readouterr() == ("", "")


def test_brackets_in_a_licence_are_printed_as_they_are(cache, capsys):
    """Text that looks like markup is not swallowed."""
    described = source(files=[original("a", b"a")], licence="free [for all]")
    announce(Source.model_validate(described))
    assert "free [for all]" in capsys.readouterr().err
