"""Files are carried to files that say what was done, or nothing is written."""

import json
from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
import pytest

from cytosurf._version import __version__
from cytosurf.compute.files import file_sha256
from cytosurf.errors import InputError
from cytosurf.surfaces import mapping
from cytosurf.surfaces.io import read_map, read_parcellation, write_map, write_parcellation
from cytosurf.surfaces.mapping import map_files
from cytosurf.surfaces.maps import Parcellation, SurfaceMap
from cytosurf.surfaces.output_names import bids_template, grouped, pair_name
from cytosurf.surfaces.resample import resample
from cytosurf.surfaces.space import Space
from cytosurf.surfaces.templates import greyordinate_mask

FSLR_32K, FSAVERAGE_10K = Space("fsLR", "32k"), Space("fsaverage", "10k")
RNG = np.random.default_rng(0)
VALID = np.arange(2 * 32_492) % 100 > 0
BRAIN = SurfaceMap(RNG.normal(size=(2 * 32_492, 2)), FSLR_32K, ("a", "b"), VALID)
# What a file holds of it: where it is not valid, NaN, which counts as 0 when unmasked.
BRAIN_WITHOUT_WALL = SurfaceMap(BRAIN.values * VALID[:, None], FSLR_32K, ("a", "b"), VALID)
AREAS = Parcellation(np.arange(2 * 32_492) // 5000, FSLR_32K, {1: "one", 2: "two"})
NAME = "sub_hemi-{hemi}_space-fsLR_den-32k"


@pytest.fixture
def standard_cortex(monkeypatch):
    """Put a mask in the place of that of the standard greyordinates, which is a download."""
    cortex = np.arange(2 * 32_492) % 32_492 >= 2_796
    monkeypatch.setattr(
        mapping, "greyordinate_mask", lambda h: cortex if len(h) == 2 else cortex[:32_492]
    )
    return cortex


def test_within_a_space_files_are_rewritten_with_a_sidecar(tmp_path, standard_cortex):
    """Without any step (no data needed) content is kept, and format and record are as asked."""
    files = write_map(BRAIN, tmp_path / f"{NAME}_map.func.gii")
    written = map_files(files, FSLR_32K, tmp_path / "out.dscalar.nii")
    assert [path.name for path in written] == ["out.dscalar.nii", "out.json"]
    again = read_map(written[0])
    kept = VALID & standard_cortex
    assert np.array_equal(again.valid, kept)
    assert np.array_equal(again.values[kept], BRAIN.values[kept])
    record = json.loads(written[1].read_text())
    assert record["Greyordinates"].startswith("standard cortex")
    assert record["Steps"] == []
    assert record["Masked"] is True
    assert record["Inputs"] == [{"File": f.name, "SHA256": file_sha256(f)} for f in files]
    assert record["GeneratedBy"] == [{"Name": "cytosurf", "Version": __version__}]


@pytest.mark.parametrize(
    ("out", "expected"),
    [
        ("new/hist", "new/hist_hemi-{}_space-fsLR_den-32k_map"),
        ("hist.func.gii", "hist_hemi-{}"),
        ("v1.2.shape.gii", "v1.2_hemi-{}"),
        ("hist_hemi-R_x.func.gii", "hist_hemi-{}_x"),
        ("{hemi}.hist.func.gii", "{}.hist"),
    ],
)
def test_output_names_tell_left_from_right(tmp_path, out, expected):
    """A name without hemisphere gets one; a beginning of a name gets all BIDS entities."""
    files = write_map(BRAIN, tmp_path / f"{NAME}_map.func.gii")
    written = map_files(files, FSLR_32K, tmp_path / out)
    suffix = ".shape.gii" if out.endswith(".shape.gii") else ".func.gii"
    names = [str(path.relative_to(tmp_path)) for path in written]
    left, right = (expected.format(side) for side in "LR")
    assert names == [left + suffix, left + ".json", right + suffix, right + ".json"]
    assert np.array_equal(read_map([written[0], written[2]]).valid, VALID)


def test_one_hemisphere_keeps_the_name_that_was_asked_for(tmp_path):
    """A single hemisphere is written to exactly the file named."""
    (left,) = write_map(BRAIN.hemisphere("L"), tmp_path / f"{NAME}_map.func.gii")
    written = map_files([left], FSLR_32K, tmp_path / "out.func.gii")
    assert [path.name for path in written] == ["out.func.gii", "out.json"]


def test_labels_are_recognised_by_the_type_of_file(tmp_path):
    """A label file stays a label file, with its names; the record says how labels are chosen."""
    (file,) = write_parcellation(AREAS, tmp_path / "areas_space-fsLR_den-32k.dlabel.nii")
    written = map_files([file], FSLR_32K, tmp_path / "areas")
    names = [path.name for path in written]
    assert names[0] == "areas_hemi-L_space-fsLR_den-32k_dseg.label.gii"
    again = read_parcellation([written[0], written[2]])
    assert np.array_equal(again.keys, AREAS.keys)
    assert again.names[2] == "two"
    record = json.loads(written[1].read_text())
    assert record["Masked"] is None
    assert "largest summed weight" in record["Values"]


def test_bad_requests_write_nothing(tmp_path):
    """Wrong endings, mixed inputs, unknown routes and missing files are refused beforehand."""
    (areas,) = write_parcellation(AREAS, tmp_path / "areas_space-fsLR_den-32k.dlabel.nii")
    (brain,) = write_map(BRAIN, tmp_path / "brain_space-fsLR_den-32k.dscalar.nii")
    left = write_map(BRAIN.hemisphere("L"), tmp_path / "l_hemi-L_space-fsLR_den-32k.func.gii")
    other = write_parcellation(AREAS.hemisphere("R"), tmp_path / "r_hemi-R.label.gii")
    (again,) = write_map(BRAIN, tmp_path / "brain_den-32k_space-fsLR.dscalar.nii")
    (shape,) = write_map(BRAIN.hemisphere("L"), tmp_path / "l_hemi-L_space-fsLR_den-32k.shape.gii")
    nothing = replace(BRAIN, values=np.full_like(BRAIN.values, np.nan), valid=~BRAIN.valid & False)
    empty = write_map(nothing, tmp_path / "empty_hemi-{hemi}_space-fsLR_den-32k.func.gii")
    before = sorted(tmp_path.iterdir())
    for inputs, to, out, message in (
        ([], FSLR_32K, "x", "input files: found none"),
        ([areas], FSLR_32K, "x.func.gii", r"for labels; expected one of \.label\.gii"),
        ([brain], FSLR_32K, "x.label.gii", r"for a map; expected one of \.func\.gii"),
        ([brain], FSLR_32K, "x.csv", "for a map"),
        ([*left, *other], FSLR_32K, "x", "a map and labels as a pair"),
        ([brain, areas], FSLR_32K, "x.dscalar.nii", "one file for 2 maps; expected a folder"),
        ([brain, brain], FSLR_32K, "x", "brain.* twice; expected each file once"),
        ([brain, again], FSLR_32K, "x", "several inputs that would become"),
        ([*left, shape], FSLR_32K, "x", "l.func.gii and .*l.shape.gii, described by one JSON file"),
        (empty, FSLR_32K, "x.func.gii", "no value left for fsLR-32k"),
        ([brain], Space("bigbrain", "10k"), "x", "fsLR-32k to bigbrain-10k"),
        ([tmp_path / "absent.func.gii"], FSLR_32K, "x", "no such file"),
    ):
        with pytest.raises(InputError, match=message):
            map_files(inputs, to, tmp_path / out)
    with pytest.raises(InputError, match="with the method barycentric"):
        map_files([brain], FSLR_32K, tmp_path / "x", areas="sphere")
    with pytest.raises(InputError, match="no value left"):
        map_files([brain], FSLR_32K, tmp_path / "x.func.gii", mask=empty)
    with pytest.raises(InputError, match="expected fsaverage-10k"):
        map_files([brain], FSLR_32K, tmp_path / "x", source=FSAVERAGE_10K)
    assert sorted(tmp_path.iterdir()) == before


def test_what_is_read_is_not_overwritten(tmp_path):
    """Neither inputs nor a mask, under whatever name; a name that tells them apart is written."""
    files = write_map(BRAIN, tmp_path / "g_hemi-{hemi}.func.gii")
    mask = write_map(BRAIN, tmp_path / "m_hemi-{hemi}.func.gii")
    cifti = write_map(BRAIN, tmp_path / "space-fsLR_den-32k_x.dscalar.nii")
    areas = write_parcellation(AREAS, tmp_path / "a_space-fsLR_den-32k.dlabel.nii")
    content = {path: path.read_bytes() for path in tmp_path.iterdir()}
    (tmp_path / "link.dlabel.nii").symlink_to(areas[0])
    for inputs, options, out, name in (
        (files, {}, "g.func.gii", "g_hemi-L"),
        (files, {"mask": mask}, "m.func.gii", "m_hemi-L"),
        (cifti, {}, ".", "space-fsLR_den-32k_x"),
        (areas, {}, "link.dlabel.nii", "link"),
    ):
        with pytest.raises(InputError, match=rf"output .*/{name}.*: found a file that is an input"):
            map_files(inputs, FSLR_32K, tmp_path / out, **options)
    assert {path: path.read_bytes() for path in content} == content
    (right, _) = map_files([files[1]], FSLR_32K, tmp_path / "g.func.gii")
    assert right.name == "g.func.gii"


def test_several_maps_go_into_a_folder_under_their_names(tmp_path, standard_cortex):
    """Hemispheres find each other whatever the order; kind of file and entities stay."""
    one = write_map(BRAIN, tmp_path / "tpl-fsLR_hemi-{hemi}_den-32k_desc-first_map.shape.gii")
    two = write_map(BRAIN, tmp_path / "sub-02_hemi-{hemi}_space-fsLR_den-32k_myelin.func.gii")
    (cifti,) = write_map(BRAIN, tmp_path / "both_space-fsLR_den-32k.dscalar.nii")
    labels = write_parcellation(AREAS, tmp_path / "areas.32k_fs_LR.{hemi}.label.gii")
    inputs = [one[0], two[1], cifti, labels[1], one[1], two[0], labels[0]]
    written = map_files(inputs, FSLR_32K, tmp_path / "out")
    assert [path.name for path in written if path.suffix != ".json"] == [
        "hemi-L_space-fsLR_den-32k_desc-first_map.shape.gii",
        "hemi-R_space-fsLR_den-32k_desc-first_map.shape.gii",
        "sub-02_hemi-L_space-fsLR_den-32k_myelin.func.gii",
        "sub-02_hemi-R_space-fsLR_den-32k_myelin.func.gii",
        "space-fsLR_den-32k_both.dscalar.nii",
        "hemi-L_space-fsLR_den-32k_areas.label.gii",
        "hemi-R_space-fsLR_den-32k_areas.label.gii",
    ]
    assert all(path.parent == tmp_path / "out" for path in written)
    assert np.array_equal(read_map([written[4], written[6]]).valid, VALID)
    record = json.loads(written[5].read_text())
    assert [file["File"] for file in record["Inputs"]] == [file.name for file in two]


def test_left_and_right_in_the_name_of_a_map_are_no_hemisphere(tmp_path):
    """Maps of the left and the right hand stay two maps, each with its own hemispheres."""
    hands = {
        hand: write_map(
            SurfaceMap(np.full(2 * 32_492, value), FSLR_32K),
            tmp_path / f"{hand}_hand_hemi-{{hemi}}.func.gii",
        )
        for hand, value in (("left", 1.0), ("right", 2.0))
    }
    inputs = [hands["left"][1], hands["right"][0], hands["left"][0], hands["right"][1]]
    written = map_files(inputs, FSLR_32K, tmp_path / "out")[::2]
    assert [path.name for path in written] == [
        f"hemi-{side}_space-fsLR_den-32k_{hand}_hand.func.gii"
        for hand in ("left", "right")
        for side in "LR"
    ]
    assert [read_map(path).values.max() for path in written] == [1, 1, 2, 2]


@pytest.mark.parametrize(
    ("names", "groups"),
    [
        (["lh.R_a.gii", "rh.R_a.gii", "lh.L_a.gii"], [[0], [1], [2]]),
        (["L.a.164k_fsavg_L.gii", "b.L.gii", "b.R.gii", "R.a.164k_fsavg_R.gii"], [[0, 3], [1, 2]]),
        (["a_hemi-l_R.gii", "b_hemi-r_R.gii", "a_hemi-r_R.gii", "b_hemi-l_R.gii"],
         [[0, 2], [3, 1]]),
    ],
)  # fmt: skip
def test_files_belong_together_that_differ_in_one_mark(names, groups):
    """The BIDS entity counts, or one other mark, but for that of a space."""
    files = [Path(name) for name in names]
    assert grouped(files) == [[files[index] for index in group] for group in groups]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["left.a.func.gii", "right.a.func.gii"], "hemi-{hemi}_space-fsLR_den-32k_a.func.gii"),
        (["left_a.dscalar.nii"], "space-fsLR_den-32k_left_a.dscalar.nii"),
        (["left_a.func.gii"], "hemi-{hemi}_space-fsLR_den-32k_left_a.func.gii"),
        (["lh.left_a.func.gii"], "hemi-{hemi}_space-fsLR_den-32k_left_a.func.gii"),
        (["lh.R_a.func.gii"], "hemi-{hemi}_space-fsLR_den-32k_lh.R_a.func.gii"),
        (["x_hemi-L.R.func.gii"], "hemi-{hemi}_space-fsLR_den-32k_x_R.func.gii"),
    ],
)
def test_words_and_letters_that_are_no_hemisphere_stay(names, expected):
    """Left and right are one where a pair differs in them, letters where no entity says it."""
    template = bids_template(pair_name([Path(name) for name in names]), False, FSLR_32K)
    assert template == expected


