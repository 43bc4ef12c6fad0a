"""The scene generator: coloured shapes, counts, relations and pairs of cut-out pictures, each with captions.

Every scene is drawn from a `random.Random`, so a seed gives the same scenes again. Pictures are [72, 72, 4] uint8,
opaque. A relation is written once as (first, second): "left" = first left of second, "above" = first above second.
"""

import math
import random
import re

import numpy as np
from PIL import Image, ImageDraw

from .data import CACHE_SIDE_PX, held_out_pair

COLOURS = {
    "red": (214, 40, 40), "orange": (245, 140, 30), "yellow": (250, 214, 40), "green": (50, 160, 70),
    "blue": (45, 95, 215), "purple": (130, 60, 180), "pink": (245, 130, 180), "brown": (125, 80, 45),
    "black": (25, 25, 25), "white": (245, 245, 245), "grey": (130, 130, 130),
}
SHAPES = ("circle", "square", "triangle", "star", "heart", "diamond", "hexagon", "ring", "cross", "crescent")
COUNTS = ("", "one", "two", "three", "four", "five")
RELATIONS = {
    "left": (
        "{a} to the left of {b}", "{a} left of {b}", "{b} to the right of {a}", "{b} right of {a}",
        "{a} on the left, {b} on the right", "on the right {b}, on the left {a}",
    ),
    "above": (
        "{a} above {b}", "{a} over {b}", "{b} below {a}", "{b} under {a}",
        "{a} at the top, {b} at the bottom", "{a} on top of {b}",
    ),
}
COLOUR_EDITS = ("but {c}", "in {c}", "the same in {c}", "make it {c}", "but {c} instead of {o}", "change the colour to {c}")
SHAPE_EDITS = ("but a {s}", "as a {s}", "the same colour, but a {s}", "a {s} instead")
COUNT_EDITS = ("but {n} of them", "{n} instead of {m}", "but {n}")
SUPERSAMPLE = 2
COLOUR_WORDS = frozenset(COLOURS) | {"gray", "gold", "golden", "silver", "violet", "colour", "color", "rainbow"}
SIDE_WORDS = frozenset(
    "left right leftwards rightwards east west clockwise anticlockwise counterclockwise forward back next previous "
    "keycap input button clock flag letter".split()
)


def words_of(text: str) -> set[str]:
    """The lower-case Latin words of a text."""
    return set(re.findall("[a-z]+", text.casefold().replace("o’clock", "clock")))


def polygon(shape: str, x: float, y: float, r: float) -> list[tuple[float, float]]:
    """Corner points of a polygonal shape around (x, y)."""
    def around(n: int, start: float, radii=(1.0,)):
        return [
            (x + r * radii[i % len(radii)] * math.cos(a), y + r * radii[i % len(radii)] * math.sin(a))
            for i, a in enumerate(start + 2 * math.pi * k / n for k in range(n))
        ]
    if shape == "square":
        return around(4, math.pi / 4, (1.15,))
    if shape == "diamond":
        return [(x, y - r), (x + 0.7 * r, y), (x, y + r), (x - 0.7 * r, y)]
    if shape == "triangle":
        return around(3, -math.pi / 2, (1.1,))
    if shape == "hexagon":
        return around(6, 0.0)
    if shape == "star":
        return around(10, -math.pi / 2, (1.1, 0.45))
    if shape == "heart":
        turns = [2 * math.pi * k / 40 for k in range(40)]
        return [
            (x + r * math.sin(t) ** 3,
             y - r * (13 * math.cos(t) - 5 * math.cos(2 * t) - 2 * math.cos(3 * t) - math.cos(4 * t)) / 16)
            for t in turns
        ]
    w = 0.36 * r  # cross
    return [
        (x - w, y - r), (x + w, y - r), (x + w, y - w), (x + r, y - w), (x + r, y + w), (x + w, y + w),
        (x + w, y + r), (x - w, y + r), (x - w, y + w), (x - r, y + w), (x - r, y - w), (x - w, y - w),
    ]


def draw_shape(canvas: Image.Image, shape: str, centre: tuple[float, float], radius: float, ink, ground) -> None:
    """Draws one filled shape; `ground` refills the inside of rings and crescents."""
    pen, (x, y), r = ImageDraw.Draw(canvas), centre, radius
    if shape in ("circle", "ring", "crescent"):
        pen.ellipse((x - r, y - r, x + r, y + r), fill=ink)
        if shape == "ring":
            pen.ellipse((x - 0.58 * r, y - 0.58 * r, x + 0.58 * r, y + 0.58 * r), fill=ground)
        elif shape == "crescent":
            pen.ellipse((x - 0.35 * r, y - 0.95 * r, x + 1.4 * r, y + 0.75 * r), fill=ground)
    else:
        pen.polygon(polygon(shape, x, y, r), fill=ink)


def jittered(rng: random.Random, colour: str) -> tuple[int, int, int]:
    """A shade of a named colour."""
    return tuple(max(0, min(255, c + rng.randint(-18, 18))) for c in COLOURS[colour])


