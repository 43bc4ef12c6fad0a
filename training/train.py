"""Trains onespace-mini for a wall-clock budget on the CPU, resumable at any time.

    python -m training.train --data DIR --minutes 95

The learning rate, the picture side and the classifier's weight follow the elapsed part of the budget, so the run ends
where it should on any machine. The drawn steps depend on the seed alone; how many fit into the budget does not.
"""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # the cores are shared: never spin
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import argparse
import math
import time
from pathlib import Path

import torch
from torch import Tensor, nn

from . import captions, tokenizer
from .augment import augment
from .batches import Sampler
from .data import read_pixels, read_rows, read_synsets
from .join import join, settle
from .model import Fusion
from .objective import Objective
from .step import TEXT, Step, pack

SIDES = ((0.15, 32), (0.26, 48), (1.01, 64))  # (until this part of the budget, picture side in px)
RATE_MAX = 1.5e-3
JOINED_RATE_MAX = 0.9e-3  # from where the transformer joins
WARM_UP = 0.02  # part of the budget, at the start and again when the transformer joins
VISION_ALONE = 0.60  # part of the budget in which only the vision tower learns, as a classifier
VISION_BATCH = 256
VISION_REST = 0.75  # part of the later steps in which the tower only looks, so that the transformer gets more of them
VISION_SHARE = 0.1  # of the learning rate once joined: the space is built on what the tower says, so it must hold still
TRANSFORMER_SHARE = 0.4  # at a rate of 1.2e-3 all vectors collapsed into one
WORDS_SHARE = 1.5  # each word is touched by few steps
PROXIES_SHARE = 0.1
WEIGHT_DECAY = 0.05
GRADIENT_NORM_MAX = 1.0
MEMORY_FROM = 0.63
MEMORY_VECTORS = 2048
CLASSIFIER_WEIGHT = (1.0, 0.2)  # at the start, at the end


def rate_at(progress: float) -> float:
    """Learning rate: linear warm-up and a cosine to nearly zero, once for the tower alone and once for all."""
    joined = progress >= VISION_ALONE
    since = progress - VISION_ALONE if joined else progress
    whole = 1 - VISION_ALONE if joined else VISION_ALONE
    cosine = 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1, since / whole)))
    return (JOINED_RATE_MAX if joined else RATE_MAX) * cosine * (0.05 + 0.95 * min(1, since / WARM_UP))


def side_at(progress: float) -> int:
    """Picture side in px: small pictures first, they are several times cheaper."""
    return next(side for until, side in SIDES if progress < until)


def parameter_groups(model: Fusion, objective: Objective, joined: bool) -> list[dict]:
    """Weight decay on matrices and filters only; `share` is each part's share of the learning rate."""
    parts = (
        ((model.vision, model.visual, objective.classifier), VISION_SHARE if joined else 1.0),
        ((model.layers, model.final_norm, model.head), TRANSFORMER_SHARE),
    )
    groups = []
    for modules, share in parts:
        everything = [p for module in modules for p in module.parameters()]
        groups += [
            {"params": [p for p in everything if p.ndim > 1], "weight_decay": WEIGHT_DECAY, "share": share},
            {"params": [p for p in everything if p.ndim <= 1], "weight_decay": 0.0, "share": share},
        ]
    others = ((model.text.weight, WORDS_SHARE), (objective.proxies, PROXIES_SHARE), (model.cls, 1.0), (objective.scale, 1.0))
    return groups + [{"params": [p], "weight_decay": 0.0, "share": share} for p, share in others]


def encode_members(model: Fusion, tokens: Tensor, flat: Tensor, buckets: list, count: int) -> Tensor:
    """Visual tokens [B, 5, D], text ids [T] and the packed members -> vectors [count, 512]."""
    table = torch.cat([model.cls[None], tokens.flatten(0, 1), model.text(flat)])
    parts = [
        model.encode(table.index_select(0, b.sources.flatten()).view(*b.sources.shape, -1), b.lengths) for b in buckets
    ]
    order = torch.cat([b.members for b in buckets])
    return torch.cat(parts).index_select(0, order.argsort())


