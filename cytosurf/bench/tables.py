"""The outcome of a benchmark as a table on the terminal, or as JSON."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass
from functools import singledispatch
from typing import Any

from cytosurf.bench.assign import AssignBench
from cytosurf.bench.conditions import Conditions
from cytosurf.bench.decoder import GAP, Criterion, DecoderBench
from cytosurf.bench.embedding import EmbeddingBench
from cytosurf.bench.parity import ParityBench
from cytosurf.bench.resample import ResampleBench
from cytosurf.bench.scaling import ScalingBench
from cytosurf.bench.spins import PREDICTED_SPINS, SpinsBench
from cytosurf.errors import CytosurfError

SCHEMA = 1
# What is asked of a run on cores of its own: 1.9 on two, and so little beyond the spins.
SPEEDUP_PER_PROCESS, LARGEST_OVERHEAD = 0.95, 0.03
Outcome = (
    AssignBench
    | DecoderBench
    | EmbeddingBench
    | ParityBench
    | ResampleBench
    | ScalingBench
    | SpinsBench
)
_NAMES = {
    AssignBench: "assign",
    DecoderBench: "decoder",
    EmbeddingBench: "embedding",
    ParityBench: "parity",
    ResampleBench: "resample",
    ScalingBench: "scaling",
    SpinsBench: "spins",
}


@dataclass(frozen=True)
class Sheet:
    """A table as text.

    Attributes
    ----------
    title : str
        What was measured.
    columns : tuple of str
        Heads of the columns.
    rows : tuple of tuple of str
        One text for each column.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def show(outcome: Outcome, *, as_json: bool) -> None:
    """Print the outcome of a benchmark on standard output.

    Parameters
    ----------
    outcome : Outcome
        What was measured.
    as_json : bool
        Print JSON alone, in place of a table.

    Raises
    ------
    CytosurfError
        After printing, if something is wrong: see ``outcome.failures``.
    """
    if as_json:
        sys.stdout.write(json.dumps(to_json(outcome), indent=2) + "\n")
    else:
        _print_sheet(sheet(outcome), outcome.conditions)
    if outcome.failures:
        raise CytosurfError("; ".join(outcome.failures) + ".")


def to_json(outcome: Outcome) -> dict[str, Any]:
    """Return an outcome as what JSON can hold: its fields, and what is wrong.

    Parameters
    ----------
    outcome : Outcome
        What was measured.

    Returns
    -------
    dict
        "schema", "bench" (assign, decoder, embedding or spins), the fields of the outcome, and
        "failures", sentences; none if all is well.
    """
    fields = {"schema": SCHEMA, "bench": _NAMES[type(outcome)], **asdict(outcome)}
    return fields | {"failures": list(outcome.failures)}


@singledispatch
def sheet(outcome: Any) -> Sheet:
    """Return an outcome as a table.

    Parameters
    ----------
    outcome : Outcome
        What was measured.
    """
    raise TypeError(type(outcome))


@sheet.register
def _(outcome: AssignBench) -> Sheet:
    rows = []
    for t in outcome.timings:
        if t.ms_per_spin is None or t.ratio is None:
            rows.append((t.name, t.policy, "not installed", "", ""))
            continue
        same = f"{t.n_different:,} differ" if t.n_different else "identical"
        rows.append((t.name, t.policy, f"{t.ms_per_spin:.2f}", f"{t.ratio:.1f}", same))
    title = f"Spin assignment, {outcome.space}, {outcome.n_vertices:,} vertices"
    columns = ("program", "rotations", "CPU ms per spin", "times cytosurf", "indices")
    return Sheet(f"{title}, {outcome.n_spins} spins", columns, tuple(rows))


@sheet.register
def _(outcome: DecoderBench) -> Sheet:
    asked = [s.criteria(outcome.tolerances) for s in outcome.sets]
    none = [not s.n_different for s in outcome.sets]
    rows = [("columns", "", *(str(s.n_features) for s in outcome.sets))]
    for same in zip(*asked, strict=True):
        sign, form = ("at most", ".1e") if same[0].at_most else ("at least", ".4%")
        limit = f"{sign} {same[0].limit:{form}}"
        judged = (_judged(one, form) for one in same)
        if same[0].what == GAP:  # a zero would look like a measurement
            judged = ("none differs" if n else j for n, j in zip(none, judged, strict=True))
        rows.append((same[0].what, limit, *judged))
    different = (f"{s.n_different:,} of {s.n_tested:,}" for s in outcome.sets)
    rows += [
        ("predictions that differ", "", *different),
        ("CPU ms per spin", "", *(f"{s.cpu_ms:,.0f}" for s in outcome.sets)),
        (
            "of scikit-learn, converged",
            "",
            *(f"{s.reference_cpu_ms:,.0f}" for s in outcome.sets),
        ),
    ]
    title = f"Refits against converged scikit-learn, {outcome.target}, {outcome.n_classes} classes"
    columns = ("", "asked", *(s.features for s in outcome.sets))
    return Sheet(f"{title}, {outcome.n_spins} spins", columns, tuple(rows))


