"""Comparing features of a small made slice: nothing of a test strip is seen, what is done stays."""

import json

import numpy as np
import pytest

from cytosurf.errors import InputError
from cytosurf.histology.xray import PIXEL_UM, REGIONS, xray_patches
from cytosurf.probes.comparison import MODELS, Protocol, compare_models
from cytosurf.probes.folds import strip_folds
from cytosurf.probes.linear import linear_probe
from tests.unit.probes.toy_slice import PROTOCOL, TILE, options, write_slice

CLASSES = [1, 2, 4, 5]


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """Compare all models once."""
    folder = tmp_path_factory.mktemp("comparison")
    path = write_slice(folder)
    found = compare_models(options(path), folder / "out", protocol=PROTOCOL)
    return folder, path, found


def values(folder, model, k):
    """Return what the comparison kept of a fold."""
    with np.load(folder / "out" / model / f"fold-{k}.npz") as stored:
        return stored["values"]


def folds_of(path):
    """Return tiles and folds as the comparison has them."""
    source = xray_patches(path, tile_px=TILE, stride_px=4)
    px = PIXEL_UM / 1000
    width, gap = 2 * TILE * px, TILE * px
    return source, strip_folds(source.coordinates_mm, width_mm=width, gap_mm=gap, n_folds=2)


def test_every_model_is_scored_on_the_same_tiles(done):
    """Each tile of a region asked for is tested once; others are counted and not scored."""
    folder, path, found = done
    assert set(found.results) == set(MODELS)
    source, folds = folds_of(path)
    labels = source.regions()
    for result in found.results.values():
        assert result.counts.sum() == np.isin(labels, CLASSES).sum()
    record = json.loads((folder / "out" / "results.json").read_text())
    assert record == found.record
    assert record["tiles"]["HYP"] == (labels == REGIONS.index("HYP")).sum() > 0
    assert sum(record["tiles"].values()) == len(labels)
    for k, fold in enumerate(record["folds"]):
        assert sum(fold["train"].values()) == folds.train(k).sum()
        assert sum(fold["test"].values()) == folds.test(k).sum()


def test_scores_are_of_the_linear_probe(done):
    """Of the features of each fold."""
    folder, path, found = done
    source, folds = folds_of(path)
    for model in ("spatialnce", "pca", "coordinates"):
        features = np.stack([values(folder, model, k) for k in range(2)])
        expected = linear_probe(features, source.regions(), folds, CLASSES)
        assert np.array_equal(expected.counts, found.results[model].counts)
    assert np.array_equal(values(folder, "coordinates", 0), source.coordinates_mm[:, :2])


@pytest.mark.parametrize("model", ["spatialnce", "simclr", "untrained", "supervised", "pca"])
def test_nothing_of_a_test_strip_is_seen(done, tmp_path, model):
    """Other pixels there and in the gap: the same features and predictions of training tiles."""
    folder, path, _ = done
    source, folds = folds_of(path)
    rows = folds.train(0)
    seen = np.zeros(source.image.shape, bool)
    for y, x in source.corners[rows]:
        seen[y : y + TILE, x : x + TILE] = True

    def replace(image):
        image[~seen] = np.random.default_rng(1).integers(0, 256, image.shape)[~seen]

    other = write_slice(tmp_path, replace)
    compare_models(options(other), tmp_path / "out", models=[model], protocol=PROTOCOL)
    kept, again = (values(at, model, 0) for at in (folder, tmp_path))
    assert np.array_equal(kept[rows], again[rows])
    if model != "supervised":
        assert not np.array_equal(kept[folds.test(0)], again[folds.test(0)])


def test_encoders_are_those_of_the_folds(done):
    """Each fold has its own, and the untrained one has seen no update."""
    folder, _, _ = done
    assert not np.array_equal(values(folder, "simclr", 0), values(folder, "simclr", 1))
    for model, steps in (("spatialnce", 3), ("simclr", 3), ("untrained", 0)):
        stored = json.loads((folder / "out" / model / "fold-0/model/config.json").read_text())
        assert stored["step"] == steps
        kind = "simclr" if model == "simclr" else "spatialnce"
        assert stored["config"]["loss"]["kind"] == kind


