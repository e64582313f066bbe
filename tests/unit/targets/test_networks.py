"""Networks: counts and agreements that the data README states, names that the data confirm."""

import nibabel as nib
import numpy as np
import pytest

from cytosurf.data import embedded_path
from cytosurf.surfaces.space import Space
from cytosurf.targets.embedded import FSLR32K, cortex_mask
from cytosurf.targets.registry import load_target

NETWORKS = ("Vis", "SomMot", "DorsAttn", "SalVentAttn", "Limbic", "Cont", "Default")
BIGBRAIN = Space("bigbrain", "164k")


def raw_keys(folder, template):
    """Return the keys of a pair of label files by nibabel alone."""
    files = [folder / template.format(h) for h in "LR"]
    return np.concatenate([nib.load(file).darrays[0].data for file in files])


@pytest.fixture(scope="module")
def embedded_networks():
    """Load the embedded target."""
    return load_target("schaefer400-7networks")


def test_embedded_networks_follow_the_first_keys(embedded_networks):
    """Every parcel has the network whose first key precedes it, parcel by parcel."""
    starts = {1: 1, 32: 2, 69: 3, 92: 4, 114: 5, 127: 6, 149: 7}
    starts |= {201: 1, 231: 2, 271: 3, 294: 4, 319: 5, 332: 6, 362: 7}
    network, expected = 0, {0: 0}
    for key in range(1, 401):
        network = starts.get(key, network)
        expected[key] = network
    parcels = np.loadtxt(embedded_path("parcellations/schaefer_400_conte69.csv")).astype(int)
    cortex = cortex_mask()
    keys = embedded_networks.parcellation.keys
    assert keys[cortex].tolist() == [expected[k] for k in parcels[cortex].tolist()]


def test_embedded_networks_stop_at_the_mask(embedded_networks):
    """672 vertices with a parcel lie outside the mask and are unassigned, and a note says so."""
    keys = embedded_networks.parcellation.keys
    assert (keys[~cortex_mask()] == 0).all()
    assert (keys > 0).sum() == 58_558
    assert any(note.startswith("672 vertices with a parcel") for note in embedded_networks.notes)
    assert np.bincount(keys).tolist() == [6426, 8970, 11634, 6427, 7569, 3956, 6905, 13097]
    assert tuple(embedded_networks.parcellation.names.values()) == NETWORKS
    assert embedded_networks.name == "schaefer400-7networks"


@pytest.mark.real_data
def test_embedded_networks_agree_with_yeo7_on_86_percent(embedded_networks, real_cache):
    """They are not the Yeo networks: 86 % of the vertices agree."""
    ours, yeo = embedded_networks.parcellation.keys, load_target("yeo7").parcellation.keys
    both = (ours > 0) & (yeo > 0)
    assert (ours == yeo)[both].mean() == pytest.approx(0.858, abs=0.001)


@pytest.mark.real_data
@pytest.mark.parametrize("n", [7, 17])
def test_native_yeo_labels_are_the_files(n, real_cache, real_data):
    """Keys are unchanged, and unassigned vertices are 2,866 and 2,842 for the 7 networks."""
    target = load_target(f"yeo{n}")
    template = f"fs_LR_32/labels/Yeo_JNeurophysiol11_{n}Networks.32k.{{}}.label.gii"
    np.testing.assert_array_equal(target.parcellation.keys, raw_keys(real_data, template))
    assert target.n_classes == n
    assert target.sources == ("yeo",)
    if n == 7:
        zeros = [(target.parcellation.hemisphere(h).keys == 0).sum() for h in "LR"]
        assert zeros == [2866, 2842]
        assert tuple(target.parcellation.names.values()) == NETWORKS


@pytest.mark.real_data
@pytest.mark.parametrize("n", [7, 17])
def test_names_of_networks_are_those_of_the_schaefer_parcels_on_them(n, real_cache):
    """Of the vertices of each network, most lie in Schaefer parcels of the same name."""
    yeo = load_target(f"yeo{n}").parcellation
    parcels = load_target("schaefer400" if n == 7 else "schaefer400-17networks").parcellation
    for key, name in yeo.names.items():
        inside = parcels.keys[(yeo.keys == key) & (parcels.keys > 0)]
        same = [f"_{name}_" in f"{parcels.names[k]}_" for k in inside.tolist()]
        assert np.mean(same) > 0.55, name


@pytest.mark.real_data
def test_the_published_route_agrees_as_upstream_measured(real_cache):
    """Yeo7 carried over from BigBrain agrees with the native labels on 0.8987 and 0.9062."""
    route, native = (load_target(name).parcellation for name in ("yeo7:bigbrain", "yeo7"))
    for hemisphere, expected in (("L", 0.8987), ("R", 0.9062)):
        ours, theirs = (p.hemisphere(hemisphere).keys for p in (route, native))
        cortex = theirs > 0
        assert (ours == theirs)[cortex].mean() == pytest.approx(expected, abs=1e-4)


@pytest.mark.real_data
def test_on_bigbrain_yeo_is_the_labels_of_bigbrainwarp(real_cache, real_data):
    """There yeo7 and yeo7:bigbrain have the same labels, 9,180 and 8,624 of them unassigned."""
    plain, route = (load_target(name, BIGBRAIN) for name in ("yeo7", "yeo7:bigbrain"))
    np.testing.assert_array_equal(plain.parcellation.keys, route.parcellation.keys)
    zeros = [(plain.parcellation.hemisphere(h).keys == 0).sum() for h in "LR"]
    assert zeros == [9180, 8624]
    assert plain.sources == ("bigbrainwarp",)
    assert plain.notes == ()


def test_mesulam_runs_from_paralimbic_to_idiotypic():
    """Myelin rises with the key, and key 4 is primary sensory and motor cortex."""
    target = load_target("mesulam")
    assert list(target.parcellation.names.values()) == [
        *("paralimbic", "heteromodal", "unimodal", "idiotypic")
    ]
    assert np.bincount(target.parcellation.keys).tolist() == [6252, 7742, 20381, 18024, 12585]
    networks = load_target("schaefer400-7networks").parcellation.keys
    myelin = np.loadtxt(embedded_path("matrices/main_group/conte69_32k_t1wt2w.csv"))
    mean_myelin = [np.nanmean(myelin[target.parcellation.keys == key]) for key in (1, 2, 3, 4)]
    assert mean_myelin == sorted(mean_myelin)
    idiotypic = networks[(target.parcellation.keys == 4) & (networks > 0)]
    assert np.isin(idiotypic, [1, 2]).mean() > 0.8  # visual and somatomotor
    assert target.parcellation.space == FSLR32K
