"""What every refusal has in common."""

import re

from harness.wire import Client, Reply

# Words that only a library, the operating system or a source file would say.
LEAKS = re.compile(
    r"serde|sqlite|panick|\.rs\b|/tmp/|\bhyper\b|\baxum\b|thread '|at line \d+ column|os error|invalid type:", re.I
)
FLAT_CODES = {
    "api_key_invalid",
    "api_not_allowed",
    "content_type_invalid",
    "method_not_allowed",
    "not_found",
    "parameter_invalid",
    "parameter_not_provided",
    "parameter_unknown",
    "request_canceled_or_timed_out",
    "resource_not_exist",
}


def assert_error_shape(reply: Reply, nested: bool = False) -> dict:
    """A JSON error in the shape of its family, without library text; returns the body."""
    assert reply.headers["content-type"].split(";")[0] == "application/json", reply
    assert reply.headers["x-request-id"] and reply.headers["x-api-version"] == "1.3", reply
    body = reply.json()
    assert body["code"] in FLAT_CODES, body
    assert isinstance(body["message"], str) and len(body["message"]) > 10, body
    assert not LEAKS.search(body["message"]), body
    if nested:
        assert body["error"]["code"] == body["code"] and body["error"]["message"] == body["message"], body
    else:
        assert "error" not in body, body
    return body


def assert_refused(reply: Reply, status: int | tuple, code: str | tuple, *named: str, nested: bool = False) -> None:
    """Refused with (one of) this status and code, and the message names each of `named`."""
    statuses = status if isinstance(status, tuple) else (status,)
    codes = code if isinstance(code, tuple) else (code,)
    assert reply.status in statuses, reply
    body = assert_error_shape(reply, nested)
    assert body["code"] in codes, body
    for name in named:
        assert name in body["message"], (name, body)


def refuse_embed(raw: Client, body: dict, code: str | tuple, *named: str, status: int = 400) -> None:
    """`POST /embed-v2` refuses the body with this code and names each of `named`."""
    assert_refused(raw.embed(body), status, code, *named, nested=True)
