"""What the processes do in the tests of the training loop."""

from pathlib import Path

import torch


def train(options, out):
    """Train in the group of all processes; return the records and the number of the process."""
    from cytosurf.spatialnce.loop import train as train_here

    training = train_here(options, out)
    return training.finished, training.progress.step, torch.distributed.get_rank()


def refusal(options, out, apart=False):
    """Return the message of a training that is refused; each process may have its own folder."""
    from cytosurf.errors import InputError
    from cytosurf.spatialnce.loop import train as train_here

    rank = torch.distributed.get_rank()
    try:
        train_here(options, Path(out) / str(rank) if apart else out)
    except InputError as error:
        return str(error)
    return "no refusal"


def command(*arguments):
    """Return what a command prints."""
    import io
    import sys
    from contextlib import redirect_stdout, suppress
    from unittest import mock

    from cytosurf.cli import main

    said = io.StringIO()
    asked = mock.patch.object(sys, "argv", ["cytosurf", *arguments])
    with asked, redirect_stdout(said), suppress(SystemExit):
        main()
    return said.getvalue()


def stop(options, out, rank, number):
    """Train, and ask one process to stop after an update."""
    import os
    import signal

    from cytosurf.spatialnce import loop

    update = loop.update
    done = []

    def watched(*arguments):
        done.append(1)
        if len(done) == number and torch.distributed.get_rank() == rank:
            os.kill(os.getpid(), signal.SIGTERM)
        return update(*arguments)

    loop.update = watched
    try:
        return loop.train(options, Path(out)).progress.step
    finally:
        loop.update = update
