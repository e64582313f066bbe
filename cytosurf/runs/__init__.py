"""Runs: configuration, inputs, the observed result, spins, and the run directory they fill."""

from cytosurf.compute.files import check_writable
from cytosurf.runs.chunks import spin_counts
from cytosurf.runs.config import FoldConfig, RunConfig, make_config, read_config
from cytosurf.runs.execute import Prepared, complete, execute, prepare
from cytosurf.runs.extend import add_to_run, merge_into_run
from cytosurf.runs.family import correct_family, family_members, regain_family
from cytosurf.runs.fold_vertices import write_fold_vertices
from cytosurf.runs.forecasting import Forecast, forecast
from cytosurf.runs.maps import null_accuracy, run_map
from cytosurf.runs.record import NullRecord, RunRecord, load_run, read_json, write_json
from cytosurf.runs.shards import Shard
from cytosurf.runs.stored_increment import add_increment_test

__all__ = [
    "FoldConfig",
    "Forecast",
    "NullRecord",
    "Prepared",
    "RunConfig",
    "RunRecord",
    "Shard",
    "add_increment_test",
    "add_to_run",
    "check_writable",
    "complete",
    "correct_family",
    "execute",
    "family_members",
    "forecast",
    "load_run",
    "make_config",
    "merge_into_run",
    "null_accuracy",
    "prepare",
    "read_config",
    "read_json",
    "regain_family",
    "run_map",
    "spin_counts",
    "write_fold_vertices",
    "write_json",
]
