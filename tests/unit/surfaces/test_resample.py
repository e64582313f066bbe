"""Maps and labels arrive where they should, with and without mask, and as upstream made them."""

import importlib

import nibabel
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from cytosurf.errors import CytosurfWarning, InputError
from cytosurf.surfaces import carrying
from cytosurf.surfaces.applying import apply_weights, resample_labels
from cytosurf.surfaces.barycentric import barycentric_weights
from cytosurf.surfaces.maps import Parcellation, SurfaceMap
from cytosurf.surfaces.resample import resample
from cytosurf.surfaces.routes import Step, route, sphere_path
from cytosurf.surfaces.space import Space
from tests import toy

# The package attribute of this name is the function.
resample_module = importlib.import_module("cytosurf.surfaces.resample")

FSAVERAGE_10K = Space("fsaverage", "10k")
COARSE, FINE = Space("toy", "coarse"), Space("toy", "fine")
BIGBRAIN, FSLR_164K, FSLR_32K = (
    Space("bigbrain", "164k"),
    Space("fsLR", "164k"),
    Space("fsLR", "32k"),
)
N_COARSE, N_FINE = 162, 642


@st.composite
def weight_matrices(draw):
    """Small weight matrices: one to three entries in each row, of sum 1."""
    n_target, n_source = draw(st.integers(1, 12)), draw(st.integers(1, 12))
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    dense = np.zeros((n_target, n_source))
    for row in dense:
        columns = rng.choice(n_source, size=min(n_source, rng.integers(1, 4)), replace=False)
        row[columns] = rng.dirichlet(np.ones(len(columns))) + 1e-3
    return sparse.csr_array(dense / dense.sum(axis=1, keepdims=True))


@given(weights=weight_matrices(), seed=st.integers(0, 1000), n_columns=st.integers(0, 3))
@settings(max_examples=60)
def test_apply_weights_equals_a_loop_over_targets(weights, seed, n_columns):
    """Masked values are the mean over valid sources with their weights scaled to a sum of 1."""
    rng = np.random.default_rng(seed)
    n_target, n_source = weights.shape
    shape = (n_source, n_columns) if n_columns else (n_source,)
    values = rng.normal(size=shape)
    valid = rng.random(n_source) < 0.6
    got, reached = apply_weights(weights, values, valid)
    unmasked, everywhere = apply_weights(weights, values)
    assert everywhere.all()
    for row in range(n_target):
        w = weights.toarray()[row]
        assert np.allclose(unmasked[row], w @ values)
        total = w[valid].sum()
        assert reached[row] == (total > 0)
        expected = (w[valid] @ values[valid]) / total if total else np.zeros(shape[1:])
        assert np.allclose(got[row], expected)


@given(weights=weight_matrices(), seed=st.integers(0, 1000))
@settings(max_examples=60)
def test_resample_labels_equals_a_loop_over_targets(weights, seed):
    """Each target has the key of the largest summed weight, the smallest one if several have it."""
    rng = np.random.default_rng(seed)
    keys = rng.choice([0, 3, 7, 200], size=weights.shape[1])
    got = resample_labels(weights, keys)
    assert got.dtype == np.int32
    for row, key in zip(weights.toarray(), got, strict=True):
        summed = {k: row[keys == k].sum() for k in np.unique(keys)}
        best = max(summed.values())
        assert key == min(k for k, w in summed.items() if w >= best - 1e-6)


def test_two_small_weights_of_one_label_beat_a_large_one():
    """It is the sum over a label that counts, not the nearest vertex."""
    weights = sparse.csr_array([[0.4, 0.35, 0.25]])
    assert resample_labels(weights, np.array([9, 2, 2])).tolist() == [2]
    assert resample_labels(weights, np.array([2, 9, 1])).tolist() == [2]