def test_one_map_goes_into_a_folder_that_exists(tmp_path):
    """A folder as output gives files called like the inputs."""
    files = write_map(BRAIN, tmp_path / f"{NAME}_map.func.gii")
    (tmp_path / "out").mkdir()
    written = map_files(files, FSLR_32K, tmp_path / "out")
    assert written[0] == tmp_path / "out" / "hemi-L_space-fsLR_den-32k_sub_map.func.gii"


def test_a_mask_file_says_which_vertices_count(tmp_path):
    """Vertices where it is above 0 are left, in maps and labels; its hash is in the record."""
    half = np.arange(2 * 32_492) % 2 == 0
    mask = write_map(SurfaceMap(half.astype(float), FSLR_32K), tmp_path / f"{NAME}_mask.func.gii")
    files = write_map(BRAIN, tmp_path / f"{NAME}_map.func.gii")
    written = map_files(files, FSLR_32K, tmp_path / "out", mask=mask)
    assert np.array_equal(read_map([written[0], written[2]]).valid, VALID & half)
    record = json.loads(written[1].read_text())
    assert record["Mask"] == [{"File": f.name, "SHA256": file_sha256(f)} for f in mask]
    areas = write_parcellation(AREAS, tmp_path / f"{NAME}_areas.label.gii")
    written = map_files(areas, FSLR_32K, tmp_path / "areas", mask=mask)
    keys = read_parcellation([written[0], written[2]]).keys
    assert np.array_equal(keys, np.where(half, AREAS.keys, 0))


