"""One call reads any file or pair of files, and what is written comes back bit by bit."""

import json
import shutil
import subprocess
import tempfile
import warnings

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cytosurf.errors import CytosurfWarning, InputError
from cytosurf.surfaces.io import read_map, read_parcellation, write_map, write_parcellation
from cytosurf.surfaces.maps import Parcellation, SurfaceMap
from cytosurf.surfaces.space import Space
from tests.unit.surfaces.strategies import (
    FSLR_32K,
    TOY,
    N,
    damaged,
    gifti,
    maps,
    parcellations,
    same_bits,
)

LABEL = "NIFTI_INTENT_LABEL"
BIGBRAIN = Space("bigbrain", "164k")
MYELIN = (
    "laminar_organization/"
    "source-hcps1200_desc-myelinmap_space-fsLR_den-32k_hemi-{}_feature.func.gii"
)


@pytest.fixture
def curv(tmp_path):
    """Write a FreeSurfer morphometry file of the left hemisphere."""
    nib.freesurfer.write_morph_data(tmp_path / "lh.thickness", np.arange(N, dtype="f4"))
    return tmp_path / "lh.thickness"


def one(folder, name, values=None, structure=None, names=None):
    """Write a GIFTI map of one hemisphere of the toy space."""
    arrays = [np.arange(N, dtype="f4")] if values is None else values
    return gifti(folder / name, arrays, structure=structure, names=names)


class TestRoundTrips:
    """What is written is what is read."""

    @settings(max_examples=60)
    @given(maps(), st.sampled_from(["shape.gii", "func.gii", "dscalar.nii"]))
    def test_maps_come_back_bit_by_bit(self, data, suffix):
        """Values, columns, space and sides; GIFTI keeps valid where any column is a number."""
        name = f"x_hemi-{{hemi}}.{suffix}" if suffix.endswith("gii") else f"x.{suffix}"
        with tempfile.TemporaryDirectory() as folder:
            again = read_map(write_map(data, f"{folder}/{name}"))
        valid = data.valid
        if suffix.endswith("gii"):
            valid = valid & ~np.isnan(data.values).all(axis=1)
        np.testing.assert_array_equal(again.valid, valid)
        assert same_bits(again.values[valid], data.values[valid])
        assert np.isnan(again.values[~valid]).all()
        assert again.columns == data.columns
        assert (again.space, again.hemispheres) == (data.space, data.hemispheres)

    @settings(max_examples=60)
    @given(parcellations(), st.sampled_from(["_hemi-{hemi}.label.gii", ".dlabel.nii"]))
    def test_labels_come_back_with_keys_and_names(self, data, suffix):
        """Keys up to the largest, and names in any script."""
        with tempfile.TemporaryDirectory() as folder:
            again = read_parcellation(write_parcellation(data, f"{folder}/x{suffix}"))
        np.testing.assert_array_equal(again.keys, data.keys)
        assert again.names == data.names
        assert (again.space, again.hemispheres) == (data.space, data.hemispheres)

    def test_writing_twice_gives_the_same_bytes(self, tmp_path):
        """No date and no name of a machine is in a file."""
        data = SurfaceMap(np.arange(2 * N), TOY)
        for name in ("x_hemi-{hemi}.func.gii", "x.dscalar.nii"):
            first = [path.read_bytes() for path in write_map(data, tmp_path / "a" / name)]
            second = [path.read_bytes() for path in write_map(data, tmp_path / "b" / name)]
            assert first == second


