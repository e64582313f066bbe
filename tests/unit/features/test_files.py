"""A user's own files: every way of giving them, their masks, and what is wrong with them."""

import numpy as np
import pytest

from cytosurf.errors import CytosurfWarning, InputError
from cytosurf.features.files import file_features, read_arrays
from cytosurf.features.registry import load_features
from cytosurf.surfaces.io import write_map
from cytosurf.surfaces.maps import SurfaceMap
from cytosurf.surfaces.space import Space
from cytosurf.targets.embedded import FSLR32K, cortex_mask, embedded_values

N = 32_492
TOY = Space("toy", "4")


@pytest.fixture(scope="module")
def values():
    """Two columns on fs_LR 32k."""
    return np.random.default_rng(0).normal(size=(2 * N, 2)).astype(np.float32) + 5


def save(path, **arrays):
    """Save an npz and return its path as text."""
    np.savez(path, **arrays)
    return str(path)


def test_npz_of_both_hemispheres(tmp_path, values):
    """`values` with names, on the cortex of the mask that BrainSpace ships."""
    text = save(tmp_path / "mine.npz", values=values, columns=np.array(["a", "b"]))
    features = file_features(text, FSLR32K)
    np.testing.assert_array_equal(features.map.values, values)
    assert features.map.columns == ("a", "b")
    assert features.map.valid.tolist() == cortex_mask().tolist()
    assert features.sources == (f"file:{text}",)
    assert features.notes == (
        "no mask given: valid on the 58,558 cortex vertices of BrainSpace's mask",
    )


def test_npz_of_left_and_right_arrays(tmp_path, values):
    """`L` and `R` make both hemispheres; one of them makes that hemisphere."""
    both = file_features(save(tmp_path / "a.npz", L=values[:N], R=values[N:]), FSLR32K)
    np.testing.assert_array_equal(both.map.values, values)
    right = file_features(save(tmp_path / "b.npz", R=values[N:, 0]), FSLR32K)
    assert right.map.hemispheres == ("R",)
    np.testing.assert_array_equal(right.map.values[:, 0], values[N:, 0])
    assert right.map.valid.tolist() == cortex_mask()[N:].tolist()


def test_a_mask_in_the_file_is_the_mask(tmp_path, values):
    """`valid` is taken as it is, the medial wall included."""
    valid = np.random.default_rng(1).random(2 * N) < 0.5
    features = file_features(save(tmp_path / "a.npz", values=values, valid=valid), FSLR32K)
    assert features.map.valid.tolist() == valid.tolist()


def test_zeros_on_the_cortex_are_values_and_are_mentioned(tmp_path, values):
    """A note says how many vertices are zero in every column; they stay valid."""
    holed = values.copy()
    holed[np.flatnonzero(cortex_mask())[:7]] = 0
    features = file_features(save(tmp_path / "a.npz", values=holed), FSLR32K)
    assert features.map.valid.sum() == 58_558
    assert features.notes[-1].startswith("7 vertices inside the mask are 0 in every column")


@pytest.mark.parametrize("spelling", [("L", "R"), ("lh", "rh"), ("left", "right")])
def test_a_pair_of_tables(tmp_path, values, spelling):
    """{hemi} stands for the two hemispheres in any of the usual spellings."""
    for name, half in zip(spelling, np.split(values, 2), strict=True):
        np.savetxt(tmp_path / f"mine_{name}.csv", half, "%.9g", ",", header="a,b", comments="")
    features = file_features(str(tmp_path / "mine_{hemi}.csv"), FSLR32K)
    np.testing.assert_array_equal(features.map.values, values)
    assert [s.rpartition("_")[2] for s in features.sources] == [f"{s}.csv" for s in spelling]


def test_a_table_that_names_its_hemisphere(tmp_path, values):
    """A single file of one hemisphere says which one in its name."""
    np.savetxt(tmp_path / "mine_hemi-R.csv", values[N:], "%.9g", ",")
    features = file_features(str(tmp_path / "mine_hemi-R.csv"), FSLR32K)
    assert features.map.hemispheres == ("R",)
    np.savetxt(tmp_path / "mine.csv", values[N:], "%.9g", ",")
    with pytest.raises(InputError, match="32,492 vertices; expected 64,984"):
        file_features(str(tmp_path / "mine.csv"), FSLR32K)


