"""Names of other packages' maps reach their connector, and the maps become feature sets."""

import numpy as np
import pytest

from cytosurf.connectors.fetched import Fetched
from cytosurf.errors import InputError
from cytosurf.features import external
from cytosurf.features.external import check_external_name, external_features
from cytosurf.features.registry import check_feature_name, load_features
from cytosurf.surfaces.maps import SurfaceMap
from cytosurf.surfaces.space import Space
from cytosurf.targets.embedded import cortex_mask

FSLR = Space("fsLR", "32k")


def fetched(columns=("a",), valid=None):
    """Return a map of fs_LR 32k as a connector would."""
    values = np.random.default_rng(0).normal(size=(64_984, len(columns)))
    return Fetched(SurfaceMap(values, FSLR, columns, valid), ("source",), ("terms",))


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("neuromaps:hcps1200:myelinmap", ("hcps1200", "myelinmap")),
        ("neuromaps:a:b:MNI152:2mm", ("a", "b", "MNI152", "2mm")),
    ],
)
def test_annotations_are_valid_on_the_cortex(monkeypatch, name, parts):
    """The medial wall of such a file means nothing; what the file leaves out stays out."""
    asked = []
    own = np.arange(64_984) % 5 > 0

    def annotation(*given, wanted):
        asked.append((given, wanted))
        return fetched(valid=own)

    monkeypatch.setattr(external, "annotation", annotation)
    features = external_features(name, FSLR)
    assert asked == [(parts, FSLR)]
    assert np.array_equal(features.map.valid, own & cortex_mask())
    assert features.name == name
    assert features.sources == ("source",)
    assert features.notes[0] == "terms"


def test_siibra_names_reach_their_function(monkeypatch):
    """Profiles and layers as they are, a region by parcellation and name."""
    monkeypatch.setattr(external, "siibra_profiles", lambda: fetched(("profile",)))
    monkeypatch.setattr(external, "siibra_layers", lambda: fetched(("layer",)))
    monkeypatch.setattr(external, "siibra_region", lambda *parts: fetched(parts))
    columns = [
        external_features(f"siibra:{name}", FSLR).map.columns
        for name in ("profiles", "layers", "region:julich-3.1:hOc1")
    ]
    assert columns == [("profile",), ("layer",), ("julich-3.1", "hOc1")]


def test_external_sets_take_components_and_join(monkeypatch):
    """`NAME:pcaD` and `A+B` work with them as with any other set."""
    monkeypatch.setattr(external, "siibra_profiles", lambda: fetched(tuple("abcde")))
    features = load_features("siibra:profiles:pca2+coordinates")
    assert features.n_features == 5


@pytest.mark.parametrize(
    "name",
    [
        "neuromaps:hcps1200",
        "neuromaps:a:b:fsLR",
        "neuromaps::b",
        "siibra:profile",
        "siibra:region:julich",
        "siibra:region:julich:",
    ],
)
def test_names_of_another_form_are_refused_before_anything_is_asked(name):
    """The option is named, with the form that is expected."""
    with pytest.raises(InputError, match=r"--features: found .*; expected"):
        check_external_name(name, "--features")
    with pytest.raises(InputError, match=r"--features: found"):
        check_feature_name(f"coordinates+{name}", "--features")


def test_good_names_are_not_asked_for_when_checked():
    """Checking needs neither package nor network."""
    for name in ("neuromaps:a:b", "siibra:layers", "siibra:region:j:r", "gradients:x.npy@yeo7"):
        check_feature_name(name, "--features")
