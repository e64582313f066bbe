"""Slurm jobs for Dask workers: what the YAML file may say, and the job script that comes of it."""

import re

import pytest

from cytosurf.compute.slurm import (
    is_address,
    make_slurm_cluster,
    read_slurm_options,
    start_slurm_cluster,
)
from cytosurf.errors import InputError

SMALL = "cores: 4\nmemory: 8GB\nwalltime: '01:30:00'\n"


def written(folder, text):
    """Write a description of jobs and return its path."""
    path = folder / "cluster.yaml"
    path.write_text(text)
    return path


def job_script(folder, text):
    """Return the script that Slurm gets."""
    pytest.importorskip("dask_jobqueue", reason="needs the extra 'cluster'")
    with make_slurm_cluster(read_slurm_options(written(folder, text))) as cluster:
        return cluster.job_script()


class TestJobScript:
    """From the YAML file to what sbatch reads."""

    def test_resources_and_threads(self, tmp_path):
        """One process of one thread on each core, one thread for every library."""
        script = job_script(tmp_path, SMALL + "n_workers: 8\n")
        lines = script.splitlines()
        assert lines[0].startswith("#!")
        for line in ("--cpus-per-task=4", "-t 01:30:00", "--mem=8G"):
            assert f"#SBATCH {line}" in lines
        assert not any(line.startswith(("#SBATCH -p", "#SBATCH -A")) for line in lines)
        assert re.search(r"dask_worker .*--nthreads 1 --memory-limit 1.86GiB --nworkers 4", script)
        start = next(i for i, line in enumerate(lines) if "dask_worker" in line)
        for library in ("OMP", "OPENBLAS", "MKL", "NUMBA"):
            assert lines.index(f"export {library}_NUM_THREADS=1") < start

    def test_what_a_site_needs(self, tmp_path):
        """Partition, account, modules, network, folders and further options."""
        script = job_script(
            tmp_path,
            SMALL
            + "adapt: {maximum: 64}\nqueue: long\naccount: cortex\nlocal_directory: /scratch\n"
            "log_directory: logs\npython: /opt/venv/bin/python\ndeath_timeout: 77\n"
            "job_script_prologue: [module load Python/3.11]\n"
            "job_extra_directives: [--exclusive]\njob_directives_skip: [--mem]\n"
            "worker_extra_args: [--lifetime, 80m]\n",
        )
        for line in ("#SBATCH -p long", "#SBATCH -A cortex", "#SBATCH --exclusive"):
            assert line in script
        assert "#SBATCH --mem" not in script
        assert script.index("NUM_THREADS") < script.index("module load Python/3.11")
        worker = script.splitlines()[-1]
        assert worker.startswith("/opt/venv/bin/python -m distributed.cli.dask_worker")
        for words in ("--lifetime 80m", "--local-directory /scratch", "--death-timeout 77"):
            assert words in worker

    def test_what_dask_jobqueue_refuses(self, tmp_path):
        """Is bad input, not a traceback."""
        with pytest.raises(InputError, match=r"--scheduler: found .*; expected options that"):
            job_script(tmp_path, SMALL.replace("8GB", "lots") + "n_workers: 8\n")


class TestReadSlurmOptions:
    """A file that people write."""

    def test_a_number_of_workers_or_limits(self, tmp_path):
        """Either is kept, the other is None."""
        fixed = read_slurm_options(written(tmp_path, SMALL + "n_workers: 8"))
        assert (fixed.n_workers, fixed.adapt, fixed.walltime) == (8, None, "01:30:00")
        free = read_slurm_options(written(tmp_path, SMALL + "adapt: {minimum: 2, maximum: 9}"))
        assert (free.n_workers, free.adapt.minimum, free.adapt.maximum) == (None, 2, 9)

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            (SMALL, r"n_workers and adapt: found neither; expected one of them"),
            (SMALL + "n_workers: 1\nadapt: {maximum: 2}", r"n_workers and adapt: found both"),
            (SMALL + "n_workers: 0", r"n_workers: found 0; expected greater than"),
            (SMALL + "n_workers: many", r"n_workers: found 'many'; expected a valid integer"),
            (SMALL + "n_workers: 1\nque: x", r"found 'que'; .* Did you mean 'queue'\?"),
            (SMALL + "adapt: {maximun: 2}", r"adapt: .*maximun.* Did you mean 'maximum'\?"),
            (SMALL + "adapt: {}", r"adapt\.maximum: found nothing; expected a value"),
            ("cores: 4\nn_workers: 1\nwalltime: 1:00:00", r"memory: found nothing"),
            (
                SMALL.replace("'01:30:00'", "12:00:00") + "n_workers: 1",
                r'walltime: found 43200; .*Put it in quotes: walltime: "12:00:00"',
            ),
            ("cores: [4", r"in line 1; expected the address of a Dask scheduler, or"),
            ("- 4", r"found a list; expected a mapping"),
            ("", r"found a NoneType; expected a mapping"),
        ],
    )
    def test_mistakes_are_named(self, tmp_path, text, message):
        """The file, the key, what was found, and what was expected."""
        path = written(tmp_path, text)
        with pytest.raises(InputError, match=message) as caught:
            read_slurm_options(path)
        assert caught.value.where.startswith(f"--scheduler {path}")

    def test_no_such_file(self, tmp_path):
        """Says that an address would do as well: it may be a mistyped one."""
        with pytest.raises(InputError, match=r"no such file; expected the address .* or a"):
            read_slurm_options(tmp_path / "none.yaml")

    def test_no_text(self, tmp_path):
        """A file of bytes is no description."""
        path = tmp_path / "cluster.yaml"
        path.write_bytes(b"\xff\xfe\x00cores")
        with pytest.raises(InputError, match="expected the address"):
            read_slurm_options(path)


def test_a_machine_without_slurm(tmp_path, monkeypatch):
    """Is told where to go, before a scheduler is started."""
    monkeypatch.setenv("PATH", str(tmp_path))
    path = written(tmp_path, SMALL + "n_workers: 8")
    with pytest.raises(InputError, match=r"no command sbatch"), start_slurm_cluster(path):
        pass


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("tcp://10.0.0.1:8786", True),
        ("tls://node-1.cluster:8786", True),
        ("node-1:8786", True),
        ("cluster.yaml", False),
        ("/home/a/cluster.yaml", False),
        ("../conf/8786", False),
    ],
)
def test_addresses_and_files(text, expected):
    """An address has a port or a scheme; everything else is a file."""
    assert is_address(text) is expected
