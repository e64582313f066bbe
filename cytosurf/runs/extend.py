"""More spins for a run that has been decoded: all at once, in shards, or merged from elsewhere."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from cytosurf.compute.lock import check_unlocked, locked
from cytosurf.decoding.crossval import Decoder, make_decoder
from cytosurf.errors import CytosurfWarning, InputError
from cytosurf.nulls import SpinTest, statistic_named
from cytosurf.nulls.rotations import Policy
from cytosurf.runs import spins
from cytosurf.runs.chunks import check_same_run, chunk_paths, spins_of
from cytosurf.runs.comparisons import check_tested, spun_sets
from cytosurf.runs.config import RunConfig, make_config, read_config, write_config
from cytosurf.runs.directory import check_named_inputs, rounding
from cytosurf.runs.execute import Prepared, make_spin_test, prepare, spin_run
from cytosurf.runs.family import family_locked, suspend_family
from cytosurf.runs.inputs import Inputs
from cytosurf.runs.outcome import spin_test_outcome, spins_that_decide
from cytosurf.runs.policies import policies_of
from cytosurf.runs.provenance import differences, made_with
from cytosurf.runs.record import INFO, RESULTS, RunRecord, load_run, read_json, write_json
from cytosurf.runs.session import AllSessions
from cytosurf.runs.shards import (
    POLICIES,
    Shard,
    check_complete,
    check_equal_results,
    collect,
    not_merged,
    seconds_of_shard,
    settle_shards,
    shard_notes,
    spins_twice,
    stopping_of,
    write_shard_note,
)
from cytosurf.runs.stopping import DoneChunk, Watch


def add_to_run(
    directory: Path,
    n_spins: int | None,
    *,
    shard: Shard | None = None,
    jobs: int | None = None,
    scheduler: str | None = None,
    stop_after_exceedances: int | None = None,
) -> RunRecord | None:
    """Do the spins of a run that are not there yet, all of them or those of one shard.

    Parameters
    ----------
    directory : Path
        A run directory with its observed result.
    n_spins : int or None
        Spins in all; those of the configuration if None.
    shard : Shard, optional
        The part to do.
    jobs : int, optional
        Processes; as configured if left out.
    scheduler : str, optional
        A Dask cluster to spin on, of about `jobs` workers, in place of local processes.
    stop_after_exceedances : int, optional
        When spins may end early; 0 for never, as configured if left out.

    Returns
    -------
    RunRecord or None
        The run with its spins tested; None after a shard: `merge_into_run` tests.

    Raises
    ------
    InputError
        If the directory is no run of named inputs, its inputs have changed, or no spins are asked.
    """
    name = None if shard is None else str(shard)
    check_unlocked(directory, name)
    prepared, test, record = prepare_spins(directory, n_spins, name, jobs, stop_after_exceedances)
    with locked(directory, name):
        return _add(prepared, test, record, shard, scheduler)


def _add(
    prepared: Prepared,
    test: SpinTest,
    record: RunRecord,
    shard: Shard | None,
    scheduler: str | None,
) -> RunRecord | None:
    """Do what `add_to_run` says with a run that no other process works on."""
    directory = prepared.directory
    total, rule = prepared.config.spins, prepared.config.stop_after_exceedances
    if shard is None:
        seconds = spin_run(prepared, test, record, range(total), scheduler)
        changes = {"spins": total, "stop_after_exceedances": rule}
        tested = conclude(record, prepared.policies, seconds, changes)
        settle_shards(directory, total)
        return tested
    wanted = shard.of(total)
    watch = Watch(record, prepared.policies, total)
    write = partial(
        write_shard_note,
        directory,
        shard,
        total,
        stop_after_exceedances=rule,
        made_with=made_with(prepared.config.device),
    )
    clock = AllSessions(seconds_of_shard(directory, shard), write)

    def note(chunk: DoneChunk) -> str:
        clock.note()
        return watch.add(chunk)

    spins.add_spins(
        directory,
        test,
        prepared.policies,
        wanted,
        prepared.jobs,
        # Spins that came before decide whether these are needed.
        known=range(wanted.stop) if rule else wanted,
        scheduler=scheduler,
        after_chunk=note,
        enough=watch.settled,
    )
    write(clock.seconds())
    return None


def merge_into_run(directory: Path, others: Sequence[Path] = ()) -> RunRecord:
    """Join shards into a run, check that no spin is missing, and test.

    Parameters
    ----------
    directory : Path
        The run directory.
    others : sequence of Path
        Copies of it in which shards were computed; none if all worked in `directory`.

    Returns
    -------
    RunRecord

    Raises
    ------
    InputError
        If a shard is of another run or damaged, results of a spin differ, or spins are missing.

    Warns
    -----
    CytosurfWarning
        If spins were computed twice, or shards with other versions of what they depend on.
    """
    read_config(directory)
    with locked(directory):
        return _merge(directory, others)


def _merge(directory: Path, others: Sequence[Path]) -> RunRecord:
    """Do what `merge_into_run` says with a run that no other process works on."""
    record = load_run(directory, with_spins=False)
    run = record.info.get("run")
    if run is None:
        found = "a run of an older version"
        raise InputError(str(directory / INFO), found, "the key 'run'", "Decode it again.")
    n_twice = spins_twice(directory, others)
    for other in others:
        collect(directory, other, run)
    policies = policies_of(read_config(directory))
    if not any(chunk_paths(directory, policy) for policy in policies):
        way_out = f"Make some with: cytosurf spin {directory} --spins 1000"
        raise InputError(str(directory), "no spins", "spins to merge", way_out)
    check_same_run(directory, policies, run)
    notes = shard_notes(directory)
    new = not_merged(notes)
    paths = [path for policy in policies for path in chunk_paths(directory, policy)]
    last = [spins_of(path).stop for path in paths]
    total = max(record.config["spins"], *last, *(note["n_spins"] for note in new.values()))
    rule = stopping_of(directory, new, record.config["stop_after_exceedances"])
    changes = {"spins": total, "stop_after_exceedances": rule}
    record = replace(record, config=record.config | changes)
    n_used = spins_that_decide(record, policies, total)
    check_complete(directory, policies, n_used)
    for policy in policies:
        check_equal_results(chunk_paths(directory, policy, range(n_used)))
    if n_twice:
        message = (
            f"{directory}: {n_twice} spins of all rotation policies together were computed twice. "
            "Their results are equal, and each counts once. Was a shard done on two nodes, or with "
            "another number of shards?"
        )
        warnings.warn(message, CytosurfWarning, stacklevel=3)
    infos = [other / INFO for other in others]
    sessions = [*notes.values(), *(read_json(info) for info in infos if info.exists())]
    different = dict.fromkeys(differences(record.info, session) for session in sessions)
    for one, another in different:
        if one:
            message = rounding(directory, one, another)
            warnings.warn(message, CytosurfWarning, stacklevel=3)
    tested = conclude(record, policies, _seconds(record), changes)
    settle_shards(directory, total)
    return tested


def retest(
    directory: Path, statistics: Sequence[str] = (), *, approximate_tail: bool = False
) -> RunRecord:
    """Ask more of the spins that a run holds, and keep it in its results.

    Parameters
    ----------
    directory : Path
        A finished run with spins.
    statistics : sequence of str
        Statistics to test besides those that were asked for before; see
        `cytosurf.nulls.statistic_named`.
    approximate_tail : bool
        Whether tests with few exceedances get an approximate p too.

    Returns
    -------
    RunRecord
        Its p-values are not corrected over a family.

    Raises
    ------
    InputError
        If the run has no spins, or there is no such statistic.
    """
    record = load_run(directory, with_spins=False)
    check_can_retest(record, statistics)
    there = {test["rotation"] for test in record.results["spin_test"]["tests"]}
    policies = tuple(policy for policy in POLICIES if policy in there)
    changes = {
        "statistics": make_config(
            record.config | {"statistics": [*record.config["statistics"], *statistics]}
        ).statistics,
        "approximate_tail": approximate_tail or record.config["approximate_tail"],
    }
    return conclude(record, policies, _seconds(record), changes)


def check_can_retest(record: RunRecord, statistics: Sequence[str]) -> None:
    """Raise `InputError` if a run has no spins, or there is no such statistic, or class in a fold.

    Parameters
    ----------
    record : RunRecord
        A finished run.
    statistics : sequence of str
        As for `retest`.
    """
    for name in statistics:
        statistic_named(name, record.labels.tolist(), record.label_names)
    asked = [name for name in statistics if name not in record.config["statistics"]]
    n_tested = [entry["n_vertices_tested"] for entry in record.results["classes"]]
    check_tested(asked, record.labels.tolist(), record.label_names, n_tested)
    if not record.results["spin_test"]:
        way_out = f"Make some with: cytosurf spin {record.directory} --spins 1000"
        raise InputError(str(record.directory), "no spins", "a run with spins", way_out)


def conclude(
    record: RunRecord,
    policies: tuple[Policy, ...],
    seconds: float,
    changes: Mapping[str, Any],
) -> RunRecord:
    """Test the spins of a run directory, and write results, configuration and time taken.

    Parameters
    ----------
    record : RunRecord
        The run.
    policies : tuple of {"independent", "mirrored"}
        Rotation policies of which the spins are there, as far as they are looked at.
    seconds : float
        Time that they took in sessions of their own; that of shards is added.
    changes : mapping
        What the configuration is to say of the spins.
    """
    directory = record.directory
    config = read_config(directory).model_copy(update=dict(changes))
    record = replace(record, config=config.model_dump(mode="json"))
    outcome = spin_test_outcome(record, policies, config.spins)
    info = read_json(directory / INFO)
    together = seconds + sum(note["seconds"] for note in shard_notes(directory).values())
    with family_locked([directory]):
        family = suspend_family(directory)
        results = read_json(directory / RESULTS)
        write_config(directory, config)
        write_json(directory / INFO, info | {"timings_s": info["timings_s"] | {"spins": seconds}})
        results |= {"spin_test": outcome | {"seconds": round(together, 3)}, "family": family}
        write_json(directory / RESULTS, results)
    return load_run(directory)


def _seconds(record: RunRecord) -> float:
    return float(record.info["timings_s"].get("spins", 0.0))


def prepare_spins(
    directory: Path,
    n_spins: int | None,
    shard: str | None,
    jobs: int | None,
    stop_after_exceedances: int | None,
) -> tuple[Prepared, SpinTest, RunRecord]:
    """Load what the spins of a run directory need.

    Parameters
    ----------
    directory, n_spins, jobs, stop_after_exceedances
        As for `add_to_run`.
    shard : str or None
        The shard to be done, such as ``"3/10"``.

    Returns
    -------
    Prepared, SpinTest, RunRecord
        The run, what all its spins share, and its observed part.
    """
    config = read_config(directory)
    record = load_run(directory, with_spins=False)
    check_named_inputs(directory, config)
    wanted = config.spins if n_spins is None else n_spins
    if not wanted:
        raise InputError("--spins", "0", "at least 1", "Say how many spins there shall be in all.")
    update: dict[str, int | None] = {"spins": wanted}
    if jobs is not None:
        update["jobs"] = jobs
    if stop_after_exceedances is not None:
        if stop_after_exceedances < 0:
            found = str(stop_after_exceedances)
            raise InputError("--stop-after-exceedances", found, "a whole number of at least 0")
        update["stop_after_exceedances"] = stop_after_exceedances or None
    (prepared,) = prepare([config.model_copy(update=update)], [directory], shard=shard)
    assert prepared.assigner is not None
    record = replace(record, config=prepared.config.model_dump(mode="json"))
    decoders = _decoders(config, prepared.inputs)
    return prepared, make_spin_test(prepared, prepared.assigner, decoders), record


def _decoders(config: RunConfig, inputs: Inputs) -> dict[str, Decoder]:
    return {
        name: make_decoder(
            inputs.sets[name].map.values, inputs.folds, C=config.C, device=config.device
        )
        for name in spun_sets(config.model_dump())
    }
