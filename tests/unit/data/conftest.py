"""A real HTTP server on loopback, an empty data directory, and manifests of toy sources."""

import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import yaml

from cytosurf.data import download, manifest


@pytest.fixture
def cache(monkeypatch, tmp_path):
    """Name an empty data directory (not made yet), and allow downloads."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("CYTOSURF_DATA", str(folder))
    monkeypatch.delenv("CYTOSURF_OFFLINE", raising=False)
    return folder


class Server:
    """Answers each path with its list of replies in turn; the last one is repeated."""

    def __init__(self):
        self.replies = {}
        self.requested = []
        self.released = threading.Event()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._http.daemon_threads = True
        self.address = f"http://127.0.0.1:{self._http.server_port}"
        threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True).start()

    def put(self, path, *replies):
        """Say how `path` is answered; return its address."""
        self.replies[path] = list(replies)
        return f"{self.address}/{path}"

    def close(self):
        """Let stalled answers go and stop."""
        self.released.set()
        self._http.shutdown()
        self._http.server_close()

    def _handler(server):  # noqa: N805
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                path = self.path.lstrip("/")
                server.requested.append(path)
                replies = server.replies.get(path) or [status(404)]
                reply = replies.pop(0) if len(replies) > 1 else replies[0]
                reply(self, server)

            def log_message(self, *arguments):
                pass

        return Handler


def sends(body, promised=None):
    """Reply with `body`, promising `promised` bytes (-1: no length given)."""

    def reply(request, server):
        request.send_response(200)
        if promised != -1:
            n_bytes = len(body) if promised is None else promised
            request.send_header("Content-Length", str(n_bytes))
        request.end_headers()
        request.wfile.write(body)

    return reply


def stalls(body, promised):
    """Send `body`, then nothing more, and keep the connection open."""

    def reply(request, server):
        sends(body, promised)(request, server)
        request.wfile.flush()
        server.released.wait(30)

    return reply


def status(code):
    """Reply with an error status."""
    return lambda request, _server: request.send_error(code)


@pytest.fixture
def server(monkeypatch):
    """Run a server, and make the downloader impatient."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(download, "FIRST_WAIT_S", 0.001)
    monkeypatch.setattr(download, "READ_TIMEOUT_S", 0.3)
    running = Server()
    yield running
    running.close()


def sha256(content):
    """Hash bytes."""
    return hashlib.sha256(content).hexdigest()


def upstream(content, *urls, **more):
    """Describe an upstream file with that content."""
    urls = list(urls) or ["https://example.org/file"]
    return {"urls": urls, "sha256": sha256(content), "bytes": len(content), **more}


def original(name, content, *urls, **more):
    """Describe a file that is kept as it is upstream."""
    entry = {"name": name, "description": "A file.", "upstream": [upstream(content, *urls)]}
    return {**entry, **more}


def source(name="toy", files=(), **more):
    """Describe a source."""
    return {
        "name": name,
        "title": f"The {name} data",
        "description": "Made by the tests.",
        "homepage": "https://example.org",
        "licence": "CC0",
        "commercial_use": True,
        "citations": ["Nobody, 2020"],
        **({"files": list(files)} if files else {"access": "package"}),
        **more,
    }


@pytest.fixture
def manifests(monkeypatch, tmp_path):
    """Give a function that writes manifests and makes them the only known ones."""
    folder = tmp_path / "manifests"
    folder.mkdir()
    monkeypatch.setattr(manifest, "manifest_directory", lambda: folder)
    manifest.read_manifest.cache_clear()

    def write(*described):
        for entry in described:
            (folder / f"{entry['name']}.yaml").write_text(yaml.safe_dump(entry))
        manifest.read_manifest.cache_clear()
        return folder

    yield write
    manifest.read_manifest.cache_clear()


def files_below(folder):
    """Return the relative paths of all files and of folders without files."""
    if not folder.exists():
        return []
    leaves = (p for p in folder.rglob("*") if p.is_file() or not any(p.iterdir()))
    return sorted(str(p.relative_to(folder)) for p in leaves)
