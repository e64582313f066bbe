"""The Schaefer 2018 parcellations of 100 to 1000 parcels, with names from TemplateFlow.

The label tables inside the GIFTI files are generic and, on the right, do not hold the keys that
are used; they are ignored. Keys are global: a key is one parcel of one hemisphere.
"""

from __future__ import annotations

import csv
import warnings
from collections.abc import Callable
from pathlib import Path

from cytosurf import data
from cytosurf.errors import CytosurfWarning
from cytosurf.surfaces.io import read_parcellation
from cytosurf.surfaces.space import HEMISPHERES, Space
from cytosurf.targets.embedded import FSLR32K
from cytosurf.targets.names import schaefer_name
from cytosurf.targets.target import Target, carried, with_names

NAMELESS = (700, 900)  # no label table upstream

TABLE = "tpl-MNI152NLin2009cAsym_atlas-Schaefer2018_desc-{}Parcels{}Networks_dseg.tsv"


def schaefer_loader(n_parcels: int, n_networks: int) -> Callable[[Space], Target]:
    """Return a loader of the Schaefer parcellation of some size and order.

    Parameters
    ----------
    n_parcels : int
        100, 200, ... 1000 in the order of 7 networks; 100, 200 or 400 in that of 17.
    n_networks : int
        7 or 17.
    """
    name = schaefer_name(n_parcels, n_networks)

    def load(space: Space) -> Target:
        left, right = (
            data.path(
                "schaefer", f"Schaefer2018_{n_networks}Networks_{n_parcels}.32k.{h}.label.gii"
            )
            for h in HEMISPHERES
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CytosurfWarning)  # the names in the file are replaced
            labels = read_parcellation((left, right), space=FSLR32K)
        notes: tuple[str, ...] = ()
        if n_parcels in NAMELESS:
            names: dict[int, str] = {}
            notes = ("no label table exists upstream: labels are called label_<key>",)
        else:
            names = read_label_table(data.path("schaefer", TABLE.format(n_parcels, n_networks)))
        labels = with_names(labels, names, name)
        n_used = len(labels.used_keys())
        if n_used < n_parcels:
            notes += (f"{n_used} of {n_parcels} parcels are on the surface",)
        return carried(Target(name, labels, ("schaefer",), notes), space)

    return load


def read_label_table(path: Path) -> dict[int, str]:
    """Read key and name of each label from a BIDS ``dseg.tsv`` (columns ``index`` and ``name``)."""
    with path.open(encoding="utf-8", newline="") as stream:
        return {
            int(row["index"]): row["name"]
            for row in csv.DictReader(stream, delimiter="\t")
            if int(row["index"]) > 0
        }
