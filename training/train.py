"""Trains onespace-mini, stage by stage, resumable at any time.

    python -m training.train --data DIR

Each stage has a budget in processor minutes and a checkpoint of its own under --runs; a stage whose budget is used up is
skipped.
"""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # the cores are shared: never spin
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import argparse
from pathlib import Path

import torch

from . import captions, tokenizer
from .batches import Sampler
from .closed_form import ClosedForm
from .data import read_emoji_names, read_pixels, read_rows, read_synsets
from .export import write_export
from .meanings import Meanings
from .model import Fusion
from .space import SpaceStage
from .texts import Texts
from .tower import TowerStage
from .views import views_of


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the training pack")
    parser.add_argument("--tower-minutes", type=float, default=120.0, help="processor minutes of the tower")
    parser.add_argument("--space-minutes", type=float, default=120.0, help="processor minutes of the space")
    parser.add_argument("--teacher", type=Path, default=Path("training/runs/teacher"), help="folder of all-MiniLM-L6-v2")
    parser.add_argument("--runs", type=Path, default=Path("training/runs"), help="cache, tokenizer, checkpoints")
    parser.add_argument("--name", default="mini", help="folder of this run under --runs")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--checkpoint-minutes", type=float, default=4.0)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(arguments.seed)
    rows, synsets = read_rows(arguments.data), read_synsets(arguments.data)
    pixels = read_pixels(arguments.data, arguments.runs / "cache", len(rows))
    groups = {entry["name"].casefold(): entry["group"] for entry in read_emoji_names(arguments.data).values()}
    sampler = Sampler(rows, pixels, groups)
    words = tokenizer.load_or_train(
        arguments.runs / "tokenizer.json",
        (text for _ in (0,) for text in tokenizer.corpus(rows, synsets, captions.corpus_captions(rows))),
    )
    model = Fusion().to(memory_format=torch.channels_last)
    folder, every_s = arguments.runs / arguments.name, arguments.checkpoint_minutes * 60
    tower = TowerStage(model, sampler, folder / "tower.pt", arguments.seed)
    print("tower:", "resumed" if tower.stage.resume() else "starts", flush=True)
    tower.go(arguments.tower_minutes * 60, every_s)
    views = views_of(model, sampler, folder / "views.pt", arguments.seed)
    print(f"views: {len(views.rows)} of pictures, {len(views.shown)} of scenes", flush=True)
    texts = Texts(sampler, words)
    meanings = Meanings(synsets, arguments.teacher)
    space = SpaceStage(model, texts, views, meanings, folder / "space.pt", arguments.seed)
    if not space.stage.resume():
        space.begin(ClosedForm(texts, views, meanings, tower.heads.classifier, arguments.teacher).set_up(model))
        space.stage.save()
    print(f"space: from step {space.stage.counts['steps']}", flush=True)
    space.go(arguments.space_minutes * 60, every_s)
    write_export(model, words.to_str(), folder / "export")
    print(f"done: python -m training.export --checkpoint {folder / 'space.pt'} makes it the shipped model", flush=True)


if __name__ == "__main__":
    main()
