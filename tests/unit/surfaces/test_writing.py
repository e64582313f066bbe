"""Files are named and made as asked: per hemisphere or together, all of them or none."""

import threading

import nibabel as nib
import numpy as np
import pytest

from cytosurf.errors import CytosurfWarning, InputError, WriteError
from cytosurf.surfaces import gifti as gifti_module
from cytosurf.surfaces.gifti import read_mesh
from cytosurf.surfaces.io import read_map, read_parcellation
from cytosurf.surfaces.maps import Parcellation, SurfaceMap
from cytosurf.surfaces.writing import (
    write_map,
    write_map_halves,
    write_mesh,
    write_parcellation,
)
from tests import toy
from tests.unit.surfaces.strategies import TOY, N

BOTH = SurfaceMap(np.arange(2 * N), TOY)
LABELS = Parcellation(np.arange(2 * N) % 3, TOY, {1: "a", 2: "b"})


def names(files):
    """Return the names of files."""
    return [file.name for file in files]


class TestFileNames:
    """How the files of the two hemispheres are called."""

    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("x_{hemi}.func.gii", ["x_L.func.gii", "x_R.func.gii"]),
            ("x_hemi-{hemi}.shape.gii", ["x_hemi-L.shape.gii", "x_hemi-R.shape.gii"]),
            ("a_hemi-L_b.func.gii", ["a_hemi-L_b.func.gii", "a_hemi-R_b.func.gii"]),
            ("a_hemi-R_b.func.gii", ["a_hemi-L_b.func.gii", "a_hemi-R_b.func.gii"]),
            ("x.dscalar.nii", ["x.dscalar.nii"]),
        ],
    )
    def test_both_hemispheres(self, tmp_path, name, expected):
        """One file each in GIFTI, left first; one file in CIFTI; folders are made."""
        files = write_map(BOTH, tmp_path / "new" / "folder" / name)
        assert names(files) == expected
        assert {file.name for file in (tmp_path / "new" / "folder").iterdir()} == set(expected)

    def test_one_hemisphere_may_have_any_name_that_is_not_of_the_other(self, tmp_path):
        """Only the side that is there is written."""
        left = BOTH.hemisphere("L")
        assert names(write_map(left, tmp_path / "x.func.gii")) == ["x.func.gii"]
        assert names(write_map(left, tmp_path / "x_{hemi}.func.gii")) == ["x_L.func.gii"]
        assert names(write_map(left, tmp_path / "lh.x.func.gii")) == ["lh.x.func.gii"]
        for name in ("x_hemi-R.func.gii", "rh.x.func.gii"):
            with pytest.raises(InputError, match="a name for the right hemisphere"):
                write_map(left, tmp_path / name)

    @pytest.mark.parametrize("name", ["x.func.gii", "lh.x.func.gii"])
    def test_one_name_for_two_files_is_refused(self, tmp_path, name):
        """The way out shows where the side goes."""
        with pytest.raises(InputError, match=r"\{hemi\} into the name"):
            write_map(BOTH, tmp_path / name)
        assert not list(tmp_path.iterdir())

    @pytest.mark.parametrize("name", ["x", "x.gii", "x.nii", "x.label.gii", "x.dtseries.nii"])
    def test_other_suffixes_are_refused(self, tmp_path, name):
        """The suffixes that are known are listed."""
        with pytest.raises(InputError, match=r"\.func\.gii, \.shape\.gii or \.dscalar\.nii"):
            write_map(BOTH, tmp_path / name)
        with pytest.raises(InputError, match=r"\.label\.gii or \.dlabel\.nii"):
            write_parcellation(LABELS, tmp_path / name.replace("label", "func"))

    def test_cifti_takes_no_placeholder(self, tmp_path):
        """It holds both sides in one file."""
        with pytest.raises(InputError, match="CIFTI holds both"):
            write_map(BOTH, tmp_path / "x_{hemi}.dscalar.nii")


