"""siibra itself reads a configuration and files of the real shape; what it returns is carried on.

The tests call the installed siibra. Its configuration and cache are switched to folders made here,
and no request leaves the machine.
"""

import io
import json
import shutil
from pathlib import Path

import nibabel
import numpy as np
import pytest

from cytosurf.connectors import siibra as connector
from cytosurf.connectors.siibra import (
    siibra_layers,
    siibra_parcellation,
    siibra_profiles,
    siibra_region,
)
from cytosurf.errors import InputError, MissingDataError
from cytosurf.surfaces.mesh import Mesh
from cytosurf.surfaces.space import Space
from tests import toy
from tests.unit.connectors.siibra_files import (
    AFFINE,
    AREAS,
    MNI,
    atlas_map,
    vertex_labels,
    volume,
    voxel_labels,
    write_configuration,
)

siibra = pytest.importorskip("siibra", reason="siibra is not installed (extra atlases)")
pytestmark = pytest.mark.filterwarnings("ignore::cytosurf.errors.CytosurfWarning")


@pytest.fixture(scope="module")
def configuration(tmp_path_factory):
    """Write the configuration once."""
    root = tmp_path_factory.mktemp("siibra-configurations")
    write_configuration(root)
    return root


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """Give siibra an empty cache, and no network."""
    monkeypatch.setattr(siibra.cache, "folder", str(tmp_path), raising=False)
    monkeypatch.setenv("CYTOSURF_OFFLINE", "1")
    return tmp_path


@pytest.fixture
def configured(configuration, monkeypatch):
    """Let siibra use the configuration, and put back what it used before."""
    from siibra.configuration import Configuration

    before = list(Configuration.CONFIG_CONNECTORS)
    siibra.use_configuration(str(configuration))
    yield configuration
    Configuration.CONFIG_CONNECTORS = before
    for clean in Configuration._cleanup_funcs:
        clean()


def test_a_map_on_fsaverage5_is_read_with_its_names(configured):
    """Labels differ between hemispheres in the file; the same name is the same key here."""
    fetched = siibra_parcellation("julich-3.1")
    labels = fetched.data
    assert labels.space == Space("fsaverage", "10k")
    assert sorted(labels.names.values()) == sorted(AREAS)
    key_of = {name: key for key, name in labels.names.items()}
    keys = np.array([*(key_of[area] for area in AREAS), 0])
    for side, short in (("left", "L"), ("right", "R")):
        expected = keys[vertex_labels(side)]
        np.testing.assert_array_equal(labels.hemisphere(short).keys, expected)
    assert fetched.sources == ("siibra 1.0.1a25: siibra:julich-3.1",)
    assert "fsaverage5" in fetched.notes[0]


def test_a_volume_is_sampled_on_fs_lr(configured, embedded_surfaces):
    """The map in MNI152, hemisphere by hemisphere, at the voxels of the vertices."""
    labels = siibra_parcellation("julich_3.1", "mni152").data
    assert labels.space == Space("fsLR", "32k")
    index = np.floor((embedded_surfaces - AFFINE[:3, 3]) / 4 + 0.5).astype(int)
    key_of = {name: key for key, name in labels.names.items()}
    keys = np.array([*(key_of[area] for area in AREAS), 0])
    for short, side, rows in (("L", "left", slice(32_492)), ("R", "right", slice(32_492, None))):
        expected = keys[voxel_labels(side)[tuple(index[rows].T)]]
        np.testing.assert_array_equal(labels.hemisphere(short).keys, expected)


