"""How long from starting the process to its first embedding?

    python3 tests/first_answer.py --server target/release/onespace [--starts 15]

Starts the program on a used data directory, asks for the vector of a short text as soon as the
port answers, and prints the times. Standard library only.
"""

import argparse
import http.client
import json
import signal
import socket
import statistics
import subprocess
import tempfile
import time

DEADLINE_S = 30
BODY = json.dumps({"input_type": "text", "text": {"input_text": "a red square"}})


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def ask(port: int, key: str) -> int:
    """Sends one request; raises OSError while nobody listens."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE_S)
    headers = {"x-api-key": key, "content-type": "application/json"}
    connection.request("POST", "/v1.3/embed-v2", BODY, headers)
    answer = connection.getresponse()
    assert answer.status == 200, answer.read()
    return len(json.loads(answer.read())["data"][0]["embedding"])


def first_answer_ms(server: str, data: str, key: str) -> float:
    port = free_port()
    command = [server, "serve", "--listen", f"127.0.0.1:{port}", "--metrics-listen", "off", "--data-dir", data]
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while time.perf_counter() - started < DEADLINE_S:
            try:
                assert ask(port, key) == 512
                return (time.perf_counter() - started) * 1e3
            except OSError:
                time.sleep(0.001)
        raise SystemExit("no answer")
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--server", required=True)
    arguments.add_argument("--starts", type=int, default=15)
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory() as data:
        create = [options.server, "keys", "create", "timing", "--json", "--data-dir", data]
        key = json.loads(subprocess.run(create, check=True, capture_output=True).stdout)["key"]
        times = sorted(first_answer_ms(options.server, data, key) for _ in range(options.starts))
    print(f"first answer after {statistics.median(times):.0f} ms (median of {len(times)} starts), "
          f"fastest {times[0]:.0f} ms, slowest {times[-1]:.0f} ms")


if __name__ == "__main__":
    main()
