"""The map command takes volumes, with options of their own."""

import nibabel
import numpy as np
import pytest

from cytosurf.errors import CytosurfWarning, InputError
from tests.unit.cli.test_map import run

COMMON = ["--from", "MNI152NLin2009cAsym", "--to", "fsLR-32k", "--hemisphere", "L"]


@pytest.mark.real_data
def test_volumes_are_mapped_with_their_own_options(real_cache, real_data, tmp_path):
    """Julich-Brain becomes labels of fs_LR 32k in one command; mistakes name the option."""
    image = real_data / "julich_brain/JulichBrainAtlas31_LH.nii.gz"
    with pytest.warns(CytosurfWarning, match="surfaces of fsLR-32k are in MNI152NLin6Asym"):
        result = run(image, *COMMON, "--labels", "--out", tmp_path / "julich")
    assert [line.rpartition("/")[2] for line in result.output.split()] == [
        "julich_hemi-L_space-fsLR_den-32k_dseg.label.gii",
        "julich_hemi-L_space-fsLR_den-32k_dseg.json",
    ]


def test_the_route_of_neuromaps_is_asked_for(monkeypatch, tmp_path):
    """--by-neuromaps passes files and spaces on, and prints what was written."""
    from cytosurf import connectors

    calls = []

    def record(*args, **options):
        calls.append((args, options))
        return [tmp_path / "a"]

    monkeypatch.setattr(connectors, "map_by_neuromaps", record)
    result = run("a.nii.gz", "--to", "fsLR-32k", "--out", "x", "--by-neuromaps")
    assert result.output.split() == [str(tmp_path / "a")]
    ((args, options),) = calls
    assert [str(path) for path in args[0]] == ["a.nii.gz"]
    assert (str(args[1]), options["source"]) == ("fsLR-32k", None)


@pytest.mark.parametrize(
    "option", [["--samples", "3"], ["--method", "nearest"], ["--unmasked"], ["--hemisphere", "L"]]
)
def test_our_own_options_are_refused_with_the_route_of_neuromaps(option, tmp_path):
    """They would do nothing there."""
    with pytest.raises(InputError, match=f"{option[0]}: found an option of our own routes"):
        run("a.nii.gz", "--to", "fsLR-32k", "--out", tmp_path / "x", "--by-neuromaps", *option)


def test_spaces_of_volumes_are_named_by_their_option(tmp_path):
    """MNI152 alone is of several spaces, and of fsaverage there is no white and pial surface."""
    image = tmp_path / "pet.nii.gz"
    affine = np.diag([2.0, 2, 2, 1])
    nibabel.save(nibabel.Nifti1Image(np.zeros((3, 3, 3), np.float32), affine), image)
    with pytest.raises(InputError, match=r"--from: found 'MNI152'.*There are several"):
        run(image, "--from", "MNI152", "--to", "fsLR-32k", "--out", tmp_path / "x")
    with pytest.raises(InputError, match=r"--to: found fsaverage-10k.*Map it to fsLR-32k first"):
        run(image, "--from", "MNI152NLin6Asym", "--to", "fsaverage5", "--out", tmp_path / "x")


def test_an_option_of_surface_maps_is_refused_for_volumes(tmp_path):
    """A volume has no mask of the medial wall to let take part."""
    with pytest.raises(InputError, match="--unmasked: found an option for surface maps"):
        run("a.nii.gz", "--to", "fsLR-32k", "--out", tmp_path / "x", "--unmasked")


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--samples", "0"], "--samples"),
        (["--threshold", "0"], "--threshold"),
        (["--labels"], "--labels"),
        (["--interpolation", "nearest"], "--interpolation"),
    ],
)
def test_options_of_volumes_are_refused_for_other_files(options, named, tmp_path):
    """The message names the option as it was typed."""
    with pytest.raises(InputError, match=f"{named}: found an option for volumes"):
        run("a.func.gii", "--to", "fsLR-32k", *options, "--out", tmp_path / "x")