def test_equal_weights_give_the_smallest_key_whatever_the_rounding():
    """A tie is decided by the key, not by the last digit of a weight or the order of vertices."""
    weights = sparse.csr_array([[0.5 - 1e-9, 0.5 + 1e-9], [0.5 + 1e-9, 0.5 - 1e-9]])
    assert resample_labels(weights, np.array([4, 8])).tolist() == [4, 4]
    assert resample_labels(weights, np.array([8, 4])).tolist() == [4, 4]


def test_a_constant_stays_constant_next_to_the_mask():
    """With the mask, targets partly fed by the medial wall keep the full value of their cortex."""
    weights = barycentric_weights(toy.icosphere(2), toy.icosphere(3))
    valid = toy.icosphere(2).vertices[:, 0] > 0
    values = np.where(valid, 5.0, 0.0)
    masked, reached = apply_weights(weights, values, valid)
    unmasked, _ = apply_weights(weights, values)
    assert np.allclose(masked[reached], 5)
    assert (masked[~reached] == 0).all()
    assert (unmasked[reached] < 4.9).any()


def test_values_outside_the_mask_are_never_used():
    """NaN or huge values of invalid vertices leave no trace."""
    weights = sparse.csr_array([[0.5, 0.5, 0.0], [0.0, 0.5, 0.5]])
    for junk in (np.nan, np.inf, 1e30):
        values, reached = apply_weights(weights, [1.0, junk, junk], np.array([True, False, False]))
        assert values.tolist() == [1.0, 0.0]
        assert reached.tolist() == [True, False]


def test_wrong_lengths_are_refused():
    """Values, labels and mask must have one row per source vertex."""
    weights = sparse.csr_array(np.eye(3))
    with pytest.raises(InputError, match="values: found 4 rows"):
        apply_weights(weights, np.zeros(4))
    with pytest.raises(InputError, match="labels: found 2 rows"):
        resample_labels(weights, np.zeros(2, int))
    with pytest.raises(InputError, match=r"mask: .*\(4,\).*\(3,\)"):
        apply_weights(weights, np.zeros(3), np.ones(4, bool))
    with pytest.raises(InputError, match="mask: found int64"):
        apply_weights(weights, np.zeros(3), np.ones(3, int))


@pytest.fixture
def toy_route(monkeypatch):
    """Let `resample` go from a coarse to a fine toy sphere, different ones left and right."""
    step = Step(COARSE, FINE, "coarse {hemi}", "fine {hemi}")
    matrices = {
        "L": barycentric_weights(toy.icosphere(2), toy.icosphere(3)),
        "R": barycentric_weights(toy.mirrored(toy.icosphere(2)), toy.mirrored(toy.icosphere(3))),
    }
    matrices["R"] = sparse.csr_array(matrices["R"][::-1])

    def one_step(source, target, method):
        return [] if source == target else [step]

    def weights_of(step, hemisphere, **how):
        return matrices[hemisphere]

    for module in (resample_module, carrying):
        monkeypatch.setattr(module, "route", one_step)
    monkeypatch.setattr(carrying, "step_weights", weights_of)
    return matrices


def test_hemispheres_are_carried_by_their_own_weights(toy_route):
    """Left rows come from left values, right rows from right values, columns keep their names."""
    values = np.random.default_rng(0).normal(size=(2 * N_COARSE, 2))
    carried = resample(SurfaceMap(values, COARSE, ("a", "b")), FINE)
    assert carried.space == FINE
    assert carried.columns == ("a", "b")
    assert np.allclose(carried.values[:N_FINE], toy_route["L"] @ values[:N_COARSE], atol=1e-6)
    assert np.allclose(carried.values[N_FINE:], toy_route["R"] @ values[N_COARSE:], atol=1e-6)
    right = resample(SurfaceMap(values[N_COARSE:], COARSE, hemispheres=("R",)), FINE)
    assert right.hemispheres == ("R",)
    assert np.array_equal(right.values, carried.values[N_FINE:])


