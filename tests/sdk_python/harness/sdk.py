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
    # The SDK turns the body of a 413 into a model of its own and leaves all others as they came.
    body = failure.body if isinstance(failure.body, dict) else failure.body.dict()
    assert failure.status_code == status, (failure.status_code, body)
    assert body["code"] == code, body
    for name in named:
        assert name in body["message"], (name, body)
    if nested:
        assert body["error"] == {"code": body["code"], "message": body["message"]}
    else:
        assert "error" not in body
