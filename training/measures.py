"""What is measured on the exported model. Every measure returns rows of (what, value, chance), values in percent."""

import io
import random
from dataclasses import dataclass, field

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageFilter
from torch import Tensor

from . import scenes
from .data import LANGUAGES, Row, Synset, held_out_pair
from .embedders import Embedder

DIMENSIONS = (512, 256, 128)
Result = tuple[str, float, float | None]


def shortened(vectors: Tensor, size: int) -> Tensor:
    """The first values, normalised again."""
    return F.normalize(vectors[:, :size], dim=1)


def recall(queries: Tensor, candidates: Tensor, targets: list[int], top: int) -> float:
    """Percentage of queries whose target is among the `top` nearest candidates."""
    nearest = (queries @ candidates.T).topk(min(top, len(candidates)), dim=1).indices
    return 100 * float((nearest == torch.tensor(targets)[:, None]).any(1).float().mean())


@dataclass
class Bench:
    """What embeds, the pack, and the encoded pictures that measures ask for."""

    embedder: Embedder
    rows: list[Row]
    synsets: list[Synset]
    encoded: dict[int, bytes]
    groups: dict[str, str]
    cache: dict[tuple, Tensor] = field(default_factory=dict)

    def picture(self, index: int) -> Image.Image:
        return Image.open(io.BytesIO(self.encoded[index]))

    def embed(self, inputs: list[list]) -> Tensor:
        """Unit vectors of lists of parts, each a text or a picture."""
        return self.embedder.embed(inputs)

    def texts(self, texts: list[str]) -> Tensor:
        """Unit vectors of plain texts."""
        return self.embed([[text] for text in texts])

    def images(self, pictures: list[Image.Image]) -> Tensor:
        """Unit vectors of pictures alone."""
        return self.embed([[picture] for picture in pictures])

    def row_images(self, indices: list[int]) -> Tensor:
        """Unit vectors of pictures of the pack, computed once."""
        key = tuple(indices)
        if key not in self.cache:
            self.cache[key] = self.images([self.picture(i) for i in indices])
        return self.cache[key]

    def unseen(self) -> list[int]:
        """Held-out emoji whose name other styles share; one picture per name."""
        shared = {r.concept for r in self.rows if not r.held_out}
        first: dict[str, int] = {}
        for index, row in enumerate(self.rows):
            if row.held_out and row.kind == "emoji" and row.concept in shared:
                first.setdefault(row.concept, index)
        return list(first.values())

    def concrete(self, indices: list[int]) -> list[int]:
        """Animals, food, places, activities and objects: no faces, people, flags, symbols."""
        kept = ("Animals & Nature", "Food & Drink", "Travel & Places", "Activities", "Objects")
        return [i for i in indices if self.groups.get(self.rows[i].concept) in kept]


def unseen_style(bench: Bench) -> list[Result]:
    """Zero-shot naming of the held-out emoji style, and text to image over it."""
    results: list[Result] = []
    everything = bench.unseen()
    for label, chosen in (("all", everything), ("concrete", bench.concrete(everything))):
        images = bench.row_images(chosen)
        names = bench.texts([bench.rows[i].texts["en"][0] for i in chosen])
        own, n = list(range(len(chosen))), len(chosen)
        for size in DIMENSIONS:
            a, b = shortened(images, size), shortened(names, size)
            for top in (1, 5):
                results.append((f"unseen emoji style, {label} {n} English names, top-{top}, {size} values", recall(a, b, own, top), 100 * top / n))
        for top in (1, 10):
            results.append((f"English name -> unseen-style picture, {label} {n}, recall@{top}", recall(names, images, own, top), 100 * top / n))
    return results


def languages(bench: Bench) -> list[Result]:
    """Naming of the held-out style in every other language."""
    results: list[Result] = []
    for language in LANGUAGES[1:]:
        chosen = [i for i in bench.unseen() if language in bench.rows[i].texts]
        names = [bench.rows[i].texts[language][0] for i in chosen]
        distinct = list(dict.fromkeys(names))
        vectors = bench.texts(distinct)
        targets = [distinct.index(name) for name in names]
        for top in (1, 5):
            results.append((
                f"unseen emoji style, {len(distinct)} names in {language}, top-{top}",
                recall(bench.row_images(chosen), vectors, targets, top), 100 * top / len(distinct),
            ))
    top_ones = [value for what, value, _ in results if what.endswith("top-1")]
    return [*results, ("unseen emoji style, mean of nine other languages, top-1", sum(top_ones) / len(top_ones), None)]


def same_concept(bench: Bench) -> list[Result]:
    """Image to image: a held-out style against every picture of the styles seen in training."""
    results: list[Result] = []
    for label, chosen in (("all", bench.unseen()), ("concrete", bench.concrete(bench.unseen()))):
        names = {bench.rows[i].concept for i in chosen}
        gallery = [i for i, r in enumerate(bench.rows) if r.kind == "emoji" and not r.held_out and r.concept in names]
        concepts = [bench.rows[i].concept for i in gallery]
        queries, candidates = bench.row_images(chosen), bench.row_images(gallery)
        share = 100 * float(np.mean([concepts.count(bench.rows[i].concept) / len(gallery) for i in chosen]))
        for size in DIMENSIONS:
            nearest = (shortened(queries, size) @ shortened(candidates, size).T).argmax(1)
            right = np.mean([concepts[n] == bench.rows[i].concept for n, i in zip(nearest.tolist(), chosen)])
            results.append((f"image -> image, {label} unseen style against {len(gallery)}, same concept first, {size} values", 100 * float(right), share))
    return results


