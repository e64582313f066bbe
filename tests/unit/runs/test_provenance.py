"""Provenance: versions, machine, and the terms of every source."""

import hashlib
import platform
from importlib.metadata import version

from cytosurf import data
from cytosurf.runs import provenance
from cytosurf.runs.provenance import file_hashes, machine, source_terms, versions


def test_versions_of_what_results_depend_on():
    """Python and the numerical packages, as installed."""
    found = versions()
    assert found["python"] == platform.python_version()
    for package in ("numpy", "scipy", "numba", "scikit-learn", "nibabel", "nilearn"):
        assert found[package] == version(package)


def test_a_package_that_is_not_installed_is_left_out(monkeypatch):
    """A source tree without metadata is no reason to fail."""
    monkeypatch.setattr(provenance, "PACKAGES", ("numpy", "no-such-package"))
    assert list(versions()) == ["python", "numpy"]


def test_the_machine_is_named(monkeypatch):
    """Processor, cores and platform; without /proc the platform's own word for the processor."""
    found = machine()
    assert found["cores"] >= 1
    assert found["cpu"]
    assert found["platform"] == platform.platform()
    monkeypatch.setattr(provenance.Path, "read_text", _unreadable)
    assert machine()["cpu"] == (platform.processor() or platform.machine())


def _unreadable(*_, **__):
    raise FileNotFoundError


def test_terms_of_known_sources_come_from_their_manifests():
    """Title, licence, commercial use and citations are those of the manifest, each source once."""
    (terms,) = source_terms(["bigbrainwarp", "bigbrainwarp"])
    source = data.sources()["bigbrainwarp"]
    assert terms == {
        "name": "bigbrainwarp",
        "title": source.title,
        "licence": source.licence,
        "commercial_use": source.commercial_use,
        "citations": list(source.citations),
        "homepage": str(source.homepage),
    }


def test_terms_of_files_are_the_users_own():
    """Nothing is claimed about a file or a map in memory."""
    mine, memory = source_terms(["file:maps/a.gii", "in memory"])
    assert (mine["title"], memory["title"]) == ("maps/a.gii", "in memory")
    for terms in (mine, memory):
        assert terms["licence"] == "the user's own"
        assert terms["commercial_use"] is None


def test_terms_of_what_another_package_fetched_are_not_claimed():
    """A map of neuromaps is not the user's own."""
    (terms,) = source_terms(["neuromaps 0.0.7: hcps1200:myelinmap:fsLR:32k"])
    assert terms["title"] == "neuromaps 0.0.7: hcps1200:myelinmap:fsLR:32k"
    assert terms["licence"] == "not known here; see the source"


def test_files_are_hashed_and_nothing_else_is(tmp_path):
    """Sources that are files of the user get the SHA-256 of their bytes."""
    path = tmp_path / "a.csv"
    path.write_bytes(b"1\n2\n")
    digest = hashlib.sha256(b"1\n2\n").hexdigest()
    named = [f"file:{path}", "brainspace", "in memory", f"file:{tmp_path / 'gone'}"]
    assert file_hashes(named) == {str(path): digest}
