"""Signals and devices of the processes that train."""

import os
import signal
import threading

import torch

from cytosurf.spatialnce.processes import joined_processes, noting_signals


def test_a_signal_is_noted_and_the_handlers_come_back():
    """SIGTERM and SIGUSR1 ask to stop; afterwards they are whose they were."""
    before = signal.getsignal(signal.SIGUSR1)
    with noting_signals() as request:
        assert not request.anywhere(torch.device("cpu"))
        os.kill(os.getpid(), signal.SIGUSR1)
        assert request.anywhere(torch.device("cpu"))
    assert signal.getsignal(signal.SIGUSR1) is before


def test_in_a_thread_signals_are_left_alone():
    """Python allows handlers in the main thread alone; training works without."""
    before, seen = signal.getsignal(signal.SIGTERM), []

    def work():
        with noting_signals() as request:
            seen.append((request.asked, signal.getsignal(signal.SIGTERM)))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [(False, before)]


def test_without_torchrun_there_is_no_group(monkeypatch):
    """One process, on the CPU where there is no GPU."""
    monkeypatch.delenv("RANK", raising=False)
    with joined_processes() as device:
        assert device.type == ("cuda" if torch.cuda.is_available() else "cpu")
        assert not torch.distributed.is_initialized()