class TestOneFileOrAPair:
    """What is accepted, and in which order."""

    def test_a_pair_is_left_then_right(self, tmp_path):
        """The rows of the first file come first; tuple and list are the same."""
        left = one(tmp_path, "a.func.gii", [np.zeros(N, "f4")])
        right = one(tmp_path, "b.func.gii", [np.ones(N, "f4")])
        for pair in ((left, right), [str(left), str(right)]):
            data = read_map(pair, space=TOY)
            assert data.hemispheres == ("L", "R")
            np.testing.assert_array_equal(data.values[:, 0], np.repeat([0, 1], N))

    def test_formats_may_be_mixed_in_a_pair(self, tmp_path, curv):
        """A curv file on the left and GIFTI on the right."""
        right = one(tmp_path, "rh.thickness.shape.gii", names=["thickness"])
        data = read_map([curv, right], space=TOY)
        np.testing.assert_array_equal(data.values[:N], data.values[N:])
        assert data.columns == ("thickness",)

    def test_two_cifti_files_of_one_hemisphere_are_a_pair(self, tmp_path):
        """As the embeddings of the Human Connectome Project come."""
        data = SurfaceMap(np.arange(2 * N), TOY)
        files = [
            write_map(data.hemisphere(side), tmp_path / f"{side}.dscalar.nii")[0] for side in "LR"
        ]
        np.testing.assert_array_equal(read_map(files).values, data.values)
        both = write_map(data, tmp_path / "both.dscalar.nii")[0]
        with pytest.raises(InputError, match="both hemispheres in one file of a pair"):
            read_map([both, files[1]])

    def test_a_cifti_file_of_both_sides_may_have_any_name(self, tmp_path):
        """Its structures say the sides; a mark in the name does not matter."""
        data = SurfaceMap(np.arange(2 * N), TOY)
        files = write_map(data, tmp_path / "sub-1.L.dscalar.nii")
        assert read_map(files[0]).hemispheres == ("L", "R")

    @pytest.mark.parametrize("n_files", [0, 3])
    def test_other_numbers_of_files_are_refused(self, tmp_path, n_files):
        """One file or two."""
        with pytest.raises(InputError, match=f"found {n_files} files"):
            read_map([one(tmp_path, "lh.x.func.gii")] * n_files)

    def test_hemispheres_can_be_said_for_a_silent_file(self, tmp_path):
        """And must be, for one file; what is said must fit what is there."""
        path = one(tmp_path, "x.func.gii")
        with pytest.raises(InputError, match="Name the hemisphere"):
            read_map(path, space=TOY)
        assert read_map(path, space=TOY, hemispheres=("R",)).hemispheres == ("R",)
        with pytest.raises(InputError, match="expected hemispheres L"):
            read_map(path, space=TOY, hemispheres=("L", "R"))
        with pytest.raises(InputError, match=r"\('R', 'L'\)"):
            read_map(path, space=TOY, hemispheres=("R", "L"))
        both = write_map(SurfaceMap(np.zeros(2 * N), TOY), tmp_path / "x.dscalar.nii")[0]
        with pytest.raises(InputError, match="found both hemispheres"):
            read_map(both, hemispheres=("L",))

    @pytest.mark.parametrize("mark", ["metadata", "name"])
    def test_a_swapped_pair_is_refused(self, tmp_path, mark):
        """Whether the structure or the name shows it, and for labels as for maps."""
        names = ("a", "b") if mark == "metadata" else ("lh.a", "rh.b")
        structures = ("CortexLeft", "CortexRight") if mark == "metadata" else (None, None)
        for suffix, array, intent, read in (
            ("func.gii", np.zeros(N, "f4"), "NIFTI_INTENT_NORMAL", read_map),
            ("label.gii", np.zeros(N, "i4"), LABEL, read_parcellation),
        ):
            left, right = (
                gifti(tmp_path / f"{name}.{suffix}", [array], intent, structure)
                for name, structure in zip(names, structures, strict=True)
            )
            read((left, right), space=TOY)
            with pytest.raises(InputError, match="swapped") as error:
                read((right, left), space=TOY)
            assert error.value.where == str(right)

    def test_a_pair_of_two_spaces_is_refused(self, tmp_path):
        """Stated in metadata, in names, or seen in the numbers of vertices."""
        left = write_map(SurfaceMap(np.zeros(N), TOY, hemispheres=("L",)), tmp_path / "l.func.gii")[
            0
        ]
        other = SurfaceMap(np.zeros(N), Space("toy", "13"), hemispheres=("R",))
        right = write_map(other, tmp_path / "r.func.gii")[0]
        with pytest.raises(InputError, match="space toy-13; expected toy-12 as on the left"):
            read_map([left, right])
        with pytest.raises(InputError, match="found space toy-13"):
            read_map([left, right], space=TOY)
        longer = one(tmp_path, "longer.func.gii", [np.zeros(N + 2, "f4")])
        with pytest.raises(InputError, match="vertices 14; expected 12 as on the left"):
            read_map([left, longer], space=TOY)

    def test_spaces_with_the_same_count_are_told_apart(self, tmp_path):
        """BigBrain and fs_LR 164k have the same number of vertices."""
        values = [np.zeros(163_842, "f4")]
        left = gifti(tmp_path / "tpl-bigbrain_hemi-L_x.shape.gii", values)
        right = gifti(tmp_path / "tpl-fsLR_den-164k_hemi-R_x.shape.gii", values)
        silent = gifti(tmp_path / "rh.x.shape.gii", values)
        with pytest.raises(InputError, match="fsLR-164k; expected bigbrain-164k"):
            read_map([left, right])
        with pytest.raises(InputError, match="Name the space"):
            read_map(silent)
        assert read_map([left, silent], space=BIGBRAIN).space == BIGBRAIN
        with pytest.raises(InputError, match="found space bigbrain-164k in its name"):
            read_map([left, silent], space=Space("fsLR", "164k"))