def test_masked_and_unmasked_maps_differ_as_promised(toy_route):
    """Masked: cortex keeps its value and the wall is invalid. Unmasked: zeros take part."""
    valid = np.tile(toy.icosphere(2).vertices[:, 2] > 10, 2)
    brain = SurfaceMap(np.where(valid, 3.0, 0.0), COARSE, valid=valid)
    masked = resample(brain, FINE)
    assert np.allclose(masked.values[masked.valid], 3)
    assert 0 < masked.valid.sum() < masked.n_vertices
    unmasked = resample(brain, FINE, masked=False)
    assert unmasked.valid.all()
    assert ((unmasked.values > 0) & (unmasked.values < 2.9)).any()


def test_nan_is_left_out_with_a_count_or_refused(toy_route):
    """A NaN at a valid vertex is dropped and counted with the mask, and refused without it."""
    values = np.ones(2 * N_COARSE)
    values[[0, 5]] = np.nan, np.inf
    with pytest.warns(CytosurfWarning, match="2 vertices with NaN or infinite") as caught:
        carried = resample(SurfaceMap(values, COARSE), FINE)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert np.isfinite(carried.values).all()
    assert np.allclose(carried.values[carried.valid], 1)
    with pytest.raises(InputError, match=r"2 vertices with NaN.*Map it with the mask"):
        resample(SurfaceMap(values, COARSE), FINE, masked=False)


def test_unmasked_counts_a_wall_of_nan_as_zeros(toy_route):
    """A wall stored as NaN and one stored as zeros are the same: both take part as zeros."""
    valid = np.tile(toy.icosphere(2).vertices[:, 2] > 10, 2)
    with_nan, with_zeros = (
        SurfaceMap(np.where(valid, 3.0, fill), COARSE, valid=valid) for fill in (np.nan, 0.0)
    )
    unmasked = resample(with_nan, FINE, masked=False)
    assert unmasked.valid.all()
    assert np.array_equal(unmasked.values, resample(with_zeros, FINE, masked=False).values)
    masked = resample(with_nan, FINE)
    assert np.array_equal(masked.values, resample(with_zeros, FINE).values)
    assert np.array_equal(masked.valid, resample(with_zeros, FINE).valid)


def test_a_mask_of_the_caller_leaves_vertices_out(toy_route):
    """Values and labels outside a mask leave no trace; labels are 0 where nothing counts."""
    half = np.tile(toy.icosphere(2).vertices[:, 0] > 0, 2)
    values = np.where(half, 2.0, 1e6)
    brain = SurfaceMap(values, COARSE)
    masked = resample(brain, FINE, mask=half)
    by_validity = resample(SurfaceMap(values, COARSE, valid=half), FINE)
    assert np.array_equal(masked.valid, by_validity.valid)
    assert np.allclose(masked.values[masked.valid], 2)
    areas = Parcellation(np.where(half, 4, 9), COARSE)
    keys = resample(areas, FINE, mask=half).keys
    assert set(keys.tolist()) == {0, 4}
    assert np.array_equal(keys == 4, masked.valid)
    nowhere = resample(areas, FINE, mask=np.zeros_like(half))
    assert not nowhere.keys.any()


def test_a_mask_that_does_not_fit_is_refused(toy_route):
    """Wrong length, numbers in place of true and false, and a mask where none may be."""
    brain = SurfaceMap(np.zeros(2 * N_COARSE), COARSE)
    for mask, message in (
        (np.ones(N_COARSE, bool), r"mask: found bool array of shape \(162,\); .*\(324,\)"),
        (np.ones(2 * N_COARSE), "mask: found float64 array"),
    ):
        with pytest.raises(InputError, match=message):
            resample(brain, FINE, mask=mask)
    with pytest.raises(InputError, match=r"masked=False"):
        resample(brain, FINE, mask=np.ones(2 * N_COARSE, bool), masked=False)
    with pytest.raises(InputError, match="Did you mean 'adaptive'"):
        resample(brain, FINE, method="adaptiv")


def test_areas_belong_to_the_adaptive_method(toy_route):
    """With others they would do nothing, and a name that is none is refused with all."""
    brain = SurfaceMap(np.zeros(2 * N_COARSE), COARSE)
    with pytest.raises(InputError, match="areas: found 'sphere' with the method nearest"):
        resample(brain, FINE, method="nearest", areas="sphere")
    with pytest.raises(InputError, match="areas: found 'pial'"):
        resample(brain, FINE, areas="pial")
    assert resample(brain, FINE, method="adaptive", areas="sphere").space == FINE


