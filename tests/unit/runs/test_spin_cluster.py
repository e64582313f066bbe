"""Spins on a Dask cluster leave the bytes that local processes leave, also when workers die."""

import os
import signal
import time

import pytest

pytest.importorskip("distributed", reason="needs the extra 'cluster'")

import cytosurf
from cytosurf.compute import cluster as compute_cluster
from cytosurf.errors import InputError
from cytosurf.runs import spins
from cytosurf.runs.chunks import has_chunks
from cytosurf.runs.shards import missing_spins
from tests.unit.runs.cortex import listing, spin_tests

N_SPINS = 14  # files of one spin, however many workers


@pytest.fixture
def runs(named_toy, tmp_path, one_spin_files):
    """Return a run with spins of this process, and the same run without spins."""
    for name in ("local", "dask"):
        named_toy(tmp_path / name, spins=0)
    cytosurf.spin(tmp_path / "local", N_SPINS, jobs=1)
    return tmp_path / "local", tmp_path / "dask"


def test_killed_worker(cluster, runs, monkeypatch):
    """One of two workers is killed while spins go on: files and tests are those of local ones."""
    local, dask = runs
    pids = [worker.pid for worker in cluster.workers.values()]
    done, write = [], spins.write_bytes

    def kill_then_write(path, content):
        if not done:
            os.kill(pids[0], signal.SIGKILL)
        done.append(path.name)
        return write(path, content)

    monkeypatch.setattr(spins, "write_bytes", kill_then_write)
    result = cytosurf.spin(dask, N_SPINS, scheduler=cluster.scheduler_address)
    assert len(result.spin_test) == 4
    assert len(done) == len(set(done)) > 4
    assert listing(dask / "spins") == listing(local / "spins")
    outcomes = [spin_tests(run) for run in (local, dask)]
    assert outcomes[0] == outcomes[1]


@pytest.mark.parametrize("shards", [(None,), ("2/2", "1/2")])
def test_stops_early_as_local_processes_do(cluster, named_toy, tmp_path, one_spin_files, shards):
    """Chunks come back in any order; what decides, and all that is said of it, is the same."""
    most, h = 40, 3
    for name in ("local", "dask"):
        named_toy(tmp_path / name, features=["noise"], baseline=["other-noise"], spins=0)
    local, dask = tmp_path / "local", tmp_path / "dask"
    cytosurf.spin(local, most, jobs=1, stop_after_exceedances=h)
    for shard in shards:
        options = {"shard": shard, "stop_after_exceedances": h}
        cytosurf.spin(dask, most, scheduler=cluster.scheduler_address, **options)
    if shards != (None,):
        cytosurf.merge(dask)
    outcomes = [spin_tests(run) for run in (local, dask)]
    assert outcomes[0] == outcomes[1]
    assert outcomes[1]["stopping"] == {"exceedances": h, "max_spins": most, "stopped": True}
    assert outcomes[1]["tests"][0]["exceed"] == h


def test_a_shard_and_a_forecast_of_a_cluster(cluster, named_toy, tmp_path):
    """A shard may be done on a cluster, and a forecast counts its workers."""
    run = tmp_path / "run"
    named_toy(run, spins=0)
    end = time.monotonic() + 60
    while len(cluster.scheduler.workers) < 2 and time.monotonic() < end:
        time.sleep(0.05)
    assert cytosurf.forecast_spins(run, 100, scheduler=cluster.scheduler_address).jobs == 2
    assert cytosurf.spin(run, 9, shard="2/3", scheduler=cluster.scheduler_address) is None
    assert missing_spins(run, ("independent", "mirrored"), 9) == ([(0, 2), (6, 8)], [])


def test_bad_schedulers(named_toy, tmp_path, monkeypatch):
    """Are refused before anything is loaded or written."""
    run = tmp_path / "run"
    named_toy(run, spins=0)
    monkeypatch.setattr(compute_cluster, "CONNECT_SECONDS", 0.2)
    for scheduler in ("tcp://127.0.0.1:1", str(tmp_path / "none.yaml")):
        with pytest.raises(InputError, match=rf"--scheduler {scheduler}: found no"):
            cytosurf.spin(run, 4, scheduler=scheduler)
    with pytest.raises(InputError, match="--jobs and --scheduler: found both"):
        cytosurf.spin(run, 4, jobs=2, scheduler="tcp://127.0.0.1:1")
    assert not has_chunks(run)
