"""Runs: configuration, inputs, the observed result, spins, and the run directory they fill."""

from cytosurf.runs.config import FoldConfig, RunConfig, make_config, read_config
from cytosurf.runs.execute import check_writable, execute
from cytosurf.runs.maps import run_map
from cytosurf.runs.record import NullRecord, RunRecord, load_run, read_json, write_json

__all__ = [
    "FoldConfig",
    "NullRecord",
    "RunConfig",
    "RunRecord",
    "check_writable",
    "execute",
    "load_run",
    "make_config",
    "read_config",
    "read_json",
    "run_map",
    "write_json",
]
