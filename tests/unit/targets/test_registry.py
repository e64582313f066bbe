"""Names of targets, and the answer to an unknown one."""

import pytest

from cytosurf.errors import InputError
from cytosurf.targets.registry import TARGETS, load_target


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("yoe7", "Did you mean 'yeo7'"),
        ("schaefer450", "Did you mean 'schaefer400'|Did you mean 'schaefer50"),
        ("difumo128", "Did you mean 'difumo64'"),
        ("", "expected one of"),
    ],
)
def test_an_unknown_name_gets_the_nearest(name, message):
    """A spelling mistake is answered with a suggestion."""
    with pytest.raises(InputError, match=message):
        load_target(name)


@pytest.mark.parametrize("name", ["schaefer400-7networks", "mesulam"])
def test_embedded_targets_load_without_any_download(name, monkeypatch, tmp_path):
    """What needs no data directory works with an empty one, offline."""
    monkeypatch.setenv("CYTOSURF_DATA", str(tmp_path))
    monkeypatch.setenv("CYTOSURF_OFFLINE", "1")
    target = load_target(name)
    assert target.name == name
    assert target.sources == ("brainspace",)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.real_data
@pytest.mark.parametrize("name", sorted(TARGETS.keys() - {"difumo64", "julich"}))
@pytest.mark.filterwarnings("ignore:schaefer")
def test_every_target_loads(name, real_cache):
    """Each name gives named classes on fs_LR 32k (the volumes have tests of their own)."""
    target = load_target(name)
    assert target.name == name
    assert target.n_classes >= 2
    assert target.parcellation.n_vertices == 64_984
    assert all(target.parcellation.names[k] for k in target.parcellation.used_keys().tolist())
    assert target.sources
