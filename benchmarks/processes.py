"""Engines as processes: those that are driven line by line, and onespace's own `bench`."""

import json
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from . import machine
from .towers import Case

# How often the memory of a running process is looked at.
POLL_SECONDS = 0.02


@dataclass(frozen=True)
class Turn:
    """What an engine did in one turn."""

    items_per_s: float
    # Cores that others kept busy meanwhile, of those that the engine runs on.
    others_cores: float


def rotated(names: list[str], round_number: int) -> list[str]:
    """The order of turns in a round: nobody always comes after the same neighbour."""
    first = round_number % len(names)
    return names[first:] + names[:first]


class Unavailable(Exception):
    """An engine that does not run here, with its last words."""


class Line:
    """An engine that answers JSON lines."""

    def __init__(self, command: list, threads: int):
        self.threads = threads
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

    def turn(self, batch: int, seconds: float, **which) -> Turn:
        """Calls of `batch` inputs for so long; `which` says more about them where an engine wants it."""
        started = time.perf_counter()
        others = machine.busy_seconds(self.threads) - machine.own_seconds(self.process.pid)
        times = self.ask({"do": "run", "batch": batch, "seconds": seconds} | which)["seconds"]
        others = machine.busy_seconds(self.threads) - machine.own_seconds(self.process.pid) - others
        return Turn(batch * len(times) / sum(times), others / (time.perf_counter() - started))

    def memory_peak_mib(self) -> float:
        """The most memory that the process has held."""
        return machine.memory_peak_mib(self.process.pid)

    def close(self) -> None:
        """Ends the process."""
        self.process.stdin.close()
        self.process.wait()


def seconds_of_children() -> float:
    """Time on the processor of all processes that were started here and have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


class Program:
    """onespace with one model: `bench` for the speed, `embed` for vectors, a process for each."""

    def __init__(self, program: Path, folder: Path, precision: str, threads: int):
        self.program, self.folder = program, folder
        self.precision, self.threads = precision, threads
        self.peak_mib = self.own_seconds = 0.0

    def run(self, arguments: list) -> str:
        """Runs the program and returns what it wrote."""
        command = [self.program, *arguments, "--model", self.folder, "--precision", self.precision]
        earlier = seconds_of_children()
        process = subprocess.Popen(
            machine.pinned([str(word) for word in command], self.threads),
            env=machine.environment(self.threads),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        while process.poll() is None:
            self.peak_mib = max(self.peak_mib, machine.memory_peak_mib(process.pid))
            time.sleep(POLL_SECONDS)
        out, errors = process.communicate()
        if process.returncode != 0:
            raise Unavailable(" / ".join(errors.strip().splitlines()[:3]))
        self.own_seconds = seconds_of_children() - earlier
        return out

    def embedded(self, inputs: Path, *more) -> list[list[float]]:
        """The vector of every line of `inputs`."""
        with tempfile.TemporaryDirectory() as into:
            output = Path(into) / "vectors.jsonl"
            self.run(["embed", "--jsonl", inputs, "--output", output, *more])
            rows = [json.loads(line) for line in output.read_text().splitlines()]
        return [row["embedding"] for row in rows]

    def measured(self, batch: int, seconds: float, *more) -> Turn:
        """Calls of `batch` inputs for so long, by a process of its own."""
        arguments = ["bench", "--batch", batch, "--threads", self.threads, "--seconds", seconds, "--json", *more]
        started, others = time.perf_counter(), machine.busy_seconds(self.threads)
        found = json.loads(self.run(arguments))
        if found["precision"] != self.precision:
            raise Unavailable(f"it computes in {found['precision']} here")
        others = machine.busy_seconds(self.threads) - self.own_seconds - others
        return Turn(found["items_per_s"], others / (time.perf_counter() - started))

    def memory_peak_mib(self) -> float:
        """The most memory that any of the processes has held."""
        return self.peak_mib

    def close(self) -> None:
        """Nothing runs between turns."""


class Ours(Program):
    """onespace with one tower of a model."""

    def __init__(self, program: Path, folder: Path, case: Case, precision: str, threads: int):
        super().__init__(program, folder, precision, threads)
        self.case = case
        self.turn(1, 0.1)

    def vectors(self) -> list[list[float]]:
        """The vector of every input."""
        return self.embedded(self.folder / self.case.input / "inputs.jsonl")

    def turn(self, batch: int, seconds: float) -> Turn:
        """Calls of `batch` inputs for so long."""
        return self.measured(batch, seconds, "--input", self.case.input)
