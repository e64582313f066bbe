"""Spin tests: rotations, the assignment of vertices, p-values and what each spin keeps."""

from cytosurf.nulls.calibrate import CalibrationPlan, RejectionRate
from cytosurf.nulls.correlation import SpinCorrelation, spin_correlation
from cytosurf.nulls.distortion import (
    DistancePairs,
    distance_pairs,
    spin_distortion,
    undistorted,
)
from cytosurf.nulls.eigenmodes import Eigenmodes, cortex_modes
from cytosurf.nulls.increment import (
    IncrementData,
    IncrementTest,
    SurrogateSettings,
    run_increment_test,
)
from cytosurf.nulls.multiplicity import (
    MaxStatistic,
    NullBands,
    benjamini_hochberg,
    max_statistic,
    null_bands,
)
from cytosurf.nulls.parcels import ParcelAssigner, parcel_centroids, spin_parcels
from cytosurf.nulls.pvalues import SpinPValue, check_spin_count, clopper_pearson, holm
from cytosurf.nulls.quality import SpinQuality, spin_quality
from cytosurf.nulls.rotations import POLICIES, Policy, haar_rotation, spin_rotations
from cytosurf.nulls.sequential import (
    SequentialPValue,
    enough_spins,
    leading_spins,
    sequential_p_value,
)
from cytosurf.nulls.spin_counts import SpinCounts
from cytosurf.nulls.spin_test import (
    SpinChunk,
    SpinTest,
    can_be_decoded,
    run_spins,
)
from cytosurf.nulls.spins import SpinAssigner, spin_labels
from cytosurf.nulls.statistics import STATISTICS, class_f1, fold_mean_macro_f1, statistic_named
from cytosurf.nulls.surrogates import Spectrum, feature_spectrum, surrogate_features
from cytosurf.nulls.tail import ApproximateTailP, tail_p_value

__all__ = [
    "POLICIES",
    "STATISTICS",
    "ApproximateTailP",
    "CalibrationPlan",
    "DistancePairs",
    "Eigenmodes",
    "IncrementData",
    "IncrementTest",
    "MaxStatistic",
    "NullBands",
    "ParcelAssigner",
    "Policy",
    "RejectionRate",
    "SequentialPValue",
    "Spectrum",
    "SpinAssigner",
    "SpinChunk",
    "SpinCorrelation",
    "SpinCounts",
    "SpinPValue",
    "SpinQuality",
    "SpinTest",
    "SurrogateSettings",
    "benjamini_hochberg",
    "can_be_decoded",
    "check_spin_count",
    "class_f1",
    "clopper_pearson",
    "cortex_modes",
    "distance_pairs",
    "enough_spins",
    "feature_spectrum",
    "fold_mean_macro_f1",
    "haar_rotation",
    "holm",
    "leading_spins",
    "max_statistic",
    "null_bands",
    "parcel_centroids",
    "run_increment_test",
    "run_spins",
    "sequential_p_value",
    "spin_correlation",
    "spin_distortion",
    "spin_labels",
    "spin_parcels",
    "spin_quality",
    "spin_rotations",
    "statistic_named",
    "surrogate_features",
    "tail_p_value",
    "undistorted",
]
