"""Principal components of pixels, against scikit-learn."""

import numpy as np
import pytest
from sklearn.decomposition import PCA

from cytosurf.errors import InputError
from cytosurf.probes.pixels import pixel_components

RNG = np.random.default_rng(0)
TILES = RNG.random((40, 1, 8, 8)) * RNG.random((1, 1, 8, 8))
TRAIN = np.arange(40) < 25


def test_scores_are_those_of_scikit_learn():
    """Fitted on the training tiles, applied to all; signs are free."""
    found = pixel_components(TILES, TRAIN, 5)
    flat = TILES.reshape(40, -1)
    model = PCA(5, svd_solver="full").fit(flat[TRAIN])
    np.testing.assert_allclose(abs(found), abs(model.transform(flat)), atol=1e-5)


def test_other_tiles_do_not_matter():
    """Means and components are those of the training tiles."""
    changed = TILES.copy()
    changed[~TRAIN] = 0
    found, again = (pixel_components(tiles, TRAIN, 3) for tiles in (TILES, changed))
    assert np.array_equal(found[TRAIN], again[TRAIN])


def test_components_that_are_not_there_are_refused():
    """As many as training tiles, none, or more than vary."""
    for n in (0, 25):
        with pytest.raises(InputError, match="1 to 24"):
            pixel_components(TILES, TRAIN, n)
    with pytest.raises(InputError, match="vary"):
        pixel_components(np.repeat(TILES[:2], 20, axis=0), np.ones(40, bool), 3)
