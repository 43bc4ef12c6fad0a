"""Turns `results/*.json` into docs/PERFORMANCE.md; the words around the tables are in `page.md`."""

import json
import re
from collections.abc import Iterable
from pathlib import Path

PAGE = Path("docs/PERFORMANCE.md")
WORDS = Path(__file__).parent / "page.md"


def table(heading: list[str], rows: Iterable[list[str]]) -> list[str]:
    """A table of Markdown; all columns but the first are numbers."""
    lines = ["| " + " | ".join(heading) + " |", "| --- |" + " ---: |" * (len(heading) - 1)]
    return [*lines, *("| " + " | ".join(row) + " |" for row in rows)]


def rate(line: dict, name: str = "items_per_s") -> str:
    """A rate with its range."""
    digits = 1 if line[name] < 1000 else 0
    low, high = line[f"{name}_min"], line[f"{name}_max"]
    return f"{line[name]:.{digits}f} ({low:.{digits}f}..{high:.{digits}f})"


def is_ours(line: dict) -> bool:
    """Whether the line is onespace's."""
    return line["engine"].startswith("onespace-")


def engine_tables(results: dict) -> list[str]:
    """A table for each tower and number of threads, and one of the ratios."""
    lines = []
    groups = dict.fromkeys((line["case"], line["threads"]) for line in results["rows"])
    for case, threads in groups:
        group = [line for line in results["rows"] if (line["case"], line["threads"]) == (case, threads)]
        lines += ["", f"### {case}, {threads} {'thread' if threads == 1 else 'threads'}", ""]
        lines += engine_table(group, results["peak_gflop_per_s"][str(threads)]["f32"])
    return lines


def engine_table(group: list[dict], peak: float) -> list[str]:
    """One row for each engine: items a second at each batch, share of the peak, agreement, memory."""
    batches = sorted({line["batch"] for line in group})
    heading = ["engine", *(f"batch {batch}, items/s" for batch in batches)]
    heading += [f"share of f32 peak, batch {batches[-1]}", "cosine", "centred", "MiB", "taken by others"]
    rows = []
    for engine in dict.fromkeys(line["engine"] for line in group):
        own = {line["batch"]: line for line in group if line["engine"] == engine}
        last = own[batches[-1]]
        name = f"**{engine}**" if is_ours(last) else engine
        agreement = [f"{last['cosine']:.6f}", f"{last['cosine_centred']:.5f}", f"{last['memory_peak_mib']}"]
        share = f"{100 * last['gflop_per_s'] / peak:.0f} %"
        taken = max(line["others_cores"] for line in own.values())
        rows.append([name, *(rate(own[batch]) for batch in batches), share, *agreement, f"{taken:.2f}"])
    return table(heading, rows)


def ratios(results: dict) -> list[str]:
    """onespace at each precision over the best peer of all."""
    groups = dict.fromkeys((line["case"], line["threads"], line["batch"]) for line in results["rows"])
    rows = []
    for case, threads, batch in groups:
        key = (case, threads, batch)
        group = [line for line in results["rows"] if (line["case"], line["threads"], line["batch"]) == key]
        peers = [line for line in group if not is_ours(line)]
        exact = max((line for line in peers if "int8" not in line["engine"]), key=by_rate, default=None)
        best = max(peers, key=by_rate, default=None)
        for line in group:
            if is_ours(line) and best and exact:
                row = [case, str(threads), str(batch), line["engine"], f"{line['items_per_s']:.1f}"]
                row += [f"{line['items_per_s'] / peer['items_per_s']:.2f} ({peer['engine']})" for peer in (exact, best)]
                rows.append(row)
    heading = ["tower", "threads", "batch", "engine", "items/s", "over the best f32 or bf16 peer", "over the best of all"]
    return table(heading, rows)


def by_rate(line: dict) -> float:
    """What peers are compared by."""
    return line["items_per_s"]


def load_table(results: dict) -> list[str]:
    """One row for each server, load and number of clients."""
    heading = ["load", "clients", "server", "requests/s", "p50 ms", "p95 ms", "p99 ms"]
    heading += ["errors", "server cores", "client cores", "of what decode plus model allow"]
    rows = []
    for line in results["rows"]:
        limit = results["allowed"]["texts_per_s" if line["load"] == "text" else "pictures_per_s"]
        share = f"{100 * line['requests_per_s'] / limit:.0f} %"
        row = [line["load"], str(line["clients"]), line["server"], rate(line, "requests_per_s")]
        row += [f"{line[f'{name}_ms']:.1f}" for name in ("p50", "p95", "p99")]
        row += [str(sum(line["errors"].values())), f"{line['server_cpu_cores']:.2f}"]
        rows.append([*row, f"{line['client_cpu_cores']:.2f}", share if line["server"] == "onespace" else ""])
    return table(heading, rows)


def interleaved_tables(results: dict) -> list[str]:
    """A table for each model: milliseconds of each case, ratios, agreement, first answer, memory."""
    lines = []
    for model in results["models"]:
        lines += ["", f"### {model['architecture']}", "", *interleaved_table(model)]
        kept = model["kept"]
        lines += ["", f"Over HTTP, a picture that the server has not read before: {kept['first_ms']:.0f} ms; the same"]
        lines += [f"picture with other words: {kept['again_ms']:.0f} ms (medians)."]
    return lines