def photos(bench: Bench) -> list[Result]:
    """Held-out photos among the names of all photo classes."""
    chosen = [i for i, r in enumerate(bench.rows) if r.kind == "photo" and r.held_out]
    names = sorted({r.concept for r in bench.rows if r.kind == "photo"})
    vectors = bench.texts(names)
    results: list[Result] = []
    images = bench.row_images(chosen)
    targets = [names.index(bench.rows[i].concept) for i in chosen]
    for size in DIMENSIONS:
        for top in (1, 5):
            results.append((
                f"{len(chosen)} held-out photos, {len(names)} class names, top-{top}, {size} values",
                recall(shortened(images, size), shortened(vectors, size), targets, top), 100 * top / len(names),
            ))
    for source in sorted({bench.rows[i].source for i in chosen}):
        mine = [k for k, i in enumerate(chosen) if bench.rows[i].source == source]
        value = recall(images[mine], vectors, [targets[k] for k in mine], 1)
        results.append((f"{len(mine)} held-out photos of {source}, {len(names)} class names, top-1", value, 100 / len(names)))
    return results


def glosses(bench: Bench) -> list[Result]:
    """Held-out WordNet nouns: word to gloss and back, 1,000 candidates, one per word."""
    named = {r.concept for r in bench.rows}  # their glosses may be in the pack
    held = {s.words[0].casefold(): s for s in bench.synsets if s.held_out and s.words[0].casefold() not in named}
    chosen = random.Random(3).sample(sorted(held), 1000)
    words = bench.texts([held[w].words[0] for w in chosen])
    meanings = bench.texts([held[w].gloss for w in chosen])
    own = list(range(1000))
    return [
        (f"held-out WordNet nouns, {name}, 1,000 candidates, recall@{top}", recall(a, b, own, top), top / 10)
        for name, a, b in (("word -> gloss", words, meanings), ("gloss -> word", meanings, words))
        for top in (1, 10)
    ]


