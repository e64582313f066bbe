"""Another process that holds a lock."""

import subprocess
import sys
from contextlib import contextmanager

HOLD = """
import sys, time
from pathlib import Path
from cytosurf.compute.lock import locked
with locked(Path(sys.argv[1]), *sys.argv[2:]):
    print("held", flush=True)
    time.sleep(60)
"""


@contextmanager
def other_process(*arguments):
    """Give another process that holds a lock, and end it."""
    command = [sys.executable, "-c", HOLD, *(str(a) for a in arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as other:
        try:
            assert other.stdout.readline() == b"held\n"
            yield other
        finally:
            other.kill()
