"""Measures interleaved models against `transformers`: `cargo xtask bench interleaved`.

Both get the same weights, the same inputs and the same cores, and take turns. The share of the own
matrix product is the time that a call's products with learned matrices take by themselves, with
weights from memory, over the time of the call. Time to the first answer is that of a new process, its
files in the system's memory.
"""

import argparse
import json
import statistics
import time
from datetime import date
from pathlib import Path

from . import interleaved_cases, machine, report, servers
from .agreement import lowest_cosine
from .processes import Line, Program, Turn, rotated

ARCHITECTURES = ("qwen3-vl-2b", "embeddinggemma2")
# The last one is what vectors are compared with.
PEERS = ("transformers-bf16", "transformers-f32")
OURS = "onespace-bf16"
FIRST_CASE = next(iter(interleaved_cases.CASES))
# An engine whose calls take longer takes one turn in each case, so that a run ends.
SLOW_CALL_SECONDS = 30.0
# Pictures that are embedded twice through the server.
KEPT_PICTURES = 3


def arguments() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--onespace", type=Path, required=True, help="the program")
    parser.add_argument("--yardstick", type=Path, required=True, help="the program that multiplies alone")
    parser.add_argument("--work", type=Path, default=Path("target/benchmarks"), help="for models")
    parser.add_argument("--results", type=Path, default=Path("benchmarks/results"))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=10.0, help="of each engine and case in each round")
    parser.add_argument("--architecture", action="append", choices=ARCHITECTURES, help="repeat for several")
    parser.add_argument("--quick", action="store_true", help="one short round, and docs/PERFORMANCE.md left alone")
    asked = parser.parse_args()
    if asked.quick:
        asked.rounds, asked.seconds = 1, 2.0
    asked.architecture = asked.architecture or ARCHITECTURES
    return asked


def start_peer(architecture: str, folder: Path, engine: str, threads: int) -> tuple[Line, float]:
    """A process of `transformers`, and the seconds until its first answer."""
    began = time.perf_counter()
    module = ["-m", "benchmarks.interleaved_engine", architecture, folder, engine.split("-")[1], threads]
    peer = Line.python(module, threads)
    peer.ask({"do": "vector", "case": FIRST_CASE})
    return peer, time.perf_counter() - began


def first_answer(ours: Program) -> float:
    """Seconds from the start of the program to a vector."""
    began = time.perf_counter()
    ours.run(["embed", "--text", interleaved_cases.CASES[FIRST_CASE][0]])
    return time.perf_counter() - began


def own_turn(ours: Program, case: str, seconds: float) -> Turn:
    """One turn of onespace."""
    width, height = interleaved_cases.PICTURE_SIZE
    picture = interleaved_cases.CASES[case][1]
    return ours.measured(
        1,
        seconds,
        *("--input", "both" if picture else "text"),
        *("--text-tokens", interleaved_cases.text_tokens(ours.folder, case)),
        *("--picture-width", width, "--picture-height", height),
    )


def product_seconds(asked, products: list[list[int]]) -> float:
    """Seconds of these products by themselves, with our own kernels."""
    shapes = ["x".join(map(str, shape[:3])) for shape in products]
    command = [asked.yardstick, "products", OURS.split("-")[1], asked.threads, *shapes]
    seconds = machine.printed(command, asked.threads)["seconds"]
    return sum(each * times for each, (*_, times) in zip(seconds, products, strict=True))


def kept_pictures(asked, folder: Path) -> dict[str, float]:
    """Milliseconds of a request over HTTP whose picture the server reads for the first time, and again."""
    times: dict[str, list[float]] = {"first_ms": [], "again_ms": []}
    server = servers.Onespace(asked.onespace, folder, OURS.split("-")[1], asked.threads)
    try:
        for index in range(KEPT_PICTURES):
            asset = server.answer(server.post("/assets", *servers.form(interleaved_cases.jpeg(index + 1))))
            source = {"name": "picture", "media_type": "image", "asset_id": asset["_id"]}
            for name, words in (("first_ms", "a boat <@picture> below"), ("again_ms", "a bridge <@picture> above")):
                began = time.perf_counter()
                server.answer(server.embed("multi_input", {"input_text": words, "media_sources": [source]}))
                times[name].append(1e3 * (time.perf_counter() - began))
    finally:
        server.close()
    return {name: statistics.median(values) for name, values in times.items()}


