"""Requests that no client library sends: broken HTTP, large bodies without a key, slow clients."""

import json
import socket
import time

import pytest

from harness.wire import UNKNOWN_ID, text_request

ANSWER_DEADLINE_S = 10.0
# The server's limits are 10 s for the headers and 30 s without progress of the body; leave room.
REFUSED_UPLOAD_DEADLINE_S = 20.0
SLOW_HEADERS_DEADLINE_S = 20.0
SLOW_BODY_DEADLINE_S = 50.0
GOOD_BODY = json.dumps(text_request("x")).encode()


def connected(server) -> socket.socket:
    connection = socket.create_connection(server.address, timeout=ANSWER_DEADLINE_S)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def answer_to(server, sent: bytes, deadline_s: float = ANSWER_DEADLINE_S) -> bytes:
    """Everything that comes back until the server closes, stays silent for a second after an answer, or the deadline."""
    with connected(server) as connection:
        try:
            connection.sendall(sent)
        except (BrokenPipeError, ConnectionResetError):
            pass
        return received(connection, deadline_s)


def received(connection: socket.socket, deadline_s: float) -> bytes:
    answer = b""
    deadline = time.monotonic() + deadline_s
    while time.monotonic() < deadline:
        connection.settimeout(1.0 if answer else max(deadline - time.monotonic(), 0.1))
        try:
            piece = connection.recv(65536)
        except (TimeoutError, ConnectionResetError):
            break
        if not piece:
            break
        answer += piece
    return answer


def status_of(answer: bytes) -> int:
    assert answer.startswith(b"HTTP/1.1 "), answer[:200]
    return int(answer[9:12])


def head(raw, method: str = "POST", path: str = "/v1.3/embed-v2", *lines: str, key: bool = True) -> bytes:
    all_lines = [f"{method} {path} HTTP/1.1", "Host: localhost", *([f"x-api-key: {raw.key}"] if key else []), *lines]
    return "\r\n".join(all_lines).encode() + b"\r\n\r\n"


JSON_TYPE = "Content-Type: application/json"
LENGTH = f"Content-Length: {len(GOOD_BODY)}"


def test_the_good_request_itself(server, raw):
    answer = answer_to(server, head(raw, "POST", "/v1.3/embed-v2", JSON_TYPE, LENGTH) + GOOD_BODY)
    assert status_of(answer) == 200


def broken_requests(raw) -> dict[str, bytes]:
    line = f"x-api-key: {raw.key}\r\n{JSON_TYPE}\r\n"
    start = f"POST /v1.3/embed-v2 HTTP/1.1\r\nHost: localhost\r\n{line}"
    chunked = "Transfer-Encoding: chunked\r\n"
    body = GOOD_BODY.decode()
    length = len(GOOD_BODY)
    return {
        name: text.encode("latin-1")
        for name, text in {
            "length and chunks": f"{start}{chunked}Content-Length: {length}\r\n\r\n0\r\n\r\n",
            "two lengths": f"{start}Content-Length: {length}\r\nContent-Length: 3\r\n\r\n{body}",
            "length with a sign": f"{start}Content-Length: +{length}\r\n\r\n{body}",
            "length in hexadecimal": f"{start}Content-Length: 0x5\r\n\r\n{body}",
            "negative length": f"{start}Content-Length: -1\r\n\r\n{body}",
            "length beyond 64 bits": f"{start}Content-Length: 99999999999999999999999\r\n\r\n{body}",
            "unknown transfer encoding": f"{start}Transfer-Encoding: rot13\r\n\r\n{body}",
            "bad chunk size": f"{start}{chunked}\r\nzz\r\nabc\r\n0\r\n\r\n",
            "chunk size beyond 64 bits": f"{start}{chunked}\r\nfffffffffffffffff\r\nabc\r\n0\r\n\r\n",
            "folded header": f"{start}X-A: b\r\n c\r\nContent-Length: {length}\r\n\r\n{body}",
            "NUL in a header": f"{start}X-A: b\x00c\r\nContent-Length: {length}\r\n\r\n{body}",
            "blank before the colon": f"{start}X-A : b\r\nContent-Length: {length}\r\n\r\n{body}",
            "no colon": f"{start}nonsense\r\nContent-Length: {length}\r\n\r\n{body}",
            "too many headers": f"{start}" + "".join(f"X-{n}: b\r\n" for n in range(500)) + f"Content-Length: {length}\r\n\r\n{body}",
            "a huge header": f"{start}X-A: {'b' * 1_000_000}\r\nContent-Length: {length}\r\n\r\n{body}",
            "a huge path": f"GET /v1.3/{'a' * 1_000_000} HTTP/1.1\r\nHost: localhost\r\n{line}\r\n",
            "no version": f"POST /v1.3/embed-v2\r\n{line}\r\n",
            "another version": f"POST /v1.3/embed-v2 HTTP/9.9\r\n{line}\r\n",
            "another protocol": "SSH-2.0-OpenSSH_9.6\r\n",
            "TLS": "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + "\x00" * 500,
            "NUL bytes": "\x00" * 5000,
            "blank in the path": f"GET /v1.3/as sets HTTP/1.1\r\nHost: localhost\r\n{line}\r\n",
        }.items()
    }


