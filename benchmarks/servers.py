"""The servers that are measured, as processes, and the requests that each understands."""

import base64
import json
import re
import socket
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path

from . import load, machine

START_SECONDS_MAX = 300


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """A server process with its children."""

    ready_path = "/healthz"

    def __init__(self, command: list, threads: int, environment: dict[str, str] | None = None):
        self.log = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(
            machine.pinned([str(word) for word in command], threads),
            env=machine.environment(threads) | (environment or {}),
            stdout=self.log,
            stderr=subprocess.STDOUT,
        )
        try:
            self.wait_until_ready()
        except BaseException:
            self.close()
            raise

    def wait_until_ready(self) -> None:
        """Returns when the server answers."""
        until = time.monotonic() + START_SECONDS_MAX
        while time.monotonic() < until:
            if self.process.poll() is not None:
                raise SystemExit(f"the server ended: {self.said()[-2000:]}")
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}{self.ready_path}", timeout=5).close()
                return
            except OSError:
                time.sleep(0.2)
        raise SystemExit(f"the server does not answer: {self.said()[-2000:]}")

    def said(self) -> str:
        """What it has written."""
        self.log.seek(0)
        return self.log.read()

    def family(self) -> list[int]:
        """The process and all its descendants."""
        found = [self.process.pid]
        for parent in found:
            for children in Path(f"/proc/{parent}/task").glob("*/children"):
                found += map(int, children.read_text().split())
        return found

    def cpu_seconds(self) -> float:
        """Time on the processor so far, of the whole family."""
        return sum(machine.own_seconds(process_id) for process_id in self.family())

    def memory_peak_mib(self) -> float:
        """The most memory held, summed over the family."""
        return sum(machine.memory_peak_mib(process_id) for process_id in self.family())

    def close(self) -> None:
        """Ends the server."""
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Onespace(Server):
    """onespace with one model."""

    name = "onespace"
    ready_path = "/readyz"

    def __init__(self, program: Path, model: Path | None, precision: str | None, threads: int):
        self.port = free_port()
        self.data = tempfile.TemporaryDirectory()
        command = [program, "serve", "--listen", f"127.0.0.1:{self.port}", "--metrics-listen", "off"]
        command += ["--data-dir", self.data.name, "--log", "warn"]
        command += ["--model", model] if model else []
        command += ["--precision", precision] if precision else []
        super().__init__(command, threads)
        self.key = re.search(r"API key\s+(osk_\S+)", self.said())[1]

    def post(self, path: str, body: bytes, content_type: str = "application/json") -> bytes:
        """A request with the key of the first start."""
        return load.post(f"/v1.3{path}", body, content_type, self.key)

    def answer(self, request: bytes) -> dict:
        """What it answers to one request by itself."""
        return json.loads(load.once(self.port, request))

    def embed(self, kind: str, content: dict) -> bytes:
        """A request for one vector."""
        return self.post("/embed-v2", json.dumps({"input_type": kind, kind: content}).encode())

    def image_items(self, pictures: list[bytes]) -> list[list]:
        """The picture in the request, as base64."""
        encoded = [base64.b64encode(picture).decode() for picture in pictures]
        return [[self.embed("image", {"media_source": {"base64_string": text}})] for text in encoded]

    def asset_items(self, pictures: list[bytes]) -> list[list]:
        """The picture uploaded as a form, then embedded by its id: two requests."""

        def by_id(answer: bytes) -> bytes:
            return self.embed("image", {"media_source": {"asset_id": json.loads(answer)["_id"]}})

        return [[self.post("/assets", *form(picture)), by_id] for picture in pictures]

    def text_items(self, texts: list[str]) -> list[list]:
        """One text."""
        return [[self.embed("text", {"input_text": text})] for text in texts]


def form(picture: bytes) -> tuple[bytes, str]:
    """A direct upload of a picture as multipart form data, and its content type."""
    boundary = "7b1c9a5e4f3d2c1b0a"
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="method"\r\n\r\ndirect\r\n'
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="picture.jpg"\r\n'
        "Content-Type: image/jpeg\r\n\r\n"
    )
    body = head.encode() + picture + f"\r\n--{boundary}--\r\n".encode()
    return body, f"multipart/form-data; boundary={boundary}"


class Infinity(Server):
    """infinity-emb on PyTorch."""

    name = "infinity"
    ready_path = "/health"

    def __init__(self, program: Path, model: Path, precision: str, threads: int):
        self.port = free_port()
        command = [program, "v2", "--model-id", model, "--served-model-name", "model"]
        command += ["--host", "127.0.0.1", "--port", self.port, "--device", "cpu", "--engine", "torch", "--no-model-warmup"]
        command += ["--dtype", {"f32": "float32", "bf16": "bfloat16"}[precision]]
        offline = {"HF_HUB_OFFLINE": "1", "DO_NOT_TRACK": "1", "INFINITY_ANONYMOUS_USAGE_STATS": "0"}
        super().__init__([*command, "--log-level", "warning"], threads, offline)

    @staticmethod
    def embed(kind: str, content: str) -> bytes:
        """A request for one vector."""
        body = {"model": "model", "input": [content], "modality": kind}
        return load.post("/embeddings", json.dumps(body).encode())

    def image_items(self, pictures: list[bytes]) -> list[list]:
        """The picture in the request, as base64."""
        encoded = [base64.b64encode(picture).decode() for picture in pictures]
        return [[self.embed("image", f"data:image/jpeg;base64,{text}")] for text in encoded]

    def text_items(self, texts: list[str]) -> list[list]:
        """One text."""
        return [[self.embed("text", text)] for text in texts]
