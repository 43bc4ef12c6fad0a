"""Material for edits: generated things and inked glyphs, their captions, and words that lead from one to another.

The things of one step share a few colours and shapes, so that every other picture of the step is nearly right.
"""

import random
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from . import scenes
from .batches import Sampler
from .views import Views

COLOURS_A_STEP, SHAPES_A_STEP = 3, 6
THINGS_A_STEP = 44  # coloured, counted shapes
GLYPHS_A_STEP = 6  # each in two inks
COLOUR, SHAPE, COUNT = range(3)
CHANGES = {COLOUR: 0.6, SHAPE: 0.2, COUNT: 0.2}
EDITS = {COLOUR: scenes.COLOUR_EDITS, SHAPE: scenes.SHAPE_EDITS, COUNT: scenes.COUNT_EDITS}

Thing = tuple[str, str, int]  # colour, shape, count


@dataclass
class Shown:
    """One picture of a step: what it shows, its scene's number, its caption, and an edit that leads to it, if there is
    one: from which picture (place in the step), by which words."""

    what: tuple
    scene: int
    caption: str
    edit: tuple[int, str] | None


class EditMaterial:
    """Which scenes show which thing, and steps drawn from them."""

    def __init__(self, views: Views, sampler: Sampler):
        self.sampler = sampler
        self.counted: dict[Thing, list[int]] = defaultdict(list)
        self.inked: dict[int, dict[str, int]] = defaultdict(dict)
        for number, (what, *shown) in enumerate(views.shown):
            if what == "counted":
                self.counted[tuple(shown)].append(number)
            elif what == "glyph":
                self.inked[shown[0]][shown[1]] = number
        self.glyphs = list(self.inked)

    def draw(self, rng: random.Random) -> list[Shown]:
        """The pictures of one step."""
        things = self.neighbours(rng)
        shown = [self.thing(rng, things, place) for place in range(len(things))]
        for glyph in rng.sample(self.glyphs, min(GLYPHS_A_STEP, len(self.glyphs))):
            shown += self.glyph(rng, glyph, len(shown))
        return shown

    def neighbours(self, rng: random.Random) -> list[Thing]:
        """Things of few colours and shapes."""
        colours = rng.sample(list(scenes.COLOURS), COLOURS_A_STEP)
        shapes = rng.sample(scenes.SHAPES, SHAPES_A_STEP)
        things = [thing for thing in self.counted if thing[COLOUR] in colours and thing[SHAPE] in shapes]
        return rng.sample(things, min(THINGS_A_STEP, len(things)))

    def thing(self, rng: random.Random, things: list[Thing], place: int) -> Shown:
        """One thing, and the way to it from another that differs in one trait."""
        new = things[place]
        change = rng.choices(list(CHANGES), CHANGES.values())[0]
        starts = [n for n, old in enumerate(things) if all((old[t] == new[t]) == (t != change) for t in CHANGES)]
        edit = None
        if starts:
            start = rng.choice(starts)
            old = things[start]
            edit = start, rng.choice(EDITS[change]).format(
                c=new[COLOUR], o=old[COLOUR], s=new[SHAPE], n=scenes.COUNTS[new[COUNT]], m=scenes.COUNTS[old[COUNT]],
            )
        return Shown(new, rng.choice(self.counted[new]), scenes.counted_name(*new), edit)

    def glyph(self, rng: random.Random, glyph: int, first: int) -> Iterator[Shown]:
        """A glyph in two inks, each changed into the other; `first` is the place of the first one."""
        inks = rng.sample(list(self.inked[glyph]), 2)
        template = rng.choice(scenes.COLOUR_EDITS)
        name = self.sampler.rows[glyph].texts["en"][0]
        for place, (new, old) in enumerate((inks, inks[::-1])):
            edit = first + 1 - place, template.format(c=new, o=old)
            yield Shown((glyph, new), self.inked[glyph][new], f"{new} {name}", edit)
