"""The names of feature sets, for lists and messages: nothing here needs data or libraries."""

from __future__ import annotations

FEATURE_NAMES: dict[str, str] = {
    "coordinates": "x, y, z of the midthickness in mm: the published baseline",
    "coordinates:mirrored": "|x|, y, z of the midthickness in mm",
    "harmonics:N": "N spherical harmonics: a smooth position basis, matched left and right",
    "hist": "histological gradients 1 and 2 of BigBrain",
    "micro": "gradients 1 and 2 of in-vivo qT1 microstructure, by BigBrainWarp",
    "func": "gradients 1 and 2 of functional connectivity, by BigBrainWarp (circular for networks)",
    "profiles": "BigBrain staining intensity at 18 depths, pial to white",
    "neighbourhood": "mean and SD of the 18 depths over a geodesic disc of 5 mm: 36 columns",
    "layers": "thickness of cortical layers I to VI of BigBrain in mm",
    "embedding:FILE": "a table of features at points in the brain; vertices take the nearest",
    "microstructure": "embedded: T1w/T2w, thickness, curvature, two microstructural gradients",
    "t1wt2w": "embedded: T1w/T2w ratio",
    "thickness": "embedded: cortical thickness in mm",
    "curvature": "embedded: mean curvature",
    "mpc-gradients": "embedded: two gradients of microstructure profile covariance",
    "fc-gradients": "embedded: two gradients of functional connectivity (circular for networks)",
    "neuromaps:SOURCE:DESC": "a map of neuromaps' collection, such as neuromaps:hcps1200:myelinmap",
    "siibra:profiles": "staining profiles of BigBrain by siibra: 200 depths, left hemisphere",
    "siibra:layers": "thickness of BigBrain's layers by siibra, left hemisphere",
    "siibra:region:PARCELLATION:REGION": "probability of a region, by siibra",
    "gradients:FILE@PARCELLATION:N": "N gradients of a matrix between parcels, by BrainSpace",
}


def known_features() -> dict[str, str]:
    """Return the names of all feature sets with one line of description each.

    ``N`` in a name stands for a number. Paths, ``NAME:pcaD`` and ``A+B`` come on top of these.

    Examples
    --------
    >>> known_features()["coordinates:mirrored"]
    '|x|, y, z of the midthickness in mm'
    """
    return dict(FEATURE_NAMES)
