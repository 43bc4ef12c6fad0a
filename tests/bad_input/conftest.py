"""One server for all bad input; after every test it must still answer a good request."""

import pytest

from harness import pictures
from harness.fixtures import raw, server  # noqa: F401 (pytest finds fixtures by name)
from harness.origin import Origin
from harness.wire import text_request


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
