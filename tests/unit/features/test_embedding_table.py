"""Tables of embeddings: what goes in comes out, in chunks, whole or not at all."""

from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cytosurf
from cytosurf.errors import CytosurfWarning, InputError
from cytosurf.features.embedding_spaces import load_midsurfaces, point_space, title_of
from cytosurf.features.embedding_table import (
    EmbeddingTable,
    StoredFeatures,
    rows_per_chunk,
)
from cytosurf.features.embedding_writing import EmbeddingChunk, write_embeddings


def rows(n=10, d=4, seed=0):
    """Return points and features."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, 3)), rng.normal(size=(n, d)).astype(np.float32)


def whole(table):
    """Return all features of a table."""
    return np.concatenate([part for _, part in table.chunks()])


class TestInMemory:
    """A table made of arrays."""

    def test_it_is_public(self):
        """Under its name in the package."""
        assert cytosurf.EmbeddingTable is EmbeddingTable

    def test_arrays_are_kept(self):
        """Points in float64, features in float32, ids as they are, and nothing can be replaced."""
        points, features = rows()
        table = EmbeddingTable(points, features, [f"p{i}" for i in range(10)], space="ICBM")
        assert (len(table), table.n_features, table.space) == (10, 4, "bigbrainsym")
        assert (table.points_mm.dtype, table.features.dtype) == (np.float64, np.float32)
        assert table.ids[3] == "p3"
        with pytest.raises(AttributeError):
            table.space = "colin27"

    @pytest.mark.parametrize("n_rows", [1, 3, 10, 99])
    def test_chunks_cover_all_rows_in_order(self, n_rows):
        """Whatever their size; each says where it starts."""
        table = EmbeddingTable(*rows(), space="bigbrain")
        starts = [start for start, _ in table.chunks(n_rows)]
        assert starts == list(range(0, 10, n_rows))
        np.testing.assert_array_equal(
            np.concatenate([part for _, part in table.chunks(n_rows)]), table.features
        )

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ({"points_mm": np.zeros((0, 3)), "features": np.zeros((0, 4))}, "table: found 0 rows"),
            ({"features": np.zeros((10, 0))}, "10 rows of 0 features"),
            ({"features": np.zeros((9, 4))}, "features: found 9 rows; expected 10"),
            ({"features": np.zeros(10)}, r"shape \(10,\)"),
            ({"features": [[1, 2]] * 9 + [[1]]}, "rows of different lengths"),
            ({"features": np.full((10, 4), "x")}, "features: found <U1"),
            ({"features": np.full((10, 4), 1e300)}, "NaN or infinite values in 10 of 10"),
            ({"points_mm": np.zeros((10, 2))}, r"shape \(10, 2\); expected \(n, 3\)"),
            ({"points_mm": np.full((10, 3), np.nan)}, "points_mm: found NaN"),
            ({"ids": np.arange(9)}, r"ids: found shape \(9,\)"),
            ({"ids": np.arange(10.0)}, "ids: found dtype float64"),
            ({"ids": np.array([object()] * 10)}, "ids: found Python objects"),
            ({"space": None}, "space: found no space of the points; .*never guessed"),
            ({"space": ""}, "no space of the points"),
            ({"space": "bigbrian"}, "space: found 'bigbrian'"),
            ({"space": "other:"}, "space: found 'other:'"),
        ],
    )
    def test_bad_arrays_are_refused(self, change, words):
        """Each with what was found."""
        points, features = rows()
        arguments = {"points_mm": points, "features": features, "space": "bigbrain"} | change
        with pytest.raises(InputError, match=words):
            EmbeddingTable(**arguments)

    def test_the_space_is_required(self):
        """There is no default that would be a guess."""
        with pytest.raises(TypeError, match="space"):
            EmbeddingTable(*rows())


class TestSpaces:
    """Names of the spaces of points."""

    @pytest.mark.parametrize(
        ("text", "name"),
        [
            ("BigBrain", "bigbrain"),
            ("bigbrain-sym", "bigbrainsym"),
            ("icbm", "bigbrainsym"),
            ("MNI152NLin2009bSym", "bigbrainsym"),
            ("MNI Colin 27", "colin27"),
            ("other:mouse", "other:mouse"),
        ],
    )
    def test_usual_spellings(self, text, name):
        """One stored name each."""
        assert point_space(text) == name

    @pytest.mark.parametrize("text", ["mni", "MNI152NLin2009cAsym", "fsLR", "native"])
    def test_what_is_not_sure_is_refused(self, text):
        """MNI is many spaces; the asymmetric templates differ from BigBrainSym."""
        with pytest.raises(InputError, match="never guessed"):
            point_space(text)

    def test_a_space_of_the_users_own_has_no_surface(self):
        """It must be given."""
        assert title_of("other:mouse") == "mouse"
        with pytest.raises(InputError, match=r"t\.h5: found points in other:mouse"):
            load_midsurfaces("other:mouse", "t.h5")


class TestFiles:
    """The same table on disk."""

    @settings(max_examples=25)
    @given(n=st.integers(1, 40), d=st.integers(1, 9), step=st.integers(1, 40), text=st.booleans())
    def test_what_is_written_is_read(self, tmp_path_factory, n, d, step, text):
        """To the last bit, whatever the chunks."""
        points, features = rows(n, d)
        ids = np.array([f"ä{i}" for i in range(n)]) if text else np.arange(n)[::-1] * 7
        path = tmp_path_factory.mktemp("tables") / "t.h5"
        chunks = (
            EmbeddingChunk(points[a : a + step], features[a : a + step], ids[a : a + step])
            for a in range(0, n, step)
        )
        table = write_embeddings(path, chunks, space="bigbrain", source="test")
        np.testing.assert_array_equal(table.points_mm, points)
        np.testing.assert_array_equal(whole(table), features)
        assert table.ids.tolist() == ids.tolist()
        assert (table.space, table.name) == ("bigbrain", str(path))

    def test_features_stay_in_the_file(self, tmp_path):
        """Opening a table reads no features; the file holds plain chunks of whole rows."""
        table = EmbeddingTable(*rows(5000, 300), space="bigbrain").write(tmp_path / "t.h5")
        assert isinstance(table.features, StoredFeatures)
        with h5py.File(tmp_path / "t.h5") as file:
            assert file["features"].chunks == (rows_per_chunk(300), 300)
            assert file["features"].compression is None
            assert 2**21 < 4 * np.prod(file["features"].chunks) <= 2**22
        again = EmbeddingTable.open(tmp_path / "t.h5")
        np.testing.assert_array_equal(whole(again), rows(5000, 300)[1])

    def test_messages_call_it_by_its_name_from_here(self, tmp_path, monkeypatch):
        """A file in the working folder by its name alone, others by their whole path."""
        table = EmbeddingTable(*rows(), space="bigbrain")
        assert table.name == "embedding table"
        stored = table.write(tmp_path / "folder" / "t.h5")
        assert stored.name == str(tmp_path / "folder" / "t.h5")
        monkeypatch.chdir(tmp_path)
        assert stored.name == str(Path("folder/t.h5"))

    def test_a_table_can_replace_its_own_file(self, tmp_path):
        """Reading goes on while the new file has a temporary name."""
        path = tmp_path / "t.h5"
        table = EmbeddingTable(*rows(), space="bigbrain").write(path)
        np.testing.assert_array_equal(whole(table.write(path)), rows()[1])
        assert [p.name for p in tmp_path.iterdir()] == ["t.h5"]

    def test_an_interrupted_table_leaves_nothing(self, tmp_path):
        """What was there before stays."""
        path = tmp_path / "t.h5"
        EmbeddingTable(*rows(), space="bigbrain").write(path)
        before = path.read_bytes()

        def dying():
            yield EmbeddingChunk(*rows())
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            write_embeddings(path, dying(), space="bigbrain")
        assert path.read_bytes() == before
        assert [p.name for p in tmp_path.iterdir()] == ["t.h5"]

    @pytest.mark.parametrize("where", ["points", "features"])
    def test_rows_with_nan_are_left_out_with_a_warning(self, tmp_path, where):
        """Their ids go with them: ids of the others are those of the source."""
        points, features = rows(100)
        {"points": points, "features": features}[where][[3, 41]] = np.nan
        halves = [EmbeddingChunk(points[a : a + 50], features[a : a + 50]) for a in (0, 50)]
        with pytest.warns(CytosurfWarning, match="2 of 100 rows have NaN"):
            table = write_embeddings(tmp_path / "t.h5", halves, space="bigbrain")
        kept = np.setdiff1d(np.arange(100), [3, 41])
        np.testing.assert_array_equal(table.ids, kept)
        np.testing.assert_array_equal(whole(table), features[kept])

    @pytest.mark.parametrize("bad", [6, 100])
    def test_many_rows_with_nan_are_an_error(self, tmp_path, bad):
        """More than 5 %, or all of them; no file is left."""
        points, features = rows(100)
        features[:bad] = np.inf
        with pytest.raises(InputError, match=rf"in {bad} of 100 rows \({bad}.0%\)"):
            write_embeddings(
                tmp_path / "t.h5", [EmbeddingChunk(points, features)], space="bigbrain"
            )
        assert not list(tmp_path.iterdir())

    @pytest.mark.parametrize(
        ("second", "words"),
        [
            (EmbeddingChunk(*rows(5, 7)), r"rows 10 to 14\): found 7 features; expected 4"),
            (EmbeddingChunk(rows(5)[0], rows(6)[1]), r"rows 10 to 14\): found 6 features"),
            (EmbeddingChunk(*rows(5), ids=list("abcde")), "ids of another kind"),
            (EmbeddingChunk(*rows(5), ids=[1, 2]), "expected .*5,"),
            (EmbeddingChunk([[1, 2]], [[1, 2, 3, 4]]), r"shape \(1, 2\)"),
            (EmbeddingChunk([[1, 2, 3]], [["a", 2, 3, 4]]), "features.*found <U"),
        ],
    )
    def test_a_chunk_that_does_not_fit_is_named(self, tmp_path, second, words):
        """With its rows and the file; nothing is left."""
        chunks = [EmbeddingChunk(*rows()), second]
        with pytest.raises(InputError, match=words) as caught:
            write_embeddings(tmp_path / "t.h5", chunks, space="bigbrain")
        assert caught.value.where.startswith(str(tmp_path / "t.h5"))
        assert not list(tmp_path.iterdir())

    @pytest.mark.parametrize("chunks", [[], [EmbeddingChunk(np.zeros((0, 3)), np.zeros((0, 4)))]])
    def test_an_empty_table_is_refused(self, tmp_path, chunks):
        """No chunk, or none with a row."""
        with pytest.raises(InputError, match="found no row"):
            write_embeddings(tmp_path / "t.h5", chunks, space="bigbrain")

    def test_another_ending_is_refused(self, tmp_path):
        """What is in the file would not be what its name says; nothing is written."""
        table = EmbeddingTable(np.zeros((2, 3)), np.ones((2, 1)), space="bigbrain")
        with pytest.raises(InputError, match=r"t\.npz: found the ending '\.npz'; expected .*\.h5"):
            table.write(tmp_path / "t.npz")
        assert not list(tmp_path.iterdir())

    def test_a_place_that_cannot_be_written(self, tmp_path):
        """A file where a folder should be."""
        (tmp_path / "file").write_text("x")
        with pytest.raises(InputError, match="cannot be written to"):
            EmbeddingTable(*rows(), space="bigbrain").write(tmp_path / "file" / "t.h5")

    def test_files_that_are_no_tables(self, tmp_path):
        """Missing, text, cut off, another kind of HDF5, a later version: each is told."""
        path = tmp_path / "t.h5"
        with pytest.raises(InputError, match="no such file"):
            EmbeddingTable.open(path)
        path.write_text("x,y,z\n")
        with pytest.raises(InputError, match=r"not HDF5.*embeddings import"):
            EmbeddingTable.open(path)
        with h5py.File(path, "w") as file:
            file["emb"] = np.zeros(3)
        with pytest.raises(InputError, match=r"another kind \(emb\)"):
            EmbeddingTable.open(path)
        EmbeddingTable(*rows(200_000, 8), space="bigbrain").write(path)
        content = path.read_bytes()
        path.write_bytes(content[: len(content) // 2])
        with pytest.raises(InputError, match=r"damaged|cut off"):
            EmbeddingTable.open(path)
        path.write_bytes(content)
        with h5py.File(path, "r+") as file:
            file.attrs["version"] = 2
        with pytest.raises(InputError, match="version 2; expected version 1"):
            EmbeddingTable.open(path)

    def test_nan_that_others_put_into_a_file_is_found(self, tmp_path):
        """When the features are read, with the row."""
        table = EmbeddingTable(*rows(300), space="bigbrain").write(tmp_path / "t.h5")
        with h5py.File(tmp_path / "t.h5", "r+") as file:
            file["features"][123, 2] = np.nan
        with pytest.raises(InputError, match="NaN or infinite features in row 123"):
            whole(table)
