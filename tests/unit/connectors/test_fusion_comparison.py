"""Registration fusion beside samples between white and pial, where neuromaps' files are at hand."""

import os
from pathlib import Path

import nibabel
import numpy as np
import pytest

from cytosurf.connectors.neuromaps import by_registration_fusion
from cytosurf.surfaces.templates import FSLR_32K, greyordinate_mask
from cytosurf.surfaces.volume_map import volume_to_map

FOLDER = Path(os.environ.get("NEUROMAPS_DATA", "~/neuromaps-data")).expanduser()
COORDINATES = FOLDER / "atlases/regfusion/tpl-MNI152_space-fsLR_den-32k_hemi-L_regfusion.txt"


@pytest.mark.real_data
@pytest.mark.skipif(
    not COORDINATES.is_file(),
    reason=f"neuromaps' coordinates are not in {FOLDER}: fetch_regfusion('fsLR') brings them",
)
def test_both_routes_give_a_similar_map(real_data, real_cache):
    """DiFuMo components by both: alike over the cortex and not equal."""
    stored = nibabel.load(real_data / "difumo/64/2mm/maps.nii.gz")
    image = nibabel.Nifti1Image(np.asarray(stored.dataobj[..., :8]), stored.affine)
    cortex = greyordinate_mask()
    fused = by_registration_fusion(image, FSLR_32K).values[cortex]
    sampled = volume_to_map(image, FSLR_32K, source="MNI152NLin6Asym").values[cortex]
    loaded = (fused > 0).any(axis=1) & (sampled > 0).any(axis=1)
    r = [np.corrcoef(f, s)[0, 1] for f, s in zip(fused[loaded].T, sampled[loaded].T, strict=True)]
    assert np.median(r) > 0.8
    agree = fused[loaded].argmax(axis=1) == sampled[loaded].argmax(axis=1)
    assert 0.7 < agree.mean() < 1
