"""One server for all bad input; after every test it must still answer a good request."""

from pathlib import Path

import pytest

from harness import pictures
from harness.origin import Origin
from harness.server import LOOPBACK, OnespaceServer, ServerFailed, binary_from_environment
from harness.wire import Client, text_request


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


@pytest.fixture(scope="session")
def origin():
    """A web server on loopback with one picture."""
    running = Origin()
    running.serve("/cat.png", pictures.drawn("cat.png"), "image/png")
    yield running
    running.close()


@pytest.fixture(scope="session")
def expected_vector(raw):
    """What the good request answers before any bad input."""
    return raw.embed(text_request("still here")).embedding()


@pytest.fixture(autouse=True)
def still_answers(server, raw, expected_vector):
    """The same process still gives the same answer after whatever the test sent."""
    yield
    assert server.process.poll() is None, server.output_tail()
    assert raw.embed(text_request("still here")).embedding() == expected_vector
