"""What the trained tower says of every training picture and of a pool of generated scenes, computed once.

The tower holds still from here on, so the transformer can learn from these [5, 256] features without looking at a pixel.
Each picture is looked at in a few augmented forms; the pool of scenes keeps what each scene shows.
"""

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from . import scenes
from .augment import augment
from .batches import Sampler
from .data import held_out_pair
from .model import Fusion
from .step import Step

LOOKS = {"emoji": 6, "photo": 4, "drawing": 4, "icon": 2, "glyph": 1}  # augmented forms of each picture
BATCH = 256
COUNTED_DRAWINGS = 10  # of each allowed combination of colour, shape and count
SHAPE_PAIRS, PICTURE_PAIRS, INKED_GLYPHS = 2000, 5000, 250
GLYPHS_EVERY = 2  # glyphs are many and tell little: every second one
SIDE_PX = 64


@dataclass
class Views:
    """Features [N, 5, C] float16 of pictures and their rows [N]; features of scenes [S, 5, C] and what they show [S]."""

    features: Tensor
    rows: Tensor
    scenes: Tensor
    shown: list[tuple]


@torch.no_grad()
def looked_at(model: Fusion, steps: Iterable[Step], seed: int) -> Tensor:
    """Features [N, 5, C] float16 of the pictures of all steps, augmented."""
    model.eval()
    generator = torch.Generator().manual_seed(seed)
    said = []
    for step in steps:
        pictures = augment(*step.pixels(), SIDE_PX, generator).contiguous(memory_format=torch.channels_last)
        said.append(model.visual.pooled(model.vision(pictures)).half())
        if len(said) % 50 == 0:
            print(f"views: {len(said) * BATCH} pictures", flush=True)
    return torch.cat(said)


def steps_of_rows(sampler: Sampler, rows: list[int]) -> Iterator[Step]:
    for start in range(0, len(rows), BATCH):
        step = Step()
        for index in rows[start : start + BATCH]:
            sampler.add_row(step, index)
        yield step


def counted_scenes(rng: random.Random) -> Iterator[tuple[tuple, np.ndarray]]:
    """("counted", colour, shape, count)."""
    for colour in scenes.COLOURS:
        for shape in scenes.SHAPES:
            if not held_out_pair(colour, shape):
                for count in range(1, 6):
                    for _ in range(COUNTED_DRAWINGS):
                        yield ("counted", colour, shape, count), scenes.draw_counted(rng, colour, shape, count)


def two_unlike(rng: random.Random) -> tuple[tuple[str, str], tuple[str, str]]:
    """Two things, (colour, shape) each, that differ in both."""
    while True:
        first, second = scenes.allowed_shape(rng), scenes.allowed_shape(rng)
        if first[0] != second[0] and first[1] != second[1]:
            return first, second


def shape_scenes(rng: random.Random) -> Iterator[tuple[tuple, np.ndarray]]:
    """("shapes", relation, first, second), each followed by the one most easily mistaken for it."""
    for _ in range(SHAPE_PAIRS):
        first, second = two_unlike(rng)
        relation = rng.choice(list(scenes.RELATIONS))
        other = (second, first)
        crossed = (second[0], first[1]), (first[0], second[1])
        if rng.random() < 0.4 and not any(held_out_pair(*thing) for thing in crossed):
            other = crossed
        for one, two in ((first, second), other):
            yield ("shapes", relation, one, two), scenes.draw_shape_pair(rng, one, two, relation)


def picture_scenes(rng: random.Random, sampler: Sampler) -> Iterator[tuple[tuple, np.ndarray]]:
    """("pictures", relation, row, row), each followed by its mirror image in meaning."""
    made = 0
    while made < PICTURE_PAIRS:
        things = [sampler.two_rows(rng)[0] for _ in range(2)]
        first, second = (sampler.rows[i] for i in things)
        plain = all(row.kind != "glyph" and len(row.concept) < 40 and row.concept in sampler.label for row in (first, second))
        if not plain or first.concept == second.concept or held_out_pair(first.concept, second.concept):
            continue
        made += 1
        relation = rng.choice(list(scenes.RELATIONS))
        for one, two in (things, things[::-1]):
            pixels = (np.asarray(sampler.pixels[i]) for i in (one, two))
            yield ("pictures", relation, one, two), scenes.draw_picture_pair(rng, *pixels, relation)


def glyph_scenes(rng: random.Random, sampler: Sampler) -> Iterator[tuple[tuple, np.ndarray]]:
    """("glyph", row, colour), every colour of each."""
    glyphs = sampler.plain_glyphs
    for index in rng.sample(glyphs, min(INKED_GLYPHS, len(glyphs))):
        pixels = np.asarray(sampler.pixels[index])
        for colour in scenes.COLOURS:
            ink = scenes.jittered(rng, colour)
            yield ("glyph", index, colour), scenes.on_ground(scenes.inked(pixels, ink), scenes.neutral_ground(rng, [ink]))


def all_scenes(sampler: Sampler, shown: list[tuple], seed: int) -> Iterator[Step]:
    """Steps of scenes; what each shows is appended to `shown`."""
    rng, step = random.Random(seed), Step()
    for source in (counted_scenes(rng), shape_scenes(rng), picture_scenes(rng, sampler), glyph_scenes(rng, sampler)):
        for what, pixels in source:
            shown.append(what)
            step.picture(pixels)
            if len(step.pictures) == BATCH:
                yield step
                step = Step()
    if step.pictures:
        yield step


def views_of(model: Fusion, sampler: Sampler, path: Path, seed: int) -> Views:
    """The views at `path`, made when there are none."""
    if path.exists():
        return Views(**torch.load(path, weights_only=True))
    rows = [
        index for members in sampler.by_concept.values() for index in members
        if sampler.rows[index].concept in sampler.label and (sampler.rows[index].kind != "glyph" or index % GLYPHS_EVERY == 0)
        for _ in range(LOOKS[sampler.rows[index].kind])
    ]
    random.Random(seed).shuffle(rows)  # batches of all kinds: the augmentation draws once per batch
    features = looked_at(model, steps_of_rows(sampler, rows), seed)
    shown: list[tuple] = []
    made = Views(features, torch.tensor(rows), looked_at(model, all_scenes(sampler, shown, seed + 1), seed + 1), shown)
    torch.save(vars(made), path)
    return made
