"""One onespace server for all tests of this folder, a web server for URL sources, and SDK clients."""

import itertools
import os

import pytest
from twelvelabs import MultiInputRequest, TwelveLabs

from harness import pictures
from harness.fixtures import raw, server  # noqa: F401 (pytest finds fixtures by name)
from harness.origin import Origin
from harness.sdk import sdk_client
from harness.wire import assert_unit_vector

# The SDK prefers this variable to an explicit base_url=.
os.environ.pop("TWELVELABS_BASE_URL", None)
# The SDK honours proxies from the environment; the server under test is on loopback.
os.environ["NO_PROXY"] = os.environ["no_proxy"] = "*"


@pytest.fixture(scope="session")
def origin():
    """A web server on loopback with all drawn pictures under their file names."""
    running = Origin()
    for path in pictures.DRAWN.iterdir():
        running.serve(f"/{path.name}", path.read_bytes())
    yield running
    running.close()


@pytest.fixture(scope="session")
def client(server) -> TwelveLabs:
    """A client with the key of the first start."""
    return sdk_client(server, server.api_key())


ACCOUNT_NUMBERS = itertools.count(1)


@pytest.fixture
def fresh_key(server) -> str:
    """A key of an account that nothing else uses."""
    number = next(ACCOUNT_NUMBERS)
    return server.create_key(f"fresh-{number}", account=f"fresh-{number}")["key"]


@pytest.fixture
def fresh_client(server, fresh_key) -> TwelveLabs:
    """A client of an account that nothing else uses."""
    return sdk_client(server, fresh_key)


@pytest.fixture(scope="session")
def other_client(server) -> TwelveLabs:
    """A client of a second account."""
    return sdk_client(server, server.create_key("other", account="other")["key"])


@pytest.fixture(scope="session")
def assets(client) -> dict[str, str]:
    """The drawn pictures as assets of `client`: file name to asset id."""
    uploaded = {}
    for path in sorted(pictures.DRAWN.iterdir()):
        if path.suffix != ".py":
            with path.open("rb") as picture:
                uploaded[path.name] = client.assets.create(method="direct", file=picture).id
    return uploaded


@pytest.fixture(scope="session")
def embed_multi(client):
    """Embed text and pictures with `multi_input`; returns the one vector."""

    def vector(sources=None, text=None, model="marengo3.0", dimension=512, **more) -> list[float]:
        members = {"media_sources": sources, "input_text": text}
        response = client.embed.v_2.create(
            input_type="multi_input",
            model_name=model,
            multi_input=MultiInputRequest(**{name: value for name, value in members.items() if value is not None}),
            **more,
        )
        assert len(response.data) == 1
        assert_unit_vector(response.data[0].embedding, dimension)
        return response.data[0].embedding

    return vector
