"""Targets: names, the least number of classes, and the way to another space."""

import numpy as np
import pytest

from cytosurf.errors import CytosurfWarning, InputError
from cytosurf.surfaces.maps import Parcellation
from cytosurf.surfaces.resample import resample
from cytosurf.surfaces.space import Space
from cytosurf.targets.target import Target, carried, checked, with_names

TOY = Space("toy", "3")


@pytest.mark.parametrize(
    ("keys", "message"), [([0] * 6, "0 labels above 0"), ([4, 4, 0, 0, 4, 0], "1 label above 0")]
)
def test_fewer_than_two_classes_are_refused(keys, message):
    """There is nothing to decode in a single class."""
    with pytest.raises(InputError, match=message):
        checked(Target("toy", Parcellation(keys, TOY)))


def test_two_classes_are_enough():
    """Two labels are a target."""
    target = Target("toy", Parcellation([1, 2, 0, 0, 1, 0], TOY))
    assert checked(target) is target
    assert target.n_classes == 2


def test_keys_without_a_name_are_warned_about_and_named_by_key():
    """The warning counts them; names of keys that nobody has stay in the table."""
    labels = Parcellation([1, 2, 7, 7, 1, 0], TOY)
    with pytest.warns(CytosurfWarning, match=r"table\.tsv: 2 keys have no name \(2, \.\.\.\)"):
        named = with_names(labels, {1: "V1", 9: "M1"}, "table.tsv")
    assert dict(named.names) == {1: "V1", 2: "label_2", 7: "label_7", 9: "M1"}


@pytest.mark.real_data
def test_another_space_gets_resampled_labels(real_cache):
    """Carried labels equal the label resampling, with a note and the sources of the spheres."""
    keys = np.random.default_rng(0).integers(0, 3, 64_984)
    target = Target("mine", Parcellation(keys, Space("fsLR", "32k")), ("file:mine",))
    there = Space("fsLR", "164k")
    moved = carried(target, there)
    np.testing.assert_array_equal(
        moved.parcellation.keys, resample(target.parcellation, there).keys
    )
    assert moved.sources == ("file:mine", "brainspace", "fslr")
    assert moved.notes == ("labels resampled from fsLR-32k by the largest barycentric weight",)
    assert carried(target, Space("fsLR", "32k")) is target
