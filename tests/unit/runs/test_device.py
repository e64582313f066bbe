"""A run is done on one device, and says so."""

import numpy as np
import pytest

from cytosurf.decoding.scores import macro_f1
from cytosurf.errors import InputError
from cytosurf.runs import add_to_run
from cytosurf.runs.chunks import intact_chunks, read_spins
from cytosurf.runs.config import make_config
from cytosurf.runs.device import check_same_device, identity_of_refits, processes_of
from cytosurf.runs.directory import check_same_config

NAMED = {"features": ["hist"], "target": "yeo7"}


def test_spins_from_before_there_were_devices():
    """The compiled solver leaves no trace in what tells spins of a run from others."""
    assert "device" not in identity_of_refits(make_config(NAMED))
    elsewhere = make_config(NAMED | {"device": "torch-cpu"})
    assert identity_of_refits(elsewhere)["device"] == "torch-cpu"


def test_unknown_device():
    """It is named with what there is."""
    with pytest.raises(InputError, match=r"device: found 'tpu'.*'cuda'"):
        make_config(NAMED | {"device": "tpu"})


def test_another_classifier():
    """It is not fitted on a GPU, and nobody waits to learn that."""
    config = make_config(NAMED | {"device": "cuda", "classifier": "Ridge()"})
    with pytest.raises(InputError, match=r"--device cuda: found the classifier Ridge\(\)"):
        processes_of(config)


def test_one_process_feeds_a_device():
    """However many are asked for."""
    pytest.importorskip("torch", reason="PyTorch is not installed")
    assert processes_of(make_config(NAMED | {"device": "torch-cpu", "jobs": 7})) == 1
    assert processes_of(make_config(NAMED | {"jobs": 7})) == 7


def test_spins_stay_on_the_device(finished):
    """Of a run that was decoded elsewhere they are refused, with the command that decodes again."""
    check_same_device(finished.directory, None, "tcp://host:8786")
    check_same_device(finished.directory, "cpu", None)
    with pytest.raises(InputError, match=r"found a run that was decoded with cpu.*--config"):
        check_same_device(finished.directory, "cuda", None)


class TestInTorch:
    """A run of which all refits are done in torch."""

    @pytest.fixture(autouse=True)
    def _torch(self):
        pytest.importorskip("torch", reason="PyTorch is not installed")

    def test_like_the_compiled_solver(self, run_toy, finished, tmp_path):
        """Observed scores and null are those of the other device, but for vertices on a border."""
        run = run_toy(tmp_path, spins=6, device="torch-cpu")
        assert run.config["device"] == "torch-cpu"
        assert run.info["machine"]["device"] == "torch-cpu"
        assert {"device", "torch"}.isdisjoint(finished.info["machine"])
        for name, counts in finished.counts.items():
            assert np.nanmax(np.abs(macro_f1(run.counts[name]) - macro_f1(counts))) < 5e-3
        for test, expected in zip(run.nulls, finished.nulls, strict=True):
            assert np.abs(test.null - expected.null).max() < 5e-3

    def test_goes_on_to_the_bit(self, named_toy, tmp_path):
        """Spins of several sessions are those of one."""
        for name in ("once", "twice"):
            named_toy(tmp_path / name, device="torch-cpu")
        add_to_run(tmp_path / "once", 5)
        add_to_run(tmp_path / "twice", 2)
        add_to_run(tmp_path / "twice", 5)
        assert len(list(intact_chunks(tmp_path / "twice", "mirrored"))) > 1
        once, twice = (read_spins(tmp_path / n, "mirrored", 5) for n in ("once", "twice"))
        assert all(np.array_equal(once[key], twice[key]) for key in once)

    def test_is_another_run_than_without(self, run_toy, tmp_path, toy_cortex):
        """A directory of one device is refused to another, and a cluster has none."""
        run_toy(tmp_path, device="torch-cpu")
        with pytest.raises(InputError, match="found a run with device = torch-cpu"):
            check_same_config(tmp_path, toy_cortex.config(target="bands"))
        with pytest.raises(InputError, match=r"CUDA_VISIBLE_DEVICES=0 cytosurf spin"):
            check_same_device(tmp_path, None, "tcp://host:8786")
