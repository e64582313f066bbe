"""Two sessions on one run directory are noticed; shards go on beside each other."""

import pytest

from cytosurf.compute.lock import locked
from cytosurf.errors import InputError
from cytosurf.runs import Shard, add_to_run, forecast, merge_into_run
from tests.unit.compute.holding import other_process


def test_sessions_of_a_run(finished, run_toy):
    """Decoding again, more spins and merging are refused while another session is at work."""
    there = finished.directory
    with locked(there):
        for session in (add_to_run, merge_into_run):
            with pytest.raises(InputError, match="at work since"):
                session(there, *([9] if session is add_to_run else []))
        with pytest.raises(InputError, match="at work since"):
            run_toy(there, spins=9)


def test_shards_go_on_beside_each_other(named_toy, tmp_path):
    """A shard begins while another process spins; the same shard, all spins and a merge do not."""
    named_toy(tmp_path, spins=0)
    with other_process(tmp_path, "1/2"):
        assert forecast(tmp_path, 4, shard=Shard(2, 2)).n_left == 2 * 2
        assert add_to_run(tmp_path, 4, shard=Shard(2, 2)) is None
        with pytest.raises(InputError, match="at work on shard 1/2"):
            add_to_run(tmp_path, 4, shard=Shard(1, 2))
        with pytest.raises(InputError, match="at work on shard 1/2"):
            add_to_run(tmp_path, 4)
        with pytest.raises(InputError, match="at work on shard 1/2"):
            merge_into_run(tmp_path)
    add_to_run(tmp_path, 4, shard=Shard(1, 2))
    assert merge_into_run(tmp_path).results["spin_test"]["n_spins"] == 4
