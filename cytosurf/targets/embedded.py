"""Vertex values that the BrainSpace package ships on fs_LR 32k, and the cortex they define.

They need no download, so that everything can be tried on a bare machine.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from cytosurf.data import embedded_path
from cytosurf.surfaces.maps import Parcellation
from cytosurf.surfaces.resample import resample
from cytosurf.surfaces.space import Space

FSLR32K = Space("fsLR", "32k")


def embedded_values(*names: str) -> npt.NDArray[np.float64]:
    """Read one or several of BrainSpace's CSV files with a value per line, one after the other.

    Parameters
    ----------
    *names : str
        Paths in BrainSpace's data folder.

    Returns
    -------
    (n_vertices,) ndarray of float64
        Left hemisphere first, as in the files.

    Examples
    --------
    >>> embedded_values("matrices/main_group/conte69_32k_thickness.csv").shape
    (64984,)
    """
    return np.concatenate([np.loadtxt(embedded_path(name), ndmin=1) for name in names])


@lru_cache(maxsize=4)
def cortex_mask(space: Space = FSLR32K) -> npt.NDArray[np.bool_]:
    """Return which vertices of a space are cortex by the mask of BrainSpace.

    On fs_LR 32k these are 58,558 of 64,984 vertices; elsewhere the mask is resampled as a label.
    It is somewhat tighter than the greyordinates (59,412) and the labelled vertices of Yeo7
    (59,276).

    Parameters
    ----------
    space : Space
        A space that fs_LR 32k can be mapped to.

    Returns
    -------
    (n_vertices,) ndarray of bool
        Both hemispheres; read-only.

    Raises
    ------
    InputError
        If nothing maps fs_LR 32k to `space`.

    Examples
    --------
    >>> int(cortex_mask().sum())
    58558
    """
    values = embedded_values("surfaces/conte69_32k_lh_mask.csv", "surfaces/conte69_32k_rh_mask.csv")
    cortex = Parcellation((values > 0).astype(np.int32), FSLR32K, {1: "cortex"})
    if space != FSLR32K:
        cortex = resample(cortex, space)
    mask = cortex.keys > 0
    mask.setflags(write=False)
    return mask
