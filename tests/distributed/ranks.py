"""Real gloo processes for tests: started once, then handed one function call after another."""

import os
import traceback
from multiprocessing import get_context
from pathlib import Path

# A server that has imported torch once makes the processes by forking; it has no other threads.
CONTEXT = get_context("forkserver")
CONTEXT.set_forkserver_preload(["torch._dynamo", "tests.distributed.tasks"])
PATIENCE_S = 120


class World:
    """`size` processes that form a gloo group and call functions together.

    The functions live in a module that the processes can import; they return what torch.save takes
    (tensors, numbers, texts), or raise.
    """

    def __init__(self, size, folder):
        self.size = size
        here, there = zip(*(CONTEXT.Pipe() for _ in range(size)), strict=True)
        store = Path(folder) / f"store-{size}"
        self.pipes = here
        self.processes = [
            CONTEXT.Process(target=_serve, args=(rank, size, store, pipe), daemon=True)
            for rank, pipe in enumerate(there)
        ]
        for process in self.processes:
            process.start()

    def call(self, function, *arguments):
        """Return what every rank returned, in their order; raise what the first that failed did."""
        for pipe in self.pipes:
            pipe.send((function, arguments))
        answers = []
        for rank, pipe in enumerate(self.pipes):
            assert pipe.poll(PATIENCE_S), f"rank {rank} hangs"
            answers.append(pipe.recv())
        for failed, answer in answers:
            if failed:
                raise AssertionError(answer)
        return [answer for _, answer in answers]

    def close(self):
        """End the processes."""
        for pipe in self.pipes:
            pipe.send(None)
        for process in self.processes:
            process.join(PATIENCE_S)


def _serve(rank, size, store, pipe):
    os.environ["OMP_NUM_THREADS"] = "1"
    import torch
    import torch.distributed as dist

    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=size)
    while (task := pipe.recv()) is not None:
        function, arguments = task
        try:
            pipe.send((False, function(*arguments)))
        except Exception:
            pipe.send((True, traceback.format_exc()))
    dist.destroy_process_group()
