"""Measure the speed and memory targets of the main job; run by hand on an idle machine.

    python -m tests.benchmarks.main_job [--data DIR] [--figure]

The embedded run is always measured, in a process of its own and with memory of all its processes
added up. With ``--data`` (a folder for ``cytosurf data import``) the mapping of a BigBrain map is
measured too, and with ``--figure`` the table of Figure 4D.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-c", "from cytosurf.cli import main; main()"]


def resident_kib(root):
    """Return the proportional memory of a process and all its descendants."""
    children, memory = {}, {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            rollup = (entry / "smaps_rollup").read_text().splitlines()
        except (OSError, IndexError):
            continue
        children.setdefault(parent, []).append(int(entry.name))
        memory[int(entry.name)] = next(int(r.split()[1]) for r in rollup if r.startswith("Pss:"))
    total, waiting = 0, [root]
    while waiting:
        process = waiting.pop()
        total += memory.get(process, 0)
        waiting += children.get(process, [])
    return total


def measure(arguments, environment):
    """Run a command; return its seconds and the largest memory seen, in MB."""
    start = time.perf_counter()
    process = subprocess.Popen([*COMMAND, *arguments], env=environment, stdout=subprocess.DEVNULL)
    peak, done = [0], threading.Event()

    def watch():
        while not done.wait(0.2):
            peak[0] = max(peak[0], resident_kib(process.pid))

    watcher = threading.Thread(target=watch)
    watcher.start()
    code = process.wait()
    seconds = time.perf_counter() - start
    done.set()
    watcher.join()
    if code:
        raise SystemExit(f"cytosurf {' '.join(arguments)} ended with {code}")
    return {"seconds": round(seconds, 1), "peak_mb": round(peak[0] / 1024)}


def measure_mapping(environment):
    """Return seconds for one BigBrain map to fs_LR 32k in process: without and with weights."""
    code = (
        "import time, json, numpy as np, cytosurf as c\n"
        "from cytosurf import data\n"
        "g = [np.load(data.path('gradients', f'tpl-bigbrain_hemi-{h}_desc-Hist_G1G2.npz'))"
        "['Hist_G2'] for h in 'LR']\n"
        "m = c.SurfaceMap(np.concatenate(g), c.Space('bigbrain', '164k'))\n"
        "t = []\n"
        "for _ in range(2):\n"
        "    s = time.perf_counter(); c.resample(m, c.Space('fsLR', '32k'))\n"
        "    t.append(round(time.perf_counter() - s, 2))\n"
        "print(json.dumps(t))\n"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    first, second = json.loads(found.stdout)
    return {"without_weights_s": first, "with_weights_s": second}


def main():
    """Measure, and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--figure", action="store_true")
    options = parser.parse_args()
    results = {"cores": os.cpu_count()}
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "CYTOSURF_DATA": f"{folder}/data", "CYTOSURF_OFFLINE": "1"}
        results["embedded_first"] = measure(["decode", "--out", f"{folder}/first"], environment)
        results["embedded"] = measure(["decode", "--out", f"{folder}/second"], environment)
        if options.data:
            results["import"] = measure(["data", "import", str(options.data)], environment)
            results["mapping"] = measure_mapping(environment)
        if options.data and options.figure:
            config = REPOSITORY / "pipelines" / "functional_decoding" / "config.yaml"
            arguments = ["decode", "--config", str(config), "--out", f"{folder}/figure"]
            results["figure_4d"] = measure(arguments, environment)
    sys.stdout.write(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
