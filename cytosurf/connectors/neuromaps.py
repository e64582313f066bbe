"""neuromaps: brain maps of others as features, and its transforms as another route.

Markello et al., 2022, Nat. Methods 19:1472. The package is CC BY-NC-SA 4.0, each annotation has
terms and papers of its own. Surface maps on meshes that cytosurf knows are read as they are. Maps
in volumes come by registration fusion (Wu et al., 2018, Hum. Brain Mapp. 39:3793), and those on
other meshes by neuromaps' transforms, which call Connectome Workbench.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nibabel
import numpy as np

from cytosurf.connectors.fetched import Fetched, asking, has_route, imported, moved, source_name
from cytosurf.errors import InputError, unknown_name
from cytosurf.surfaces.io import read_map
from cytosurf.surfaces.maps import SurfaceMap
from cytosurf.surfaces.space import HEMISPHERES, Space
from cytosurf.surfaces.templates import FSLR_32K
from cytosurf.surfaces.volume_image import Volume

_WITHOUT_NETWORK = (
    "On a machine with network let neuromaps fetch it, and bring its folder ~/neuromaps-data "
    "(or the one of NEUROMAPS_DATA): {}."
)
_TEMPLATES = ("fsLR", "fsaverage", "civet")
_FUSION_DENSITIES = {"fsLR": ("32k", "164k"), "fsaverage": ("10k", "164k")}


def annotation(
    source: str, desc: str, space: str = "", density: str = "", *, wanted: Space = FSLR_32K
) -> Fetched[SurfaceMap]:
    """Fetch a map of neuromaps' collection.

    Parameters
    ----------
    source, desc : str
        Who made it and what it is, such as ``"hcps1200"`` and ``"myelinmap"``.
    space, density : str, optional
        Which version, where there are several: ``"fsLR"`` and ``"32k"``, ``"MNI152"`` and
        ``"2mm"``. If left out, the one in the space that is wanted, or the only one.
    wanted : Space, optional
        Where the map is to go: maps in volumes are carried there.

    Returns
    -------
    Fetched
        A map in its own space where cytosurf knows the mesh and a way from it, else on fs_LR 32k.
        Values as they are in the files; what stands on the medial wall has no meaning.

    Raises
    ------
    InputError
        If there is no such annotation or there are several, neuromaps is missing or another one,
        or no route leads from the map to a known space.
    MissingDataError
        If a file has to be downloaded and there is no network.
    """
    datasets = imported("neuromaps.datasets")
    key = _choose(datasets, source, desc, space, density, wanted)
    name = ":".join(key)
    bring = f"neuromaps.datasets.fetch_annotation(source={key[0]!r}, desc={key[1]!r})"
    resolution = "res" if key[2] == "MNI152" else "den"
    with asking("neuromaps", f"neuromaps:{name}", _WITHOUT_NETWORK.format(bring)):
        fetched = datasets.fetch_annotation(
            source=key[0], desc=key[1], space=key[2], return_single=True, verbose=0,
            **{resolution: key[3]},
        )  # fmt: skip
        files = _as_paths(fetched)
    notes = ["from neuromaps; see its annotation page for the terms and the papers to cite"]
    native = Space(key[2], key[3])
    if key[2] == "MNI152":
        data = by_registration_fusion(files[0], wanted if _can_fuse(wanted) else FSLR_32K)
        notes.append(f"volume ({key[3]}) projected by neuromaps' registration fusion")
    elif has_route(native, wanted):
        data = _read(files, native)
    else:
        paths = tuple(str(file) for file in files)
        data = SurfaceMap(_transformed(paths, key[2], str(native), FSLR_32K), FSLR_32K)
        notes.append(f"carried from {native} to fsLR-32k by neuromaps and Connectome Workbench")
    columns = (f"{key[0]}_{key[1]}",)
    data = SurfaceMap(data.values, data.space, columns, data.valid, data.hemispheres)
    return Fetched(data, (source_name("neuromaps", name),), tuple(notes))


def by_registration_fusion(
    image: str | os.PathLike[str], to: Space = FSLR_32K, *, method: str = "linear"
) -> SurfaceMap:
    """Carry a volume in MNI152 to a surface by neuromaps' registration fusion.

    An alternative to sampling between white and pial: each vertex has the mean place of where
    FreeSurfer put it in the volumes of many subjects.

    Parameters
    ----------
    image : path-like
        A volume in MNI152; neuromaps does not tell its variants apart.
    to : Space, optional
        fs_LR or fsaverage at a density that neuromaps has coordinates for.
    method : {"linear", "nearest"}, optional
        Interpolation at the one point of a vertex.

    Returns
    -------
    SurfaceMap
        Both hemispheres; a column for each volume.

    Raises
    ------
    InputError
        If the image is none, the space has no coordinates, or neuromaps is missing or another one.
    MissingDataError
        If the coordinates have to be downloaded and there is no network.
    """
    volume = Volume.open(image)
    if not _can_fuse(to):
        known = ", ".join(f"{t}-{d}" for t, ds in _FUSION_DENSITIES.items() for d in ds)
        raise InputError("space to map a volume to", str(to), f"one of {known}")
    transforms = imported("neuromaps.transforms")
    bring = f"neuromaps.datasets.fetch_regfusion({to.template!r})"
    with asking("neuromaps", "registration fusion", _WITHOUT_NETWORK.format(bring)):
        project = getattr(transforms, f"mni152_to_{to.template.lower()}")
        try:
            halves = project(volume.image, to.density, method=method)
        except ValueError as error:  # of SciPy, for vertices outside the image
            raise InputError(
                volume.where,
                str(error),
                "an image that holds the whole cortex",
                "Sample it between white and pial instead, which leaves such vertices out.",
            ) from error
        values = np.concatenate([_gifti_values(half) for half in halves])
    return SurfaceMap(values, to)


def resample_by_neuromaps(data: SurfaceMap, to: Space) -> SurfaceMap:
    """Carry a map between fs_LR and fsaverage by neuromaps' transforms.

    Connectome Workbench's ADAP_BARY_AREA with neuromaps' spheres, vertex areas and masks; outside
    the mask of the target values are 0.

    Parameters
    ----------
    data : SurfaceMap
        Both hemispheres on fs_LR or fsaverage at a density of neuromaps.
    to : Space
        fs_LR or fsaverage.

    Returns
    -------
    SurfaceMap

    Raises
    ------
    InputError
        If there is one hemisphere, the spaces are others, wb_command is not installed, or neuromaps
        is missing or another one.
    MissingDataError
        If spheres have to be downloaded and there is no network.
    """
    if data.hemispheres != HEMISPHERES:
        raise InputError("map", f"hemisphere {data.hemispheres[0]} alone", "both hemispheres")
    halves = []
    for hemisphere in HEMISPHERES:
        columns = data.hemisphere(hemisphere).values.T
        arrays = [nibabel.gifti.GiftiDataArray(c, intent="NIFTI_INTENT_SHAPE") for c in columns]
        halves.append(nibabel.GiftiImage(darrays=arrays))
    moved_values = _transformed(tuple(halves), data.space.template, str(data.space), to)
    return SurfaceMap(moved_values, to, data.columns)


def _choose(
    datasets: Any, source: str, desc: str, space: str, density: str, wanted: Space
) -> tuple[str, str, str, str]:
    """Return the one annotation that was meant."""
    with asking("neuromaps", "its list of annotations", ""):
        every = [tuple(map(str, key)) for key in datasets.available_annotations()]
    if not every or any(len(key) != 4 for key in every):
        raise moved("neuromaps", "annotations are no longer (source, desc, space, density)")
    given = (source, desc, space, density)
    fitting = [k for k in every if all(g in ("", part) for g, part in zip(given, k, strict=True))]
    if not fitting:
        known = [k[1] for k in every if k[0] == source]
        if known and desc not in known:
            raise unknown_name(f"neuromaps:{source}:...", desc, set(known))
        if known:
            versions = {f"{k[2]}:{k[3]}" for k in every if k[:2] == (source, desc)}
            raise unknown_name(f"neuromaps:{source}:{desc}", f"{space}:{density}", versions)
        raise unknown_name("source of neuromaps", source, {k[0] for k in every})
    own = [k for k in fitting if k[2:] == (wanted.template, wanted.density)]
    if len(fitting) > 1 and len(own) != 1:
        raise InputError(
            f"neuromaps:{source}:{desc}",
            f"{len(fitting)} versions",
            f"one of {', '.join(':'.join(('neuromaps', *key)) for key in fitting)}",
        )
    chosen = own[0] if len(own) == 1 else fitting[0]
    return (chosen[0], chosen[1], chosen[2], chosen[3])


def _as_paths(fetched: Any) -> list[Path]:
    """Return the files of one annotation: a path, or a list of two."""
    if isinstance(fetched, str | os.PathLike):
        return [Path(fetched)]
    if not isinstance(fetched, Sequence):
        raise moved("neuromaps", f"fetch_annotation returns {type(fetched).__name__}")
    return sorted(Path(file) for file in fetched)


def _can_fuse(space: Space) -> bool:
    return space.density in _FUSION_DENSITIES.get(space.template, ())


def _read(files: list[Path], native: Space) -> SurfaceMap:
    """Read one or both hemispheres, left first ("hemi-L" sorts before "hemi-R")."""
    return read_map(files[0] if len(files) == 1 else (files[0], files[1]), space=native)


def _transformed(halves: tuple[Any, ...], template: str, found: str, to: Space) -> Any:
    """Carry files or images of both hemispheres to another space by neuromaps' transforms."""
    if len(halves) != 2:
        raise InputError(f"map on {found}", "one hemisphere", "both, for neuromaps' transforms")
    if template not in _TEMPLATES or to.template not in _TEMPLATES:
        raise InputError("map by neuromaps", f"{found} to {to}", f"two of {', '.join(_TEMPLATES)}")
    if shutil.which("wb_command") is None:
        raise InputError(
            "wb_command",
            "no such program",
            "Connectome Workbench, which neuromaps' transforms call",
            "Install connectome-workbench, or take a map on another mesh.",
        )
    transforms = imported("neuromaps.transforms")
    name = f"{template.lower()}_to_{to.template.lower()}"
    bring = f"neuromaps.datasets.fetch_atlas({template!r}, ...) and of {to.template!r}"
    with asking("neuromaps", name, _WITHOUT_NETWORK.format(bring)):
        carried = getattr(transforms, name)(halves, to.density, method="linear")
        return np.concatenate([_gifti_values(half) for half in carried])


def _gifti_values(half: Any) -> Any:
    """Return (n_vertices, n_columns) values of a GIFTI image."""
    columns = [np.asarray(array.data, dtype=np.float64) for array in half.darrays]
    return np.concatenate([c.reshape(len(c), -1) for c in columns], axis=1)
