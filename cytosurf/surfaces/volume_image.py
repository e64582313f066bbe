"""Volumes as files: what must hold before one may be sampled, and its values block by block."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import nibabel
import numpy as np
import numpy.typing as npt
from nibabel.filebasedimages import ImageFileError

from cytosurf.errors import InputError

BLOCK_BYTES = 32 * 2**20  # of float32 values that are held at once

_WRITE_AGAIN = "Write the image again with the affine of its space."


@dataclass(frozen=True, eq=False)
class Volume:
    """An image of three dimensions, or of four with one volume after the other.

    Parameters
    ----------
    where : str
        Its path, or ``"image"``: what messages call it.
    affine : (4, 4) ndarray of float64
        From voxels to mm, to the right, front and top (RAS).
    shape : tuple of int
        Voxels along the three axes.
    n_volumes : int
        1 for three dimensions.
    image : nibabel image
        Where the values are read from.
    """

    where: str
    affine: npt.NDArray[np.float64]
    shape: tuple[int, ...]
    n_volumes: int
    image: Any

    @classmethod
    def open(cls, image: Any) -> Volume:
        """Check an image or its file.

        Parameters
        ----------
        image : nibabel image or path-like
            Anything that nibabel reads as a volume, NIfTI in the first place; an open volume is
            returned as it is.

        Raises
        ------
        InputError
            If the file is no image, has not three or four dimensions of real numbers, or no
            affine that says where its voxels are.

        Examples
        --------
        >>> affine = np.diag([2.0, 2, 2, 1])
        >>> Volume.open(nibabel.Nifti1Image(np.zeros((3, 4, 5, 2), "f4"), affine)).n_volumes
        2
        """
        if isinstance(image, Volume):
            return image
        where = "image"
        if isinstance(image, str | os.PathLike):
            where = os.fspath(image)
            # One open file: blocks of a compressed one are then read in a single pass.
            nifti = where.lower().endswith((".nii", ".nii.gz"))
            try:
                image = nibabel.load(where, **({"keep_file_open": True} if nifti else {}))
            except (OSError, EOFError, ValueError, ImageFileError) as error:
                raise InputError(where, str(error), "a volume, such as NIfTI (.nii.gz)") from error
        affine = valid_affine(image, where)
        shape = tuple(int(n) for n in image.shape)
        if len(shape) not in (3, 4) or 0 in shape:
            raise InputError(
                where,
                f"{len(shape)} dimensions {shape}",
                "three, or four with one volume after the other",
            )
        if image.get_data_dtype().kind not in "buif":
            raise InputError(where, f"dtype {image.get_data_dtype()}", "real numbers")
        return cls(where, affine, shape[:3], shape[3] if len(shape) == 4 else 1, image)

    def values_at(self, voxels: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """Return the values of some voxels in all volumes.

        Parameters
        ----------
        voxels : (n,) ndarray of int64
            Indices into the raveled volume, the first axis changing fastest.

        Returns
        -------
        (n, n_volumes) ndarray of float64

        Raises
        ------
        InputError
            If the file is torn.
        """
        try:
            parts = [b.reshape(-1, b.shape[3], order="F")[voxels] for b in self._blocks()]
        except (OSError, EOFError, ValueError) as error:
            way_out = "Fetch the file again."
            raise InputError(self.where, str(error), "a whole file", way_out) from error
        return np.concatenate(parts, axis=1).astype(np.float64)

    def _blocks(self) -> Iterator[npt.NDArray[np.float32]]:
        """Give the volumes as (x, y, z, n) arrays, a few at a time."""
        if len(self.image.shape) == 3:
            yield np.asarray(self.image.dataobj, dtype=np.float32)[..., None]
            return
        step = max(1, BLOCK_BYTES // (4 * int(np.prod(self.shape))))
        for start in range(0, self.n_volumes, step):
            yield np.asarray(self.image.dataobj[..., start : start + step], dtype=np.float32)


def valid_affine(image: Any, where: str) -> npt.NDArray[np.float64]:
    """Return the affine of an image from voxels to mm.

    Raises
    ------
    InputError
        If it is missing, made up for want of codes, the identity or not invertible.
    """
    affine = getattr(image, "affine", None)
    found = ""
    if affine is None:
        found = "no affine"
    elif isinstance(image, nibabel.Nifti1Pair) and not (
        image.header["sform_code"] or image.header["qform_code"]
    ):
        found = "neither sform nor qform"
    elif not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-9:
        found = "an affine that cannot be inverted"
    elif np.array_equal(affine, np.eye(4)):
        found = "the identity as affine, which programs write when they know none"
    if found:
        raise InputError(where, found, "an affine from voxels to mm", _WRITE_AGAIN)
    return np.asarray(affine, dtype=np.float64)
