"""Do a run: from a configuration to a finished run directory, or on from an unfinished one."""

from __future__ import annotations

import datetime
import os
import tempfile
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from cytosurf.compute.pool import resolve_jobs
from cytosurf.errors import CytosurfWarning, InputError
from cytosurf.features import FeatureSet
from cytosurf.nulls import SpinAssigner, SpinTest, check_spin_count
from cytosurf.nulls.rotations import Policy
from cytosurf.runs import provenance, spins
from cytosurf.runs.config import FILE_NAME, RunConfig, read_config, write_config
from cytosurf.runs.inputs import FEATURES, Inputs, load_inputs, surface_meshes
from cytosurf.runs.maps import write_maps
from cytosurf.runs.observed import Observed, absent_classes, decode_observed, score_sets, spread
from cytosurf.runs.record import (
    INFO,
    RESULTS,
    RunRecord,
    load_run,
    read_json,
    write_arrays,
    write_json,
)
from cytosurf.surfaces import Parcellation, SurfaceMap
from cytosurf.targets import Target

ADVICE_OTHER_RUN = "Choose another --out, or delete the directory."


def execute(
    config: RunConfig,
    directory: str | Path,
    *,
    features: Sequence[str | FeatureSet | SurfaceMap] | None = None,
    target: str | Target | Parcellation | None = None,
    classifier: Any = None,
    command: str = "",
) -> RunRecord:
    """Decode, spin and write everything but the report.

    Parameters
    ----------
    config : RunConfig
        What to do.
    directory : path-like
        The run directory; continued if it holds the same run, refused if another.
    features, target : optional
        The caller's own maps and labels in place of the named ones.
    classifier : scikit-learn classifier, optional
        Used instead of the softmax regression.
    command : str
        How the run was asked for, to be recorded.

    Returns
    -------
    RunRecord

    Raises
    ------
    InputError
        If inputs are bad, the directory cannot be written, or it belongs to another run. Nothing
        is written then.
    """
    directory = Path(directory)
    jobs = resolve_jobs(config.jobs)
    check_writable(directory)
    _check_same_config(directory, config)
    started = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    clock = _Clock()
    with _kept_warnings() as messages:
        with clock.time("inputs"):
            inputs = load_inputs(config, features, target)
        _check_same_inputs(directory, inputs)
        if config.spins:
            check_spin_count(config.spins)
        with clock.time("decoding"):
            observed = decode_observed(config, inputs, jobs=jobs, classifier=classifier)
        _warn_of_fits(inputs, observed)
        results = make_results(config, inputs, observed)
        write_config(directory, config)
        write_json(directory / INFO, {"inputs": inputs.hashes()})
        record = make_record(directory, config, inputs, observed, results)
        write_arrays(directory, record)
        if config.spins:
            policies: tuple[Policy, ...] = ("independent", "mirrored")
            if len(inputs.hemispheres) == 1:
                policies = ("independent",)
            with clock.time("spins"):
                test = make_spin_test(config, inputs, observed)
                spins.add_spins(directory, test, policies, config.spins, jobs)
            entries, quality = spins.spin_test_entries(record, policies, config.spins)
            results["spin_test"] = {
                "n_spins": config.spins,
                "seed": config.seed,
                "seconds": clock.seconds["spins"],
                "sets": spins.spun_sets(record.config),
                "tests": entries,
                "quality": quality,
            }
        write_maps(record)
    sources = _sources(inputs)
    info = {
        "command": command,
        "started": started,
        "versions": provenance.versions(),
        "machine": provenance.machine(),
        "inputs": inputs.hashes() | provenance.file_hashes(sources),
        "seed": config.seed,
        "jobs": jobs,
        "timings_s": clock.seconds,
        "sources": provenance.source_terms(sources),
        "notes": _notes(inputs),
        "warnings": messages,
    }
    write_json(directory / INFO, info)
    write_json(directory / RESULTS, results)
    return load_run(directory)


def make_results(config: RunConfig, inputs: Inputs, observed: Observed) -> dict[str, Any]:
    """Return ``results.json`` without spins: see the contract in the documentation."""
    entries = score_sets(inputs, observed, seed=config.seed)
    differences = []
    for features in config.features:
        others = [*config.baseline, inputs.matched.get(features)]
        for baseline in dict.fromkeys(o for o in others if o and o != features):
            pair = [np.array(entries[n]["macro_f1"]["folds"]) for n in (features, baseline)]
            row = {"features": features, "baseline": baseline}
            differences.append(row | spread(pair[0] - pair[1]))
    n_of_class = np.bincount(inputs.label[inputs.analysed], minlength=len(inputs.keys))
    return {
        "schema": 1,
        "target": inputs.target.name,
        "space": inputs.space.template,
        "density": inputs.space.density,
        "hemispheres": list(inputs.hemispheres),
        "n_vertices": int(inputs.analysed.sum()),
        "n_vertices_mask": int(inputs.mask.sum()),
        "n_folds": inputs.folds.n_folds,
        "classes": [
            {"key": int(key), "name": name, "n_vertices": int(n)}
            for key, name, n in zip(inputs.keys, inputs.names, n_of_class, strict=True)
        ],
        "feature_sets": entries,
        "differences": differences,
        "absent_in_training": absent_classes(inputs, observed),
        **observed.variants,
        "spin_test": None,
    }


