"""The methods section."""

from dataclasses import replace

import pytest

from cytosurf.report import methods_text
from cytosurf.report.methods import methods
from tests.unit.report.records import toy_record


def with_config(record, **changes):
    """Return a record with other options; fold options by their names."""
    folds = {
        k: changes.pop(k) for k in list(changes) if k in record.config["folds"] or k == "buffer_mm"
    }
    config = record.config | changes | {"folds": record.config["folds"] | folds}
    return replace(record, config=config)


def test_the_text_states_what_was_done(record):
    """Target, features with their columns, vertices, folds, seed, spins, versions."""
    text = methods_text(record)
    for words in (
        "both hemispheres of the toy-162",
        "toy target, 3 classes",
        "stain (8 columns)",
        f"the same {record.results['n_vertices']} vertices",
        "30 per hemisphere",
        "shuffled (seed 7)",
        "5 folds",
        "The baseline was coordinates",
        "(harmonics:8)",
        "99 uniformly random rotations (seed 7), independently in each hemisphere",
        "cytosurf 0.1.0 (python 3.11.7 and numpy 2.1.0)",
        "BigBrain surfaces (Amunts et al., 2013; a talk)",
    ):
        assert words in text


def test_everything_cited_is_in_the_reference_list_and_nothing_else(record):
    """Labels in the text and entries of the list agree."""
    section = methods(record)
    body = " ".join(section.paragraphs)
    for reference in section.references:
        assert reference.label in body
    cited = {"Schiffer et al., 2025", "Alexander-Bloch et al., 2018", "Pedregosa et al., 2011"}
    cited |= {"Phipson and Smyth, 2010", "Clopper and Pearson, 1934", "Amunts et al., 2013"}
    cited |= {"Botsch and Kobbelt, 2004"}
    assert {r.label for r in section.references} == cited
    assert section.other_references == ("a talk",)
    labels = [r.label for r in section.references]
    assert labels == sorted(labels, key=str.lower)


def test_fs_lr_is_cited_where_it_is_used(record):
    """The template's paper, once, also when a data source cites it too."""
    from cytosurf.surfaces.space import Space

    citation = "Van Essen et al., 2012, P, Cerebral Cortex 22:2241, doi:10.1093/cercor/bhr291"
    info = record.info | {"sources": [{"title": "fs_LR", "citations": [citation]}]}
    section = methods(replace(record, space=Space("fsLR", "32k"), info=info))
    assert [r.key for r in section.references].count("VanEssen2012") == 1


def test_a_run_without_spins_does_not_mention_them(tmp_path):
    """No spin paragraph and none of its references."""
    text = methods_text(toy_record(tmp_path, spins=False))
    assert "spin" not in text
    assert "Alexander-Bloch" not in text


def test_holm_is_cited_only_where_p_was_corrected(record):
    """A single run has no corrected p."""
    assert "Holm" not in methods_text(record)
    corrected = [replace(null, p_holm=0.2) for null in record.nulls]
    assert "Holm's method (Holm, 1979)" in methods_text(replace(record, nulls=corrected))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"scheme": "homotopic"}, "its mirror image in the other hemisphere shared a fold"),
        ({"scheme": "left-to-right"}, "trained on the left hemisphere and tested on the right"),
        ({"scheme": "right-to-left"}, "trained on the right hemisphere and tested on the left"),
        ({"scheme": "across"}, "both ways"),
        ({"method": "sphere"}, "k-means of vertex positions on the sphere into 30"),
        ({"buffer_mm": 5.0}, "within 5 mm of a test vertex"),
        ({"classifier": "GaussianNB()"}, "scikit-learn classifier GaussianNB()"),
        ({"C": 0.1}, "C = 0.1"),
        ({"min_class_vertices": 100}, "3 classes with at least 100 vertices"),
        ({"mask": "roi.func.gii"}, "within a region of interest"),
    ],
)
def test_options_are_described(record, options, words):
    """What differs from the published protocol is said."""
    assert words not in methods_text(record)
    assert words in methods_text(with_config(record, **options))


def test_one_hemisphere_and_mirrored_rotations_are_described(tmp_path, record):
    """No word about the other hemisphere when there is none."""
    left = toy_record(tmp_path, hemispheres=("L",))
    assert "the left hemisphere of the" in methods_text(left)
    assert "independently in each hemisphere" not in methods_text(left)
    mirrored = [replace(n, primary=n.rotation == "mirrored") for n in record.nulls]
    assert "mirror image of the rotation of the left" in methods_text(
        replace(record, nulls=mirrored)
    )


def test_a_record_with_little_information_still_has_methods(record):
    """No sources, no versions, an empty configuration."""
    text = methods_text(replace(record, info={}, config={}))
    assert "Analyses were run with cytosurf." in text
    assert "Data:" not in text
