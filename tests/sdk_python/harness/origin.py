"""A web server on a loopback address, the source of images given by URL. It counts what it was asked."""

import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

# Distinct loopback addresses and the usual web ports, so that a strict list of ports on the fetching
# side does not stand in the way and nothing that already listens on 127.0.0.1 is in ours.
CANDIDATES = [(f"127.0.0.{last}", port) for port in (8080, 8443) for last in range(71, 91)] + [("127.0.0.1", 0)]


@dataclass
class Page:
    """What the origin answers for one path."""

    body: bytes = b""
    content_type: str = "application/octet-stream"
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    delay_s: float = 0.0


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        origin: Origin = self.server.origin
        path = self.path.split("?")[0]
        origin.record(self.path, dict(self.headers.items()))
        page = origin.pages.get(path, Page(b"nothing here", "text/plain", 404))
        time.sleep(page.delay_s)
        try:
            self.send_response(page.status)
            self.send_header("Content-Type", page.content_type)
            self.send_header("Content-Length", str(len(page.body)))
            for name, value in page.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(page.body)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    do_HEAD = do_GET

    def log_message(self, *_arguments) -> None:
        """Silence: the tests look at `Origin.hits`."""


class Origin:
    """`pages` maps a path to its answer; `hits` lists the paths asked for, oldest first."""

    def __init__(self) -> None:
        self.pages: dict[str, Page] = {}
        self.hits: list[str] = []
        self.request_headers: list[dict[str, str]] = []
        self._lock = threading.Lock()
        self._server = self._bound()
        self._server.origin = self
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @staticmethod
    def _bound() -> ThreadingHTTPServer:
        for address in CANDIDATES:
            try:
                return ThreadingHTTPServer(address, _Handler)
            except OSError:
                continue
        raise OSError("no loopback address is free for the web server of the tests")

    def record(self, path: str, headers: dict[str, str]) -> None:
        with self._lock:
            self.hits.append(path)
            self.request_headers.append(headers)

    def url(self, path: str) -> str:
        host, port = self._server.server_address[:2]
        return f"http://{host}:{port}{path}"

    def serve(self, path: str, body: bytes, content_type: str = "application/octet-stream") -> str:
        """Put a page up and return its URL."""
        self.pages[path] = Page(body, content_type)
        return self.url(path)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
