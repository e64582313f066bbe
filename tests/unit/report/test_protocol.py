"""What is said to be the published protocol's, and what ours."""

import pytest

from cytosurf.report.methods import methods
from tests.unit.report.records import with_config, with_sets


def protocol(record):
    """Return what is said to be published, left open, and other, of a run."""
    (paragraph,) = [p for p in methods(record).paragraphs if p.startswith("Of these choices")]
    published, _, rest = paragraph.partition(" Ours, because")
    left_open, _, other = rest.partition(" Ours, differing")
    return published, left_open, other


def test_own_choices_are_told_from_published_ones(record):
    """Each choice stands on one side only."""
    published, left_open, other = protocol(record)
    for words in ("standardised within", "class balancing", "coordinates", "rotated independently"):
        assert words in published
    for words in ("remeshing algorithm", "dealing of superblocks", "penalty", "formula of p"):
        assert words in left_open
    for words in ("30 superblocks per hemisphere instead of 100", "mirrored rotations", "pooled"):
        assert words in other


@pytest.mark.parametrize(
    ("options", "words", "not_published"),
    [
        ({"scheme": "homotopic"}, "scheme of the folds (homotopic)", "nothing"),
        ({"scheme": "across"}, "scheme of the folds (across)", "superblocks"),
        ({"method": "sphere"}, "superblocks from the sphere", "remeshed surface"),
        ({"n_folds": 4}, "4 folds instead of 5", "nothing"),
        ({"buffer_mm": 5.0}, "buffer", "nothing"),
        ({"classifier": "GaussianNB()"}, "the classifier", "logistic"),
        ({"min_class_vertices": 100}, "small classes", "nothing"),
        ({"mask": "roi.func.gii"}, "region of interest", "nothing"),
    ],
)
def test_what_differs_from_the_protocol_is_not_called_published(
    record, options, words, not_published
):
    """An option moves a choice to the other side."""
    assert words not in protocol(record)[2]
    published, _, other = protocol(with_config(record, **options))
    assert words in other
    assert not_published not in published


@pytest.mark.parametrize(
    ("target", "words"), [("yeo17", "native to fs_LR"), ("difumo64", "five depths")]
)
def test_targets_made_in_another_way_are_said_to_be(record, target, words):
    """The published labels came by another route."""
    assert words in protocol(with_sets(record, "hist", target=target))[2]
    assert words not in protocol(with_sets(record, "hist", target="yeo7:bigbrain"))[2]