def interleaved_table(model: dict) -> list[str]:
    """One row for each engine."""
    cases = list(dict.fromkeys(line["case"] for line in model["rows"]))
    heading = ["engine"]
    for case in cases:
        heading += [f"{case}, ms", "onespace is faster", "share of own products"]
    heading += ["lowest cosine", "first answer, s", "MiB", "taken by others"]
    rows = []
    for engine in model["first_answer_s"]:
        own = {line["case"]: line for line in model["rows"] if line["engine"] == engine}
        ours = is_ours(own[cases[0]])
        row = [f"**{engine}**" if ours else engine]
        for case in cases:
            line = own[case]
            fastest = next(other["ms"] for other in model["rows"] if is_ours(other) and other["case"] == case)
            share = f"{100 * model['products_ms'][case] / line['ms']:.0f} %" if ours else ""
            row += [f"{line['ms']:.0f} ({line['ms_min']:.0f}..{line['ms_max']:.0f})"]
            row += ["" if ours else f"{line['ms'] / fastest:.2f} x", share]
        row += [f"{min(line['cosine'] for line in own.values()):.7f}", f"{model['first_answer_s'][engine]:.1f}"]
        row += [f"{model['memory_peak_mib'][engine]}", f"{max(line['others_cores'] for line in own.values()):.2f}"]
        rows.append(row)
    return table(heading, rows)


def decoder_table(results: dict) -> list[str]:
    """One row for each JPEG decoder, its rates at each size of picture."""
    sizes = results["sizes"]
    heading = ["decoder and resize"]
    for size in sizes:
        heading += [f"{size}, pictures/s", f"{size}, decode alone", f"{size}, PSNR dB (largest difference)"]
    rows = []
    for lines in zip(*sizes.values(), strict=True):
        row = [lines[0]["decoder"]]
        for line in lines:
            alone, psnr = line["decode_only_per_s"], line["psnr_db"]
            row.append(f"{line['pictures_per_s']:.1f} ({line['min']:.1f}..{line['max']:.1f})")
            row.append(f"{alone:.1f}" if alone else "")
            row.append(f"{psnr:.1f} ({line['largest_difference']:.0f})" if psnr else "")
        rows.append(row)
    return table(heading, rows)


def load_line(line: dict) -> str:
    """One row for the terminal."""
    return (
        f"{line['server']:<9} {line['load']:<24} {line['clients']:>2} clients "
        f"{line['requests_per_s']:8.1f} /s  p50 {line['p50_ms']:7.1f} ms  p99 {line['p99_ms']:7.1f} ms  "
        f"errors {sum(line['errors'].values())}  server {line['server_cpu_cores']:.2f} cores, "
        f"clients {line['client_cpu_cores']:.2f}"
    )


def machine_line(results: dict) -> str:
    """The machine in one sentence."""
    found = results["machine"]
    features = ", ".join(found["features"])
    return f"{found['cores']} cores of {found['processor']} ({features}), {found['memory_gib']} GiB, {results['date']}"


def write(folder: Path) -> None:
    """Writes the page from the words and whatever results there are."""
    found = {path.stem: json.loads(path.read_text()) for path in folder.glob("*.json")}
    pieces: dict[str, list[str]] = {}
    if peers := found.get("peers"):
        peak = ", ".join(f"{threads}: {unit['f32']:.0f}" for threads, unit in peers["peak_gflop_per_s"].items())
        pieces["peers-machine"] = [machine_line(peers)]
        pieces["peak"] = [f"{peak} GFLOP/s ({next(iter(peers['peak_gflop_per_s'].values()))['instruction_set']})"]
        pieces["versions"] = [", ".join(f"{name} {version}" for name, version in peers["versions"].items())]
        pieces["turns"] = [f"{peers['rounds']} rounds of {peers['seconds']:g} s"]
        pieces["ratios"] = ratios(peers)
        pieces["peers"] = engine_tables(peers)
    for stem in ("serve", "serve-embedded"):
        if serve := found.get(stem):
            pieces[f"{stem}-machine"] = [machine_line(serve)]
            pieces[stem] = load_table(serve)
            limit = serve["allowed"]
            pieces[f"{stem}-allowed"] = [
                f"{limit['decoded_per_s']:.1f} pictures/s decoded alone, {limit['embedded_per_s']:.1f} pictures/s "
                f"through the model alone ({limit['precision']}): {limit['pictures_per_s']:.1f} pictures/s; "
                f"{limit['texts_per_s']:.0f} texts/s."
            ]
    if interleaved := found.get("interleaved"):
        pieces["interleaved-machine"] = [machine_line(interleaved)]
        pieces["interleaved-turns"] = [f"{interleaved['rounds']} rounds of {interleaved['seconds']:g} s"]
        pieces["interleaved"] = interleaved_tables(interleaved)
    if decoders := found.get("decoders"):
        pieces["decoders-machine"] = [machine_line(decoders)]
        pieces["decoders"] = decoder_table(decoders)
    text = WORDS.read_text()
    for name, lines in pieces.items():
        text = text.replace(f"<!-- {name} -->", "\n".join(lines).strip())
    # A section is what stands under one heading; one whose figures are missing is left out.
    sections = re.split(r"^(?=## )", text, flags=re.MULTILINE)
    PAGE.write_text("".join(section for section in sections if "<!-- " not in section))