class TestMask:
    """Vertices that are left out."""

    def test_what_is_not_valid_or_masked_is_nan_in_gifti(self, tmp_path):
        """Both masks count, and zeros inside them stay zeros."""
        valid, mask = np.ones(2 * N, bool), np.ones(2 * N, bool)
        valid[1], mask[2] = False, False
        data = SurfaceMap(np.zeros(2 * N), TOY, valid=valid)
        files = write_map(data, tmp_path / "x_{hemi}.func.gii", mask=mask)
        left = nib.load(files[0]).darrays[0].data
        assert np.flatnonzero(np.isnan(left)).tolist() == [1, 2]
        assert np.nansum(np.abs(left)) == 0
        np.testing.assert_array_equal(read_map(files).valid, valid & mask)

    def test_what_is_masked_is_not_listed_in_cifti(self, tmp_path):
        """Brain models name the vertices that are kept, of maps and of labels."""
        mask = np.arange(2 * N) % 2 == 0
        (scalars,) = write_map(BOTH, tmp_path / "x.dscalar.nii", mask=mask)
        (labels,) = write_parcellation(LABELS, tmp_path / "x.dlabel.nii", mask=mask)
        for path in (scalars, labels):
            axis = nib.load(path).header.get_axis(1)
            assert axis.vertex.tolist() == [*range(0, N, 2)] * 2
            assert set(axis.nvertices.values()) == {N}
        np.testing.assert_array_equal(
            read_parcellation(labels).keys, np.where(mask, LABELS.keys, 0)
        )

    def test_what_is_masked_has_key_0_in_label_gifti(self, tmp_path):
        """And without a mask every key is written."""
        mask = np.arange(2 * N) > 3
        files = write_parcellation(LABELS, tmp_path / "x_{hemi}.label.gii", mask=mask)
        np.testing.assert_array_equal(read_parcellation(files).keys, np.where(mask, LABELS.keys, 0))

    @pytest.mark.parametrize("mask", [np.ones(N, bool), np.ones(2 * N), [True]])
    def test_a_mask_of_another_kind_is_refused(self, tmp_path, mask):
        """Its shape and type are said."""
        with pytest.raises(InputError, match="mask"):
            write_map(BOTH, tmp_path / "x.dscalar.nii", mask=mask)

    def test_a_hemisphere_without_a_vertex_cannot_be_cifti(self, tmp_path):
        """The file would lose the hemisphere; GIFTI can hold it."""
        data = SurfaceMap(np.zeros(2 * N), TOY, valid=np.arange(2 * N) < N)
        with pytest.raises(InputError, match="no valid vertex in the right"):
            write_map(data, tmp_path / "x.dscalar.nii")
        assert not list(tmp_path.iterdir())
        assert read_map(write_map(data, tmp_path / "x_{hemi}.func.gii")).valid.sum() == N


class TestColumns:
    """Maps that are given column by column."""

    COLUMNS = tuple(f"column {i}" for i in range(9))
    VALUES = np.random.default_rng(0).normal(size=(2 * N, 9)).astype(np.float32)
    KEPT = np.arange(2 * N) % 5 > 0

    @pytest.mark.parametrize("name", ["x_{hemi}.shape.gii", "x.dscalar.nii"])
    def test_files_are_those_of_the_whole_map(self, tmp_path, n_threads, name):
        """To the byte, both sides, with a mask; and each column is asked for once."""
        whole = SurfaceMap(self.VALUES, TOY, self.COLUMNS, self.KEPT)
        expected = [file.read_bytes() for file in write_map(whole, tmp_path / "a" / name)]
        asked = []

        def half(side, rows):
            def column(index):
                asked.append((side, index, threading.get_ident()))
                return self.VALUES[rows, index].copy()

            return side, column, self.KEPT[rows]

        halves = [half("L", slice(N)), half("R", slice(N, None))]
        files = write_map_halves(halves, self.COLUMNS, TOY, tmp_path / "b" / name)
        assert [file.read_bytes() for file in files] == expected
        assert sorted((side, i) for side, i, _ in asked) == [(s, i) for s in "LR" for i in range(9)]
        here = {thread for *_, thread in asked} == {threading.get_ident()}
        assert here == (n_threads == 1)
        read = read_map(files)
        np.testing.assert_array_equal(read.values[self.KEPT], self.VALUES[self.KEPT])
        assert np.isnan(read.values[~self.KEPT]).all()

    @pytest.mark.usefixtures("n_threads")
    def test_a_column_that_cannot_be_had_leaves_no_file(self, tmp_path):
        """What a thread raises comes out, and the half-written files go."""

        def column(index):
            if index == 5:
                raise ArithmeticError("no such column")
            return self.VALUES[:N, index]

        for name in ("x.func.gii", "x.dscalar.nii"):
            with pytest.raises(ArithmeticError, match="no such column"):
                write_map_halves([("L", column, self.KEPT[:N])], self.COLUMNS, TOY, tmp_path / name)
        assert not list(tmp_path.iterdir())


