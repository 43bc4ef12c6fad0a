"""Texts for training: templates around names, choice of language, captions for the tokenizer's corpus."""

import random

from .data import Row
from .scenes import COLOUR_EDITS, COLOURS, RELATIONS, SHAPE_EDITS, SHAPES, counted_name

TEMPLATES = {
    "any": (
        "a picture of {}", "an image of {}", "a picture of a {}", "this is {}", "an image showing {}", "{} on a plain background",
    ),
    "photo": ("a photo of {}", "a photo of a {}", "a photograph of {}", "a close-up photo of a {}"),
    "emoji": ("{} emoji", "an emoji of {}", "a cartoon {}", "a drawing of {}", "an icon of {}"),
    "drawing": ("a drawing of {}", "a sketch of a {}"),
    "icon": ("{} icon", "an icon of {}", "a drawing of {}"),
    "glyph": ("{} symbol", "{} icon", "a black silhouette of {}"),
}


def named(rng: random.Random, row: Row) -> str:
    """The English name, a quarter of the time inside a template."""
    name = row.texts["en"][0]
    if rng.random() < 0.75:
        return name
    pool = TEMPLATES["any"] if rng.random() < 0.5 else TEMPLATES[row.kind]
    return rng.choice(pool).format(name)


def corpus_captions(rows: list[Row], count: int = 20000, seed: int = 11) -> list[str]:
    """Generator captions and filled templates for training the tokenizer."""
    rng = random.Random(seed)
    captions = []
    for _ in range(count):
        first, second = (counted_name(rng.choice(list(COLOURS)), rng.choice(SHAPES), 1) for _ in range(2))
        captions += [
            rng.choice(RELATIONS[rng.choice(list(RELATIONS))]).format(a=first, b=second),
            counted_name(rng.choice(list(COLOURS)), rng.choice(SHAPES), rng.randint(1, 5)),
            rng.choice(COLOUR_EDITS).format(c=rng.choice(list(COLOURS)), o=rng.choice(list(COLOURS))),
            rng.choice(SHAPE_EDITS).format(s=rng.choice(SHAPES)),
            named(rng, rng.choice(rows)),
        ]
    return captions
