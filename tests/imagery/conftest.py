"""A server whose answers are scripted, and what it is asked with."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.imagery.stac_server import StacServer


@pytest.fixture(scope="package")
def wrong_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StacServer]:
    served = StacServer(tmp_path_factory.mktemp("served"))
    yield served
    served.shutdown()
    served.server_close()


@pytest.fixture
def server(wrong_server: StacServer) -> Iterator[StacServer]:
    """A server whose answers are those of the test alone."""
    wrong_server.answers, wrong_server.requested, wrong_server.faults.rules = {}, [], {}
    wrong_server.signed, wrong_server.token_s = False, 3600.0
    yield wrong_server
    wrong_server.answers = {}
