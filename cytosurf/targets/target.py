"""Targets: the parcellations that are decoded, with names for their labels."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from cytosurf.errors import CytosurfWarning, InputError
from cytosurf.surfaces.maps import Parcellation
from cytosurf.surfaces.resample import resample
from cytosurf.surfaces.routes import route
from cytosurf.surfaces.space import Space


@dataclass(frozen=True, eq=False)
class Target:
    """What is decoded: a label for every vertex of one or both hemispheres.

    Parameters
    ----------
    name : str
        The name as a user types it, e.g. ``"yeo7"``.
    parcellation : Parcellation
        Keys of the vertices (0 is unassigned) and the names of the keys.
    sources : tuple of str
        Where the labels came from: names of data manifests, ``"brainspace"`` for the embedded
        data, or ``"file:<path>"``.
    notes : tuple of str
        What a reader of the result should know about how the labels were made.

    Examples
    --------
    >>> from cytosurf.surfaces.space import Space
    >>> toy = Target("toy", Parcellation([1, 2, 0, 1], Space("toy", "2"), {1: "a", 2: "b"}))
    >>> toy.n_classes
    2
    """

    name: str
    parcellation: Parcellation
    sources: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def n_classes(self) -> int:
        """Number of labels that at least one vertex has."""
        return len(self.parcellation.used_keys())


def checked(target: Target) -> Target:
    """Return the target; refuse fewer than two classes.

    Raises
    ------
    InputError
        If fewer than two labels above 0 are used.

    Examples
    --------
    >>> from cytosurf.surfaces.space import Space
    >>> checked(Target("toy", Parcellation([1, 1, 0, 1], Space("toy", "2"))))
    Traceback (most recent call last):
        ...
    cytosurf.errors.InputError: toy: found 1 label above 0; expected at least two classes.
    """
    n_classes = target.n_classes
    if n_classes < 2:
        labels = "label" if n_classes == 1 else "labels"
        raise InputError(target.name, f"{n_classes} {labels} above 0", "at least two classes")
    return target


def with_names(parcellation: Parcellation, names: Mapping[int, str], where: str) -> Parcellation:
    """Return the parcellation with other names; a used key without a name is warned about.

    Parameters
    ----------
    parcellation : Parcellation
        Labels whose names are replaced.
    names : mapping of int to str
        Names of the keys; keys without one are called ``label_<key>``.
    where : str
        What to call the table in the warning.

    Examples
    --------
    >>> from cytosurf.surfaces.space import Space
    >>> toy = Parcellation([1, 2, 0, 1], Space("toy", "2"))
    >>> dict(with_names(toy, {1: "a", 2: "b"}, "toy table").names)
    {1: 'a', 2: 'b'}
    """
    nameless = [key for key in parcellation.used_keys().tolist() if key not in names]
    if nameless:
        warnings.warn(
            f"{where}: {len(nameless)} keys have no name ({nameless[0]}, ...); they are called "
            f"label_{nameless[0]}, ...",
            CytosurfWarning,
            stacklevel=2,
        )
    return replace(parcellation, names=names)


def carried(target: Target, space: Space) -> Target:
    """Return the target in `space`, resampled as labels if it is elsewhere.

    Labels are resampled by the largest summed barycentric weight; the note of the target says so.

    Raises
    ------
    InputError
        If nothing maps the target's space to `space`.
    """
    native = target.parcellation.space
    if native == space:
        return target
    moved = resample(target.parcellation, space)
    lost = np.setdiff1d(target.parcellation.used_keys(), moved.used_keys())
    note = f"labels resampled from {native} by the largest barycentric weight"
    if lost.size:
        note += f"; {lost.size} labels are on no vertex there"
    return replace(
        target,
        parcellation=moved,
        sources=tuple(dict.fromkeys((*target.sources, *sphere_sources(native, space)))),
        notes=(*target.notes, note),
    )


def sphere_sources(native: Space, space: Space) -> tuple[str, ...]:
    """Return the sources of the registration spheres on the way from one space to another.

    Examples
    --------
    >>> sphere_sources(Space("bigbrain", "164k"), Space("fsLR", "32k"))
    ('bigbrainwarp', 'fslr', 'brainspace')
    """
    names = (name for step in route(native, space) for name in step.sphere_names("L"))
    return tuple(dict.fromkeys(name.partition("/")[0] for name in names))