def _judged(criterion: Criterion, form: str) -> str:
    return f"{criterion.value:{form}}, {'met' if criterion.met else 'NOT MET'}"


@sheet.register
def _(outcome: ScalingBench) -> Sheet:
    met = "met" if outcome.speedup >= SPEEDUP_PER_PROCESS * outcome.processes else "NOT MET"
    cheap = "met" if outcome.overhead <= LARGEST_OVERHEAD else "NOT MET"
    faster = f"at least {SPEEDUP_PER_PROCESS * outcome.processes:.2f} on free cores"
    rows = (
        ("start of all processes, s (not counted)", "", f"{outcome.start_s:.1f}"),
        ("spins per second by the clock", "", f"{outcome.spins_per_s:,.2f}"),
        ("in one process", "", f"{outcome.single_spins_per_s:,.2f}"),
        ("speed over one process", faster, f"{outcome.speedup:.2f}, {met}"),
        ("CPU ms of a spin", "", f"{outcome.spin_cpu_ms:,.2f}"),
        ("of handing out and taking in", "", f"{outcome.split_cpu_ms:,.2f}"),
        ("of writing", "", f"{outcome.write_cpu_ms:,.2f}"),
        ("of merging", "", f"{outcome.merge_cpu_ms:,.2f}"),
        (
            "the last three over a spin",
            f"at most {LARGEST_OVERHEAD:.0%}",
            f"{outcome.overhead:.2%}, {cheap}",
        ),
    )
    sets = " and ".join(f"{name} ({n})" for name, n in outcome.feature_sets.items())
    title = f"A run of {outcome.n_spins:,} spins of {outcome.target} with {sets}"
    where = f"{outcome.processes} processes, {outcome.n_files} files"
    return Sheet(title, ("", "asked", where), rows)


@sheet.register
def _(outcome: EmbeddingBench) -> Sheet:
    route_cpu_s = outcome.assign_cpu_s + outcome.resample_cpu_s
    route_wall_s = outcome.assign_wall_s + outcome.resample_wall_s
    checked = f"{outcome.n_different} of {outcome.n_checked} wrong"
    rows = (
        ("from the file to components on the target", *_pair(route_cpu_s, route_wall_s)),
        ("to components on the midsurface", *_pair(outcome.assign_cpu_s, outcome.assign_wall_s)),
        ("from there to the target", *_pair(outcome.resample_cpu_s, outcome.resample_wall_s)),
        ("limit: reading all features once", *_pair(outcome.read_cpu_s, outcome.read_wall_s)),
        ("limit: products of features by BLAS", *_pair(outcome.products_cpu_s, None)),
        ("generating the table (not part of it)", *_pair(outcome.generate_cpu_s, None)),
        ("memory of the process, MB", _number(outcome.peak_memory_mb, ",.0f"), ""),
        ("size of the table, MB", f"{outcome.table_mb:,.0f}", ""),
        ("nearest points searched by hand", checked, ""),
    )
    title = (
        f"{outcome.n_points:,} points of {outcome.n_features} features onto {outcome.n_vertices:,} "
        f"vertices, {outcome.n_components} components, to {outcome.target}"
    )
    return Sheet(title, ("", "CPU s", "s by the clock"), rows)


