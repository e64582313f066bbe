"""From what a user types to a target."""

from __future__ import annotations

from collections.abc import Callable

from cytosurf.errors import InputError, unknown_name
from cytosurf.surfaces.space import Space
from cytosurf.targets import networks, volumes
from cytosurf.targets.embedded import FSLR32K
from cytosurf.targets.external import external_target, is_external
from cytosurf.targets.files import file_target, looks_like_file
from cytosurf.targets.names import SCHAEFER_SIZES, known_targets, schaefer_name
from cytosurf.targets.schaefer import schaefer_loader
from cytosurf.targets.target import Target, checked

TARGETS: dict[str, Callable[[Space], Target]] = {
    "schaefer400-7networks": networks.schaefer400_networks,
    "mesulam": networks.mesulam,
    "yeo7": networks.yeo_loader(7, by_bigbrain=False),
    "yeo17": networks.yeo_loader(17, by_bigbrain=False),
    "yeo7:bigbrain": networks.yeo_loader(7, by_bigbrain=True),
    "yeo17:bigbrain": networks.yeo_loader(17, by_bigbrain=True),
    "difumo64": volumes.difumo64,
    "julich": volumes.julich,
    **{
        schaefer_name(size, n): schaefer_loader(size, n)
        for n, sizes in SCHAEFER_SIZES.items()
        for size in sizes
    },
}


def load_target(name: str, space: Space = FSLR32K) -> Target:
    """Load a target by its name or the path of a label file.

    Parameters
    ----------
    name : str
        A known name, a name of another package as in `cytosurf.targets.external`, or a path as
        explained in `cytosurf.targets.files`.
    space : Space, optional
        Where the labels are wanted. Targets made elsewhere are resampled as labels; a user's file
        must already be in this space.

    Returns
    -------
    Target
        Keys, names, sources and notes.

    Raises
    ------
    InputError
        If the name is unknown (the nearest is suggested), a file does not fit, or fewer than two
        classes are used.

    Examples
    --------
    >>> load_target("mesulam").n_classes
    4
    """
    if name in TARGETS:
        return checked(TARGETS[name](space))
    if is_external(name):
        return checked(external_target(name, space))
    if looks_like_file(name):
        return checked(file_target(name, space))
    error = unknown_name("target", name, known_targets())
    if name.lower().startswith("schaefer"):
        hint = "schaeferN or schaeferN-17networks has N parcels, such as schaefer400."
        way_out = hint if name.isalpha() else f"{error.way_out} {hint}".lstrip()
        raise InputError(error.where, error.found, error.expected, way_out)
    raise error
