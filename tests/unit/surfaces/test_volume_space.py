"""Which space a volume is in is stated, never guessed, and finds the surfaces that are in it."""

from pathlib import Path

import pytest

from cytosurf.errors import InputError
from cytosurf.surfaces.space import Space
from cytosurf.surfaces.volume_space import (
    VOLUME_SPACES,
    settle_space,
    stated_space,
    surface_pair,
    volume_space,
)

FSLR, BIGBRAIN = Space("fsLR", "32k"), Space("bigbrain", "164k")


@pytest.mark.parametrize("name", VOLUME_SPACES)
def test_known_names_are_read_however_they_are_spelt(name):
    """Case and punctuation do not matter."""
    assert volume_space(name.upper()) == volume_space(name.replace("152", "152_")) == name


@pytest.mark.parametrize("name", ["MNI", "mni152", "ICBM-152", "MNI152NLin"])
def test_a_name_of_several_templates_is_refused_with_the_choice(name):
    """MNI152 alone is answered with who uses which."""
    with pytest.raises(InputError, match=r"FSL's and the Human Connectome Project's"):
        volume_space(name)


def test_an_unknown_name_gets_the_nearest():
    """Colin 27 is another brain; a slip is answered with the name that was meant."""
    with pytest.raises(InputError, match="expected one of"):
        volume_space("MNIColin27")
    with pytest.raises(InputError, match="Did you mean 'MNI152NLin6Asym'"):
        volume_space("MNI152NLn6Asym")


@pytest.mark.parametrize(
    ("name", "space"),
    [
        ("sub-1_space-MNI152NLin2009cAsym_res-2_bold.nii.gz", "MNI152NLin2009cAsym"),
        ("tpl-MNI152NLin6Asym_res-02_atlas-DiFuMo_probseg.nii.gz", "MNI152NLin6Asym"),
        ("tpl-MNI152NLin6Asym_space-MNI152NLin2009cAsym_x.nii", "MNI152NLin2009cAsym"),
        ("zstat1.nii.gz", None),
        ("source-a_desc-b_space-MNI152_res-2mm_feature.nii.gz", None),
        ("myspace-MNI152NLin6Asym.nii", None),
    ],
)
def test_bids_names_state_the_space(name, space):
    """The entity space counts before tpl; a word that only ends in one of them is none."""
    assert stated_space(Path(name)) == space


def test_a_name_in_a_space_that_is_not_known_is_refused_by_file():
    """A volume in native space is not taken for a template."""
    with pytest.raises(InputError, match=r"sub-1_space-T1w_bold\.nii.*a subject's own"):
        stated_space(Path("sub-1_space-T1w_bold.nii"))


def test_file_and_user_must_agree():
    """One of both must say it, and not the contrary of the other."""
    six, nine = "MNI152NLin6Asym", "MNI152NLin2009cAsym"
    assert settle_space(Path("a.nii"), six) == six
    assert settle_space(Path(f"a_space-{nine}_b.nii"), None) == nine
    assert settle_space(Path(f"a_space-{nine}_b.nii"), nine.lower()) == nine
    with pytest.raises(InputError, match=f"found space {nine} in its name; expected {six}"):
        settle_space(Path(f"a_space-{nine}_b.nii"), six)
    with pytest.raises(InputError, match="no statement of its space"):
        settle_space(Path("a.nii"), None)


def test_surfaces_are_those_in_the_space_of_the_volume():
    """fs_LR has one pair; BigBrain one in its own space and a symmetric one for MNI."""
    assert surface_pair(FSLR, "MNI152NLin2009cAsym").space == "MNI152NLin6Asym"
    assert surface_pair(BIGBRAIN, "bigbrain").white == "white"
    assert surface_pair(BIGBRAIN, "MNI152NLin2009bSym").white == "white_sym"
    assert surface_pair(BIGBRAIN, "MNI152NLin6Asym").space == "MNI152NLin2009bSym"
    with pytest.raises(InputError, match="another shape"):
        surface_pair(FSLR, "bigbrain")
    with pytest.raises(InputError, match="Map it to fsLR-32k first"):
        surface_pair(Space("fsaverage", "10k"), "MNI152NLin6Asym")
