"""A methods section made from the configuration of a run, with its references."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cytosurf.report.formatting import columns, listed
from cytosurf.report.references import REFERENCES, Reference, parse_citation
from cytosurf.report.selection import (
    feature_sets,
    fold_options,
    matched_position,
    names_with_role,
    primary_test,
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


class _Cited:
    """Collects what a text cites."""

    def __init__(self) -> None:
        self.references: list[Reference] = []
        self.plain: dict[str, None] = {}

    def __call__(self, *keys: str) -> str:
        return f"({'; '.join(self._add(REFERENCES[key]) for key in keys)})"

    def data(self, citation: str) -> str:
        """Cite a data source as its manifest does; return the label for the text."""
        found = parse_citation(citation)
        if found is not None:
            return self._add(found)
        self.plain[citation] = None
        return citation

    def _add(self, reference: Reference) -> str:
        if reference not in self.references:
            self.references.append(reference)
        return reference.label


def methods(record: RunRecord) -> Methods:
    """Return the methods section of a finished run: its paragraphs and all references."""
    cite = _Cited()
    paragraphs = [
        _data_paragraph(record, cite),
        _folds_paragraph(record, cite),
        _decoder_paragraph(record, cite),
    ]
    if record.nulls:
        paragraphs.append(_spins_paragraph(record, cite))
    paragraphs.append(_software_sentence(record))
    ordered = sorted(cite.references, key=lambda r: (r.authors[0].lower(), r.year))
    return Methods(tuple(paragraphs), tuple(ordered), tuple(cite.plain))


def methods_text(record: RunRecord) -> str:
    """Return the methods section of a run with its reference list, as plain text."""
    section = methods(record)
    references = [r.text for r in section.references] + list(section.other_references)
    return "\n\n".join(section.paragraphs) + "\n\nReferences\n\n" + "\n".join(references) + "\n"


def _data_paragraph(record: RunRecord, cite: _Cited) -> str:
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
        f"from {listed(used)}. All feature sets were compared on the same "
        f"{record.results['n_vertices']:,} vertices, those valid in every feature set and labelled "
        "in the target."
    )
    sources = []
    for source in record.info.get("sources") or []:
        title = source.get("title") or source.get("name", "")
        labels = [cite.data(citation) for citation in source.get("citations") or []]
        sources.append(f"{title} ({'; '.join(labels)})" if labels else title)
    return f"{text} Data: {'; '.join(sources)}." if sources else text


def _folds_paragraph(record: RunRecord, cite: _Cited) -> str:
    options = fold_options(record)
    n_blocks = options.get("n_blocks", 100)
    if options.get("method") == "sphere":
        made = f"k-means of vertex positions on the sphere into {n_blocks} per hemisphere"
    else:
        made = (
            f"explicit isotropic remeshing of the midthickness surface {cite('Botsch2004')}, "
            "assignment of each vertex to its nearest remeshed vertex, and k-means of the block "
            f"centroids into {n_blocks} per hemisphere"
        )
    text = (
        f"Following the protocol of CytoNet {cite('Schiffer2025')}, cross-validation was spatially "
        f"grouped by superblocks, made by {made}. {_scheme_sentence(record, options)}"
    )
    if options.get("buffer_mm"):
        text += (
            f" Training vertices within {options['buffer_mm']:g} mm of a test vertex were left out."
        )
    return text


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


def _decoder_paragraph(record: RunRecord, cite: _Cited) -> str:
    classifier = record.config.get("classifier")
    if classifier:
        text = f"Classes were predicted by the scikit-learn classifier {classifier}"
    else:
        text = (
            "Features were standardised within each training fold, and classes predicted by "
            "multinomial logistic regression with balanced class weights and an L2 penalty "
            f"(C = {record.config.get('C', 1.0):g}), the objective of scikit-learn"
        )
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


def _spins_paragraph(record: RunRecord, cite: _Cited) -> str:
    test = primary_test(record) or record.nulls[0]
    seed = (record.results.get("spin_test") or {}).get("seed", record.config.get("seed", 0))
    statistic = (
        f"the difference in macro-F1 between {test.features} and {test.baseline}"
        if test.baseline
        else f"the macro-F1 of {test.features}"
    )
    hemispheres = ""
    if len(record.hemispheres) == 2 and test.rotation == "independent":
        hemispheres = ", independently in each hemisphere"
    elif len(record.hemispheres) == 2:
        hemispheres = ", in the right hemisphere by the mirror image of the rotation of the left"
    text = (
        f"Significance of {statistic} was assessed by a one-sided spin test "
        f"{cite('AlexanderBloch2018')}: the labels, with the medial wall, were rotated on the "
        f"sphere by {len(test.null):,} uniformly random rotations (seed {seed}){hemispheres}, "
        "reassigned to the nearest vertex, and decoded anew with the same folds. "
        f"p = (b + 1)/(n + 1) {cite('Phipson2010')}, where b of n spins reached the observed "
        f"value; intervals of p are exact binomial ones {cite('Clopper1934')}."
    )
    if any(n.p_holm is not None for n in record.nulls):
        text += f" p-values were corrected over targets by Holm's method {cite('Holm1979')}."
    return text


def _software_sentence(record: RunRecord) -> str:
    versions: dict[str, Any] = record.info.get("versions") or {}
    rest = [f"{name} {version}" for name, version in versions.items() if name != "cytosurf"]
    own = f"cytosurf {versions['cytosurf']}" if "cytosurf" in versions else "cytosurf"
    return f"Analyses were run with {own}{f' ({listed(rest)})' if rest else ''}."
