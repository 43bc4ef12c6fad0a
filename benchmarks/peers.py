"""Measures onespace's forward pass against other engines: `cargo xtask bench peers`.

Every engine gets the same weights, the same inputs, the same cores and as many threads. Engines
take turns, round by round, so that a machine that slows down slows all of them. Each vector is
compared with that of PyTorch in f32.
"""

import argparse
import json
import statistics
import time
from datetime import date
from pathlib import Path

import numpy

from . import conversion, folders, machine, report, towers
from .agreement import agreement
from .processes import Line, Ours, Turn, Unavailable, rotated

BATCHES = (1, 8, 32)
THREADS = (1, 2)
REFERENCE = "pytorch-f32"
OURS = ("onespace-f32", "onespace-bf16", "onespace-int16", "onespace-int8")
PEERS = (
    "pytorch-f32",
    "pytorch_compiled-f32",
    "onnxruntime-f32",
    "onnxruntime-int8",
    "openvino-f32",
    "openvino-int8",
    "candle-f32",
)
# Only where the processor multiplies bf16: elsewhere these widen to f32, or crawl.
BF16_PEERS = ("pytorch-bf16", "pytorch_compiled-bf16", "openvino-bf16", "openvino-int8+bf16")


def arguments() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--onespace", type=Path, required=True, help="the program")
    parser.add_argument("--candle", type=Path, help="the program of candle-peer; without it, no candle")
    parser.add_argument("--yardstick", type=Path, required=True, help="the program that measures the peak")
    parser.add_argument("--work", type=Path, default=Path("target/benchmarks"), help="for models")
    parser.add_argument("--results", type=Path, default=Path("benchmarks/results"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each engine in each round")
    parser.add_argument("--quick", action="store_true", help="two short rounds, 2 threads, batches 1 and 8")
    parser.add_argument("--threads", action="append", type=int, help="only so many; repeat for several")
    parser.add_argument("--batch", action="append", type=int, help="only these; repeat for several")
    parser.add_argument("--case", action="append", help="only these; repeat for several")
    parser.add_argument("--engine", action="append", help="only these; repeat for several")
    parser.add_argument("--no-report", action="store_true", help="leave docs/PERFORMANCE.md alone")
    asked = parser.parse_args()
    if asked.quick:
        asked.rounds, asked.seconds = 2, 1.0
    return asked


def prepare(case: towers.Case, work: Path) -> tuple[Path, Path]:
    """The model folder of a case and the folder with its conversions, both made if missing."""
    folder = work / case.model
    folders.make_folder(case.model, folder)
    inputs = folders.make_inputs(folder, case)
    converted = folder / case.input
    conversion.convert(folder, case, inputs, converted)
    return folder, converted


def start(engine: str, case: towers.Case, paths: tuple[Path, Path], threads: int, asked) -> Line | Ours:
    """A process of the engine, ready to run."""
    folder, converted = paths
    inputs = converted / "inputs.safetensors"
    if engine.startswith("onespace-"):
        return Ours(asked.onespace, folder, case, engine.split("-")[1], threads)
    if engine == "candle-f32":
        return Line([asked.candle, folder, case.input, inputs], threads)
    module = ["-m", "benchmarks.engines", engine, folder, converted, inputs, case.input, threads]
    return Line.python(module, threads)


def start_all(engines, case, paths, threads, asked) -> dict[str, Line | Ours]:
    """The engines that run here; the others are named with the reason."""
    started = {}
    for engine in engines:
        if engine == "candle-f32" and not case.has_candle:
            continue
        began = time.perf_counter()
        try:
            started[engine] = start(engine, case, paths, threads, asked)
            print(f"  {engine}: ready after {time.perf_counter() - began:.0f} s", flush=True)
        except Unavailable as reason:
            print(f"  {engine}: left out: {reason}", flush=True)
    return started


def measure(case: towers.Case, threads: int, asked) -> list[dict]:
    """All engines on one tower with so many threads."""
    paths = prepare(case, asked.work)
    print(f"{case.name}, threads: {threads}", flush=True)
    running = start_all(asked.engines, case, paths, threads, asked)
    try:
        vectors = {name: numpy.array(engine.vectors(), numpy.float64) for name, engine in running.items()}
        agreements = {name: agreement(rows, vectors[REFERENCE]) for name, rows in vectors.items()}
        turns = {(name, batch): [] for name in running for batch in asked.batches}
        for batch in asked.batches:
            for number in range(asked.rounds):
                for name in rotated(list(running), number):
                    turns[name, batch].append(running[name].turn(batch, asked.seconds))
        work = towers.multiply_adds(paths[0], case)
        return [
            row((case, threads, batch), name, turns[name, batch], work, agreements[name])
            | {"memory_peak_mib": round(running[name].memory_peak_mib())}
            for name, batch in turns
        ]
    finally:
        for engine in running.values():
            engine.close()


def row(where: tuple, engine: str, turns: list[Turn], work: float, agreed: dict) -> dict:
    """One line of the results."""
    case, threads, batch = where
    rates = [turn.items_per_s for turn in turns]
    median = statistics.median(rates)
    others = statistics.median(turn.others_cores for turn in turns)
    line = {
        "case": case.name,
        "threads": threads,
        "batch": batch,
        "engine": engine,
        "items_per_s": median,
        "items_per_s_min": min(rates),
        "items_per_s_max": max(rates),
        "rounds": len(rates),
        "gflop_per_s": 2e-9 * work * median,
        "others_cores": others,
        **agreed,
    }
    found = f"{median:9.2f} /s  cosine {agreed['cosine']:.7f}  others {others:.2f} cores"
    print(f"  batch {batch:>2}  {engine:<22} {found}", flush=True)
    return line


def with_earlier(results: dict, path: Path) -> dict:
    """Adds the towers of an earlier run on the same machine that were not measured again.

    All engines of one tower and number of threads come from one run, always.
    """
    earlier = json.loads(path.read_text()) if path.exists() else {}
    if any(earlier.get(key) != results[key] for key in ("machine", "versions", "rounds", "seconds")):
        return results
    again = {(line["case"], line["threads"]) for line in results["rows"]}
    kept = [line for line in earlier["rows"] if (line["case"], line["threads"]) not in again]
    order = [case.name for case in towers.CASES]
    rows = sorted([*kept, *results["rows"]], key=lambda line: (order.index(line["case"]), line["threads"]))
    peak = earlier["peak_gflop_per_s"] | results["peak_gflop_per_s"]
    return results | {"rows": rows, "peak_gflop_per_s": peak}


def main() -> None:
    """Measures, and writes the results and the page."""
    asked = arguments()
    bf16 = BF16_PEERS if machine.has_bf16() else ()
    asked.engines = [*OURS, *PEERS, *bf16]
    if asked.candle is None:
        asked.engines.remove("candle-f32")
    if asked.engine:
        asked.engines = [REFERENCE, *(engine for engine in asked.engine if engine != REFERENCE)]
    asked.batches = asked.batch or (BATCHES[:2] if asked.quick else BATCHES)
    asked.threads = asked.threads or (THREADS[-1:] if asked.quick else THREADS)
    cases = [case for case in towers.CASES if not asked.case or case.name in asked.case]
    peak = {str(threads): machine.peak_gflop_per_s(asked.yardstick, threads) for threads in asked.threads}
    rows = [line for case in cases for threads in asked.threads for line in measure(case, threads, asked)]
    name = "peers-quick.json" if asked.quick else "peers.json"
    results = {
        "date": date.today().isoformat(),
        "machine": machine.description(),
        "versions": machine.versions(),
        "rounds": asked.rounds,
        "seconds": asked.seconds,
        "peak_gflop_per_s": peak,
        "rows": rows,
    }
    results = with_earlier(results, asked.results / name)
    asked.results.mkdir(parents=True, exist_ok=True)
    (asked.results / name).write_text(json.dumps(results, indent=1) + "\n")
    print("\n".join(report.engine_tables(results)))
    if not asked.quick and not asked.no_report:
        report.write(asked.results)


if __name__ == "__main__":
    main()
