"""Side and space of a file: what is said must agree, and what nobody says is asked for."""

from pathlib import Path

import numpy as np
import pytest

from cytosurf.errors import InputError
from cytosurf.surfaces.parts import (
    Part,
    existing_file,
    hemisphere_from_name,
    naming,
    reading,
    settle_hemisphere,
    settle_space,
    space_from_metadata,
    space_from_name,
)
from cytosurf.surfaces.space import Space

BIGBRAIN, FSLR_32K, FSLR_164K = (
    Space("bigbrain", "164k"),
    Space("fsLR", "32k"),
    Space("fsLR", "164k"),
)


def part(name, n_vertices=32_492, **stated):
    """Return the content of a file that has a name and so many vertices."""
    return Part(Path(name), np.zeros(n_vertices, np.int32), **stated)


@pytest.mark.parametrize(
    ("name", "side"),
    [
        ("tpl-fsLR_den-32k_hemi-L_sphere.surf.gii", "L"),
        ("sub-01_hemi-R_space-fsLR_thickness.shape.gii", "R"),
        ("map_hemi-rh.func.gii", "R"),
        ("hemi-left_map.func.gii", "L"),
        ("fs_LR.32k.L.pial.surf.gii", "L"),
        ("R.atlasroi.32k_fs_LR.shape.gii", "R"),
        ("fsaverage5_std_sphere.R.10k_fsavg_R.surf.gii", "R"),
        ("fsaverage.L_LR.spherical_std.164k_fs_LR.surf.gii", "L"),
        ("lh.thickness", "L"),
        ("hcp.embed.all.179.rh.dscalar.nii", "R"),
        ("conte69_32k_lh.gii", "L"),
        ("JulichBrain_LH.label.gii", "L"),
        ("hemi-L_warped.R.func.gii", "L"),  # the entity comes before other marks
        ("fs_LR.32k.LR.thickness.dscalar.nii", None),
        ("lh_to_rh.func.gii", None),
        ("Left.func.gii", None),
        ("thickness.func.gii", None),
        ("Lobes.label.gii", None),
        ("", None),
    ],
)
def test_the_side_in_a_name_is_recognised(name, side):
    """BIDS entities, FreeSurfer and HCP names state a side; two sides state none."""
    assert hemisphere_from_name(name) == side


@pytest.mark.parametrize(
    ("name", "n_vertices", "space"),
    [
        ("tpl-bigbrain_hemi-L_desc-Func_G1.shape.gii", 163_842, BIGBRAIN),
        ("tpl-bigbrain_hemi-R_x.surf.gii", 10_242, Space("bigbrain", "10k")),
        ("tpl-fs_LR_hemi-L_den-164k_desc-Hist_G1.shape.gii", 163_842, FSLR_164K),
        ("tpl-fsLR_den-32k_hemi-R_midthickness.surf.gii", 32_492, FSLR_32K),
        ("source-x_desc-y_space-fsLR_den-32k_hemi-L_feature.func.gii", 32_492, FSLR_32K),
        ("space-fsLR_thickness.shape.gii", 163_842, FSLR_164K),
        ("sub-01_hemi-L_space-fsLR_den-91k_bold.func.gii", 32_492, FSLR_32K),
        ("tpl-bigbrain_space-fsLR_den-32k_x.shape.gii", 32_492, FSLR_32K),
        ("tpl-fsaverage5_hemi-L_desc-Yeo_7Networks.annot", 10_242, Space("fsaverage", "10k")),
        ("tpl-bigbrain_hemi-R.sulc", 163_842, BIGBRAIN),
        ("L.atlasroi.32k_fs_LR.shape.gii", 32_492, FSLR_32K),
        ("x.164k_fs_LR.surf.gii", 163_842, FSLR_164K),
        ("fsaverage5_std_sphere.L.10k_fsavg_L.surf.gii", 10_242, Space("fsaverage", "10k")),
        ("space-T1w_desc-x.shape.gii", 32_492, None),
        ("thickness.shape.gii", 32_492, None),
    ],
)
def test_the_space_in_a_name_is_recognised(name, n_vertices, space):
    """BIDS entities and HCP names state a space; the space of the map comes before its template."""
    assert space_from_name(name, n_vertices) == space


def test_a_template_without_such_a_density_is_refused():
    """BigBrain has no 32k mesh: the counts it has are named."""
    with pytest.raises(InputError, match=r"163,842 \(bigbrain-164k\) or 10,242"):
        space_from_name("tpl-bigbrain_hemi-L_x.shape.gii", 32_492)


