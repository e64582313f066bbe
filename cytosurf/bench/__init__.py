"""Benchmarks: spins, refits and spin assignment against the programs that people use now."""

from cytosurf.bench.assign import AssignBench, AssignTiming, bench_assign
from cytosurf.bench.conditions import Conditions
from cytosurf.bench.decoder import DecoderBench, SetAccuracy, Tolerances, bench_decoder
from cytosurf.bench.embedding import EmbeddingBench, bench_embedding
from cytosurf.bench.shares import EngineCost
from cytosurf.bench.spins import SpinsBench, bench_spins
from cytosurf.bench.tables import show, to_json

__all__ = [
    "AssignBench",
    "AssignTiming",
    "Conditions",
    "DecoderBench",
    "EmbeddingBench",
    "EngineCost",
    "SetAccuracy",
    "SpinsBench",
    "Tolerances",
    "bench_assign",
    "bench_decoder",
    "bench_embedding",
    "bench_spins",
    "show",
    "to_json",
]
