"""Devices are there or refused with a way out; float32 is float32, whatever is set."""

import builtins
import threading

import pytest

from cytosurf.decoding.torch_device import check_device, full_precision, torch_device
from cytosurf.errors import InputError

torch = pytest.importorskip("torch", reason="PyTorch is not installed")


class TestCheckDevice:
    """What can be computed on."""

    def test_needs_no_torch_for_the_processor(self, monkeypatch):
        """The compiled solver is not torch's."""
        monkeypatch.setattr(builtins, "__import__", _without_torch(builtins.__import__))
        check_device("cpu")

    def test_says_how_to_install_torch(self, monkeypatch):
        """Where it is missing, one message names the option and the command."""
        monkeypatch.setattr(builtins, "__import__", _without_torch(builtins.__import__))
        with pytest.raises(InputError, match=r"--device cuda: found no torch.*pip install"):
            check_device("cuda")

    def test_says_that_there_is_no_gpu(self, monkeypatch):
        """The message says what torch was built for."""
        monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
        with pytest.raises(InputError, match=r"--device cuda: found no GPU that torch .* built"):
            check_device("cuda")

    def test_names_the_devices(self):
        """A misspelt device is answered with the nearest one."""
        with pytest.raises(InputError, match=r"expected one of cpu, cuda, torch-cpu.*'cuda'"):
            check_device("cudda")

    def test_gives_torchs_own(self):
        """The name of torch on the processor is not torch's."""
        assert torch_device("torch-cpu") == torch.device("cpu")


def _without_torch(real):
    def fake(name, *args, **kwargs):
        if name == "torch":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    return fake


def precision():
    """Return how float32 matrix products are done."""
    matmuls = (torch.backends.cuda.matmul, torch.backends.mkldnn.matmul)
    return [matmul.fp32_precision for matmul in matmuls]


@pytest.fixture(autouse=True)
def _kept_precision():
    """Set again what was set before the test."""
    before = torch.get_float32_matmul_precision()
    yield
    torch.set_float32_matmul_precision(before)


class TestFullPrecision:
    """Float32 products in float32."""

    @pytest.mark.parametrize("setting", ["highest", "high", "medium"])
    def test_sets_and_puts_back(self, setting):
        """The setting of the process is the same afterwards, after an error too."""
        torch.set_float32_matmul_precision(setting)
        before = precision()
        with full_precision():
            assert precision() == ["ieee", "ieee"]
        with pytest.raises(ZeroDivisionError), full_precision():
            1 / 0  # noqa: B018
        assert precision() == before
        assert torch.get_float32_matmul_precision() == setting

    def test_threads_take_turns(self):
        """One thread's end does not take full precision from another."""
        torch.set_float32_matmul_precision("medium")
        before, inside, ended = precision(), [], threading.Event()

        def other():
            with full_precision():
                inside.append(precision())
            ended.set()

        with full_precision():
            thread = threading.Thread(target=other)
            thread.start()
            assert not ended.wait(0.05)
        thread.join()
        assert inside == [["ieee", "ieee"]]
        assert precision() == before
