"""`cytosurf train`, `embed` and `bench train` as a user meets them."""

import json
import os
import signal
import time

import pytest
import yaml

from cytosurf.features.embedding_table import EmbeddingTable
from tests.unit.cli.conftest import refused
from tests.unit.spatialnce.toy_training import options, write_patches


@pytest.fixture
def config(tmp_path):
    """Write a configuration of a training of seconds."""
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(options(write_patches(tmp_path), steps=2)))
    return path


def test_train_and_embed_make_a_table(cytosurf, config, tmp_path):
    """Two commands, a line for each record, and a file that any other command reads."""
    trained = cytosurf("train", config, "--out", tmp_path / "run", "--set", "log_every=2")
    assert trained.code == 0, trained.err
    assert "step 2 of 2: loss" in trained.out
    assert trained.out.strip().endswith("model")
    embedded = cytosurf("embed", tmp_path / "run", "--out", tmp_path / "a.h5")
    assert embedded.code == 0, embedded.err
    assert "48 patches, 8 features, other:toy" in embedded.out
    assert len(EmbeddingTable.open(tmp_path / "a.h5")) == 48


def test_show_config_resolves_everything_and_trains_nothing(cytosurf, config, tmp_path):
    """With the changes in it."""
    arguments = ("train", config, "--out", tmp_path / "run", "--show-config")
    shown = cytosurf(*arguments, "--set", "loss.temperature=0.1")
    assert yaml.safe_load(shown.out)["loss"]["temperature"] == 0.1
    assert not (tmp_path / "run").exists()


def test_a_stopped_training_says_how_to_go_on(cytosurf, config, tmp_path, monkeypatch):
    """Exit code 1: it is not done."""
    from cytosurf.spatialnce import loop

    update = loop.update

    def stopped(*arguments):
        os.kill(os.getpid(), signal.SIGTERM)
        return update(*arguments)

    monkeypatch.setattr(loop, "update", stopped)
    ended = cytosurf("train", config, "--out", tmp_path / "run")
    assert ended.code == 1
    assert "Stopped after step 1 of 2. The same command goes on." in ended.err
    monkeypatch.undo()
    assert cytosurf("train", config, "--out", tmp_path / "run").code == 0


def test_bench_train_shows_where_the_time_goes(cytosurf, config):
    """As a table and as JSON; nothing is written."""
    table = cytosurf("bench", "train", config, "--steps", 2)
    assert "patches/s" in table.out
    assert "backward" in table.out
    found = json.loads(cytosurf("bench", "train", config, "--steps", 2, "--json").out)
    assert found["patches_per_second"] > 0
    assert found["seconds"].keys() == {"wait", "forward", "loss", "backward", "step", "other"}
    assert (found["processes"], found["batch_size"], found["steps"]) == (1, 16, 2)


def test_bench_train_counts_the_whole_step(cytosurf, config, monkeypatch):
    """Also what is in none of its parts."""
    from cytosurf.spatialnce import step

    rate = step.rate

    def slow(*arguments):
        time.sleep(0.1)
        return rate(*arguments)

    monkeypatch.setattr(step, "rate", slow)
    found = json.loads(cytosurf("bench", "train", config, "--steps", 1, "--json").out)
    assert found["patches_per_second"] < 16 / 0.1
    assert found["seconds"]["other"] >= 0.1
    assert sum(found["seconds"].values()) == pytest.approx(16 / found["patches_per_second"])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("train", "none.yaml"), "none.yaml"),
        (("train", "{config}", "--set", "loss.sigma=3"), "loss: found 'sigma'"),
        (("train", "{config}", "--set", "steps"), "--set: found 'steps'"),
        (("train", "{config}", "--set", "batch.size=64"), "batch.size: found 64 with 48"),
        (("embed", "{folder}", "--out", "a.h5"), "no model"),
        (("embed", "{folder}", "--out", "a.h5", "--layer", "head"), "--layer: found 'head'"),
        (("bench", "train", "{config}", "--steps", "0"), "--steps: found 0"),
    ],
)
def test_mistakes_end_with_one_message(cytosurf, config, tmp_path, arguments, words):
    """Exit code 2, without a traceback."""
    (tmp_path / "empty").mkdir()
    names = {"config": str(config), "folder": str(tmp_path / "empty")}
    refused(cytosurf(*(a.format(**names) for a in arguments)), words)
