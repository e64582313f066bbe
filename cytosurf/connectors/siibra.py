"""siibra: parcellations and regions of the EBRAINS atlases, and BigBrain's profiles and layers.

siibra asks for its configuration when it is first used, and downloads every map. Without network
it takes both from a folder: SIIBRA_USE_CONFIGURATION names a copy of the siibra-configurations
repository, SIIBRA_CACHEDIR a cache that was filled elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from cytosurf.connectors.fetched import Fetched, asking, has_route, imported, moved, source_name
from cytosurf.errors import InputError, MissingDataError, unknown_name
from cytosurf.surfaces.maps import Parcellation, SurfaceMap
from cytosurf.surfaces.space import HEMISPHERES, Space
from cytosurf.surfaces.templates import BIGBRAIN, FSLR_32K, load_mesh
from cytosurf.surfaces.volume_map import volume_to_labels, volume_to_map

# siibra's spaces in the order in which a parcellation is looked for, and what they are here.
MNI152 = "mni152"
SPACES: dict[str, Space] = {
    "hcp32k": FSLR_32K,
    "fsaverage5": Space("fsaverage", "10k"),
    "fsaverage": Space("fsaverage", "164k"),
    MNI152: FSLR_32K,  # a volume, sampled there
}
_MNI152_VARIANT = "MNI152NLin2009cAsym"
_FRAGMENTS = {"L": "left hemisphere", "R": "right hemisphere"}
_SIDE = re.compile(r"\s*-?\s*\b(left|right)( hemisphere)?$")
_WITHOUT_NETWORK = (
    "Fill a cache on a machine with network by the same command, and bring it with a copy of "
    "siibra-configurations: SIIBRA_CACHEDIR and SIIBRA_USE_CONFIGURATION name the two folders."
)
N_LAYERS = 6
MAX_OFF_MESH_MM = 0.5  # from siibra's vertices to those of BigBrain's pial surface


def siibra_parcellation(parcellation: str, space: str = "") -> Fetched[Parcellation]:
    """Fetch a labelled parcellation, such as ``"julich 3.1"``.

    Parameters
    ----------
    parcellation : str
        A name by which siibra finds one; hyphens and underscores stand for spaces.
    space : {"", "hcp32k", "fsaverage5", "fsaverage", "mni152"}, optional
        siibra's space to take it from; if left out the first of these that has it and from which
        a way leads to fs_LR 32k.

    Returns
    -------
    Fetched
        Labels on fs_LR 32k or fsaverage. A volume is sampled between white and pial of fs_LR 32k.
        A region has the same key left and right, by its name.

    Raises
    ------
    InputError
        If siibra is missing or another one, or has no such parcellation or map.
    MissingDataError
        If the configuration or the map has to be downloaded and there is no network.
    """
    if space and space not in SPACES:
        raise unknown_name("space of siibra", space, SPACES)
    siibra = imported("siibra")
    asked = f"siibra:{parcellation}" + (f":{space}" if space else "")
    spaces = [space] if space else [s for s, own in SPACES.items() if has_route(own, FSLR_32K)]
    with asking("siibra", asked, _WITHOUT_NETWORK):
        found, atlas_map = _labelled_map(siibra, _spec(parcellation), spaces)
        indices = {name: atlas_map.get_index(name) for name in atlas_map.regions}
    keys_of, names = _keys_by_name(indices)
    halves = []
    for side in HEMISPHERES:
        with asking("siibra", asked, _WITHOUT_NETWORK):
            fragment = _fragment(atlas_map, side)
            part = atlas_map.fetch(fragment=fragment) if fragment else atlas_map.fetch()
        if part is None:  # siibra logs why and returns nothing
            raise MissingDataError(
                asked, "no map: siibra could not fetch it", "files that siibra downloads",
                _WITHOUT_NETWORK,
            )  # fmt: skip
        own = {label: key for (at, label), key in keys_of.items() if at in (fragment, None)}
        halves.append(_half(part, side, found, own, fragment is None))
    labels = Parcellation(np.concatenate(halves), SPACES[found], names)
    if not labels.keys.any():
        raise moved("siibra", "no label of the map is in its list of regions")
    notes = [f"map of siibra in its space {found}; the same key is the same region left and right"]
    if found == MNI152:
        notes.append(f"volume in {_MNI152_VARIANT}, sampled between white and pial of fs_LR 32k")
    return Fetched(labels, (source_name("siibra", asked),), tuple(notes))


def siibra_region(parcellation: str, region: str) -> Fetched[SurfaceMap]:
    """Fetch the probability map of a region, left and right, onto fs_LR 32k.

    Parameters
    ----------
    parcellation : str
        As for `siibra_parcellation`.
    region : str
        A name by which siibra finds the region, without the side: ``"hOc1"``.

    Returns
    -------
    Fetched
        One column on fs_LR 32k: the mean probability along the way from white to pial.

    Raises
    ------
    InputError, MissingDataError
        As for `siibra_parcellation`; also if several regions match.
    """
    siibra = imported("siibra")
    asked = f"siibra:region:{parcellation}:{region}"
    halves = []
    for side in HEMISPHERES:
        with asking("siibra", asked, _WITHOUT_NETWORK):
            try:
                statistical = siibra.get_map(
                    parcellation=_spec(parcellation), space=MNI152, maptype="statistical"
                )
                lateral = f"{region} {_FRAGMENTS[side].split()[0]}"
                image = statistical.fetch(region=lateral)
            except (ValueError, RuntimeError, IndexError) as error:
                raise InputError(
                    asked, _first_line(error), "a parcellation and one region of it"
                ) from error
        if image is None:
            raise MissingDataError(
                asked, "no map: siibra could not fetch it", "files that siibra downloads",
                _WITHOUT_NETWORK,
            )  # fmt: skip
        halves.append(
            volume_to_map(
                image, FSLR_32K, source=_MNI152_VARIANT, hemispheres=(side,), columns=(region,)
            )
        )
    note = f"probability map in {_MNI152_VARIANT}, sampled between white and pial of fs_LR 32k"
    return Fetched(SurfaceMap.join(*halves), (source_name("siibra", asked),), (note,))


def siibra_profiles() -> Fetched[SurfaceMap]:
    """Fetch BigBrain's staining profiles of the left hemisphere, 200 depths from the pial side.

    Returns
    -------
    Fetched
        A map of hemisphere L of BigBrain, valid where the layers have a thickness.

    Raises
    ------
    InputError, MissingDataError
        As for `siibra_parcellation`; also if the vertices are not those of BigBrain's surface.
    """
    return _wagstyl("profiles")


def siibra_layers() -> Fetched[SurfaceMap]:
    """Fetch the thickness of BigBrain's layers I to VI of the left hemisphere, in mm.

    Returns
    -------
    Fetched
        A map of hemisphere L of BigBrain with six columns, valid where the layers have a thickness.

    Raises
    ------
    InputError, MissingDataError
        As for `siibra_profiles`.
    """
    return _wagstyl("layers")


def _wagstyl(what: str) -> Fetched[SurfaceMap]:
    """Fetch the files of Wagstyl et al. (2020) that siibra's profile queries read."""
    asked = f"siibra:{what}"
    with asking("siibra", asked, _WITHOUT_NETWORK):
        loader = imported("siibra.livequeries.bigbrain").WagstylProfileLoader
        request = imported("siibra.retrieval.requests").HttpRequest
        thickness = np.asarray(request(f"{loader.REPO}/{loader.THICKNESSES_FILE_LEFT}").data)
        mesh = request(f"{loader.REPO}/{loader.MESH_FILE_LEFT}").data
        vertices = np.asarray(mesh.darrays[0].data, dtype=np.float64)
        profiles = None
        if what == "profiles":
            profiles = np.asarray(request(f"{loader.REPO}/{loader.PROFILES_FILE_LEFT}").data)
    n = len(vertices)
    if thickness.shape != (N_LAYERS + 1, n) or (profiles is not None and len(profiles) != n):
        raise moved("siibra", f"thickness of shape {thickness.shape} for {n:,} vertices")
    pial = load_mesh(BIGBRAIN, "L", "pial").vertices
    off = np.inf if len(pial) != n else float(np.linalg.norm(vertices - pial, axis=1).max())
    if off > MAX_OFF_MESH_MM:
        raise InputError(
            asked,
            f"{n:,} vertices up to {off:.2g} mm away from those of BigBrain's pial surface",
            f"the {len(pial):,} of the left pial surface, in their order",
        )
    layers = thickness[:N_LAYERS].T
    valid = layers.sum(axis=1) > 0
    if profiles is None:
        values, columns = layers, [f"thickness_{i}_mm" for i in ("I", "II", "III", "IV", "V", "VI")]
    else:
        values, columns = profiles, [f"depth_{i + 1}" for i in range(profiles.shape[1])]
    data = SurfaceMap(np.nan_to_num(values), BIGBRAIN, tuple(columns), valid, ("L",))
    notes = (
        "Wagstyl et al., 2020, PLoS Biol 18:e3000678, by siibra; left hemisphere only",
        f"{int((~valid).sum()):,} vertices of total thickness 0 were left out",
    )
    return Fetched(data, (source_name("siibra", asked),), notes)