def test_gifti_pair_with_a_medial_wall_of_nan(tmp_path, values):
    """NaN on the medial wall is outside the mask anyway and costs nothing."""
    surface_map = SurfaceMap(values, FSLR32K, ("a", "b"), cortex_mask())
    write_map(surface_map, tmp_path / "mine_hemi-{hemi}.func.gii")
    features = file_features(str(tmp_path / "mine_hemi-{hemi}.func.gii"), FSLR32K)
    np.testing.assert_array_equal(features.map.values[cortex_mask()], values[cortex_mask()])
    assert features.map.valid.tolist() == cortex_mask().tolist()


def test_nan_on_the_cortex_of_a_gifti_counts_as_missing(tmp_path, values):
    """GIFTI has no mask: what is NaN on the cortex stays in the count of the 5 % rule."""
    surface_map = SurfaceMap(values, FSLR32K, ("a", "b"), np.arange(2 * N) % 4 > 0)
    write_map(surface_map, tmp_path / "mine_hemi-{hemi}.func.gii")
    features = file_features(str(tmp_path / "mine_hemi-{hemi}.func.gii"), FSLR32K)
    assert (features.map.valid & np.isnan(features.map.values[:, 0])).sum() > 10_000


def test_cifti_brings_its_mask(tmp_path, values):
    """A CIFTI file lists the vertices that have values: those are valid."""
    valid = np.random.default_rng(1).random(2 * N) < 0.5
    surface_map = SurfaceMap(values, FSLR32K, ("a", "b"), valid)
    write_map(surface_map, tmp_path / "mine.dscalar.nii")
    features = file_features(str(tmp_path / "mine.dscalar.nii"), FSLR32K)
    assert features.map.valid.tolist() == valid.tolist()
    np.testing.assert_array_equal(features.map.values[valid], values[valid])


@pytest.mark.parametrize(("n_missing", "refused"), [(100, False), (4000, True)])
def test_rows_without_any_value_are_missing_data(tmp_path, values, n_missing, refused):
    """A vertex that a CIFTI file lists with NaN in every column counts in the rule of 5 %."""
    listed = cortex_mask() & (np.arange(2 * N) % 10 > 0)
    holed = values.copy()
    holed[np.flatnonzero(listed)[:n_missing]] = np.nan
    write_map(SurfaceMap(holed, FSLR32K, ("a", "b"), listed), tmp_path / "mine.dscalar.nii")
    text = str(tmp_path / "mine.dscalar.nii")
    if refused:
        with pytest.raises(
            InputError, match=rf"NaN or infinite values at 4,000 of {listed.sum():,}"
        ):
            load_features(text)
        return
    with pytest.warns(CytosurfWarning, match=f"100 of {listed.sum():,} vertices have NaN"):
        features = load_features(text)
    assert features.map.valid.sum() == listed.sum() - 100


def test_a_cifti_file_of_all_vertices_has_no_mask(tmp_path, values):
    """Some files list the medial wall too, with zeros or NaN on it: the cortex is taken."""
    for wall in (0, np.nan):
        holed = np.where(cortex_mask()[:, None], values, wall)
        write_map(SurfaceMap(holed, FSLR32K), tmp_path / "mine.dscalar.nii")
        features = load_features(str(tmp_path / "mine.dscalar.nii"))
        assert features.map.valid.tolist() == cortex_mask().tolist()


def test_one_row_per_parcel_of_a_named_parcellation(tmp_path):
    """FILE@PARCELLATION spreads the rows over the vertices of their parcels."""
    path = tmp_path / "levels.csv"
    path.write_text("name,level\nidiotypic,4\nparalimbic,1\nheteromodal,2\nunimodal,3\n")
    features = file_features(f"{path}@mesulam", FSLR32K)
    keys = embedded_values("parcellations/mesulam_conte69.csv")
    np.testing.assert_array_equal(features.map.values[:, 0], keys)
    assert features.map.valid.tolist() == (keys > 0).tolist()
    assert features.sources == (f"file:{path}", "brainspace")


def test_a_space_of_the_users_own_has_no_cortex_mask(tmp_path):
    """Where no mask is known all vertices are valid, and a note says so."""
    text = save(tmp_path / "a.npz", values=np.arange(8.0))
    features = file_features(text, TOY)
    assert features.map.valid.all()
    assert features.notes[0] == "no mask given: all vertices of toy-4 are valid"