@pytest.mark.real_data
def test_the_real_volumes_of_julich_brain_are_the_target_julich(
    configured, real_data, real_cache, tmp_path
):
    """Julich-Brain 3.1 by siibra's route and by our data directory: the same area everywhere."""
    from cytosurf.targets.registry import load_target

    names = json.loads((real_data / "julich_brain/Julich.json").read_text())["labels"]
    files = {
        f"{side} hemisphere": str(real_data / f"julich_brain/JulichBrainAtlas31_{short}H.nii.gz")
        for side, short in (("left", "L"), ("right", "R"))
    }
    julich_map = atlas_map(
        "mni-labelled",
        MNI,
        [volume(nii=files)],
        {
            f"{name} - {side}": [{"volume": 0, "label": key, "fragment": side}]
            for side in files
            for key, name in enumerate(names)
            if key > 0
        },
    )
    configuration = shutil.copytree(configured, tmp_path / "configuration")
    (configuration / "maps" / "mni.json").write_text(json.dumps(julich_map))
    siibra.use_configuration(str(configuration))
    theirs = siibra_parcellation("julich 3.1", "mni152").data
    ours = load_target("julich").parcellation
    plain = {key: " ".join(name.split()) for key, name in theirs.names.items()}
    named = np.array([plain.get(key, "") for key in range(max(plain) + 1)])
    expected = np.array(["", *(" ".join(name.split()) for name in names[1:])])
    np.testing.assert_array_equal(named[theirs.keys], expected[ours.keys])


def test_a_region_is_its_probability_left_and_right(configured, embedded_surfaces):
    """Each hemisphere takes the map of its own side."""
    fetched = siibra_region("julich 3.1", "hOc1")
    assert fetched.data.columns == ("hOc1",)
    behind = embedded_surfaces[:, 1] < -60  # a third of the image, and a voxel more
    x = np.abs(embedded_surfaces[:, 0])
    clear = behind & (x > 8)
    np.testing.assert_allclose(fetched.data.values[clear, 0], 0.8, atol=1e-5)
    assert (fetched.data.values[embedded_surfaces[:, 1] > -40] == 0).all()


def test_what_siibra_has_not_is_said_in_one_line(configured):
    """An unknown parcellation, space or region; several regions of one name."""
    with pytest.raises(InputError, match="no entry matching"):
        siibra_parcellation("nonsense")
    with pytest.raises(InputError, match=r"map in 'hcp32k' available"):
        siibra_parcellation("julich 3.1", "hcp32k")
    with pytest.raises(InputError, match="Did you mean 'fsaverage5'"):
        siibra_parcellation("julich 3.1", "fsavrage5")
    with pytest.raises(InputError, match=r"siibra:region:julich 3\.1:nowhere: found"):
        siibra_region("julich 3.1", "nowhere")
    with pytest.raises(InputError, match="siibra:region"):
        siibra_region("julich 3.1", "Area")


def test_a_map_that_cannot_be_fetched_is_missing_data(configured, configuration, monkeypatch):
    """Siibra logs the failure of a download and returns nothing; the message says what to bring."""
    from siibra.volumes.providers.gifti import GiftiSurfaceLabeling

    def unreached(*_, **__):
        raise ConnectionError

    monkeypatch.setattr(GiftiSurfaceLabeling, "fetch", unreached)
    siibra.volumes.volume.Volume._FETCH_CACHE.clear()
    with pytest.raises(MissingDataError, match=r"could not fetch it.*SIIBRA_CACHEDIR"):
        siibra_parcellation("julich 3.1")


@pytest.mark.parametrize(
    "ask",
    [
        lambda: siibra_parcellation("julich 3.1"),
        lambda: siibra_region("julich 3.1", "hOc1"),
        siibra_profiles,
        siibra_layers,
    ],
)
def test_without_network_the_way_is_told(ask):
    """The real error of siibra without a configuration or a file."""
    with pytest.raises(MissingDataError, match=r"found no network.*SIIBRA_USE_CONFIGURATION"):
        ask()


def put_wagstyl(mesh, thickness, profiles=None):
    """Put the files of siibra's profile loader into its cache."""
    from siibra.livequeries.bigbrain import WagstylProfileLoader as Loader

    image = nibabel.GiftiImage(
        darrays=[
            nibabel.gifti.GiftiDataArray(mesh.vertices, intent="NIFTI_INTENT_POINTSET"),
            nibabel.gifti.GiftiDataArray(mesh.faces, intent="NIFTI_INTENT_TRIANGLE"),
        ]
    )
    contents = {
        Loader.THICKNESSES_FILE_LEFT: npy(thickness),
        Loader.PROFILES_FILE_LEFT: b"" if profiles is None else npy(profiles),
        Loader.MESH_FILE_LEFT: image.to_bytes(),
    }
    for name, content in contents.items():
        file = siibra.cache.build_filename(f"{Loader.REPO}/{name}" + json.dumps({}))
        Path(file).write_bytes(content)


