"""Spins: which vertex hands its label to which when the sphere is rotated.

A spin rotates the labels of a hemisphere over its sphere, medial wall included, and leaves the
features where they are. Rotations act on row vectors: the vertex at ``x_j`` moves, with its
label, to ``x_j @ R``. The new label of vertex `i` is the label of the vertex that came to lie
nearest to it, which is the vertex nearest to ``x_i @ R.T``, its place before the rotation:

    new_labels = labels[index],    index = tree(x).query(x @ R.T) = tree(x @ R).query(x)

The second form is neuromaps'. The two are the same because a rotation keeps distances; only the
first can use one search structure for all spins.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from cytosurf.errors import InputError
from cytosurf.nulls.nearest import SphereGrid
from cytosurf.nulls.rotations import check_mirrored, check_rotation, mirror_rotation
from cytosurf.surfaces.mesh import Mesh
from cytosurf.surfaces.space import check_hemispheres
from cytosurf.surfaces.spheres import RADIUS_TOLERANCE, are_mirrored, check_sphere


class SpinAssigner:
    """Assigns vertices to each other for any rotation, exactly.

    The search structures are made once and hold nothing of a particular spin, so that one assigner
    serves all spins of a test and may be sent to other processes.

    Parameters
    ----------
    spheres : mapping of str to Mesh
        The registration spheres of ``"L"``, ``"R"`` or both.

    Attributes
    ----------
    hemispheres : tuple of str
        ``("L", "R")``, ``("L",)`` or ``("R",)``.
    n_vertices : int
        Vertices of all hemispheres together.
    mirrored : bool
        Whether vertex `i` of the right sphere is the mirror image of vertex `i` of the left one.
        Only then may spins be mirrored.

    Raises
    ------
    InputError
        If a mesh is no sphere around the origin, or the two differ in radius.

    Notes
    -----
    Distances are between the coordinates of the meshes in float64. Where two vertices are at
    exactly the same distance, the one with the lower index is taken (random rotations do not meet
    such ties; the identity and the symmetries of an icosahedron may).

    Examples
    --------
    >>> corners = [[1, 0, 0], [0, 1, 0], [-1, 0, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]]
    >>> upper = [[0, 1, 4], [1, 2, 4], [2, 3, 4], [3, 0, 4]]
    >>> lower = [[1, 0, 5], [2, 1, 5], [3, 2, 5], [0, 3, 5]]
    >>> assigner = SpinAssigner({"L": Mesh(corners, upper + lower)})
    >>> quarter_turn = np.array([[0.0, 1, 0], [-1, 0, 0], [0, 0, 1]])  # x moves to y
    >>> index = assigner.assign({"L": quarter_turn})
    >>> index.tolist()
    [3, 0, 1, 2, 4, 5]
    >>> spin_labels(np.array([7, 0, 0, 0, 8, 9]), index).tolist()
    [0, 7, 0, 0, 8, 9]
    """

    def __init__(self, spheres: Mapping[str, Mesh]) -> None:
        self.hemispheres = tuple(sorted(spheres))
        check_hemispheres(self.hemispheres, "spheres")
        for hemisphere, sphere in spheres.items():
            check_sphere(sphere, f"sphere {hemisphere}")
        _check_same_radius(spheres)
        self._counts = {h: spheres[h].n_vertices for h in self.hemispheres}
        self.n_vertices = sum(self._counts.values())
        both = self.hemispheres == ("L", "R")
        self.mirrored = both and are_mirrored(spheres["L"], spheres["R"])
        # Where the mirror image holds to the bit, every question about the right sphere is one
        # about the left sphere in the mirror, with the same answer.
        self._twins = both and np.array_equal(
            spheres["L"].vertices * np.array([-1, 1, 1], np.float32), spheres["R"].vertices
        )
        searched = ("L",) if self._twins else self.hemispheres
        self._grids = {h: SphereGrid.over(spheres[h].vertices) for h in searched}

    def assign(
        self,
        rotations: Mapping[str, npt.ArrayLike],
        vertices: npt.NDArray[np.integer] | None = None,
    ) -> npt.NDArray[np.int32]:
        """Return the source vertex of every vertex.

        Parameters
        ----------
        rotations : mapping of str to (3, 3) array_like
            A rotation, acting on row vectors, for each hemisphere of the assigner; see
            `cytosurf.nulls.rotations.spin_rotations`. Others are ignored.
        vertices : (n,) ndarray of int, optional
            The vertices asked for, in increasing order; all if left out.

        Returns
        -------
        (n_vertices,) or (n,) ndarray of int32
            Rows of the left and then the right hemisphere. A vertex never gets its label from the
            other hemisphere.

        Raises
        ------
        InputError
            If a rotation is missing or is none, or if the rotations are each other's mirror image
            and the spheres are not.
        """
        missing = [h for h in self.hemispheres if h not in rotations]
        if missing:
            expected = f"one for each of {' and '.join(self.hemispheres)}"
            raise InputError("rotations", f"none for hemisphere {missing[0]}", expected)
        checked = {h: check_rotation(rotations[h], f"rotation {h}") for h in self.hemispheres}
        check_mirrored(checked, self.mirrored)
        asked = self._by_hemisphere(vertices)
        if not self._twins:
            parts = [self._grids[h].nearest_after(checked[h], asked[h]) for h in self.hemispheres]
        else:
            grid, reflected = self._grids["L"], mirror_rotation(checked["R"])
            left = grid.nearest_after(checked["L"], asked["L"])
            same = vertices is None and np.array_equal(reflected, checked["L"])
            parts = [left, left if same else grid.nearest_after(reflected, asked["R"])]
        if len(parts) == 2:
            parts[1] = parts[1] + np.int32(self._counts["L"])
        return np.concatenate(parts)

    def _by_hemisphere(
        self, vertices: npt.NDArray[np.integer] | None
    ) -> dict[str, npt.NDArray[np.integer] | None]:
        """Return the vertices asked for as rows of each hemisphere, None for all."""
        if vertices is None:
            return dict.fromkeys(self.hemispheres)
        first = self._counts[self.hemispheres[0]]
        n_first = int(np.searchsorted(vertices, first))
        parts = (vertices[:n_first], vertices[n_first:] - first)
        return dict(zip(self.hemispheres, parts, strict=False))


def spin_labels(labels: npt.NDArray[Any], index: npt.NDArray[np.int32]) -> npt.NDArray[Any]:
    """Return the labels after a spin: vertex `i` gets the label of vertex ``index[i]``.

    The medial wall travels with the labels: a vertex of the cortex that gets a label of 0 is not
    analysed in this spin.

    Parameters
    ----------
    labels : (n_vertices,) ndarray
        Keys, or values of any type, of the left and then the right hemisphere.
    index : (n_vertices,) ndarray of int32
        From `SpinAssigner.assign`.

    Returns
    -------
    (n_vertices,) ndarray
        Of the type of `labels`.

    Raises
    ------
    InputError
        If there are not as many labels as vertices in the index.
    """
    if labels.shape != index.shape:
        raise InputError("labels to spin", f"shape {labels.shape}", f"{index.shape} as the spheres")
    spun: npt.NDArray[Any] = labels[index]
    return spun


def _check_same_radius(spheres: Mapping[str, Mesh]) -> None:
    radii_mm = {h: float(np.linalg.norm(s.vertices, axis=1).mean()) for h, s in spheres.items()}
    lowest, highest = min(radii_mm.values()), max(radii_mm.values())
    if highest - lowest > RADIUS_TOLERANCE * highest:
        found = " and ".join(f"{radius:.1f} mm ({h})" for h, radius in sorted(radii_mm.items()))
        raise InputError(
            "spheres",
            f"radii of {found}",
            "one radius for both hemispheres",
            "Take both from one space and density, or scale one to the radius of the other.",
        )
