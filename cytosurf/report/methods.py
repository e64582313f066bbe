"""A methods section made from the configuration of a run, with its references."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cytosurf.report.formatting import columns, listed
from cytosurf.report.methods_spins import increment_paragraph, spins_paragraph
from cytosurf.report.protocol import protocol_paragraph
from cytosurf.report.references import Citations, Reference
from cytosurf.report.selection import (
    feature_sets,
    fold_options,
    matched_position,
    names_with_role,
    reduced_sets,
    warped_sets,
)

if TYPE_CHECKING:
    from cytosurf.runs.record import RunRecord


@dataclass(frozen=True)
class Methods:
    """A methods section.

    Parameters
    ----------
    paragraphs : tuple of str
        Ready to paste, with citations as author and year.
    references : tuple of Reference
        The publications cited, in alphabetical order.
    other_references : tuple of str
        Citations of data sources that are given as plain text.
    """

    paragraphs: tuple[str, ...]
    references: tuple[Reference, ...]
    other_references: tuple[str, ...]


def methods(record: RunRecord) -> Methods:
    """Return the methods section of a finished run: its paragraphs and all references."""
    cite = Citations()
    paragraphs = [
        _data_paragraph(record, cite),
        _folds_paragraph(record, cite),
        _decoder_paragraph(record, cite),
    ]
    if record.nulls:
        paragraphs.append(spins_paragraph(record, cite))
    if record.results.get("increment_tests") or record.results.get("feature_tests"):
        paragraphs.append(increment_paragraph(record, cite))
    paragraphs.append(protocol_paragraph(record, cite))
    paragraphs.append(_software_sentence(record))
    ordered = sorted(cite.references, key=lambda r: (r.authors[0].lower(), r.year))
    return Methods(tuple(paragraphs), tuple(ordered), tuple(cite.plain))


def methods_text(record: RunRecord) -> str:
    """Return the methods section of a run with its reference list, as plain text."""
    section = methods(record)
    references = [r.text for r in section.references] + list(section.other_references)
    return "\n\n".join(section.paragraphs) + "\n\nReferences\n\n" + "\n".join(references) + "\n"


def _data_paragraph(record: RunRecord, cite: Citations) -> str:
    sets = feature_sets(record)
    used = [f"{n} ({columns(sets[n]['n_features'])})" for n in names_with_role(record, "features")]
    where = "both hemispheres"
    if len(record.hemispheres) == 1:
        where = {"L": "the left hemisphere", "R": "the right hemisphere"}[record.hemispheres[0]]
    template = f" {cite('VanEssen2012')}" if record.space.template == "fsLR" else ""
    least = record.config.get("min_class_vertices") or 1
    small = f" with at least {least} vertices" if least > 1 else ""
    region = " within a region of interest" if record.config.get("mask") else ""
    text = (
        f"Decoding was done on {where} of the {record.space} surface{template}{region}. The target "
        f"was {record.results['target']}, {len(record.labels)} classes{small}; it was predicted "
        f"from {listed(used)}. {_preparation(record)}All feature sets were compared on the same "
        f"{record.results['n_vertices']:,} vertices, those valid in every feature set and labelled "
        "in the target."
    )
    sources = []
    for source in record.info.get("sources") or []:
        title = source.get("title") or source.get("name", "")
        labels = [cite.data(citation) for citation in source.get("citations") or []]
        sources.append(f"{title} ({'; '.join(labels)})" if labels else title)
    return f"{text} Data: {'; '.join(sources)}." if sources else text


def _preparation(record: RunRecord) -> str:
    """Say how features were brought to the surface of the run and reduced."""
    text = ""
    warped = warped_sets(record)
    if warped:
        spaces = listed(sorted(set(warped.values())))
        text += (
            f"Maps measured on {spaces} ({listed(list(warped))}) were carried to {record.space} "
            "with barycentric weights over their valid vertices only, so that nothing from outside "
            "a map's mask, such as the zeros of the medial wall, entered a value. "
        )
    reduced = reduced_sets(record)
    if reduced:
        where = "both hemispheres together" if len(record.hemispheres) == 2 else "all its vertices"
        text += (
            f"Principal components ({listed(reduced)}: the number after pca is how many) were "
            f"fitted once, over the valid vertices of {where}, before and independently of the "
            "folds; they see no labels. "
        )
    return text


def _folds_paragraph(record: RunRecord, cite: Citations) -> str:
    options = fold_options(record)
    text = _grouping_sentences(record, options, cite)
    n_tested = record.results.get("n_vertices_tested")
    if n_tested is not None and n_tested != record.results["n_vertices"]:
        text += f" The decoder was tested on {n_tested:,} of the vertices."
    if options.get("buffer_mm"):
        text += (
            f" Training vertices within {options['buffer_mm']:g} mm of a test vertex were left out."
        )
    return text + _variants_sentence(record)


def _grouping_sentences(record: RunRecord, options: dict[str, Any], cite: Citations) -> str:
    scheme, n_blocks = options.get("scheme", "blocks"), options.get("n_blocks", 100)
    if scheme == "slabs":
        return (
            "For cross-validation the vertices were cut along y of the midthickness into "
            f"{n_blocks} coronal slabs of equal numbers of vertices, the units of the bootstrap; "
            f"each of {record.results['n_folds']} folds was made of consecutive slabs."
        )
    if options.get("method") == "sphere":
        made = f"by k-means of vertex positions on the sphere into {n_blocks} per hemisphere"
    else:
        made = (
            "by three iterations of isotropic remeshing of the midthickness surface to edges of "
            f"3 mm {cite('Botsch2004')}, assignment of each vertex to its nearest remeshed vertex, "
            f"and k-means of the centroids of these cells into {n_blocks} per hemisphere"
        )
    said = _scheme_sentence(record, options)
    if scheme in ("blocks", "homotopic"):
        return f"Cross-validation was spatially grouped by superblocks, made {made}. {said}"
    return f"{said} Superblocks, the units of the bootstrap, were made {made}."


def _variants_sentence(record: RunRecord) -> str:
    """Say with which other folds the decoding was done again."""
    kinds = (("repeats", "other fold seeds"), ("block_sweep", "other numbers of superblocks"))
    again = [
        f"{what} ({', '.join(map(str, record.results[key]))})"
        for key, what in kinds
        if record.results.get(key)
    ]
    return f" It was repeated with {listed(again)}." if again else ""


def _scheme_sentence(record: RunRecord, options: dict[str, Any]) -> str:
    scheme = options.get("scheme", "blocks")
    if scheme == "left-to-right":
        return "The decoder was trained on the left hemisphere and tested on the right."
    if scheme == "right-to-left":
        return "The decoder was trained on the right hemisphere and tested on the left."
    if scheme == "across":
        return "The decoder was trained on one hemisphere and tested on the other, both ways."
    text = (
        f"Superblocks were shuffled (seed {record.config.get('seed', 0)}) and dealt to "
        f"{record.results['n_folds']} folds by their number of vertices; all vertices of a "
        "superblock stayed in one fold."
    )
    if scheme == "homotopic":
        text += " A superblock and its mirror image in the other hemisphere shared a fold."
    return text


def _decoder_paragraph(record: RunRecord, cite: Citations) -> str:
    classifier = record.config.get("classifier")
    if classifier:
        model = f"the scikit-learn classifier {classifier}"
    else:
        model = (
            "multinomial logistic regression with balanced class weights and an L2 penalty "
            f"(C = {record.config.get('C', 1.0):g}), the objective of scikit-learn"
        )
    text = f"Features were standardised within each training fold, and classes predicted by {model}"
    text += (
        f" {cite('Pedregosa2011')}. Scores are macro-F1, mean ± SD over folds, and macro-F1 pooled "
        "over folds with a 95 % interval from a bootstrap of superblocks."
    )
    baselines = names_with_role(record, "baseline")
    if baselines:
        text += f" The baseline was {listed(baselines)}."
    matched = {matched_position(record, n) for n in names_with_role(record, "features")} - {
        None,
        *baselines,
    }
    if matched:
        text += (
            " Because position alone predicts smooth maps, each feature set was also compared with "
            f"a position basis of about as many columns ({listed(sorted(map(str, matched)))})."
        )
    return text


def _software_sentence(record: RunRecord) -> str:
    versions: dict[str, Any] = record.info.get("versions") or {}
    rest = [f"{name} {version}" for name, version in versions.items() if name != "cytosurf"]
    own = f"cytosurf {versions['cytosurf']}" if "cytosurf" in versions else "cytosurf"
    return f"Analyses were run with {own}{f' ({listed(rest)})' if rest else ''}."
