"""What a run found: ``results.json``, the record in memory, and warnings about the fits."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cytosurf.errors import CytosurfWarning
from cytosurf.runs.config import RunConfig
from cytosurf.runs.inputs import Inputs
from cytosurf.runs.observed import Observed, absent_classes, score_sets, spread
from cytosurf.runs.record import RunRecord

N_NAMED = 3  # classes that a warning names


def make_results(config: RunConfig, inputs: Inputs, observed: Observed) -> dict[str, Any]:
    """Return ``results.json`` without spins: see the contract in the documentation.

    Parameters
    ----------
    config, inputs, observed : RunConfig, Inputs, Observed
        The run, what it computed from, and what it found.
    """
    entries = score_sets(inputs, observed, seed=config.seed)
    differences = []
    for features in config.features:
        others = [*config.baseline, inputs.matched.get(features)]
        for baseline in dict.fromkeys(o for o in others if o and o != features):
            pair = [np.array(entries[n]["macro_f1"]["folds"]) for n in (features, baseline)]
            row = {"features": features, "baseline": baseline}
            differences.append(row | spread(pair[0] - pair[1]))
    n_of_class = np.bincount(inputs.label[inputs.analysed], minlength=len(inputs.keys))
    n_tested = tested_of_classes(inputs)
    classes = zip(inputs.keys, inputs.names, n_of_class, n_tested, strict=True)
    return {
        "schema": 1,
        "target": inputs.target.name,
        "space": inputs.space.template,
        "density": inputs.space.density,
        "hemispheres": list(inputs.hemispheres),
        "n_vertices": int(inputs.analysed.sum()),
        "n_vertices_mask": int(inputs.mask.sum()),
        "n_vertices_tested": int(n_tested.sum()),
        "n_folds": inputs.folds.n_folds,
        "classes": [
            {"key": int(key), "name": name, "n_vertices": int(n), "n_vertices_tested": int(k)}
            for key, name, n, k in classes
        ],
        "feature_sets": entries,
        "differences": differences,
        "absent_in_training": absent_classes(inputs, observed),
        **observed.variants,
        "spin_test": None,
        "increment_tests": [],
    }


def tested_of_classes(inputs: Inputs) -> npt.NDArray[np.int64]:
    """Return how many vertices of each class are in a test fold, (K,).

    Parameters
    ----------
    inputs : Inputs
        The inputs of a run.
    """
    tested = inputs.analysed & (inputs.folds.fold >= 0)
    return np.bincount(inputs.label[tested], minlength=len(inputs.keys))


def make_record(
    directory: Path, config: RunConfig, inputs: Inputs, observed: Observed, results: dict[str, Any]
) -> RunRecord:
    """Collect the observed part of a run in memory.

    Parameters
    ----------
    directory : Path
        The run directory.
    config, inputs, observed : RunConfig, Inputs, Observed
        The run, what it computed from, and what it found.
    results : dict
        From `make_results`.
    """
    analysed = inputs.analysed
    of_index = np.append(inputs.keys, np.int32(0))  # index -1 is no class: key 0
    return RunRecord(
        directory=directory,
        config=config.model_dump(mode="json"),
        info={},
        results=results,
        space=inputs.space,
        hemispheres=inputs.hemispheres,
        labels=inputs.keys,
        label_names=inputs.names,
        truth=np.where(analysed, of_index[inputs.label], 0).astype(np.int32),
        fold=inputs.folds.fold,
        block=inputs.folds.block,
        excluded=inputs.folds.excluded,
        counts={name: r.counts for name, r in observed.results.items()},
        prediction={name: of_index[r.prediction] for name, r in observed.results.items()},
        probability={name: r.probability for name, r in observed.results.items()},
        nulls=[],
    )


def warn_of_fits(inputs: Inputs, observed: Observed) -> None:
    """Warn of classes that a fold could not train on, and of fits that did not converge.

    Parameters
    ----------
    inputs : Inputs
        The inputs of the run.
    observed : Observed
        From `decode_observed`.

    Warns
    -----
    CytosurfWarning
        Naming the classes or the feature set.
    """
    absent = absent_classes(inputs, observed)
    if absent:
        names = _first_of(dict.fromkeys(entry["name"] for entry in absent))
        message = (
            f"{inputs.target.name}: {len(absent)} times a class has no training vertex in a fold "
            f"and is never predicted there ({names}). It scores F1 = 0 where it is tested."
        )
        warnings.warn(message, CytosurfWarning, stacklevel=2)
    for name, result in observed.results.items():
        if not result.converged:
            message = f"{inputs.target.name}: the decoder of {name} did not converge in every fold."
            warnings.warn(message, CytosurfWarning, stacklevel=2)


def _first_of(names: Iterable[str]) -> str:
    """Return the first names and the number of the others: a parcellation may have hundreds."""
    listed = list(names)
    more = len(listed) - N_NAMED
    shown = ", ".join(listed[:N_NAMED])
    return f"{shown} and {more} more" if more > 0 else shown
