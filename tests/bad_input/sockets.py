"""Bytes on a socket, for requests that no client library sends."""

import json
import socket
import time

from harness.wire import Client, text_request

ANSWER_DEADLINE_S = 10.0
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


def head(raw: Client, method: str = "POST", path: str = "/v1.3/embed-v2", *lines: str, key: bool = True) -> bytes:
    all_lines = [f"{method} {path} HTTP/1.1", "Host: localhost", *([f"x-api-key: {raw.key}"] if key else []), *lines]
    return "\r\n".join(all_lines).encode() + b"\r\n\r\n"


JSON_TYPE = "Content-Type: application/json"
LENGTH = f"Content-Length: {len(GOOD_BODY)}"