def test_a_mask_file_of_another_mesh_or_side_is_refused(tmp_path):
    """The message names the file: wrong number of vertices, or the other hemisphere."""
    left = write_map(BRAIN.hemisphere("L"), tmp_path / f"{NAME}_map.func.gii")
    short = write_map(
        SurfaceMap(np.ones(10_242), FSAVERAGE_10K, hemispheres=("L",)),
        tmp_path / "mask_hemi-L.func.gii",
    )
    right = write_map(BRAIN.hemisphere("R"), tmp_path / "roi_hemi-R_space-fsLR_den-32k.func.gii")
    with pytest.raises(InputError, match=r"mask_hemi-L.*fsaverage-10k.*expected fsLR-32k"):
        map_files(left, FSLR_32K, tmp_path / "x", mask=short)
    with pytest.raises(InputError, match=r"roi_hemi-R.*hemisphere R; expected L"):
        map_files(left, FSLR_32K, tmp_path / "x", mask=right)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("lh.thickness", "hemi-{hemi}_space-fsLR_den-32k_thickness.func.gii"),
        ("S1.L.MyelinMap.164k_fs_LR.func.gii", "S1.MyelinMap"),
        ("fs_LR.32k.L.sulc.shape.gii", "hemi-{hemi}_space-fsLR_den-32k_sulc.shape.gii"),
        ("sub-1_ses-2_task-x_hemi-L_space-fsaverage5_stat-z.func.gii", "sub-1_ses-2_task-x_stat-z"),
        ("tpl-bigbrain_hemi-R_desc-x_label-y_dseg.label.gii", "den-32k_desc-x_label-y_dseg"),
        ("map.gii", "hemi-{hemi}_space-fsLR_den-32k_map.func.gii"),
    ],
)
def test_names_of_carried_files(name, expected):
    """Marks of hemisphere and space go, whatever their convention; the rest stays, space once."""
    template = bids_template(name, "label" in name, FSLR_32K)
    assert expected in template
    assert template.count("32k") == template.count("fsLR") == template.count("{hemi}") == 1
    assert "fs_LR" not in template
    assert "164k" not in template


