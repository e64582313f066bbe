"""GIFTI files of other programs are read, and what is written is read by them."""

import base64
import re
import zlib

import nibabel as nib
import numpy as np
import pytest

from cytosurf import data
from cytosurf.errors import InputError
from cytosurf.surfaces.gifti import (
    check_names,
    check_side,
    label_colour,
    label_part,
    map_part,
    read_mesh,
    whole_keys,
    write_label_file,
    write_map_file,
    write_mesh_file,
)
from cytosurf.surfaces.mesh import Mesh
from cytosurf.surfaces.space import Space
from tests import toy
from tests.unit.surfaces.strategies import TOY, damaged, gifti

LABEL = "NIFTI_INTENT_LABEL"
NODE_INDEX = nib.nifti1.intent_codes.code["NIFTI_INTENT_NODE_INDEX"]


def with_nodes(path, arrays, nodes, intent="NIFTI_INTENT_NORMAL"):
    """Write data arrays and, before the last of them, node indices, as AFNI does."""
    place = len(arrays) - 1
    gifti(path, [*arrays[:place], np.asarray(nodes, "i4"), *arrays[place:]], intent)
    image = nib.load(path)
    image.darrays[place].intent = NODE_INDEX
    nib.save(image, path)
    return path


def lying(side):
    """Return a mesh that lies where the left (-1) or right (1) hemisphere lies."""
    ball = toy.icosphere(1, radius=30)
    return Mesh(ball.vertices + np.float32([side * 30, 0, 0]), ball.faces)


class TestReadMesh:
    """Surfaces."""

    def test_the_embedded_surfaces_have_their_known_size(self):
        """Conte69: 32,492 vertices and 64,980 faces, in mm."""
        mesh = read_mesh(data.embedded_path("surfaces/conte69_32k_rh.gii"), "R")
        assert (mesh.n_vertices, len(mesh.faces)) == (32_492, 64_980)
        assert 50_000 < mesh.face_areas().sum() < 100_000

    def test_a_written_surface_is_read_back_bit_by_bit(self, tmp_path):
        """Coordinates and faces survive, and nibabel finds the structure."""
        mesh = lying(-1)
        path = tmp_path / "x.surf.gii"
        write_mesh_file(path, mesh, "L")
        again = read_mesh(path, "L")
        np.testing.assert_array_equal(again.vertices, mesh.vertices)
        np.testing.assert_array_equal(again.faces, mesh.faces)
        image = nib.load(path)
        assert image.meta["AnatomicalStructurePrimary"] == "CortexLeft"
        assert [a.data.dtype for a in image.darrays] == [np.float32, np.int32]

    def test_swapped_hemispheres_are_seen_in_metadata_name_and_coordinates(self, tmp_path):
        """A left surface is not taken for a right one, whatever shows it."""
        by_metadata, by_name = tmp_path / "a.surf.gii", tmp_path / "lh.a.surf.gii"
        write_mesh_file(by_metadata, toy.icosphere(1), "L")
        write_mesh_file(by_name, toy.icosphere(1), "L")
        for path in (by_metadata, by_name):
            with pytest.raises(InputError, match="swapped"):
                read_mesh(path, "R")
        mislabelled = tmp_path / "b.surf.gii"
        write_mesh_file(mislabelled, lying(-1), "R")
        with pytest.raises(InputError, match=r"coordinates of the left hemisphere \(mean x -30"):
            read_mesh(mislabelled)
        with pytest.raises(InputError, match="coordinates of the left"):
            read_mesh(mislabelled, "R")

    def test_centred_surfaces_pass_for_either_side(self):
        """A sphere shows no side; a hemisphere a little off the middle does."""
        for side in ("L", "R"):
            check_side(toy.icosphere(2), side, "sphere")
        check_side(lying(1), "R", "mesh")
        with pytest.raises(InputError, match=r"mean x \+30"):
            check_side(lying(1), "L", "mesh")

    def test_what_is_no_surface_is_refused(self, tmp_path):
        """A map, half a surface and a broken triangle are named with the file."""
        path = gifti(tmp_path / "map.surf.gii", [np.zeros(5, "f4")])
        with pytest.raises(InputError, match="found a map of values"):
            read_mesh(path)
        path = gifti(tmp_path / "half.surf.gii", [np.zeros((5, 3), "f4")], "NIFTI_INTENT_POINTSET")
        with pytest.raises(InputError, match="part of a surface"):
            read_mesh(path)
        with pytest.raises(InputError, match=r"does not end in \.gii"):
            read_mesh(__file__)
        broken = tmp_path / "broken.surf.gii"
        write_mesh_file(broken, toy.icosphere(0), "L")
        image = nib.load(broken)
        image.darrays[1].data[0] = 99
        nib.save(image, broken)
        with pytest.raises(InputError, match=re.escape(f"{broken} (mesh faces)")):
            read_mesh(broken)