def test_labels_keep_their_names_and_zero_takes_part(toy_route):
    """Every key moves as a label, 0 included; the mask option changes nothing."""
    keys = np.tile(np.where(toy.icosphere(2).vertices[:, 0] > 0, 4, 0), 2)
    areas = Parcellation(keys, COARSE, {4: "area", 9: "elsewhere"})
    carried = resample(areas, FINE)
    assert carried.names == {4: "area", 9: "elsewhere"}
    assert np.array_equal(carried.keys[:N_FINE], resample_labels(toy_route["L"], keys[:N_COARSE]))
    assert np.array_equal(carried.keys, resample(areas, FINE, masked=False).keys)
    assert set(carried.keys.tolist()) == {0, 4}


def test_within_a_space_nothing_moves(toy_route):
    """Mapping to the same space returns the very same object."""
    brain = SurfaceMap(np.zeros(2 * N_COARSE), COARSE)
    assert resample(brain, COARSE) is brain


def test_within_a_space_a_mask_counts(toy_route):
    """Nothing moves, and what the mask leaves out is not valid, or has key 0."""
    half = np.tile(toy.icosphere(2).vertices[:, 0] > 0, 2)
    brain = resample(SurfaceMap(np.ones(2 * N_COARSE), COARSE), COARSE, mask=half)
    assert np.array_equal(brain.valid, half)
    assert (brain.values[half] == 1).all()
    areas = resample(Parcellation(np.full(2 * N_COARSE, 4), COARSE), COARSE, mask=half)
    assert np.array_equal(areas.keys, np.where(half, 4, 0))


def test_an_unknown_route_is_refused_before_anything_is_read():
    """A space without registration is named, with those that have one."""
    with pytest.raises(InputError, match="bigbrain-10k to fsLR-32k"):
        resample(SurfaceMap(np.zeros(2 * 10_242), Space("bigbrain", "10k")), FSLR_32K)


def test_a_sphere_of_the_other_hemisphere_is_refused(monkeypatch):
    """Swapped sphere files are noticed by their metadata or name before any weight is made."""
    (step,) = route(FSLR_164K, FSLR_32K)
    swapped = sphere_path("brainspace/surfaces/conte69_32k_rh_sphere.gii")
    monkeypatch.setattr(carrying, "sphere_path", lambda _: swapped)
    with pytest.raises(InputError, match=r"right hemisphere.*expected the left hemisphere"):
        carrying.step_weights(step, "L")


# --- real data ------------------------------------------------------------------------------


def gifti_values(real_data, name):
    """Return the values of a left and a right GIFTI file of the data set, one after the other."""
    files = [real_data / name.format(side) for side in "LR"]
    return np.concatenate([nibabel.load(file).darrays[0].data for file in files])


def histological_gradients(real_data):
    """Return Hist_G1 and Hist_G2 on BigBrain."""
    name = "bigbrainwarp/tpl-bigbrain/tpl-bigbrain_hemi-{}_desc-Hist_G1G2.npz"
    sides = [np.load(real_data / name.format(side)) for side in "LR"]
    columns = ("Hist_G1", "Hist_G2")
    values = np.concatenate([np.stack([side[c] for c in columns], axis=1) for side in sides])
    return SurfaceMap(values, BIGBRAIN, columns)


