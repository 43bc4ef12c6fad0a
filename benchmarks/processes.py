"""Engines as processes: those that are driven line by line, and onespace's own `bench`."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from . import machine
from .towers import Case

START_SECONDS_MAX = 600


class Unavailable(Exception):
    """An engine that does not run here, with its last words."""


class Line:
    """An engine that answers JSON lines."""

    def __init__(self, command: list, threads: int):
        self.errors = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(
            machine.pinned([str(word) for word in command], threads),
            env=machine.environment(threads),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
        )
        self.answer()

    @classmethod
    def python(cls, command: list, threads: int) -> "Line":
        """An engine in Python."""
        return cls([sys.executable, *command], threads)

    def answer(self) -> dict:
        """The next answer."""
        line = self.process.stdout.readline()
        if line:
            return json.loads(line)
        self.close()
        self.errors.seek(0)
        raise Unavailable(self.errors.read().strip().splitlines()[-1:] or ["it ended without a word"])

    def ask(self, request: dict) -> dict:
        """One request and its answer."""
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return self.answer()

    def vectors(self) -> list[list[float]]:
        """The vector of every input."""
        return self.ask({"do": "vectors"})["vectors"]

    def items_per_s(self, batch: int, seconds: float) -> float:
        """Inputs per second over all calls of one turn."""
        times = self.ask({"do": "run", "batch": batch, "seconds": seconds})["seconds"]
        return batch * len(times) / sum(times)

    def memory_peak_mib(self) -> float:
        """The most memory that the process has held."""
        return machine.memory_peak_mib(self.process.pid)

    def close(self) -> None:
        """Ends the process."""
        self.process.stdin.close()
        self.process.wait()


class Ours:
    """onespace: `embed` for the vectors, `bench` for the speed, a process for each."""

    def __init__(self, program: Path, folder: Path, case: Case, precision: str, threads: int):
        self.program, self.folder, self.case = program, folder, case
        self.precision, self.threads = precision, threads
        self.peak_mib = 0.0
        self.items_per_s(1, 0.1)

    def run(self, arguments: list) -> str:
        """Runs the program and returns what it wrote."""
        command = [self.program, *arguments, "--model", self.folder, "--precision", self.precision]
        process = subprocess.Popen(
            machine.pinned([str(word) for word in command], self.threads),
            env=machine.environment(self.threads),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        out = process.stdout.read()
        errors = process.stderr.read().strip().splitlines()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            raise Unavailable(" / ".join(errors[:3]))
        self.peak_mib = max(self.peak_mib, usage.ru_maxrss / 1024)
        return out

    def vectors(self) -> list[list[float]]:
        """The vector of every input."""
        inputs = self.folder / self.case.input / "inputs.jsonl"
        with tempfile.TemporaryDirectory() as into:
            output = Path(into) / "vectors.jsonl"
            self.run(["embed", "--jsonl", inputs, "--output", output])
            rows = [json.loads(line) for line in output.read_text().splitlines()]
        return [row["embedding"] for row in rows]

    def items_per_s(self, batch: int, seconds: float) -> float:
        """Inputs per second over all calls of one turn."""
        arguments = ["bench", "--input", self.case.input, "--batch", batch, "--threads", self.threads]
        return json.loads(self.run([*arguments, "--seconds", seconds, "--json"]))["items_per_s"]

    def memory_peak_mib(self) -> float:
        """The most memory that any of the processes has held."""
        return self.peak_mib

    def close(self) -> None:
        """Nothing runs between turns."""
