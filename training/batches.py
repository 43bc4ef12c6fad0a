"""Draws training steps from the pack: which concepts, which pictures, which texts."""

import random
from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from . import captions, pairs
from .data import Row, Synset, held_out_pair
from .scenes import COLOUR_WORDS, SIDE_WORDS, words_of
from .step import Step

KIND_SHARES = {"emoji": 0.52, "photo": 0.20, "drawing": 0.01, "icon": 0.14, "glyph": 0.13}
SKIN_TONE_WEIGHT = 0.2
PICTURES_WEIGHT_MAX = 4  # icons and glyphs drawn in several styles teach more than single ones


@dataclass(frozen=True)
class Recipe:
    """How many of each per step. Pictures: 2 per concept, 2 per pair or edit."""

    concepts: int = 40
    names: int = 110
    synsets: int = 6
    picture_pairs: int = 4
    shape_pairs: int = 4
    edits: int = 6
    albums: int = 2
    mixed: int = 4
    long_texts: int = 1


class Sampler:
    """Everything that may be trained on, indexed for drawing. Held-out rows and synsets are dropped here."""

    def __init__(self, rows: list[Row], pixels: np.ndarray, synsets: list[Synset], recipe: Recipe = Recipe()):
        self.rows, self.pixels, self.recipe = rows, pixels, recipe
        self.synsets = [s for s in synsets if not s.held_out]
        self.by_concept: dict[str, list[int]] = defaultdict(list)
        by_kind: dict[str, dict[str, list[int]]] = {kind: defaultdict(list) for kind in KIND_SHARES}
        for index, row in enumerate(rows):
            if not row.held_out:
                self.by_concept[row.concept].append(index)
                by_kind[row.kind][row.concept].append(index)
        self.kinds = {kind: list(members.items()) for kind, members in by_kind.items() if members}
        self.kind_weights = {
            kind: np.cumsum([self.concept_weight(kind, members) for _, members in entries])
            for kind, entries in self.kinds.items()
        }
        several = sorted(c for c, members in self.by_concept.items() if len(members) > 1)
        self.label = {concept: number for number, concept in enumerate(several)}
        self.group_label = {Step.group("concept:" + concept): number for concept, number in self.label.items()}
        self.plain_glyphs = [
            i for _, members in self.kinds.get("glyph", []) for i in members
            if not words_of(rows[i].concept) & COLOUR_WORDS and len(rows[i].concept.split()) <= 2
        ]

    def concept_weight(self, kind: str, members: list[int]) -> float:
        """How often a concept is drawn within its kind."""
        if self.rows[members[0]].skin_tone:
            return SKIN_TONE_WEIGHT
        return min(len(members), PICTURES_WEIGHT_MAX) if kind in ("icon", "glyph") else 1.0

    def two_rows(self, rng: random.Random) -> tuple[int, int]:
        """Two pictures of one concept, of different sources where there are any."""
        kind = rng.choices(list(self.kinds), [KIND_SHARES[k] for k in self.kinds])[0]
        weights = self.kind_weights[kind]
        chosen = int(np.searchsorted(weights, rng.random() * weights[-1], side="right"))
        concept, members = self.kinds[kind][min(chosen, len(weights) - 1)]
        first = rng.choice(members)
        others = [i for i in self.by_concept[concept] if i != first]
        apart = [i for i in others if self.rows[i].source != self.rows[first].source]
        return first, rng.choice(apart or others or [first])

    def add_row(self, step: Step, index: int) -> int:
        """Adds a row's picture with what its name allows to change."""
        row = self.rows[index]
        words = words_of(" ".join(row.texts["en"][:1]))
        traits = (
            row.kind == "glyph", not row.alpha, False,
            row.alpha and not words & COLOUR_WORDS and not row.concept.startswith("flag"),
            not words & SIDE_WORDS,
        )
        return step.picture(np.asarray(self.pixels[index]), traits, self.label.get(row.concept, -1))

    def add_concepts(self, step: Step, rng: random.Random) -> list[tuple[Row, int, int, int]]:
        """Two pictures, a name and often a second text per concept. Returns (row, its index, both pictures)."""
        drawn = []
        seen: set[str] = set()
        while len(drawn) < self.recipe.concepts:
            first, second = self.two_rows(rng)
            row = self.rows[first]
            if row.concept in seen:
                continue
            seen.add(row.concept)
            group = step.group("concept:" + row.concept)
            one, two = self.add_row(step, first), self.add_row(step, second)
            step.add([one], group)
            step.add([two], group)
            step.add([captions.named(rng, row)], group)
            if rng.random() < 0.5:
                draw = captions.translated if rng.random() < 0.55 else captions.described
                if text := draw(rng, row):
                    step.add([text], group)
            drawn.append((row, first, one, two))
        return drawn

    def add_texts(self, step: Step, rng: random.Random) -> None:
        """Text alone: names across languages, WordNet words and glosses, long texts."""
        for _ in range(self.recipe.names):
            row = self.rows[self.two_rows(rng)[0]]
            group = step.group("concept:" + row.concept)
            step.add([row.texts["en"][0]], group, 0.5)
            for draw in (captions.translated, rng.choice((captions.translated, captions.described))):
                if text := draw(rng, row):
                    step.add([text], group, 0.5)
        for synset in rng.sample(self.synsets, min(self.recipe.synsets, len(self.synsets))):
            group = step.group("synset:" + synset.words[0] + synset.gloss)
            step.add([synset.words[0] if rng.random() < 0.7 else rng.choice(synset.words)], group, 0.5)
            kind_of = f"a kind of {synset.hypernyms[0]}" if synset.hypernyms and rng.random() < 0.2 else synset.gloss
            step.add([f"{kind_of}"], group, 0.5)
        for _ in range(self.recipe.long_texts):
            some = rng.sample(self.synsets, min(rng.choice((2, 3, 4, 12)), len(self.synsets)))
            group = step.group("long:" + "|".join(s.gloss for s in some))
            step.add([". ".join(f"{s.words[0]}: {s.gloss}" for s in some)], group, 0.5)
            step.add([", ".join(s.words[0] for s in some)], group, 0.5)

    def add_combined(self, step: Step, rng: random.Random, drawn: list[tuple[Row, int, int, int]]) -> None:
        """Picture with its name, and albums of several pictures against the list of their names."""
        for row, _, one, _ in rng.sample(drawn, min(self.recipe.mixed, len(drawn))):
            text = captions.named(rng, row)
            step.add([one, text] if rng.random() < 0.5 else [text, one], step.group("concept:" + row.concept))
        for _ in range(self.recipe.albums):
            some = rng.sample(drawn, rng.randint(2, 4))
            group = step.group("album:" + "|".join(row.concept for row, *_ in some))
            names = [row.texts["en"][0] for row, *_ in some]
            step.add([", ".join(names[:-1]) + rng.choice((" and ", ", ")) + names[-1]], group)
            step.add([one for *_, one, _ in some], group)
            step.add([two for *_, two in some], group)

    def add_generated(self, step: Step, rng: random.Random, drawn: list[tuple[Row, int, int, int]]) -> None:
        """Edits and relations."""
        cutouts = [d for d in drawn if d[0].kind != "glyph" and len(d[0].concept) < 40]
        for _ in range(self.recipe.picture_pairs if len(cutouts) > 1 else 0):
            first, second = rng.sample(cutouts, 2)
            if not held_out_pair(first[0].concept, second[0].concept):
                things = [(row, np.asarray(self.pixels[index]), one) for row, index, one, _ in (first, second)]
                pairs.add_picture_pair(step, rng, *things)
        for _ in range(self.recipe.shape_pairs):
            pairs.add_shape_pair(step, rng)
        for _ in range(self.recipe.edits):
            pick = rng.random()
            if pick < 0.3 and self.plain_glyphs:
                index = rng.choice(self.plain_glyphs)
                versions = pairs.glyph_edit(rng, self.rows[index], np.asarray(self.pixels[index]))
            elif pick < 0.65:
                versions = pairs.colour_edit(rng, rng.choice(list(pairs.scenes.SHAPES)), rng.choice((1, 1, 1, 2, 3)))
            else:
                versions = pairs.shape_edit(rng) if pick < 0.85 else pairs.count_edit(rng)
            pairs.add_edit(step, versions)

    def draw_labelled(self, seed: int, count: int) -> Step:
        """Pictures alone, each of a concept that the classifier knows."""
        rng, step = random.Random(seed), Step()
        while len(step.pictures) < count:
            index = self.two_rows(rng)[0]
            if self.rows[index].concept in self.label:
                self.add_row(step, index)
        return step

    def draw(self, seed: int) -> Step:
        """The step of a seed: the same seed gives the same step."""
        rng, step = random.Random(seed), Step()
        drawn = self.add_concepts(step, rng)
        self.add_texts(step, rng)
        self.add_combined(step, rng, drawn)
        self.add_generated(step, rng, drawn)
        return step
