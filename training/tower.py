"""The vision tower alone: it learns to name pictures, and to say what generated scenes show and where.

Naming goes through a linear classifier over the concepts, the scenes through linear heads on colour, shape and count, and
on what each half of a picture with two things holds. All of them are thrown away: they see to it that the visual tokens
carry names, colours, counts and places, in the token that belongs to the place.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from . import scenes
from .augment import augment
from .batches import Sampler
from .data import held_out_pair
from .model import Fusion
from .progress import Stage, parameter_groups
from .step import Step

HALVES = {"left": ((0, 2), (1, 3)), "above": ((0, 1), (2, 3))}  # visual tokens of the first and the second thing
NONE = -100  # what cross_entropy leaves out
COLOUR_NUMBER = {name: number for number, name in enumerate(scenes.COLOURS)}
SHAPE_NUMBER = {name: number for number, name in enumerate(scenes.SHAPES)}
SCENE_WEIGHT = 0.25
SIDES = ((0.55, 48), (1.01, 64))  # (until this part of the budget, picture side in px): small pictures cost two thirds
RATE = 5e-4
NAMED, GENERATED = 192, 64  # pictures a step
KINDS_OF_SCENE = (("counted", 0.35), ("shapes", 0.2), ("pictures", 0.3), ("glyph", 0.15))


@dataclass
class SceneLabels:
    """What is known of S scenes; NONE where a scene has no such trait. `halves` are token numbers [S, 2, 2]."""

    whole: list[tuple[int, int, int, int]] = field(default_factory=list)  # colour, shape, count, concept
    halves: list[tuple] = field(default_factory=list)
    parts: list[tuple] = field(default_factory=list)  # per half: colour, shape, concept


class TowerHeads(nn.Module):
    """The classifier over concepts, and the heads on scenes."""

    def __init__(self, classes: int, width: int, tokens: int):
        super().__init__()
        colours, shapes, counts = len(scenes.COLOURS), len(scenes.SHAPES), len(scenes.COUNTS)
        self.sizes = (colours, shapes, counts)
        self.classifier = nn.Linear(2 * width, classes)
        self.whole = nn.Linear(tokens * width, sum(self.sizes))
        self.part = nn.Linear(width, colours + shapes)
        self.part_concept = nn.Linear(width, classes)

    def classify(self, tokens: Tensor) -> Tensor:
        """Visual tokens [B, 5, D] -> logits over concepts."""
        return self.classifier(self.pooled(tokens))

    @staticmethod
    def pooled(tokens: Tensor) -> Tensor:
        """Visual tokens [B, 5, D] -> what the classifier reads [B, 2 D]: the mean of the quadrants beside the maximum."""
        return torch.cat([tokens[:, :4].mean(1), tokens[:, 4]], 1)

    def naming(self, tokens: Tensor, labels: Tensor) -> Tensor:
        return F.cross_entropy(self.classify(tokens), labels, label_smoothing=0.1)

    def describing(self, tokens: Tensor, labels: SceneLabels) -> Tensor:
        """The summed losses of all heads on scenes."""
        whole, parts = torch.tensor(labels.whole), torch.tensor(labels.parts).flatten(0, 1)
        said = self.whole(tokens.flatten(1)).split(self.sizes, 1)
        losses = [known_entropy(logits, whole[:, place]) for place, logits in enumerate(said)]
        rows = torch.arange(len(tokens))[:, None, None]
        halves = tokens[rows, torch.tensor(labels.halves)].mean(2).flatten(0, 1)
        said = self.part(halves).split(self.sizes[:2], 1)
        losses += [known_entropy(logits, parts[:, place]) for place, logits in enumerate(said)]
        losses.append(0.5 * known_entropy(self.part_concept(halves), parts[:, 2]))
        losses.append(0.5 * known_entropy(self.classify(tokens), whole[:, 3]))
        return sum(losses)


def known_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Cross entropy over the known labels; 0 when none is."""
    known = labels != NONE
    return F.cross_entropy(logits[known], labels[known]) if known.any() else logits.sum() * 0


def add_counted(step: Step, labels: SceneLabels, rng: random.Random) -> None:
    colour, shape = scenes.allowed_shape(rng)
    count = rng.choice((1, 1, 2, 3, 4, 5))
    step.picture(scenes.draw_counted(rng, colour, shape, count))
    labels.whole.append((COLOUR_NUMBER[colour], SHAPE_NUMBER[shape], count, NONE))
    labels.halves.append(HALVES["left"])
    labels.parts.append(((NONE,) * 3,) * 2)


