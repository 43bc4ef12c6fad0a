"""Measures the server under HTTP load, against infinity: `cargo xtask bench serve`.

What a machine allows is measured in the same run: pictures decoded a second on all cores, and
pictures through the model a second on all cores. One after the other on the same cores they allow
1 / (1 / decoded + 1 / embedded) pictures a second; the table shows what share of it is served.
"""

import argparse
import json
import statistics
from datetime import date
from pathlib import Path

from . import folders, load, machine, pictures, report, servers

CLIENTS = (1, 16)
PICTURES = 16
TEXTS = 64
# Batches that the model's own rate is measured at; the best counts.
BATCHES = (1, 8, 16)
MODEL = "clip-b32"
WARM_UP_SECONDS = 3.0


def arguments() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--onespace", type=Path, required=True, help="the program")
    parser.add_argument("--yardstick", type=Path, required=True, help="the program that decodes alone")
    parser.add_argument("--infinity", type=Path, help="the program infinity_emb; without it, onespace alone")
    parser.add_argument("--work", type=Path, default=Path("target/benchmarks"))
    parser.add_argument("--results", type=Path, default=Path("benchmarks/results"))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--precision", help="of onespace; without it, the model's default")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=15.0, help="of each load in each round")
    parser.add_argument("--embedded", action="store_true", help="the embedded model, without infinity")
    parser.add_argument("--quick", action="store_true", help="one short round")
    asked = parser.parse_args()
    if asked.quick:
        asked.rounds, asked.seconds = 1, 5.0
    return asked


def allowed(asked, model: Path | None, files: list[Path]) -> dict:
    """What decoding alone and the model alone reach on all cores, and what both together allow."""

    def rates(kind: str) -> list[dict]:
        common = [asked.onespace, "bench", "--input", kind, "--threads", asked.threads, "--seconds", 4, "--json"]
        common += ["--model", model] if model else []
        common += ["--precision", asked.precision] if asked.precision else []
        return [machine.printed([*common, "--batch", batch], asked.threads) for batch in BATCHES]

    prepared = ["crop", 224] if model else ["squash", 64]
    decode = machine.printed([asked.yardstick, "decode", 8, *prepared, asked.threads, *files], asked.threads)
    measured = rates("image")
    embedded = max(rate["items_per_s"] for rate in measured)
    decoded = decode["pictures_per_s"]
    return {
        "decoded_per_s": decoded,
        "embedded_per_s": embedded,
        "pictures_per_s": 1 / (1 / decoded + 1 / embedded),
        "texts_per_s": max(rate["items_per_s"] for rate in rates("text")),
        "precision": measured[0]["precision"],
    }


def once(server, kind: str, items: list, clients: int, seconds: float) -> dict:
    """One load, with the processor time that the server took for it."""
    cpu = server.cpu_seconds()
    outcome = load.run(server.port, items, clients, seconds)
    cores = (server.cpu_seconds() - cpu) / outcome.seconds
    return {"server": server.name, "load": kind, "clients": clients, "server_cpu_cores": cores} | outcome.summary()


def kinds(server, files: list[Path], texts: list[str]) -> dict[str, list]:
    """The loads that a server understands."""
    contents = [file.read_bytes() for file in files]
    loads = {"jpeg base64": server.image_items(contents), "text": server.text_items(texts)}
    if isinstance(server, servers.Onespace):
        loads["jpeg upload, then embed"] = server.asset_items(contents)
    return loads


def middle(rounds: list[dict]) -> dict:
    """The round whose rate is the median, with the range of all."""
    ordered = sorted(rounds, key=lambda line: line["requests_per_s"])
    rates = [line["requests_per_s"] for line in ordered]
    errors: dict[str, int] = {}
    for line in rounds:
        for name, count in line["errors"].items():
            errors[name] = errors.get(name, 0) + count
    spread = {"requests_per_s_min": rates[0], "requests_per_s_max": rates[-1], "errors": errors}
    return ordered[len(ordered) // 2] | spread


def measure(running: list, loads: dict, asked) -> list[dict]:
    """Every load on every server, the servers taking turns."""
    rows = []
    for kind in dict.fromkeys(kind for server in running for kind in loads[server.name]):
        for clients in CLIENTS:
            rounds: dict[str, list] = {server.name: [] for server in running if kind in loads[server.name]}
            able = [server for server in running if server.name in rounds]
            for server in able:
                load.run(server.port, loads[server.name][kind], clients, WARM_UP_SECONDS)
            for _ in range(asked.rounds):
                for server in able:
                    line = once(server, kind, loads[server.name][kind], clients, asked.seconds)
                    rounds[server.name].append(line)
            for lines in rounds.values():
                rows.append(middle(lines))
                print(report.load_line(rows[-1]), flush=True)
    return rows


def main() -> None:
    """Measures, and writes the results and the page."""
    asked = arguments()
    model = None if asked.embedded else asked.work / MODEL
    if model:
        folders.make_folder(MODEL, model)
    files = pictures.make(asked.work / "pictures", "1mp", PICTURES)
    texts = [f"a photo of {index} small red boats under an old bridge" for index in range(TEXTS)]
    limit = allowed(asked, model, files)
    print(json.dumps(limit), flush=True)
    running = [servers.Onespace(asked.onespace, model, asked.precision, asked.threads)]
    try:
        if asked.infinity and model:
            running.append(servers.Infinity(asked.infinity, model, "f32", asked.threads))
        rows = measure(running, {server.name: kinds(server, files, texts) for server in running}, asked)
        memory = {server.name: round(server.memory_peak_mib()) for server in running}
    finally:
        for server in running:
            server.close()
    results = {
        "date": date.today().isoformat(),
        "machine": machine.description(),
        "model": MODEL if model else "embedded",
        "picture_bytes": round(statistics.fmean(file.stat().st_size for file in files)),
        "rounds": asked.rounds,
        "seconds": asked.seconds,
        "threads": asked.threads,
        "allowed": limit,
        "memory_peak_mib": memory,
        "rows": rows,
    }
    asked.results.mkdir(parents=True, exist_ok=True)
    stem = "serve" if model else "serve-embedded"
    name = f"{stem}-quick.json" if asked.quick else f"{stem}.json"
    (asked.results / name).write_text(json.dumps(results, indent=1) + "\n")
    if not asked.quick:
        report.write(asked.results)


if __name__ == "__main__":
    main()
