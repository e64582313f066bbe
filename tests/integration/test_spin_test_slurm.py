"""The Slurm files of the documentation ask for commands and options that exist."""

import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
import typer

from cytosurf.cli import app
from cytosurf.compute.slurm import make_slurm_cluster, read_slurm_options

PIPELINE = Path(__file__).resolve().parents[2] / "pipelines" / "spin_test_slurm"
SCRIPTS = sorted([*PIPELINE.glob("*.sh"), *PIPELINE.glob("*.sbatch")])
SLURM = {"SLURM_CPUS_PER_TASK": "32", "SLURM_ARRAY_TASK_ID": "7", "SLURM_ARRAY_TASK_COUNT": "32"}


def calls(script, folder, **environment):
    """Run a script with a `cytosurf` and an `sbatch` that only note their arguments."""
    for name, said in (("cytosurf", ""), ("sbatch", "42")):
        stub = folder / name
        stub.write_text(f'#!/bin/bash\nprintf "%q " {name} "$@" >> {folder}/calls\n'
                        f"echo >> {folder}/calls\necho {said}\n")  # fmt: skip
        stub.chmod(0o755)
    (folder / "bin").mkdir(exist_ok=True)
    (folder / "bin" / "activate").touch()
    environment |= {"SLURM_SUBMIT_DIR": str(PIPELINE), "CYTOSURF_VENV": str(folder)}
    path = f"{folder}:{os.environ['PATH']}"
    command = ["bash", PIPELINE / script]
    subprocess.run(command, check=True, cwd=folder, env={"PATH": path, "HOME": "/h"} | environment)
    return [shlex.split(line) for line in (folder / "calls").read_text().splitlines()]


def parse(arguments):
    """Read a command line as `cytosurf` would, and return its options."""
    command = typer.main.get_command(app)
    name, *rest = arguments[1:]
    sub = command.commands[name]
    while hasattr(sub, "commands"):
        name, *rest = rest
        sub = sub.commands[name]
    return sub.make_context(name, rest).params


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda p: p.name)
def test_scripts_are_sound(script):
    """Bash can read them, and shellcheck, where it is installed, has nothing to say."""
    assert script.read_text().startswith("#!/usr/bin/env bash\n")
    subprocess.run(["bash", "-n", script], check=True)
    if shutil.which("shellcheck"):
        subprocess.run(["shellcheck", "-x", script], check=True, cwd=PIPELINE)


def test_jobs_call_commands_that_exist(tmp_path):
    """The observed run without spins, one shard for each task of the array, and the merge."""
    (decode,) = calls("decode.sbatch", tmp_path, **SLURM)
    options = parse(decode)
    assert (options["spins"], options["jobs"], options["target"]) == (0, 32, "yeo7")
    (tmp_path / "calls").unlink()
    (spin,) = calls("spin.sbatch", tmp_path, **SLURM)
    options = parse(spin)
    assert (options["spins"], options["jobs"], options["shard"]) == (10_000, 32, "7/32")
    assert options["run_dir"] == parse(decode)["out"]
    (tmp_path / "calls").unlink()
    (merge,) = calls("merge.sbatch", tmp_path, **SLURM)
    assert parse(merge)["run_dir"] == options["run_dir"]


def test_one_shard_again(tmp_path):
    """The number of shards stays when a single task of the array is submitted again."""
    slurm = SLURM | {"SLURM_ARRAY_TASK_COUNT": "1"}
    (spin,) = calls("spin.sbatch", tmp_path, N_SHARDS="32", **slurm)
    assert parse(spin)["shard"] == "7/32"


def test_the_jobs_wait_for_each_other(tmp_path):
    """Spins wait for the observed run, the merge for all shards, dead ones too.

    All work in the folder of the call, where relative paths of the user lead on from.
    """
    submitted = [" ".join(call) for call in calls("submit.sh", tmp_path)]
    assert all(f" --chdir={tmp_path} " in call for call in submitted)
    assert [call.split()[-1] for call in submitted] == [
        *("decode.sbatch", "spin.sbatch", "merge.sbatch")
    ]
    assert "--dependency=afterok:42 --array=1-32" in submitted[1]
    assert "--dependency=afterany:42" in submitted[2]


def test_dask(tmp_path):
    """The file of the cluster is the one beside the script, and can be read."""
    _, spin = calls("dask.sbatch", tmp_path, **SLURM)
    options = read_slurm_options(parse(spin)["scheduler"])
    assert options.cores == 32
    pytest.importorskip("dask_jobqueue", reason="needs the extra 'cluster'")
    with make_slurm_cluster(options) as cluster:
        assert "--nworkers 32" in cluster.job_script()


def test_commands_of_the_readme():
    """Every command in a code block can be read."""
    text = (PIPELINE / "README.md").read_text(encoding="utf-8").replace("\\\n", " ")
    blocks = re.findall(r"```bash\n(.*?)```", text, re.DOTALL)
    lines = [line.split("#")[0] for block in blocks for line in block.splitlines()]
    commands = [shlex.split(line) for line in lines if line.startswith("cytosurf ")]
    assert {command[1] for command in commands} >= {"data", "spin", "merge"}
    for command in commands:
        parse(command)
