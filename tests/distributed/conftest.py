"""Four gloo processes, started once for all tests here."""

import pytest

from tests.distributed.ranks import World


@pytest.fixture(scope="session")
def world(tmp_path_factory):
    """Give four processes that form a gloo group; smaller groups are made of the first of them."""
    started = World(4, tmp_path_factory.mktemp("gloo"))
    yield started
    started.close()
