"""Labels of volumes are voted on along the depth; loadings become labels by the largest."""

from collections import Counter

import nibabel
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from cytosurf.errors import InputError
from cytosurf.surfaces.mesh import Mesh
from cytosurf.surfaces.volume import sample_volume
from cytosurf.surfaces.volume_labels import labels_from_loadings, majority_label, sample_labels
from tests.unit.surfaces.volumes import AFFINE, PIAL, SHAPE, WHITE, image_of


def test_labels_are_the_largest_positive_loading():
    """Keys start at 1; ties go to the first; zero, negative and NaN loadings are no label."""
    loadings = [[0.2, 0.5, 0.1], [0.3, 0.3, 0.1], [0, 0, 0], [-1, -2, -3], [np.nan, 0.1, 0]]
    keys = labels_from_loadings([*loadings, [np.nan] * 3])
    assert keys.dtype == np.int32
    assert keys.tolist() == [2, 1, 0, 0, 2, 0]
    for wrong in ([0.1, 0.2], np.zeros((4, 0))):
        with pytest.raises(InputError, match="loadings"):
            labels_from_loadings(wrong)


def test_a_threshold_leaves_weak_vertices_unassigned():
    """Only loadings above the threshold count; one that is no number of 0 or more is refused."""
    loadings = [[0.2, 0.5], [0.4, 0.3], [0.5, 0.6], [np.nan, 0.4]]
    assert labels_from_loadings(loadings, threshold=0.4).tolist() == [2, 0, 2, 0]
    for wrong in (-0.1, np.nan, np.inf):
        with pytest.raises(InputError, match="threshold"):
            labels_from_loadings(loadings, threshold=wrong)


def test_labels_of_a_volume_are_the_vote_of_the_depths():
    """Each depth gives the label of its voxel; outside the image is background and has no vote."""
    image = image_of(lambda x, y, z: 1 + 5 * (x > 0) + 2 * (x**2 + y**2 + z**2 > 27.5**2))
    votes = []
    for depth in (0.1, 0.3, 0.5, 0.7, 0.9):
        between = Mesh(WHITE.vertices + depth * (PIAL.vertices - WHITE.vertices), WHITE.faces)
        votes.append(sample_volume(image, between, between, method="nearest", n_samples=1))
    expected = majority_label(np.column_stack(votes).astype(np.int32))
    assert len(np.unique(expected)) == 4
    assert np.array_equal(sample_labels(image, WHITE, PIAL), expected)
    cropped = nibabel.Nifti1Image(np.asarray(image.dataobj)[:20], AFFINE)
    left_out = sample_labels(cropped, WHITE, PIAL)
    beyond = WHITE.vertices[:, 0] < -1
    assert (left_out[beyond] == 0).all()
    inside = WHITE.vertices[:, 0] > 3
    assert np.array_equal(left_out[inside], expected[inside])


def test_volumes_that_hold_no_labels_are_refused():
    """Several volumes, fractions and negative numbers are no labels."""
    for field, match in ((lambda x, _, __: x / 7, "the value"), (lambda *_: -1.0, "value -1")):
        with pytest.raises(InputError, match=match):
            sample_labels(image_of(field), WHITE, PIAL)
    with pytest.raises(InputError, match="label 33554432; expected labels up to 16,777,216"):
        sample_labels(image_of(lambda x, *_: 2**25 * (x > 0)), WHITE, PIAL)
    with pytest.raises(InputError, match="3 volumes"):
        sample_labels(nibabel.Nifti1Image(np.ones((*SHAPE, 3), np.uint8), AFFINE), WHITE, PIAL)


@pytest.fixture(scope="module")
def difumo_loadings(real_data):
    """Sample DiFuMo 64 on fs_LR 32k: midway and over five depths, and the 3 mm version midway."""
    images = {}
    for size in ("2mm", "3mm"):
        stored = nibabel.load(real_data / f"difumo/64/{size}/maps.nii.gz")
        images[size] = nibabel.Nifti1Image(np.asarray(stored.dataobj), stored.affine)
    loadings = {}
    for side in "LR":
        surfaces = real_data / "fs_LR_32/surfaces"
        white, pial, middle = (
            Mesh(*(a.data for a in nibabel.load(surfaces / file).darrays))
            for file in (
                f"fs_LR.32k.{side}.{name}.surf.gii" for name in ("white", "pial", "midthickness")
            )
        )
        roi = real_data / f"hcp_pipelines/fs_LR/{side}.atlasroi.32k_fs_LR.shape.gii"
        cortex = nibabel.load(roi).darrays[0].data > 0
        loadings[side] = {
            "middle": sample_volume(images["2mm"], middle, middle, n_samples=1)[cortex],
            "five": sample_volume(images["2mm"], white, pial)[cortex],
            "3mm": sample_volume(images["3mm"], middle, middle, n_samples=1)[cortex],
        }
    return loadings


@pytest.mark.real_data
def test_difumo_has_the_figures_of_the_data(difumo_loadings):
    """DiFuMo 64 on the cortex of fs_LR 32k: the shares and counts that its README states.

    Any loading at 86.3 / 85.7 % (midthickness) and 87.9 / 86.7 % (five depths), 57 and 58
    components that win somewhere, and 95 % of labels that the 3 mm atlas shares.
    """
    keys = {
        (side, how): labels_from_loadings(table)
        for side, tables in difumo_loadings.items()
        for how, table in tables.items()
    }
    shares = {"middle": (0.863, 0.857), "five": (0.879, 0.867)}
    for how, both in shares.items():
        for side, share in zip("LR", both, strict=True):
            assert (keys[side, how] > 0).mean() == pytest.approx(share, abs=6e-4)
    for how, n_winners in (("middle", 57), ("five", 58)):
        winners = np.concatenate([keys[side, how] for side in "LR"])
        assert len(np.unique(winners[winners > 0])) == n_winners
    fine, coarse = (np.concatenate([keys[s, how] for s in "LR"]) for how in ("middle", "3mm"))
    both_labelled = (fine > 0) & (coarse > 0)
    assert (fine == coarse)[both_labelled].mean() == pytest.approx(0.95, abs=0.01)


@given(hnp.arrays(np.int32, (7, 5), elements=st.integers(0, 4)))
def test_the_label_of_most_depths_wins(votes):
    """Most votes above 0, the smallest key on a tie, 0 only without any vote."""
    expected = []
    for row in votes.tolist():
        counts = Counter(key for key in row if key > 0)
        expected.append(min(counts, key=lambda key: (-counts[key], key)) if counts else 0)
    assert majority_label(votes).tolist() == expected