class Run:
    """Model, objective, optimizer and clock of one training run."""

    def __init__(self, sampler: Sampler, words, folder: Path, seed: int):
        torch.manual_seed(seed)
        self.sampler, self.words, self.folder, self.seed = sampler, words, folder, seed
        self.model = Fusion().to(memory_format=torch.channels_last)
        shape = self.model.shape
        self.objective = Objective(shape.dimensions, len(sampler.label), shape.width, MEMORY_VECTORS)
        self.number, self.elapsed_s, self.pictures, self.members = 0, 0.0, 0, 0
        self.joined = self.settled = False
        self.optimizer = self.fresh_optimizer()

    def fresh_optimizer(self) -> torch.optim.Optimizer:
        return torch.optim.AdamW(
            parameter_groups(self.model, self.objective, self.joined), lr=RATE_MAX, betas=(0.9, 0.98), fused=True
        )

    def state(self) -> dict:
        counts = {name: getattr(self, name) for name in ("number", "elapsed_s", "pictures", "members", "joined", "settled")}
        return {
            "model": self.model.state_dict(), "objective": self.objective.state_dict(),
            "optimizer": self.optimizer.state_dict(), "counts": counts,
        }

    def save(self) -> None:
        """Replaces the checkpoint at once, so that a kill never leaves half of one."""
        self.folder.mkdir(parents=True, exist_ok=True)
        torch.save(self.state(), self.folder / "checkpoint.partial")
        (self.folder / "checkpoint.partial").replace(self.folder / "checkpoint.pt")

    def resume(self) -> bool:
        """Continues from the folder's checkpoint when there is one."""
        path = self.folder / "checkpoint.pt"
        if not path.exists():
            return False
        state = torch.load(path, weights_only=True)
        self.model.load_state_dict(state["model"])
        self.objective.load_state_dict(state["objective"])
        self.optimizer.load_state_dict(state["optimizer"])
        for name, value in state["counts"].items():
            setattr(self, name, value)
        return True

    def losses(self, step: Step, progress: float) -> tuple[Tensor, Tensor]:
        """The loss on the shared space (contrast and proxies) and the classifier's on the visual tokens."""
        pixels, traits = step.pixels()
        rng = torch.Generator().manual_seed(self.seed * 1_000_003 + self.number)
        pictures = augment(pixels, traits, side_at(progress), rng)
        rests = bool(step.members) and torch.rand((), generator=rng) < VISION_REST
        tokens = self.look(pictures, rests)
        labels = torch.tensor(step.labels)
        if not step.members:
            return torch.zeros(()), self.objective.classify(tokens, labels)
        flat, buckets = pack(step, self.words)
        vectors = encode_members(self.model, tokens, flat, buckets, len(step.members))
        marks = torch.tensor(step.groups), step.text_numbers(), step.modalities(), torch.tensor(step.weights)
        contrast = self.objective.contrast(vectors, marks, progress > MEMORY_FROM)
        concepts = torch.tensor([self.sampler.group_label.get(group, -1) for group in step.groups])
        modalities = step.modalities()
        together = contrast + self.objective.gather(vectors, concepts, modalities == TEXT)
        together = together + self.objective.off_centre(vectors, modalities)
        return together, self.objective.classify(tokens, labels)

    def look(self, pictures: Tensor, rests: bool) -> Tensor:
        """Visual tokens [B, 5, D]; a resting tower gets no gradient."""
        if not rests:
            return self.model.image_tokens(pictures)
        with torch.no_grad():
            return self.model.image_tokens(pictures)

    def advance(self, progress: float) -> tuple[float, float]:
        """One optimizer step; returns both losses."""
        seed = self.seed * 1_000_003 + self.number
        alone = progress < VISION_ALONE
        step = self.sampler.draw_labelled(seed, VISION_BATCH) if alone else self.sampler.draw(seed)
        for group in self.optimizer.param_groups:
            group["lr"] = group["share"] * rate_at(progress)
        contrast, classes = self.losses(step, progress)
        start, end = CLASSIFIER_WEIGHT
        loss = contrast + (start + (end - start) * progress) * classes
        if not math.isfinite(loss.item()):
            raise SystemExit(f"the loss is {loss.item()} at step {self.number}: resume with a lower RATE_MAX")
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        for group in self.optimizer.param_groups:
            nn.utils.clip_grad_norm_(group["params"], GRADIENT_NORM_MAX)
        self.optimizer.step()
        self.number += 1
        self.pictures += len(step.pictures)
        self.members += len(step.members)
        return contrast.item(), classes.item()

    def go(self, budget_s: float, every_s: float) -> None:
        """Trains until the budget is used up, then settles the head; saves every `every_s` seconds and at the end."""
        saved = last = time.monotonic()
        report = [0.0, 0.0, 0, self.pictures, last]
        while self.elapsed_s < budget_s:
            progress = self.elapsed_s / budget_s
            if progress >= VISION_ALONE and not self.joined:
                join(self.model, self.objective, self.sampler, self.words, side_at(progress))
                self.joined = True
                self.optimizer = self.fresh_optimizer()
                print(f"joined after {time.monotonic() - last:.0f} s, which do not count", flush=True)
                self.save()
                last = time.monotonic()
            losses = self.advance(progress)
            now = time.monotonic()
            self.elapsed_s += now - last
            last = now
            report[0] += losses[0]
            report[1] += losses[1]
            report[2] += 1
            if self.number % 20 == 0:
                speed = (self.pictures - report[3]) / (now - report[4])
                print(
                    f"step {self.number} {100 * progress:.1f}% side {side_at(progress)} contrast {report[0] / report[2]:.3f} "
                    f"classes {report[1] / report[2]:.3f} scale {self.objective.scale.exp().item():.1f} "
                    f"pictures/s {speed:.0f} pictures {self.pictures} members {self.members}", flush=True,
                )
                report = [0.0, 0.0, 0, self.pictures, now]
            if now - saved > every_s:
                self.save()
                saved = now
        if self.joined and not self.settled:
            settle(self.model, self.sampler, self.words, side_at(1))
            self.settled = True
        self.save()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the training pack")
    parser.add_argument("--minutes", type=float, default=95.0, help="wall-clock budget")
    parser.add_argument("--runs", type=Path, default=Path("training/runs"), help="cache, tokenizer, checkpoints")
    parser.add_argument("--name", default="mini", help="folder of this run under --runs")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--checkpoint-minutes", type=float, default=4.0)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    rows, synsets = read_rows(arguments.data), read_synsets(arguments.data)
    pixels = read_pixels(arguments.data, arguments.runs / "cache", len(rows))
    words = tokenizer.load_or_train(
        arguments.runs / "tokenizer.json",
        (text for _ in (0,) for text in tokenizer.corpus(rows, synsets, captions.corpus_captions(rows))),
    )
    run = Run(Sampler(rows, pixels, synsets), words, arguments.runs / arguments.name, arguments.seed)
    resumed = run.resume()
    print(f"{len(run.sampler.label)} classes, {'resumed at' if resumed else 'starting at'} step {run.number}", flush=True)
    run.go(arguments.minutes * 60, arguments.checkpoint_minutes * 60)


if __name__ == "__main__":
    main()
