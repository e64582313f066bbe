"""The training loop over four gloo processes is that of one."""

import json

import numpy as np
import pytest
import yaml

from cytosurf.spatialnce.loop import train
from tests.distributed import loop_tasks
from tests.unit.spatialnce.toy_training import assert_close, options, write_patches


@pytest.fixture(scope="module")
def patches(tmp_path_factory):
    """Write the patches once."""
    return write_patches(tmp_path_factory.mktemp("patches"))


def test_four_processes_train_what_one_trains(world, patches, tmp_path):
    """The same batches, loss, statistics of normalisation and updates; one record for all."""
    train(options(patches), tmp_path / "one")
    ended = world.call(loop_tasks.train, options(patches), tmp_path / "four")
    assert ended == [(True, 6, rank) for rank in range(4)]
    assert_close(tmp_path / "four", tmp_path / "one")


def test_one_patch_on_each_process_trains(world, patches, tmp_path):
    """Statistics of normalisation and negatives are those of all."""
    asked = options(patches, steps=2, batch={"size": 4}, loss={"kind": "simclr"})
    train(asked, tmp_path / "one")
    world.call(loop_tasks.train, asked, tmp_path / "four")
    assert_close(tmp_path / "four", tmp_path / "one")


@pytest.mark.parametrize("loss", [{"kind": "supcon"}, {"within_brain": True}])
def test_labels_and_brains_are_those_of_all_processes(world, tmp_path, loss):
    """Positives of a patch may lie on any process."""
    groups = {"label": np.arange(48) % 3, "brain": np.arange(48) % 2}
    asked = options(write_patches(tmp_path, **groups), steps=2, loss=loss)
    train(asked, tmp_path / "one")
    world.call(loop_tasks.train, asked, tmp_path / "four")
    assert_close(tmp_path / "four", tmp_path / "one")


def test_a_signal_to_one_process_stops_all_and_one_goes_on(world, patches, tmp_path):
    """All end after the same update, with a checkpoint that fits any number of processes."""
    out = tmp_path / "run"
    assert world.call(loop_tasks.stop, options(patches), out, 2, 3) == [3] * 4
    assert train(options(patches), out).finished
    train(options(patches), tmp_path / "one")
    assert_close(out, tmp_path / "one")


def test_no_process_goes_on_where_the_first_may_not(world, patches, tmp_path):
    """The directory is of another training: all end, none waits for the others."""
    train(options(patches, steps=1), tmp_path / "run")
    first, *others = world.call(loop_tasks.refusal, options(patches, seed=1), tmp_path / "run")
    assert "seed = 0; expected one with seed = 1" in first
    assert len(others) == 3
    assert all("a refusal by the first process" in message for message in others)


def test_processes_that_do_not_share_their_folder_are_refused(world, patches, tmp_path):
    """One would go on from its checkpoint, and the others begin: on all, before a step."""
    train(options(patches, steps=2, schedule={"name": "constant"}), tmp_path / "0")
    asked = options(patches, schedule={"name": "constant"})
    for message in world.call(loop_tasks.refusal, asked, tmp_path, True):
        assert "checkpoints of the steps 2, 0, 0, 0 on different processes" in message


def test_a_benchmark_speaks_once(world, patches, tmp_path):
    """The first process, for all."""
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(options(patches)))
    asked = ("bench", "train", str(path), "--steps", "1", "--json")
    first, *others = world.call(loop_tasks.command, *asked)
    assert json.loads(first)["processes"] == 4
    assert others == ["", "", ""]


def test_processes_that_cannot_share_a_batch_are_refused(world, patches, tmp_path):
    """On every process, before anything is written."""
    with pytest.raises(AssertionError, match="multiple of the number of processes"):
        world.call(loop_tasks.train, options(patches, batch={"size": 18}), tmp_path / "run")
    assert not (tmp_path / "run").exists()