class TestMapPart:
    """Values of one hemisphere."""

    def test_arrays_become_columns_with_their_names(self, tmp_path):
        """Names come from the file; of a path its last part; a missing one is filled in."""
        path = gifti(
            tmp_path / "x.func.gii",
            [np.arange(4, dtype="f4"), np.ones(4, "f4"), np.zeros(4, "f4")],
            names=["T1w/T2w", "/home/x/lh.curv", ""],
            structure="CortexRight",
        )
        part = map_part(path)
        assert part.columns == ("T1w/T2w", "lh.curv", "column_3")
        assert part.hemisphere == "R"
        assert part.space is None
        np.testing.assert_array_equal(part.values[:, 0], [0, 1, 2, 3])

    @pytest.mark.parametrize("structure", [None, "Invalid", "Unknown"])
    def test_a_structure_that_says_nothing_is_no_structure(self, tmp_path, structure):
        """Workbench writes "Invalid" where it does not know."""
        path = gifti(tmp_path / "x.func.gii", [np.zeros(4, "f4")], structure=structure)
        assert map_part(path).hemisphere is None

    def test_a_structure_of_the_first_array_is_the_structure(self, tmp_path):
        """FreeSurfer and Caret write it there, sometimes beside an empty one of the file."""
        path = gifti(tmp_path / "x.func.gii", [np.zeros(4, "f4")], structure="Invalid")
        image = nib.load(path)
        image.darrays[0].meta["AnatomicalStructurePrimary"] = "CortexLeft"
        nib.save(image, path)
        assert map_part(path).hemisphere == "L"

    def test_integers_and_doubles_become_float32(self, tmp_path):
        """Other number types are converted, as SurfaceMap would."""
        path = gifti(tmp_path / "x.func.gii", [np.arange(4, dtype="u1"), np.arange(4, dtype="i4")])
        assert map_part(path).values.dtype == np.float32

    def test_compressed_files_are_read(self, tmp_path):
        """A .gii.gz is a .gii."""
        path = gifti(tmp_path / "x.func.gii", [np.arange(4, dtype="f4")])
        nib.save(nib.load(path), tmp_path / "x.func.gii.gz")
        np.testing.assert_array_equal(
            map_part(tmp_path / "x.func.gii.gz").values, map_part(path).values
        )

    def test_other_content_is_refused(self, tmp_path):
        """Labels, surfaces, arrays of several lengths or with two dimensions, other structures."""
        cases = {
            "labels": ([np.zeros(4, "i4")], LABEL, None),
            "a surface": ([np.zeros((4, 3), "f4")], "NIFTI_INTENT_POINTSET", None),
            "different lengths (4, 5)": ([np.zeros(4, "f4"), np.zeros(5, "f4")], None, None),
            "shape (4, 2)": ([np.zeros((4, 2), "f4")], None, None),
            "structure 'Cerebellum'": ([np.zeros(4, "f4")], None, "Cerebellum"),
        }
        for found, (arrays, intent, structure) in cases.items():
            path = gifti(
                tmp_path / "x.func.gii", arrays, intent or "NIFTI_INTENT_NORMAL", structure
            )
            with pytest.raises(InputError) as error:
                map_part(path)
            assert found in error.value.found
            assert str(path) in error.value.where

    def test_node_indices_say_which_vertex_a_value_is_of(self, tmp_path):
        """They are applied, and are no column; those of some of the vertices are refused."""
        arrays = [np.array([0.2, 0.0, 0.1], "f4"), np.array([7, 5, 6], "f4")]
        part = map_part(with_nodes(tmp_path / "x.func.gii", arrays, [2, 0, 1]))
        assert part.columns == ("column_1", "column_2")
        np.testing.assert_array_equal(part.values, np.float32([[0, 5], [0.1, 6], [0.2, 7]]))
        for nodes in ([2, 0, 5], [0, 1, 1], [1, 2, 3]):
            path = with_nodes(tmp_path / "x.func.gii", arrays, nodes)
            with pytest.raises(InputError, match=r"x\.func\.gii: found node indices from .* for 3"):
                map_part(path)
        path = gifti(tmp_path / "x.func.gii", [np.arange(3, dtype="i4")], "NIFTI_INTENT_NODE_INDEX")
        with pytest.raises(InputError, match="node indices beside 0 of values"):
            map_part(path)

    def test_a_file_without_data_is_refused(self, tmp_path):
        """No array, or an array without content."""
        path = gifti(tmp_path / "x.func.gii", [])
        with pytest.raises(InputError, match="no data"):
            map_part(path)
        path = gifti(tmp_path / "x.func.gii", [np.zeros(4, "f4")])
        text = re.sub(r"<Data>.*</Data>", "", path.read_text(), flags=re.DOTALL)
        path.write_text(text)
        with pytest.raises(InputError, match="no data"):
            map_part(path)

    def test_every_damage_is_one_message(self, tmp_path):
        """Truncated, overwritten, foreign and empty files, and broken compression inside."""
        good = gifti(tmp_path / "good.func.gii", [np.random.default_rng(0).random(500, "f4")])
        raw = good.read_bytes()
        data_text = re.search(rb"<Data>(.*)</Data>", raw)[1]
        stream = bytearray(base64.b64decode(data_text))
        stream[len(stream) // 2] ^= 0xFF
        cases = damaged(raw) | {
            "gzip corrupt": raw.replace(data_text, base64.b64encode(bytes(stream))),
            "gzip cut": raw.replace(data_text, base64.b64encode(bytes(stream[:40]))),
            "too few values": raw.replace(
                data_text, base64.b64encode(zlib.compress(bytes(4 * 499)))
            ),
            "no base64": raw.replace(data_text, b"%%%"),
            "unknown data type": raw.replace(b"NIFTI_TYPE_FLOAT32", b"NIFTI_TYPE_FLOAT99"),
            "bad XML": raw.replace(b"<DataArray", b"<DataArray <"),
        }
        for name, content in cases.items():
            bad = tmp_path / "bad.func.gii"
            bad.write_bytes(content)
            for read in (map_part, label_part, read_mesh):
                with pytest.raises(InputError) as error:
                    read(bad)
                assert str(bad) in error.value.where, name
                assert "Traceback" not in str(error.value)

    def test_damaged_compression_of_the_whole_file_is_one_message(self, tmp_path):
        """A .gii.gz that is cut or no gzip at all."""
        good = tmp_path / "x.func.gii.gz"
        nib.save(nib.load(gifti(tmp_path / "x.func.gii", [np.zeros(4, "f4")])), good)
        for content in (good.read_bytes()[:60], b"not gzip"):
            good.write_bytes(content)
            with pytest.raises(InputError, match="damaged"):
                map_part(good)


class TestLabelPart:
    """Labels of one hemisphere."""

    def test_keys_and_names_are_read(self, tmp_path):
        """Names of keys above 0 are kept; what a table calls key 0 does not matter."""
        path = gifti(
            tmp_path / "x.label.gii",
            [np.array([0, 3, 3, 9], "i4")],
            LABEL,
            labels={0: "Medial_Wall", 3: " V1 ", 4: "V2", -1: "unknown"},
        )
        part = label_part(path)
        assert part.values.tolist() == [0, 3, 3, 9]
        assert part.names == {3: "V1", 4: "V2"}

    def test_other_content_is_refused(self, tmp_path):
        """A map, a surface, several sets of labels, and keys that are none."""
        cases = {
            "a map of values": ([np.zeros(4, "f4")], "NIFTI_INTENT_NORMAL"),
            "part of a surface": ([np.zeros((4, 3), "f4")], "NIFTI_INTENT_POINTSET"),
            "2 sets of labels": ([np.zeros(4, "i4")] * 2, LABEL),
            "1 labels that are NaN": ([np.array([0, np.nan, 1, 2], "f4")], LABEL),
            "not whole numbers": ([np.array([0, 1.5, 1, 2], "f4")], LABEL),
            "label keys -1 to 2": ([np.array([0, -1, 1, 2], "i4")], LABEL),
        }
        for found, (arrays, intent) in cases.items():
            path = gifti(tmp_path / "x.label.gii", arrays, intent)
            with pytest.raises(InputError) as error:
                label_part(path)
            assert found in error.value.found
            assert str(path) in error.value.where

    def test_node_indices_say_which_vertex_a_key_is_of(self, tmp_path):
        """As in maps."""
        keys = [np.array([3, 9, 0], "i4")]
        path = with_nodes(tmp_path / "x.label.gii", keys, [1, 2, 0], LABEL)
        assert label_part(path).values.tolist() == [0, 3, 9]
        with pytest.raises(InputError, match="node indices from 0 to 3"):
            label_part(with_nodes(path, keys, [1, 3, 0], LABEL))

    def test_whole_numbers_stored_as_floats_are_keys(self, tmp_path):
        """Some programs write labels as float32."""
        path = gifti(tmp_path / "x.label.gii", [np.array([0, 1, 400], "f4")], LABEL)
        keys = label_part(path).values
        assert keys.dtype == np.int32
        assert keys.tolist() == [0, 1, 400]

    def test_keys_beyond_int32_are_refused(self):
        """A key that would wrap around is named."""
        with pytest.raises(InputError, match="2147483648"):
            whole_keys(np.array([0, 2**31]), "x")


def test_nibabel_and_nilearn_read_what_is_written(tmp_path):
    """Intents, types, names, structure and label table are those other programs expect."""
    from nilearn.surface import load_surf_data, load_surf_mesh

    mesh = lying(1)
    write_mesh_file(tmp_path / "x.surf.gii", mesh, "R")
    loaded = load_surf_mesh(tmp_path / "x.surf.gii")
    np.testing.assert_array_equal(loaded.coordinates, mesh.vertices)
    np.testing.assert_array_equal(loaded.faces, mesh.faces)

    values = np.random.default_rng(0).random((12, 2), "f4")
    for suffix, intent in (("func", "NIFTI_INTENT_NORMAL"), ("shape", "NIFTI_INTENT_SHAPE")):
        path = tmp_path / f"x.{suffix}.gii"
        write_map_file(path, values.T.__getitem__, 12, ("a", "b"), "R", TOY)
        image = nib.load(path)
        assert {nib.nifti1.intent_codes.niistring[a.intent] for a in image.darrays} == {intent}
        assert [a.meta["Name"] for a in image.darrays] == ["a", "b"]
        assert image.meta["AnatomicalStructurePrimary"] == "CortexRight"
        assert {a.data.dtype for a in image.darrays} == {np.dtype("f4")}
        np.testing.assert_array_equal(load_surf_data(path), values)

    path = tmp_path / "x.label.gii"
    keys = np.arange(12, dtype=np.int32) % 3
    write_label_file(path, keys, {0: "???", 1: "Säulen & <co>", 2: "b"}, "L", TOY)
    image = nib.load(path)
    assert image.labeltable.get_labels_as_dict() == {0: "???", 1: "Säulen & <co>", 2: "b"}
    assert image.darrays[0].data.dtype == np.int32
    np.testing.assert_array_equal(load_surf_data(path), keys)
    assert label_part(path).space == Space("toy", "12")


def test_neighbouring_labels_have_different_colours():
    """Colours depend on the key alone, lie within 0 and 1, and key 0 is transparent."""
    colours = [label_colour(key) for key in range(1, 401)]
    assert all(0 <= channel <= 1 for colour in colours for channel in colour)
    assert len({tuple(np.round(c, 3)) for c in colours}) == 400
    assert label_colour(0)[3] == 0


@pytest.mark.parametrize("name", ["a\x00b", "line\nbreak", "\ud800", "￾"])
def test_names_that_xml_cannot_hold_are_refused(name):
    """They would make a file that nobody can read."""
    with pytest.raises(InputError, match="control characters"):
        check_names(["fine", name], "x.func.gii")


def surfaces(folder):
    """Return all surfaces of the real data."""
    return sorted(folder.rglob("*.surf.gii"))


@pytest.mark.real_data
def test_every_real_surface_is_read(real_data):
    """All have the vertices and faces of the README, on the side that name or metadata say."""
    sizes = {163_842: 327_680, 32_492: 64_980, 10_242: 20_480}
    files = surfaces(real_data)
    assert len(files) >= 28
    for file in files:
        mesh = read_mesh(file)
        assert sizes[mesh.n_vertices] == len(mesh.faces)


@pytest.mark.real_data
def test_real_surfaces_given_as_the_other_side_are_refused(real_data):
    """Every real surface says its side in name or metadata."""
    for file in surfaces(real_data):
        wrong = "R" if any(m in file.name for m in ("hemi-L", ".L.", ".L_")) else "L"
        with pytest.raises(InputError, match="swapped"):
            read_mesh(file, wrong)


@pytest.mark.real_data
def test_coordinates_alone_show_the_side_of_real_surfaces(real_data):
    """Without name and metadata, anatomical surfaces show their side; spheres pass for both."""
    folder = real_data / "fs_LR_32" / "surfaces"
    for kind in ("pial", "white", "midthickness", "very_inflated"):
        mesh = read_mesh(folder / f"fs_LR.32k.L.{kind}.surf.gii")
        check_side(mesh, "L", kind)
        with pytest.raises(InputError, match="mean x"):
            check_side(mesh, "R", kind)
    sphere = read_mesh(folder / "fs_LR.32k.L.sphere.surf.gii")
    check_side(sphere, "R", "sphere")
