"""A user's warp between two spaces, as a displacement field in NIfTI.

The field is the one that resamples the volume *into* the space of the surfaces: what
``antsApplyTransforms -i volume -r surface_space_template -t warp`` or ``applywarp --in=volume
--ref=surface_space_template --warp=warp`` takes. It lies on the grid of the surfaces' space and
says, for each place there, where the volume holds it; this is the way that vertices take.

Two conventions are in use, and the same numbers mean other places in each:

``itk``
    ITK and ANTs. Displacements in mm along the axes of the patient, *left, back, top* (LPS), to be
    added to the physical point. Five dimensions (x, y, z, 1, 3), intent vector (1007). Intent
    displacement vector (1006) is refused: ITK takes such a field as RAS from version 5.4 on.
``fsl``
    FSL's FNIRT, *relative* displacements in FSL's own scaled voxel coordinates: voxel index times
    voxel size, the first axis turned round where the affine has a positive determinant (in both
    images, each by its own). Four dimensions (x, y, z, 3).

Fields are interpolated linearly. ITK leaves points outside the field where they are; here they
have no place, because a cortex that sticks out of its warp is a mistake.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import nibabel
import numpy as np
import numpy.typing as npt
from nibabel.filebasedimages import ImageFileError
from scipy.ndimage import map_coordinates

from cytosurf.errors import InputError, unknown_name
from cytosurf.surfaces.volume_image import Volume, valid_affine

CONVENTIONS = ("itk", "fsl")
_ITK_INTENT, _FSL_INTENT = 1007, 2006  # NIfTI vector; FSL's displacement field
_RAS_OR_LPS = 1006  # NIfTI displacement vector; RAS in ITK from 5.4 on, not yet so before
_FSL_COEFFICIENTS = (2007, 2008, 2009, 2016)
_LPS = np.array([-1.0, -1.0, 1.0])


@dataclass(frozen=True, eq=False)
class DisplacementField:
    """Displacements on a grid in the space of the surfaces.

    Parameters
    ----------
    vectors : (x, y, z, 3) ndarray of float64
        Displacements in mm, in the coordinates of the convention.
    affine : (4, 4) ndarray of float64
        From voxels of the field to mm (RAS) in the space of the surfaces.
    voxel_size_mm : (3,) ndarray of float64
        Of the field's grid.
    convention : {"itk", "fsl"}
        See the head of this module.
    """

    vectors: npt.NDArray[np.float64]
    affine: npt.NDArray[np.float64]
    voxel_size_mm: npt.NDArray[np.float64]
    convention: str

    def to_volume(
        self, points_mm: npt.NDArray[np.float64], volume: Volume
    ) -> npt.NDArray[np.float64]:
        """Carry points of the surfaces' space to where a volume holds them.

        Parameters
        ----------
        points_mm : (n, 3) ndarray of float64
            Millimetres, RAS.
        volume : Volume
            The volume to be sampled; FSL's coordinates depend on its grid.

        Returns
        -------
        (n, 3) ndarray of float64
            Millimetres, RAS; NaN for points outside the field.
        """
        inverse = np.linalg.inv(self.affine)
        voxels = points_mm @ inverse[:3, :3].T + inverse[:3, 3]
        vectors = np.column_stack(
            [
                map_coordinates(self.vectors[..., axis], voxels.T, order=1, mode="nearest")
                for axis in range(3)
            ]
        )
        limits = np.array(self.vectors.shape[:3]) - 0.5
        vectors[~((voxels >= -0.5) & (voxels <= limits)).all(axis=1)] = np.nan
        if self.convention == "itk":
            return np.asarray(points_mm + vectors * _LPS)
        scaled = _fsl_scaled(voxels, self.vectors.shape[:3], self.affine, self.voxel_size_mm)
        size = np.array(volume.image.header.get_zooms()[:3], dtype=np.float64)
        inside = _fsl_voxels(scaled + vectors, volume.shape, volume.affine, size)
        there: npt.NDArray[np.float64] = inside @ volume.affine[:3, :3].T + volume.affine[:3, 3]
        return there


def read_warp(image: Any, convention: str | None = None) -> DisplacementField:
    """Read a displacement field.

    Parameters
    ----------
    image : nibabel image or path-like
        NIfTI.
    convention : {"itk", "fsl"}, optional
        Needed where the header does not say it: five dimensions with the vector intent are ITK's,
        FSL's intent code is FSL's.

    Returns
    -------
    DisplacementField

    Raises
    ------
    InputError
        If the file is no field of displacements, or does not say its convention, or says another.

    Examples
    --------
    >>> vectors = np.zeros((4, 4, 4, 1, 3), "f4")
    >>> image = nibabel.Nifti1Image(vectors, np.diag([2.0, 2, 2, 1]))
    >>> image.header.set_intent("vector")
    >>> read_warp(image).convention
    'itk'
    """
    if convention is not None and convention not in CONVENTIONS:
        raise unknown_name("warp_convention", convention, CONVENTIONS)
    where = "warp"
    if isinstance(image, str | os.PathLike):
        where = os.fspath(image)
        try:
            image = nibabel.load(where)
        except (OSError, EOFError, ValueError, ImageFileError) as error:
            way_out = (
                "ITK's .h5 and .mat become a field by: antsApplyTransforms -d 3 -t FILE "
                "-r TEMPLATE -o [field.nii.gz,1]."
            )
            raise InputError(where, str(error), "a displacement field in NIfTI", way_out) from error
    affine = valid_affine(image, where)
    settled = _settled_convention(image, where, convention)
    try:
        vectors = np.asarray(image.dataobj, dtype=np.float64)
    except (OSError, EOFError, ValueError) as error:
        raise InputError(where, str(error), "a whole file", "Fetch the file again.") from error
    vectors = vectors.reshape(*vectors.shape[:3], 3)
    if not np.isfinite(vectors).all():
        raise InputError(where, "NaN or infinite displacements", "finite mm")
    size = np.array(image.header.get_zooms()[:3], dtype=np.float64)
    return DisplacementField(vectors, affine, size, settled)


def _settled_convention(image: Any, where: str, convention: str | None) -> str:
    """Return the convention that header and user agree on; refuse what is no field."""
    intent = int(image.header["intent_code"]) if "intent_code" in image.header else 0
    shape = tuple(image.shape)
    if intent in _FSL_COEFFICIENTS:
        raise InputError(
            where,
            "spline coefficients of FNIRT",
            "displacements",
            "Write them with: fnirtfileutils --in=... --ref=... --out=field --withaff",
        )
    if shape[3:] not in ((1, 3), (3,)):
        raise InputError(
            where,
            f"shape {shape}",
            "three displacements per voxel: (x, y, z, 1, 3) of ITK or (x, y, z, 3) of FSL",
        )
    if intent == _RAS_OR_LPS and convention != "fsl":
        raise InputError(
            where,
            "NIfTI intent 1006 (displacement vector), RAS in ITK from 5.4 on and not before",
            "a field of ITK with intent 1007 (vector), which is LPS in every version",
            "Write it so; where it holds RAS, turn the signs of its first two components round.",
        )
    stated = None
    if intent == _ITK_INTENT and len(shape) == 5:
        stated = "itk"
    elif intent == _FSL_INTENT:
        stated = "fsl"
    if stated and convention and stated != convention:
        raise InputError(where, f"a field of {stated} by its header", f"{convention}, as given")
    if stated is None and convention is None:
        raise InputError(
            where,
            f"shape {shape} and intent {intent}, which both conventions may have",
            "a stated convention",
            "Say itk (LPS mm, ANTs) or fsl (relative, FNIRT): --warp-convention.",
        )
    settled = stated or convention
    assert settled is not None
    return settled


def _fsl_scaled(
    voxels: npt.NDArray[np.float64],
    shape: tuple[int, ...],
    affine: npt.NDArray[np.float64],
    size: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    """Return FSL's scaled coordinates of voxels."""
    turned = voxels.copy()
    if np.linalg.det(affine[:3, :3]) > 0:
        turned[:, 0] = shape[0] - 1 - turned[:, 0]
    return turned * size


def _fsl_voxels(
    scaled: npt.NDArray[np.float64],
    shape: tuple[int, ...],
    affine: npt.NDArray[np.float64],
    size: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    """Return the voxels of FSL's scaled coordinates."""
    voxels = scaled / size
    if np.linalg.det(affine[:3, :3]) > 0:
        voxels[:, 0] = shape[0] - 1 - voxels[:, 0]
    return voxels
