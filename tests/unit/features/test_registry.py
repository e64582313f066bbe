"""What a user types: names, numbers, components, joins, paths, and the answer to a mistake."""

import numpy as np
import pytest
from sklearn.decomposition import PCA

from cytosurf.errors import InputError
from cytosurf.features.registry import load_feature_sets, load_features, matched_position
from cytosurf.surfaces.space import Space
from cytosurf.targets.embedded import FSLR32K

EMBEDDED = [
    *("coordinates", "coordinates:mirrored", "harmonics:8", "microstructure", "t1wt2w"),
    *("thickness", "curvature", "mpc-gradients", "fc-gradients"),
]


@pytest.mark.parametrize("name", EMBEDDED)
def test_embedded_sets_load_without_any_download(name, monkeypatch, tmp_path):
    """What needs no data directory works with an empty one, offline."""
    monkeypatch.setenv("CYTOSURF_DATA", str(tmp_path))
    monkeypatch.setenv("CYTOSURF_OFFLINE", "1")
    features = load_features(name)
    assert features.name == name
    assert features.map.space == FSLR32K
    assert features.sources == ("brainspace",)
    assert np.isfinite(features.map.values[features.map.valid]).all()
    assert list(tmp_path.iterdir()) == []


def test_components_of_a_set_are_scikit_learns():
    """NAME:pcaD is the PCA of NAME over its valid vertices."""
    whole, reduced = load_features("microstructure"), load_features("microstructure:pca3")
    valid = whole.map.valid
    scores = PCA(3, svd_solver="full").fit_transform(whole.map.values[valid].astype(np.float64))
    np.testing.assert_allclose(
        np.abs(reduced.map.values[valid]), np.abs(scores), rtol=1e-4, atol=1e-3
    )
    assert reduced.name == "microstructure:pca3"


def test_joined_sets_stand_side_by_side():
    """A:pcaD+B has D columns and those of B, valid where both are."""
    joined = load_features("microstructure:pca2+coordinates:mirrored + harmonics:4")
    assert joined.name == "microstructure:pca2+coordinates:mirrored+harmonics:4"
    assert joined.n_features == 2 + 3 + 4
    assert joined.map.valid.sum() == 58_558
    np.testing.assert_array_equal(
        joined.map.values[:, :2], load_features("microstructure:pca2").map.values
    )


def test_matched_position_has_as_many_columns():
    """Position with d columns for features of d columns."""
    for n in (1, 2, 32, 36):
        assert matched_position(n).n_features == n


def test_paths_are_sets_too(tmp_path):
    """A path, its components, and its join with a name; a + in a lone path is not a join."""
    values = np.random.default_rng(0).normal(size=(64_984, 3))
    path = tmp_path / "my.npz"
    np.savez(path, values=values)
    assert load_features(str(path)).n_features == 3
    assert load_features(f"{path}:pca2+coordinates").n_features == 5
    (tmp_path / "a+b.npz").write_bytes(path.read_bytes())
    assert load_features(str(tmp_path / "a+b.npz")).n_features == 3


def test_missing_values_of_a_file_meet_the_five_percent_rule(tmp_path):
    """20 % of NaN on the cortex are refused by the loader."""
    values = np.random.default_rng(0).normal(size=(64_984, 1))
    values[::5] = np.nan
    np.savez(tmp_path / "my.npz", values=values)
    with pytest.raises(InputError, match=r"NaN or infinite values at 11,7\d\d of 58,558"):
        load_features(str(tmp_path / "my.npz"))


def test_a_constant_column_of_a_file_is_refused(tmp_path):
    """Named, with the file."""
    values = np.random.default_rng(0).normal(size=(64_984, 2))
    values[:, 1] = 1
    np.savez(tmp_path / "my.npz", values=values, columns=np.array(["a", "b"]))
    with pytest.raises(InputError, match=r"my\.npz: found column 'b' with the same value 1"):
        load_features(str(tmp_path / "my.npz"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("neighborhood", "Did you mean 'neighbourhood'"),
        ("Coordinates", "Did you mean 'coordinates'"),
        ("coordinates:mirror", "Did you mean 'coordinates:mirrored'"),
        ("harmonics", "Did you mean 'harmonics:N'"),
        ("harmonics:N", "'N' after the colon"),
        ("harmonics:-3", "'-3' after the colon"),
        ("harmonics:0", "1 to 1,023"),
        ("coordinates:pca4", "4 components; expected 1 to 3"),
        ("coordinates:pca0", "0 components"),
        ("coordinates:pca", "'' after the colon"),
        ("coordinates:pca1.5", "'1.5' after the colon"),
        ("coordinates+coordinates", "'coordinates' 2 times"),
        ("coordinates+", "''; expected one of"),
        ("", "''; expected one of"),
        ("nowhere.func.gii", "no such file"),
        ("nowhere/map", "no such file"),
        ("nowhere.csv@schaefer400", "no such file"),
        ("embedding:nowhere.h5", "nowhere.h5: found no such file; expected a table of embeddings"),
        ("embedding:nowhere.h5:pca3+coordinates", "nowhere.h5: found no such file"),
        ("embedding:", "'embedding:'; expected one of"),
        ("embeding:my.h5", "Did you mean 'embedding:FILE'"),
    ],
)
def test_mistakes_get_an_answer(text, message):
    """Each mistake is an InputError that says what was expected."""
    with pytest.raises(InputError, match=message):
        load_features(text)


def test_a_space_without_surfaces_is_refused():
    """A name that has no meaning in a space says so."""
    with pytest.raises(InputError):
        load_features("coordinates", Space("fsaverage", "164k"))


def test_several_sets_equal_each_alone():
    """Loading sets together saves work, and changes nothing."""
    names = ["microstructure", "microstructure:pca2", "coordinates+microstructure:pca3"]
    together = load_feature_sets(names)
    assert list(together) == names
    for name in names:
        alone = load_features(name)
        np.testing.assert_array_equal(together[name].map.values, alone.map.values)
        np.testing.assert_array_equal(together[name].map.valid, alone.map.valid)
        assert together[name].notes == alone.notes
