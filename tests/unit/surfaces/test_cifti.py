"""CIFTI: the cortex of dense files on whole hemispheres, whatever vertices they list."""

import logging
import warnings

import nibabel as nib
import numpy as np
import pytest
from nibabel.cifti2 import BrainModelAxis, LabelAxis, ParcelsAxis, ScalarAxis, SeriesAxis

from cytosurf.errors import CytosurfWarning, InputError
from cytosurf.surfaces.cifti import label_parts, map_parts, write_label_file, write_scalar_file
from cytosurf.surfaces.space import Space
from tests.unit.surfaces.strategies import TOY, damaged

LEFT = BrainModelAxis.from_surface([0, 2, 5], 6, "CortexLeft")
RIGHT = BrainModelAxis.from_surface([1, 3], 6, "CortexRight")
VOXELS = BrainModelAxis.from_mask(np.ones((1, 1, 4)), "ThalamusLeft", np.eye(4))
TABLE = {0: ("???", (0, 0, 0, 0)), 1: ("V1", (1, 0, 0, 1)), 2: ("V2", (0, 1, 0, 1))}


def cifti(path, axes, values=None):
    """Write a CIFTI file with nibabel alone, as another program would."""
    shape = tuple(len(axis) for axis in axes)
    values = np.arange(np.prod(shape), dtype="f4").reshape(shape) if values is None else values
    nib.Cifti2Image(values, axes).to_filename(path)
    return path


