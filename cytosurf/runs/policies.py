"""The rotation policies of a run: those that its spheres allow, and those that were chosen."""

from __future__ import annotations

import warnings

from cytosurf.errors import CytosurfWarning, InputError
from cytosurf.nulls import SpinAssigner
from cytosurf.nulls.rotations import Policy
from cytosurf.runs.config import RunConfig
from cytosurf.runs.inputs import surface_meshes
from cytosurf.surfaces.space import Space


def policies_of(config: RunConfig) -> tuple[Policy, ...]:
    """Return the rotation policies that the spins of a run must be there of."""
    spheres = surface_meshes(Space.parse(config.space), config.hemispheres, "sphere")
    return chosen_policies(rotation_policies(SpinAssigner(spheres)), config.rotation)


def rotation_policies(assigner: SpinAssigner) -> tuple[Policy, ...]:
    """Return the rotation policies that spheres allow: mirrored ones need mirrored spheres.

    Parameters
    ----------
    assigner : SpinAssigner
        The spheres.

    Warns
    -----
    CytosurfWarning
        If there are two hemispheres that cannot be spun alike.
    """
    if assigner.mirrored:
        return ("independent", "mirrored")
    if len(assigner.hemispheres) == 2:
        warnings.warn(
            "The two spheres of this space are not each other's mirror image, so rotations are "
            "independent for every statistic. The p of a score on its own is then far too small "
            "where labels and features are alike left and right; work in fsLR-32k for a valid one.",
            CytosurfWarning,
            stacklevel=2,
        )
    return ("independent",)


def chosen_policies(possible: tuple[Policy, ...], rotation: str) -> tuple[Policy, ...]:
    """Return the rotation policies of a run: all that are possible, or the one that was chosen.

    Parameters
    ----------
    possible : tuple of {"independent", "mirrored"}
        From `rotation_policies`.
    rotation : {"both", "independent", "mirrored"}
        What was chosen.

    Raises
    ------
    InputError
        If mirrored rotations are asked for and the spheres do not allow them.

    Warns
    -----
    CytosurfWarning
        If mirrored rotations are possible and left out.
    """
    chosen = tuple(policy for policy in possible if rotation in ("both", policy))
    if not chosen:
        found = "'mirrored' without two spheres that are each other's mirror image"
        way_out = "Mirrored rotations need both hemispheres in fsLR-32k."
        raise InputError("rotation", found, "'both' or 'independent'", way_out)
    if len(possible) > len(chosen) and "mirrored" not in chosen:
        warnings.warn(
            "Rotations are independent for every statistic, as asked. They are for differences to "
            "a position: the p of a score on its own is far too small where labels and features "
            "are alike left and right.",
            CytosurfWarning,
            stacklevel=2,
        )
    return chosen
