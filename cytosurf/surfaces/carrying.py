"""Carry the values and labels of one hemisphere along a route, column by column."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy import sparse

from cytosurf import data
from cytosurf.errors import CytosurfWarning, InputError
from cytosurf.surfaces.applying import masked_weights, resample_labels
from cytosurf.surfaces.gifti import read_mesh
from cytosurf.surfaces.gifti_data import in_threads
from cytosurf.surfaces.routes import Step, log_step, route, sphere_path
from cytosurf.surfaces.space import Space
from cytosurf.surfaces.weights import cached_weights, check_method

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float32]


def step_weights(
    step: Step, hemisphere: str, *, method: str = "barycentric", areas: str = "midsurface"
) -> sparse.csr_array:
    """Return the weights of one step of a route on hemisphere "L" or "R", kept on disk.

    Parameters
    ----------
    step : Step
        One of `route`.
    hemisphere : str
        ``"L"`` or ``"R"``.
    method, areas : str, optional
        As in `cytosurf.surfaces.resample.resample`.

    Raises
    ------
    InputError
        If a sphere file is of the other hemisphere, damaged, or no sphere, or areas are not known.
    MissingDataError
        If a file is missing and cannot be downloaded.
    """
    chosen = check_method(method)
    log_step(step, hemisphere, chosen)
    names = step.sphere_names(hemisphere)
    source, target = (read_mesh(sphere_path(name), hemisphere) for name in names)
    pair = None
    if chosen == "adaptive":
        from cytosurf.surfaces.areas import check_surface, midsurface_areas

        if check_surface(areas) == "midsurface":
            pair = (
                midsurface_areas(step.source, hemisphere),
                midsurface_areas(step.target, hemisphere),
            )
    folder = data.data_directory() / "weights"
    return cached_weights(source, target, folder, method=chosen, areas=pair)


class Carrier:
    """What carries maps and labels of one hemisphere from one space to another.

    Its weights are loaded once, for any number of maps, and those of the last mask are kept.

    Parameters
    ----------
    source, target : Space
        Where maps come from and go to.
    hemisphere : str
        ``"L"`` or ``"R"``.
    method, areas : str, optional
        As in `cytosurf.surfaces.resample.resample`.

    Raises
    ------
    InputError
        If no route joins the spaces, or a sphere is none.
    MissingDataError
        If a sphere is missing and cannot be downloaded.
    """

    def __init__(
        self,
        source: Space,
        target: Space,
        hemisphere: str,
        *,
        method: str = "barycentric",
        areas: str = "midsurface",
    ) -> None:
        steps = route(source, target, method=method)
        self._matrices = [
            step_weights(step, hemisphere, method=method, areas=areas) for step in steps
        ]
        self._joined: tuple[bytes, sparse.csr_array | None, Bools] | None = None

    def values(self, values: Floats, valid: Bools | None) -> tuple[Floats, Bools]:
        """Carry values.

        Parameters
        ----------
        values : (n_source, n_columns) ndarray of float32
            Finite wherever they count. Fastest if each column is contiguous.
        valid : (n_source,) ndarray of bool or None
            Vertices that count; None for all.

        Returns
        -------
        values : (n_target, n_columns) ndarray of float32
            With contiguous columns; 0 at targets that are not reached.
        reached : (n_target,) ndarray of bool
        """
        column, reached = self.columns(values, valid)
        carried = np.empty((values.shape[1], len(reached)), np.float32)

        def fill(index: int) -> None:
            carried[index] = column(index)

        in_threads(fill, range(len(carried)), values.nbytes)
        return carried.T, reached

    def columns(self, values: Floats, valid: Bools | None) -> tuple[Callable[[int], Floats], Bools]:
        """Carry values a column at a time, when it is asked for.

        Memory for all columns costs more than carrying them: who can use one after another, as
        files are written, should.

        Parameters
        ----------
        values, valid
            As in `values`.

        Returns
        -------
        column : callable
            Of the index of a column: its (n_target,) float32 values, 0 at targets that are not
            reached. Threads may call it.
        reached : (n_target,) ndarray of bool
        """
        if not self._matrices:
            reached = np.ones(len(values), bool) if valid is None else valid
            return lambda index: np.where(reached, values[:, index], np.float32(0)), reached
        matrix, reached = self._weights(valid)

        def column(index: int) -> Floats:
            carried: Floats = (matrix @ values[:, index].astype(np.float64)).astype(np.float32)
            return carried

        return column, reached

    def labels(self, keys: npt.NDArray[np.int32], valid: Bools | None) -> npt.NDArray[np.int32]:
        """Carry label keys, step by step; 0 at targets for which no vertex counts."""
        if not self._matrices and valid is not None:
            return np.where(valid, keys, np.int32(0))
        for matrix in self._matrices:
            keys = resample_labels(matrix, keys, valid)
            valid = None if valid is None else masked_weights(matrix, valid)[1]
        return keys

    def _weights(self, valid: Bools | None) -> tuple[sparse.csr_array, Bools]:
        """Return one matrix for all steps with the mask in it, and the targets it reaches."""
        key = b"" if valid is None else valid.tobytes()
        if self._joined is None or self._joined[0] != key:
            self._joined = (key, *joined_weights(self._matrices, valid))
        return self._joined[1:]


def joined_weights(
    matrices: list[sparse.csr_array], valid: Bools | None
) -> tuple[sparse.csr_array, Bools]:
    """Return one matrix for several steps, with a mask of the source, and the targets reached."""
    joined, reached = masked_weights(matrices[0], valid)
    for matrix in matrices[1:]:
        kept, after = masked_weights(matrix, reached if valid is not None else None)
        joined, reached = sparse.csr_array(kept @ joined), after
    return joined, reached


def usable_values(
    values: Floats, valid: Bools, where: str, masked: bool
) -> tuple[Floats, Bools | None]:
    """Return values to carry and the mask to carry them with.

    Parameters
    ----------
    values : (n, n_columns) ndarray of float32
        May hold NaN and infinite values.
    valid : (n,) ndarray of bool
        Vertices whose values mean something.
    where : str
        What the values are, for messages.
    masked : bool
        True: only valid vertices with finite values count. False: all count, those that are not
        valid with 0 where they are not finite.

    Returns
    -------
    values : (n, n_columns) ndarray of float32
    valid : (n,) ndarray of bool or None
        None if all vertices count.

    Raises
    ------
    InputError
        If nothing is masked and values of valid vertices are not finite.
    """
    bad = np.zeros(len(values), bool)
    for column in values.T:
        bad |= ~np.isfinite(column)
    n_bad = int((bad & valid).sum())
    found = f"{n_bad:,} vertices with NaN or infinite values"
    if n_bad and not masked:
        raise InputError(
            where,
            found,
            "finite values at all valid vertices when nothing is masked",
            "Map it with the mask (masked=True, without --unmasked).",
        )
    if n_bad:
        warnings.warn(f"{where}: {found} are left out.", CytosurfWarning, stacklevel=3)
    if masked:
        return values, valid & ~bad
    if bad.any():
        values = np.where(np.isfinite(values), values, np.float32(0))
    return values, None


def checked_mask(mask: npt.ArrayLike | None, n_vertices: int, masked: bool = True) -> Bools | None:
    """Return a mask of source vertices as an array, or raise `InputError` if it does not fit."""
    if mask is None:
        return None
    array = np.asarray(mask)
    if array.shape != (n_vertices,) or array.dtype != bool:
        raise InputError(
            "mask",
            f"{array.dtype} array of shape {array.shape}",
            f"bool array of shape ({n_vertices},), one per vertex of the map",
            "It must be on the mesh that the map comes from.",
        )
    if not masked:
        raise InputError(
            "mask", "one although nothing is to be masked", "a mask, or masked=False (--unmasked)"
        )
    return array