@pytest.mark.real_data
@pytest.mark.parametrize(("to", "largest"), [(FSLR_32K, 1e-4), (FSLR_164K, 6e-4)])
def test_hist_g2_on_fs_lr_is_reproduced(real_data, real_cache, to, largest):
    """Unmasked, the shipped fs_LR map of Hist_G2 comes out: r = 1.000000 on either hemisphere."""
    name = f"bigbrainwarp/tpl-fs_LR/tpl-fs_LR_hemi-{{}}_den-{to.density}_desc-Hist_G2.shape.gii"
    shipped = SurfaceMap(gifti_values(real_data, name), to)
    carried = resample(histological_gradients(real_data), to, masked=False)
    for side in "LR":
        ours, theirs = carried.hemisphere(side).values[:, 1], shipped.hemisphere(side).values[:, 0]
        assert np.corrcoef(ours, theirs)[0, 1] > 0.9999995
        assert np.abs(ours - theirs).max() < largest


@pytest.mark.real_data
def test_hist_g1_on_fs_lr_is_reproduced_away_from_the_mask(real_data, real_cache):
    """Vertices fed by unmasked BigBrain vertices alone have the shipped Hist_G1."""
    name = "bigbrainwarp/tpl-fs_LR/tpl-fs_LR_hemi-{}_den-32k_desc-Hist_G1.shape.gii"
    shipped = SurfaceMap(gifti_values(real_data, name), FSLR_32K)
    gradients = histological_gradients(real_data)
    wall = SurfaceMap((gradients.values[:, 0] == 0).astype(float), BIGBRAIN)
    carried = resample(gradients, FSLR_32K, masked=False)
    fed_by_wall = resample(wall, FSLR_32K, masked=False)
    for side, n_expected, r_everywhere in (("L", 30_570, 0.9681), ("R", 30_566, 0.9761)):
        clean = fed_by_wall.hemisphere(side).values[:, 0] == 0
        ours = carried.hemisphere(side).values[clean, 0]
        theirs = shipped.hemisphere(side).values[clean, 0]
        both = carried.hemisphere(side).values[:, 0], shipped.hemisphere(side).values[:, 0]
        assert np.corrcoef(*both)[0, 1] == pytest.approx(r_everywhere, abs=6e-5)
        assert clean.sum() == n_expected
        assert np.corrcoef(ours, theirs)[0, 1] > 0.9999995
        assert np.abs(ours - theirs).max() < 1e-4


