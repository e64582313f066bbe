"""From a volume in a named space to a map or labels on a template cortex.

fs_LR 32k surfaces are in MNI152NLin6Asym; those of BigBrain come in its histological space and,
as BigBrainSym, in MNI152NLin2009bSym. A volume of another MNI152 variant is sampled as it is, with
a warning, unless a warp to the space of the surfaces is given.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cytosurf.errors import CytosurfWarning, InputError, unknown_name
from cytosurf.surfaces.maps import Parcellation, SurfaceMap
from cytosurf.surfaces.mesh import Mesh
from cytosurf.surfaces.space import HEMISPHERES, Space, check_hemispheres
from cytosurf.surfaces.templates import FSLR_32K, greyordinate_mask, load_mesh
from cytosurf.surfaces.volume import METHODS, N_SAMPLES, points_between, samples_at
from cytosurf.surfaces.volume_image import Volume
from cytosurf.surfaces.volume_labels import labels_from_loadings, sample_labels
from cytosurf.surfaces.volume_space import SurfacePair, settle_space, surface_pair, volume_space
from cytosurf.surfaces.volume_warp import DisplacementField

MIN_COVERED, WARN_COVERED = 0.5, 0.99  # share of a hemisphere's cortex within the image

Image = str | os.PathLike[str] | Any


@dataclass(frozen=True, eq=False)
class Cortex:
    """The surfaces that a volume is sampled between, both hemispheres as one mesh.

    Parameters
    ----------
    white, pial : Mesh
        Left hemisphere first.
    mask : (n_vertices,) ndarray of bool
        Which vertices are cortex.
    pair : SurfacePair
        Names of the surfaces and the space they are in.
    """

    white: Mesh
    pial: Mesh
    mask: npt.NDArray[np.bool_]
    pair: SurfacePair


def volume_to_map(
    image: Image,
    to: Space,
    *,
    source: str | None = None,
    method: str = "linear",
    n_samples: int = N_SAMPLES,
    hemispheres: Sequence[str] = HEMISPHERES,
    warp: DisplacementField | None = None,
    columns: Sequence[str] = (),
) -> SurfaceMap:
    """Sample a volume in a named space on a template cortex.

    Parameters
    ----------
    image : path-like or nibabel image
        Three dimensions, or four: a column for each volume.
    to : Space
        fs_LR 32k or BigBrain, the spaces with white and pial surfaces at hand.
    source : str, optional
        Space of the volume, one of `cytosurf.surfaces.volume_space.VOLUME_SPACES`; read from the
        BIDS entities of a file's name if left out.
    method : {"linear", "nearest"}, optional
        Interpolation, see `sample_volume`.
    n_samples : int, optional
        Samples between white and pial; 1 is midway.
    hemispheres : sequence of str, optional
        ``("L", "R")``, ``("L",)`` or ``("R",)``.
    warp : DisplacementField, optional
        From the space of the surfaces to that of the volume, see `read_warp`.
    columns : sequence of str, optional
        Names of the volumes.

    Returns
    -------
    SurfaceMap
        Valid where the image has a value, on fs_LR 32k on the cortex (greyordinates) alone.

    Raises
    ------
    InputError
        If the space of the volume is not known or has no surfaces, the image is none or covers
        less than half of the cortex of a hemisphere, or anything in `sample_volume` does not fit.

    Warns
    -----
    CytosurfWarning
        If the volume is in another variant of MNI152 than the surfaces, or does not cover 99 % of
        the cortex.
    """
    if method not in METHODS:
        raise unknown_name("method", method, METHODS)
    cortex = cortex_for(image, to, source, hemispheres, warp)
    volume = Volume.open(image)
    points = np.concatenate(points_between(cortex.white, cortex.pial, n_samples))
    samples = samples_at(
        volume,
        points,
        cortex.white.n_vertices,
        order=METHODS[method],
        warp=warp.to_volume if warp else None,
    )
    _check_covered(volume.where, samples.covered, cortex, hemispheres)
    valid = cortex.mask & np.isfinite(samples.values).all(axis=1)
    names = tuple(columns) or tuple(f"volume_{i + 1}" for i in range(volume.n_volumes))
    return SurfaceMap(np.nan_to_num(samples.values), to, names, valid, tuple(hemispheres))


def volume_to_labels(
    image: Image,
    to: Space,
    *,
    source: str | None = None,
    n_samples: int = N_SAMPLES,
    hemispheres: Sequence[str] = HEMISPHERES,
    warp: DisplacementField | None = None,
    names: Mapping[int, str] | None = None,
) -> Parcellation:
    """Give the vertices of a template cortex the labels of a volume in a named space.

    Parameters
    ----------
    image : path-like or nibabel image
        One volume of whole numbers; 0 is background.
    to, source, n_samples, hemispheres, warp
        As for `volume_to_map`; the label that most samples have wins, see `sample_labels`.
    names : mapping of int to str, optional
        Names of the labels.

    Returns
    -------
    Parcellation
        0 outside the cortex (fs_LR 32k) and where every sample is background.

    Raises
    ------
    InputError
        As for `volume_to_map`; also if the values are no labels, or none is on the cortex.
    """
    cortex = cortex_for(image, to, source, hemispheres, warp)
    volume = Volume.open(image)
    to_volume = warp.to_volume if warp else None
    keys = sample_labels(volume, cortex.white, cortex.pial, n_samples=n_samples, warp=to_volume)
    middle = points_between(cortex.white, cortex.pial, 1)[0]
    samples = samples_at(volume, middle, len(middle), order=0, warp=to_volume)
    _check_covered(volume.where, samples.covered, cortex, hemispheres)
    keys = np.where(cortex.mask, keys, 0).astype(np.int32)
    if not keys.any():
        raise InputError(volume.where, "no label above 0 on the cortex", "labels on the cortex")
    for side, half in zip(hemispheres, np.split(keys, len(hemispheres)), strict=True):
        if not half.any():
            warnings.warn(
                f"{volume.where}: no label on hemisphere {side}; if the volume holds one "
                "hemisphere, name it (--hemisphere, or hemispheres= in Python)",
                CytosurfWarning,
                stacklevel=2,
            )
    return Parcellation(keys, to, dict(names or {}), tuple(hemispheres))


def map_to_labels(
    loadings: SurfaceMap, threshold: float = 0.0, names: Mapping[int, str] | None = None
) -> Parcellation:
    """Give each vertex the column with the largest value above a threshold.

    Parameters
    ----------
    loadings : SurfaceMap
        A probability or loading of one region per column.
    threshold : float, optional
        See `labels_from_loadings`.
    names : mapping of int to str, optional
        Names of the labels 1, 2, ...; the names of the columns if left out.

    Returns
    -------
    Parcellation
        0 where the map is not valid and where no value is above the threshold.

    Raises
    ------
    InputError
        If there is one column, or no vertex gets a label.

    Examples
    --------
    >>> toy = SurfaceMap([[0.2, 0.1], [0.0, 0.7]], Space("toy", "1"), ("area A", "area B"))
    >>> labels = map_to_labels(toy, threshold=0.15)
    >>> labels.keys.tolist(), dict(labels.names)
    ([1, 2], {1: 'area A', 2: 'area B'})
    """
    if loadings.values.shape[1] < 2:
        raise InputError("loadings", "one column", "a column for each of two or more regions")
    keys = labels_from_loadings(loadings.values, threshold)
    keys = np.where(loadings.valid, keys, 0).astype(np.int32)
    if not keys.any():
        raise InputError(
            "threshold",
            f"{threshold:g}",
            f"less than the largest value, {loadings.values[loadings.valid].max():g}",
        )
    named = dict(names or dict(enumerate(loadings.columns, start=1)))
    return Parcellation(keys, loadings.space, named, loadings.hemispheres)


def cortex_for(
    image: Image,
    to: Space,
    source: str | None,
    hemispheres: Sequence[str],
    warp: DisplacementField | None,
) -> Cortex:
    """Return the surfaces for a volume, after settling its space and warning if theirs is another.

    Raises
    ------
    InputError
        If the space is not stated, or there are no surfaces for it.
    """
    check_hemispheres(tuple(hemispheres), "hemispheres")
    if isinstance(image, str | os.PathLike):
        where, space = os.fspath(image), settle_space(Path(image), source)
    elif source is None:
        raise InputError("source", "None", "the space of the volume: an image does not state it")
    else:
        where, space = "image", volume_space(source)
    pair = surface_pair(to, space)
    if warp is None and pair.space != space:
        warnings.warn(
            f"{where}: the volume is in {space}, the surfaces of {to} are in {pair.space}: sampled "
            "as it is, borders may be off by a few mm. A warp between the two avoids this.",
            CytosurfWarning,
            stacklevel=3,
        )
    meshes = {
        name: [load_mesh(to, hemisphere, name) for hemisphere in hemispheres]
        for name in (pair.white, pair.pial)
    }
    white, pial = (_joined(meshes[name]) for name in (pair.white, pair.pial))
    mask = np.ones(white.n_vertices, dtype=bool)
    if to == FSLR_32K:
        mask = greyordinate_mask(tuple(hemispheres))
    return Cortex(white, pial, mask, pair)


def _joined(meshes: Sequence[Mesh]) -> Mesh:
    """Return meshes as one, so that an image is read once."""
    starts = np.cumsum([0, *(mesh.n_vertices for mesh in meshes)])
    return Mesh(
        np.concatenate([mesh.vertices for mesh in meshes]),
        np.concatenate([m.faces + start for m, start in zip(meshes, starts[:-1], strict=True)]),
    )


def _check_covered(
    where: str, covered: npt.NDArray[np.bool_], cortex: Cortex, hemispheres: Sequence[str]
) -> None:
    """Refuse an image that misses most of a hemisphere, and warn if it misses some of it."""
    for hemisphere, inside, mask in zip(
        hemispheres,
        np.split(covered, len(hemispheres)),
        np.split(cortex.mask, len(hemispheres)),
        strict=True,
    ):
        share = inside[mask].mean()
        found = f"an image that covers {share:.1%} of the cortex of hemisphere {hemisphere}"
        if share < MIN_COVERED:
            raise InputError(
                where,
                found,
                f"{MIN_COVERED:.0%} or more",
                "Is its space or affine another one? For an image of one hemisphere, name it "
                "(--hemisphere, or hemispheres= in Python).",
            )
        if share < WARN_COVERED:
            warnings.warn(f"{where}: {found}; the rest is not valid", CytosurfWarning, stacklevel=4)