def make_record(
    directory: Path, config: RunConfig, inputs: Inputs, observed: Observed, results: dict[str, Any]
) -> RunRecord:
    """Collect the observed part of a run in memory."""
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
        counts={name: r.counts for name, r in observed.results.items()},
        prediction={name: of_index[r.prediction] for name, r in observed.results.items()},
        probability={name: r.probability for name, r in observed.results.items()},
        nulls=[],
    )


def make_spin_test(config: RunConfig, inputs: Inputs, observed: Observed) -> SpinTest:
    """Collect what every spin of a run needs."""
    names = spins.spun_sets(config.model_dump())
    spheres = surface_meshes(inputs.space, inputs.hemispheres, "sphere")
    decoders = tuple(observed.decoders[name] for name in names)
    return SpinTest(decoders, inputs.label, len(inputs.keys), SpinAssigner(spheres), config.seed)


def check_writable(directory: Path) -> None:
    """Raise `InputError` unless files can be made in `directory` or where it will be.

    Tried with a file rather than asked of the permissions, which do not know of full or read-only
    file systems.
    """
    existing = next(p for p in (directory, *directory.absolute().parents) if p.exists())
    try:
        if not existing.is_dir():
            raise NotADirectoryError
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError as error:
        raise InputError(
            f"--out {directory}",
            f"a place that cannot be written ({error.strerror or 'not a folder'}: {existing})",
            "a folder that can be written",
            "Choose another one with --out.",
        ) from None


def _check_same_config(directory: Path, config: RunConfig) -> None:
    if not (directory / FILE_NAME).exists():
        if directory.is_dir() and any(os.scandir(directory)):
            raise InputError(
                f"--out {directory}",
                "a folder with other files in it",
                "a run directory, an empty folder or a new one",
                "Choose another --out.",
            )
        return
    ours, theirs = config.identity(), read_config(directory).identity()
    for key, value in ours.items():
        if theirs[key] != value:
            raise InputError(
                f"--out {directory}",
                f"a run with {key} = {theirs[key]}",
                f"one with {key} = {value}",
                ADVICE_OTHER_RUN,
            )


def _check_same_inputs(directory: Path, inputs: Inputs) -> None:
    if not (directory / INFO).exists():
        return
    before = read_json(directory / INFO).get("inputs", {})
    for name, digest in inputs.hashes().items():
        if before.get(name, digest) != digest:
            raise InputError(
                f"--out {directory}",
                f"a run on other data ({name} has changed)",
                "the same data",
                ADVICE_OTHER_RUN,
            )


def _warn_of_fits(inputs: Inputs, observed: Observed) -> None:
    absent = absent_classes(inputs, observed)
    if absent:
        names = ", ".join(dict.fromkeys(entry["name"] for entry in absent))
        warnings.warn(
            f"{len(absent)} times a class has no training vertex in a fold and is never predicted "
            f"there ({names}). It scores F1 = 0 where it is tested.",
            CytosurfWarning,
            stacklevel=2,
        )
    for name, result in observed.results.items():
        if not result.converged:
            warnings.warn(
                f"The decoder of {name} did not converge in every fold.",
                CytosurfWarning,
                stacklevel=2,
            )


def _sources(inputs: Inputs) -> list[str]:
    named = [source for s in inputs.sets.values() for source in s.sources]
    return list(dict.fromkeys([*named, *inputs.target.sources]))


def _notes(inputs: Inputs) -> list[str]:
    notes = [
        f"{name}: {note}"
        for name, s in inputs.sets.items()
        if inputs.roles[name] == FEATURES
        for note in s.notes
    ]
    return [*notes, *(f"{inputs.target.name}: {note}" for note in inputs.target.notes)]


@contextmanager
def _kept_warnings() -> Iterator[list[str]]:
    """Collect the text of our own warnings, and let all warnings through as usual."""
    messages: list[str] = []
    show = warnings.showwarning

    def keep(message: Warning | str, category: type[Warning], *rest: Any, **named: Any) -> None:
        if issubclass(category, CytosurfWarning):
            messages.append(str(message))
        show(message, category, *rest, **named)

    with warnings.catch_warnings():
        warnings.simplefilter("always", CytosurfWarning)
        warnings.showwarning = keep
        yield messages


class _Clock:
    """Wall-clock seconds of the named parts of a run."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def time(self, part: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.seconds[part] = round(time.perf_counter() - start, 3)
