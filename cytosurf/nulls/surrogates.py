"""Surrogate features: as smooth and as related to each other as the real ones, made anew.

Spins move a map over a sphere: they bend it where the sphere is stretched, lose what the medial
wall covers, and can only do what a rotation can. Surrogates are a second family of nulls with other
weaknesses. A map is written as a sum of eigenmodes of the cortex (`cytosurf.nulls.eigenmodes`), and
the coefficients of each group of modes are turned by a random orthogonal matrix, after [1]_. One
draw serves all columns, so each group keeps its covariance between columns exactly, and with it
the variance of every column at every wavelength.

What waves of the given wavelength cannot hold, the *remainder*, is finer than the regions a decoder
can follow but must not be lost: smoother features are not the features of the study. It is spun by
a rotation of its own, all columns together; where the medial wall comes to lie, by the next of
eight rotations, so that every vertex keeps a value (0, the mean, if none of the eight brings one).

What surrogates keep, over the surface: mean, variance and covariance of the columns, exactly in the
modes, and up to the sampling of the nearest vertex in the remainder. What they do not keep: the
distribution of values (a sum of many turned waves is closer to a normal one), differences of
smoothness from place to place, and exact wavelengths within a group.

References
----------
.. [1] Koussis NC et al. (2024). Generation of surrogate brain maps preserving spatial
   autocorrelation through random rotation of geometric eigenmodes. bioRxiv 2024.02.07.579070.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cytosurf.compute.draws import counter_generator
from cytosurf.errors import InputError
from cytosurf.nulls.eigenmodes import Eigenmodes
from cytosurf.nulls.rotations import Policy, haar_rotation, mirror_rotation
from cytosurf.nulls.spins import SpinAssigner

Float64 = npt.NDArray[np.float64]

_STREAM = 0x53555252  # "SURR"
_ROTATIONS = 8


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Features as a sum of modes and a remainder; made by `feature_spectrum`.

    Attributes
    ----------
    modes : dict of str to Eigenmodes
        Of each hemisphere.
    mean : dict of str to (n_features,) float64
        Mean over the surface of each hemisphere.
    coefficients : dict of str to (n_modes, n_features) float64
        Of the modes of each hemisphere.
    remainder : (n_vertices, n_features) float64
        What is left; 0 where there are no modes.
    valid : (n_vertices,) bool
        Where there are modes: what surrogates have values on.
    share : (n_features,) float64
        Share of the variance of each column that the modes hold.
    """

    modes: dict[str, Eigenmodes]
    mean: dict[str, Float64]
    coefficients: dict[str, Float64]
    remainder: Float64
    valid: npt.NDArray[np.bool_]
    share: Float64


def feature_spectrum(
    features: npt.NDArray[np.floating], modes: Mapping[str, Eigenmodes]
) -> Spectrum:
    """Write features as a sum of modes and a remainder.

    Parameters
    ----------
    features : (n_vertices, n_features) ndarray
        Features of all hemispheres; values without modes are not looked at.
    modes : mapping of str to Eigenmodes
        From `cytosurf.nulls.cortex_modes`, over vertices where features are valid.

    Returns
    -------
    Spectrum

    Raises
    ------
    InputError
        If a value that has modes is not finite.
    """
    valid = np.zeros(len(features), bool)
    remainder = np.zeros(features.shape)
    means, coefficients = {}, {}
    total, left = np.zeros(features.shape[1]), np.zeros(features.shape[1])
    for hemisphere, basis in modes.items():
        values = features[basis.rows].astype(np.float64)
        if not np.isfinite(values).all():
            raise InputError("features", "NaN or infinite values inside the mask", "finite values")
        means[hemisphere] = basis.mean(values)
        values -= means[hemisphere]
        total += basis.area_mm2 @ values**2
        coefficients[hemisphere] = basis.coefficients(values)
        values -= basis.values @ coefficients[hemisphere]
        left += basis.area_mm2 @ values**2
        remainder[basis.rows] = values
        valid[basis.rows] = True
    share = 1 - np.divide(left, total, out=np.ones_like(left), where=total > 0)
    return Spectrum(dict(modes), means, coefficients, remainder, valid, share)


