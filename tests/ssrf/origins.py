"""The "public" web of the jail: origins that do what the path of a request says, and canaries that
must never be reached.

Path: `/<behaviour>/<token>[/<argument>][?to=<redirect target>]`. The token tells the rows apart.
"""

import collections
import gzip
import os
import socket
import ssl
import struct
import threading
import time
import urllib.parse
import zlib
from dataclasses import dataclass, field

MIB = 1024 * 1024
ECHO_MARK = "ECHOED-REMOTE-TEXT"
CERTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "certs")


def picture():
    """A 160 x 160 PNG with a gradient."""
    side = 160
    rows = b"".join(
        b"\0" + bytes(value for x in range(side) for value in (x, y, (x + y) // 2))
        for y in range(side)
    )

    def chunk(kind, data):
        return struct.pack("!I", len(data)) + kind + data + struct.pack("!I", zlib.crc32(kind + data))

    header = struct.pack("!IIBBBBB", side, side, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*each) for each in chunks)


PNG = picture()
HTML = f"<html><meta http-equiv=refresh content='0;url=/png/x'><p>{ECHO_MARK}</p></html>".encode()
SVG = b"<svg xmlns='http://www.w3.org/2000/svg'><image href='http://127.0.0.1/'/></svg>"
BOMB = gzip.compress(bytes(64 * MIB))


@dataclass
class Hit:
    """One request that reached an origin."""

    token: str
    path: str
    address: str
    port: int
    sni: str | None
    head: str
    sent_bytes: int = 0
    headers: dict = field(default_factory=dict)


class _Reply:
    """Writes to one connection and counts what went out."""

    def __init__(self, connection, hit, leave):
        self._connection, self._hit, self.leave = connection, hit, leave
        self._ends = time.monotonic() + 40

    def send(self, data):
        if isinstance(data, str):
            data = data.encode()
        view = memoryview(data)
        while view:
            sent = self._connection.send(view[:65536])
            self._hit.sent_bytes += sent
            view = view[sent:]
            if time.monotonic() > self._ends:
                raise TimeoutError

    def head(self, status, *headers):
        self.send("".join(f"{line}\r\n" for line in (f"HTTP/1.1 {status}", *headers)) + "\r\n")

    def whole(self, status, kind, body, *headers):
        self.head(status, f"Content-Type: {kind}", f"Content-Length: {len(body)}", *headers)
        self.send(body)

    def forever(self, data, pause=0.0):
        while True:
            self.send(data)
            if pause:
                time.sleep(pause)

    def wait_for_close(self, seconds):
        """Says nothing until the peer closes."""
        self._connection.settimeout(seconds)
        self._connection.recv(1)


def _redirect(reply, status, location):
    reply.whole(status, "image/png", PNG, f"Location: {location}")


def _answer(reply, behaviour, token, argument, to):
    """The scripted behaviours."""
    match behaviour:
        case "png" | "":
            reply.whole("200 OK", "image/png", PNG)
        case "png-as-html":
            reply.whole("200 OK", "text/html", PNG)
        case "html":
            reply.whole("200 OK", "text/html", HTML)
        case "html-as-png":
            reply.whole("200 OK", "image/png", HTML)
        case "svg-as-png":
            reply.whole("200 OK", "image/png", SVG)
        case "refresh":
            reply.whole("200 OK", "text/html", HTML, f"Refresh: 0; url=/png/{token}")
        case "slow-html":
            time.sleep(0.05)
            # Counted as gone before the peer can know: its next connection may come at once.
            reply.leave()
            reply.whole("200 OK", "text/html", HTML)
        case "redirect":
            _redirect(reply, f"{argument or 302} Redirect", to)
        case "hops":
            left = int(argument)
            if left == 0:
                reply.whole("200 OK", "image/png", PNG)
            else:
                _redirect(reply, "302 Found", f"/hops/{token}/{left - 1}")
        case "loop":
            _redirect(reply, "302 Found", f"/loop/{token}")
        case "status":
            if argument in ("204", "304"):
                reply.head(f"{argument} Status")
            else:
                reply.whole(f"{argument} Status", "image/png", PNG)
        case "endless":
            reply.head("200 OK", "Content-Type: image/png")
            reply.send(PNG)
            reply.forever(bytes(65536))
        case "length-10gb":
            reply.head("200 OK", "Content-Type: image/png", "Content-Length: 10737418240")
            reply.send(PNG)
            reply.forever(bytes(65536))
        case "length-10":
            reply.head("200 OK", "Content-Type: image/png", "Content-Length: 10")
            reply.send(PNG)
            reply.send(bytes(100 * MIB))
        case "drip":
            reply.head("200 OK", "Content-Type: image/png", f"Content-Length: {len(PNG)}")
            for byte in PNG:
                reply.send(bytes([byte]))
                time.sleep(1)
        case "steady":
            reply.head("200 OK", "Content-Type: image/png")
            reply.send(PNG)
            reply.forever(bytes(65536), pause=0.25)
        case "silent":
            reply.wait_for_close(40)
        case "long-header":
            reply.head("200 OK", "X-Long: " + "x" * MIB, f"Content-Length: {len(PNG)}")
            reply.send(PNG)
        case "informational-flood":
            reply.send("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * 10_000)
            reply.whole("200 OK", "image/png", PNG)
        case "gzip-bomb":
            reply.head("200 OK", "Content-Type: image/png", "Content-Encoding: gzip")
            for _ in range(160):
                reply.send(BOMB)
        case "gzip-png":
            body = gzip.compress(PNG)
            reply.whole("200 OK", "image/png", body, "Content-Encoding: gzip")
        case _:
            reply.whole("404 Not Found", "text/plain", b"no such behaviour")


class Origins:
    """Listens on addresses and ports, plain and TLS on each, and records hits and concurrency."""

    def __init__(self, endpoints):
        self._lock = threading.Lock()
        self._hits = []
        self._open, self._peak = collections.Counter(), collections.Counter()
        self._tls = _tls_contexts()
        for address, port in endpoints:
            _listen(address, port, self._serve)

    def hits(self, token):
        with self._lock:
            return [hit for hit in self._hits if hit.token == token]

    def all_hits(self):
        with self._lock:
            return list(self._hits)

    def reset_peaks(self):
        """Starts a count of connections; earlier ones must be gone, and origins notice that late."""
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            with self._lock:
                if self._open["all"] == 0:
                    self._peak.clear()
                    return
            time.sleep(0.05)
        raise TimeoutError("connections of earlier rows are still open")

    def peaks(self):
        """Most connections open at once, by (address, port) and under "all"."""
        with self._lock:
            return dict(self._peak)

    def _serve(self, connection, address, port):
        keys = [(address, port), "all"]
        with self._lock:
            for key in keys:
                self._open[key] += 1
                self._peak[key] = max(self._peak[key], self._open[key])

        def leave():
            with self._lock:
                while keys:
                    self._open[keys.pop()] -= 1

        try:
            with connection:
                self._converse(connection, address, port, leave)
        except (OSError, ValueError, TimeoutError):
            pass  # the peer went away, or spoke no HTTP
        finally:
            leave()

    def _converse(self, connection, address, port, leave):
        connection.settimeout(40)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
        if connection.recv(1, socket.MSG_PEEK) == b"\x16":
            connection = self._tls.wrap_socket(connection, server_side=True)
        with connection:
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                data = connection.recv(65536)
                if not data:
                    return
                head += data
            sni = getattr(connection, "ssrf_sni", None)
            hit = self._record(head.decode("latin-1"), address, port, sni)
            url = urllib.parse.urlsplit(hit.path)
            parts = [*url.path.split("/"), "", "", ""]
            to = urllib.parse.parse_qs(url.query).get("to", [""])[0]
            _answer(_Reply(connection, hit, leave), parts[1], parts[2], parts[3], to)

    def _record(self, head, address, port, sni):
        request, *lines = head.split("\r\n")
        path = request.split(" ")[1]
        token = [*path.split("?")[0].split("/"), "", ""][2]
        headers = {}
        for line in filter(None, lines):
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        hit = Hit(token, path, address, port, sni, head, headers=headers)
        with self._lock:
            self._hits.append(hit)
        return hit


class Canaries:
    """Listeners that only count who came."""

    def __init__(self, endpoints):
        self._lock, self._reached = threading.Lock(), []
        for address, port in endpoints:
            _listen(address, port, self._serve)

    def reached(self):
        with self._lock:
            return list(self._reached)

    def _serve(self, connection, address, port):
        with connection:
            if connection.getpeername()[0] == "127.0.0.9":
                return
            with self._lock:
                self._reached.append((address, port))
            connection.settimeout(5)
            try:
                connection.recv(65536)
                connection.sendall(
                    b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n"
                    + f"Content-Length: {len(PNG)}\r\n\r\n".encode()
                    + PNG
                )
            except OSError:
                pass


def _listen(address, port, serve):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listener = socket.create_server((address, port), family=family, backlog=256)

    def accept():
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=serve, args=(connection, address, port), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()


def _tls_contexts():
    """One context that picks the certificate by the script in the name asked for."""

    def context(name):
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        made.set_ciphers("DEFAULT@SECLEVEL=0")  # or SHA-1 could not be served at all
        made.load_cert_chain(os.path.join(CERTS, f"{name}.pem"))
        return made

    by_script = {
        name: context(name) for name in ("good", "wrong-name", "expired", "sha1", "self-signed")
    }

    def pick(connection, name, _context):
        connection.ssrf_sni = name
        script = [*(name or "").split("."), "", ""][1]
        connection.context = by_script.get(script, by_script["good"])

    by_script["good"].sni_callback = pick
    return by_script["good"]
