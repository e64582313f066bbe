"""Downloads through a real server that serves, breaks off, stalls, refuses and deceives."""

import socket
import sys

import pytest

from cytosurf.data import download as module
from cytosurf.data.manifest import Upstream
from cytosurf.errors import DownloadError
from tests.unit.data.conftest import sends, stalls, status, upstream

CONTENT = bytes(range(256)) * 400


@pytest.fixture
def target(tmp_path):
    """Where a download is written."""
    return tmp_path / "part"


def described(*urls):
    """Describe CONTENT at some addresses."""
    return Upstream(**upstream(CONTENT, *urls))


def fails(target, *urls):
    """Download, expect failure, check that nothing is left, and return the message."""
    with pytest.raises(DownloadError) as error:
        module.download(described(*urls), target)
    assert list(target.parent.iterdir()) == []
    message = str(error.value)
    assert all(url in message for url in urls)
    assert "cytosurf data import DIR" in message
    return message


def test_bytes_arrive(server, target):
    """The bytes that the server sends are written, after one request."""
    module.download(described(server.put("a", sends(CONTENT))), target)
    assert target.read_bytes() == CONTENT
    assert server.requested == ["a"]


def test_length_need_not_be_announced(server, target):
    """A server that does not say how much it sends is fine."""
    module.download(described(server.put("a", sends(CONTENT, promised=-1))), target)
    assert target.read_bytes() == CONTENT


@pytest.mark.parametrize(
    "trouble",
    [
        status(500),
        status(503),
        status(429),
        sends(CONTENT[:5000], promised=len(CONTENT)),
        sends(CONTENT[:5000], promised=-1),
        sends(b"", promised=-1),
        stalls(CONTENT[:5000], promised=len(CONTENT)),
    ],
    ids=["500", "503", "429", "truncated", "truncated silently", "nothing", "stall"],
)
def test_passing_trouble_is_tried_again(server, target, trouble):
    """What fails twice and then works is downloaded."""
    url = server.put("a", trouble, trouble, sends(CONTENT))
    module.download(described(url), target)
    assert target.read_bytes() == CONTENT
    assert server.requested == ["a"] * 3


def test_second_address_is_used_when_the_first_fails(server, target):
    """A file that is gone at one address is taken from the next, without waiting."""
    gone, here = server.put("gone", status(404)), server.put("here", sends(CONTENT))
    module.download(described(gone, here), target)
    assert target.read_bytes() == CONTENT
    assert server.requested == ["gone", "here"]


def test_not_found_is_final(server, target):
    """A 404 is not tried again, and is named."""
    assert "404 Not Found" in fails(target, server.put("a", status(404)))
    assert server.requested == ["a"]


def test_broken_server_is_given_up(server, target):
    """A server that answers 500 every time is given up after the last attempt."""
    assert "500 Internal Server Error" in fails(target, server.put("a", status(500)))
    assert server.requested == ["a"] * module.ATTEMPTS


def test_truncation_is_noticed_with_and_without_announced_length(server, target):
    """Half a file is never accepted."""
    half = CONTENT[: len(CONTENT) // 2]
    announced = server.put("a", sends(half, promised=len(CONTENT)))
    assert "the connection broke off" in fails(target, announced)
    silent = server.put("b", sends(half, promised=-1))
    assert f"only {len(half):,} of {len(CONTENT):,} bytes" in fails(target, silent)


@pytest.mark.parametrize("n_sent", [0, 5000])
def test_stalled_server_is_given_up(server, target, n_sent):
    """A server that falls silent is left, before and in the middle of the body."""
    url = server.put("a", stalls(CONTENT[:n_sent], promised=len(CONTENT)))
    assert "the server sent nothing for 0.3 s" in fails(target, url)
    assert server.requested == ["a"] * module.ATTEMPTS


@pytest.mark.parametrize(
    "other", [CONTENT[::-1], CONTENT + b"x"], ids=["same size", "one byte more"]
)
def test_wrong_file_is_refused_at_once(server, target, other):
    """Other bytes are refused with both checksums, and not asked for again."""
    url = server.put("a", sends(other))
    message = fails(target, url)
    assert "the server sent another file" in message
    assert described(url).sha256 in message
    assert server.requested == ["a"]


def test_every_address_is_named_with_its_reason(server, target):
    """The message tells what happened at each address."""
    message = fails(target, server.put("a", status(404)), server.put("b", sends(b"?" * 10**6)))
    assert "404" in message
    assert "another file" in message


def test_no_server_at_all(server, target):
    """A connection that cannot be made is said to be none."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/a"
        message = fails(target, url)
    assert f"{url}: no connection)" in message
    assert "Max retries" not in message
    assert "\n" not in message


def test_unusable_address_is_final(server, target):
    """An address that is none is reported, not retried."""
    fails(target, "http://:0:0/")


def test_quiet_where_there_is_no_terminal(capsys):
    """Without a terminal there is no bar and no output."""
    with module.progress_bar("a", 10) as bar:
        assert bar is None
    assert capsys.readouterr() == ("", "")


def test_bar_counts_all_parts_and_forgets_failed_attempts(server, target, monkeypatch):
    """On a terminal the bar ends exactly full, also after a truncated attempt."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    broken = sends(CONTENT[:5000], promised=len(CONTENT))
    url = server.put("a", broken, sends(CONTENT))
    with module.progress_bar("a", 2 * len(CONTENT)) as bar:
        assert bar is not None
        for _ in range(2):
            module.download(described(url), target, bar)
        (task,) = bar._progress.tasks
        assert task.completed == task.total == 2 * len(CONTENT)