def neutral_ground(rng: random.Random, inks: list[tuple[int, int, int]]) -> tuple[int, int, int]:
    """A white, pale or dark background that differs visibly from every ink."""
    for _ in range(20):
        if rng.random() < 0.45:
            ground = (255, 255, 255)
        elif rng.random() < 0.75:
            ground = tuple(rng.randint(200, 255) for _ in range(3))
        else:
            ground = (rng.randint(15, 60),) * 3
        if all(sum(abs(g - i) for g, i in zip(ground, ink)) > 110 for ink in inks):
            return ground
    return (190, 205, 190)


def finished(canvas: Image.Image) -> np.ndarray:
    """Reduces a supersampled canvas to the cache size and adds an opaque alpha channel."""
    small = canvas.resize((CACHE_SIDE_PX, CACHE_SIDE_PX), Image.BOX)
    return np.asarray(small.convert("RGBA"))


def draw_counted(rng: random.Random, colour: str, shape: str, count: int) -> np.ndarray:
    """`count` equal shapes of one colour at places that do not overlap."""
    side = CACHE_SIDE_PX * SUPERSAMPLE
    ink = jittered(rng, colour)
    ground = neutral_ground(rng, [ink])
    canvas = Image.new("RGB", (side, side), ground)
    if count == 1:
        radius = side * rng.uniform(0.2, 0.42)
        centres = [(side / 2 + rng.uniform(-0.07, 0.07) * side, side / 2 + rng.uniform(-0.07, 0.07) * side)]
    else:
        radius = side * rng.uniform(0.11, 0.14)
        cells = [(i, j) for i in range(3) for j in range(3)]
        centres = [
            ((i + 0.5 + rng.uniform(-0.1, 0.1)) * side / 3, (j + 0.5 + rng.uniform(-0.1, 0.1)) * side / 3)
            for i, j in rng.sample(cells, count)
        ]
    for centre in centres:
        draw_shape(canvas, shape, centre, radius, ink, ground)
    return finished(canvas)


def counted_name(colour: str, shape: str, count: int) -> str:
    """"a blue star", "three blue stars"."""
    if count == 1:
        return f"{'an' if colour[0] in 'aeiou' else 'a'} {colour} {shape}"
    plural = shape + ("es" if shape in ("cross",) else "s")
    return f"{COUNTS[count]} {colour} {plural}"


def allowed_shape(rng: random.Random) -> tuple[str, str]:
    """A (colour, shape) combination that is not held out."""
    while True:
        colour, shape = rng.choice(list(COLOURS)), rng.choice(SHAPES)
        if not held_out_pair(colour, shape):
            return colour, shape


def places(rng: random.Random, relation: str) -> tuple[tuple[float, float], tuple[float, float]]:
    """Centres of the first and second thing, in 0..1."""
    near, far = rng.uniform(0.23, 0.29), rng.uniform(0.71, 0.77)
    drift = rng.uniform(-0.12, 0.12)
    if relation == "left":
        return (near, 0.5 + drift), (far, 0.5 + drift + rng.uniform(-0.08, 0.08))
    return (0.5 + drift, near), (0.5 + drift + rng.uniform(-0.08, 0.08), far)


def draw_shape_pair(rng: random.Random, first: tuple[str, str], second: tuple[str, str], relation: str) -> np.ndarray:
    """Two coloured shapes, (colour, shape) each, in a relation."""
    side = CACHE_SIDE_PX * SUPERSAMPLE
    inks = [jittered(rng, first[0]), jittered(rng, second[0])]
    ground = neutral_ground(rng, inks)
    canvas = Image.new("RGB", (side, side), ground)
    for (_, shape), ink, (x, y) in zip((first, second), inks, places(rng, relation)):
        draw_shape(canvas, shape, (x * side, y * side), side * rng.uniform(0.15, 0.21), ink, ground)
    return finished(canvas)


def draw_picture_pair(rng: random.Random, first: np.ndarray, second: np.ndarray, relation: str) -> np.ndarray:
    """Two cut-out pictures [72, 72, 4] on one plain background, in a relation."""
    side = CACHE_SIDE_PX
    ground = neutral_ground(rng, [])
    canvas = Image.new("RGBA", (side, side), (*ground, 255))
    for pixels, (x, y) in zip((first, second), places(rng, relation)):
        edge = round(side * rng.uniform(0.38, 0.46))
        piece = Image.fromarray(pixels).resize((edge, edge), Image.BILINEAR)
        left, top = (round(min(max(c * side - edge / 2, 0), side - edge)) for c in (x, y))
        canvas.alpha_composite(piece, (left, top))
    return np.asarray(canvas)


def inked(pixels: np.ndarray, ink: tuple[int, int, int]) -> np.ndarray:
    """A glyph [72, 72, 4] with its shape in another colour."""
    coloured = pixels.copy()
    coloured[..., :3] = ink
    return coloured


def on_ground(pixels: np.ndarray, ground: tuple[int, int, int]) -> np.ndarray:
    """An RGBA picture composited on a plain colour, opaque."""
    canvas = Image.new("RGBA", (pixels.shape[1], pixels.shape[0]), (*ground, 255))
    canvas.alpha_composite(Image.fromarray(pixels))
    return np.asarray(canvas)


def fill(template: str, a, b) -> list:
    """The pieces of a relation template in order, `{a}` and `{b}` replaced by the given parts."""
    parts = re.split(r"(\{[ab]\})", template)
    return [a if p == "{a}" else b if p == "{b}" else p for p in parts if p]
