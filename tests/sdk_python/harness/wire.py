"""Plain HTTP requests and replies, for what an SDK would not send."""

import base64
import http.client
import json
import math
from dataclasses import dataclass, field
from urllib.parse import urlsplit

REQUEST_TIMEOUT_S = 60.0
UNKNOWN_ID = "0123456789abcdef01234567"
BOUNDARY = "onespace-test-boundary-5d41402abc4b2a76"


@dataclass
class Reply:
    """A status, the headers (names in lower case) and the body bytes."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self):
        return json.loads(self.body)

    def embedding(self) -> list[float]:
        """The one vector of an embed answer, checked to be finite and of unit length."""
        assert self.status == 200, self
        entries = self.json()["data"]
        assert len(entries) == 1, entries
        assert_unit_vector(entries[0]["embedding"])
        return entries[0]["embedding"]


def assert_unit_vector(vector: list[float], dimension: int = 512) -> None:
    """Every vector that leaves the server is finite, of the right length and of unit norm."""
    assert len(vector) == dimension, len(vector)
    assert all(math.isfinite(value) for value in vector)
    assert abs(math.sqrt(sum(value * value for value in vector)) - 1.0) < 1e-3


def cosine(left: list[float], right: list[float]) -> float:
    """Cosine of two vectors of any length."""
    dot = sum(a * b for a, b in zip(left, right, strict=True))
    return dot / math.sqrt(sum(a * a for a in left) * sum(b * b for b in right))


def base64_text(content: bytes) -> str:
    """Base64 in the standard alphabet, padded."""
    return base64.b64encode(content).decode("ascii")


@dataclass
class Part:
    """One part of a multipart/form-data body."""

    name: str
    content: bytes
    filename: str | None = None
    content_type: str | None = None

    def encoded(self) -> bytes:
        disposition = f'Content-Disposition: form-data; name="{self.name}"'
        if self.filename is not None:
            disposition += f'; filename="{self.filename}"'
        lines = [disposition.encode("utf-8", "surrogateescape")]
        if self.content_type:
            lines.append(f"Content-Type: {self.content_type}".encode())
        return b"\r\n".join(lines) + b"\r\n\r\n" + self.content


def form(parts: list[Part], closed: bool = True) -> bytes:
    """A multipart body with `BOUNDARY`; `closed=False` leaves the end marker out."""
    body = b"".join(b"--" + BOUNDARY.encode() + b"\r\n" + part.encoded() + b"\r\n" for part in parts)
    return body + (f"--{BOUNDARY}--\r\n".encode() if closed else b"")


FORM_TYPE = f"multipart/form-data; boundary={BOUNDARY}"


@dataclass
class Client:
    """Sends requests below one base URL, each on a connection of its own, with one API key."""

    base_url: str
    key: str | None
    timeout_s: float = REQUEST_TIMEOUT_S
    extra_headers: dict[str, str] = field(default_factory=dict)

    def request(self, method: str, path: str, body: bytes | None = None, headers: dict | None = None) -> Reply:
        """`path` is relative to the base URL; one that starts with `http` is used as it is."""
        target = urlsplit(path if path.startswith("http") else self.base_url + path)
        sent = dict(self.extra_headers)
        if self.key is not None and not path.startswith("http"):
            sent["x-api-key"] = self.key
        sent.update(headers or {})
        connection = http.client.HTTPConnection(target.hostname, target.port, timeout=self.timeout_s)
        try:
            connection.request(method, target.path + (f"?{target.query}" if target.query else ""), body, sent)
            answer = connection.getresponse()
            received = {name.lower(): value for name, value in answer.getheaders()}
            return Reply(answer.status, received, answer.read())
        finally:
            connection.close()

    def get(self, path: str) -> Reply:
        return self.request("GET", path)

    def send_json(self, path: str, value, method: str = "POST") -> Reply:
        return self.send_json_text(path, json.dumps(value), method)

    def send_json_text(self, path: str, text: str | bytes, method: str = "POST") -> Reply:
        """For JSON that `json.dumps` would not write."""
        body = text if isinstance(text, bytes) else text.encode()
        return self.request(method, path, body, {"content-type": "application/json"})

    def send_form(self, path: str, parts: list[Part]) -> Reply:
        return self.request("POST", path, form(parts), {"content-type": FORM_TYPE})

    def upload(self, content: bytes, filename: str = "picture.png") -> Reply:
        """`POST /assets` with method=direct."""
        return self.send_form("/assets", [Part("method", b"direct"), Part("file", content, filename)])

    def embed(self, body: dict) -> Reply:
        return self.send_json("/embed-v2", body)


def text_request(text: str, model: str = "marengo3.0") -> dict:
    """An embed-v2 body for a text."""
    return {"input_type": "text", "model_name": model, "text": {"input_text": text}}


def image_request(media_source: dict, model: str = "marengo3.0") -> dict:
    """An embed-v2 body for one image."""
    return {"input_type": "image", "model_name": model, "image": {"media_source": media_source}}


def multi_input_request(media_sources: list | None, text: str | None = None, model: str = "marengo3.0") -> dict:
    """An embed-v2 body for text and images; a part that is None is left out."""
    multi_input: dict = {}
    if media_sources is not None:
        multi_input["media_sources"] = media_sources
    if text is not None:
        multi_input["input_text"] = text
    return {"input_type": "multi_input", "model_name": model, "multi_input": multi_input}
