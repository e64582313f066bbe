"""The increment test on named maps: the inputs of a run, tested by draws of the features."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cytosurf.errors import InputError
from cytosurf.nulls.eigenmodes import cortex_modes
from cytosurf.nulls.feature_nulls import Family, check_family
from cytosurf.nulls.increment import (
    IncrementData,
    IncrementTest,
    Statistic,
    run_increment_test,
)
from cytosurf.nulls.rotations import Policy
from cytosurf.nulls.spins import SpinAssigner
from cytosurf.runs.config import FoldConfig
from cytosurf.runs.inputs import Features, Inputs, TargetLike, surface_meshes
from cytosurf.runs.names import name_of
from cytosurf.runs.options import config_of, inputs_of


def increment_test(
    features: Features | Path,
    target: TargetLike | Path,
    *,
    position: Features | None = None,
    space: str = "fsLR-32k",
    hemispheres: Sequence[str] = ("L", "R"),
    spins: int = 99,
    seed: int = 0,
    rotation: Policy = "mirrored",
    null: Family = "spins",
    statistic: Statistic = "increment",
    folds: FoldConfig | dict[str, Any] | None = None,
    mask: str | Path | None = None,
    min_class_vertices: int = 1,
    C: float = 1.0,
    jobs: int | None = 1,
) -> IncrementTest:
    """Test whether features add to position in the decoding of labels.

    The features are spun, all columns and their mask by one rotation; labels, position and folds
    stay. The statistic is macro-F1 of position and features less macro-F1 of position alone, each
    the mean over folds, on the vertices where the spun features are valid; both are refitted for
    every spin. A small p says that the features know something of the labels that neither the
    position columns nor features as smooth as these in a wrong place know. What no test can rule
    out is that more columns of position would know it too: give a larger `position` to see.

    With ``null="surrogates"`` features are not spun but made anew (`cytosurf.nulls.surrogates`), a
    null of another family: agreement of the two makes a result robust. No vertex is lost, except
    those whose mirror vertex has no value. With ``statistic="difference"`` the features are decoded
    without position, which is subtracted as any baseline is.

    Parameters
    ----------
    features : str, Path, FeatureSet or SurfaceMap
        What is spun: a name as for `decode`, a file, or a map in memory.
    target : str, Path, Target or Parcellation
        What is decoded.
    position : str, FeatureSet or SurfaceMap, optional
        What stays; ``harmonics:N`` with as many columns as the features if left out.
    space : str
        Space of the analysis.
    hemispheres : sequence of str
        ``("L", "R")`` or one of them.
    spins : int
        Number of spins, or of surrogates.
    seed : int
        Seed of folds and spins. The rotations are those of `decode` with the same seed.
    rotation : {"mirrored", "independent"}
        How the draws of the hemispheres go together.
    null : {"spins", "surrogates"}
        Whether features are spun or made anew.
    statistic : {"increment", "difference"}
        Whether features are decoded beside position or on their own.
    folds : FoldConfig or dict, optional
        Options of the cross-validation, e.g. ``{"scheme": "homotopic"}``.
    mask : path-like, optional
        File whose non-zero vertices alone are analysed. It stays; the features that a spin brings
        into it come from anywhere on the cortex.
    min_class_vertices : int
        Classes with fewer analysed vertices are left out.
    C : float
        Inverse strength of the penalty.
    jobs : int, optional
        Processes; None for one on each core.

    Returns
    -------
    IncrementTest
        Observed difference, null distribution, p with its interval, share of vertices kept.

    Raises
    ------
    InputError
        If an input is bad, features and position are the same, or the spheres do not allow
        mirrored rotations.

    Warns
    -----
    CytosurfWarning
        If there are too few spins for p <= 0.05.

    Examples
    --------
    >>> import cytosurf
    >>> test = cytosurf.increment_test("t1wt2w", "schaefer400-7networks")  # doctest: +SKIP
    >>> test.observed, test.p  # doctest: +SKIP
    >>> again = cytosurf.increment_test(
    ...     "t1wt2w", "schaefer400-7networks", null="surrogates"
    ... )  # doctest: +SKIP
    >>> again.p, again.surrogates.wavelength_mm, again.surrogates.share  # doctest: +SKIP
    """
    check_family(null)
    given = [features] if position is None else [features, position]
    names = [name_of(g, role) for g, role in zip(given, ("features", "position"), strict=False)]
    if len(set(names)) < len(names):
        raise InputError("position", f"{names[0]!r}, the features", "another set than the features")
    config = config_of(
        names,
        name_of(target, "target"),
        baseline=names[1:] or None,
        space=space,
        hemispheres=hemispheres,
        spins=spins,
        seed=seed,
        folds=folds,
        mask=mask,
        min_class_vertices=min_class_vertices,
        C=C,
        matched_position=position is None,
    )
    inputs = inputs_of(config, given, target)
    beside = names[1] if position is not None else inputs.matched.get(names[0])
    if beside is None:
        raise InputError(
            "position", f"{names[0]!r} is itself position", "another set", "Name one: position=..."
        )
    data = increment_data(inputs, names[0], beside, family=null, C=C)
    return run_increment_test(
        data,
        spins,
        seed=seed,
        rotation=rotation,
        null=null,
        statistic=statistic,
        jobs=jobs,
        names=(names[0], beside, config.target),
    )


def increment_data(
    inputs: Inputs, features: str, position: str, *, family: Family = "spins", C: float = 1.0
) -> IncrementData:
    """Collect what an increment test needs of the inputs of a run.

    Parameters
    ----------
    inputs : Inputs
        The inputs, with both feature sets.
    features, position : str
        What is drawn, and what stays.
    family : {"spins", "surrogates"}, optional
        How features are drawn; surrogates need modes of the cortex.
    C : float, optional
        Inverse strength of the penalty.
    """
    drawn = inputs.sets[features].map
    assigner = SpinAssigner(surface_meshes(inputs.space, inputs.hemispheres, "sphere"))
    modes = None
    if family == "surrogates":
        midthickness = surface_meshes(inputs.space, inputs.hemispheres, "midthickness")
        modes = cortex_modes(midthickness, drawn.valid, mirrored=assigner.mirrored)
    return IncrementData(
        drawn.values,
        drawn.valid,
        inputs.sets[position].map.values,
        inputs.label,
        len(inputs.keys),
        inputs.folds,
        assigner,
        C,
        modes,
    )
