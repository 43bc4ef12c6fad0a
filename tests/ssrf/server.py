"""The server under test: started in the jail, asked through its two entry points for URLs."""

import ctypes
import http.client
import json
import os
import signal
import subprocess
import time
import uuid
from dataclasses import dataclass

from jail import HARNESS, PROXY

PR_SET_PDEATHSIG = 1
START_SECONDS_MAX = 60
ANSWER_SECONDS_MAX = 25

# What clients send must not reach origins.
CLIENT_HEADERS = {
    "Cookie": "session=CLIENT-COOKIE",
    "Referer": "http://client.example.com/CLIENT-REFERER",
    "Authorization": "Bearer CLIENT-BEARER",
    "X-Forwarded-For": "10.0.0.5",
    "User-Agent": "CLIENT-AGENT",
}


@dataclass
class Answer:
    """What the server said: `code` and `message` in either error shape."""

    status: int
    code: str
    message: str
    body: str
    seconds: float

    @property
    def ok(self):
        return self.status in (200, 201)


class Server:
    """One process, with a key of its own."""

    def __init__(self, binary, name, address, port, scratch, flags=()):
        self.address, self.port = address, port
        self._data, self.log = os.path.join(scratch, name), os.path.join(scratch, f"{name}.log")
        os.mkdir(self._data)
        proxy = "http://%s:%d" % PROXY
        environment = dict(os.environ)
        for variable in ("http_proxy", "https_proxy", "all_proxy"):
            environment[variable] = environment[variable.upper()] = proxy
        environment.pop("no_proxy", None)
        environment.pop("NO_PROXY", None)
        here = os.path.dirname(os.path.abspath(__file__))
        environment["SSL_CERT_FILE"] = os.path.join(here, "certs", "ca.pem")
        environment.pop("SSL_CERT_DIR", None)
        command = [binary, "serve", "--listen", f"{address}:{port}", "--data-dir", self._data]
        command += ["--metrics-listen", "off", *flags]
        with open(self.log, "wb") as log:
            self._process = subprocess.Popen(
                command, stdout=log, stderr=log, env=environment, preexec_fn=_die_with_parent
            )
        self._wait_until_ready()
        made = subprocess.run(
            [binary, "keys", "create", "ssrf", "--json", "--data-dir", self._data],
            capture_output=True, check=True, timeout=60,
        )
        self.key = json.loads(made.stdout)["key"]

    def _wait_until_ready(self):
        deadline = time.monotonic() + START_SECONDS_MAX
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                break
            try:
                if self.request("GET", "/readyz", b"", {})[0] == 200:
                    return
            except OSError:
                pass
            time.sleep(0.1)
        with open(self.log, errors="replace") as log:
            raise RuntimeError(f"the server did not become ready:\n{log.read()[-4000:]}")

    def alive(self):
        return self._process.poll() is None and self.request("GET", "/healthz", b"", {})[0] == 200

    def stop(self):
        """Asks the process to end; returns whether it did by itself."""
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(15)
            return True
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            return False

    def request(self, method, path, body, headers):
        """(status, body text). The harness binds an address of its own, so that the sniffer can
        tell its connections from the server's."""
        connection = http.client.HTTPConnection(
            self.address, self.port, timeout=ANSWER_SECONDS_MAX, source_address=(HARNESS, 0)
        )
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            return response.status, response.read().decode("utf-8", "replace")
        finally:
            connection.close()

    def post(self, path, body, content_type, more=None):
        headers = {**CLIENT_HEADERS, "x-api-key": self.key, "Content-Type": content_type}
        started = time.monotonic()
        status, text = self.request("POST", f"/v1.3{path}", body, {**headers, **(more or {})})
        seconds = time.monotonic() - started
        try:
            parsed = json.loads(text)
        except ValueError:
            parsed = {}
        error = parsed.get("error") if isinstance(parsed.get("error"), dict) else parsed
        code, message = error.get("code", ""), error.get("message", "")
        return Answer(status, code, message, text, seconds)

    def asset(self, url):
        """Entry point 1: an asset by URL."""
        boundary = uuid.uuid4().hex
        part = '--%s\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n'
        body = part % (boundary, "method", "url") + part % (boundary, "url", url)
        body += f"--{boundary}--\r\n"
        return self.post("/assets", body.encode(), f"multipart/form-data; boundary={boundary}")

    def embed(self, url):
        """Entry point 2: an image to embed, by URL."""
        body = {
            "input_type": "image",
            "model_name": "marengo3.0",
            "image": {"media_source": {"url": url}},
        }
        return self.post("/embed-v2", json.dumps(body).encode(), "application/json")

    def embed_many(self, urls):
        """Several images in one request."""
        sources = [{"media_type": "image", "url": url} for url in urls]
        body = {
            "input_type": "multi_input",
            "model_name": "marengo3.0",
            "multi_input": {"media_sources": sources},
        }
        return self.post("/embed-v2", json.dumps(body).encode(), "application/json")


def _die_with_parent():
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
