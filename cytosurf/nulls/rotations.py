"""Random rotations of the sphere, each one a function of a seed and its number alone.

A rotation `R` is a (3, 3) matrix that acts on row vectors: the vertex at ``x`` moves to ``x @ R``,
and its inverse is ``R.T``. The k-th spin of a seed is drawn from a counter-based generator whose
state is (seed, hemisphere, k), so it is the same however the work is split, and any spin can be
redone alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from cytosurf.compute.draws import counter_generator
from cytosurf.errors import InputError, unknown_name

Policy = Literal["independent", "mirrored"]
POLICIES: tuple[Policy, ...] = get_args(Policy)

_STREAM = 0x5350494E  # "SPIN"


def haar_rotation(generator: np.random.Generator) -> npt.NDArray[np.float64]:
    """Draw a rotation from the uniform (Haar) distribution over all rotations.

    The orthogonal factor of a Gaussian matrix, with the signs that make the factorisation unique
    (without them the result is not uniform) and the first column turned where needed for
    determinant 1 [1]_. neuromaps, BrainSpace and the original MATLAB code draw in the same way.

    Parameters
    ----------
    generator : numpy.random.Generator
        Where nine standard normal numbers are drawn.

    Returns
    -------
    (3, 3) ndarray of float64
        An orthogonal matrix of determinant 1.

    References
    ----------
    .. [1] Mezzadri F (2007). How to generate random matrices from the classical compact groups.
       Notices of the AMS 54:592-604.

    Examples
    --------
    >>> R = haar_rotation(np.random.default_rng(0))
    >>> np.allclose(R.T @ R, np.eye(3)), round(float(np.linalg.det(R)), 12)
    (True, 1.0)
    """
    orthogonal, triangle = np.linalg.qr(generator.standard_normal((3, 3)))
    rotation: npt.NDArray[np.float64] = orthogonal * np.where(np.diag(triangle) < 0, -1.0, 1.0)
    if np.linalg.det(rotation) < 0:
        rotation[:, 0] *= -1
    return rotation


def mirror_rotation(rotation: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return ``M R M`` with ``M = diag(-1, 1, 1)``: the same turn seen in a mirror at x = 0.

    Only signs change, so mirroring twice gives back the same bits.

    Examples
    --------
    >>> quarter_turn = np.array([[0.0, 1, 0], [-1, 0, 0], [0, 0, 1]])
    >>> np.array_equal(mirror_rotation(quarter_turn), quarter_turn.T)
    True
    """
    signs = np.array([[1.0, -1.0, -1.0], [-1.0, 1.0, 1.0], [-1.0, 1.0, 1.0]])
    mirrored: npt.NDArray[np.float64] = rotation * signs
    return mirrored


def spin_rotations(seed: int, k: int, policy: Policy) -> dict[str, npt.NDArray[np.float64]]:
    """Return the rotations of both hemispheres for spin `k` of a seed.

    Parameters
    ----------
    seed : int
        Seed of the spin test, 0 to 2**64 - 1.
    k : int
        Number of the spin, counted from 0.
    policy : {"independent", "mirrored"}
        ``"independent"`` draws a rotation for each hemisphere; ``"mirrored"`` gives the right
        hemisphere the mirror image of the left one's. The left rotation of a spin is the same
        under both.

    Returns
    -------
    dict of str to (3, 3) ndarray of float64
        ``{"L": rotation, "R": rotation}``, acting on row vectors.

    Raises
    ------
    InputError
        If `seed` or `k` is negative, too large or not a whole number, or the policy is unknown.

    Examples
    --------
    >>> spin = spin_rotations(seed=0, k=7, policy="mirrored")
    >>> np.array_equal(spin["R"], mirror_rotation(spin["L"]))
    True
    """
    if policy not in POLICIES:
        raise unknown_name("rotation policy", str(policy), POLICIES)
    left = haar_rotation(counter_generator(_STREAM, seed, k, 0))
    if policy == "mirrored":
        return {"L": left, "R": mirror_rotation(left)}
    return {"L": left, "R": haar_rotation(counter_generator(_STREAM, seed, k, 1))}


def check_mirrored(
    rotations: Mapping[str, npt.NDArray[np.float64]], spheres_are_mirrored: bool
) -> None:
    """Refuse mirrored rotations on spheres that are not each other's mirror image.

    Parameters
    ----------
    rotations : mapping of str to (3, 3) ndarray
        Of ``"L"``, ``"R"`` or both; others are ignored.
    spheres_are_mirrored : bool
        See `cytosurf.surfaces.spheres.are_mirrored`.

    Raises
    ------
    InputError
        If they are mirrored and the spheres are not.
    """
    if spheres_are_mirrored or not {"L", "R"} <= rotations.keys():
        return
    # A turn around the x axis is its own mirror image: equal rotations are not "mirrored".
    left, right = rotations["L"], rotations["R"]
    if np.array_equal(mirror_rotation(left), right) and not np.array_equal(left, right):
        raise InputError(
            "mirrored spins",
            "spheres that are not each other's mirror image, vertex by vertex",
            "mirrored spheres",
            "Use independent rotations, or work in a space with mirrored spheres (fsLR-32k).",
        )


def check_rotation(rotation: npt.ArrayLike, where: str) -> npt.NDArray[np.float64]:
    """Return `rotation` as a float64 array, or raise `InputError` if it is not a rotation.

    Parameters
    ----------
    rotation : (3, 3) array_like
        What should be orthogonal (to 1e-8) with determinant 1.
    where : str
        Its name in the error message.
    """
    matrix = np.asarray(rotation, dtype=np.float64)
    if matrix.shape != (3, 3):
        raise InputError(where, f"shape {matrix.shape}", "a (3, 3) rotation matrix")
    if not np.allclose(matrix.T @ matrix, np.eye(3), rtol=0, atol=1e-8):
        raise InputError(where, "a matrix that is not orthogonal", "a rotation matrix")
    if np.linalg.det(matrix) < 0:
        raise InputError(where, "a reflection (determinant -1)", "a rotation (determinant 1)")
    return matrix
