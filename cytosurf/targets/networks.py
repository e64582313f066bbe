"""Functional networks and cortical types: Yeo 2011, networks of Schaefer parcels, Mesulam."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from cytosurf import data
from cytosurf.surfaces.io import read_parcellation
from cytosurf.surfaces.maps import Parcellation
from cytosurf.surfaces.space import HEMISPHERES, Space
from cytosurf.targets.embedded import FSLR32K, cortex_mask, embedded_values
from cytosurf.targets.target import Target, carried

BIGBRAIN = Space("bigbrain", "164k")

# The label files say "7Networks_1"; these are the abbreviations of the Schaefer tables, whose
# parcels overlap these networks most (the two limbic ones by region).
YEO_NAMES = {
    7: ("Vis", "SomMot", "DorsAttn", "SalVentAttn", "Limbic", "Cont", "Default"),
    17: (
        *("VisCent", "VisPeri", "SomMotA", "SomMotB", "DorsAttnA", "DorsAttnB"),
        *("SalVentAttnA", "SalVentAttnB", "Limbic_TempPole", "Limbic_OFC"),
        *("ContC", "ContA", "ContB", "TempPar", "DefaultC", "DefaultA", "DefaultB"),
    ),
}

# First key of each network in BrainSpace's Schaefer 400 file, left (to 200) and right.
NETWORK_STARTS = {
    "L": (1, 32, 69, 92, 114, 127, 149),
    "R": (201, 231, 271, 294, 319, 332, 362),
}

# Order of the keys: README of MICA-MNI/micaopen (MPC), where the file comes from.
MESULAM_NAMES = {1: "paralimbic", 2: "heteromodal", 3: "unimodal", 4: "idiotypic"}


def yeo_loader(n_networks: int, *, by_bigbrain: bool) -> Callable[[Space], Target]:
    """Return a loader of the Yeo 2011 networks.

    Parameters
    ----------
    n_networks : int
        7 or 17.
    by_bigbrain : bool
        Take the labels that BigBrainWarp has on BigBrain and carry them to fs_LR (the published
        route), rather than the native labels of the space.
    """

    def load(space: Space) -> Target:
        name = f"yeo{n_networks}"
        if by_bigbrain or space == BIGBRAIN:
            name += ":bigbrain" if by_bigbrain else ""
            template = f"tpl-bigbrain_hemi-{{}}_desc-Yeo2011_{n_networks}Networks_N1000.label.gii"
            labels, source = _read_pair("bigbrainwarp", template, BIGBRAIN), "bigbrainwarp"
        else:
            template = f"Yeo_JNeurophysiol11_{n_networks}Networks.32k.{{}}.label.gii"
            labels, source = _read_pair("yeo", template, FSLR32K), "yeo"
        names = dict(enumerate(YEO_NAMES[n_networks], start=1))
        return carried(Target(name, replace(labels, names=names), (source,)), space)

    return load


def schaefer400_networks(space: Space) -> Target:
    """Return seven networks read from the order of BrainSpace's Schaefer 400 parcels.

    They agree with the Yeo networks on 86 % of the vertices: a network of parcels is not the
    network, which is why the target has a name of its own. Vertices outside BrainSpace's mask
    (672 of them carry a parcel) are unassigned.
    """
    parcels = embedded_values("parcellations/schaefer_400_conte69.csv").astype(np.int32)
    halves = np.split(parcels, 2)
    networks = [
        np.where(keys > 0, np.searchsorted(NETWORK_STARTS[h], keys, side="right"), 0)
        for h, keys in zip(HEMISPHERES, halves, strict=True)
    ]
    cortex = cortex_mask()
    outside = int(((parcels > 0) & ~cortex).sum())
    keys = np.where(cortex, np.concatenate(networks), 0)
    notes = (
        (
            "networks of whole Schaefer parcels, by the order of the keys: not the Yeo networks "
            "(86 % agreement)"
        ),
        f"{outside} vertices with a parcel lie outside BrainSpace's mask and are unassigned",
    )
    labels = Parcellation(keys, FSLR32K, dict(enumerate(YEO_NAMES[7], start=1)))
    return carried(Target("schaefer400-7networks", labels, ("brainspace",), notes), space)


def mesulam(space: Space) -> Target:
    """Return Mesulam's four levels of laminar differentiation."""
    keys = embedded_values("parcellations/mesulam_conte69.csv").astype(np.int32)
    labels = Parcellation(keys, FSLR32K, MESULAM_NAMES)
    return carried(Target("mesulam", labels, ("brainspace",)), space)


def _read_pair(source: str, template: str, space: Space) -> Parcellation:
    left, right = (data.path(source, template.format(h)) for h in HEMISPHERES)
    return read_parcellation((left, right), space=space)
