"""Schaefer parcellations: global keys, and names from TemplateFlow where there are any."""

import csv
import warnings

import numpy as np
import pytest

from cytosurf.errors import CytosurfWarning
from cytosurf.targets.registry import load_target
from cytosurf.targets.schaefer import read_label_table

pytestmark = pytest.mark.real_data


@pytest.mark.parametrize("n", [100, 400])
def test_keys_are_global_and_named_on_both_sides(n, real_cache, real_data):
    """Left keys come first; every name says its hemisphere, and nothing is warned about."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", CytosurfWarning)
        target = load_target(f"schaefer{n}")
    left, right = (target.parcellation.hemisphere(h) for h in "LR")
    assert left.used_keys().tolist() == list(range(1, n // 2 + 1))
    assert right.used_keys().tolist() == list(range(n // 2 + 1, n + 1))
    table = f"tpl-MNI152NLin2009cAsym_atlas-Schaefer2018_desc-{n}Parcels7Networks_dseg.tsv"
    with (real_data / "templateflow" / table).open() as stream:
        names = {int(row["index"]): row["name"] for row in csv.DictReader(stream, delimiter="\t")}
    assert dict(target.parcellation.names) == names
    assert all("_LH_" in target.parcellation.names[k] for k in left.used_keys().tolist())
    assert all("_RH_" in target.parcellation.names[k] for k in right.used_keys().tolist())


def test_a_size_without_a_table_upstream_is_named_by_key_with_a_warning(real_cache):
    """There is no table for 700 parcels; the generic names of the file are not used."""
    with pytest.warns(CytosurfWarning, match="schaefer700: 700 keys have no name") as caught:
        target = load_target("schaefer700")
    assert len(caught) == 1
    assert target.parcellation.names[1] == "label_1"
    assert target.parcellation.names[700] == "label_700"
    assert target.notes[0].startswith("no label table")


def test_two_of_a_thousand_parcels_are_missing(real_cache):
    """The 1000-parcel file has 498 of 500 right parcels; a note says so."""
    target = load_target("schaefer1000")
    assert target.n_classes == 998
    assert target.notes == ("998 of 1000 parcels are on the surface",)


def test_the_order_of_17_networks(real_cache):
    """Names of the 17-network order."""
    target = load_target("schaefer200-17networks")
    assert target.n_classes == 200
    assert all(name.startswith("17Networks_") for name in target.parcellation.names.values())


def test_a_label_table_leaves_out_the_background(tmp_path):
    """Key 0 is no label."""
    path = tmp_path / "dseg.tsv"
    path.write_text("index\tname\tcolor\n0\tbackground\t#000\n3\tV1\t#fff\n")
    assert read_label_table(path) == {3: "V1"}


def test_vertices_without_a_parcel_are_zero(real_cache):
    """The medial wall stays unassigned on both sides."""
    keys = load_target("schaefer100").parcellation.keys
    assert 2_000 < (keys[:32_492] == 0).sum() < 4_000
    assert np.array_equal(np.unique(keys), np.arange(101))