class TestMapParts:
    """Dense scalars."""

    def test_listed_vertices_have_values_and_others_nan(self, tmp_path):
        """Rows go to the vertices that the brain models name, left and right."""
        path = cifti(tmp_path / "x.dscalar.nii", (ScalarAxis(["a", "b"]), LEFT + RIGHT))
        left, right = map_parts(path)
        assert (left.hemisphere, right.hemisphere) == ("L", "R")
        assert left.columns == ("a", "b")
        nan = np.nan
        np.testing.assert_array_equal(left.values[:, 0], [0, nan, 1, nan, nan, 2])
        np.testing.assert_array_equal(right.values[:, 1], [nan, 8, nan, 9, nan, nan])
        assert left.values.dtype == np.float32

    def test_the_order_of_structures_in_the_file_does_not_matter(self, tmp_path):
        """Left comes first also where the file has it last."""
        path = cifti(tmp_path / "x.dscalar.nii", (ScalarAxis(["a"]), RIGHT + LEFT))
        left, right = map_parts(path)
        assert left.hemisphere == "L"
        np.testing.assert_array_equal(left.values[[0, 2, 5], 0], [2, 3, 4])
        np.testing.assert_array_equal(right.values[[1, 3], 0], [0, 1])

    def test_one_hemisphere_alone_is_one_part(self, tmp_path):
        """Files of one hemisphere exist, and may list every vertex."""
        whole = BrainModelAxis.from_surface(np.arange(6), 6, "CortexRight")
        (part,) = map_parts(cifti(tmp_path / "x.dscalar.nii", (ScalarAxis(["a"]), whole)))
        assert part.hemisphere == "R"
        np.testing.assert_array_equal(part.values[:, 0], np.arange(6))

    def test_subcortical_rows_are_left_out_with_a_note(self, tmp_path):
        """The note counts them; the cortex is read as without them."""
        path = cifti(tmp_path / "x.dscalar.nii", (ScalarAxis(["a"]), LEFT + VOXELS + RIGHT))
        with pytest.warns(CytosurfWarning, match="4 rows of 1 structures"):
            left, right = map_parts(path)
        np.testing.assert_array_equal(left.values[[0, 2, 5], 0], [0, 1, 2])
        np.testing.assert_array_equal(right.values[[1, 3], 0], [7, 8])

    @pytest.mark.parametrize(
        ("axes", "found", "way_out"),
        [
            ((LabelAxis(["a"], [TABLE]), LEFT), "labels", "target"),
            ((SeriesAxis(0, 1, 3), LEFT), "time series", "-cifti-reduce"),
            ((LEFT, LEFT), "connectivity by connectivity", ""),
            (
                (ScalarAxis(["a"]), ParcelsAxis.from_brain_models([("p", LEFT)])),
                "parcellated CIFTI with scalars (a map of values) by parcels",
                "-cifti-create-dense-from-template",
            ),
            ((ScalarAxis(["a"]), VOXELS), "structures thalamus left", "covers the cortex"),
            ((ScalarAxis(["a"]), LEFT + RIGHT + LEFT), "listed twice", "covers the cortex"),
        ],
    )
    def test_other_kinds_of_cifti_are_said_by_name(self, tmp_path, axes, found, way_out):
        """Labels, series, connectivity, parcels, volumes only: what it is and what to do."""
        path = cifti(tmp_path / "x.dscalar.nii", axes)
        with pytest.raises(InputError) as error:
            map_parts(path)
        assert found in error.value.found
        assert way_out in error.value.way_out
        assert str(path) in error.value.where

    def test_a_volume_is_not_a_surface(self, tmp_path):
        """A NIfTI volume is told to be sampled first."""
        path = tmp_path / "volume.nii.gz"
        nib.save(nib.Nifti1Image(np.zeros((3, 3, 3), "f4"), np.eye(4)), path)
        with pytest.raises(InputError, match=r"NIfTI volume.*Sample a volume"):
            map_parts(path)

    def test_every_damage_is_one_message(self, tmp_path):
        """Truncated, overwritten, foreign and empty files."""
        good = cifti(tmp_path / "x.dscalar.nii", (ScalarAxis(["a"]), LEFT + RIGHT)).read_bytes()
        cases = damaged(good) | {"header only": good[:540], "no extension": good[:600]}
        del cases["zeros in the middle"]
        cases["zeros in the XML"] = good[:700] + bytes(50) + good[750:]
        for name, content in cases.items():
            bad = tmp_path / "bad.dscalar.nii"
            bad.write_bytes(content)
            for read in (map_parts, label_parts):
                with pytest.raises(InputError) as error:
                    read(bad)
                assert str(bad) in error.value.where, name

    def test_vertices_beyond_the_surface_are_refused(self, tmp_path):
        """A vertex number that the hemisphere does not have is no crash."""
        path = cifti(tmp_path / "x.dscalar.nii", (ScalarAxis(["a"]), LEFT))
        raw = path.read_bytes()
        assert raw.count(b"0 2 5") == 1
        for vertices in (b"0 2 6", b"0 2  ", b"0 2 x"):
            path.write_bytes(raw.replace(b"0 2 5", vertices))
            with pytest.raises(InputError, match="damaged"):
                map_parts(path)

    def test_nibabels_remarks_about_headers_are_held_back(
        self, tmp_path, caplog, recwarn, monkeypatch
    ):
        """Zero voxel sizes of a file without voxels worry nobody, and logging is left as it was."""
        path = cifti(tmp_path / "x.dscalar.nii", (ScalarAxis(["a"]), LEFT))
        raw = bytearray(path.read_bytes())
        raw[112:136] = bytes(24)  # pixdim[1] to pixdim[3]
        path.write_bytes(raw)
        logger = logging.getLogger("nibabel.global")
        monkeypatch.setattr(logger, "level", logging.INFO)
        map_parts(path)
        assert not caplog.records
        assert not recwarn.list
        assert logger.level == logging.INFO


class TestLabelParts:
    """Dense labels."""

    def test_vertices_that_are_not_listed_have_key_0(self, tmp_path):
        """The medial wall is unassigned, and names of keys above 0 are kept."""
        path = cifti(
            tmp_path / "x.dlabel.nii",
            (LabelAxis(["a"], [TABLE]), LEFT + RIGHT),
            np.array([[1, 2, 0, 2, 2]], "f4"),
        )
        left, right = label_parts(path)
        assert left.values.tolist() == [1, 0, 2, 0, 0, 0]
        assert right.values.tolist() == [0, 2, 0, 2, 0, 0]
        assert left.names == {1: "V1", 2: "V2"}

    @pytest.mark.parametrize(
        ("axis", "values", "found"),
        [
            (ScalarAxis(["a"]), [[1, 2, 0]], "scalars (a map of values)"),
            (LabelAxis(["a", "b"], [TABLE, TABLE]), [[1, 2, 0]] * 2, "2 sets of labels"),
            (LabelAxis(["a"], [TABLE]), [[1, np.nan, 0]], "1 labels that are NaN"),
            (LabelAxis(["a"], [TABLE]), [[1, 1.5, 0]], "not whole numbers"),
            (LabelAxis(["a"], [TABLE]), [[1, -1, 0]], "-1.0 to 1.0"),
        ],
    )
    def test_what_are_no_labels_is_refused(self, tmp_path, axis, values, found):
        """Scalars, several sets, and keys that are none."""
        path = cifti(tmp_path / "x.dlabel.nii", (axis, LEFT), np.array(values, "f4"))
        with pytest.raises(InputError) as error:
            label_parts(path)
        assert found in error.value.found


