"""The names of targets, for lists and messages: nothing here needs data or libraries."""

from __future__ import annotations

SCHAEFER_SIZES = {7: tuple(range(100, 1001, 100)), 17: (100, 200, 400)}


def schaefer_name(n_parcels: int, n_networks: int) -> str:
    """Return the name of a Schaefer parcellation.

    Examples
    --------
    >>> schaefer_name(400, 7), schaefer_name(400, 17)
    ('schaefer400', 'schaefer400-17networks')
    """
    return f"schaefer{n_parcels}" + ("-17networks" if n_networks == 17 else "")


TARGET_NAMES: dict[str, str] = {
    "schaefer400-7networks": "embedded: seven networks of whole Schaefer parcels",
    "mesulam": "embedded: four levels of laminar differentiation after Mesulam",
    "yeo7": "Yeo 2011, 7 networks, native labels",
    "yeo17": "Yeo 2011, 17 networks, native labels",
    "yeo7:bigbrain": "Yeo 2011, 7 networks, carried over from BigBrain: the published route",
    "yeo17:bigbrain": "Yeo 2011, 17 networks, carried over from BigBrain: the published route",
    "difumo64": "DiFuMo, 64 functional modes, largest loading",
    "julich": "Julich-Brain 3.1, 207 cytoarchitectonic areas, of which 152 are on fs_LR 32k",
    **{
        schaefer_name(size, n): f"Schaefer 2018, {size} parcels in the order of {n} networks"
        for n, sizes in SCHAEFER_SIZES.items()
        for size in sizes
    },
    "nilearn:ATLAS": "an atlas in nilearn's data folder: schaeferN, destrieux or difumoN",
    "siibra:PARCELLATION": "a parcellation of siibra, such as siibra:julich-3.1",
}


def known_targets() -> dict[str, str]:
    """Return the names of all targets with one line of description each; paths come on top.

    Examples
    --------
    >>> known_targets()["yeo7"]
    'Yeo 2011, 7 networks, native labels'
    """
    return dict(TARGET_NAMES)
