"""Closed-loop HTTP load: each client sends its next request when the last is answered.

Written on plain sockets with requests made beforehand, because the clients share the cores with the
server: what they use is measured and shown.
"""

import asyncio
import itertools
import statistics
import time
from dataclasses import dataclass, field

REQUEST_SECONDS_MAX = 120


@dataclass
class Outcome:
    """What a run of load gave. Times are of whole exchanges, in seconds."""

    seconds: float
    latencies: list[float] = field(default_factory=list)
    errors: dict[str, int] = field(default_factory=dict)
    client_cpu_seconds: float = 0.0

    def summary(self) -> dict:
        """The figures of a table's row."""
        ordered = sorted(self.latencies) or [float("nan")]
        cuts = [ordered[min(len(ordered) - 1, int(len(ordered) * share))] for share in (0.5, 0.95, 0.99)]
        return {
            "requests_per_s": len(self.latencies) / self.seconds,
            "mean_ms": 1e3 * statistics.fmean(ordered),
            **{f"{name}_ms": 1e3 * value for name, value in zip(("p50", "p95", "p99"), cuts, strict=True)},
            "errors": self.errors,
            "client_cpu_cores": self.client_cpu_seconds / self.seconds,
        }


def post(path: str, body: bytes, content_type: str = "application/json", key: str = "") -> bytes:
    """A whole request."""
    lines = [
        f"POST {path} HTTP/1.1",
        "Host: localhost",
        f"Content-Type: {content_type}",
        f"Content-Length: {len(body)}",
        *([f"x-api-key: {key}"] if key else []),
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


class Connection:
    """One client's connection, opened again when the server closes it."""

    def __init__(self, port: int):
        self.port, self.reader, self.writer = port, None, None

    async def exchange(self, request: bytes) -> tuple[int, bytes]:
        """Sends a request; the status and the body of its answer."""
        if self.writer is None:
            self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port, limit=1 << 20)
        try:
            self.writer.write(request)
            await self.writer.drain()
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
            length = int(head.split("content-length:")[1].split("\r\n")[0])
            body = await self.reader.readexactly(length)
        except BaseException:
            self.close()
            raise
        if "connection: close" in head:
            self.close()
        return int(head.split(" ")[1]), body

    def close(self) -> None:
        """Closes the connection."""
        if self.writer is not None:
            self.writer.close()
        self.reader = self.writer = None


async def client(port: int, items: "itertools.cycle", until: float, outcome: Outcome) -> None:
    """One client. An item is a list of steps: a request, or what makes one of the last answer."""
    connection = Connection(port)
    while time.perf_counter() < until:
        started, answer = time.perf_counter(), b""
        try:
            for step in next(items):
                request = step if isinstance(step, bytes) else step(answer)
                status, answer = await asyncio.wait_for(connection.exchange(request), REQUEST_SECONDS_MAX)
                if status >= 300:
                    raise OSError(f"status {status}")
            outcome.latencies.append(time.perf_counter() - started)
        except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
            name = str(error) or type(error).__name__
            outcome.errors[name] = outcome.errors.get(name, 0) + 1
            await asyncio.sleep(0.05)
    connection.close()


def once(port: int, request: bytes) -> bytes:
    """One request by itself; anything but success is an `OSError`."""

    async def exchange() -> bytes:
        connection = Connection(port)
        status, answer = await asyncio.wait_for(connection.exchange(request), REQUEST_SECONDS_MAX)
        connection.close()
        if status >= 300:
            raise OSError(f"status {status}: {answer.decode(errors='replace')}")
        return answer

    return asyncio.run(exchange())


def run(port: int, items: list, clients: int, seconds: float) -> Outcome:
    """`clients` clients for so many seconds over `items` in turn."""

    async def all_clients() -> Outcome:
        outcome, turns = Outcome(seconds), itertools.cycle(items)
        started, cpu = time.perf_counter(), time.process_time()
        await asyncio.gather(*(client(port, turns, started + seconds, outcome) for _ in range(clients)))
        # The last answers come after the end: they count, and so does their time.
        outcome.seconds = time.perf_counter() - started
        outcome.client_cpu_seconds = time.process_time() - cpu
        return outcome

    return asyncio.run(all_clients())
