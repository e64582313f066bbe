"""The observed part of a run: every feature set decoded, and all scores of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from cytosurf.compute.pool import run_tasks
from cytosurf.decoding import scores
from cytosurf.decoding.bootstrap import bootstrap_macro_f1, percentile_interval
from cytosurf.decoding.crossval import Decoder, DecodingResult, decode_labels, make_decoder
from cytosurf.decoding.folds import Folds
from cytosurf.decoding.marginals import Marginals, group_marginals
from cytosurf.decoding.superblocks import remesh_cells
from cytosurf.runs.config import RunConfig
from cytosurf.runs.inputs import Inputs, folds_of, surface_meshes

PRIOR = "prior"
REFERENCE = "reference"


@dataclass(frozen=True, eq=False)
class Observed:
    """Decoders and results of all feature sets on the observed labels.

    Attributes
    ----------
    decoders : dict of str to Decoder
        By feature set.
    results : dict of str to DecodingResult
        By feature set.
    variants : dict
        Mean macro-F1 of each set with other fold seeds ("repeats") and other numbers of
        superblocks ("block_sweep"), where asked for.
    """

    decoders: dict[str, Decoder]
    results: dict[str, DecodingResult]
    variants: dict[str, Any]


def decode_observed(
    config: RunConfig, inputs: Inputs, *, jobs: int, classifier: Any = None
) -> Observed:
    """Decode the observed labels from every feature set.

    Parameters
    ----------
    config : RunConfig
        The run.
    inputs : Inputs
        From `load_inputs`.
    jobs : int
        Processes.
    classifier : scikit-learn classifier, optional
        Used instead of the softmax regression.

    Returns
    -------
    Observed
    """
    decoders = _decoders(config, inputs, inputs.folds, classifier)
    results = _decode_all(decoders, inputs, jobs, "Decoding")
    variants: dict[str, Any] = {}
    for name, folds in _fold_variants(config, inputs):
        other = _decode_all(_decoders(config, inputs, folds, classifier), inputs, jobs, name)
        group, _, key = name.partition(" ")
        variants.setdefault(group, {})[key] = {
            s: float(np.nanmean(scores.macro_f1(r.counts))) for s, r in other.items()
        }
    return Observed(decoders, results, variants)


def _decoders(
    config: RunConfig, inputs: Inputs, folds: Folds, classifier: Any
) -> dict[str, Decoder]:
    return {
        name: make_decoder(
            s.map.values, folds, C=config.C, classifier=classifier, device=config.device
        )
        for name, s in inputs.sets.items()
    }


def _decode_all(
    decoders: dict[str, Decoder], inputs: Inputs, jobs: int, label: str
) -> dict[str, DecodingResult]:
    work = partial(_decode_one, label=inputs.label, n_classes=len(inputs.keys))
    # The longest first, so that no core is left with it at the end.
    tasks = sorted(decoders.items(), key=lambda item: -inputs.sets[item[0]].n_features)
    done = dict(run_tasks(work, tasks, jobs=jobs, label=label, threads=True))
    return {name: done[name] for name in decoders}


def _decode_one(
    task: tuple[str, Decoder], label: npt.NDArray[np.int16], n_classes: int
) -> tuple[str, DecodingResult]:
    name, decoder = task
    return name, decode_labels(decoder, label, n_classes)


def _fold_variants(config: RunConfig, inputs: Inputs) -> list[tuple[str, Folds]]:
    """Return folds of other seeds and block sizes, named ``repeats SEED`` and ``block_sweep N``."""
    options = config.folds
    wanted = [
        (f"repeats {config.seed + r}", options, config.seed + r) for r in range(1, options.repeats)
    ]
    for n_blocks in options.block_sweep:
        changed = options.model_copy(update={"n_blocks": n_blocks})
        wanted.append((f"block_sweep {n_blocks}", changed, config.seed))
    if not wanted:
        return []
    cells = None
    if options.method == "midthickness":
        meshes = surface_meshes(inputs.space, inputs.hemispheres, "midthickness")
        cells = {hemisphere: remesh_cells(mesh) for hemisphere, mesh in meshes.items()}
    space, hemispheres = inputs.space, inputs.hemispheres
    return [
        (name, folds_of(inputs.mask, space, hemispheres, changed, seed, cells))
        for name, changed, seed in wanted
    ]


def score_sets(inputs: Inputs, observed: Observed, *, seed: int) -> dict[str, dict[str, Any]]:
    """Return the entry of each feature set in ``results.json``, the prior-only reference last.

    Parameters
    ----------
    inputs : Inputs
        The inputs of the run.
    observed : Observed
        From `decode_observed`.
    seed : int
        Seed of the block bootstrap.
    """
    n_classes = len(inputs.keys)
    truth = np.where(inputs.analysed, inputs.label, -1)
    names = list(observed.results)
    block = inputs.folds.block
    of_block = [
        group_marginals(truth, r.prediction, block, block.max() + 1, n_classes)
        for r in observed.results.values()
    ]
    stacked = Marginals(*(np.stack(arrays) for arrays in zip(*of_block, strict=True)))
    replicates = bootstrap_macro_f1(stacked, seed=seed)
    train, test = scores.class_counts(truth, inputs.folds, n_classes)
    entries: dict[str, dict[str, Any]] = {}
    for i, name in enumerate(names):
        result = observed.results[name]
        entries[name] = {
            "role": inputs.roles[name],
            "n_features": inputs.sets[name].n_features,
            **_entry(inputs, result.counts, result.log_loss),
            "ci95": percentile_interval(replicates[i]).tolist(),
            "matched_position": inputs.matched.get(name),
            "converged": result.converged,
        }
    prior_counts, prior_loss = scores.prior_reference(train, test)
    entries[PRIOR] = {
        "role": REFERENCE,
        "n_features": 0,
        **_entry(inputs, prior_counts, prior_loss),
        "ci95": None,
        "matched_position": None,
        "converged": True,
    }
    return entries


def _entry(
    inputs: Inputs, counts: npt.NDArray[np.int64], log_loss: npt.NDArray[np.float64]
) -> dict[str, Any]:
    f1 = scores.per_class_f1(counts.sum(axis=0)).tolist()
    return {
        "macro_f1": spread(scores.macro_f1(counts)),
        "pooled_macro_f1": float(scores.pooled_macro_f1(counts)),
        "balanced_accuracy": spread(scores.balanced_accuracy(counts)),
        "mcc": spread(scores.mcc(counts)),
        "accuracy": spread(scores.accuracy(counts)),
        "log_loss": spread(log_loss),
        "per_class_f1": dict(zip(inputs.names, f1, strict=True)),
    }


def spread(values: npt.NDArray[np.float64]) -> dict[str, Any]:
    """Return mean and SD (ddof 0) over folds beside the folds, as ``results.json`` has them."""
    tested = values[~np.isnan(values)]
    mean, sd = scores.mean_sd(tested)
    return {"mean": float(mean), "sd": float(sd), "folds": values.tolist()}


def absent_classes(inputs: Inputs, observed: Observed) -> list[dict[str, Any]]:
    """List the classes that a fold did not train on, and so never predicted there."""
    absent = next(iter(observed.results.values())).absent
    return [
        {"fold": int(fold), "key": int(inputs.keys[k]), "name": inputs.names[k]}
        for fold, k in np.argwhere(absent)
    ]
