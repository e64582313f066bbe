"""Names of other packages' parcellations reach their connector, and become targets."""

import numpy as np
import pytest

from cytosurf.connectors.fetched import Fetched
from cytosurf.errors import InputError
from cytosurf.surfaces.maps import Parcellation
from cytosurf.surfaces.space import Space
from cytosurf.targets import external
from cytosurf.targets.registry import load_target

FSLR = Space("fsLR", "32k")


def fetched(space=FSLR):
    """Return labels as a connector would."""
    keys = np.arange(2 * space.n_vertices) % 4
    return Fetched(Parcellation(keys, space, {1: "a", 2: "b", 3: "c"}), ("source",), ("terms",))


def test_an_atlas_of_nilearn_is_a_target(monkeypatch):
    """Keys, names, sources and notes of the connector, under the name that was typed."""
    asked = []
    monkeypatch.setattr(external, "nilearn_atlas", lambda name: asked.append(name) or fetched())
    target = load_target("nilearn:schaefer400")
    assert asked == ["schaefer400"]
    assert (target.name, target.n_classes) == ("nilearn:schaefer400", 3)
    assert (target.sources, target.notes) == (("source",), ("terms",))


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("siibra:julich-3.1", ("julich-3.1", "")),
        ("siibra:julich-3.1:mni152", ("julich-3.1", "mni152")),
    ],
)
def test_a_parcellation_of_siibra_is_a_target(monkeypatch, name, parts):
    """The part after the second colon is siibra's space."""
    asked = []
    monkeypatch.setattr(
        external, "siibra_parcellation", lambda *given: asked.append(given) or fetched()
    )
    assert load_target(name).n_classes == 3
    assert asked == [parts]


@pytest.mark.real_data
def test_labels_of_fsaverage5_are_carried_to_the_space_of_the_run(monkeypatch, real_cache):
    """By registration spheres, as labels, with a note that says so."""
    fsaverage5 = Space("fsaverage", "10k")
    monkeypatch.setattr(external, "nilearn_atlas", lambda _: fetched(fsaverage5))
    target = load_target("nilearn:destrieux")
    assert target.parcellation.space == FSLR
    assert any("resampled from fsaverage-10k" in note for note in target.notes)


@pytest.mark.parametrize(
    ("name", "match"),
    [
        ("nilearn:destrieu", "Did you mean 'nilearn:destrieux'"),
        ("nilearn:", "target: found 'nilearn:'"),
        ("siibra:", "siibra:PARCELLATION or siibra:PARCELLATION:SPACE"),
        ("siibra:julich:nowhere", "hcp32k, fsaverage5, fsaverage, mni152"),
    ],
)
def test_names_of_another_form_are_refused(name, match):
    """Before the package is asked."""
    with pytest.raises(InputError, match=match):
        load_target(name)