def test_what_is_done_is_not_done_again(done, monkeypatch):
    """The same command, with a model less: kept values, the same scores."""
    folder, path, found = done
    monkeypatch.setattr("cytosurf.probes.comparison.train", None)
    again = compare_models(
        options(path), folder / "out", models=["simclr", "pca"], protocol=PROTOCOL
    )
    for model, result in again.results.items():
        assert np.array_equal(result.counts, found.results[model].counts)


def test_damaged_files_are_made_again_or_named(done, tmp_path):
    """Features are, what is compared is not guessed."""
    _, path, found = done
    out = tmp_path / "out"
    compare_models(options(path), out, models=["pca"], protocol=PROTOCOL)
    file = out / "pca" / "fold-1.npz"
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    again = compare_models(options(path), out, models=["pca"], protocol=PROTOCOL)
    assert file.read_bytes() == whole
    assert np.array_equal(again.results["pca"].counts, found.results["pca"].counts)
    for content in ("{", "[]", "{}"):
        (out / "probe.json").write_text(content)
        with pytest.raises(InputError, match="damaged"):
            compare_models(options(path), out, models=["pca"], protocol=PROTOCOL)


@pytest.mark.parametrize(
    ("changes", "protocol", "words"),
    [
        ({"steps": 4}, {}, "with steps = 3"),
        ({"seed": 1}, {}, "with seed = 0"),
        ({}, {"min_share": 0.7}, "with min_share = 0.5"),
        ({}, {"classes": ("CTX", "STR")}, "classes"),
    ],
)
def test_another_comparison_needs_another_directory(done, changes, protocol, words):
    """Configuration and protocol are checked before anything is trained."""
    folder, path, _ = done
    asked = Protocol(**{**vars(PROTOCOL), **protocol})
    with pytest.raises(InputError, match=words):
        compare_models(options(path, **changes), folder / "out", protocol=asked)


def test_another_slice_needs_another_directory(done, tmp_path):
    """Not the name of the file counts but what is in it."""
    folder, _, _ = done

    def darken(image):
        image[:2] = 0

    with pytest.raises(InputError, match=r"source\.path"):
        compare_models(options(write_slice(tmp_path, darken)), folder / "out", protocol=PROTOCOL)


def test_bad_input_is_refused_before_anything_is_written(done, tmp_path):
    """Another source, unknown models and regions, a region that is nowhere, a full folder."""
    _, path, _ = done
    out = tmp_path / "out"
    other = {"source": {"kind": "bigbrain"}, "steps": 1}
    cases = [
        (other, PROTOCOL, MODELS, "xray"),
        (options(path), PROTOCOL, ["simclear"], "Did you mean 'simclr'"),
        (options(path), Protocol(classes=("CTX", "V1")), MODELS, "classes: found 'V1'"),
        (options(path), Protocol(classes=("CTX", "no label")), MODELS, "classes"),
        (
            options(path),
            Protocol(classes=("CTX", "TRN"), strip_tiles=2, gap_tiles=0, n_folds=2),
            MODELS,
            "no training point",
        ),
        (options(path), Protocol(min_share=0.3), MODELS, "min_share"),
    ]
    for config, protocol, models, words in cases:
        with pytest.raises(InputError, match=words):
            compare_models(config, out, models=models, protocol=protocol)
        assert not out.exists()
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="a place that cannot be written"):
        compare_models(options(path), tmp_path / "file", protocol=PROTOCOL)
    out.mkdir()
    (out / "other.txt").write_text("")
    with pytest.raises(InputError, match="not empty"):
        compare_models(options(path), out, models=["coordinates"], protocol=PROTOCOL)


@pytest.mark.real_data
def test_the_published_slice_is_tested_in_every_fold(real_data, tmp_path):
    """All four regions are trained on and tested in each of five folds."""
    path = real_data / "xray_thc" / "xray_thc_slice-309.npz"
    config = {"source": {"kind": "xray", "path": str(path)}, "steps": 1}
    found = compare_models(config, tmp_path / "out", models=["coordinates"])
    for fold in found.record["folds"]:
        for name in ("CTX", "STR", "VP", "ZI"):
            assert fold["train"][name] >= 100
            assert fold["test"][name] >= 30
    assert found.record["tiles"]["TRN"] == 208
    assert found.record["tiles"]["none"] == 22
