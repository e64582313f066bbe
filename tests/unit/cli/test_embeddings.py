"""`cytosurf embeddings`: import, map, generate, from the command line as a user meets it."""

import h5py
import numpy as np
import pytest

from cytosurf.features import (
    embedding_assign,
    embedding_generated,
    embedding_import,
    embedding_set,
    registry,
)
from cytosurf.features.embedding_table import EmbeddingTable
from cytosurf.surfaces import Space, read_map
from tests.unit.cli.conftest import refused


@pytest.fixture
def brain(toy_cortex, monkeypatch):
    """Let the midsurface of BigBrain be that of the toy cortex, with `stain` measured on it."""
    meshes = {h: toy_cortex.toy_mesh(h, "midthickness") for h in "LR"}
    for module in (embedding_assign, embedding_generated):
        monkeypatch.setattr(module, "load_midsurfaces", lambda *_: meshes)
        monkeypatch.setattr(module, "BIGBRAIN", toy_cortex.TOY)
    stain = toy_cortex.feature_set()
    monkeypatch.setitem(registry.FEATURES, "stain", lambda _: stain)
    return toy_cortex


def test_from_a_csv_file_to_a_map(cytosurf, brain, tmp_path):
    """Import in micrometres, map, and every vertex has the value that was put there."""
    values = brain.stain()
    table = np.column_stack([brain.points() * 1000, values])
    np.savetxt(
        tmp_path / "p.csv", table, delimiter=",", header="px,py,pz,e1,e2", comments="", fmt="%.9g"
    )
    names = ("--points", "px,py,pz", "--features", "e*", "--unit", "um", "--space", "bigbrain")
    ended = cytosurf("embeddings", "import", tmp_path / "p.csv", *names, "--out", tmp_path / "t.h5")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.endswith("t.h5: 1,284 points in bigbrain, 2 features\n")
    out = tmp_path / "map"
    ended = cytosurf("embeddings", "map", tmp_path / "t.h5", "--to", "toy-642", "--out", out)
    assert (ended.code, ended.err) == (0, "")
    files = ended.out.split()
    assert len(files) == 8
    read = read_map([files[0], files[2]], space=brain.TOY)
    np.testing.assert_allclose(read.values, values, rtol=1e-6)
    distance = read_map([files[4], files[6]], space=brain.TOY)
    assert distance.values.max() < 1e-4


def test_every_option_reaches_the_function(cytosurf, monkeypatch, tmp_path):
    """Under the name that the function has for it."""
    calls = []
    table = EmbeddingTable(np.zeros((1, 3)), np.zeros((1, 2)), space="bigbrain")

    def record(result):
        return lambda *arguments, **options: (calls.append((arguments, options)), result)[1]

    monkeypatch.setattr(embedding_import, "import_embeddings", record(table))
    monkeypatch.setattr(embedding_set, "map_embeddings", record([tmp_path / "a"]))
    monkeypatch.setattr(embedding_generated, "generate_embeddings", record(table))
    for command in (
        "import a.npz --space icbm --points p --features a,b --ids i --unit um --out t.h5",
        (
            "map t.h5 --to fsLR-32k --out x --pca 3 --method gaussian --k 4 --sigma-mm 0.5 "
            "--max-distance-mm inf --midsurface m_{hemi}.surf.gii --mesh-space fsLR-164k "
            "--tolerance-mm 3"
        ),
        "generate profiles --out t.h5 --space bigbrainsym --share 0.5 --jitter-mm 0.3 --seed 4",
    ):
        assert cytosurf("embeddings", *command.split()).code == 0
    imported, mapped, generated = calls
    assert imported[1] == {
        "space": "icbm",
        "points": ("p",),
        "features": ("a", "b"),
        "ids": "i",
        "unit": "um",
    }
    assert mapped[0][1] == Space("fsLR", "32k")
    assert mapped[1] == {
        "n_components": 3,
        "method": "gaussian",
        "k": 4,
        "sigma_mm": 0.5,
        "max_distance_mm": np.inf,
        "midsurface": "m_{hemi}.surf.gii",
        "mesh_space": Space("fsLR", "164k"),
        "tolerance_mm": 3.0,
    }
    assert generated[1] == {"space": "bigbrainsym", "share": 0.5, "jitter_mm": 0.3, "seed": 4}


def test_generated_tables(cytosurf, brain, tmp_path):
    """One point for each valid vertex."""
    ended = cytosurf("embeddings", "generate", "stain", "--out", tmp_path / "t.h5")
    assert ended.code == 0
    assert len(EmbeddingTable.open(tmp_path / "t.h5")) == brain.cortex().sum()


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("import p.npz --out t.h5", "--space: found no space of the points"),
        ("import p.npz --out t.h5 --space mni", "--space: found 'mni'"),
        ("import p.npz --out t.h5 --space icbm --unit inch", "--unit: found 'inch'"),
        ("import p.npz --out t.h5 --space icbm --points x,y", "--points: found 2 names"),
        ("import no.npz --out t.h5 --space icbm", "no.npz: found no such file"),
        ("import p.npz --out t.h5 --space icbm --features emb", "arrays: found 'emb'"),
        ("map p.npz --to toy-642 --out x", "p.npz: found a file that is not HDF5"),
        ("map um.h5 --to toy-642 --out x", "um.h5: found points in micrometres"),
        ("map ok.h5 --to nowhere --out x", "Error: --to: found 'nowhere'"),
        ("map ok.h5 --to toy-642 --out x --mesh-space no", "Error: --mesh-space: found 'no'"),
        ("map ok.h5 --to toy-642 --out x --method linear", "--method: found 'linear'"),
        ("map ok.h5 --to toy-642 --out x --k 3", "--k: found 3"),
        ("map ok.h5 --to toy-642 --out x --max-distance-mm 0", "--max-distance-mm: found 0"),
        ("map ok.h5 --to toy-642 --out x --pca 9", "9 components; expected 1 to 2"),
        ("map ok.h5 --to toy-642 --out x --midsurface m.surf.gii", "m.surf.gii|--midsurface"),
        ("generate profile --out t.h5", "Error: features: .*Did you mean 'profiles'"),
        ("generate stain --out t.h5 --share 0", "--share: found 0"),
        ("generate stain --out t.h5 --jitter-mm -1", "--jitter-mm: found -1"),
    ],
)
def test_bad_input_ends_with_2(cytosurf, brain, tmp_path, monkeypatch, command, words):
    """One message, and no file is written."""
    monkeypatch.chdir(tmp_path)
    np.savez("p.npz", points=brain.points(), features=brain.stain())
    for name, factor in (("ok.h5", 1), ("um.h5", 1000)):
        EmbeddingTable(brain.points() * factor, brain.stain(), space="bigbrain").write(name)
    before = sorted(tmp_path.iterdir())
    refused(cytosurf("embeddings", *command.split()), words)
    assert sorted(tmp_path.iterdir()) == before


def test_a_file_of_another_program_can_be_read_by_its_groups(cytosurf, tmp_path):
    """HDF5 datasets in groups, as published files may have them."""
    with h5py.File(tmp_path / "p.h5", "w") as file:
        file["B20/coordinates"] = np.random.default_rng(0).normal(size=(9, 3))
        file["B20/features"] = np.ones((9, 2))
    names = ("--points", "B20/coordinates", "--features", "B20/features", "--space", "colin27")
    out = ("--out", tmp_path / "t.h5")
    assert cytosurf("embeddings", "import", tmp_path / "p.h5", *names, *out).code == 0
    assert EmbeddingTable.open(tmp_path / "t.h5").space == "colin27"
