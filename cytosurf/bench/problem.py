"""What the benchmarks of the decoder and of spins decode: the inputs of a run, without a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from cytosurf.bench.conditions import listed
from cytosurf.decoding.crossval import make_decoder
from cytosurf.decoding.folds import Folds
from cytosurf.nulls import SpinAssigner, SpinTest
from cytosurf.runs import make_config
from cytosurf.runs.inputs import Inputs, labels_to_spin, load_inputs, surface_meshes


@dataclass(frozen=True, eq=False)
class BenchProblem:
    """Feature sets and labels, from which a spin test with any classifier can be made.

    Attributes
    ----------
    target : str
        Name of what is decoded.
    names : tuple of str
        Feature sets.
    values : tuple of (n_vertices, n_features) ndarray of float32
        The features of each set.
    folds : Folds
        Folds of the analysed vertices.
    label : (n_vertices,) int16
        Class index of every vertex, -1 where there is none.
    n_classes : int
        Number of classes.
    assigner : SpinAssigner
        The spheres that labels are spun on.
    seed : int
        Seed of folds and spins.
    """

    target: str
    names: tuple[str, ...]
    values: tuple[npt.NDArray[np.float32], ...]
    folds: Folds
    label: npt.NDArray[np.int16]
    n_classes: int
    assigner: SpinAssigner
    seed: int

    def spin_test(self, classifier: Any = None) -> SpinTest:
        """Return the spin test with our decoder, or with a scikit-learn classifier in its place."""
        decoders = tuple(make_decoder(v, self.folds, classifier=classifier) for v in self.values)
        return SpinTest(decoders, self.label, self.n_classes, self.assigner, self.seed)


def load_problem(
    features: str | Sequence[str],
    target: str,
    *,
    baseline: str | Sequence[str] = (),
    space: str = "fsLR-32k",
    seed: int = 0,
) -> BenchProblem:
    """Load what `cytosurf.decode` would load: the same vertices, folds and labels.

    Parameters
    ----------
    features, baseline : str or sequence of str
        Feature sets; a text may name several, separated by commas.
    target : str
        Parcellation, or label file.
    space : str
        Space of the analysis.
    seed : int
        Seed of folds and spins.

    Returns
    -------
    BenchProblem

    Raises
    ------
    InputError
        As from `cytosurf.decode`.
    """
    options = {
        "features": listed(features),
        "baseline": listed(baseline),
        "target": target,
        "space": space,
        "seed": seed,
        "matched_position": False,
    }
    (inputs,) = load_inputs([make_config(options)])
    return problem_of(inputs, seed)


def problem_of(inputs: Inputs, seed: int) -> BenchProblem:
    """Return the problem that the inputs of a run pose."""
    label, n_classes = labels_to_spin(inputs)
    return BenchProblem(
        inputs.target.name,
        tuple(inputs.sets),
        tuple(s.map.values for s in inputs.sets.values()),
        inputs.folds,
        label,
        n_classes,
        SpinAssigner(surface_meshes(inputs.space, inputs.hemispheres, "sphere")),
        seed,
    )