def add_shapes(step: Step, labels: SceneLabels, rng: random.Random) -> None:
    first, second = scenes.allowed_shape(rng), scenes.allowed_shape(rng)
    relation = rng.choice(list(scenes.RELATIONS))
    step.picture(scenes.draw_shape_pair(rng, first, second, relation))
    labels.whole.append((NONE,) * 4)
    labels.halves.append(HALVES[relation])
    labels.parts.append(tuple((COLOUR_NUMBER[c], SHAPE_NUMBER[s], NONE) for c, s in (first, second)))


def add_pictures(step: Step, labels: SceneLabels, rng: random.Random, sampler: Sampler) -> None:
    while True:
        things = [sampler.two_rows(rng)[0] for _ in range(2)]
        first, second = (sampler.rows[i] for i in things)
        if first.kind != "glyph" and second.kind != "glyph" and not held_out_pair(first.concept, second.concept):
            break
    relation = rng.choice(list(scenes.RELATIONS))
    step.picture(scenes.draw_picture_pair(rng, *(np.asarray(sampler.pixels[i]) for i in things), relation))
    labels.whole.append((NONE,) * 4)
    labels.halves.append(HALVES[relation])
    labels.parts.append(tuple((NONE, NONE, sampler.label.get(row.concept, NONE)) for row in (first, second)))


def add_glyph(step: Step, labels: SceneLabels, rng: random.Random, sampler: Sampler) -> None:
    index, colour = rng.choice(sampler.plain_glyphs), rng.choice(list(scenes.COLOURS))
    ink = scenes.jittered(rng, colour)
    ground = scenes.neutral_ground(rng, [ink])
    step.picture(scenes.on_ground(scenes.inked(np.asarray(sampler.pixels[index]), ink), ground))
    labels.whole.append((COLOUR_NUMBER[colour], NONE, NONE, sampler.label.get(sampler.rows[index].concept, NONE)))
    labels.halves.append(HALVES["left"])
    labels.parts.append(((NONE,) * 3,) * 2)


def add_scenes(step: Step, sampler: Sampler, rng: random.Random, count: int) -> SceneLabels:
    """Adds `count` generated scenes to the step."""
    labels = SceneLabels()
    names, shares = zip(*KINDS_OF_SCENE)
    for kind in rng.choices(names, shares, k=count):
        if kind == "counted":
            add_counted(step, labels, rng)
        elif kind == "shapes":
            add_shapes(step, labels, rng)
        elif kind == "glyph" and sampler.plain_glyphs:
            add_glyph(step, labels, rng, sampler)
        else:
            add_pictures(step, labels, rng, sampler)
    return labels


def tower_step(sampler: Sampler, seed: int, named: int, generated: int, side: int) -> tuple[Tensor, Tensor, SceneLabels]:
    """Pictures [named + generated, 3, side, side], the labels [named] and what the scenes show."""
    step = sampler.draw_labelled(seed, named)
    scenes_shown = add_scenes(step, sampler, random.Random(seed + 1), generated)
    pictures = augment(*step.pixels(), side, torch.Generator().manual_seed(seed))
    return pictures, torch.tensor(step.labels[:named]), scenes_shown


class TowerStage:
    """Trains tower, visual tokens and heads for a budget."""

    def __init__(self, model: Fusion, sampler: Sampler, path: Path, seed: int):
        self.model, self.sampler = model, sampler
        self.heads = TowerHeads(len(sampler.label), model.shape.width, model.shape.visual_tokens)
        modules = {"vision": model.vision, "visual": model.visual, "heads": self.heads}
        self.stage = Stage(path, modules, parameter_groups([(module, RATE) for module in modules.values()]), seed)

    def losses(self, seed: int, progress: float) -> Iterator[tuple[str, Tensor, float]]:
        side = next(side for until, side in SIDES if progress < until)
        pictures, labels, shown = tower_step(self.sampler, seed, NAMED, GENERATED, side)
        tokens = self.model.image_tokens(pictures)
        naming = self.heads.naming(tokens[:NAMED], labels)
        describing = self.heads.describing(tokens[NAMED:], shown)
        self.stage.counts["pictures"] += len(pictures)
        yield "loss", naming + SCENE_WEIGHT * describing, 1.0
        yield "naming", naming.detach().requires_grad_(), 0.0

    def go(self, budget_s: float, every_s: float) -> None:
        self.model.train()
        self.stage.go(budget_s, every_s, self.losses)