def _labelled_map(siibra: Any, spec: str, spaces: Iterable[str]) -> tuple[str, Any]:
    """Return the first space with a labelled map of a parcellation, and the map."""
    reason = ""
    for space in spaces:
        try:
            atlas_map = siibra.get_map(parcellation=spec, space=space, maptype="labelled")
        except (ValueError, RuntimeError, IndexError) as error:
            reason = _first_line(error)
            continue
        if atlas_map is not None:
            return space, atlas_map
    raise InputError(
        f"siibra:{spec}", reason or "no map", f"a map in one of {', '.join(spaces)}",
        "siibra.parcellations lists what there is.",
    )  # fmt: skip


def _keys_by_name(
    indices: dict[str, Any],
) -> tuple[dict[tuple[str | None, int], int], dict[int, str]]:
    """Return the key of each label of each fragment, and the names without side of the keys."""
    names = sorted({_SIDE.sub("", region) for region in indices})
    key_of = {name: key for key, name in enumerate(names, start=1)}
    keys = {
        (index.fragment, int(index.label)): key_of[_SIDE.sub("", region)]
        for region, index in indices.items()
    }
    return keys, {key: name for name, key in key_of.items()}


def _fragment(atlas_map: Any, side: str) -> str | None:
    """Return siibra's name of a hemisphere's part of a map; None if the map is in one piece."""
    fragments = list(atlas_map.fragments)
    if not fragments:
        return None
    matching = [f for f in fragments if _FRAGMENTS[side].split()[0] in f.lower()]
    if len(matching) != 1:
        raise moved("siibra", f"fragments {fragments}")
    return str(matching[0])


def _half(
    part: Any, side: str, found: str, keys: dict[int, int], in_one_piece: bool
) -> npt.NDArray[np.int32]:
    """Return our keys of the vertices of one hemisphere."""
    if found == MNI152:
        sampled = volume_to_labels(part, FSLR_32K, source=_MNI152_VARIANT, hemispheres=(side,))
        labels = sampled.keys
    else:
        labels = np.asarray(part["labels"]).astype(np.int64)
        if in_one_piece:
            labels = np.split(labels, 2)[HEMISPHERES.index(side)]
    table = np.zeros(int(max(labels.max(initial=0), max(keys, default=0))) + 1, dtype=np.int32)
    table[list(keys)] = list(keys.values())
    own: npt.NDArray[np.int32] = table[np.maximum(labels, 0)]
    return own


def _spec(text: str) -> str:
    return re.sub(r"[-_]+", " ", text)


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__
