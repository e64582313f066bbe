"""Colours of classes."""

import numpy as np
import pytest

from cytosurf.report.colours import (
    _DEUTAN,
    _PROTAN,
    _oklab,
    class_colours,
    display_name,
    distinct_colours,
)
from cytosurf.targets.networks import YEO_NAMES


def closest_pair(colours, cones=None):
    """Return the smallest OKLab distance between two colours."""
    lab = _oklab(colours, cones)
    distance = np.linalg.norm(lab[:, None] - lab[None], axis=2)
    return distance[~np.eye(len(lab), dtype=bool)].min()


def rgb(colours):
    """Return colours as rows of integers 0 to 255."""
    return np.round(colours * 255).astype(int).tolist()


def test_seven_networks_have_their_usual_colours_by_name_and_by_number():
    """The colours of the FreeSurfer colour table of Yeo et al."""
    expected = [[120, 18, 134], [70, 130, 180], [0, 118, 14], [196, 58, 250]]
    expected += [[220, 248, 164], [230, 148, 34], [205, 62, 78]]
    assert rgb(class_colours(YEO_NAMES[7])) == expected
    assert rgb(class_colours([f"7Networks_{i}" for i in range(1, 8)])) == expected


def test_networks_keep_their_colours_in_any_subset_and_order():
    """A network that is missing from a mask does not recolour the others."""
    all_of_them = dict(zip(YEO_NAMES[7], rgb(class_colours(YEO_NAMES[7])), strict=True))
    assert rgb(class_colours(["Limbic", "Vis"])) == [all_of_them["Limbic"], all_of_them["Vis"]]


def test_seventeen_networks_have_their_usual_colours():
    """First, second and the two default-mode giants, by name and by number."""
    named = rgb(class_colours(YEO_NAMES[17]))
    assert named == rgb(class_colours([f"17Networks_{i}" for i in range(1, 18)]))
    assert named[0] == [120, 18, 134]
    assert named[1] == [255, 0, 0]
    assert named[15] == [255, 255, 0]
    assert named[16] == [205, 62, 78]


@pytest.mark.real_data
@pytest.mark.parametrize("n_networks", [7, 17])
def test_colours_are_those_of_the_label_tables(real_data, n_networks):
    """The BigBrain label files carry the same colours."""
    import nibabel

    name = f"tpl-bigbrain_hemi-L_desc-Yeo2011_{n_networks}Networks_N1000.label.gii"
    table = nibabel.load(real_data / "bigbrainwarp" / "tpl-bigbrain" / name).labeltable
    stored = {label.label: label.rgba[:3] for label in table.labels if label.key > 0}
    np.testing.assert_allclose(class_colours(list(stored)), list(stored.values()), atol=1.01 / 255)


def test_a_class_that_is_no_network_means_another_palette():
    """Mixed names are not half Yeo."""
    assert rgb(class_colours(["Vis", "V1"]))[0] != [120, 18, 134]
    assert rgb(class_colours(["7Networks_8", "Vis"]))[1] != [120, 18, 134]


@pytest.mark.parametrize("n", [1, 2, 7, 8, 20, 64])
def test_classes_have_different_colours_that_are_not_grey(n):
    """Up to 64 classes can be told apart, and from unlabelled cortex."""
    colours = class_colours([f"area {i}" for i in range(n)])
    assert colours.shape == (n, 3)
    assert ((colours >= 0) & (colours <= 1)).all()
    lab = _oklab(colours)
    assert np.hypot(lab[:, 1], lab[:, 2]).min() > 0.06
    if n > 1:
        assert closest_pair(colours) > 0.055
        assert closest_pair(colours, _DEUTAN) > 0.03
        assert closest_pair(colours, _PROTAN) > 0.03


def test_distinct_colours_beat_random_ones():
    """The greedy choice is worth having: random colours come three times as near."""
    random = np.random.default_rng(0).random((64, 3))
    assert closest_pair(distinct_colours(64)) > 3 * closest_pair(random)


def test_more_colours_begin_with_the_same_ones():
    """Adding a class keeps the others' colours."""
    np.testing.assert_array_equal(distinct_colours(30)[:12], distinct_colours(12))


def test_white_and_grey_in_oklab():
    """The colour space is right at its known points."""
    lab = _oklab(np.array([[1.0, 1, 1], [0, 0, 0], [0.5, 0.5, 0.5]]))
    np.testing.assert_allclose(lab[:2], [[1, 0, 0], [0, 0, 0]], atol=1e-6)
    np.testing.assert_allclose(lab[2], [0.5982, 0, 0], atol=1e-3)


@pytest.mark.parametrize("cones", [_PROTAN, _DEUTAN])
def test_colour_blindness_leaves_greys_alone(cones):
    """Rows of the simulation sum to 1: what has no colour looks the same."""
    np.testing.assert_allclose(cones.sum(axis=1), 1, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("7Networks_7", "Default (7Networks_7)"),
        ("17Networks_17", "DefaultB (17Networks_17)"),
        ("7Networks_8", "7Networks_8"),
        ("area 17", "area 17"),
    ],
)
def test_numbered_networks_are_named(name, shown):
    """Nobody remembers which network is number 4."""
    assert display_name(name) == shown
