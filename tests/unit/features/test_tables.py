"""Tables: rows find their vertices or their parcels, or an error says why not."""

import numpy as np
import pandas as pd
import pytest

from cytosurf.errors import InputError
from cytosurf.features.tables import parcel_table, vertex_table
from cytosurf.surfaces.maps import Parcellation
from cytosurf.surfaces.space import Space

KEYS = np.array([0, 1, 2, 2, 3, 0, 5, 5, 5, 1])
PARCELS = Parcellation(KEYS, Space("toy", "5"), {1: "V1", 2: "V2", 3: "M1", 5: "S1"})


def write(tmp_path, text, name="table.csv"):
    """Write text and return the path."""
    path = tmp_path / name
    path.write_text(text)
    return path


def read_parcels(path):
    """Read a table of the toy parcels."""
    return parcel_table(path, PARCELS, str(path))


def test_vertex_table_with_and_without_header(tmp_path):
    """A header names the columns; without one they are numbered."""
    values, columns = vertex_table(write(tmp_path, "a,b\n1,2\n3,4\n"))
    assert (values.tolist(), columns) == ([[1, 2], [3, 4]], ("a", "b"))
    values, columns = vertex_table(write(tmp_path, "1\t2\n3\t\n", "table.tsv"))
    assert values[0].tolist() == [1, 2]
    assert np.isnan(values[1, 1])
    assert columns == ("column_1", "column_2")
    values, columns = vertex_table(write(tmp_path, "0.5\nnan\n-1e-3\n"))
    assert values.shape == (3, 1)


@pytest.mark.parametrize("head", ["vertex", "index", "Vertex", None])
@pytest.mark.parametrize("start", [0, 1])
def test_a_column_that_counts_the_vertices_is_not_a_feature(tmp_path, head, start):
    """An index written beside the values is left out."""
    table = pd.DataFrame({"a": [5.0, 6, 7]}, index=pd.Index(np.arange(3) + start, name=head))
    table.to_csv(tmp_path / "table.csv")
    values, columns = vertex_table(tmp_path / "table.csv")
    assert (values.tolist(), columns) == ([[5], [6], [7]], ("a",))


def test_an_unnamed_data_frame_keeps_its_columns(tmp_path):
    """Pandas writes ,0,1 above columns without names: that line is a header."""
    pd.DataFrame([[5.0, 6], [7, 8], [9, 1]]).to_csv(tmp_path / "table.csv")
    values, columns = vertex_table(tmp_path / "table.csv")
    assert (values.tolist(), columns) == ([[5, 6], [7, 8], [9, 1]], ("0", "1"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("vertex,a\n2,5\n0,6\n1,7\n", "does not count the rows"),
        ("a,b\n1,x\n2,y\n", "text in column 'b'"),
        ("a,b\n", "no rows"),
        ("", "no readable table"),
        ("a,b\n1,2\n1,2,3,4\n", "no readable table"),
        ("index\n0\n1\n", "no column of values"),
    ],
)
def test_what_is_no_table_of_numbers_is_refused(tmp_path, text, message):
    """Text, an index in another order, and empty or ragged files are named."""
    with pytest.raises(InputError, match=message):
        vertex_table(write(tmp_path, text))


def test_binary_files_are_refused(tmp_path):
    """Bytes that are no text end in a message, not a traceback."""
    path = tmp_path / "table.csv"
    path.write_bytes(bytes(range(256)))
    with pytest.raises(InputError, match="no readable table"):
        vertex_table(path)


@pytest.mark.parametrize(
    "text",
    [
        "key,a\n5,50\n1,10\n3,30\n2,20\n",
        "key,a\n5.0,50\n1.0,10\n3.0,30\n2.0,20\n",
        "index,a,\n1,10,\n2,20,\n3,30,\n5,50,\n".replace(",\n", "\n"),
        "region,a\nS1,50\nV1,10\nM1,30\nV2,20\n",
        "a,name\n20,V2\n50,S1\n10,V1\n30,M1\n",
        ",a\nV1,10\nV2,20\nM1,30\nS1,50\n",
        "a\n10\n20\n30\n50\n",
        "10\n20\n30\n50\n",
        "label,a\n0,-1\n1,10\n2,20\n3,30\n5,50\n",
    ],
)
def test_rows_find_their_parcels_by_key_by_name_or_by_order(tmp_path, text):
    """Each way of naming the parcels gives every vertex the value of its parcel."""
    values, valid, columns, _ = read_parcels(write(tmp_path, text))
    assert values[:, 0].tolist() == [0, 10, 20, 20, 30, 0, 50, 50, 50, 10]
    assert valid.tolist() == (KEYS > 0).tolist()
    assert len(columns) == 1


def test_vertices_of_a_parcel_without_a_row_are_not_valid(tmp_path):
    """A missing parcel is reported, and not filled."""
    _, valid, _, notes = read_parcels(write(tmp_path, "key,a\n1,10\n2,20\n"))
    assert valid.tolist() == np.isin(KEYS, [1, 2]).tolist()
    assert notes[-1] == "2 parcels without a row: their vertices are not valid"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("key,a\n1,10\n4,20\n", "key 4 in column 'key'"),
        ("key,a\n1,10\n1,20\n", "several rows of parcel 1"),
        ("name,a\nV1,10\nV9,20\n", "parcel 'V9'"),
        ("a\n10\n20\n30\n", "3 rows; expected 4, one per parcel. Add a column `key`"),
        ("10,20,30,50\n1,2,3,4\n", "transpose"),
        ("key,a\n0,10\n", "no row of a parcel"),
        ("key,a\n1,x\n", "text in column 'a'"),
        ("index,a\n0,10\n1,20\n2,30\n3,50\n", "0 to 3 in column 'index'.*has 4 parcels.*delete it"),
        ("key,a\n3,50\n2,30\n0,10\n1,20\n", "keys of 0 to 3 in column 'key'"),
        ("key,a\n1,10\n2.5,20\n", "2.5 in row 1 of column 'key'"),
        ("id,a\n1,10\n,20\n", "nan in row 1 of column 'id'"),
    ],
)
def test_rows_that_name_no_parcel_are_refused(tmp_path, text, message):
    """Unknown, repeated and missing parcels, and a table that lies on its side."""
    with pytest.raises(InputError, match=message):
        read_parcels(write(tmp_path, text))


def test_a_name_of_two_parcels_is_refused(tmp_path):
    """Left and right parcels of one name: only a key tells which."""
    halves = Parcellation(KEYS, PARCELS.space, {1: "V1", 2: "M1", 3: "V1", 5: "S1"})
    path = write(tmp_path, "name,a\nM1,10\nV1,20\n")
    with pytest.raises(InputError, match=r"'V1', which stands for keys 1 and 3.*column `key`"):
        parcel_table(path, halves, str(path))
    values, *_ = parcel_table(write(tmp_path, "name,a\nM1,10\nS1,20\n"), halves, "")
    assert values[KEYS == 2].tolist() == [[10], [10]]