class TestColumns:
    """Names of columns left and right."""

    def test_marks_of_the_side_do_not_count(self, tmp_path):
        """The name is that of both once the side is taken out."""
        left = one(tmp_path, "lh.x.func.gii", names=["/data/tpl-a_hemi-L_desc-G1.curv"])
        right = one(tmp_path, "rh.x.func.gii", names=["/data/tpl-a_hemi-R_desc-G1.curv"])
        assert read_map([left, right], space=TOY).columns == ("tpl-a_desc-G1.curv",)
        left = one(tmp_path, "lh.x.func.gii", names=["lh.thickness"])
        right = one(tmp_path, "rh.x.func.gii", names=["rh.thickness"])
        assert read_map([left, right], space=TOY).columns == ("thickness",)

    def test_a_name_that_is_only_a_side_leaves_a_number(self, tmp_path):
        """Columns called L and R are one column without a name."""
        left = one(tmp_path, "lh.x.func.gii", names=["L"])
        right = one(tmp_path, "rh.x.func.gii", names=["R"])
        assert read_map([left, right], space=TOY).columns == ("column_1",)

    def test_columns_in_another_order_are_refused(self, tmp_path):
        """G1 is never put under G2."""
        arrays = [np.zeros(N, "f4"), np.ones(N, "f4")]
        left = one(tmp_path, "lh.x.func.gii", arrays, names=["G1", "G2"])
        right = one(tmp_path, "rh.x.func.gii", arrays, names=["G2", "G1"])
        with pytest.raises(InputError, match="columns G2, G1; expected G1, G2 as on the left"):
            read_map([left, right], space=TOY)
        right = one(tmp_path, "rh.x.func.gii", arrays[:1], names=["G1"])
        with pytest.raises(InputError, match="same columns"):
            read_map([left, right], space=TOY)

    def test_one_column_with_two_names_is_told(self, tmp_path):
        """There is no order to confuse: the left name is taken, with a warning."""
        left = one(tmp_path, "lh.x.func.gii", names=["first"])
        right = one(tmp_path, "rh.x.func.gii", names=["second"])
        with pytest.warns(CytosurfWarning, match="'second', on the left 'first'"):
            assert read_map([left, right], space=TOY).columns == ("first",)


