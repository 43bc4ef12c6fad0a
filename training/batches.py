"""Draws pictures from the pack: which concepts, which pictures, what may be done to them."""

import random
from collections import defaultdict

import numpy as np

from .data import Row
from .scenes import COLOUR_WORDS, SIDE_WORDS, words_of
from .step import Step

KIND_SHARES = {"emoji": 0.52, "photo": 0.24, "drawing": 0.01, "icon": 0.12, "glyph": 0.11}
SKIN_TONE_WEIGHT = 0.2
GROUP_WEIGHTS = {"Flags": 0.3, "People & Body": 0.5, "Smileys & Emotion": 0.7, "Symbols": 0.6}  # of Unicode's groups
PICTURES_WEIGHT_MAX = 4  # icons and glyphs drawn in several styles teach more than single ones


class Sampler:
    """Everything that may be trained on, indexed for drawing. Rows that are held out are dropped here."""

    def __init__(self, rows: list[Row], pixels: np.ndarray, groups: dict[str, str] | None = None):
        self.rows, self.pixels, self.groups = rows, pixels, groups or {}
        self.by_concept: dict[str, list[int]] = defaultdict(list)
        by_kind: dict[str, dict[str, list[int]]] = {kind: defaultdict(list) for kind in KIND_SHARES}
        known: dict[str, int] = defaultdict(int)
        for index, row in enumerate(rows):
            known[row.concept] += not row.held_out
            if row.trained_on:
                self.by_concept[row.concept].append(index)
                by_kind[row.kind][row.concept].append(index)
        self.kinds = {kind: list(members.items()) for kind, members in by_kind.items() if members}
        self.kind_weights = {
            kind: np.cumsum([self.concept_weight(kind, concept, members) for concept, members in entries])
            for kind, entries in self.kinds.items()
        }
        several = sorted(c for c, count in known.items() if count > 1)
        self.label = {concept: number for number, concept in enumerate(several)}
        self.plain_glyphs = [
            i for _, members in self.kinds.get("glyph", []) for i in members
            if not words_of(rows[i].concept) & COLOUR_WORDS and len(rows[i].concept.split()) <= 2
        ]

    def concept_weight(self, kind: str, concept: str, members: list[int]) -> float:
        """How often a concept is drawn within its kind."""
        if self.rows[members[0]].skin_tone:
            return SKIN_TONE_WEIGHT
        if kind == "emoji":
            return GROUP_WEIGHTS.get(self.groups.get(concept, ""), 1.0)
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

    def draw_labelled(self, seed: int, count: int) -> Step:
        """Pictures alone, each of a concept that the classifier knows."""
        rng, step = random.Random(seed), Step()
        while len(step.pictures) < count:
            index = self.two_rows(rng)[0]
            if self.rows[index].concept in self.label:
                self.add_row(step, index)
        return step
