"""Training: resumed to the bit, guarded, recorded."""

import json
import multiprocessing
import os
import re
import shutil
import signal
import subprocess
import sys
from multiprocessing import forkserver

import numpy as np
import pytest
import torch

from cytosurf.errors import CytosurfWarning, InputError
from cytosurf.spatialnce import loop, step
from cytosurf.spatialnce.checkpoint import Progress, checkpoints
from cytosurf.spatialnce.config_files import read_config
from cytosurf.spatialnce.loop import TrainingFailedError, train
from cytosurf.spatialnce.loss import spatial_nce
from cytosurf.spatialnce.run_directory import commit
from tests.unit.spatialnce.toy_training import options, records, weights, write_patches


@pytest.fixture(scope="module")
def patches(tmp_path_factory):
    """Write the patches once."""
    return write_patches(tmp_path_factory.mktemp("patches"))


@pytest.fixture(scope="module")
def whole(patches, tmp_path_factory):
    """Train six steps without a stop."""
    out = tmp_path_factory.mktemp("whole") / "run"
    assert train(options(patches), out).finished
    return out


def stop_at(number):
    """Return a callback that sends SIGTERM to this process after an update."""

    def send(record):
        if record["step"] == number:
            os.kill(os.getpid(), signal.SIGTERM)

    return send


def same(found, expected):
    """Assert that two trainings ended with the same bits and records."""
    assert weights(found) == weights(expected)
    assert records(found) == records(expected)


def test_sigterm_saves_and_training_goes_on_to_the_same_bits(patches, whole, tmp_path):
    """Stopped after the third update, between two checkpoints, and continued."""
    handler = signal.getsignal(signal.SIGTERM)
    stopped = train(options(patches), tmp_path / "run", on_record=stop_at(3))
    assert (stopped.finished, stopped.progress.step) == (False, 3)
    assert signal.getsignal(signal.SIGTERM) is handler
    assert not (tmp_path / "run" / "model").exists()
    assert train(options(patches), tmp_path / "run").finished
    same(tmp_path / "run", whole)


def test_another_number_of_workers_gives_the_same_bits(patches, whole, tmp_path):
    """Begun with two, ended by a signal to every process of the job, continued without."""
    heard, others = [], {child.pid for child in multiprocessing.active_children()}

    def end_job(record):
        if record["step"] == 3:
            children = {child.pid for child in multiprocessing.active_children()} - others
            heard.extend((*children, forkserver._forkserver._forkserver_pid, os.getpid()))
            for pid in heard:
                os.kill(pid, signal.SIGTERM)

    readers = {"workers": 2}
    stopped = train(options(patches, loader=readers), tmp_path / "run", on_record=end_job)
    assert stopped.progress.step == 3
    assert len(heard) == 4
    train(options(patches), tmp_path / "run")
    same(tmp_path / "run", whole)


KILLED = """
import json, os, pathlib, signal, sys
from cytosurf.spatialnce.loop import train
rename = pathlib.Path.replace
def killed(self, target):
    if str(target).endswith("step-00000004"):
        os.kill(os.getpid(), signal.SIGKILL)
    return rename(self, target)
pathlib.Path.replace = killed
train(json.loads(sys.argv[1]), sys.argv[2])
"""


def test_a_kill_between_write_and_rename_loses_nothing(patches, whole, tmp_path):
    """Killed with the second checkpoint written and not renamed: the first is gone on from."""
    arguments = [sys.executable, "-c", KILLED, json.dumps(options(patches)), str(tmp_path / "run")]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    folder = tmp_path / "run" / "checkpoints"
    assert [path.name for path in checkpoints(folder)] == ["step-00000002"]
    assert list(folder.glob(".tmp*"))
    train(options(patches), tmp_path / "run")
    assert not list(folder.glob(".tmp*"))
    same(tmp_path / "run", whole)


def test_a_finished_training_is_left_as_it_is(patches, whole):
    """The same command once more does nothing."""
    before = weights(whole), records(whole)
    assert train(options(patches), whole).progress == Progress(6)
    assert (weights(whole), records(whole)) == before


def test_no_step_writes_the_untrained_encoder(patches, tmp_path):
    """The control: weights of the seed, and grey values scaled as for training."""
    train(options(patches, steps=0), tmp_path / "a")
    train(options(patches, steps=0), tmp_path / "b")
    train(options(patches, steps=0, seed=1), tmp_path / "c")
    a, b, c = (weights(tmp_path / name) for name in "abc")
    assert a == b != c
    assert (tmp_path / "a" / "run.json").is_file()