class TestNames:
    """Names of columns and labels."""

    def test_equal_names_of_labels_get_their_key(self, tmp_path):
        """They stay apart, with one warning; also from the name of key 0."""
        labels = Parcellation(
            np.arange(2 * N) % 5, TOY, {0: "wall", 1: "V1", 2: "V1", 3: "wall", 4: "V1 (2)"}
        )
        with pytest.warns(CytosurfWarning, match="3 labels have the name of another") as caught:
            files = write_parcellation(labels, tmp_path / "x_{hemi}.label.gii")
        assert caught[0].filename == __file__
        names = {1: "V1", 2: "V1 (2)", 3: "wall (3)", 4: "V1 (2) (4)"}
        assert read_parcellation(files).names == names
        assert nib.load(files[0]).labeltable.get_labels_as_dict() == {0: "wall", **names}

    def test_key_0_is_always_in_the_table(self, tmp_path):
        """Called "???", as Workbench does, where it has no name."""
        (path,) = write_parcellation(LABELS, tmp_path / "x.dlabel.nii")
        table = nib.load(path).header.get_axis(0).label[0]
        assert {key: name for key, (name, _) in table.items()} == {0: "???", 1: "a", 2: "b"}

    def test_names_that_xml_cannot_hold_are_refused_before_writing(self, tmp_path):
        """No file is left."""
        data = SurfaceMap(np.zeros(2 * N), TOY, ("a\x00",))
        with pytest.raises(InputError, match="control characters"):
            write_map(data, tmp_path / "x_{hemi}.func.gii")
        labels = Parcellation(np.ones(2 * N), TOY, {1: "a\nb"})
        with pytest.raises(InputError, match="control characters"):
            write_parcellation(labels, tmp_path / "x.dlabel.nii")
        assert not list(tmp_path.iterdir())


class TestWhole:
    """All files of a call, or none."""

    def test_a_failure_at_the_second_file_leaves_none(self, tmp_path, monkeypatch):
        """And what was there before is still there."""
        old = write_map(BOTH, tmp_path / "x_{hemi}.func.gii")
        before = [file.read_bytes() for file in old]
        write = gifti_module.write_map_file

        def fail_on_the_right(path, column, n_vertices, columns, hemisphere, space):
            if hemisphere == "R":
                raise OSError(28, "No space left on device")
            write(path, column, n_vertices, columns, hemisphere, space)

        monkeypatch.setattr(gifti_module, "write_map_file", fail_on_the_right)
        other = SurfaceMap(np.ones(2 * N), TOY)
        with pytest.raises(WriteError, match=r"x_R.*No space left on device.*goes on"):
            write_map(other, tmp_path / "x_{hemi}.func.gii")
        assert [file.read_bytes() for file in old] == before
        assert sorted(tmp_path.iterdir()) == sorted(old)

    def test_a_place_that_cannot_be_written_to_is_named(self, tmp_path):
        """A file where a folder should be, for every kind of file."""
        (tmp_path / "file").touch()
        for write, data, name in (
            (write_map, BOTH, "x_{hemi}.func.gii"),
            (write_map, BOTH, "x.dscalar.nii"),
            (write_parcellation, LABELS, "x_{hemi}.label.gii"),
            (write_parcellation, LABELS, "x.dlabel.nii"),
        ):
            with pytest.raises(InputError, match="cannot be written to") as error:
                write(data, tmp_path / "file" / name)
            assert str(tmp_path / "file") in error.value.where


class TestMesh:
    """Surfaces."""

    def test_a_surface_is_written_for_its_side(self, tmp_path):
        """The side goes into metadata and, if wished, into the name."""
        path = write_mesh(toy.icosphere(1), tmp_path / "x_hemi-{hemi}.surf.gii", hemisphere="R")
        assert path.name == "x_hemi-R.surf.gii"
        assert read_mesh(path, "R").n_vertices == 42

    def test_other_names_and_sides_are_refused(self, tmp_path):
        """Suffix, side of the name and side itself."""
        mesh = toy.icosphere(0)
        with pytest.raises(InputError, match=r"\.surf\.gii"):
            write_mesh(mesh, tmp_path / "x.gii", hemisphere="L")
        with pytest.raises(InputError, match="right hemisphere"):
            write_mesh(mesh, tmp_path / "rh.x.surf.gii", hemisphere="L")
        with pytest.raises(InputError, match="hemisphere"):
            write_mesh(mesh, tmp_path / "x.surf.gii", hemisphere="left")
