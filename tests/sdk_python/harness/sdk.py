"""Short forms of what the tests say often through the official Python SDK."""

from twelvelabs import AsyncTwelveLabs, MultiInputMediaSource, TwelveLabs

from .server import OnespaceServer


def sdk_client(server: OnespaceServer, key: str) -> TwelveLabs:
    """The official client, pointed at the server."""
    return TwelveLabs(api_key=key, base_url=server.base_url)


def async_sdk_client(server: OnespaceServer, key: str) -> AsyncTwelveLabs:
    """The official asynchronous client, pointed at the server."""
    return AsyncTwelveLabs(api_key=key, base_url=server.base_url)


def image(**members) -> MultiInputMediaSource:
    """One picture of a multi_input request."""
    return MultiInputMediaSource(media_type="image", **members)


def assert_error(failure, status: int, code: str, *named: str, nested: bool = False) -> None:
    """The error has this status and code, and its message names each of `named`."""
    assert failure.status_code == status, (failure.status_code, failure.body)
    assert failure.body["code"] == code, failure.body
    for name in named:
        assert name in failure.body["message"], (name, failure.body)
    if nested:
        assert failure.body["error"] == {"code": failure.body["code"], "message": failure.body["message"]}
    else:
        assert "error" not in failure.body
