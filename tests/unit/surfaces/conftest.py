"""What tests of this room share."""

import pytest

from cytosurf.surfaces import gifti_data


@pytest.fixture(params=[1, 3])
def n_threads(request, monkeypatch):
    """Have arrays of any size read, carried and written in one thread, and in three."""
    monkeypatch.setattr(gifti_data, "resolve_jobs", lambda _: request.param)
    monkeypatch.setattr(gifti_data, "_WORTH_THREADS", 0)
    return request.param