def take_turns(asked, ours: Program, peers: dict[str, Line]) -> dict[tuple[str, str], list[Turn]]:
    """Turns by engine and case."""
    turns: dict[tuple[str, str], list[Turn]] = {}
    engines = [OURS, *peers]
    for case in interleaved_cases.CASES:
        for number in range(asked.rounds):
            for engine in rotated(engines, number):
                earlier = turns.get((engine, case))
                if earlier and 1 / earlier[0].items_per_s > SLOW_CALL_SECONDS:
                    continue
                if engine == OURS:
                    turn = own_turn(ours, case, asked.seconds)
                else:
                    turn = peers[engine].turn(1, asked.seconds, case=case)
                turns.setdefault((engine, case), []).append(turn)
                print(f"  {case}: {engine} {1e3 / turn.items_per_s:.0f} ms", flush=True)
    return turns


def vectors_of(ours: Program, peers: dict[str, Line]) -> dict[tuple[str, str], list[float]]:
    """The vector of every case by every engine, uncut."""
    found = {
        (engine, case): peer.ask({"do": "vector", "case": case})["vector"]
        for engine, peer in peers.items()
        for case in interleaved_cases.CASES
    }
    dimension = len(found[PEERS[-1], FIRST_CASE])
    rows = ours.embedded(ours.folder / interleaved_cases.INPUTS, "--dimension", dimension)
    return found | {(OURS, case): row for case, row in zip(interleaved_cases.CASES, rows, strict=True)}


def measure(architecture: str, asked) -> dict:
    """Everything about one architecture."""
    folder = asked.work / architecture
    interleaved_cases.make_folder(architecture, folder)
    print(architecture, flush=True)
    ours = Program(asked.onespace, folder, OURS.split("-")[1], asked.threads)
    first, peers = {OURS: first_answer(ours)}, {}
    try:
        for engine in PEERS:
            peers[engine], first[engine] = start_peer(architecture, folder, engine, asked.threads)
        vectors = vectors_of(ours, peers)
        asking = peers[PEERS[0]]
        products = {case: asking.ask({"do": "products", "case": case})["products"] for case in interleaved_cases.CASES}
        turns = take_turns(asked, ours, peers)
        memory = {engine: round(process.memory_peak_mib()) for engine, process in {OURS: ours, **peers}.items()}
    finally:
        for peer in peers.values():
            peer.close()
    rows = [
        {
            "engine": engine,
            "case": case,
            **spread([1e3 / turn.items_per_s for turn in found]),
            "others_cores": statistics.median(turn.others_cores for turn in found),
            "cosine": lowest_cosine([vectors[engine, case]], [vectors[PEERS[-1], case]]),
        }
        for (engine, case), found in turns.items()
    ]
    return {
        "architecture": architecture,
        "rows": rows,
        "first_answer_s": first,
        "memory_peak_mib": memory,
        "products_ms": {case: 1e3 * product_seconds(asked, listed) for case, listed in products.items()},
        "kept": kept_pictures(asked, folder),
    }


def spread(times: list[float]) -> dict[str, float]:
    """The middle one, and the range."""
    return {"ms": statistics.median(times), "ms_min": min(times), "ms_max": max(times)}


def main() -> None:
    """Measures, and writes the results and the page."""
    asked = arguments()
    results = {
        "date": date.today().isoformat(),
        "machine": machine.description(),
        "versions": machine.versions(),
        "threads": asked.threads,
        "rounds": asked.rounds,
        "seconds": asked.seconds,
        "models": [measure(architecture, asked) for architecture in asked.architecture],
    }
    name = "interleaved-quick.json" if asked.quick else "interleaved.json"
    asked.results.mkdir(parents=True, exist_ok=True)
    (asked.results / name).write_text(json.dumps(results, indent=1) + "\n")
    print("\n".join(report.interleaved_tables(results)))
    if not asked.quick:
        report.write(asked.results)


if __name__ == "__main__":
    main()
