"""Importing embeddings: five formats with the user's names, and what is wrong with a file."""

import h5py
import numpy as np
import pandas as pd
import pytest

import cytosurf
from cytosurf.errors import CytosurfWarning, InputError
from cytosurf.features import embedding_readers
from cytosurf.features.embedding_import import import_embeddings

N, D = 25, 3
POINTS = np.random.default_rng(0).normal(size=(N, 3))
FEATURES = np.random.default_rng(1).normal(size=(N, D)).astype(np.float32)
IDS = [f"patch-{i}" for i in range(N)]


@pytest.fixture(autouse=True)
def few_rows_at_a_time(monkeypatch):
    """Read in parts of 10 rows, so that 25 of them are three parts."""
    monkeypatch.setattr(embedding_readers, "ROWS", 10)


def frame(**columns):
    """Return the table with columns x, y, z, f0, f1, f2 and name."""
    data = dict(zip("xyz", POINTS.T, strict=True))
    data |= {f"f{i}": FEATURES[:, i].astype(np.float64) for i in range(D)}
    return pd.DataFrame(data | {"name": IDS} | columns)


def write(path, **arrays):
    """Write the table in the format of the ending."""
    arrays = {"points": POINTS, "features": FEATURES, "ids": np.array(IDS)} | arrays
    match path.suffix:
        case ".npz":
            np.savez(path, **arrays)
        case ".h5":
            with h5py.File(path, "w") as file:
                for name, array in arrays.items():
                    dtype = h5py.string_dtype() if name == "ids" else array.dtype
                    file.create_dataset(f"group/{name}", data=array.astype(dtype), dtype=dtype)
        case ".csv":
            frame().to_csv(path, index=False)
        case ".tsv":
            frame().to_csv(path, index=False, sep="\t")
        case ".parquet":
            frame().to_parquet(path)
    return path


def names_of(suffix):
    """Return how the parts are called in a format."""
    if suffix == ".npz":
        return {"points": ["points"], "features": ["features"], "ids": "ids"}
    if suffix == ".h5":
        group = {name: f"group/{name}" for name in ("points", "features", "ids")}
        return group | {"points": [group["points"]], "features": [group["features"]]}
    return {"points": ["x", "y", "z"], "features": ["f*"], "ids": "name"}


def whole(table):
    """Return all features."""
    return np.concatenate([part for _, part in table.chunks()])


@pytest.mark.parametrize("suffix", [".npz", ".h5", ".csv", ".tsv", ".parquet"])
def test_every_format_gives_the_same_table(tmp_path, suffix):
    """Points, features and ids by the names that the user gives, in parts."""
    source = write(tmp_path / f"patches{suffix}")
    table = import_embeddings(source, tmp_path / "t.h5", space="bigbrain", **names_of(suffix))
    np.testing.assert_allclose(table.points_mm, POINTS, rtol=1e-15)
    np.testing.assert_array_equal(whole(table), FEATURES)
    assert table.ids.tolist() == IDS
    with h5py.File(tmp_path / "t.h5") as file:
        assert file.attrs["source"] == source.name


def test_it_is_public():
    """Under its name in the package."""
    assert cytosurf.import_embeddings is import_embeddings


@pytest.mark.parametrize("suffix", [".npz", ".csv"])
def test_usual_names_need_not_be_given(tmp_path, suffix):
    """`points` and `features`, or x, y, z and every other column; ids count the rows."""
    source = tmp_path / f"p{suffix}"
    write(source)
    if suffix == ".csv":
        frame().drop(columns="name").to_csv(source, index=False)
    table = import_embeddings(source, tmp_path / "t.h5", space="bigbrain")
    np.testing.assert_array_equal(whole(table), FEATURES)
    assert table.ids.tolist() == list(range(N))


@pytest.mark.parametrize(("unit", "factor"), [("um", 1e-3), ("µm", 1e-3), ("nm", 1e-6), ("m", 1e3)])
def test_units_are_made_mm(tmp_path, unit, factor):
    """Coordinates are stored in mm."""
    source = write(tmp_path / "p.npz", points=POINTS / factor)
    table = import_embeddings(source, tmp_path / "t.h5", space="bigbrain", unit=unit)
    np.testing.assert_allclose(table.points_mm, POINTS, rtol=1e-12)


def test_arrays_side_by_side(tmp_path):
    """x, y and z apart, and features in several arrays."""
    source = tmp_path / "p.npz"
    x, y, z = POINTS.T
    np.savez_compressed(source, x=x, y=y, z=z, a=FEATURES[:, :2], b=FEATURES[:, 2])
    table = import_embeddings(
        source, tmp_path / "t.h5", space="bigbrain", points=list("xyz"), features=["a", "b"]
    )
    np.testing.assert_array_equal(table.points_mm, POINTS)
    np.testing.assert_array_equal(whole(table), FEATURES)


