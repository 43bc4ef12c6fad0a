"""Measures the exported model on pictures and texts that training never saw, and prints a Markdown table.

    python -m training.evaluate --data DIR [--program target/release/onespace] [--confusions FILE.png]

With --program it is the Rust program that is measured; without, the same files in PyTorch.
"""

import argparse
import json
import os
import time
from datetime import date
from pathlib import Path

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import torch

from . import measures
from .confusions import contact_sheet
from .data import encoded_images, read_emoji_names, read_rows, read_synsets
from .embedders import Embedder, Program, Reference
from .export import EMBEDDED

MEASURES = (
    measures.unseen_style, measures.languages, measures.same_concept, measures.photos, measures.edits,
    measures.relations, measures.shape_order, measures.glosses, measures.modality_gap, measures.robustness,
)
GLYPHS_KEPT = 60


def bench(data: Path, embedder: Embedder) -> measures.Bench:
    """Loads the model and the encoded pictures that measures need: all emoji, held-out photos, a few glyphs."""
    rows = read_rows(data)
    glyphs = [i for i, r in enumerate(rows) if r.source == "temaki"][:GLYPHS_KEPT]
    needed = {i for i, r in enumerate(rows) if r.kind == "emoji" or r.held_out} | set(glyphs)
    encoded = {i: picture for i, picture in enumerate(encoded_images(data)) if i in needed}
    groups = {entry["name"].casefold(): entry["group"] for entry in read_emoji_names(data).values()}
    return measures.Bench(embedder, rows, read_synsets(data), encoded, groups)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the training pack")
    parser.add_argument("--model", type=Path, default=EMBEDDED, help="folder of config, tokenizer and weights")
    parser.add_argument("--program", type=Path, help="the onespace program; without it PyTorch is measured")
    parser.add_argument("--confusions", type=Path, help="where to write a contact sheet of wrongly named pictures")
    parser.add_argument("--json", type=Path, default=Path("training/runs/evaluation.json"))
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    started = time.monotonic()
    embedder = Program(arguments.program, arguments.model) if arguments.program else Reference(arguments.model)
    loaded = bench(arguments.data, embedder)
    print(f"{embedder.name}, {date.today().isoformat()}\n\n| measure | result | chance |\n| --- | ---: | ---: |", flush=True)
    results = []
    for measure in MEASURES:
        for what, value, chance in measure(loaded):
            unit = "" if "not percent" in what else " %"
            shown = "" if chance is None else f"{chance:.2f} %"
            print(f"| {what} | {value:.3f} | {shown} |" if not unit else f"| {what} | {value:.1f}{unit} | {shown} |", flush=True)
            results.append({"measure": what, "value": value, "chance": chance})
    arguments.json.parent.mkdir(parents=True, exist_ok=True)
    arguments.json.write_text(json.dumps({"measured": embedder.name, "date": date.today().isoformat(), "results": results}, indent=1))
    if arguments.confusions:
        contact_sheet(loaded, arguments.confusions)
    print(f"\n{time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