def test_a_constant_rate_allows_more_steps_later(patches, tmp_path):
    """Four steps and two more are six; with a cosine they would not be, and it is refused."""
    constant = {"name": "constant"}
    train(options(patches, schedule=constant, steps=4), tmp_path / "more")
    train(options(patches, schedule=constant), tmp_path / "more")
    train(options(patches, schedule=constant), tmp_path / "once")
    same(tmp_path / "more", tmp_path / "once")
    train(options(patches, steps=2), tmp_path / "cosine")
    with pytest.raises(InputError, match=r"steps = 2; expected one with steps = 6"):
        train(options(patches), tmp_path / "cosine")


def test_the_number_of_steps_may_grow_and_not_shrink(patches, tmp_path):
    """What is recorded of a training agrees with its weights."""
    asked, run = options(patches, schedule={"name": "constant"}), tmp_path / "run"
    train({**asked, "steps": 4}, run)
    train({**asked, "steps": 5}, run)
    assert read_config(run / "config.yaml").steps == 5
    described = (run / "model" / "config.json").read_bytes()
    with pytest.raises(InputError, match=r"steps: found 2 where 5 are done.*expected 5 or more"):
        train({**asked, "steps": 2}, run)
    assert (run / "model" / "config.json").read_bytes() == described
    assert read_config(run / "config.yaml").steps == 5


def test_one_training_at_a_time_works_in_a_directory(patches, whole, tmp_path):
    """Another is told which process is there; once it has ended, however, the way is free."""
    run, said = tmp_path / "run", []

    def begin_again(record):
        if record["step"] == 2:
            with pytest.raises(InputError, match=f"process {os.getpid()} on") as refusal:
                train(options(patches), run)
            said.append(refusal)

    train(options(patches), run, on_record=begin_again)
    assert len(said) == 1
    same(run, whole)
    train(options(patches), run)


@pytest.mark.parametrize("name", ["file", "file/run"])
def test_a_place_that_cannot_be_written_is_refused(patches, tmp_path, name):
    """A file is in the way."""
    (tmp_path / "file").write_text("mine")
    with pytest.raises(InputError, match="a place that cannot be written"):
        train(options(patches), tmp_path / name)


def test_another_configuration_or_another_folder_is_refused(patches, whole, tmp_path):
    """Rather than mixing two trainings."""
    with pytest.raises(InputError, match=r"seed = 0; expected one with seed = 1"):
        train(options(patches, seed=1), whole)
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="something else"):
        train(options(patches), tmp_path)


def test_a_training_does_not_go_on_with_other_data(tmp_path):
    """The file has the same name and another content."""
    path = write_patches(tmp_path)
    train(options(path), tmp_path / "run", on_record=stop_at(2))
    write_patches(tmp_path, n=50)
    with pytest.raises(InputError, match=r"other content of .*patches\.npz"):
        train(options(path), tmp_path / "run")


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_an_update_that_is_not_finite_is_skipped(patches, tmp_path, monkeypatch, bad):
    """Weights, momenta and running statistics stay; it is counted; training goes on."""
    seen = []

    def objective(projected, **kwargs):
        seen.append(1)
        result = spatial_nce(projected, kwargs["coordinates_mm"], sigma_mm=10.0)
        return result._replace(loss=result.loss * bad) if len(seen) == 3 else result

    states = []
    monkeypatch.setattr(step, "objective", objective)
    update = loop.update

    def watched(model, *arguments):
        states.append({k: v.clone() for k, v in model.state_dict().items()})
        result = update(model, *arguments)
        states.append({k: v.clone() for k, v in model.state_dict().items()})
        return result

    monkeypatch.setattr(loop, "update", watched)
    training = train(options(patches), tmp_path / "run")
    assert training.progress == Progress(6, 1, 0)
    for index in range(6):
        before, after = states[2 * index], states[2 * index + 1]
        unchanged = all(torch.equal(before[name], after[name]) for name in before)
        assert unchanged == (index == 2)


def test_too_many_in_a_row_end_the_training(patches, tmp_path, monkeypatch):
    """With the step and a way out."""

    def objective(projected, **kwargs):
        result = spatial_nce(projected, kwargs["coordinates_mm"], sigma_mm=10.0)
        return result._replace(loss=result.loss * float("nan"))

    monkeypatch.setattr(step, "objective", objective)
    with pytest.raises(TrainingFailedError, match=r"3 updates in a row.*number 3"):
        train(options(patches, max_skipped=3), tmp_path / "run")


@pytest.mark.parametrize("kind", ["spatialnce", "simclr"])
def test_training_lowers_its_loss(patches, tmp_path, kind):
    """On patches whose texture follows their place."""
    loss = {"kind": kind, "temperature": 0.2}
    adam = {"name": "adamw", "lr": 0.01}
    train(options(patches, steps=40, loss=loss, optimiser=adam), tmp_path / "run")
    losses = [record["loss"] for record in records(tmp_path / "run")]
    assert sum(losses[-5:]) < 0.95 * sum(losses[:5])


