"""FreeSurfer files: values of morphometry files and regions of annotations."""

import warnings

import nibabel as nib
import numpy as np
import pytest

from cytosurf.errors import CytosurfWarning, InputError
from cytosurf.surfaces.freesurfer import annot_part, curv_part, is_curv

COLOURS = np.array([[1, 1, 1, 0], [120, 18, 134, 0], [70, 130, 180, 0]])


def annot(path, rows, names=("unknown", "V1", "V2"), colours=COLOURS):
    """Write an annotation with nibabel; row -1 leaves a vertex without a colour."""
    nib.freesurfer.write_annot(path, np.array(rows), colours, list(names), fill_ctab=True)
    return path


class TestCurv:
    """One value per vertex."""

    @pytest.mark.parametrize(
        ("name", "column"),
        [
            ("lh.thickness", "thickness"),
            ("rh.thickness.fwhm10", "thickness.fwhm10"),
            ("tpl-bigbrain_hemi-L.sulc", "sulc"),
            ("sulc", "sulc"),
        ],
    )
    def test_values_are_read_and_the_column_is_named_after_the_file(self, tmp_path, name, column):
        """The name of the column is that of the measure, without the hemisphere."""
        values = np.random.default_rng(0).normal(size=20).astype("f4")
        nib.freesurfer.write_morph_data(tmp_path / name, values)
        part = curv_part(tmp_path / name)
        np.testing.assert_array_equal(part.values[:, 0], values)
        assert part.columns == (column,)

    def test_a_cut_or_foreign_file_is_refused(self, tmp_path):
        """The size must be what the header states, to the byte."""
        nib.freesurfer.write_morph_data(tmp_path / "lh.x", np.zeros(20, "f4"))
        raw = (tmp_path / "lh.x").read_bytes()
        for content in (raw[:-1], raw + b"x", raw[:10], raw[:2], b"\0" + raw, b"text" * 10, b""):
            (tmp_path / "lh.bad").write_bytes(content)
            with pytest.raises(InputError) as error:
                curv_part(tmp_path / "lh.bad")
            assert "lh.bad" in error.value.where

    def test_the_mark_of_the_format_is_seen(self, tmp_path):
        """Only files that begin with it are taken for morphometry files."""
        nib.freesurfer.write_morph_data(tmp_path / "x", np.zeros(3, "f4"))
        (tmp_path / "y").write_bytes(b"no")
        assert is_curv(tmp_path / "x")
        assert not is_curv(tmp_path / "y")


class TestAnnot:
    """Regions with names."""

    def test_keys_are_rows_of_the_table_and_unknown_is_0(self, tmp_path):
        """Vertices without a colour (-1) and of the region "unknown" are unassigned."""
        part = annot_part(annot(tmp_path / "lh.x.annot", [0, 1, 2, -1, 2]))
        assert part.values.tolist() == [0, 1, 2, 0, 2]
        assert part.values.dtype == np.int32
        assert part.names == {1: "V1", 2: "V2"}

    @pytest.mark.parametrize(
        "name",
        [
            "unknown",
            "Unknown",
            "???",
            "Medial_wall",
            "MEDIAL.WALL",
            "FreeSurfer_Defined_Medial_Wall",
            "Background+FreeSurfer_Defined_Medial_Wall",
        ],
    )
    @pytest.mark.parametrize("row", [0, 2])
    def test_names_of_no_region_are_unassigned_in_any_row(self, tmp_path, name, row):
        """Whatever the medial wall is called, and wherever it stands in the table."""
        names = ["unknown", "V1", "V2"]
        names[row] = name
        part = annot_part(annot(tmp_path / "lh.x.annot", [0, 1, 2], names))
        assert part.values[row] == 0
        assert row not in part.names
        assert part.values[1] == 1

    def test_a_region_in_row_0_is_not_lost(self, tmp_path):
        """Keys then count the rows from 1, so that the first region is not taken for nothing."""
        part = annot_part(annot(tmp_path / "lh.x.annot", [0, 1, 2, -1], ["V1", "V2", "V3"]))
        assert part.values.tolist() == [1, 2, 3, 0]
        assert part.names == {1: "V1", 2: "V2", 3: "V3"}

    def test_a_colour_that_is_not_in_the_table_is_unassigned_and_told(self, tmp_path):
        """It is not given to the region with the next colour."""
        path = annot(tmp_path / "lh.x.annot", [0, 1, 2])
        raw = bytearray(path.read_bytes())
        raw[4 + 4 + 8 : 4 + 8 + 8] = (71).to_bytes(4, "big")  # the colour of vertex 1
        path.write_bytes(raw)
        with pytest.warns(CytosurfWarning, match="1 vertices have a colour"):
            part = annot_part(path)
        assert part.values.tolist() == [0, 0, 2]

    def test_a_cut_or_foreign_file_is_refused(self, tmp_path):
        """No size and no error of the library comes through, wherever the file ends."""
        raw = annot(tmp_path / "lh.x.annot", [0, 1, 2, -1, 2]).read_bytes()
        table = 4 + 8 * 5
        cuts = [raw[:n] for n in (1, 3, 4, 20, table - 1, table, table + 4, table + 30)]
        for content in (*cuts, b"text" * 100, bytes(100), b"\xff" * 100):
            (tmp_path / "lh.bad.annot").write_bytes(content)
            with pytest.raises(InputError) as error:
                annot_part(tmp_path / "lh.bad.annot")
            assert "lh.bad.annot" in error.value.where


@pytest.mark.real_data
class TestRealFiles:
    """BigBrain sulcal depth, and networks on fsaverage5."""

    @pytest.mark.parametrize("side", ["L", "R"])
    def test_the_sulcal_depth_of_bigbrain_is_read(self, real_data, side):
        """One value for each of the 163,842 vertices."""
        folder = real_data / "bigbrainwarp" / "tpl-bigbrain"
        part = curv_part(folder / f"tpl-bigbrain_hemi-{side}.sulc")
        assert part.values.shape == (163_842, 1)
        assert part.columns == ("sulc",)
        assert -20 < part.values.min() < 0 < part.values.max() < 25

    @pytest.mark.parametrize(("side", "n_wall"), [("L", 885), ("R", 884)])
    def test_the_seven_networks_are_numbered_and_named_as_published(self, real_data, side, n_wall):
        """Key k is 7Networks_k; the medial wall is unassigned."""
        folder = real_data / "dmn" / "fsaverage5"
        part = annot_part(folder / f"tpl-fsaverage5_hemi-{side}_desc-Yeo_7Networks.annot")
        assert len(part.values) == 10_242
        assert part.names == {k: f"7Networks_{k}" for k in range(1, 8)}
        assert int((part.values == 0).sum()) == n_wall

    def test_every_real_annotation_agrees_with_the_library(self, real_data):
        """Where the table has the colour, nibabel reads the same rows."""
        for file in sorted((real_data / "dmn").rglob("*.annot")):
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                part = annot_part(file)
            rows, _, _ = nib.freesurfer.read_annot(file)
            assigned = np.isin(rows, list(part.names))
            np.testing.assert_array_equal(part.values, np.where(assigned, rows, 0))
