"""Volumes on the surface: shares and counts of the data README, votes counted by hand."""

import numpy as np
import pytest

from cytosurf import data
from cytosurf.surfaces.templates import greyordinate_mask
from cytosurf.targets.registry import load_target
from cytosurf.targets.volumes import difumo_names, julich_names

YEO7 = ("Vis", "SomMot", "DorsAttn", "SalVentAttn", "Limbic", "Cont", "Default")


def test_repeated_component_names_are_told_apart(tmp_path):
    """Two components of one name get their numbers; others keep theirs. Rows count from 1."""
    path = tmp_path / "labels.csv"
    path.write_text("Component,Difumo_names,GM\n1,Insula,0.5\n2,Cuneus,0.5\n3,Insula,0.5\n")
    assert difumo_names(path) == {1: "Insula (1)", 2: "Cuneus", 3: "Insula (3)"}


def test_julich_names_are_numbered_by_their_place(tmp_path):
    """The first name, of key 0, is the background."""
    path = tmp_path / "Julich.json"
    path.write_text('{"R": [0, 1], "labels": ["", "Area 3b (PostCG)", "Area hOc1 (V1)"]}')
    assert julich_names(path) == {1: "Area 3b (PostCG)", 2: "Area hOc1 (V1)"}


@pytest.fixture(scope="module")
def difumo(real_cache):
    """Load the DiFuMo target once."""
    return load_target("difumo64")


@pytest.mark.real_data
def test_the_share_of_cortex_with_a_loading_is_the_known_one(difumo):
    """87.9 % on the left and 86.7 % on the right, averaged over five depths; noted and exact."""
    keys, cortex = difumo.parcellation.keys, greyordinate_mask()
    for rows, expected in ((slice(0, 32_492), 0.879), (slice(32_492, None), 0.867)):
        share = (keys[rows][cortex[rows]] > 0).mean()
        assert share == pytest.approx(expected, abs=0.001)
    assert (keys[~cortex] == 0).all()
    assert difumo.n_classes == 58
    assert difumo.notes[0].startswith("12.7% of the cortex")
    assert any("MNI152" in note and "not documented" in note for note in difumo.notes)


@pytest.mark.real_data
def test_components_lie_in_the_network_that_their_dictionary_names(difumo, real_cache):
    """The first network of a component is the Yeo7 label of 78 % (left) and 76 % of vertices."""
    import csv

    yeo = load_target("yeo7").parcellation.keys
    with data.path("difumo64", "labels_64_dictionary.csv").open() as stream:
        named = {int(r["Component"]): r["Yeo_networks7"] for r in csv.DictReader(stream)}
    keys = difumo.parcellation.keys
    both = (keys > 0) & (yeo > 0)
    same = np.full(len(keys), np.nan)
    for v in np.flatnonzero(both).tolist():
        if named[keys[v]] != "No network found":
            same[v] = named[keys[v]].startswith(YEO7[yeo[v] - 1])
    left, right = (np.nanmean(half) for half in np.split(same, 2))
    assert left == pytest.approx(0.78, abs=0.01)
    assert right == pytest.approx(0.76, abs=0.01)


@pytest.mark.real_data
def test_julich_areas_lie_where_they_must(real_cache):
    """The right names for the keys: primary areas in their networks, on both sides."""
    julich = load_target("julich").parcellation
    yeo = load_target("yeo7").parcellation.keys
    for name, network in (("Area hOc1 (V1, 17, CalcS)", 1), ("Area 4a (PreCG)", 2)):
        (key,) = (k for k, n in julich.names.items() if n == name)
        for h in (slice(0, 32_492), slice(32_492, None)):
            inside = (julich.keys[h] == key) & (yeo[h] > 0)
            assert inside.sum() > 100
            assert (yeo[h][inside] == network).mean() > 0.9
    assert not any(julich.names[k].startswith("label_") for k in julich.used_keys().tolist())
    left, right = (julich.hemisphere(h).keys for h in "LR")
    cortex = greyordinate_mask()
    assert (julich.keys[~cortex] == 0).all()
    assert (left[cortex[:32_492]] > 0).mean() == pytest.approx(0.914, abs=0.002)
    assert (right[cortex[32_492:]] > 0).mean() == pytest.approx(0.924, abs=0.002)
