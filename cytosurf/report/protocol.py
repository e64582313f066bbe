"""Which choices of a run are those of the published protocol, and which are not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cytosurf.report.references import Citations
from cytosurf.report.selection import (
    fold_options,
    matched_position,
    names_with_role,
    quoted_tests,
    reduced_sets,
    warped_sets,
)

if TYPE_CHECKING:
    from cytosurf.runs.record import RunRecord

_PUBLISHED_FOLDS = {"n_folds": 5, "n_blocks": 100, "method": "midthickness", "scheme": "blocks"}
_GROUPED = ("blocks", "homotopic")


def protocol_paragraph(record: RunRecord, cite: Citations) -> str:
    """Say what follows the protocol of CytoNet, what it leaves open, and what differs.

    Parameters
    ----------
    record : RunRecord
        A finished run.
    cite : Citations
        Collects the references.

    Returns
    -------
    str
        One paragraph of up to three sentences.
    """
    text = (
        f"Of these choices, the published protocol of CytoNet {cite('Schiffer2025')} states: "
        f"{'; '.join(_published(record))}."
    )
    own = _left_open(record)
    if own:
        text += f" Ours, because the publication does not state them: {'; '.join(own)}."
    return f"{text} Ours, differing from it or added to it: {'; '.join(_other(record))}."


def _published(record: RunRecord) -> list[str]:
    """Return the choices of a run that the publication states."""
    options = _PUBLISHED_FOLDS | fold_options(record)
    said = ["features standardised within each training fold"]
    if options["method"] == "midthickness" and options["scheme"] in _GROUPED:
        said.append(
            "superblocks from a remeshed surface and k-means, never split between training and test"
        )
    if not record.config.get("classifier"):
        said.append("multinomial logistic regression with class balancing")
    if reduced_sets(record) and len(record.hemispheres) == 2:
        said.append("principal components fitted once over both hemispheres")
    if "coordinates" in names_with_role(record, "baseline"):
        said.append("vertex coordinates as the baseline")
    said.append("macro-F1 as mean ± SD over folds")
    if _published_test(record):
        said.append(
            "the one-sided test of the difference to coordinates, labels rotated independently in "
            "each hemisphere, the same folds for every spin"
        )
    if any(null.p_holm is not None for null in record.nulls):
        said.append("Holm's correction over targets")
    return said


def _published_test(record: RunRecord) -> bool:
    """Return whether the published test is one of those to quote."""
    tests = quoted_tests(record, "independent")
    return len(record.hemispheres) == 2 and any(t.baseline == "coordinates" for t in tests)


def _left_open(record: RunRecord) -> list[str]:
    """Return the choices of a run that the publication needs but does not state."""
    options = _PUBLISHED_FOLDS | fold_options(record)
    said = []
    if options["method"] == "midthickness" and options["scheme"] != "slabs":
        said.append("the remeshing algorithm with its surface, iterations and edge length")
    if options["scheme"] in _GROUPED:
        said.append("the dealing of superblocks to folds")
    if not record.config.get("classifier"):
        said.append("the strength of the penalty")
    if record.nulls:
        said.append("the formula of p")
    return said


def _other(record: RunRecord) -> list[str]:
    """Return the choices of a run that differ from the publication or add to it."""
    said = [*_other_folds(record), *_other_data(record)]
    said.append("the pooled macro-F1 with its bootstrap interval")
    if any(matched_position(record, n) for n in names_with_role(record, "features")):
        said.append("position with about as many columns as each feature set")
    if len(record.hemispheres) == 2 and any(n.rotation == "mirrored" for n in record.nulls):
        said.append("mirrored rotations")
    if any(null.baseline is None for null in record.nulls):
        said.append("spin tests of a score on its own")
    return said


def _other_folds(record: RunRecord) -> list[str]:
    options = _PUBLISHED_FOLDS | fold_options(record)
    said = []
    if options["n_blocks"] != _PUBLISHED_FOLDS["n_blocks"] and options["scheme"] != "slabs":
        said.append(f"{options['n_blocks']} superblocks per hemisphere instead of 100")
    if options["scheme"] != "blocks":
        said.append(f"the scheme of the folds ({options['scheme']})")
    elif options["n_folds"] != _PUBLISHED_FOLDS["n_folds"]:
        said.append(f"{options['n_folds']} folds instead of 5")
    if options["method"] == "sphere":
        said.append("superblocks from the sphere")
    if options.get("buffer_mm"):
        said.append("the buffer around test vertices")
    return said


def _other_data(record: RunRecord) -> list[str]:
    said = ["the same vertices for all feature sets"]
    if len(record.hemispheres) == 1:
        said.append("a single hemisphere")
    if record.config.get("mask"):
        said.append("the region of interest")
    if (record.config.get("min_class_vertices") or 1) > 1:
        said.append("leaving small classes out")
    if record.config.get("classifier"):
        said.append("the classifier")
    if warped_sets(record):
        said.append("leaving the medial wall out when maps are carried between surfaces")
    target = str(record.results["target"])
    if target in ("yeo7", "yeo17"):
        said.append("labels native to fs_LR instead of labels carried from BigBrain")
    if target == "difumo64":
        said.append(
            "DiFuMo loadings averaged over five depths instead of nearest-neighbour resampling"
        )
    return said