@pytest.mark.real_data
def test_yeo_and_schaefer_labels_agree_as_published(real_data, real_cache):
    """Labels carried both ways agree with those drawn on the other mesh as in the data's README."""
    yeo_name = "bigbrainwarp/tpl-bigbrain/tpl-bigbrain_hemi-{}_desc-Yeo2011_7Networks_N1000"
    on_bigbrain = Parcellation(gifti_values(real_data, yeo_name + ".label.gii"), BIGBRAIN)
    labels = "fs_LR_32/labels/"
    on_fslr = Parcellation(
        gifti_values(real_data, labels + "Yeo_JNeurophysiol11_7Networks.32k.{}.label.gii"), FSLR_32K
    )
    schaefer = gifti_values(real_data, labels + "Schaefer2018_7Networks_400.32k.{}.label.gii")
    schaefer[len(schaefer) // 2 :] -= 200 * (schaefer[len(schaefer) // 2 :] > 0)
    parcels = "laminar_organization/tpl-bigbrain_hemi-{}_desc-schaefer400_parcellation.label.gii"
    for source, target, left, right in (
        (on_bigbrain, on_fslr, 0.8987, 0.9062),
        (on_fslr, on_bigbrain, 0.9018, 0.9063),
        (
            Parcellation(schaefer, FSLR_32K),
            Parcellation(gifti_values(real_data, parcels), BIGBRAIN),
            0.752,
            0.790,
        ),
    ):
        carried = resample(source, target.space)
        for side, expected in (("L", left), ("R", right)):
            truth = target.hemisphere(side).keys
            agreement = (carried.hemisphere(side).keys == truth)[truth > 0].mean()
            assert agreement == pytest.approx(expected, abs=6e-4 if expected < 0.8 else 6e-5)


@pytest.mark.real_data
def test_the_nearest_vertex_gives_the_known_figures(real_data, real_cache):
    """By the nearest vertex, in one step, maps and labels agree as in the data's README."""
    name = "bigbrainwarp/tpl-fs_LR/tpl-fs_LR_hemi-{}_den-32k_desc-Hist_G{}.shape.gii"
    carried = resample(histological_gradients(real_data), FSLR_32K, method="nearest", masked=False)
    for column, figures in ((0, (0.9554, 0.9630)), (1, (0.9851, 0.9851))):
        shipped = SurfaceMap(gifti_values(real_data, name.format("{}", column + 1)), FSLR_32K)
        for side, expected in zip("LR", figures, strict=True):
            ours = carried.hemisphere(side).values[:, column]
            r = np.corrcoef(ours, shipped.hemisphere(side).values[:, 0])[0, 1]
            assert r == pytest.approx(expected, abs=6e-5)
    labels = (
        "bigbrainwarp/tpl-bigbrain/tpl-bigbrain_hemi-{}_desc-Yeo2011_{}Networks_N1000.label.gii"
    )
    on_fslr = "fs_LR_32/labels/Yeo_JNeurophysiol11_{}Networks.32k.{}.label.gii"
    for n, figures in ((7, (0.8982, 0.9059)), (17, (0.8598, 0.8642))):
        source = Parcellation(gifti_values(real_data, labels.format("{}", n)), BIGBRAIN)
        nearest = resample(source, FSLR_32K, method="nearest")
        truth = Parcellation(gifti_values(real_data, on_fslr.format(n, "{}")), FSLR_32K)
        for side, expected in zip("LR", figures, strict=True):
            keys = truth.hemisphere(side).keys
            agreement = (nearest.hemisphere(side).keys == keys)[keys > 0].mean()
            assert agreement == pytest.approx(expected, abs=6e-5)


@pytest.mark.real_data
@pytest.mark.parametrize("method", ["barycentric", "adaptive", "nearest"])
def test_bigbrain_maps_come_back_from_fs_lr(real_data, real_cache, method):
    """Real files go BigBrain -> fs_LR -> BigBrain, and stay what they were within stated bounds.

    Over fs_LR 164k the meshes are alike; over 32k a fifth of the vertices is left, and what is
    finer than 2 mm is lost. Func_G1 is smooth; Hist_G2 has steps at its 5,000 patches.
    """
    name = "bigbrainwarp/tpl-bigbrain/tpl-bigbrain_hemi-{}_desc-Func_G1.shape.gii"
    smooth = gifti_values(real_data, name)
    stepped = histological_gradients(real_data).values
    both = SurfaceMap(np.c_[smooth, stepped[:, 1]], BIGBRAIN, valid=stepped[:, 0] != 0)
    brain = both.hemisphere("L")
    for over, r_smooth, r_stepped in ((FSLR_164K, 0.999, 0.98), (FSLR_32K, 0.997, 0.94)):
        back = resample(resample(brain, over, method=method), BIGBRAIN, method=method)
        assert (back.valid & brain.valid).sum() > 0.999 * brain.valid.sum()
        assert back.valid.sum() < 1.02 * brain.valid.sum()
        common = back.valid & brain.valid
        for column, least in ((0, r_smooth), (1, r_stepped)):
            r = np.corrcoef(brain.values[common, column], back.values[common, column])[0, 1]
            assert r > least


@pytest.mark.real_data
def test_a_map_on_fs_lr_comes_back_from_bigbrain(real_data, real_cache):
    """The HCP myelin map survives the way to BigBrain and back, masked, up to smoothing."""
    name = "laminar_organization/source-hcps1200_desc-myelinmap_space-fsLR_den-32k_hemi-{}_feature"
    values = gifti_values(real_data, name + ".func.gii")
    myelin = SurfaceMap(values, FSLR_32K, ("myelin",), valid=values > 0)
    there = resample(myelin, BIGBRAIN)
    back = resample(there, FSLR_32K)
    both = myelin.valid & back.valid
    assert there.values[there.valid].min() >= values[values > 0].min() - 1e-4
    assert both.sum() == myelin.valid.sum()
    assert np.corrcoef(myelin.values[both, 0], back.values[both, 0])[0, 1] > 0.99