def turned_modes(
    spectrum: Spectrum, turns: Mapping[str, Sequence[npt.NDArray[np.floating]]]
) -> Float64:
    """Return the part of features that modes hold, with the coefficients of each group turned.

    Parameters
    ----------
    spectrum : Spectrum
        The features.
    turns : mapping of str to sequence of (size, size) ndarray
        For each hemisphere an orthogonal matrix for each group of modes, that acts on columns of
        coefficients. Identities give back what the modes hold.

    Returns
    -------
    (n_vertices, n_features) ndarray of float64
        With the means of the hemispheres, and 0 where there are no modes.
    """
    smooth = np.zeros(spectrum.remainder.shape)
    for hemisphere, basis in spectrum.modes.items():
        coefficients = spectrum.coefficients[hemisphere]
        ends = np.cumsum(basis.sizes)
        turned = np.concatenate(
            [
                turn @ coefficients[end - size : end]
                for turn, size, end in zip(turns[hemisphere], basis.sizes, ends, strict=True)
            ]
        )
        smooth[basis.rows] = basis.values @ turned + spectrum.mean[hemisphere]
    return smooth


def surrogate_features(
    spectrum: Spectrum, assigner: SpinAssigner, seed: int, k: int, policy: Policy
) -> Float64:
    """Draw surrogates of features, all columns by one draw.

    Parameters
    ----------
    spectrum : Spectrum
        The features.
    assigner : SpinAssigner
        The spheres on which the remainder is spun.
    seed, k : int
        What the draw depends on, besides the features.
    policy : {"independent", "mirrored"}
        Whether each hemisphere has draws of its own, or both are changed alike: then the modes
        must be those of mirrored hemispheres, and features that are alike left and right stay so.

    Returns
    -------
    (n_vertices, n_features) ndarray of float64
        0 where ``spectrum.valid`` is not set.

    Raises
    ------
    InputError
        If `seed` or `k` are none, or the spheres do not allow mirrored draws.
    """
    hemispheres = tuple(spectrum.modes)
    generators = {h: counter_generator(_STREAM, seed, k, "LR".index(h)) for h in hemispheres}
    mirrored = policy == "mirrored" and len(hemispheres) == 2
    if mirrored:
        generators["R"] = generators["L"]
    turns: dict[str, list[Float64]] = {}
    for h in hemispheres:
        if mirrored and h == "R":
            turns[h] = turns["L"]
        else:
            turns[h] = [random_orthogonal(n, generators[h]) for n in spectrum.modes[h].sizes]
    index = _sources(spectrum, assigner, _rotations(generators, mirrored))
    fine = spectrum.remainder[index]
    fine[~spectrum.valid | ~spectrum.valid[index]] = 0
    return turned_modes(spectrum, turns) + fine


def random_orthogonal(n: int, generator: np.random.Generator) -> Float64:
    """Draw an orthogonal (n, n) matrix from the uniform (Haar) distribution, determinant 1 or -1.

    Examples
    --------
    >>> turn = random_orthogonal(5, np.random.default_rng(0))
    >>> np.allclose(turn.T @ turn, np.eye(5))
    True
    """
    orthogonal, triangle = np.linalg.qr(generator.standard_normal((n, n)))
    turn: Float64 = orthogonal * np.where(np.diag(triangle) < 0, -1.0, 1.0)
    return turn


def _rotations(
    generators: Mapping[str, np.random.Generator], mirrored: bool
) -> Iterator[dict[str, Float64]]:
    """Yield rotations of all hemispheres, one draw after the other."""
    for _ in range(_ROTATIONS):
        if mirrored:
            left = haar_rotation(generators["L"])
            yield {"L": left, "R": mirror_rotation(left)}
        else:
            yield {h: haar_rotation(generator) for h, generator in generators.items()}


def _sources(
    spectrum: Spectrum, assigner: SpinAssigner, rotations: Iterator[dict[str, Float64]]
) -> npt.NDArray[np.int32]:
    """Return where the remainder of each vertex comes from: the first rotation with a value."""
    index = assigner.assign(next(rotations))
    for rotation in rotations:
        lost = spectrum.valid & ~spectrum.valid[index]
        if not lost.any():
            break
        index = np.where(lost, assigner.assign(rotation), index)
    return index
