"""What of a run is shown where: the roles of its feature sets, and the comparison it is about."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cytosurf.runs.record import NullRecord, RunRecord

ROLES = ("features", "baseline", "matched position", "reference")

# Feature sets made from functional data, and targets that were drawn from functional data.
_FUNCTIONAL_FEATURES = ("func", "fc-gradients")
_FUNCTIONAL_TARGETS = ("yeo", "schaefer", "difumo")

_MOST_JOINED_SETS = 6
_COMPONENTS = re.compile(r":pca\d+$")
_WARPED = re.compile(
    r"(?:\S+: )?(?P<set>\S+): resampled from (?P<space>\S+) with weights over valid vertices"
)


def feature_sets(record: RunRecord) -> dict[str, dict[str, Any]]:
    """Return the scores of each feature set, sorted by role and then as the run lists them."""
    sets: dict[str, dict[str, Any]] = record.results["feature_sets"]
    order = sorted(sets, key=lambda name: ROLES.index(role(record, name)))
    return {name: sets[name] for name in order}


def role(record: RunRecord, name: str) -> str:
    """Return the role of a feature set: one of `ROLES`."""
    named = record.results["feature_sets"][name].get("role")
    if named in ROLES:
        return str(named)
    baselines = record.config.get("baseline") or []
    return "baseline" if name in baselines else "features"


def names_with_role(record: RunRecord, *roles: str) -> list[str]:
    """Return the feature sets with one of the given roles, in display order."""
    return [name for name in feature_sets(record) if role(record, name) in roles]


def matched_position(record: RunRecord, name: str) -> str | None:
    """Return the position baseline with about as many columns as a feature set, if it was run."""
    matched = record.results["feature_sets"][name].get("matched_position")
    return matched if matched in record.results["feature_sets"] else None


def primary_test(record: RunRecord) -> NullRecord | None:
    """Return the spin test that the run is about, or None if it has no spins.

    It is the first one under the rotation policy to quote; a difference to a baseline comes
    before a score.
    """
    quoted = [null for null in record.nulls if null.primary]
    return min(quoted, key=lambda null: null.baseline is None, default=None)


def primary_pair(record: RunRecord) -> tuple[str, str | None]:
    """Return the feature set that the run is about, and the baseline that it is held against."""
    sets = record.results["feature_sets"]
    test = primary_test(record)
    if test is not None and test.features in sets:
        if test.baseline in sets:
            return test.features, test.baseline
        features = test.features
    else:
        features = next(iter(names_with_role(record, "features") or feature_sets(record)))
    baselines = [b for b in names_with_role(record, "baseline") if b != features]
    return features, baselines[0] if baselines else None


def detailed_sets(record: RunRecord, limit: int) -> list[str]:
    """Return up to `limit` feature sets for detailed figures, the most important ones first.

    The features of the primary comparison, its baseline, the position baseline of about the same
    number of columns, and then the rest; references are left out, and so are sets without counts.
    """
    features, baseline = primary_pair(record)
    wanted = [features, baseline, matched_position(record, features)]
    wanted += names_with_role(record, "features", "baseline", "matched position")
    ordered = dict.fromkeys(name for name in wanted if name in record.counts)
    return list(ordered)[:limit]


def joined_sets(record: RunRecord) -> list[str]:
    """Return the feature sets whose folds are joined by lines: all but references, if they are few.

    Between many sets in no order of meaning, lines would hide the points.
    """
    names = [name for name in feature_sets(record) if role(record, name) != "reference"]
    return names if 1 < len(names) <= _MOST_JOINED_SETS else []


def circular_sets(record: RunRecord) -> list[str]:
    """Return the feature sets that were made from functional data, if the target was too."""
    target = str(record.results.get("target", "")).lower()
    if not target.startswith(_FUNCTIONAL_TARGETS):
        return []
    return [
        name
        for name in feature_sets(record)
        if any(part.split(":")[0] in _FUNCTIONAL_FEATURES for part in name.split("+"))
    ]


def reduced_sets(record: RunRecord) -> list[str]:
    """Return the sets of principal components of a run, each once, e.g. ``neighbourhood:pca32``."""
    terms = (term for name in feature_sets(record) for term in name.split("+"))
    return list(dict.fromkeys(term for term in terms if _COMPONENTS.search(term)))


def warped_sets(record: RunRecord) -> dict[str, str]:
    """Return the space that a set was carried from, for those that were, as the run noted it."""
    notes = record.info.get("notes") or []
    found = (_WARPED.match(str(note)) for note in notes)
    return {m["set"].split(":pca")[0]: m["space"] for m in found if m}


def quoted_tests(record: RunRecord, rotation: str) -> list[NullRecord]:
    """Return the tests to quote that were made with one rotation policy."""
    return [null for null in record.nulls if null.primary and null.rotation == rotation]


def is_lenient(record: RunRecord, test: NullRecord) -> bool:
    """Return whether p comes out too small where features and labels are alike left and right.

    Independent rotations are meant for the published statistic alone.
    """
    alone = test.rotation == "independent" and len(record.hemispheres) == 2
    published = test.baseline == "coordinates" and test.statistic.startswith("macro_f1")
    return alone and not published


def fold_options(record: RunRecord) -> dict[str, Any]:
    """Return the options of the folds, which a configuration holds nested or at its top level."""
    nested = record.config.get("folds")
    return {**record.config, **nested} if isinstance(nested, dict) else dict(record.config)
