"""The route of embeddings to fs_LR: the known answer of a toy and of the real staining profiles."""

import json
from pathlib import Path

import numpy as np
import pytest

from cytosurf.features.bigbrain import bigbrain_profiles
from cytosurf.features.embedding_assign import assign_to_midsurface
from cytosurf.features.embedding_generated import generate_embeddings
from cytosurf.features.embedding_set import map_embeddings
from cytosurf.features.embedding_table import EmbeddingTable
from cytosurf.runs.options import read_options
from cytosurf.surfaces import Mesh, Space, read_map, resample
from cytosurf.surfaces.applying import apply_weights
from cytosurf.surfaces.barycentric import barycentric_weights
from cytosurf.workflow import decode
from tests import toy

PIPELINE = Path(__file__).resolve().parents[2] / "pipelines" / "bigbrain_to_fslr"
FSLR = Space("fsLR", "32k")


@pytest.fixture(scope="module")
def expected():
    """Return what was measured."""
    return json.loads((PIPELINE / "expected.json").read_text(encoding="utf-8"))


def test_a_toy_brain_gives_the_direct_map(tmp_path):
    """Points at the vertices of one mesh, carried over spheres to another: the same to the bit."""
    coarse, fine = toy.icosphere(3), toy.icosphere(2)
    sides = {"L": -40.0, "R": 40.0}
    brain = {
        h: Mesh(np.add(coarse.vertices * [0.3, 0.6, 0.4], [x, 0, 0]), coarse.faces)
        for h, x in sides.items()
    }
    rng = np.random.default_rng(0)
    values = rng.normal(size=(1284, 5)).astype(np.float32)
    valid = rng.random(1284) < 0.9
    points = np.concatenate([brain[h].vertices for h in "LR"])
    rows = rng.permutation(np.flatnonzero(valid))
    table = EmbeddingTable(points[rows], values[rows], space="other:toy").write(tmp_path / "t.h5")
    assigned = assign_to_midsurface(
        table, midsurfaces=brain, mesh_space=Space("toy", "642"), max_distance_mm=1e-3
    )
    weights = barycentric_weights(coarse, fine)
    for half in (slice(0, 642), slice(642, 1284)):
        mask = assigned.features.valid[half]
        carried, reached = apply_weights(weights, assigned.features.values[half], mask)
        direct, direct_reached = apply_weights(weights, values[half], valid[half])
        np.testing.assert_array_equal(reached, direct_reached)
        np.testing.assert_array_equal(carried[reached], direct[reached])


def test_the_configuration_and_the_table_agree(expected):
    """Every feature set has an expected score."""
    options = read_options(PIPELINE / "config.yaml")
    names = [*options["features"], *options["baseline"]]
    assert sorted(expected["decode"]["macro_f1"]) == sorted(names)


@pytest.mark.real_data
@pytest.mark.usefixtures("real_cache")
def test_real_profiles_give_the_direct_map(expected, tmp_path):
    """To the bit where a vertex finds itself; else as the README says."""
    direct = resample(bigbrain_profiles()[0], FSLR)
    maps = expected["maps"]
    assert int(direct.valid.sum()) == maps["n_valid_direct"]
    generate_embeddings("profiles", tmp_path / "profiles.h5")
    options = {"share": 0.5, "jitter_mm": 0.3}
    generate_embeddings("profiles", tmp_path / "profiles_half.h5", **options)

    def mapped(name, **rule):
        out = tmp_path / f"{name}.dscalar.nii"
        return read_map(map_embeddings(tmp_path / f"{name}.h5", FSLR, out, **rule)[0])

    exact = mapped("profiles", max_distance_mm=1e-3)
    listed = exact.valid & direct.valid  # CIFTI lists the standard greyordinates of them
    assert int(listed.sum()) == int(exact.valid.sum()) == maps["n_compared"]
    np.testing.assert_array_equal(exact.values[listed], direct.values[listed])
    for name in ("profiles", "profiles_half"):
        found, known = mapped(name), maps[name]
        both = found.valid & direct.valid
        a, b = found.values[both], direct.values[both]
        r = [np.corrcoef(a[:, i], b[:, i])[0, 1] for i in range(18)]
        assert len(a) == maps["n_compared"]
        assert min(r) == pytest.approx(known["r_smallest"], abs=maps["tolerance"])
        assert np.median(r) == pytest.approx(known["r_median"], abs=maps["tolerance"])
        if "share_equal" in known:
            share = (a == b).all(axis=1).mean()
            assert share == pytest.approx(known["share_equal"], abs=maps["tolerance"])


@pytest.mark.real_data
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::cytosurf.errors.CytosurfWarning")
def test_the_scores_are_reproduced(expected, real_cache, tmp_path, monkeypatch):
    """Decoding the table gives what decoding the map gives."""
    monkeypatch.chdir(tmp_path)
    generate_embeddings("profiles", "profiles.h5")
    generate_embeddings("profiles", "profiles_half.h5", share=0.5, jitter_mm=0.3)
    results = decode(**read_options(PIPELINE / "config.yaml")).record.results
    known = expected["decode"]
    assert results["n_vertices"] == known["n_vertices"]
    scores = {n: e["macro_f1"]["mean"] for n, e in results["feature_sets"].items()}
    for name, score in known["macro_f1"].items():
        assert scores[name] == pytest.approx(score, abs=known["tolerance"])