class TestLabelNames:
    """Names of label tables."""

    def table(self, folder, name, keys, labels):
        """Write labels of one hemisphere with a table."""
        return gifti(folder / name, [np.resize(keys, N).astype("i4")], LABEL, labels=labels)

    def test_keys_without_a_name_are_told_once(self, tmp_path):
        """As in the Schaefer files, whose right table lacks the keys that are used."""
        left = self.table(tmp_path, "lh.x.label.gii", [0, 1, 2], {1: "a", 2: "b"})
        right = self.table(tmp_path, "rh.x.label.gii", [0, 3, 4, 5, 6], {1: "a", 2: "b"})
        with pytest.warns(CytosurfWarning) as caught:
            labels = read_parcellation([left, right], space=TOY)
        assert len(caught) == 1
        message = str(caught[0].message)
        assert "4 label keys without a name in the label table (3, 4, 5, ...)" in message
        assert str(right) in message
        assert caught[0].filename == __file__
        assert labels.names[3] == "label_3"
        assert labels.names[1] == "a"

    def test_a_name_in_the_table_of_the_other_side_is_enough(self, tmp_path):
        """One table may serve both files, without a warning."""
        left = self.table(tmp_path, "lh.x.label.gii", [0, 1, 2], {1: "a", 2: "b"})
        right = self.table(tmp_path, "rh.x.label.gii", [0, 1, 2], {})
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert read_parcellation([left, right], space=TOY).names == {1: "a", 2: "b"}

    def test_regions_counted_from_one_on_both_sides_are_told_apart(self, tmp_path):
        """Tables that name no shared key alike are of other regions; the right gets other keys."""
        keys = np.resize([0, 1, 2], N)
        left = self.table(tmp_path, "lh.x.label.gii", keys, {1: "L_V1", 2: "L_V2", 7: "L_V7"})
        right = self.table(tmp_path, "rh.x.label.gii", keys, {1: "R_V1", 2: "R_V2"})
        with pytest.warns(CytosurfWarning, match=r"key 1 is 'R_V1', on the left 'L_V1'.*key \+ 7"):
            labels = read_parcellation([left, right], space=TOY)
        halves = [labels.hemisphere(side).keys for side in ("L", "R")]
        np.testing.assert_array_equal(halves[0], keys)
        np.testing.assert_array_equal(halves[1], np.where(keys > 0, keys + 7, 0))
        names = {1: "L_V1", 2: "L_V2", 7: "L_V7", 8: "R_V1", 9: "R_V2"}
        assert labels.names == names

    def test_tables_that_agree_in_part_are_refused(self, tmp_path):
        """One name in two spellings is not two regions: the message says what to do."""
        left = self.table(tmp_path, "lh.x.label.gii", [0, 1, 2], {1: "V1", 2: "V2"})
        right = self.table(tmp_path, "rh.x.label.gii", [0, 1, 2], {1: "V1", 2: "v2"})
        with pytest.raises(InputError, match=r"key 2 named 'v2'.*Spell the names alike") as error:
            read_parcellation([left, right], space=TOY)
        assert str(right) in error.value.where

    def test_keys_too_large_to_tell_apart_are_refused(self, tmp_path):
        """Other keys must fit 32 bits like all."""
        keys = [0, 1, 2**31 - 1]
        left = self.table(tmp_path, "lh.x.label.gii", keys, {1: "L_V1"})
        right = self.table(tmp_path, "rh.x.label.gii", keys, {1: "R_V1"})
        with pytest.raises(InputError, match="different keys"):
            read_parcellation([left, right], space=TOY)

    def test_what_the_tables_call_key_0_does_not_matter(self, tmp_path):
        """Key 0 is unassigned on both sides."""
        left = self.table(tmp_path, "lh.x.label.gii", [0, 1], {0: "???", 1: "a"})
        right = self.table(tmp_path, "rh.x.label.gii", [0, 1], {0: "Medial_wall", 1: "a"})
        assert read_parcellation([left, right], space=TOY).names == {1: "a"}


