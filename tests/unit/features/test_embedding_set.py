"""Embeddings as a feature set and as maps in files; tables generated with known answers."""

import json
from dataclasses import replace

import numpy as np
import pytest

from cytosurf.compute.files import file_sha256
from cytosurf.errors import InputError
from cytosurf.features import embedding_assign, embedding_generated, embedding_set, registry
from cytosurf.features.bigbrain import bigbrain_profiles
from cytosurf.features.embedding_assign import assign_to_midsurface
from cytosurf.features.embedding_generated import generate_embeddings
from cytosurf.features.embedding_set import embedding_features, map_embeddings
from cytosurf.features.embedding_table import EmbeddingTable
from cytosurf.features.pca import reduce_features
from cytosurf.features.registry import load_feature_sets
from cytosurf.surfaces import read_map, write_mesh
from cytosurf.workflow import decode


@pytest.fixture
def toy_midsurface(toy_cortex, monkeypatch):
    """Let the midsurface of BigBrain be that of the toy cortex."""
    meshes = {h: toy_cortex.toy_mesh(h, "midthickness") for h in "LR"}
    for module in (embedding_assign, embedding_generated):
        monkeypatch.setattr(module, "load_midsurfaces", lambda *_: meshes)
        monkeypatch.setattr(module, "BIGBRAIN", toy_cortex.TOY)
    return meshes


@pytest.fixture
def table(toy_cortex, toy_midsurface, tmp_path):
    """Return a table whose points are the vertices of the toy cortex, in another order."""
    order = np.random.default_rng(0).permutation(1284)
    values = toy_cortex.stain(n_columns=3)[order]
    points = toy_cortex.points()[order]
    path = tmp_path / "t.h5"
    return EmbeddingTable(points, values, order, space="bigbrain").write(path)


def test_the_set_has_the_features_of_the_table(toy_cortex, table):
    """Points at the vertices give back what was put there; the notes say how."""
    features = embedding_features(f"embedding:{table.name}", toy_cortex.TOY)
    np.testing.assert_array_equal(features.map.values, toy_cortex.stain(n_columns=3))
    assert features.name == f"embedding:{table.name}"
    assert features.sources[0] == f"file:{table.name}"
    assert "the nearest point of 1,284 in BigBrain histological space" in features.notes[0]


def test_components_of_the_set_are_those_of_every_set(toy_cortex, table):
    """`embedding:FILE:pcaD` is `reduce_features`, and the table is read once for several."""
    base = f"embedding:{table.name}"
    sets = load_feature_sets([base, f"{base}:pca2", f"{base}:pca1"], toy_cortex.TOY)
    expected = reduce_features(sets[base], 2)
    np.testing.assert_array_equal(sets[f"{base}:pca2"].map.values, expected.map.values)
    assert sets[f"{base}:pca1"].n_features == 1


def test_features_that_never_change_are_left_out(toy_cortex, table):
    """Units of a network that never fire are no reason to stop, but a note."""
    dead = np.zeros((1284, 2), np.float32)
    features = np.column_stack([dead[:, :1], toy_cortex.stain(n_columns=3), dead[:, 1:]])
    EmbeddingTable(toy_cortex.points(), features, space="bigbrain").write(table.name)
    name = f"embedding:{table.name}"
    loaded = load_feature_sets([name], toy_cortex.TOY)[name]
    assert loaded.map.columns == ("feature_2", "feature_3", "feature_4")
    assert "2 features are the same at every vertex and are left out" in loaded.notes


def test_it_is_valid_near_a_point_and_on_the_cortex(toy_cortex, table, monkeypatch):
    """Neither the medial wall nor places without points have features."""
    points = toy_cortex.points()
    front = points[:, 1] > 10
    part = EmbeddingTable(points[front], toy_cortex.stain(3)[front], space="bigbrain")
    part.write(table.name)
    cortex = np.arange(1284) % 2 == 0

    def on_cortex(features):
        return replace(features, map=replace(features.map, valid=cortex))

    monkeypatch.setattr(embedding_set, "on_cortex", on_cortex)
    found = embedding_features(f"embedding:{table.name}", toy_cortex.TOY).map.valid
    near = assign_to_midsurface(part).features.valid
    assert 0 < near.sum() < 1284
    assert found.tolist() == (near & cortex).tolist()


@pytest.mark.filterwarnings("ignore::cytosurf.errors.CytosurfWarning")
def test_embeddings_are_decoded(toy_cortex, table):
    """The score is that of the same values given as a map, and the file is on record."""
    options = {"space": "toy-642", "folds": toy_cortex.FOLDS, "spins": 0, "jobs": 1}
    name = f"embedding:{table.name}:pca2"
    direct = toy_cortex.feature_set("direct", toy_cortex.stain(n_columns=3), np.ones(1284, bool))
    runs = [
        decode(features, toy_cortex.parcellation(), **options)
        for features in (name, reduce_features(direct, 2))
    ]
    scores = [
        next(iter(run.record.results["feature_sets"].values()))["macro_f1"]["folds"] for run in runs
    ]
    assert scores[0] == scores[1]
    assert runs[0].record.info["inputs"][table.name] == file_sha256(table.name)


