"""The methods section."""

from dataclasses import replace

import pytest

from cytosurf.report import methods_text
from cytosurf.report.methods import methods
from tests.unit.report.records import toy_record, with_config, with_sets


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
        "99 uniformly random rotations (seed 7)",
        "For the macro-F1 of stain minus that of coordinates each hemisphere had",
        "For the macro-F1 of stain the rotation of the right hemisphere was the mirror image",
        "tested under both rotation policies",
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
        ({"scheme": "slabs"}, "into 30 coronal slabs of equal numbers of vertices"),
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


def test_components_and_masked_weights_are_described(record):
    """Fitted once without labels; carried with the weights of valid vertices."""
    note = "resampled from bigbrain-164k with weights over valid vertices only"
    joined = "neighbourhood:pca32+coordinates"
    notes = [f"neighbourhood:pca32: {note}", f"{joined}: neighbourhood:pca32: {note}"]
    text = methods_text(with_sets(record, "neighbourhood:pca32", joined, notes=notes))
    assert "Principal components (neighbourhood:pca32: " in text
    assert "fitted once, over the valid vertices of both hemispheres together" in text
    assert "Maps measured on bigbrain-164k (neighbourhood) were carried to toy-162" in text
    for word in ("Principal components", "were carried to", "leaving the medial wall out"):
        assert word not in methods_text(record)


def test_vertices_that_are_trained_on_alone_are_not_said_to_be_tested(record):
    """From left to right only the right is tested; a run that does not know says nothing."""
    one_way = with_config(record, scheme="left-to-right")
    assert "was tested on" not in methods_text(one_way)
    results = record.results | {"n_vertices_tested": 1234}
    assert "tested on 1,234 of the vertices" in methods_text(replace(one_way, results=results))
    results = record.results | {"n_vertices_tested": record.results["n_vertices"]}
    assert "was tested on" not in methods_text(replace(record, results=results))


def test_other_folds_that_were_tried_are_said(record):
    """Fold seeds and numbers of superblocks."""
    results = record.results | {"repeats": {"8": {}, "9": {}}, "block_sweep": {"50": {}}}
    text = methods_text(replace(record, results=results))
    assert "repeated with other fold seeds (8, 9) and other numbers of superblocks (50)" in text


def test_a_record_with_little_information_still_has_methods(record):
    """No sources, no versions, an empty configuration."""
    text = methods_text(replace(record, info={}, config={}))
    assert "Analyses were run with cytosurf." in text
    assert "Data:" not in text