BROKEN = [
    "length and chunks", "two lengths", "length with a sign", "length in hexadecimal", "negative length",
    "length beyond 64 bits", "unknown transfer encoding", "bad chunk size", "chunk size beyond 64 bits", "folded header",
    "NUL in a header", "blank before the colon", "no colon", "too many headers", "a huge header", "a huge path",
    "no version", "another version", "another protocol", "TLS", "NUL bytes", "blank in the path",
]  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_broken_http_is_refused_or_closed(server, raw, name):
    """A 4xx or a closed connection; never an answer as if all were well, and never a fault of the server."""
    answer = answer_to(server, broken_requests(raw)[name])
    if answer:
        assert 400 <= status_of(answer) < 500, answer[:300]
        assert answer.count(b"HTTP/1.1 ") == 1, "the rest of the bytes is not read as another request"


def test_every_broken_request_is_listed(raw):
    assert sorted(BROKEN) == sorted(broken_requests(raw))


def test_a_body_that_ends_early(server, raw):
    for length, sent in (("Content-Length: 1000", GOOD_BODY), ("Transfer-Encoding: chunked", b"400\r\nabc")):
        with connected(server) as connection:
            connection.sendall(head(raw, "POST", "/v1.3/embed-v2", JSON_TYPE, length) + sent)
            connection.shutdown(socket.SHUT_WR)
            answer = received(connection, ANSWER_DEADLINE_S)
        assert not answer or 400 <= status_of(answer) < 500, answer[:300]


def test_a_client_that_leaves_in_the_middle(server, raw):
    for _ in range(20):
        with connected(server) as connection:
            connection.sendall(head(raw, "POST", "/v1.3/embed-v2", JSON_TYPE, LENGTH) + GOOD_BODY)
        with connected(server) as connection:
            connection.sendall(head(raw, "POST", "/v1.3/embed-v2", JSON_TYPE, LENGTH) + GOOD_BODY[:10])


def test_several_requests_in_one_packet(server, raw):
    one = head(raw, "POST", "/v1.3/embed-v2", JSON_TYPE, LENGTH) + GOOD_BODY
    answer = answer_to(server, one * 5)
    assert answer.count(b"HTTP/1.1 200 ") == 5


def test_chunked_bodies_are_fine(server, raw):
    pieces = b"".join(b"%x\r\n%s\r\n" % (len(GOOD_BODY[i : i + 7]), GOOD_BODY[i : i + 7]) for i in range(0, len(GOOD_BODY), 7))
    answer = answer_to(server, head(raw, "POST", "/v1.3/embed-v2", JSON_TYPE, "Transfer-Encoding: chunked") + pieces + b"0\r\n\r\n")
    assert status_of(answer) == 200


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