class TestSettleSpace:
    """Wanted, stated, or by an unambiguous count."""

    def test_a_count_of_one_known_space_settles_it(self):
        """32,492 vertices are fs_LR 32k and nothing else."""
        assert settle_space(part("x.func.gii"), None) == FSLR_32K

    @pytest.mark.parametrize("n_vertices", [163_842, 10_242])
    def test_an_ambiguous_count_is_never_guessed(self, n_vertices):
        """The spaces with this many vertices are listed, and both ways out are said."""
        with pytest.raises(InputError) as error:
            settle_space(part("x.func.gii", n_vertices), None)
        assert "bigbrain" in error.value.expected
        assert "fsaverage" in error.value.expected
        assert "space-" in error.value.way_out
        assert "--from, or space=" in error.value.way_out

    def test_an_unknown_count_is_refused(self):
        """A mesh of no known space needs a name for its space."""
        with pytest.raises(InputError, match="Name the space"):
            settle_space(part("x.func.gii", 1000), None)
        assert settle_space(part("x.func.gii", 1000), Space("mouse", "1k")) == Space("mouse", "1k")

    @pytest.mark.parametrize(
        "stated",
        [
            part("tpl-bigbrain_x.func.gii", 163_842),
            part("x.func.gii", 163_842, space=BIGBRAIN),
        ],
    )
    def test_what_is_wanted_must_be_what_is_stated(self, stated):
        """A BigBrain file is not taken for fs_LR 164k although the count fits."""
        assert settle_space(stated, None) == BIGBRAIN
        assert settle_space(stated, BIGBRAIN) == BIGBRAIN
        with pytest.raises(InputError) as error:
            settle_space(stated, FSLR_164K)
        assert "bigbrain-164k" in error.value.found
        assert error.value.expected == "fsLR-164k"

    def test_a_template_without_such_a_density_names_the_file(self):
        """The message has the path, not the entity alone."""
        with pytest.raises(InputError, match=r"folder/tpl-bigbrain_x\.func\.gii"):
            settle_space(part("folder/tpl-bigbrain_x.func.gii"), None)

    def test_metadata_come_before_the_name(self):
        """What the file says of itself holds, whatever it is called."""
        file = part("tpl-bigbrain_x.func.gii", 163_842, space=FSLR_164K)
        assert settle_space(file, None) == FSLR_164K

    @pytest.mark.parametrize("wanted", [None, FSLR_32K])
    def test_a_wrong_count_names_the_file(self, wanted):
        """A file that states fs_LR 32k and has one vertex less is refused by name."""
        with pytest.raises(InputError) as error:
            settle_space(part("x.32k_fs_LR.func.gii", 32_491), wanted)
        assert "x.32k_fs_LR.func.gii" in error.value.where
        assert "32,491" in error.value.found
        assert "32,492" in error.value.expected


class TestSettleHemisphere:
    """Position, metadata and name must agree."""

    @pytest.mark.parametrize(
        ("file", "position", "side"),
        [
            (part("x.gii"), "L", "L"),
            (part("x.gii", hemisphere="R"), None, "R"),
            (part("x_hemi-R.gii"), None, "R"),
            (part("x_hemi-L.gii", hemisphere="L"), "L", "L"),
            (part("sub-L.L.gii", hemisphere="R"), "R", "R"),
        ],
    )
    def test_whoever_speaks_settles_it(self, file, position, side):
        """One statement is enough, and several that agree."""
        assert settle_hemisphere(file, position) == side

    @pytest.mark.parametrize(
        ("file", "where"),
        [(part("x.gii", hemisphere="R"), "metadata"), (part("x_hemi-R.gii"), "name")],
    )
    def test_a_right_file_in_the_left_place_is_refused(self, file, where):
        """The message asks whether the hemispheres are swapped, and says what showed it."""
        with pytest.raises(InputError, match="swapped") as error:
            settle_hemisphere(file, "L")
        assert where in error.value.found

    def test_metadata_and_name_that_contradict_each_other_are_refused(self):
        """Without a position there is no telling which of the two is wrong."""
        with pytest.raises(InputError, match="wb_command -set-structure"):
            settle_hemisphere(part("x_hemi-R.gii", hemisphere="L"), None)

    def test_silence_is_not_guessed(self):
        """A file that says nothing needs a word of the caller."""
        with pytest.raises(InputError, match="hemi-L or hemi-R"):
            settle_hemisphere(part("x.gii"), None)


def test_own_metadata_give_the_space_back():
    """The key that cytosurf writes is read; other files have none."""
    assert space_from_metadata({"cytosurf-space": "my-own-5k"}) == Space("my-own", "5k")
    assert space_from_metadata({"Name": "x"}) is None


def test_missing_empty_and_unreadable_files_are_named(tmp_path):
    """Nothing is opened before it is known to be a file with content."""
    (tmp_path / "empty.gii").touch()
    for name, found in [("none.gii", "no such file"), ("empty.gii", "empty"), (".", "a folder")]:
        with pytest.raises(InputError) as error:
            existing_file(tmp_path / name, "a map")
        assert found in error.value.found
        assert str(tmp_path) in error.value.where


def test_errors_of_readers_become_one_message(tmp_path):
    """The reason is kept, the kind of the library's error is not shown; own errors pass."""
    with pytest.raises(InputError, match=r"damaged.*KeyError") as error, reading(tmp_path, "a map"):
        raise KeyError
    assert error.value.where == str(tmp_path)
    with pytest.raises(InputError, match="found b"), reading(tmp_path, "a map"):
        raise InputError("a", "b", "c")


def test_an_error_about_content_gets_the_name_of_the_file():
    """Where, found, expected and way out are kept behind the file name."""
    with pytest.raises(InputError) as error, naming("x.gii"):
        raise InputError("map", "3 rows", "4 rows", "Add one.")
    assert str(error.value) == "x.gii (map): found 3 rows; expected 4 rows. Add one."
