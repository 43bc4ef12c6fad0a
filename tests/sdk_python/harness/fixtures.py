"""Fixtures that every suite against one running server shares."""

from pathlib import Path

import pytest

from harness.server import LOOPBACK, OnespaceServer, ServerFailed, binary_from_environment
from harness.wire import Client


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """A running server that may fetch from loopback addresses."""
    try:
        binary = binary_from_environment()
    except ServerFailed as failure:
        pytest.exit(str(failure), returncode=2)
    folder: Path = tmp_path_factory.mktemp("onespace")
    running = OnespaceServer(binary, folder / "data", folder / "log", ["--allow-private-fetch", LOOPBACK])
    running.start()
    yield running
    running.stop()


@pytest.fixture(scope="session")
def raw(server) -> Client:
    """Plain HTTP with the key of the first start."""
    return Client(server.base_url, server.api_key())
