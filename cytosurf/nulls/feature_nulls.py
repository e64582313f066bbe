"""Nulls of features: the same features moved, or made anew, while everything else stays.

A null gives features and the vertices where they count, for any number of a draw: by spins, which
lose the vertices that the medial wall comes to lie on, or by surrogates, which keep all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol, get_args

import numpy as np
import numpy.typing as npt

from cytosurf.errors import unknown_name
from cytosurf.nulls.eigenmodes import Eigenmodes
from cytosurf.nulls.rotations import Policy, spin_rotations
from cytosurf.nulls.spins import SpinAssigner
from cytosurf.nulls.surrogates import Spectrum, feature_spectrum, surrogate_features

Family = Literal["spins", "surrogates"]
Matrix = npt.NDArray[np.floating]
Mask = npt.NDArray[np.bool_]
Index = npt.NDArray[np.int32]


class FeatureNull(Protocol):
    """What a test needs of a null of features."""

    def observed(self) -> tuple[Matrix, Mask]:
        """Return the real features, finite on all vertices, and where they count."""

    def draw(self, seed: int, k: int, policy: Policy) -> tuple[Matrix, Mask]:
        """Return the features of one draw, in the same way."""


@dataclass(frozen=True, eq=False)
class SpunFeatures:
    """Features that are spun, all columns and their mask by one rotation.

    Attributes
    ----------
    features : (n_vertices, n_features) float
        The features.
    valid : (n_vertices,) bool
        Where they have values.
    assigner : SpinAssigner
        The spheres.
    """

    features: Matrix
    valid: Mask
    assigner: SpinAssigner

    def observed(self) -> tuple[Matrix, Mask]:
        """Return the features where they are."""
        return self.from_sources(np.arange(len(self.features), dtype=np.int32))

    def draw(self, seed: int, k: int, policy: Policy) -> tuple[Matrix, Mask]:
        """Return the features of spin `k`."""
        return self.from_sources(self.assigner.assign(spin_rotations(seed, k, policy)))

    def from_sources(self, index: Index) -> tuple[Matrix, Mask]:
        """Return ``features[index]``, and where these are values; see `filled`."""
        return filled(self.features, index, self.valid), self.valid[index]


@dataclass(frozen=True, eq=False)
class SurrogateFeatures:
    """Features that are made anew; see `cytosurf.nulls.surrogates`.

    Attributes
    ----------
    features : (n_vertices, n_features) float
        The features.
    spectrum : Spectrum
        Their modes and their remainder.
    assigner : SpinAssigner
        The spheres, for the remainder.
    """

    features: Matrix
    spectrum: Spectrum
    assigner: SpinAssigner

    @classmethod
    def of(
        cls, features: Matrix, modes: dict[str, Eigenmodes], assigner: SpinAssigner
    ) -> SurrogateFeatures:
        """Take the features apart into modes and remainder."""
        return cls(features, feature_spectrum(features, modes), assigner)

    def observed(self) -> tuple[Matrix, Mask]:
        """Return the features on the vertices that have modes."""
        nowhere = np.arange(len(self.features), dtype=np.int32)
        return filled(self.features, nowhere, self.spectrum.valid), self.spectrum.valid

    def draw(self, seed: int, k: int, policy: Policy) -> tuple[Matrix, Mask]:
        """Return the features of surrogate `k`."""
        drawn = surrogate_features(self.spectrum, self.assigner, seed, k, policy)
        return drawn, self.spectrum.valid


def filled(features: Matrix, index: Index, valid: Mask) -> Matrix:
    """Return features moved by a spin, finite on all vertices.

    Parameters
    ----------
    features : (n_vertices, n_features) ndarray
        Columns that are spun together.
    index : (n_vertices,) ndarray of int32
        Source vertex of every vertex, from `SpinAssigner.assign`.
    valid : (n_vertices,) ndarray of bool
        Where the features are valid, before the spin.

    Returns
    -------
    (n_vertices, n_features) ndarray
        Where the source is not valid the features have their mean: such vertices must not be
        fitted, and whatever stands there must not disturb the scale of the columns.

    Examples
    --------
    >>> features, valid = np.array([[1.0], [3.0], [9.0]]), np.array([True, True, False])
    >>> filled(features, np.array([1, 2, 0], np.int32), valid).tolist()
    [[3.0], [2.0], [1.0]]
    """
    spun: Matrix = features[index]
    spun[~valid[index]] = features[valid].mean(axis=0)
    return spun


def check_family(null: str) -> None:
    """Raise `InputError` if there is no such family of nulls of features."""
    if null not in get_args(Family):
        raise unknown_name("null", str(null), get_args(Family))
