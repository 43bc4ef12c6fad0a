"""Bodies that are too large or come without a key, and clients that are too slow."""

import json
import time

import pytest

from harness.wire import UNKNOWN_ID, text_request
from sockets import ANSWER_DEADLINE_S, GOOD_BODY, JSON_TYPE, LENGTH, answer_to, connected, head, received, status_of

# The server's limits are 10 s for the headers, 30 s without progress of the body, and 10 s to throw
# away what comes after a refusal; leave room.
SLOW_HEADERS_DEADLINE_S = 20.0
SLOW_BODY_DEADLINE_S = 50.0
REFUSED_UPLOAD_DEADLINE_S = 20.0


def json_body_of(answer: bytes) -> dict:
    headers, _, body = answer.partition(b"\r\n\r\n")
    assert b"application/json" in headers.lower()
    return json.loads(body)


FORM = "Content-Type: multipart/form-data; boundary=b"
UNAUTHENTICATED = {
    "assets by length": ("/v1.3/assets", FORM, "Content-Length: 209715200"),
    "assets in chunks": ("/v1.3/assets", FORM, "Transfer-Encoding: chunked"),
    "embed": ("/v1.3/embed-v2", JSON_TYPE, "Content-Length: 40000000"),
}


@pytest.mark.parametrize(("path", "content_type", "length"), UNAUTHENTICATED.values(), ids=UNAUTHENTICATED)
def test_a_large_upload_without_a_key_is_refused_before_its_body(server, raw, path, content_type, length):
    """Only the headers are sent: an answer proves that the server did not wait for the body."""
    started = time.monotonic()
    answer = answer_to(server, head(raw, "POST", path, content_type, length, key=False))
    assert status_of(answer) == 401
    assert json_body_of(answer)["code"] == "api_key_invalid"
    assert time.monotonic() - started < 3.0


def test_a_refused_upload_that_goes_on_is_cut_off(server, raw):
    """What comes after the answer is thrown away for a while, so that the answer arrives; then it ends."""
    started = time.monotonic()
    with connected(server) as connection:
        connection.sendall(head(raw, "POST", "/v1.3/assets", FORM, "Content-Length: 209715200", key=False))
        try:
            while time.monotonic() - started < REFUSED_UPLOAD_DEADLINE_S:
                connection.sendall(bytes(1024))
                time.sleep(0.1)
        except (TimeoutError, BrokenPipeError, ConnectionResetError):
            pass
    assert time.monotonic() - started < REFUSED_UPLOAD_DEADLINE_S


EARLY_REFUSALS = {
    "no key": ("/v1.3/embed-v2", False, 401),
    "route that is not served": ("/v1.3/search", True, 404),
    "unknown upload": (f"/v1.3/assets/multipart-uploads/{UNKNOWN_ID}", True, 404),
    "wrong method": (f"/v1.3/assets/{UNKNOWN_ID}", True, 405),
}


@pytest.mark.parametrize(("path", "with_key", "status"), EARLY_REFUSALS.values(), ids=EARLY_REFUSALS)
def test_after_an_early_refusal_the_connection_works_or_says_that_it_closes(server, raw, path, with_key, status):
    """A client that sends its small body a moment after the headers must not lose its next request."""
    with connected(server) as connection:
        connection.sendall(head(raw, "POST", path, JSON_TYPE, LENGTH, key=with_key))
        time.sleep(0.1)
        connection.sendall(GOOD_BODY)
        answer = received(connection, ANSWER_DEADLINE_S)
        assert status_of(answer) == status
        if b"connection: close" in answer.lower():
            return
        connection.sendall(head(raw, "POST", "/v1.3/embed-v2", JSON_TYPE, LENGTH) + GOOD_BODY)
        assert status_of(received(connection, ANSWER_DEADLINE_S)) == 200


TOO_LARGE = {
    "embed": ("/v1.3/embed-v2", JSON_TYPE, True),
    "embed tasks": ("/v1.3/embed-v2/tasks", JSON_TYPE, True),
    "assets": ("/v1.3/assets", FORM, False),
    "embed v1": ("/v1.3/embed", FORM, False),
    "upload session": ("/v1.3/assets/multipart-uploads", JSON_TYPE, False),
}


@pytest.mark.parametrize(("path", "content_type", "nested"), TOO_LARGE.values(), ids=TOO_LARGE)
def test_a_body_above_the_cap_is_refused_before_it_is_sent(server, raw, path, content_type, nested):
    started = time.monotonic()
    answer = answer_to(server, head(raw, "POST", path, content_type, "Content-Length: 10737418240"))
    assert status_of(answer) == 413
    body = json_body_of(answer)
    assert body["code"] == "parameter_invalid"
    assert ("error" in body) == nested
    assert time.monotonic() - started < 3.0


def test_a_body_above_the_cap_beats_malformed_json_and_loses_to_the_content_type(server, raw):
    length = "Content-Length: 10737418240"
    assert status_of(answer_to(server, head(raw, "POST", "/v1.3/embed-v2", JSON_TYPE, length) + b"{{{")) == 413
    answer = answer_to(server, head(raw, "POST", "/v1.3/embed-v2", "Content-Type: text/plain", length))
    assert (status_of(answer), json_body_of(answer)["code"]) == (400, "content_type_invalid")


def test_expect_continue_is_honoured_only_with_a_key(server, raw):
    expect = ("Expect: 100-continue", JSON_TYPE, LENGTH)
    with connected(server) as connection:
        connection.sendall(head(raw, "POST", "/v1.3/embed-v2", *expect))
        first = connection.recv(100)
        assert first.startswith(b"HTTP/1.1 100"), first
        connection.sendall(GOOD_BODY)
        assert b"HTTP/1.1 200" in received(connection, ANSWER_DEADLINE_S)
    assert status_of(answer_to(server, head(raw, "POST", "/v1.3/embed-v2", *expect, key=False))) == 401


def drip(server, opening: bytes, dripped: bytes, deadline_s: float) -> float:
    """Send `opening`, then `dripped` again and again, a byte each half second; how long the server allowed it."""
    started = time.monotonic()
    with connected(server) as connection:
        connection.sendall(opening)
        connection.settimeout(0.5)
        while time.monotonic() - started < deadline_s:
            try:
                if dripped:
                    connection.sendall(dripped)
                if not connection.recv(65536):
                    break
            except TimeoutError:
                continue
            except (BrokenPipeError, ConnectionResetError):
                break
    return time.monotonic() - started


def test_slow_headers_are_closed(server):
    taken = drip(server, b"GET /v1.3/assets HTTP/1.1\r\nX-Slow: ", b"x", SLOW_HEADERS_DEADLINE_S)
    assert taken < SLOW_HEADERS_DEADLINE_S


def test_a_stalled_body_is_closed(server, raw):
    opening = head(raw, "POST", "/v1.3/embed-v2", JSON_TYPE, "Content-Length: 1000") + b'{"input_type":'
    assert drip(server, opening, b"", SLOW_BODY_DEADLINE_S) < SLOW_BODY_DEADLINE_S


def test_many_silent_connections_do_not_stop_the_others(server, raw):
    silent = [connected(server) for _ in range(200)]
    try:
        for connection in silent[::2]:
            connection.sendall(b"POST /v1.3/embed-v2 HTTP/1.1\r\nHost: x\r\n")
        started = time.monotonic()
        assert raw.embed(text_request("x")).status == 200
        assert time.monotonic() - started < 2.0
    finally:
        for connection in silent:
            connection.close()