def test_a_parquet_column_of_lists(tmp_path):
    """One vector in each row; rows of another length are found, also in a later part."""
    table = frame(vector=list(FEATURES)).drop(columns=["f0", "f1", "f2"])
    source = tmp_path / "p.parquet"
    table.to_parquet(source)
    options = {"space": "bigbrain", "features": ["vector"]}
    imported = import_embeddings(source, tmp_path / "t.h5", **options)
    np.testing.assert_array_equal(whole(imported), FEATURES)
    vectors = list(FEATURES)
    vectors[13] = vectors[13][:2]
    frame(vector=vectors).to_parquet(source)
    with pytest.raises(InputError, match="lists of 2 to 3 numbers in column 'vector'"):
        import_embeddings(source, tmp_path / "t.h5", **options)
    vectors[10:20] = [v[:2] for v in FEATURES[10:20]]
    frame(vector=vectors).to_parquet(source)
    with pytest.raises(InputError, match=r"rows 10 to 19\): found 2 features; expected 3"):
        import_embeddings(source, tmp_path / "t.h5", **options)


def test_empty_cells_are_rows_without_a_value(tmp_path):
    """NaN in one row of 25 is left out with a warning; in two it is an error (5 %)."""
    table = frame()
    table.loc[7, "f1"] = np.nan
    table.to_csv(tmp_path / "p.csv", index=False)
    options = {"space": "bigbrain", "features": ["f?"], "ids": "name"}
    with pytest.warns(CytosurfWarning, match="1 of 25 rows"):
        imported = import_embeddings(tmp_path / "p.csv", tmp_path / "t.h5", **options)
    assert imported.ids.tolist() == [i for i in IDS if i != "patch-7"]
    table.loc[8, "x"] = np.nan
    table.to_csv(tmp_path / "p.csv", index=False)
    with pytest.raises(InputError, match=r"2 of 25 rows \(8.0%\)"):
        import_embeddings(tmp_path / "p.csv", tmp_path / "t.h5", **options)


@pytest.mark.parametrize(
    ("suffix", "change", "words"),
    [
        (".npz", {"points": ["point"]}, r"arrays: found 'point'.*Did you mean 'points'"),
        (".npz", {"features": ["emb"]}, "found 'emb'; expected one of features, ids, points"),
        (".npz", {"points": ["ids"]}, "numbers"),
        (".npz", {"points": list("xy")}, "points: found 2 names; expected one array"),
        (".h5", {"features": ["features"]}, "datasets: found 'features'.*group/features"),
        (".h5", {"ids": "group/points"}, r"ids\): found shape"),
        (".csv", {"points": ["x", "y", "w"]}, "no column 'w'; expected one of its columns: x, y"),
        (".csv", {"points": ["x", "y"]}, "points: found 2 names; expected three columns"),
        (".csv", {"features": ["g*"]}, r"no column 'g\*'"),
        (".csv", {"features": ["*"], "ids": None}, "text in column 'name' .*patch-0.*--ids"),
        (".csv", {"points": ["name", "y", "z"]}, "text in column 'name'"),
        (".tsv", {"ids": "id"}, "no column 'id'"),
        (".parquet", {"features": ["f9"]}, "no column 'f9'"),
        (".csv", {"unit": "inch"}, "unit: found 'inch'"),
        (".csv", {"space": None}, "space: found no space"),
    ],
)
def test_names_that_are_not_there(tmp_path, suffix, change, words):
    """Each with the names that are; nothing is written."""
    source = write(tmp_path / f"p{suffix}")
    with pytest.raises(InputError, match=words):
        import_embeddings(
            source, tmp_path / "t.h5", **{"space": "bigbrain"} | names_of(suffix) | change
        )
    assert [p.name for p in tmp_path.iterdir()] == [source.name]


def test_pickled_objects_are_refused(tmp_path):
    """Object arrays are never loaded."""
    source = write(tmp_path / "p.npz", ids=np.array(IDS, dtype=object))
    with pytest.raises(InputError, match=r"array ids: found an object array \(pickled\)"):
        import_embeddings(source, tmp_path / "t.h5", space="bigbrain", ids="ids")


def test_lengths_must_agree(tmp_path):
    """Of all arrays, with their counts."""
    source = write(tmp_path / "p.npz", features=FEATURES[:20])
    with pytest.raises(InputError, match=r"points 25, features 20 rows"):
        import_embeddings(source, tmp_path / "t.h5", space="bigbrain")


def test_arrays_stored_by_columns(tmp_path, monkeypatch):
    """As pandas gives them: read as a whole, and refused where that would take too much memory."""
    arrays = {"points": np.asfortranarray(POINTS), "features": np.asfortranarray(FEATURES)}
    source = write(tmp_path / "p.npz", **arrays)
    table = import_embeddings(source, tmp_path / "t.h5", space="bigbrain")
    np.testing.assert_array_equal(table.points_mm, POINTS)
    np.testing.assert_array_equal(whole(table), FEATURES)
    monkeypatch.setattr(embedding_readers, "MOST_BYTES_AT_ONCE", FEATURES.nbytes - 1)
    with pytest.raises(InputError, match=r"stored by columns.*ascontiguousarray"):
        import_embeddings(source, tmp_path / "t.h5", space="bigbrain")