@pytest.mark.real_data
@pytest.mark.usefixtures("n_threads")
@pytest.mark.parametrize("masked", [True, False])
def test_maps_are_carried_as_by_resample(real_cache, tmp_path, masked):
    """What the files hold is `resample`'s result; the record names every sphere and its hash."""
    files = write_map(BRAIN, tmp_path / f"{NAME}_map.func.gii")
    written = map_files(files, FSAVERAGE_10K, tmp_path / "out", masked=masked)
    assert written[2].name == "out_hemi-R_space-fsaverage_den-10k_map.func.gii"
    expected = resample(BRAIN_WITHOUT_WALL, FSAVERAGE_10K, masked=masked)
    found = read_map([written[0], written[2]])
    assert found.space == FSAVERAGE_10K
    assert np.array_equal(found.valid, expected.valid)
    assert np.array_equal(found.values[found.valid], expected.values[expected.valid])
    record = json.loads(written[3].read_text())
    assert record["Masked"] is masked
    (step,) = record["Steps"]
    name = "fs_LR-deformed_to-fsaverage.R.sphere.32k_fs_LR.surf.gii"
    assert step["Hemisphere"] == "R"
    assert step["SourceSphere"]["File"] == f"fslr/{name}"
    assert step["SourceSphere"]["SHA256"] == file_sha256(real_cache / "fslr" / name)