@sheet.register
def _(outcome: SpinsBench) -> Sheet:
    of = {
        "cytosurf": outcome.ours,
        "in one process": outcome.single,
        "beside scikit-learn": outcome.beside_peer,
        "scikit-learn": outcome.peer,
    }
    costs = [cost for cost in of.values() if cost is not None]
    heads = (name for name, cost in of.items() if cost is not None)
    rows = [
        ("processes", *(f"{cost.processes}" for cost in costs)),
        ("spins", *(f"{cost.n_spins:,}" for cost in costs)),
        ("CPU ms per spin, mean", *(f"{cost.cpu_ms_mean:,.1f}" for cost in costs)),
        ("CPU ms per spin, median", *(f"{cost.cpu_ms_median:,.1f}" for cost in costs)),
        ("spins per second by the clock", *(f"{cost.spins_per_s:,.2f}" for cost in costs)),
        ("first spin above others, CPU s", *(f"{cost.first_spin_cpu_s:.1f}" for cost in costs)),
    ]
    elsewhere = [""] * (len(costs) - 1)
    compared = (
        ("CPU time over ours beside it", outcome.ratio, ".1f"),
        ("largest difference in macro-F1", outcome.score_difference, ".1e"),
    )
    rows += [(name, *elsewhere, _number(value, form)) for name, value, form in compared]
    own = (
        ("start of a process, CPU s", outcome.start_cpu_s, ".1f"),
        ("speed over one process, by the clock", outcome.scaling_wall, ".2f"),
        ("speed over one process, by CPU time", outcome.scaling_cpu, ".2f"),
        (f"{PREDICTED_SPINS:,} spins at this load, min", outcome.seconds_10000 / 60, ".1f"),
        (f"{PREDICTED_SPINS:,} spins on free cores, min", outcome.seconds_10000_free / 60, ".1f"),
        ("memory of all processes, MB", outcome.peak_memory_mb, ",.0f"),
    )
    rows += [(name, _number(value, form), *elsewhere) for name, value, form in own]
    sets = " and ".join(f"{name} ({n})" for name, n in outcome.feature_sets.items())
    title = f"Spins of {outcome.target} ({outcome.n_classes} classes) with {sets}"
    return Sheet(f"{title}, {outcome.n_vertices:,} vertices", ("", *heads), tuple(rows))


def _pair(cpu_s: float, wall_s: float | None) -> tuple[str, str]:
    return f"{cpu_s:.1f}", _number(wall_s, ".1f")


@sheet.register
def _(outcome: ParityBench) -> Sheet:
    rows = tuple(
        (
            f"{c.source} to {c.target}",
            f"{c.method}{', masked' if c.masked else ''}",
            f"{c.n_vertices:,}",
            f"{c.p999_sd:.1e}",
            f"{c.n_above}",
            ", ".join(f"{n} {name}" for name, n in c.causes.items() if n) or "none",
            f"{c.largest_sd:.1e}",
            f"{c.n_labels}",
        )
        for c in outcome.comparisons
    )
    columns = (
        *("route", "method", "vertices", "99.9th percentile, SD", "above 1e-4 SD", "causes"),
        *("largest, SD", "labels that differ"),
    )
    title = f"White noise against Connectome Workbench {outcome.workbench}"
    return Sheet(f"{title}, hemisphere {outcome.hemisphere}", columns, rows)


@sheet.register
def _(outcome: ResampleBench) -> Sheet:
    rows = [
        (
            t.work,
            f"{t.n_maps:,}",
            *(f"{value:,.2f}" for value in (t.ours.wall_s, t.peer.wall_s)),
            *(f"{value:,.2f}" for value in (t.ours.cpu_s, t.peer.cpu_s)),
            f"{t.wall_ratio:,.1f}",
            f"{t.cpu_ratio:,.1f}",
        )
        for t in outcome.timings
    ]
    rows.append(("weights, computed once", "", "", "", f"{outcome.weights_s:.2f}", "", "", ""))
    rows.append(("imports, in no other figure", "", f"{outcome.import_s:.2f}", *[""] * 5))
    columns = (
        *("work", "maps", "s by the clock", "wb_command's", "CPU s", "wb_command's CPU s"),
        *("times faster by the clock", "by CPU time"),
    )
    title = f"Carrying maps by {outcome.method} resampling, {outcome.source} to {outcome.target}"
    return Sheet(f"{title}, Workbench {outcome.workbench}", columns, tuple(rows))


def _number(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)


def _print_sheet(of: Sheet, conditions: Conditions) -> None:
    from rich.console import Console
    from rich.table import Column, Table

    first, *others = of.columns
    columns = [Column(first, overflow="fold"), *(Column(o, justify="right") for o in others)]
    table = Table(*columns)
    for row in of.rows:
        table.add_row(*row)
    load = ""
    if conditions.load is not None:
        load = " Load {:.1f} before, {:.1f} after.".format(*conditions.load)
    console = Console()
    console.print(f"\n{of.title}")
    console.print(table)
    console.print(f"{conditions.date}, {conditions.cpu}, {conditions.cores} cores.{load}")
