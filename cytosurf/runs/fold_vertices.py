"""The vertices behind the test folds of a run, for features that must not see them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from cytosurf.compute.files import write_npz
from cytosurf.runs.record import RunRecord
from cytosurf.surfaces.source_vertices import vertices_behind
from cytosurf.surfaces.space import Space


def write_fold_vertices(record: RunRecord, space: Space, out: Path) -> list[Path]:
    """Write the vertices of a space that values at the test vertices of each fold are made from.

    Parameters
    ----------
    record : RunRecord
        The run, see `cytosurf.runs.load_run`.
    space : Space
        Where the features are made, such as BigBrain 164k.
    out : Path
        Folder to write to.

    Returns
    -------
    list of Path
        ``fold-1.npz`` and so on, counted like the folds in the maps of a run. Each holds ``ids``,
        the numbers of the vertices; right ones are counted on from the left, also where the run
        holds the right hemisphere alone.

    Raises
    ------
    InputError
        If no route joins the spaces.
    """
    written = []
    for k in range(int(record.fold.max()) + 1):
        behind = vertices_behind(record.fold == k, record.space, space, record.hemispheres)
        first = len(behind) if record.hemispheres == ("R",) else 0
        path = out / f"fold-{k + 1}.npz"
        write_npz(path, ids=np.flatnonzero(behind) + first)
        written.append(path)
    return written