@pytest.mark.parametrize("suffix", [".npz", ".h5", ".csv", ".parquet"])
def test_damaged_and_empty_files(tmp_path, suffix):
    """Missing, empty, cut off, or no row: one message that names the file."""
    source, out = tmp_path / f"p{suffix}", tmp_path / "t.h5"
    options = {"space": "bigbrain", **names_of(suffix)}
    with pytest.raises(InputError, match="no such file"):
        import_embeddings(source, out, **options)
    source.write_bytes(b"")
    with pytest.raises(InputError, match="an empty file"):
        import_embeddings(source, out, **options)
    content = write(source).read_bytes()
    if suffix != ".csv":
        source.write_bytes(content[: len(content) // 2])
        with pytest.raises(InputError, match=rf"p\{suffix}"):
            import_embeddings(source, out, **options)
    match suffix:
        case ".csv":
            source.write_text("x,y,z,f0,f1,f2,name\n")
        case ".parquet":
            frame().iloc[:0].to_parquet(source)
        case _:
            write(source, points=POINTS[:0], features=FEATURES[:0], ids=np.array(IDS)[:0])
    with pytest.raises(InputError, match="no row"):
        import_embeddings(source, out, **options)
    assert [p.name for p in tmp_path.iterdir()] == [source.name]


def test_other_endings_and_the_file_itself(tmp_path):
    """A format that is not known; a table that would replace its source."""
    (tmp_path / "p.pkl").write_bytes(b"x")
    with pytest.raises(InputError, match=r"the ending '\.pkl'"):
        import_embeddings(tmp_path / "p.pkl", tmp_path / "t.h5", space="bigbrain")
    source = write(tmp_path / "p.h5")
    with pytest.raises(InputError, match="the file that is imported"):
        import_embeddings(source, source, space="bigbrain", **names_of(".h5"))


def test_parquet_without_pyarrow(tmp_path, monkeypatch):
    """It is an extra: the message says how to get it."""
    import sys

    source = write(tmp_path / "p.parquet")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(InputError, match=r"pip install 'cytosurf\[parquet\]'"):
        import_embeddings(source, tmp_path / "t.h5", space="bigbrain", ids="name")


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
@pytest.mark.parametrize("head", [None, "patch"])
def test_the_index_of_a_pandas_table_is_no_feature(tmp_path, suffix, head):
    """Left out where nobody names it; under its name it is ids or a feature."""
    source, out = tmp_path / f"p{suffix}", tmp_path / "t.h5"
    numbers = np.random.default_rng(2).permutation(N)
    table = frame().drop(columns="name").set_index(pd.Index(numbers, name=head))
    if suffix == ".csv":
        table.to_csv(source)
        index = head or "Unnamed: 0"
    else:
        table.to_parquet(source)
        index = head or "__index_level_0__"
    if (suffix, head) != (".csv", "patch"):  # there it is a column like any other
        np.testing.assert_array_equal(
            whole(import_embeddings(source, out, space="bigbrain")), FEATURES
        )
    imported = import_embeddings(source, out, space="bigbrain", ids=index)
    np.testing.assert_array_equal(whole(imported), FEATURES)
    assert imported.ids.tolist() == numbers.tolist()
    named = import_embeddings(source, out, space="bigbrain", features=[index])
    np.testing.assert_array_equal(whole(named)[:, 0], numbers)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, list(range(N))),
        ({0: "000"}, ["000", *map(str, range(1, N))]),
        ({N - 1: "x1"}, [*map(str, range(N - 1)), "x1"]),
    ],
)
def test_ids_of_text_tables_stay_as_they_are_written(tmp_path, change, expected):
    """Whole numbers only where all ids are; otherwise text, in every part of the file."""
    ids = [change.get(i, str(i)) for i in range(N)]
    frame(name=ids).to_csv(tmp_path / "p.csv", index=False)
    options = {"space": "bigbrain", "ids": "name"}
    imported = import_embeddings(tmp_path / "p.csv", tmp_path / "t.h5", **options)
    assert imported.ids.tolist() == expected


def test_every_row_of_a_text_table_has_an_id(tmp_path):
    """A missing one is named with its row."""
    frame(name=[None if i == 13 else str(i) for i in range(N)]).to_csv(
        tmp_path / "p.csv", index=False
    )
    with pytest.raises(InputError, match="no id in row 13 of column 'name'"):
        import_embeddings(tmp_path / "p.csv", tmp_path / "t.h5", space="bigbrain", ids="name")