@pytest.mark.real_data
def test_a_bigbrain_map_of_unknown_space_needs_from(real_data, real_cache, tmp_path):
    """163,842 vertices are BigBrain, fs_LR or fsaverage: --from decides, and the figures hold."""
    files = []
    for side in "LR":
        folder = real_data / "bigbrainwarp/tpl-bigbrain"
        source = folder / f"tpl-bigbrain_hemi-{side}_desc-Func_G1.shape.gii"
        files.append(tmp_path / f"hemi-{side}_G1.shape.gii")
        files[-1].write_bytes(source.read_bytes())
    with pytest.raises(InputError, match="bigbrain-164k"):
        map_files(files, FSLR_32K, tmp_path / "out.dscalar.nii")
    bigbrain = Space("bigbrain", "164k")
    written = map_files(files, FSLR_32K, tmp_path / "out.dscalar.nii", source=bigbrain)
    record = json.loads(written[1].read_text())
    assert [step["Hemisphere"] for step in record["Steps"]] == ["L", "L", "R", "R"]
    values = nibabel.load(written[0]).get_fdata()
    assert values.shape[0] == 1


@pytest.mark.real_data
def test_cifti_of_fslr_lists_the_standard_greyordinates(real_cache, tmp_path):
    """Maps of the whole surface and labels have the rows of ordinary HCP files, in their order."""
    whole = SurfaceMap(BRAIN.values, FSLR_32K, ("a", "b"))
    files = write_map(whole, tmp_path / f"{NAME}_map.func.gii")
    labels = write_parcellation(AREAS, tmp_path / f"{NAME}_areas.label.gii")
    for given, name in ((files, "out.dscalar.nii"), (labels, "out.dlabel.nii")):
        written, _ = map_files(given, FSLR_32K, tmp_path / name)
        models = list(nibabel.load(written).header.get_axis(1).iter_structures())
        assert [len(axis) for _, _, axis in models] == [29_696, 29_716]
        vertices = np.concatenate([m.vertex + 32_492 * i for i, (_, _, m) in enumerate(models)])
        assert np.array_equal(vertices, np.flatnonzero(greyordinate_mask()))
