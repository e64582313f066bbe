"""cytosurf: decode functional maps of the human cortex from its cellular architecture.

    >>> import cytosurf
    >>> result = cytosurf.decode()  # doctest: +SKIP

decodes seven networks from T1w/T2w, thickness, curvature and microstructural gradients of the
data that come with BrainSpace, beside position, with a spin test. Everything below is loaded when
it is first used; importing the package touches no network and no files.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader

from cytosurf._version import __version__

if TYPE_CHECKING:
    from cytosurf import data
    from cytosurf.decoding.estimator import SoftmaxRegression
    from cytosurf.errors import CytosurfError, CytosurfWarning, InputError
    from cytosurf.features import FeatureSet, known_features, load_features
    from cytosurf.features.embedding_assign import AssignedEmbeddings, assign_to_midsurface
    from cytosurf.features.embedding_import import import_embeddings
    from cytosurf.features.embedding_table import EmbeddingTable
    from cytosurf.nulls import IncrementTest, SpinCorrelation, spin_correlation
    from cytosurf.report import plot_surface
    from cytosurf.runs import RunRecord
    from cytosurf.runs.calibration import Calibration, calibrate
    from cytosurf.runs.increment import increment_test
    from cytosurf.spinning import Forecast, forecast_spins, increment, merge, spin
    from cytosurf.surfaces import (
        Mesh,
        Parcellation,
        Space,
        SurfaceMap,
        load_mesh,
        read_map,
        read_mesh,
        read_parcellation,
        resample,
        write_map,
        write_mesh,
        write_parcellation,
    )
    from cytosurf.targets import Target, known_targets, load_target
    from cytosurf.workflow import Decoding, decode, load_run, write_reports

__all__ = [
    "AssignedEmbeddings",
    "Calibration",
    "CytosurfError",
    "CytosurfWarning",
    "Decoding",
    "EmbeddingTable",
    "FeatureSet",
    "Forecast",
    "IncrementTest",
    "InputError",
    "Mesh",
    "Parcellation",
    "RunRecord",
    "SoftmaxRegression",
    "Space",
    "SpinCorrelation",
    "SurfaceMap",
    "Target",
    "__version__",
    "assign_to_midsurface",
    "calibrate",
    "data",
    "decode",
    "forecast_spins",
    "import_embeddings",
    "increment",
    "increment_test",
    "known_features",
    "known_targets",
    "load_features",
    "load_mesh",
    "load_run",
    "load_target",
    "merge",
    "plot_surface",
    "read_map",
    "read_mesh",
    "read_parcellation",
    "resample",
    "spin",
    "spin_correlation",
    "write_map",
    "write_mesh",
    "write_parcellation",
    "write_reports",
]

__getattr__, __dir__, _ = lazy_loader.attach(
    __name__,
    submodules=["data"],
    submod_attrs={
        "decoding.estimator": ["SoftmaxRegression"],
        "errors": ["CytosurfError", "CytosurfWarning", "InputError"],
        "features": ["FeatureSet", "known_features", "load_features"],
        "features.embedding_assign": ["AssignedEmbeddings", "assign_to_midsurface"],
        "features.embedding_import": ["import_embeddings"],
        "features.embedding_table": ["EmbeddingTable"],
        "nulls": ["IncrementTest", "SpinCorrelation", "spin_correlation"],
        "report": ["plot_surface"],
        "runs": ["RunRecord"],
        "runs.calibration": ["Calibration", "calibrate"],
        "runs.increment": ["increment_test"],
        "spinning": ["Forecast", "forecast_spins", "increment", "merge", "spin"],
        "surfaces": [
            "Mesh",
            "Parcellation",
            "Space",
            "SurfaceMap",
            "load_mesh",
            "read_map",
            "read_mesh",
            "read_parcellation",
            "resample",
            "write_map",
            "write_mesh",
            "write_parcellation",
        ],
        "targets": ["Target", "known_targets", "load_target"],
        "workflow": ["Decoding", "decode", "load_run", "write_reports"],
    },
)