def test_object_arrays_are_refused_without_unpickling(tmp_path):
    """An object array in an npz is an error that says what to save instead."""
    path = tmp_path / "a.npz"
    np.savez(path, values=np.array([{"a": 1}], dtype=object))
    with pytest.raises(InputError, match=r"an object array \(pickled\).*astype\(str\)"):
        read_arrays(path)


@pytest.mark.parametrize("kept", [0, 10, 200])
def test_a_damaged_npz_is_refused(tmp_path, kept):
    """A truncated or empty file ends in a message."""
    path = tmp_path / "a.npz"
    np.savez_compressed(path, values=np.random.default_rng(0).random(100))
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(InputError, match="no readable npz file"):
        read_arrays(path)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"data": np.zeros(8)}, "arrays data; expected `values`"),
        ({"values": np.zeros(6)}, "6 vertices|6 rows|6"),
        ({"values": np.zeros((8, 2)), "columns": np.array(["a"])}, "1 names"),
        ({"values": np.zeros((8, 2)), "columns": np.array([1, 2])}, "columns of dtype"),
        ({"values": np.zeros(8), "valid": np.ones(7, bool)}, "map mask"),
        ({"values": np.zeros(8), "valid": np.ones(8)}, "float64 array"),
        ({"values": np.array(["a"] * 8)}, "real numbers"),
        ({"values": np.zeros(8, complex)}, "real numbers"),
        ({"L": np.zeros((4, 2)), "R": np.zeros((4, 3))}, "the same columns in both"),
    ],
)
def test_arrays_that_do_not_fit_are_refused_by_file_name(tmp_path, arrays, message):
    """Wrong counts, kinds and shapes name the file."""
    path = tmp_path / "a.npz"
    space = Space("fsLR", "32k") if "6 vertices" in message else TOY
    with pytest.raises(InputError, match=message) as caught:
        file_features(save(path, **arrays), space)
    assert "a.npz" in str(caught.value)


def test_a_mask_in_one_file_of_a_pair_is_refused(tmp_path):
    """Half a mask is a mistake."""
    save(tmp_path / "a_L.npz", values=np.zeros(4), valid=np.ones(4, bool))
    save(tmp_path / "a_R.npz", values=np.zeros(4))
    with pytest.raises(InputError, match="in both files or none"):
        file_features(str(tmp_path / "a_{hemi}.npz"), TOY)


def test_missing_files_are_named(tmp_path):
    """A path that leads nowhere, and half a pair."""
    with pytest.raises(InputError, match=r"nowhere\.npz: found no such file"):
        file_features(str(tmp_path / "nowhere.npz"), TOY)
    with pytest.raises(InputError, match="no such files"):
        file_features(str(tmp_path / "a_{hemi}.npz"), TOY)
    save(tmp_path / "a_lh.npz", values=np.zeros(4))
    with pytest.raises(InputError, match=r"a_rh\.npz: found no such file"):
        file_features(str(tmp_path / "a_{hemi}.npz"), TOY)
    with pytest.raises(InputError, match=r"nowhere\.csv: found no such file"):
        file_features(str(tmp_path / "nowhere.csv") + "@mesulam", TOY)


def test_swapped_hemispheres_are_noticed(tmp_path, values):
    """A pair whose metadata contradicts the names is refused."""
    left, right = write_map(SurfaceMap(values, FSLR32K), tmp_path / "mine_hemi-{hemi}.func.gii")
    held = left.read_bytes()
    left.write_bytes(right.read_bytes())
    right.write_bytes(held)
    with pytest.raises(InputError, match="hemisphere in its metadata"):
        file_features(str(tmp_path / "mine_hemi-{hemi}.func.gii"), FSLR32K)


def test_a_truncated_gifti_is_refused(tmp_path, values):
    """Half a file ends in a message that names it."""
    left, _ = write_map(SurfaceMap(values, FSLR32K), tmp_path / "mine_hemi-{hemi}.func.gii")
    left.write_bytes(left.read_bytes()[: left.stat().st_size // 2])
    with pytest.raises(InputError, match=r"mine_hemi-L\.func\.gii"):
        file_features(str(tmp_path / "mine_hemi-{hemi}.func.gii"), FSLR32K)
