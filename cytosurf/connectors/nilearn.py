"""Atlases of nilearn's fetchers, which many people have on their disk already.

========================  =====================================================================
``schaeferN``             Schaefer 2018 of N parcels in the order of seven networks, a volume;
                          ``schaeferN-17networks`` in that of seventeen
``destrieux``             Destrieux 2009 on fsaverage5
``difumoN``               DiFuMo of N components, a volume: the component of largest loading
========================  =====================================================================

Volumes are sampled between white and pial of fs_LR 32k, in the space that nilearn states for them.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from cytosurf.connectors.fetched import Fetched, asking, imported, moved, source_name
from cytosurf.errors import unknown_name
from cytosurf.surfaces.maps import Parcellation
from cytosurf.surfaces.space import Space
from cytosurf.surfaces.templates import FSLR_32K
from cytosurf.surfaces.volume_map import map_to_labels, volume_to_labels, volume_to_map

SCHAEFER_SIZES = tuple(range(100, 1001, 100))
DIFUMO_SIZES = (64, 128, 256, 512, 1024)
FSAVERAGE5 = Space("fsaverage", "10k")
NAMES = (
    *(f"schaefer{n}{networks}" for n in SCHAEFER_SIZES for networks in ("", "-17networks")),
    "destrieux",
    *(f"difumo{n}" for n in DIFUMO_SIZES),
)

_WITHOUT_NETWORK = (
    "On a machine with network fetch it once (nilearn.datasets.{}) and bring the folder {} of "
    "~/nilearn_data, or name nilearn's data folder in NILEARN_DATA."
)
_NO_AREA = ("Unknown", "Medial_wall")  # of the Destrieux labels: key 0 here


def nilearn_atlas(name: str) -> Fetched[Parcellation]:
    """Load an atlas by one of nilearn's fetchers, from its data folder or the network.

    Parameters
    ----------
    name : str
        See the table at the head of this module.

    Returns
    -------
    Fetched
        Labels on fs_LR 32k, of Destrieux on fsaverage5.

    Raises
    ------
    InputError
        If the name is unknown, or nilearn is another one.
    MissingDataError
        If the atlas is not in nilearn's data folder and there is no network.
    """
    if name not in NAMES:
        raise unknown_name("atlas of nilearn", name, NAMES)
    if name == "destrieux":
        return _destrieux()
    kind, number = re.fullmatch(r"([a-z]+)(\d+).*", name).groups()  # type: ignore[union-attr]
    if kind == "difumo":
        return _difumo(int(number))
    return _schaefer(int(number), 17 if name.endswith("-17networks") else 7)


def _schaefer(n_parcels: int, n_networks: int) -> Fetched[Parcellation]:
    call = f"fetch_atlas_schaefer_2018(n_rois={n_parcels}, yeo_networks={n_networks})"
    datasets = imported("nilearn.datasets")
    with asking("nilearn", call, _WITHOUT_NETWORK.format(call, "schaefer_2018")):
        atlas = datasets.fetch_atlas_schaefer_2018(
            n_rois=n_parcels, yeo_networks=n_networks, verbose=0
        )
        names = dict(zip(atlas.lut["index"], atlas.lut["name"], strict=True))
        image, space = atlas.maps, atlas.template
    names = {int(key): str(name) for key, name in names.items() if int(key) > 0}
    labels = volume_to_labels(image, FSLR_32K, source=space, names=names)
    notes = _absent(labels, n_parcels, "parcels")
    return Fetched(labels, (source_name("nilearn", call),), (_sampled(space), *notes))


def _difumo(n_components: int) -> Fetched[Parcellation]:
    call = f"fetch_atlas_difumo(dimension={n_components})"
    datasets = imported("nilearn.datasets")
    with asking("nilearn", call, _WITHOUT_NETWORK.format(call, "difumo_atlases")):
        atlas = datasets.fetch_atlas_difumo(dimension=n_components, verbose=0)
        names = [str(name) for name in atlas.labels["difumo_names"]]
        image, space = atlas.maps, atlas.template
    numbered = {
        i: f"{name} ({i})" if names.count(name) > 1 else name
        for i, name in enumerate(names, start=1)
    }
    labels = map_to_labels(volume_to_map(image, FSLR_32K, source=space), names=numbered)
    notes = (
        _sampled(space),
        *_absent(labels, n_components, "components"),
        "nilearn states this space; TemplateFlow files the same atlas under MNI152NLin2009cAsym",
    )
    return Fetched(labels, (source_name("nilearn", call),), notes)


def _destrieux() -> Fetched[Parcellation]:
    call = "fetch_atlas_surf_destrieux()"
    datasets = imported("nilearn.datasets")
    with asking("nilearn", call, _WITHOUT_NETWORK.format(call, "destrieux_surface")):
        atlas = datasets.fetch_atlas_surf_destrieux(verbose=0)
        keys = np.concatenate([np.asarray(atlas.map_left), np.asarray(atlas.map_right)])
        names = [_text(name) for name in atlas.labels]
    if keys.shape != (2 * 10_242,) or keys.max() >= len(names):
        raise moved("nilearn", f"Destrieux labels of shape {keys.shape}, {len(names)} names")
    no_area = [key for key, name in enumerate(names) if name in _NO_AREA]
    keys = np.where((keys < 0) | np.isin(keys, no_area), 0, keys)
    named = {key: name for key, name in enumerate(names) if key > 0 and key not in no_area}
    labels = Parcellation(keys, FSAVERAGE5, named)
    notes = ("labels of fsaverage5; the same key is the same area left and right",)
    return Fetched(labels, (source_name("nilearn", call),), notes)


def _text(name: Any) -> str:
    return name.decode() if isinstance(name, bytes) else str(name)


def _sampled(space: str) -> str:
    return f"volume in {space}, sampled between white and pial of fs_LR 32k"


def _absent(labels: Parcellation, n_labels: int, what: str) -> tuple[str, ...]:
    n_used = len(labels.used_keys())
    return () if n_used == n_labels else (f"{n_used} of {n_labels} {what} are on the surface",)