class TestKindsOfFiles:
    """A map is not labels, and neither is a picture."""

    def test_labels_are_not_taken_for_a_map_nor_the_reverse(self, tmp_path, curv):
        """In every format, with the way out."""
        labels = Parcellation(np.ones(2 * N), TOY)
        data = SurfaceMap(np.zeros(2 * N), TOY)
        label_files = [
            write_parcellation(labels, tmp_path / "x_hemi-L.label.gii")[0],
            write_parcellation(labels, tmp_path / "x.dlabel.nii")[0],
            tmp_path / "lh.x.annot",
        ]
        nib.freesurfer.write_annot(
            label_files[2], np.zeros(N, int), np.array([[1, 1, 1, 0]]), ["V1"], fill_ctab=True
        )
        map_files = [
            write_map(data, tmp_path / "x_hemi-L.func.gii")[0],
            write_map(data, tmp_path / "x.dscalar.nii")[0],
            curv,
        ]
        for file in label_files:
            read_parcellation(file, space=TOY)
            with pytest.raises(InputError, match="labels") as error:
                read_map(file, space=TOY)
            assert str(file) in error.value.where
        for file in map_files:
            read_map(file, space=TOY)
            with pytest.raises(InputError, match="a map of values") as error:
                read_parcellation(file, space=TOY)
            assert str(file) in error.value.where

    @pytest.mark.parametrize("name", ["x.csv", "x.mgz", "lh.pial", "x.gii.txt", "x"])
    @pytest.mark.parametrize("read", [read_map, read_parcellation])
    def test_other_formats_are_told_what_is_read(self, tmp_path, name, read):
        """The message lists the formats."""
        (tmp_path / name).write_bytes(b"\xff\xff\xfe content")
        with pytest.raises(InputError, match=r"another format; expected.*gii.*nii"):
            read(tmp_path / name)

    @pytest.mark.parametrize("read", [read_map, read_parcellation])
    def test_a_missing_file_is_named(self, tmp_path, read):
        """Whatever its suffix."""
        for name in ("x.func.gii", "x.dscalar.nii", "lh.x.annot", "lh.x", "x.csv"):
            with pytest.raises(InputError, match="no such file") as error:
                read(tmp_path / name)
            assert error.value.where == str(tmp_path / name)

    def test_no_damage_of_any_format_gets_through(self, tmp_path, curv):
        """Only an `InputError` comes out, whichever format a damaged file claims to be."""
        good = [
            (write_map(SurfaceMap(np.arange(2 * N), TOY), tmp_path / "x_hemi-L.func.gii")[0]),
            (write_map(SurfaceMap(np.arange(2 * N), TOY), tmp_path / "x.dscalar.nii")[0]),
            curv,
        ]
        contents = [content for file in good for content in damaged(file.read_bytes()).values()]
        for content in contents:
            for name in ("lh.y.func.gii", "y.dlabel.nii", "lh.y.annot", "lh.y", "y.nii.gz"):
                (tmp_path / name).write_bytes(content)
                for read in (read_map, read_parcellation):
                    with pytest.raises(InputError):
                        read(tmp_path / name, space=TOY)

    def test_missing_values_are_kept_and_counted_as_invalid_only_when_complete(self, tmp_path):
        """NaN in one of two columns and infinite values stay for the reader to judge."""
        values = np.zeros((N, 2), "f4")
        values[0], values[1, 0], values[2, 1] = np.nan, np.nan, np.inf
        path = one(tmp_path, "lh.x.func.gii", list(values.T))
        data = read_map(path, space=TOY)
        assert np.flatnonzero(~data.valid).tolist() == [0]
        assert same_bits(data.values, values)


needs_workbench = pytest.mark.skipif(
    shutil.which("wb_command") is None, reason="Connectome Workbench (wb_command) is not installed"
)


