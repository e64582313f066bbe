"""Small volumes, and the two spheres that stand for white and pial in their tests."""

import nibabel
import numpy as np

from tests import toy

AFFINE = np.array([[-2.0, 0, 0, 40], [0, 0, 2, -38], [0, 2, 0, -42], [0, 0, 0, 1]])
SHAPE = (41, 43, 39)
SHIFTED = np.array([[1.0, 0, 0, -1], [0, 1, 0, -1], [0, 0, 1, -1], [0, 0, 0, 1]])
BARELY = np.eye(4) + np.eye(4, k=3) * 1e-9  # the identity itself is refused
WHITE, PIAL = toy.icosphere(2, radius=25.0), toy.icosphere(2, radius=30.0)


def plain_field(x, y, _):
    """Return a field for images whose content does not matter."""
    return x + y


def image_of(function, affine=AFFINE, shape=SHAPE):
    """Return an image whose voxels hold a function of their position in mm."""
    voxels = np.indices(shape).reshape(3, -1)
    x, y, z = affine[:3, :3] @ voxels + affine[:3, 3:]
    values = np.broadcast_to(function(x, y, z), x.shape)
    return nibabel.Nifti1Image(values.reshape(shape).astype(np.float32), affine)
