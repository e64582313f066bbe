"""One training step under torchrun, for gloo or NCCL; rank 0 prints what came out, as JSON.

torchrun --standalone --nproc-per-node N tests/distributed/launched.py BACKEND
"""

import json
import os
import sys

import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel

from cytosurf.spatialnce import spatial_nce, synchronise
from tests.distributed.tasks import batch_of, mine, model_of


def main(backend):
    """Train one float32 step with TF32 and bfloat16 products switched on globally."""
    torch.set_float32_matmul_precision("medium")
    dist.init_process_group(backend)
    size = dist.get_world_size()
    device = torch.device("cpu" if backend == "gloo" else f"cuda:{os.environ['LOCAL_RANK']}")
    if device.type == "cuda":
        torch.cuda.set_device(device)
    model = synchronise(model_of().float().to(device))
    parallel = DistributedDataParallel(model)
    patches, x = (mine(part, size).to(device) for part in batch_of(0))
    found = spatial_nce(parallel(patches.float()), x, sigma_mm=10)
    found.loss.backward()
    if dist.get_rank() == 0:
        gradients = {name: p.grad.flatten().tolist() for name, p in model.named_parameters()}
        print(json.dumps([size, found.loss.item(), gradients]))  # noqa: T201
    dist.destroy_process_group()


if __name__ == "__main__":
    main(sys.argv[1])
