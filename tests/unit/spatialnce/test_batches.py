"""Batches are the same for any number of processes, and sources are opened where they are read."""

import warnings

import numpy as np
import pytest
import torch

from cytosurf.errors import CytosurfWarning, InputError
from cytosurf.histology.profiles import ProfileSource
from cytosurf.spatialnce.batches import StepBatches, batches
from cytosurf.spatialnce.config import SubsetConfig
from cytosurf.spatialnce.config_files import make_config
from cytosurf.spatialnce.sources import grey_statistics, open_source, training_part
from tests.unit.spatialnce.toy_training import options, write_patches


@pytest.fixture(scope="module")
def patches(tmp_path_factory):
    """Write the patches once."""
    return write_patches(tmp_path_factory.mktemp("patches"))


@pytest.mark.parametrize("world_size", [2, 4, 8])
def test_slices_put_together_are_the_batch_of_one_process(patches, world_size):
    """The same patches in the same order, augmented to the same bits."""
    config = make_config(options(patches))
    whole = StepBatches(config)[5]
    parts = [StepBatches(config, rank, world_size)[5] for rank in range(world_size)]
    for field in ("images", "coordinates_mm", "indices"):
        assert torch.equal(torch.cat([getattr(p, field) for p in parts]), getattr(whole, field))


def test_both_views_are_of_the_same_patches(patches):
    """Two views for SimCLR, the first of them that of SpatialNCE."""
    one = StepBatches(make_config(options(patches)))[0].images
    two = StepBatches(make_config(options(patches, loss={"kind": "simclr"})))[0].images
    first, second = two.chunk(2)
    assert torch.equal(first, one)
    assert not torch.equal(second, first)


def test_a_worker_is_not_sent_the_patches(patches):
    """It opens them itself, and reads the same."""
    steps = StepBatches(make_config(options(patches)))
    expected = steps[1]
    state = steps.__getstate__()
    assert state["source"] is None
    assert state["_sampler"] is None
    worker = StepBatches.__new__(StepBatches)
    worker.__dict__.update(state)
    assert torch.equal(worker[1].images, expected.images)


def test_training_sees_nothing_that_is_excluded_or_near_it(patches, tmp_path):
    """Excluded ids, a buffer around them, one hemisphere: all at once."""
    source = open_source(make_config(options(patches)).source)
    np.savez(tmp_path / "test.npz", ids=np.array([3, 7]))
    subset = SubsetConfig(exclude=tmp_path / "test.npz", buffer_mm=8.0, hemispheres=("L",))
    part = training_part(source, subset)
    assert not {3, 7} & set(part.ids.tolist())
    assert (part.coordinates_mm[:, 0] < 0).all()
    gaps = part.coordinates_mm[:, None] - source.coordinates_mm[[3, 7]]
    assert np.linalg.norm(gaps, axis=-1).min() > 8.0
    assert 0 < len(part.ids) < 48


@pytest.mark.parametrize(("ids", "words"), [([999], "no id of the source"), (None, "npz file")])
def test_a_subset_that_excludes_nothing_is_refused(patches, tmp_path, ids, words):
    """A file of other ids would silently train on everything."""
    if ids is not None:
        np.savez(tmp_path / "test.npz", ids=np.array(ids))
    subset = SubsetConfig(exclude=tmp_path / "test.npz")
    with pytest.raises(InputError, match=words):
        training_part(open_source(make_config(options(patches)).source), subset)


def test_a_list_of_ids_that_was_cut_off_is_refused(patches, tmp_path):
    """As a copy that was not finished."""
    path = tmp_path / "test.npz"
    np.savez(path, ids=np.arange(9))
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(InputError, match=r"subset\.exclude: found .*test\.npz: BadZipFile"):
        training_part(open_source(make_config(options(patches)).source), SubsetConfig(exclude=path))


def test_grey_statistics_are_mean_and_sd_of_each_channel(patches):
    """Over all patches here; a constant channel is not divided by 0."""
    source = open_source(make_config(options(patches)).source)
    values = source.read(np.arange(48)).astype(np.float64)
    mean, sd = grey_statistics(source)
    assert mean == pytest.approx(values.mean((0, 2, 3)), rel=1e-5)
    assert sd == pytest.approx(values.std((0, 2, 3)), rel=1e-5)


