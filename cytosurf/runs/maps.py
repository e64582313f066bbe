"""The maps of a run: truth, folds, and each feature set's prediction, success and entropy."""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cytosurf.errors import unknown_name
from cytosurf.nulls import Policy
from cytosurf.runs.chunks import vertex_sums
from cytosurf.runs.record import RunRecord
from cytosurf.surfaces import Parcellation, SurfaceMap, write_map, write_parcellation

FOLDER = "maps"
KINDS = ("truth", "prediction", "correct", "fold", "entropy")
_LONGEST = 100  # characters of a feature set in a file name, of which systems allow 255


def run_map(record: RunRecord, kind: str, features: str | None = None) -> SurfaceMap | Parcellation:
    """Return one map of a run.

    Parameters
    ----------
    record : RunRecord
        The run.
    kind : {"truth", "prediction", "correct", "fold", "entropy"}
        Labels of the target, held-out prediction, whether it is right (1 or 0), test fold
        (counted from 1), or entropy of the held-out probabilities in bits.
    features : str, optional
        Feature set of a prediction and what follows from it; the first if left out.

    Returns
    -------
    SurfaceMap or Parcellation
        Labels are parcellations. Vertices that were not analysed have key 0 or are not valid.

    Raises
    ------
    InputError
        If the kind or the feature set is unknown.
    """
    if kind not in KINDS:
        raise unknown_name("map", kind, KINDS)
    name = features if features is not None else next(iter(record.prediction))
    if name not in record.prediction:
        raise unknown_name("feature set", name, record.prediction)
    names = dict(zip(record.labels.tolist(), record.label_names, strict=True))
    tested = record.prediction[name] > 0
    if kind == "truth":
        return Parcellation(record.truth, record.space, names, record.hemispheres)
    if kind == "prediction":
        return Parcellation(record.prediction[name], record.space, names, record.hemispheres)
    if kind == "fold":
        fold = np.where(record.truth > 0, record.fold + 1, 0)
        folds = {k: f"fold {k}" for k in range(1, int(fold.max()) + 1)}
        return Parcellation(fold, record.space, folds, record.hemispheres)
    if kind == "correct":
        values = (record.prediction[name] == record.truth).astype(np.float32)
    else:
        values = entropy_bits(record.probability[name])
    return SurfaceMap(values, record.space, (kind,), tested, record.hemispheres)


def null_accuracy(
    record: RunRecord, features: str | None = None, rotation: Policy = "mirrored"
) -> SurfaceMap:
    """Return how often each vertex is predicted right where the labels are spun.

    What to hold the map of observed success against: vertices that are easy under any labels
    (near the middle of large classes, in folds that are easy) are bright here too.

    Parameters
    ----------
    record : RunRecord
        A run with spins.
    features : str, optional
        Feature set; the first if left out.
    rotation : {"mirrored", "independent"}, optional
        Rotation policy.

    Returns
    -------
    SurfaceMap
        Share of the spins in which the vertex was tested; not valid where it never was. All spins
        of the run directory count, whether a filter of the run uses them or not.

    Raises
    ------
    InputError
        If the feature set was not spun, there are no spins of this policy, or a file is damaged.

    Examples
    --------
    >>> from cytosurf.runs import load_run
    >>> expected = null_accuracy(load_run("RUN_DIR"))  # doctest: +SKIP
    """
    evaluated, correct = vertex_sums(record.directory, rotation)
    spun = (record.results.get("spin_test") or {}).get("sets", [])
    name = features if features is not None else next(iter(spun), "")
    if name not in spun:
        raise unknown_name("feature set with spins", name, spun)
    tested = evaluated > 0
    share = np.divide(correct[spun.index(name)], evaluated, where=tested, out=np.zeros(len(tested)))
    values = share.astype(np.float32)
    return SurfaceMap(values, record.space, ("null accuracy",), tested, record.hemispheres)


def entropy_bits(probability: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
    """Return the entropy of each row of probabilities in bits.

    Examples
    --------
    >>> entropy_bits(np.array([[0.5, 0.5], [1.0, 0.0]])).tolist()
    [1.0, 0.0]
    """
    p = probability.astype(np.float32)
    terms = p * np.log2(p, out=np.zeros_like(p), where=p > 0)
    bits: npt.NDArray[np.float32] = np.abs(terms.sum(axis=1))
    return bits


def write_maps(record: RunRecord) -> list[Path]:
    """Write all maps of a run as GIFTI, one file per hemisphere; return the files."""
    folder = record.directory / FOLDER
    prefix = f"space-{record.space.template}_den-{record.space.density}_hemi-{{hemi}}"
    if len(record.hemispheres) == 1:
        prefix = prefix.replace("{hemi}", record.hemispheres[0])
    values = bids_values(record.prediction)
    files: list[Path] = []
    for kind in KINDS:
        of_target = kind in ("truth", "fold")
        for name in [next(iter(record.prediction))] if of_target else list(record.prediction):
            made = run_map(record, kind, name)
            stem = prefix if of_target else f"{prefix}_features-{values[name]}"
            if isinstance(made, Parcellation):
                files += write_parcellation(made, folder / f"{stem}_desc-{kind}.label.gii")
            else:
                files += write_map(made, folder / f"{stem}_desc-{kind}.func.gii")
    return files


def bids_values(names: Iterable[str]) -> dict[str, str]:
    """Spell feature sets as BIDS values: letters and digits alone, no two the same.

    Long ones (several files joined) are cut, and end in a hash of the whole name.

    Examples
    --------
    >>> bids_values(["hist+coordinates", "a/mine.npz", "b/mine.npz"])
    {'hist+coordinates': 'histCoordinates', 'a/mine.npz': 'mineNpz', 'b/mine.npz': 'mineNpz2'}
    """
    values: dict[str, str] = {}
    for name in names:
        words: list[str] = []
        for term in name.split("+"):
            words += re.findall(r"[A-Za-z0-9]+", Path(term).name)
        first, *others = words or ["set"]
        stem = first + "".join(word[0].upper() + word[1:] for word in others)
        if len(stem) > _LONGEST:
            stem = stem[:_LONGEST] + hashlib.sha256(name.encode()).hexdigest()[:8]
        taken = set(values.values())
        spellings = (stem if i == 1 else f"{stem}{i}" for i in itertools.count(1))
        values[name] = next(value for value in spellings if value not in taken)
    return values