def workbench(*arguments):
    """Run wb_command; return what it prints, and fail on errors and warnings."""
    done = subprocess.run(
        ["wb_command", *map(str, arguments)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr + done.stdout, done.stderr
    return done.stdout


@needs_workbench
class TestWorkbench:
    """Connectome Workbench reads what is written, with the same content."""

    @pytest.fixture
    def data(self):
        """Make a map of two columns with holes, on a real size."""
        rng = np.random.default_rng(0)
        return SurfaceMap(rng.normal(size=(64_984, 2)), FSLR_32K, ("a", "T1w/T2w"),
                          rng.random(64_984) > 0.1)  # fmt: skip

    def test_cifti_files_separate_into_the_same_values(self, tmp_path, data):
        """The listed vertices and their values are those of the map."""
        (path,) = write_map(data, tmp_path / "x.dscalar.nii")
        for side, name in (("L", "CORTEX_LEFT"), ("R", "CORTEX_RIGHT")):
            out, roi = tmp_path / f"{side}.func.gii", tmp_path / f"{side}.roi.func.gii"
            workbench("-cifti-separate", path, "COLUMN", "-metric", name, out, "-roi", roi)
            half, listed = data.hemisphere(side), read_map(roi).values[:, 0] > 0
            np.testing.assert_array_equal(listed, half.valid)
            again = read_map(out)
            assert again.columns == ("a", "T1w/T2w")
            assert again.hemispheres == (side,)
            np.testing.assert_array_equal(again.values[listed], half.values[listed])

    def test_cifti_files_made_of_our_gifti_files_are_the_same_map(self, tmp_path, data):
        """GIFTI and CIFTI of a map are the same map for Workbench, and back."""
        whole = SurfaceMap(data.values, FSLR_32K, data.columns)
        left, right = write_map(whole, tmp_path / "x_hemi-L.func.gii")
        out = tmp_path / "x.dscalar.nii"
        workbench("-cifti-create-dense-scalar", out, "-left-metric", left, "-right-metric", right)
        again = read_map(out)
        assert again.columns == data.columns
        np.testing.assert_array_equal(again.values, data.values)

    def test_labels_keep_keys_and_names(self, tmp_path):
        """Through GIFTI, dense labels and back, names with marks of XML included."""
        rng = np.random.default_rng(1)
        names = {1: "V1 & <co>", 2: "Säule", 400: "PFC"}
        keys = rng.choice([0, 1, 2, 400], 64_984)
        labels = Parcellation(keys, FSLR_32K, names)
        left, right = write_parcellation(labels, tmp_path / "x_hemi-L.label.gii")
        out = tmp_path / "x.dlabel.nii"
        workbench("-cifti-create-label", out, "-left-label", left, "-right-label", right)
        again = read_parcellation(out)
        np.testing.assert_array_equal(again.keys, keys)
        assert again.names == names
        (ours,) = write_parcellation(labels, tmp_path / "ours.dlabel.nii")
        table = tmp_path / "table.txt"
        workbench("-cifti-label-export-table", ours, "1", table)
        lines = table.read_text().splitlines()
        assert {int(row.split()[0]): name for name, row in zip(lines[::2], lines[1::2], strict=True)
                if int(row.split()[0])} == names  # fmt: skip

    def test_equal_names_are_not_merged(self, tmp_path):
        """Workbench would join labels of one name; `workbench` fails on its warning."""
        labels = Parcellation(np.arange(64_984) % 3, FSLR_32K, {1: "V1", 2: "V1"})
        with pytest.warns(CytosurfWarning):
            files = write_parcellation(labels, tmp_path / "x_hemi-L.label.gii")
        printed = workbench("-file-information", files[0])
        assert "V1 (2)" in printed


def unassigned(labels):
    """Return how many vertices have no label, left and right."""
    return [int((labels.hemisphere(side).keys == 0).sum()) for side in labels.hemispheres]


def pair(folder, pattern):
    """Return the left and the right file of a pattern."""
    return [folder / pattern.format(side) for side in "LR"]


@pytest.mark.real_data
class TestRealMaps:
    """Maps of the real data, with the spaces and counts of the README."""

    @pytest.mark.parametrize("kind", ["Func_G1", "Func_G2", "Func_G3", "Micro_G1", "Micro_G2"])
    def test_bigbrain_gradients(self, real_data, kind):
        """163,842 vertices a side, with the zeros of the medial wall as values."""
        folder = real_data / "bigbrainwarp" / "tpl-bigbrain"
        data = read_map(pair(folder, f"tpl-bigbrain_hemi-{{}}_desc-{kind}.shape.gii"))
        assert data.space == BIGBRAIN
        assert data.valid.all()
        zeros = [int((data.hemisphere(side).values == 0).sum()) for side in "LR"]
        assert zeros == [6_977, 6_771]
        assert data.columns == (f"tpl-fsaverage_den-164k_desc-{kind}.curv",)

    @pytest.mark.parametrize("density", ["32k", "164k"])
    @pytest.mark.parametrize("kind", ["Hist_G1", "Hist_G2"])
    def test_histological_gradients_on_fs_lr(self, real_data, density, kind):
        """The density is in the name."""
        folder = real_data / "bigbrainwarp" / "tpl-fs_LR"
        data = read_map(pair(folder, f"tpl-fs_LR_hemi-{{}}_den-{density}_desc-{kind}.shape.gii"))
        assert data.space == Space("fsLR", density)
        assert data.n_vertices == 2 * data.space.n_vertices

    @pytest.mark.parametrize(
        ("pattern", "space", "columns"),
        [
            ("fs_LR_32/labels/BAprobatlas.32k.{}.func.gii", FSLR_32K, 13),
            ("hcp_pipelines/fs_LR/{}.atlasroi.32k_fs_LR.shape.gii", FSLR_32K, 1),
            ("hcp_pipelines/fs_LR/fs_LR.{}.midthickness_va_avg.32k_fs_LR.shape.gii", FSLR_32K, 1),
            (
                "hcp_pipelines/fsaverage5/fsaverage5.{0}.midthickness_va_avg.10k_fsavg_{0}.shape.gii",
                Space("fsaverage", "10k"),
                1,
            ),
            (MYELIN, FSLR_32K, 1),
            ("bigbrainwarp/tpl-bigbrain/tpl-bigbrain_hemi-{}.sulc", BIGBRAIN, 1),
        ],
    )
    def test_other_maps(self, real_data, pattern, space, columns):
        """Names and metadata of real files settle side and space without help."""
        data = read_map(pair(real_data, pattern))
        assert data.space == space
        assert data.values.shape == (2 * space.n_vertices, columns)
        with pytest.raises(InputError, match="swapped"):
            read_map(pair(real_data, pattern)[::-1])

    def test_the_atlas_mask_has_its_counts(self, real_data):
        """2,796 and 2,776 vertices are medial wall."""
        files = pair(real_data / "hcp_pipelines" / "fs_LR", "{}.atlasroi.32k_fs_LR.shape.gii")
        mask = read_map(files).values[:, 0] > 0.5
        assert [int((~half).sum()) for half in np.split(mask, 2)] == [2_796, 2_776]

    def test_cifti_scalars(self, real_data):
        """The medial wall is not valid where the file does not list it."""
        files = sorted((real_data / "fs_LR_32" / "scalars").glob("*.dscalar.nii"))
        counts = {file.name.split(".")[3]: int(read_map(file).valid.sum()) for file in files}
        assert counts == {
            "MyelinMap_BC": 59_412,
            "corrThickness": 59_412,
            "curvature": 59_412,
            "thickness": 59_412,
            "sulc": 64_984,
        }
        files = [
            real_data / "gradient_analysis" / f"hcp.embed.all.179.{side}.dscalar.nii"
            for side in ("lh", "rh")
        ]
        embedding = read_map(files)
        assert embedding.space == FSLR_32K
        assert embedding.valid.all()


@pytest.mark.real_data
class TestRealLabels:
    """Labels of the real data, with the counts of the README."""

    @pytest.mark.parametrize(
        ("pattern", "space", "n_labels", "n_unassigned"),
        [
            ("fs_LR_32/labels/Yeo_JNeurophysiol11_7Networks.32k.{}.label.gii", FSLR_32K, 7,
             [2_866, 2_842]),
            ("fs_LR_32/labels/Yeo_JNeurophysiol11_17Networks.32k.{}.label.gii", FSLR_32K, 17,
             [2_868, 2_841]),
            ("fs_LR_32/labels/Desikan.32k.{}.label.gii", FSLR_32K, 34, [2_808, 2_806]),
            ("bigbrainwarp/tpl-bigbrain/tpl-bigbrain_hemi-{}_desc-Yeo2011_7Networks_N1000.label.gii",
             BIGBRAIN, 7, [9_180, 8_624]),
            ("bigbrainwarp/tpl-bigbrain/tpl-bigbrain_hemi-{}_desc-Yeo2011_17Networks_N1000.label.gii",
             BIGBRAIN, 17, [9_183, 8_624]),
            ("laminar_organization/tpl-bigbrain_hemi-{}_desc-brodmann_parcellation.label.gii",
             BIGBRAIN, 39, [8_806, 8_659]),
            ("dmn/fsaverage5/tpl-fsaverage5_hemi-{}_desc-Yeo_7Networks.annot",
             Space("fsaverage", "10k"), 7, [885, 884]),
            ("dmn/fsaverage5/tpl-fsaverage5_hemi-{}_desc-Yeo_17Networks.annot",
             Space("fsaverage", "10k"), 17, [888, 881]),
        ],
    )  # fmt: skip
    def test_labels_with_complete_tables(self, real_data, pattern, space, n_labels, n_unassigned):
        """Keys 1 to n have names, and no warning is given."""
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            labels = read_parcellation(pair(real_data, pattern))
        assert labels.space == space
        assert len(labels.used_keys()) == n_labels
        assert not any(name.startswith("label_") for name in labels.names.values())
        assert unassigned(labels) == n_unassigned

    @pytest.mark.parametrize("networks", [7, 17])
    def test_schaefer_parcels_lack_names_on_the_right(self, real_data, networks):
        """Every file there is: keys 1 to n over both sides, and one warning for the right ones."""
        folder = real_data / "fs_LR_32" / "labels"
        files = sorted(folder.glob(f"Schaefer2018_{networks}Networks_*.32k.L.label.gii"))
        assert files
        for left in files:
            right = left.with_name(left.name.replace(".L.", ".R."))
            n = int(left.name.split("_")[2].split(".")[0])
            with pytest.warns(CytosurfWarning, match="without a name") as caught:
                labels = read_parcellation([left, right])
            assert len(caught) == 1
            keys = labels.used_keys()
            assert set(keys) <= set(range(1, n + 1))
            assert len(keys) == (998 if n == 1000 else n)
            assert labels.hemisphere("L").used_keys().max() == n // 2
            assert labels.hemisphere("R").used_keys().min() > n // 2
            assert labels.names[n] == f"label_{n}"


@pytest.mark.real_data
def test_every_map_and_label_file_of_the_data_set_is_read(real_data):
    """Each file alone, without help: on the sides and in the space that the manifest gives it."""
    spaces = {"BigBrain": "bigbrain", "fs_LR": "fsLR", "fsaverage5": "fsaverage"}
    sides = {"left": ("L",), "right": ("R",)}
    n_read = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CytosurfWarning)
        for entry in json.loads((real_data / "manifest.json").read_text())["files"]:
            if entry["file"].endswith((".label.gii", ".annot")):
                data = read_parcellation(real_data / entry["file"])
            elif entry["file"].endswith((".func.gii", ".shape.gii", ".dscalar.nii", ".sulc")):
                data = read_map(real_data / entry["file"])
            else:
                continue
            n_read += 1
            assert data.space.template == spaces[entry["space"].split()[0]], entry["file"]
            assert data.hemispheres == sides.get(entry["hemisphere"], ("L", "R")), entry["file"]
            assert data.n_vertices == data.space.n_vertices * len(data.hemispheres)
    assert n_read >= 80
