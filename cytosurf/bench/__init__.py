"""Benchmarks: spins, refits, spin assignment and resampling against programs in use now."""

from cytosurf.bench.assign import AssignBench, AssignTiming, bench_assign
from cytosurf.bench.conditions import Conditions
from cytosurf.bench.decoder import Criterion, DecoderBench, SetAccuracy, Tolerances, bench_decoder
from cytosurf.bench.embedding import EmbeddingBench, bench_embedding
from cytosurf.bench.parity import Parity, ParityBench, bench_parity
from cytosurf.bench.resample import ResampleBench, ResampleTiming, bench_resample
from cytosurf.bench.scaling import ScalingBench, bench_scaling
from cytosurf.bench.shares import EngineCost
from cytosurf.bench.spins import SpinsBench, bench_spins
from cytosurf.bench.tables import show, to_json

__all__ = [
    "AssignBench",
    "AssignTiming",
    "Conditions",
    "Criterion",
    "DecoderBench",
    "EmbeddingBench",
    "EngineCost",
    "Parity",
    "ParityBench",
    "ResampleBench",
    "ResampleTiming",
    "ScalingBench",
    "SetAccuracy",
    "SpinsBench",
    "Tolerances",
    "bench_assign",
    "bench_decoder",
    "bench_embedding",
    "bench_parity",
    "bench_resample",
    "bench_scaling",
    "bench_spins",
    "show",
    "to_json",
]
