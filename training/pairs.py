"""Generated groups for a training step: edits, shape relations, relations of cut-outs. Each adds whole groups of
equal meaning (picture, caption, combined input) and, beside it, the group most easily mistaken for it."""

import random

import numpy as np

from . import scenes
from .data import Row, held_out_pair
from .step import Step


def allowed_shape(rng: random.Random, held_out: bool = False) -> tuple[str, str]:
    """A (colour, shape) combination that is (not) held out."""
    while True:
        colour, shape = rng.choice(list(scenes.COLOURS)), rng.choice(scenes.SHAPES)
        if held_out_pair(colour, shape) == held_out:
            return colour, shape


def add_version(step: Step, caption: str, picture: int, other: int, edit: str) -> None:
    """One side of an edit: its picture, its caption, and the other picture with the words that turn it into this."""
    group = step.group("thing:" + caption)
    step.add([picture], group)
    step.add([caption], group)
    step.add([other, edit], group)


def colour_edit(rng: random.Random, shape: str, count: int) -> list[tuple[str, np.ndarray, str]]:
    """Two colours of the same shapes, as (caption, picture, edit that leads here)."""
    while True:
        one, two = rng.sample(list(scenes.COLOURS), 2)
        if not held_out_pair(one, shape) and not held_out_pair(two, shape):
            break
    template = rng.choice(scenes.COLOUR_EDITS)
    return [
        (scenes.counted_name(new, shape, count), scenes.draw_counted(rng, new, shape, count), template.format(c=new, o=old))
        for new, old in ((one, two), (two, one))
    ]


def shape_edit(rng: random.Random) -> list[tuple[str, np.ndarray, str]]:
    """Two shapes of the same colour."""
    while True:
        colour, (one, two) = rng.choice(list(scenes.COLOURS)), rng.sample(scenes.SHAPES, 2)
        if not held_out_pair(colour, one) and not held_out_pair(colour, two):
            break
    template = rng.choice(scenes.SHAPE_EDITS)
    return [
        (scenes.counted_name(colour, new, 1), scenes.draw_counted(rng, colour, new, 1), template.format(s=new))
        for new in (one, two)
    ]


def count_edit(rng: random.Random) -> list[tuple[str, np.ndarray, str]]:
    """Two counts of the same coloured shape."""
    (colour, shape), (one, two) = allowed_shape(rng), rng.sample(range(1, 6), 2)
    template = rng.choice(scenes.COUNT_EDITS)
    return [
        (scenes.counted_name(colour, shape, n), scenes.draw_counted(rng, colour, shape, n),
         template.format(n=scenes.COUNTS[n], m=scenes.COUNTS[m]))
        for n, m in ((one, two), (two, one))
    ]


def glyph_edit(rng: random.Random, row: Row, pixels: np.ndarray) -> list[tuple[str, np.ndarray, str]]:
    """Two inks of the same glyph."""
    one, two = rng.sample(list(scenes.COLOURS), 2)
    template = rng.choice(scenes.COLOUR_EDITS)
    versions = []
    for new, old in ((one, two), (two, one)):
        ink = scenes.jittered(rng, new)
        picture = scenes.on_ground(scenes.inked(pixels, ink), scenes.neutral_ground(rng, [ink]))
        versions.append((f"{new} {row.texts['en'][0]}", picture, template.format(c=new, o=old)))
    return versions


def add_edit(step: Step, versions: list[tuple[str, np.ndarray, str]]) -> None:
    """Adds both versions of an edit as two groups."""
    pictures = [step.picture(pixels) for _, pixels, _ in versions]
    for (caption, _, edit), mine, other in zip(versions, pictures, reversed(pictures)):
        add_version(step, caption, mine, other, edit)


def add_shape_pair(step: Step, rng: random.Random) -> None:
    """Two coloured shapes in a relation, and the same with places or colours exchanged."""
    while True:
        first, second = allowed_shape(rng), allowed_shape(rng)
        swapped = (second[0], first[1]), (first[0], second[1])
        if first[0] != second[0] and first[1] != second[1] and not any(held_out_pair(*s) for s in swapped):
            break
    relation = rng.choice(list(scenes.RELATIONS))
    for one, two in ((first, second), (second, first) if rng.random() < 0.6 else swapped):
        names = scenes.counted_name(*one, 1), scenes.counted_name(*two, 1)
        group = step.group(f"scene:{relation}|{names[0]}|{names[1]}")
        step.add([step.picture(scenes.draw_shape_pair(rng, one, two, relation))], group)
        step.add([rng.choice(scenes.RELATIONS[relation]).format(a=names[0], b=names[1])], group)


def add_picture_pair(step: Step, rng: random.Random, first: tuple, second: tuple) -> None:
    """Two cut-outs, each (row, raw pixels, index of its augmented picture in the step), both ways round."""
    relation = rng.choice(list(scenes.RELATIONS))
    for one, two in ((first, second), (second, first)):
        names = one[0].texts["en"][0], two[0].texts["en"][0]
        group = step.group(f"scene:{relation}|{names[0]}|{names[1]}")
        step.add([step.picture(scenes.draw_picture_pair(rng, one[1], two[1], relation))], group)
        step.add([rng.choice(scenes.RELATIONS[relation]).format(a=names[0], b=names[1])], group)
        pieces = scenes.fill(rng.choice(scenes.RELATIONS[relation]), one[2], two[2])
        if rng.random() < 0.5:
            pieces = [p.strip() if isinstance(p, str) else p for p in pieces]
        step.add(pieces, group)