def test_bad_patches_are_bad_input_also_in_a_worker(tmp_path):
    """The message arrives as it was said, not as an error of the loader."""
    path = tmp_path / "patches.npz"
    np.savez(path, patches=np.full((20, 1, 5, 5), 7.0), coordinates_mm=np.zeros((20, 3)))
    steps = StepBatches(make_config(options(path)))
    with pytest.raises(InputError, match="values of 7 to 7; expected floats of 0 to 1"):
        next(batches(steps, 0, 1))


def test_a_hemisphere_of_bigbrain_is_that_of_its_mesh():
    """The midline of histological space is not at 0: 9 % of the right vertices have x below it."""
    ids, places = np.array([5, 163_841, 163_842, 163_900]), np.zeros((4, 3)) - [3.0, 0, 0]
    taken = np.zeros((4, 9), np.int32)
    source = ProfileSource(np.zeros((9, 18), np.float32), taken, ids, places, "bigbrain", 1.0)
    left = training_part(source, SubsetConfig(hemispheres=("L",)))
    right = training_part(source, SubsetConfig(hemispheres=("R",)))
    assert (left.ids.tolist(), right.ids.tolist()) == ([5, 163_841], [163_842, 163_900])


def test_a_buffer_shorter_than_a_patch_is_warned_about(tmp_path):
    """Training patches would hold what they must not see."""
    taken = np.arange(9, dtype=np.int32)[None] + np.zeros((12, 1), np.int32)
    grey, places = np.zeros((12, 18), np.float32), np.arange(12)[:, None] * [10.0, 0, 0]
    source = ProfileSource(grey, taken, np.arange(12), places, "bigbrain", reach_mm=5.0)
    np.savez(tmp_path / "test.npz", ids=np.array([3]))
    with pytest.warns(CytosurfWarning, match="patches reach 5 mm"):
        training_part(source, SubsetConfig(exclude=tmp_path / "test.npz", buffer_mm=4.9))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        training_part(source, SubsetConfig(exclude=tmp_path / "test.npz", buffer_mm=5.0))


def test_sections_are_opened_by_the_worker_that_reads_them(tmp_path):
    """Handles of zarr and TIFF never cross a process, and the patches are the same."""
    tifffile = pytest.importorskip("tifffile", reason="extra histology")
    pytest.importorskip("zarr", reason="extra histology")
    image = np.random.default_rng(0).integers(0, 255, (64, 64), dtype=np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", image, tile=(16, 16))
    rows = [f"a.tif,{10 + i},{60 - i},{i},0,0" for i in range(32)]
    (tmp_path / "p.csv").write_text("\n".join(["image,x_um,y_um,x_mm,y_mm,z_mm", *rows]))
    section = {"kind": "sections", "points": str(tmp_path / "p.csv"), "pixel_um": 1.0}
    source = {**section, "patch_px": 8, "space": "bigbrain"}
    config = make_config({**options(tmp_path), "source": source, "loader": {"workers": 1}})
    opened = training_part(open_source(config.source), config.subset)
    steps = StepBatches(config, source=opened)
    here = steps[2]
    (there,) = batches(steps, 2, 3)
    assert torch.equal(there.images, here.images)
    assert torch.equal(there.indices, here.indices)


def test_an_assumed_size_of_pixels_is_told(tmp_path):
    """Where a section does not state it and the configuration did not name it."""
    tifffile = pytest.importorskip("tifffile", reason="extra histology")
    image = np.zeros((64, 64), np.uint8)
    tifffile.imwrite(tmp_path / "silent.tif", image)
    stated = {"resolution": (5000, 5000), "resolutionunit": 3}  # pixels a cm: 2 µm
    tifffile.imwrite(tmp_path / "stated.tif", image, **stated)
    rows = [f"{name}.tif,20,20,{i},0,0" for i, name in enumerate(("silent", "stated"))]
    (tmp_path / "p.csv").write_text("\n".join(["image,x_um,y_um,x_mm,y_mm,z_mm", *rows]))
    section = {"kind": "sections", "points": str(tmp_path / "p.csv"), "space": "bigbrain"}
    with pytest.warns(CytosurfWarning, match=r"1 of 2 sections, the first .*silent\.tif.* 2 µm"):
        open_source(make_config({"source": section, "steps": 1}).source)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        open_source(make_config({"source": {**section, "pixel_um": 2.0}, "steps": 1}).source)
