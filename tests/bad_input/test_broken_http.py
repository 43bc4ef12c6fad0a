"""Requests that break the rules of HTTP, or that end in the middle."""

import socket

import pytest

from sockets import ANSWER_DEADLINE_S, GOOD_BODY, JSON_TYPE, LENGTH, answer_to, connected, head, received, status_of


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
