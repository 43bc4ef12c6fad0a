"""A real `onespace serve` process on a free port with a data directory of its own."""

import json
import os
import re
import signal
import subprocess
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

START_DEADLINE_S = 30.0
STOP_DEADLINE_S = 20.0
BASE_URL_LINE = re.compile(r"base URL\s+(\S+)")
API_KEY_LINE = re.compile(r"API key\s+(osk_\S+)")
LOOPBACK = "127.0.0.0/8"


class ServerFailed(Exception):
    """The process ended or stayed silent where it should have served; the text carries its log."""


def binary_from_environment() -> Path:
    """The binary named by ONESPACE_BIN."""
    path = os.environ.get("ONESPACE_BIN")
    if not path:
        raise ServerFailed("set ONESPACE_BIN to the onespace binary, for example target/release/onespace")
    binary = Path(path).resolve()
    if not os.access(binary, os.X_OK):
        raise ServerFailed(f"ONESPACE_BIN={path} is not an executable file; build it with `cargo build --release`")
    return binary


class OnespaceServer:
    """Starts, stops and kills one server; the data directory outlives the process."""

    def __init__(self, binary: Path, data_dir: Path, log_path: Path, extra_arguments=()) -> None:
        self.binary = binary
        self.data_dir = data_dir
        self.log_path = log_path
        self.extra_arguments = list(extra_arguments)
        self.process: subprocess.Popen | None = None
        self.base_url: str | None = None
        self.first_key: str | None = None
        self._stdout_lines: list[str] = []

    def start(self) -> "OnespaceServer":
        """Start the process and wait until it has printed its base URL."""
        arguments = [str(self.binary), "serve", "--listen", "127.0.0.1:0", "--data-dir", str(self.data_dir)]
        arguments += ["--metrics-listen", "off", *self.extra_arguments]
        self.base_url = None
        self._stdout_lines = []
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=log, text=True)
        threading.Thread(target=self._read_stdout, args=(self.process.stdout,), daemon=True).start()
        deadline = time.monotonic() + START_DEADLINE_S
        while self.base_url is None:
            if self.process.poll() is not None:
                raise ServerFailed(f"onespace ended with status {self.process.returncode}\n{self.output_tail()}")
            if time.monotonic() > deadline:
                self.kill()
                raise ServerFailed(f"no base URL within {START_DEADLINE_S} s\n{self.output_tail()}")
            time.sleep(0.002)
        return self

    def _read_stdout(self, stream) -> None:
        for line in stream:
            self._stdout_lines.append(line)
            if found := API_KEY_LINE.search(line):
                self.first_key = found.group(1)
            if found := BASE_URL_LINE.search(line):
                self.base_url = found.group(1).rstrip("/")
        stream.close()

    def output_tail(self) -> str:
        """The end of the log and all of standard output, for failure messages."""
        log = self.log_path.read_text(errors="replace")[-4000:] if self.log_path.exists() else ""
        return f"--- stdout\n{''.join(self._stdout_lines)}--- stderr (end)\n{log}"

    def api_key(self) -> str:
        """The key printed on the first start with this data directory."""
        deadline = time.monotonic() + 2.0
        while self.first_key is None and time.monotonic() < deadline:
            time.sleep(0.005)
        if self.first_key is None:
            raise ServerFailed(f"the first start printed no API key\n{self.output_tail()}")
        return self.first_key

    @property
    def address(self) -> tuple[str, int]:
        """Host and port for raw sockets."""
        parts = urlsplit(self.base_url)
        return parts.hostname, parts.port

    def command(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess:
        """Run an `onespace` subcommand; `check` raises with its output when it fails."""
        done = subprocess.run([str(self.binary), *arguments], capture_output=True, text=True, timeout=60)
        if check and done.returncode != 0:
            raise ServerFailed(f"onespace {' '.join(arguments)}: status {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def keys(self, *arguments: str) -> subprocess.CompletedProcess:
        """Run `onespace keys …` on the data directory of this server."""
        return self.command("keys", *arguments, "--data-dir", str(self.data_dir))

    def create_key(self, name: str, account: str | None = None, expires: str | None = None) -> dict:
        """Create a key; returns the printed object with `key`, `id`, `name` and `expires_at`."""
        arguments = ["create", name, "--json"]
        if account:
            arguments += ["--account", account]
        if expires:
            arguments += ["--expires", expires]
        return json.loads(self.keys(*arguments).stdout)

    def stop(self) -> int:
        """SIGTERM and wait; returns the exit status."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(STOP_DEADLINE_S)
        except subprocess.TimeoutExpired:
            self.kill()
            raise ServerFailed(f"still running {STOP_DEADLINE_S} s after SIGTERM\n{self.output_tail()}") from None

    def kill(self) -> None:
        """SIGKILL, as a power switch for the process: nothing in it gets to run any more."""
        self.process.kill()
        self.process.wait()
