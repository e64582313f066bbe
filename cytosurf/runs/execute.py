"""Do a run: from a configuration to a finished run directory, or on from an unfinished one.

`prepare` checks everything that can be checked and loads the inputs, for all targets of a command,
before `complete` writes the first file: bad input leaves nothing behind.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cytosurf._version import __version__
from cytosurf.compute.files import check_writable
from cytosurf.compute.lock import check_unlocked, locked
from cytosurf.decoding.crossval import Decoder
from cytosurf.errors import CytosurfWarning
from cytosurf.nulls import SpinAssigner, SpinTest, check_spin_count, statistic_named
from cytosurf.nulls.rotations import Policy
from cytosurf.runs import provenance, spins
from cytosurf.runs.chunks import check_same_run, has_chunks, n_spins_from_zero
from cytosurf.runs.comparisons import check_tested, spun_sets
from cytosurf.runs.config import RunConfig, write_config
from cytosurf.runs.device import device_facts, identity_of_refits, processes_of
from cytosurf.runs.directory import (
    check_same_config,
    check_same_inputs,
    check_same_version,
    earlier_statistics,
    warn_of_rounding,
    with_earlier_requests,
)
from cytosurf.runs.family import family_locked, suspend_family
from cytosurf.runs.inputs import (
    FEATURES,
    Features,
    Inputs,
    TargetLike,
    labels_to_spin,
    load_inputs,
    surface_meshes,
)
from cytosurf.runs.maps import write_maps
from cytosurf.runs.observed import decode_observed
from cytosurf.runs.outcome import spin_test_outcome
from cytosurf.runs.policies import chosen_policies, rotation_policies
from cytosurf.runs.record import (
    INFO,
    RESULTS,
    RunRecord,
    load_run,
    read_json,
    write_arrays,
    write_json,
)
from cytosurf.runs.regions import check_region
from cytosurf.runs.results import make_record, make_results, tested_of_classes, warn_of_fits
from cytosurf.runs.session import AllSessions, Clock, kept_warnings
from cytosurf.runs.shards import settle_shards
from cytosurf.runs.spin_quality import check_filter
from cytosurf.runs.stopping import DoneChunk, Watch
from cytosurf.runs.stored_increment import earlier_increments


@dataclass(frozen=True, eq=False)
class Prepared:
    """A run whose inputs are loaded and checked, and of which nothing is written yet.

    Attributes
    ----------
    config : RunConfig
        What to do. Its number of spins is at least that of the spins already in `directory`.
    directory : Path
        Where.
    inputs : Inputs
        What to do it with.
    assigner : SpinAssigner or None
        The spheres that labels are spun on; None if there are neither spins to do nor any there.
    policies : tuple of {"independent", "mirrored"}
        Rotation policies of the spins, as the spheres allow.
    jobs : int
        Processes.
    messages : tuple of str
        Warnings so far.
    started : str
        Date and time in UTC.
    seconds : dict of str to float
        Time taken by the parts that are done.
    """

    config: RunConfig
    directory: Path
    inputs: Inputs
    assigner: SpinAssigner | None
    policies: tuple[Policy, ...]
    jobs: int
    messages: tuple[str, ...]
    started: str
    seconds: dict[str, float]


def prepare(
    configs: Sequence[RunConfig],
    directories: Sequence[str | Path],
    *,
    features: Sequence[Features] | None = None,
    targets: Sequence[TargetLike] | None = None,
    shard: str | None = None,
) -> list[Prepared]:
    """Load and check the inputs of one run, or of several that differ in their target alone.

    Parameters
    ----------
    configs : sequence of RunConfig
        What to do.
    directories : sequence of path-like
        The run directory of each; continued if it holds the same run, refused if another.
    features, targets : optional
        The caller's own maps and labels in place of the named ones.
    shard : str, optional
        The shard of the spins to be done, such as ``"3/10"``: others may be at work meanwhile.

    Returns
    -------
    list of Prepared
        One for each configuration.

    Raises
    ------
    InputError
        If inputs are bad, a directory cannot be written, belongs to another run or is worked on
        by another process, or the analysed region is too small for spins.

    Warns
    -----
    CytosurfWarning
        If a directory holds more spins than are asked for (all are used), or spins that another
        machine or environment made; or the analysed region is small.
    """
    folders = [Path(directory) for directory in directories]
    config = configs[0]
    jobs = processes_of(config)
    for folder, its_config in zip(folders, configs, strict=True):
        check_writable(folder)
        check_unlocked(folder, shard)
        check_same_config(folder, its_config)
        check_same_version(folder)
    configs = [with_earlier_requests(f, c) for f, c in zip(folders, configs, strict=True)]
    started = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    clock = Clock({})
    messages: list[str] = []
    with kept_warnings(messages):
        for folder in folders:
            warn_of_rounding(folder, config.device)
        with clock.time("inputs"):
            inputs = load_inputs(configs, features, targets)
        for folder, its_config, its_inputs in zip(folders, configs, inputs, strict=True):
            check_same_inputs(folder, its_inputs.hashes())
            classes = its_inputs.keys.tolist(), its_inputs.names
            for name in its_config.statistics:
                statistic_named(name, *classes)
            asked = set(its_config.statistics) - set(earlier_statistics(folder))
            check_tested(sorted(asked), *classes, tested_of_classes(its_inputs).tolist())
        assigner: SpinAssigner | None = None
        policies: tuple[Policy, ...] = ()
        if config.spins or any(has_chunks(folder) for folder in folders):
            meshes = surface_meshes(inputs[0].space, config.hemispheres, "sphere")
            assigner = SpinAssigner(meshes)
            policies = chosen_policies(rotation_policies(assigner), config.rotation)
            if shard is None:  # which looks at its own chunks alone
                for its_config, its_inputs, folder in zip(configs, inputs, folders, strict=True):
                    check_same_run(folder, policies, run_identity(its_config, its_inputs))
            configs = _check_spins(configs, inputs, folders, assigner, policies)
    return [
        Prepared(c, f, i, assigner, policies, jobs, tuple(messages), started, clock.seconds)
        for c, f, i in zip(configs, folders, inputs, strict=True)
    ]


def complete(prepared: Prepared, *, classifier: Any = None, command: str = "") -> RunRecord:
    """Decode, spin and write everything but the report.

    Parameters
    ----------
    prepared : Prepared
        From `prepare`.
    classifier : scikit-learn classifier, optional
        Used instead of the softmax regression.
    command : str
        How the run was asked for, to be recorded.

    Returns
    -------
    RunRecord
    """
    with locked(prepared.directory):
        return _complete(prepared, classifier, command)


def _complete(prepared: Prepared, classifier: Any, command: str) -> RunRecord:
    config, inputs, directory = prepared.config, prepared.inputs, prepared.directory
    clock = Clock(dict(prepared.seconds))
    messages = [*prepared.messages]
    with kept_warnings(messages):
        with clock.time("decoding"):
            observed = decode_observed(config, inputs, jobs=prepared.jobs, classifier=classifier)
        warn_of_fits(inputs, observed)
        results = make_results(config, inputs, observed)
        record = make_record(directory, config, inputs, observed, results)
        write_config(directory, config)
        if not (directory / INFO).exists():
            write_json(directory / INFO, {"inputs": inputs.hashes()} | _environment(config))
        write_arrays(directory, record)
        if prepared.assigner is not None and config.spins:
            test = make_spin_test(prepared, prepared.assigner, observed.decoders)
            clock.seconds["spins"] = spin_run(prepared, test, record, range(config.spins))
            outcome = spin_test_outcome(record, prepared.policies, config.spins)
            results["spin_test"] = outcome | {"seconds": clock.seconds["spins"]}
    write_maps(record)
    run = run_identity(config, inputs)
    results["increment_tests"] = earlier_increments(directory, run)
    results["feature_tests"] = earlier_increments(directory, run, "feature_tests")
    write_json(directory / INFO, _info(prepared, command, messages, clock.seconds))
    with family_locked([directory]):
        results["family"] = suspend_family(directory)
        write_json(directory / RESULTS, results)
    settle_shards(directory, config.spins)
    return load_run(directory)


def execute(
    config: RunConfig,
    directory: str | Path,
    *,
    features: Sequence[Features] | None = None,
    target: TargetLike | None = None,
    classifier: Any = None,
    command: str = "",
) -> RunRecord:
    """Do one run: `prepare` and `complete` in one call, with their parameters."""
    targets = None if target is None else [target]
    (prepared,) = prepare([config], [directory], features=features, targets=targets)
    return complete(prepared, classifier=classifier, command=command)


def make_spin_test(
    prepared: Prepared, assigner: SpinAssigner, decoders: Mapping[str, Decoder]
) -> SpinTest:
    """Collect what every spin of a run needs."""
    config, inputs = prepared.config, prepared.inputs
    spun = tuple(decoders[name] for name in spun_sets(config.model_dump()))
    label, n_classes = labels_to_spin(inputs)
    run = run_identity(config, inputs)
    return SpinTest(spun, label, n_classes, assigner, config.seed, run)


def run_identity(config: RunConfig, inputs: Inputs) -> str:
    """Return what tells the spins of a run from those of any other."""
    identity = identity_of_refits(config)
    identity.pop("max_distortion")  # which of the spins count: they are the same with any
    parts = [identity, inputs.hashes(), __version__]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _check_spins(
    configs: Sequence[RunConfig],
    inputs: Sequence[Inputs],
    folders: Sequence[Path],
    assigner: SpinAssigner,
    policies: tuple[Policy, ...],
) -> list[RunConfig]:
    """Refuse or warn of what is wrong with spins; return configurations with all of them."""
    runs = [_with_spins_there(*each, policies) for each in zip(configs, folders, strict=True)]
    check_spin_count(min(config.spins for config in runs), n_tests=len(runs))
    for config, its_inputs in zip(runs, inputs, strict=True):
        if config.spins:
            check_region(its_inputs, assigner, policies, seed=config.seed)
            check_filter(config, its_inputs, policies)
    return runs


def _with_spins_there(
    config: RunConfig, directory: Path, policies: tuple[Policy, ...]
) -> RunConfig:
    """Return the configuration with at least the spins that the run directory holds from 0 on."""
    n_there = n_spins_from_zero(directory, policies)
    if n_there <= config.spins:
        return config
    message = (
        f"{directory}: holds {n_there} spins, more than the {config.spins} asked for. "
        "They stay, and all of them are used."
    )
    warnings.warn(message, CytosurfWarning, stacklevel=3)
    return config.model_copy(update={"spins": n_there})


def spin_run(
    prepared: Prepared,
    test: SpinTest,
    record: RunRecord,
    wanted: range,
    scheduler: str | None = None,
) -> float:
    """Do the spins that are missing; return the seconds that spins took in all sessions.

    Where the run may stop early, those that are not needed are left out. The seconds are in
    ``run.json`` while the spins go on, so that those of a killed session count.

    Parameters
    ----------
    prepared : Prepared
        The run.
    test : SpinTest
        From `make_spin_test`.
    record : RunRecord
        The observed part of the run.
    wanted : range
        Indices of the spins.
    scheduler : str, optional
        A Dask cluster to spin on, in place of local processes.
    """
    directory = prepared.directory
    info = read_json(directory / INFO)
    timings = info.get("timings_s", {})
    watch = Watch(record, prepared.policies, prepared.config.spins)

    def write(seconds: float) -> None:
        write_json(directory / INFO, info | {"timings_s": timings | {"spins": seconds}})

    clock = AllSessions(float(timings.get("spins", 0.0)), write)

    def note(chunk: DoneChunk) -> str:
        clock.note()
        return watch.add(chunk)

    what = (directory, test, prepared.policies, wanted, prepared.jobs)
    spins.add_spins(*what, scheduler=scheduler, after_chunk=note, enough=watch.settled)
    return clock.seconds()


def _info(
    prepared: Prepared, command: str, messages: list[str], seconds: dict[str, float]
) -> dict[str, Any]:
    """Return ``run.json``."""
    inputs, config = prepared.inputs, prepared.config
    named = [source for s in inputs.sets.values() for source in s.sources]
    named += inputs.target.sources
    if config.mask is not None:
        named.append(f"file:{config.mask}")
    return {
        "command": command,
        "started": prepared.started,
        **_environment(config),
        "inputs": inputs.hashes() | provenance.file_hashes(named),
        "run": run_identity(config, inputs),
        "seed": config.seed,
        "jobs": prepared.jobs,
        "timings_s": seconds,
        "sources": provenance.source_terms(named),
        "notes": _notes(inputs),
        "warnings": messages,
    }


def _environment(config: RunConfig) -> dict[str, Any]:
    machine = provenance.machine() | device_facts(config.device)
    return {"versions": provenance.versions(), "machine": machine}


def _notes(inputs: Inputs) -> list[str]:
    notes = [
        f"{name}: {note}"
        for name, s in inputs.sets.items()
        if inputs.roles[name] == FEATURES
        for note in s.notes
    ]
    return [*notes, *(f"{inputs.target.name}: {note}" for note in inputs.target.notes)]