@pytest.fixture
def wagstyl(cache, monkeypatch):
    """Give siibra the files of its profile loader, on a small mesh."""
    mesh = toy.icosphere(2)
    rng = np.random.default_rng(0)
    layers = rng.uniform(0.1, 0.5, (6, 162))
    layers[:, :10] = 0
    profiles = rng.uniform(20, 60_000, (162, 200))
    put_wagstyl(mesh, np.vstack([layers, layers.sum(axis=0)]), profiles)
    monkeypatch.setattr(connector, "BIGBRAIN", Space("bigbrain", "162"))
    monkeypatch.setattr(connector, "load_mesh", lambda *_: mesh)
    return layers.T, profiles


def npy(array):
    """Return the bytes of an npy file."""
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def test_profiles_and_layers_are_read_by_siibra(wagstyl):
    """By vertex of the left hemisphere, valid where there is a thickness."""
    layers, profiles = wagstyl
    fetched = siibra_layers().data
    np.testing.assert_allclose(fetched.values, layers, rtol=1e-6)
    assert fetched.columns[3] == "thickness_IV_mm"
    assert fetched.hemispheres == ("L",)
    assert np.flatnonzero(~fetched.valid).tolist() == list(range(10))
    fetched = siibra_profiles().data
    np.testing.assert_allclose(fetched.values, profiles, rtol=1e-6)
    assert fetched.columns[199] == "depth_200"


@pytest.mark.real_data
def test_layers_on_the_real_mesh_are_our_layers(cache, real_cache):
    """Our own layer thickness, laid where siibra's download would lie, is `layers` on the left."""
    from cytosurf.features.bigbrain import npz_rows
    from cytosurf.features.registry import load_features
    from cytosurf.surfaces.templates import BIGBRAIN, load_mesh

    ours = npz_rows("layer-thickness", "layerthickness", "thickness")[:163_842]
    pial = load_mesh(BIGBRAIN, "L", "pial")
    put_wagstyl(pial, np.vstack([ours.T, ours.sum(axis=1)]))
    theirs = load_features("siibra:layers").map
    expected = load_features("layers").map.hemisphere("L")
    assert theirs.hemispheres == ("L",)
    assert np.array_equal(theirs.valid, expected.valid)
    np.testing.assert_allclose(
        theirs.values[theirs.valid], expected.values[expected.valid], rtol=1e-5, atol=1e-6
    )


def test_vertices_of_another_mesh_are_refused(wagstyl, monkeypatch):
    """Profiles are matched by their place in the file only where the mesh is BigBrain's."""
    mesh = toy.icosphere(2)
    shuffled = Mesh(mesh.vertices[::-1], mesh.faces)
    monkeypatch.setattr(connector, "load_mesh", lambda *_: shuffled)
    with pytest.raises(InputError, match="away from those of BigBrain's pial surface"):
        siibra_layers()


@pytest.mark.parametrize(
    "without", ["get_map", "WagstylProfileLoader", "HttpRequest", "MESH_FILE_LEFT"]
)
def test_another_siibra_is_one_clear_message(configured, wagstyl, monkeypatch, without):
    """Whatever is read and not there; also labels that no region has."""
    from siibra.livequeries import bigbrain
    from siibra.retrieval import requests

    places = {
        "get_map": siibra,
        "WagstylProfileLoader": bigbrain,
        "HttpRequest": requests,
        "MESH_FILE_LEFT": bigbrain.WagstylProfileLoader,
    }
    monkeypatch.delattr(places[without], without)
    ask = (lambda: siibra_parcellation("julich 3.1")) if without == "get_map" else siibra_layers
    with pytest.raises(InputError, match=rf"API is another one.*{without}.*pip install 'siibra=="):
        ask()
