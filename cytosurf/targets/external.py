"""Targets that other packages fetch, by the names that users type.

=============================  =================================================================
``nilearn:ATLAS``              an atlas in nilearn's data folder: ``nilearn:schaefer400``,
                               ``nilearn:destrieux``, ``nilearn:difumo128``
``siibra:PARCELLATION``        a parcellation of siibra: ``siibra:julich-3.1``
``siibra:PARCELLATION:SPACE``  its map in one of siibra's spaces: hcp32k, fsaverage5, fsaverage,
                               mni152 (a volume)
=============================  =================================================================
"""

from __future__ import annotations

from cytosurf.connectors.nilearn import NAMES, nilearn_atlas
from cytosurf.connectors.siibra import SPACES, siibra_parcellation
from cytosurf.errors import InputError, unknown_name
from cytosurf.surfaces.space import Space
from cytosurf.targets.target import Target, carried

NILEARN, SIIBRA = "nilearn:", "siibra:"


def is_external(name: str) -> bool:
    """Return whether a name is of a target that another package fetches.

    Examples
    --------
    >>> is_external("nilearn:destrieux"), is_external("yeo7")
    (True, False)
    """
    return name.startswith((NILEARN, SIIBRA))


def external_target(name: str, space: Space) -> Target:
    """Load a target of another package.

    Parameters
    ----------
    name : str
        See the table at the head of this module.
    space : Space
        Where the labels are wanted.

    Returns
    -------
    Target

    Raises
    ------
    InputError
        If the package has no such labels, is missing or another one.
    MissingDataError
        If it needs the network and there is none; the message says how to bring the files.
    """
    if name.startswith(NILEARN):
        atlas = name.removeprefix(NILEARN)
        if atlas not in NAMES:
            raise unknown_name("target", name, (NILEARN + known for known in NAMES))
        fetched = nilearn_atlas(atlas)
    else:
        parcellation, _, siibra_space = name.removeprefix(SIIBRA).partition(":")
        if not parcellation or (siibra_space and siibra_space not in SPACES):
            form = f"siibra:PARCELLATION or siibra:PARCELLATION:SPACE ({', '.join(SPACES)})"
            raise InputError("target", repr(name), form, "Such as siibra:julich-3.1.")
        fetched = siibra_parcellation(parcellation, siibra_space)
    target = Target(name, fetched.data, fetched.sources, fetched.notes)
    return carried(target, space)
