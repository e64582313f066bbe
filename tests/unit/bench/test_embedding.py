"""`bench embedding`: the table it generates, what it measures, and a wrong assignment is seen."""

from dataclasses import replace

import numpy as np
import pytest

from cytosurf.bench import embedding
from cytosurf.bench.embedding import bench_embedding, generated
from cytosurf.errors import InputError
from cytosurf.surfaces import Space


@pytest.fixture
def toy(toy_cortex):
    """Return options for a midsurface of the toy cortex."""
    meshes = {h: toy_cortex.toy_mesh(h, "midthickness") for h in "LR"}
    return {"midsurfaces": meshes, "mesh_space": Space("toy", "642"), "space": "toy-642"}


def test_a_table_goes_all_the_way(toy, tmp_path):
    """Every figure is there, every vertex took the nearest point, and the table is gone."""
    outcome = bench_embedding(2000, 12, 3, **toy, folder=tmp_path)
    assert (outcome.n_points, outcome.n_features, outcome.n_components) == (2000, 12, 3)
    assert (outcome.target, outcome.n_vertices) == ("toy-642", 1284)
    assert outcome.assign_cpu_s > outcome.read_cpu_s > 0
    assert outcome.assign_wall_s > 0
    assert outcome.products_cpu_s >= 0
    assert outcome.table_mb > 2000 * 12 * 4 / 1e6
    assert outcome.n_checked == 50
    assert outcome.failures == ()
    assert not list(tmp_path.iterdir())


def test_a_wrong_assignment_is_seen(toy, monkeypatch):
    """The point of the vertex before it."""

    def wrong(table, **options):
        assigned = assign(table, **options)
        return replace(assigned, nearest=np.roll(assigned.nearest, 1))

    assign = embedding.assign_to_midsurface
    monkeypatch.setattr(embedding, "assign_to_midsurface", wrong)
    outcome = bench_embedding(2000, 4, 2, **toy)
    assert outcome.n_different > 25
    assert "did not take the nearest point" in outcome.failures[0]


def test_the_table_follows_from_the_seed(toy):
    """And its features are more than noise: their first components stand out."""
    meshes = toy["midsurfaces"]
    one, same, other = (list(generated(meshes, 5000, 20, seed)) for seed in (1, 1, 2))
    assert [len(chunk.points) for chunk in one] == [4096, 904]
    np.testing.assert_array_equal(one[1].features, same[1].features)
    assert not np.array_equal(one[0].features, other[0].features)
    variances = np.linalg.svd(one[0].features - one[0].features.mean(axis=0))[1] ** 2
    assert variances[0] > 3 * variances[-1]


def test_bad_input(toy, tmp_path, monkeypatch):
    """Numbers below 1, a space that is not known, and a disk without room."""
    for name in ("points", "features", "components"):
        with pytest.raises(InputError, match=f"^{name}: found 0"):
            bench_embedding(**{"points": 50, "features": 4, "components": 2, name: 0}, **toy)
    with pytest.raises(InputError, match="nowhere"):
        bench_embedding(50, 4, 2, **toy | {"space": "nowhere"})
    monkeypatch.setattr(embedding, "ROOM", 1e18)
    with pytest.raises(InputError, match="room for a table"):
        bench_embedding(50, 4, 2, **toy, folder=tmp_path)
