"""Targets that exist as volumes, sampled between the white and the pial surface of fs_LR 32k."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cytosurf import data
from cytosurf.surfaces.maps import Parcellation
from cytosurf.surfaces.mesh import Mesh
from cytosurf.surfaces.space import HEMISPHERES, Space
from cytosurf.surfaces.templates import greyordinate_mask, load_mesh
from cytosurf.surfaces.volume import sample_volume
from cytosurf.surfaces.volume_labels import labels_from_loadings, sample_labels
from cytosurf.targets.embedded import FSLR32K
from cytosurf.targets.target import Target, carried


def difumo64(space: Space) -> Target:
    """Return the DiFuMo component with the largest loading at each vertex of the cortex.

    The 64 loading maps (2 mm) are averaged over five depths between white and pial; a vertex
    without a positive loading is unassigned.
    """
    image = data.path("difumo64", "difumo64_2mm_maps.nii.gz")
    names = difumo_names(data.path("difumo64", "labels_64_dictionary.csv"))
    cortex = greyordinate_mask()
    loadings = sample_volume(image, _both_hemispheres("white"), _both_hemispheres("pial"))
    keys = np.where(cortex, labels_from_loadings(loadings), 0)
    n_used = len(np.unique(keys[keys > 0]))
    notes = (
        _unassigned(keys, cortex, "loading"),
        (
            f"{n_used} of 64 components have the largest loading somewhere; most others lie "
            "outside the cortex"
        ),
        (
            "the volume is in MNI152 space, which variant of it is not documented; the surfaces "
            "are in MNI152NLin6Asym: borders may be off by a few mm"
        ),
    )
    target = Target("difumo64", Parcellation(keys, FSLR32K, names), ("difumo64", "fslr"), notes)
    return carried(target, space)


def julich(space: Space) -> Target:
    """Return the areas of Julich-Brain 3.1 (maximum probability map).

    At five depths between white and pial each vertex takes the label of the voxel it lies in, and
    the label that most depths have; a tie goes to the smallest key, and background does not vote.
    """
    names = julich_names(data.path("julich-brain", "Julich.json"))
    cortex = greyordinate_mask()
    keys = np.where(cortex, np.concatenate([_julich_hemisphere(h) for h in HEMISPHERES]), 0)
    n_used = len(np.unique(keys[keys > 0]))
    notes = (
        _unassigned(keys, cortex, "area"),
        (
            f"{n_used} of {len(names)} areas are on the surface; areas called GapMap stand for "
            "cortex that is not mapped yet, and a few vertices have nuclei close to the cortex"
        ),
        (
            "maximum probability map in MNI152NLin2009cAsym, sampled at the surfaces of "
            "MNI152NLin6Asym: borders may be off by a few mm"
        ),
        "the same key is the same area left and right",
    )
    labels = Parcellation(keys, FSLR32K, names)
    return carried(Target("julich", labels, ("julich-brain", "fslr"), notes), space)


def difumo_names(path: Path) -> dict[int, str]:
    """Read the names of the DiFuMo components (rows count from 1, like the keys).

    Two components may have one name (parts of a region); the component number is then added.
    """
    with path.open(encoding="utf-8-sig", newline="") as stream:
        names = {int(row["Component"]): row["Difumo_names"] for row in csv.DictReader(stream)}
    texts = list(names.values())
    return {k: f"{n} ({k})" if texts.count(n) > 1 else n for k, n in names.items()}


def julich_names(path: Path) -> dict[int, str]:
    """Read the names of the Julich-Brain areas: the place in the list is the key."""
    labels = json.loads(path.read_text(encoding="utf-8"))["labels"]
    return {key: name for key, name in enumerate(labels) if key > 0}


def _unassigned(keys: npt.NDArray[np.int32], cortex: npt.NDArray[np.bool_], what: str) -> str:
    share = 1 - (keys[cortex] > 0).mean()
    return f"{share:.1%} of the cortex (greyordinates) has no {what} and is unassigned"


def _both_hemispheres(surface: str) -> Mesh:
    """Return a surface of both hemispheres as one mesh, so that an image is read once."""
    left, right = (load_mesh(FSLR32K, h, surface) for h in HEMISPHERES)
    return Mesh(
        np.concatenate([left.vertices, right.vertices]),
        np.concatenate([left.faces, right.faces + left.n_vertices]),
    )


def _julich_hemisphere(hemisphere: str) -> npt.NDArray[np.int32]:
    image = data.path("julich-brain", f"JulichBrainAtlas31_{hemisphere}H.nii.gz")
    white, pial = (load_mesh(FSLR32K, hemisphere, surface) for surface in ("white", "pial"))
    return sample_labels(image, white, pial)
