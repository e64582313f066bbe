"""Failures of other packages become messages that say what to do, also without network."""

import pytest
import requests

from cytosurf.connectors.fetched import TESTED, asking, imported, moved, source_name
from cytosurf.errors import InputError, MissingDataError

Mirrors = type("NoSiibraConfigMirrorsAvailableException", (Exception,), {})  # no OSError


@pytest.mark.parametrize(
    "error",
    [
        requests.exceptions.ConnectionError("no name"),
        requests.exceptions.HTTPError("403"),
        TimeoutError("late"),
        ConnectionResetError("gone"),
        Mirrors("none"),
    ],
)
def test_a_missing_network_is_named_with_the_way_without(error):
    """Whatever the library raises for it; the cause stays attached."""
    expected = pytest.raises(MissingDataError, match=r"a map: found no network.* Bring it\.")
    with expected as caught, asking("siibra", "a map", "Bring it."):
        raise error
    assert caught.value.__cause__ is error


@pytest.mark.parametrize(
    "error", [AttributeError("no get_map"), TypeError("argument"), ImportError()]
)
def test_a_moved_api_is_one_clear_message(error):
    """Version found, version tested, and the command that installs it."""
    expected = pytest.raises(InputError, match=rf"pip install 'siibra=={TESTED['siibra']}'")
    with expected, asking("siibra", "a map", ""):
        raise error


def test_other_errors_pass_as_they_are():
    """An `InputError` of ours keeps its words; what is neither is not dressed up."""
    own = InputError("a", "b", "c")
    with pytest.raises(InputError) as caught, asking("siibra", "a map", ""):
        raise own
    assert caught.value is own
    with pytest.raises(ZeroDivisionError), asking("siibra", "a map", ""):
        raise ZeroDivisionError


def test_offline_no_request_leaves_the_machine(monkeypatch):
    """With CYTOSURF_OFFLINE requests fail inside the block, and work as before after it."""
    sent = []

    def send(_, request, **__):
        sent.append(request.url)
        raise ZeroDivisionError

    monkeypatch.setattr(requests.adapters.HTTPAdapter, "send", send)
    monkeypatch.setenv("CYTOSURF_OFFLINE", "1")
    expected = pytest.raises(MissingDataError, match="CYTOSURF_OFFLINE is set")
    with expected, asking("siibra", "a map", ""):
        requests.get("http://localhost/", timeout=1)
    assert sent == []
    assert requests.adapters.HTTPAdapter.send is send
    monkeypatch.delenv("CYTOSURF_OFFLINE")
    with pytest.raises(ZeroDivisionError), asking("siibra", "a map", ""):
        requests.get("http://localhost/", timeout=1)
    assert sent == ["http://localhost/"]


def test_a_package_that_is_not_there_is_said_to_be_so(monkeypatch):
    """Not installed, or broken on import: both name the extra."""
    with pytest.raises(InputError, match=r"no such package.*cytosurf\[atlases\]"):
        imported("surely_no_such_package.part")
    with pytest.raises(InputError, match="an import that fails"):
        imported("json.surely_no_such_module")


def test_sources_name_package_version_and_question():
    """The record of a run says what was asked of which version."""
    assert source_name("nilearn", "x").startswith("nilearn ")
    assert source_name("nilearn", "x").endswith(": x")
    assert "0.14.1" in moved("nilearn", "no lut").expected