class TestFiles:
    """`map_embeddings`: maps of features and of distances, with a record."""

    def test_maps_and_their_record(self, toy_cortex, table, tmp_path):
        """The files hold what `assign_to_midsurface` gives; JSON says how they were made."""
        out = tmp_path / "emb_hemi-{hemi}_space-toy_den-642.func.gii"
        files = map_embeddings(table.name, toy_cortex.TOY, out, n_components=2)
        assert [file.name for file in files] == [
            f"emb_hemi-{h}_space-toy_den-642{entity}.{end}"
            for entity in ("", "_desc-distance")
            for h in "LR"
            for end in ("func.gii", "json")
        ]
        assigned = assign_to_midsurface(table, n_components=2)
        read = read_map(files[0:4:2], space=toy_cortex.TOY)
        np.testing.assert_array_equal(read.values, assigned.features.values)
        distance = read_map(files[4::2], space=toy_cortex.TOY)
        np.testing.assert_array_equal(distance.values, assigned.distance.values)
        record = json.loads(files[1].read_text())
        assert record["Assignment"] == {
            "Method": "nearest",
            "K": 1,
            "SigmaMM": None,
            "MaxDistanceMM": 5.0,
            "Midsurface": "BigBrain midsurface, bigbrain",
            "MidsurfaceFiles": [],
        }
        assert record["Resampling"] is None
        assert record["Table"]["Points"] == 1284
        assert len(record["Table"]["SHA256"]) == 64
        assert len(record["Components"]) == 2

    def test_a_midsurface_of_the_users_own(self, toy_cortex, table, tmp_path):
        """Files of both hemispheres, for points in any space."""
        meshes = {h: toy_cortex.toy_mesh(h, "midthickness") for h in "LR"}
        for h, mesh in meshes.items():
            write_mesh(mesh, tmp_path / f"mid_hemi-{h}.surf.gii", hemisphere=h)
        own = EmbeddingTable(table.points_mm, toy_cortex.stain(3), space="other:toy")
        path = own.write(tmp_path / "own.h5").name
        options = {"midsurface": f"{tmp_path}/mid_hemi-{{hemi}}.surf.gii"}
        files = map_embeddings(
            path, toy_cortex.TOY, tmp_path / "own", **options, mesh_space=toy_cortex.TOY
        )
        assert files[0].name == "own_hemi-L_space-toy_den-642_map.func.gii"
        assert files[4].name == "own_hemi-L_space-toy_den-642_desc-distance_map.func.gii"
        assignment = json.loads(files[1].read_text())["Assignment"]
        assert assignment["Midsurface"] == "the user's own"
        paths = [tmp_path / f"mid_hemi-{h}.surf.gii" for h in "LR"]
        assert assignment["MidsurfaceFiles"] == [
            {"File": path.name, "SHA256": file_sha256(path)} for path in paths
        ]
        with pytest.raises(InputError, match=r"midsurface.*Write \{hemi\}"):
            map_embeddings(
                path, toy_cortex.TOY, tmp_path / "x", midsurface=f"{tmp_path}/mid_hemi-L.surf.gii"
            )

    def test_an_ending_that_cannot_be_written_is_refused_first(self, toy_cortex, tmp_path):
        """Before the table is read."""
        with pytest.raises(InputError, match="this ending"):
            map_embeddings("nowhere.h5", toy_cortex.TOY, tmp_path / "x.npz")


class TestGenerated:
    """Tables made from feature sets."""

    @pytest.fixture(autouse=True)
    def stain(self, toy_cortex, monkeypatch, request):
        """Let `stain` be a feature set of BigBrain."""
        request.getfixturevalue("toy_midsurface")
        made = toy_cortex.feature_set()
        monkeypatch.setitem(registry.FEATURES, "stain", lambda _: made)
        return made.map

    def test_the_rows_are_the_valid_vertices(self, toy_cortex, stain, tmp_path):
        """With their features, in order; ids are the vertices."""
        table = generate_embeddings("stain", tmp_path / "t.h5")
        rows = np.flatnonzero(stain.valid)
        assert table.ids.tolist() == rows.tolist()
        np.testing.assert_allclose(table.points_mm, toy_cortex.points()[rows])
        np.testing.assert_array_equal(next(table.chunks())[1], stain.values[rows])

    def test_share_jitter_and_seed(self, toy_cortex, stain, tmp_path):
        """A random part, moved by random amounts that follow from the seed."""
        options = {"share": 0.5, "jitter_mm": 0.5}
        one, same, other = (
            generate_embeddings("stain", tmp_path / f"{i}.h5", **options, seed=seed)
            for i, seed in enumerate((1, 1, 2))
        )
        assert len(one) == round(stain.valid.sum() / 2)
        np.testing.assert_array_equal(one.points_mm, same.points_mm)
        assert one.ids.tolist() != other.ids.tolist()
        moved = one.points_mm - toy_cortex.points()[one.ids]
        assert 0.4 < moved.std() < 0.6

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ({"share": 0}, "share: found 0"),
            ({"share": 1.5}, "share: found 1.5"),
            ({"jitter_mm": -1}, "jitter_mm: found -1"),
            ({"jitter_mm": np.inf}, "jitter_mm: found inf"),
            ({"space": "colin27"}, "space: found colin27; expected bigbrain or bigbrainsym"),
        ],
    )
    def test_numbers_without_a_meaning(self, tmp_path, options, words):
        """Named."""
        with pytest.raises(InputError, match=words):
            generate_embeddings("stain", tmp_path / "t.h5", **options)


@pytest.mark.real_data
@pytest.mark.usefixtures("real_cache")
def test_staining_profiles_at_their_vertices_come_back(tmp_path):
    """Bit for bit, also where the points are in BigBrainSym."""
    profiles, _ = bigbrain_profiles()
    table = generate_embeddings("profiles", tmp_path / "t.h5", space="bigbrainsym")
    assigned = assign_to_midsurface(table, max_distance_mm=1e-3)
    np.testing.assert_array_equal(assigned.features.valid, profiles.valid)
    np.testing.assert_array_equal(
        assigned.features.values[profiles.valid], profiles.values[profiles.valid]
    )