@pytest.mark.parametrize(
    "changed", [{"sigma_mm": 5.0}, {"temperature": 0.2}, {"normalise_weights": False}]
)
def test_options_of_the_loss_arrive(patches, whole, tmp_path, changed):
    """Each changes the first value of the loss."""
    train(options(patches, steps=1, loss={"sigma_mm": 10.0, **changed}), tmp_path / "run")
    assert records(tmp_path / "run")[0]["loss"] != records(whole)[0]["loss"]


def test_two_passes_are_one_without_batch_statistics(patches, tmp_path):
    """With group normalisation and chunks of 5, weights end up the same."""
    encoder = {
        "options": {"widths": [4, 8], "strides": [1, 1], "norm": "group"},
        "projection_norm": "group",
        "projection_hidden": 8,
    }
    results = []
    for name, chunk in (("one", None), ("two", 5)):
        out = tmp_path / name
        train(options(patches, encoder=encoder, batch={"size": 16, "chunk": chunk}), out)
        results.append([record["loss"] for record in records(out)])
    assert results[1] == pytest.approx(results[0], rel=1e-4)


def test_bfloat16_trains_close_to_float32(patches, whole, tmp_path):
    """The encoder runs in it, the loss does not."""
    train(options(patches, precision="bfloat16"), tmp_path / "run")
    found, expected = records(tmp_path / "run")[0], records(whole)[0]
    assert found["loss"] == pytest.approx(expected["loss"], rel=0.02)
    assert found["loss"] != expected["loss"]


def test_the_record_says_what_was_asked_for(whole):
    """Loss, rate, gradient, positives, speed, waiting and memory; versions and data."""
    lines = [json.loads(line) for line in (whole / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [1, 2, 3, 4, 5, 6]
    for line in lines:
        assert line["loss"] > 0
        assert line["gradient_norm"] > 0
        assert line["effective_positives"] > 1
        assert line["patches_per_second"] > 0
        assert 0 <= line["data_wait_share"] <= 1
        assert line["memory_mb"] > 50
    assert [line["lr"] for line in lines[:3]] == [0.25, 0.5, 0.5]
    run = json.loads((whole / "run.json").read_text())
    assert run["config"]["seed"] == run["seed"] == 0
    assert {"torch", "numpy", "python"} <= run["sessions"][0]["versions"].keys()
    assert "commit" in run["sessions"][0]
    assert [len(value) for value in run["data"].values()] == [64]


def test_a_missing_tensorboard_is_found_before_anything_is_written(patches, tmp_path, monkeypatch):
    """By every process, for none of them waits for another before it."""
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(InputError, match="pip install tensorboard"):
        train(options(patches, tensorboard=True), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_fewer_patches_than_a_batch_are_refused(patches, tmp_path):
    """Before anything is written."""
    with pytest.raises(InputError, match="64 with 48 patches"):
        train(options(patches, batch={"size": 64}), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def coordinates_times(patches, folder, factor):
    """Write the same patches with coordinates in another unit and return the path."""
    with np.load(patches) as stored:
        places = stored["coordinates_mm"] * factor
        np.savez(folder / "other.npz", patches=stored["patches"], coordinates_mm=places)
    return folder / "other.npz"


def test_coordinates_in_another_unit_are_found_before_training(patches, tmp_path):
    """Micrometres are refused before anything is written, so the file can be put right."""
    path = coordinates_times(patches, tmp_path, 1000)
    with pytest.raises(InputError, match="Are they micrometres"):
        train(options(path), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_coordinates_that_are_too_near_are_warned_about_once(patches, tmp_path):
    """Metres: of the source, and of the first batch, not of each."""
    path = coordinates_times(patches, tmp_path, 1e-3)
    with pytest.warns(CytosurfWarning, match="Are the coordinates in mm") as said:
        train(options(path), tmp_path / "run")
    assert len(said) <= 2


@pytest.mark.skipif(shutil.which("git") is None, reason="no git")
def test_the_commit_of_a_checkout_is_recorded(tmp_path):
    """With a word where files were changed; None where there is no checkout."""
    assert commit(tmp_path) is None
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run([*git, "init", "-q"], check=True)
    (tmp_path / "a.py").write_text("1\n")
    subprocess.run([*git, "add", "a.py"], check=True)
    subprocess.run([*git, "commit", "-q", "-m", "a"], check=True)
    subprocess.run([*git, "tag", "v1"], check=True)
    found = commit(tmp_path)
    assert re.fullmatch("[0-9a-f]{40}", found)
    (tmp_path / "a.py").write_text("2\n")
    assert commit(tmp_path) == f"{found}-dirty"
