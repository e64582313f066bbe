"""Two processes on one run directory are noticed; what a killed one left is not in the way."""

import json
import os
import socket
import threading
import time

import pytest

from cytosurf.compute import lock
from cytosurf.compute.lock import check_unlocked, locked, one_at_a_time
from cytosurf.errors import InputError
from tests.unit.compute.holding import other_process


def change(path, **fields):
    """Change what a lock says."""
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def age(path, seconds):
    """Make a file look as if it had not been touched for so long."""
    then = time.time() - seconds
    os.utime(path, (then, then))


class TestLocked:
    """Sessions beside each other."""

    def test_one_at_a_time(self, tmp_path):
        """The second is told the process and the host of the first; afterwards it may."""
        with locked(tmp_path / "run"):
            expected = rf"process {os.getpid()} on {socket.gethostname()} at work since 20"
            with pytest.raises(InputError, match=expected), locked(tmp_path / "run"):
                pass
        with locked(tmp_path / "run"):
            pass
        assert not list((tmp_path / "run").iterdir())

    def test_is_left_after_an_error(self, tmp_path):
        """Ctrl-C too."""
        with pytest.raises(KeyboardInterrupt), locked(tmp_path):
            raise KeyboardInterrupt
        assert not list(tmp_path.iterdir())

    def test_shards_beside_each_other(self, tmp_path):
        """Other shards may be done at the same time, but not the same one, nor the whole run."""
        with locked(tmp_path, "1/2"), locked(tmp_path, "2/2"):
            with pytest.raises(InputError, match="on shard 2/2"), locked(tmp_path, "2/2"):
                pass
            with pytest.raises(InputError, match="on shard 1/2"), locked(tmp_path):
                pass
        with locked(tmp_path), pytest.raises(InputError, match="at work since"):
            check_unlocked(tmp_path, "1/2")

    def test_only_one_of_many(self, tmp_path):
        """Of threads that begin at once at most one is at work."""
        at_work, most, barrier = [], [], threading.Barrier(8)

        def session():
            barrier.wait()
            try:
                with locked(tmp_path):
                    at_work.append(1)
                    most.append(len(at_work))
                    time.sleep(0.01)
                    at_work.pop()
            except InputError:
                pass

        threads = [threading.Thread(target=session) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert max(most, default=0) <= 1
        assert not list(tmp_path.iterdir())

    def test_another_process_that_is_killed(self, tmp_path):
        """It is in the way while it lives, and forgotten at once when it is dead."""
        with (
            other_process(tmp_path) as other,
            pytest.raises(InputError, match=f"process {other.pid}"),
        ):
            check_unlocked(tmp_path)
        with locked(tmp_path):
            pass


class TestOneAtATime:
    """Short work that waits for its turn."""

    def test_everybody_has_a_turn(self, tmp_path):
        """One after the other: no count is lost, and nothing is left."""
        count, barrier = tmp_path / "count", threading.Barrier(4)
        count.write_text("0")

        def work():
            barrier.wait()
            for _ in range(5):
                with one_at_a_time(tmp_path / "turn"):
                    before = int(count.read_text())
                    time.sleep(0.002)
                    count.write_text(str(before + 1))

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert count.read_text() == "20"
        assert list(tmp_path.iterdir()) == [count]

    def test_nobody_waits_for_ever(self, tmp_path, monkeypatch):
        """Nor at all for a process that has ended."""
        monkeypatch.setattr(lock, "WAIT_SECONDS", 0.1)
        path = tmp_path / "turn"
        with one_at_a_time(path):
            expected = rf"process {os.getpid()} on .* at work since 20.*remove {path}"
            with pytest.raises(InputError, match=expected), one_at_a_time(path):
                pass
        assert lock._create(path)
        change(path, process_start=-1)
        with one_at_a_time(path):
            pass
        assert not path.exists()


class TestCheckUnlocked:
    """What locks say."""

    @pytest.fixture
    def left(self, tmp_path):
        """Leave a lock as of this process, and return its file."""
        assert lock._create(tmp_path / lock.PREFIX)
        return tmp_path / lock.PREFIX

    def test_the_number_of_a_process_is_given_again(self, left):
        """A process that started at another time is another one."""
        with pytest.raises(InputError, match="at work"):
            check_unlocked(left.parent)
        change(left, process_start=-1)
        check_unlocked(left.parent)
        assert not left.exists()

    @pytest.mark.parametrize("touched", [True, False])
    def test_another_host(self, left, monkeypatch, touched):
        """Nobody can look there: its lock counts if it is touched, which is waited for."""
        monkeypatch.setattr(lock, "LOOK_SECONDS", 0.01)
        monkeypatch.setattr(lock, "STALE_SECONDS", 60.0 if touched else 0.3)
        change(left, host="node-7", process=2**22 + 1)
        if touched:
            timer = threading.Timer(0.2, left.touch)
            timer.start()
            with pytest.raises(InputError, match=r"process \d+ on node-7 at work since"):
                check_unlocked(left.parent)
            timer.join()
        else:
            check_unlocked(left.parent)
            assert not left.exists()

    def test_another_host_that_ends(self, left, monkeypatch):
        """A lock that goes while one looks is in nobody's way."""
        monkeypatch.setattr(lock, "LOOK_SECONDS", 0.01)
        change(left, host="node-7")
        timer = threading.Timer(0.2, left.unlink)
        timer.start()
        check_unlocked(left.parent)
        timer.join()

    def test_another_host_long_ago(self, left):
        """A lock that was not touched for long is not waited for."""
        change(left, host="node-7")
        age(left, lock.STALE_SECONDS + 1)
        check_unlocked(left.parent)
        assert not left.exists()

    def test_is_touched_while_held(self, tmp_path, monkeypatch):
        """So that other hosts know of it."""
        monkeypatch.setattr(lock, "TOUCH_SECONDS", 0.01)
        with locked(tmp_path):
            age(tmp_path / lock.PREFIX, 1000)
            for _ in range(200):
                if lock._seconds_untouched(tmp_path / lock.PREFIX) < 500:
                    break
                time.sleep(0.01)
            assert lock._seconds_untouched(tmp_path / lock.PREFIX) < 500

    def test_a_copied_directory(self, left, tmp_path_factory):
        """A lock that was copied with its directory locks nothing."""
        copy = tmp_path_factory.mktemp("copy")
        (copy / left.name).write_text(left.read_text())
        check_unlocked(copy)

    def test_unreadable(self, left):
        """What is no lock locks nothing."""
        left.write_text("[1")
        check_unlocked(left.parent)