def edits(bench: Bench) -> list[Result]:
    """Picture + "but blue" -> the blue picture, 1,000 candidates: all counted shapes, and inked glyphs."""
    rng = random.Random(17)
    things = [(c, s, n) for c in scenes.COLOURS for s in scenes.SHAPES for n in range(1, 6)]
    glyphs = [i for i, r in enumerate(bench.rows) if r.kind == "glyph" and i in bench.encoded][: (1000 - len(things)) // 11 + 1]
    candidates = [Image.fromarray(scenes.draw_counted(rng, *t)) for t in things]
    for index in glyphs:
        pixels = np.asarray(bench.picture(index).convert("RGBA").resize((72, 72), Image.BICUBIC))
        for colour in scenes.COLOURS:
            if len(candidates) < 1000:
                ink = scenes.jittered(rng, colour)
                candidates.append(Image.fromarray(scenes.on_ground(scenes.inked(pixels, ink), scenes.neutral_ground(rng, [ink]))))
    gallery = bench.images(candidates)
    results: list[Result] = []
    for label, held in (("combinations seen in training", False), ("held-out colour and shape combinations", True)):
        targets = [k for k, (c, s, _) in enumerate(things) if held_out_pair(c, s) == held]
        starts, texts = [], []
        for k in targets:
            colour, shape, count = things[k]
            other = rng.choice([c for c in scenes.COLOURS if c != colour])
            starts.append(Image.fromarray(scenes.draw_counted(rng, other, shape, count)))
            texts.append(f"but {colour}")
        queries = bench.embed([[t, text] for t, text in zip(starts, texts)])
        captions = bench.texts([scenes.counted_name(*things[k]) for k in targets])
        for size in DIMENSIONS if not held else (512,):
            results.append((f"picture + \"but <colour>\" -> picture, {label}, 1,000 candidates, recall@1, {size} values", recall(shortened(queries, size), shortened(gallery, size), targets, 1), 0.1))
        results.append((f"caption (count, colour, shape) -> picture, {label}, 1,000 candidates, recall@1", recall(captions, gallery, targets, 1), 0.1))
    return results


def relations(bench: Bench) -> list[Result]:
    """Interleaved inputs and captions against 1,000 scenes of held-out pairs of unseen-style cut-outs, with mirrors."""
    rng = random.Random(23)
    unseen = bench.concrete(bench.unseen())
    pairs: list[tuple[int, int, str]] = []
    while len(pairs) < 500:
        a, b = rng.sample(unseen, 2)
        if held_out_pair(bench.rows[a].concept, bench.rows[b].concept):
            pairs.append((a, b, rng.choice(list(scenes.RELATIONS))))
    pairs = [p for a, b, r in pairs for p in ((a, b, r), (b, a, r))]
    small = {i: np.asarray(bench.picture(i).convert("RGBA").resize((72, 72), Image.BICUBIC)) for p in pairs for i in p[:2]}
    gallery = bench.images([Image.fromarray(scenes.draw_picture_pair(rng, small[a], small[b], r)) for a, b, r in pairs])
    parts = {i: bench.picture(i) for i in small}
    templates = [scenes.RELATIONS[r][0] for *_, r in pairs]
    mixed = [scenes.fill(t, parts[a], parts[b]) for t, (a, b, _) in zip(templates, pairs)]
    texts = [t.format(a=bench.rows[a].texts["en"][0], b=bench.rows[b].texts["en"][0]) for t, (a, b, _) in zip(templates, pairs)]
    results: list[Result] = []
    for name, queries in (("two pictures and text", bench.embed(mixed)), ("caption", bench.texts(texts))):
        scores = queries @ gallery.T
        own = torch.arange(len(pairs))
        ordered = (scores[own, own] > scores[own, own ^ 1]).float().mean()
        label = f"unseen-style scenes of held-out pairs, {name}"
        results += [(f"{label} -> scene, 1,000 candidates, recall@{top}", recall(queries, gallery, own.tolist(), top), top / 10) for top in (1, 10)]
        results.append((f"{label}: right scene above its mirror image", 100 * float(ordered), 50.0))
    return results


def shape_order(bench: Bench) -> list[Result]:
    """Captions of two coloured shapes against 1,000 scenes, mirrors included."""
    rng = random.Random(29)
    scenes_drawn: list[tuple] = []
    combinations = [(c, s) for c in scenes.COLOURS for s in scenes.SHAPES]
    while len(scenes_drawn) < 1000:
        a, b = rng.sample(combinations, 2)
        relation = rng.choice(list(scenes.RELATIONS))
        if a[0] != b[0] and a[1] != b[1] and (a, b, relation) not in scenes_drawn:
            scenes_drawn += [(a, b, relation), (b, a, relation)]
    gallery = bench.images([Image.fromarray(scenes.draw_shape_pair(rng, *s)) for s in scenes_drawn])
    captions = bench.texts([
        scenes.RELATIONS[r][0].format(a=scenes.counted_name(*a, 1), b=scenes.counted_name(*b, 1)) for a, b, r in scenes_drawn
    ])
    own = torch.arange(1000)
    scores = captions @ gallery.T
    return [
        ("two coloured shapes, caption -> scene, 1,000 candidates, recall@1", recall(captions, gallery, own.tolist(), 1), 0.1),
        ("two coloured shapes: right scene above its mirror image", 100 * float((scores[own, own] > scores[own, own ^ 1]).float().mean()), 50.0),
    ]


def modality_gap(bench: Bench) -> list[Result]:
    """Distance of the mean picture from the mean name, and what taking it away does to retrieval."""
    chosen = bench.unseen()
    images = bench.row_images(chosen)
    names = bench.texts([bench.rows[i].texts["en"][0] for i in chosen])
    gap = float((images.mean(0) - names.mean(0)).norm())
    own = list(range(len(chosen)))
    centred = [F.normalize(v - v.mean(0), dim=1) for v in (images, names)]
    return [
        ("modality gap: distance of mean picture and mean name vectors (0 to 2, not percent)", gap, None),
        ("mean cosine of a picture and its name (not percent)", float((images * names).sum(1).mean()), None),
        ("unseen emoji style, all English names, top-1, both sides centred", recall(centred[0], centred[1], own, 1), 100 / len(own)),
    ]


def robustness(bench: Bench) -> list[Result]:
    """Naming of the held-out style after damage to the pictures (on white, concrete names)."""
    chosen = bench.concrete(bench.unseen())
    names = bench.texts([bench.rows[i].texts["en"][0] for i in chosen])
    own = list(range(len(chosen)))

    def jpeg(picture: Image.Image) -> Image.Image:
        buffer = io.BytesIO()
        picture.save(buffer, "JPEG", quality=30)
        return Image.open(io.BytesIO(buffer.getvalue()))

    damages = {
        "turned by 15 degrees": lambda p: p.rotate(15, Image.BICUBIC, fillcolor=(255, 255, 255)),
        "blurred (radius 2 of 96 px)": lambda p: p.filter(ImageFilter.GaussianBlur(2)),
        "JPEG quality 30": jpeg,
        "grey-scale": lambda p: p.convert("L").convert("RGB"),
    }
    results: list[Result] = []
    for label, damage in damages.items():
        pictures = []
        for index in chosen:
            source = bench.picture(index).convert("RGBA")
            ground = Image.new("RGBA", source.size, (255, 255, 255, 255))
            ground.alpha_composite(source)
            pictures.append(damage(ground.convert("RGB")))
        results.append((f"unseen emoji style, concrete {len(chosen)} names, top-1, {label}", recall(bench.images(pictures), names, own, 1), 100 / len(own)))
    return results