def test_written_files_have_the_intents_of_the_standard(tmp_path):
    """Workbench goes by the intent code, and lists only the vertices that are listed."""
    listed = np.array([True, False, True])
    values = np.arange(6, dtype="f4").reshape(3, 2)
    scalars = tmp_path / "x.dscalar.nii"
    write_scalar_file(scalars, [("R", values.T.__getitem__, listed)], ("a", "b"), TOY)
    image = nib.load(scalars)
    assert image.nifti_header["intent_code"] == 3006
    assert image.shape == (2, 2)
    assert image.header.get_axis(1).name.tolist() == ["CIFTI_STRUCTURE_CORTEX_RIGHT"] * 2
    assert image.header.get_axis(1).vertex.tolist() == [0, 2]
    labels = tmp_path / "x.dlabel.nii"
    names = {0: "???", 1: "a", 3: "b"}
    write_label_file(labels, [("L", np.array([1, 2, 3], "i4"), listed)], names, TOY)
    image = nib.load(labels)
    assert image.nifti_header["intent_code"] == 3007
    assert image.get_fdata().tolist() == [[1, 3]]
    assert {k: v[0] for k, v in image.header.get_axis(0).label[0].items()} == names
    assert map_parts(scalars)[0].space == label_parts(labels)[0].space == Space("toy", "12")


@pytest.mark.real_data
class TestRealFiles:
    """The four ways in which real files list the vertices of fs_LR 32k."""

    def test_the_greyordinate_template_has_the_cortex_of_the_standard(self, real_data):
        """29,696 and 29,716 of 32,492 vertices, and 31,870 voxels that are left out."""
        path = real_data / "hcp_pipelines" / "fs_LR" / "91282_Greyordinates.dscalar.nii"
        with pytest.warns(CytosurfWarning, match="31,870 rows of 19 structures"):
            parts = map_parts(path)
        assert [len(part.values) for part in parts] == [32_492, 32_492]
        counts = [int(np.isfinite(part.values).sum()) for part in parts]
        assert counts == [29_696, 29_716]

    def test_the_listed_vertices_are_those_of_the_atlas_mask(self, real_data):
        """`atlasroi` has 2,796 and 2,776 vertices of the medial wall, the same ones."""
        folder = real_data / "hcp_pipelines" / "fs_LR"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CytosurfWarning)
            parts = map_parts(folder / "91282_Greyordinates.dscalar.nii")
        for part, n_wall in zip(parts, (2_796, 2_776), strict=True):
            roi = nib.load(folder / f"{part.hemisphere}.atlasroi.32k_fs_LR.shape.gii")
            mask = roi.darrays[0].data > 0.5
            assert int((~mask).sum()) == n_wall
            np.testing.assert_array_equal(np.isfinite(part.values[:, 0]), mask)

    @pytest.mark.parametrize("kind", ["thickness", "MyelinMap_BC", "curvature", "corrThickness"])
    def test_cortex_only_files_have_the_same_vertices(self, real_data, kind):
        """59,412 values, none of them in the medial wall."""
        path = real_data / "fs_LR_32" / "scalars" / f"fs_LR.32k.LR.{kind}.dscalar.nii"
        parts = map_parts(path)
        assert [int(np.isfinite(part.values).sum()) for part in parts] == [29_696, 29_716]

    def test_files_that_list_every_vertex_have_no_gap(self, real_data):
        """The sulcal depth lists both hemispheres whole, the embedding one hemisphere."""
        both = map_parts(real_data / "fs_LR_32" / "scalars" / "fs_LR.32k.LR.sulc.dscalar.nii")
        assert [part.hemisphere for part in both] == ["L", "R"]
        folder = real_data / "gradient_analysis"
        (left,) = map_parts(folder / "hcp.embed.all.179.lh.dscalar.nii")
        (right,) = map_parts(folder / "hcp.embed.all.179.rh.dscalar.nii")
        assert (left.hemisphere, right.hemisphere) == ("L", "R")
        for part in (*both, left, right):
            assert part.values.shape == (32_492, 1)
            assert np.isfinite(part.values).all()
