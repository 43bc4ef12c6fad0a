"""Quick figures on the development pictures, for decisions during training. The figures of the card come from evaluate.py.

    python -m training.development --data DIR [--name mini]
"""

import argparse
import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from . import scenes
from .batches import Sampler
from .data import LANGUAGES, held_out_pair, read_pixels, read_rows, read_synsets
from .inference import prepared
from .model import Fusion
from .sequences import Sequences
from .texts import Texts
from .tokenizer import Tokenizer

GALLERY = "noto-emoji"  # the source whose pictures are looked through


class Development:
    """Features of the development pictures, and what is asked of them."""

    def __init__(self, model: Fusion, texts: Texts, synsets: list):
        self.model, self.texts, sampler = model, texts, texts.sampler
        self.rows, self.pixels = sampler.rows, sampler.pixels
        self.chosen = [i for i, row in enumerate(self.rows) if row.development and row.concept in texts.number and not row.skin_tone]
        self.features = self.look([Image.fromarray(np.asarray(self.pixels[i])) for i in self.chosen])
        rng = random.Random(5)
        self.meanings = rng.sample([s for s in synsets if s.development], 1000)
        self.emoji = [k for k, i in enumerate(self.chosen) if self.rows[i].kind == "emoji"]
        self.photos = [k for k, i in enumerate(self.chosen) if self.rows[i].kind == "photo"]
        self.gallery = [i for i, row in enumerate(self.rows) if row.source == GALLERY and row.trained_on]
        self.styled = self.look([Image.fromarray(np.asarray(self.pixels[i])) for i in self.gallery])
        self.pairs = []
        while len(self.pairs) < 150:
            a, b = rng.sample(self.emoji, 2)
            self.pairs.append((a, b, rng.choice(list(scenes.RELATIONS))))
        drawn = []
        for a, b, relation in self.pairs:
            for one, two in ((a, b), (b, a)):
                pixels = (np.asarray(self.pixels[self.chosen[k]]) for k in (one, two))
                drawn.append(Image.fromarray(scenes.draw_picture_pair(rng, *pixels, relation)))
        self.scenes = self.look(drawn)
        things = [(c, s, n) for c in scenes.COLOURS for s in scenes.SHAPES for n in range(1, 6)]
        self.things = [t for t in things if not held_out_pair(*t[:2])]
        self.drawn = [self.look([Image.fromarray(scenes.draw_counted(rng, *t)) for t in self.things]) for _ in range(2)]

    @torch.no_grad()
    def look(self, pictures: list[Image.Image]) -> Tensor:
        """Features [N, 5, C] of pictures as the shipped model would see them."""
        self.model.eval()
        images = torch.from_numpy(np.stack([prepared(p) for p in pictures]))
        return torch.cat([self.model.visual.pooled(self.model.vision(images[i : i + 128])) for i in range(0, len(images), 128)])

    @torch.no_grad()
    def vectors(self, inputs: list[list]) -> Tensor:
        """Unit vectors of inputs: texts and features [5, C]."""
        found = []
        for start in range(0, len(inputs), 256):
            sequences = Sequences()
            for parts in inputs[start : start + 256]:
                sequences.add([self.texts.ids(p) if isinstance(p, str) else sequences.picture(p) for p in parts])
            found.append(sequences.encode(self.model))
        return F.normalize(torch.cat(found), dim=1)

    def naming(self, places: list[int], language: str) -> float:
        """Top-1 among the names of all concepts of this kind."""
        kind = self.rows[self.chosen[places[0]]].kind
        names = {}
        for row in self.rows:
            if row.kind == kind and not row.skin_tone and language in row.texts:
                names.setdefault(row.concept, row.texts[language][0])
        concepts = list(names)
        vectors = self.vectors([[names[c]] for c in concepts])
        places = [k for k in places if self.rows[self.chosen[k]].concept in names]
        found = (self.vectors([[f] for f in self.features[places]]) @ vectors.T).argmax(1).tolist()
        return 100 * float(np.mean([names[concepts[n]] == names[self.rows[self.chosen[k]].concept] for n, k in zip(found, places)]))

    def meeting(self, concepts: Tensor) -> tuple[float, float]:
        """How often an emoji, and how often an English emoji name, is nearest to the vector of its own concept."""
        names = {row.concept: row.texts["en"][0] for row in self.rows if row.kind == "emoji" and not row.skin_tone and row.concept in self.texts.number}
        numbers = torch.tensor([self.texts.number[concept] for concept in names])
        place = {concept: n for n, concept in enumerate(names)}
        shown = [place[self.rows[self.chosen[k]].concept] for k in self.emoji]
        asked = self.vectors([[f] for f in self.features[self.emoji]]), self.vectors([[name] for name in names.values()])
        candidates = F.normalize(concepts[numbers], dim=1).T
        found = [(vectors @ candidates).argmax(1) for vectors in asked]
        return tuple(100 * float((f == torch.tensor(own)).float().mean()) for f, own in zip(found, (shown, range(len(names)))))

    def same_concept(self) -> float:
        """How often the nearest picture of another source shows the same concept."""
        concepts = [self.rows[i].concept for i in self.gallery]
        asked = [k for k in self.emoji if self.rows[self.chosen[k]].source != GALLERY and self.rows[self.chosen[k]].concept in concepts]
        gallery = self.vectors([[f] for f in self.styled])
        found = (self.vectors([[f] for f in self.features[asked]]) @ gallery.T).argmax(1).tolist()
        return 100 * float(np.mean([concepts[n] == self.rows[self.chosen[k]].concept for n, k in zip(found, asked)]))

    def order(self) -> tuple[float, float]:
        """How often the right scene beats the mirrored one: pictures between words, captions."""
        gallery = self.vectors([[f] for f in self.scenes])
        mixed, captions = [], []
        for a, b, relation in self.pairs:
            template = scenes.RELATIONS[relation][0]
            for one, two in ((a, b), (b, a)):
                mixed.append(scenes.fill(template, self.features[one], self.features[two]))
                names = (self.rows[self.chosen[k]].texts["en"][0] for k in (one, two))
                captions.append([template.format(**dict(zip("ab", names)))])
        own = torch.arange(len(gallery))
        shares = []
        for queries in (mixed, captions):
            scores = self.vectors(queries) @ gallery.T
            shares.append(100 * float((scores[own, own] > scores[own, own ^ 1]).float().mean()))
        return tuple(shares)

    def meaning(self) -> float:
        """Word to gloss, 1,000 candidates."""
        words, glosses = (self.vectors([[text] for text in some]) for some in (
            [s.words[0] for s in self.meanings], [s.gloss for s in self.meanings],
        ))
        return 100 * float(((words @ glosses.T).argmax(1) == torch.arange(len(words))).float().mean())

    def described(self) -> tuple[float, float]:
        """Pictures with "but <colour>", and captions, against one drawing of every coloured, counted shape."""
        rng = random.Random(9)
        gallery = self.vectors([[f] for f in self.drawn[0]])
        number = {thing: n for n, thing in enumerate(self.things)}
        starts = []
        for colour, shape, count in self.things:
            other = rng.choice([c for c in scenes.COLOURS if (c, shape, count) in number and c != colour])
            starts.append(self.drawn[1][number[other, shape, count]])
        edits = self.vectors([[start, f"but {colour}"] for start, (colour, *_) in zip(starts, self.things)])
        captions = self.vectors([[scenes.counted_name(*thing)] for thing in self.things])
        own = torch.arange(len(gallery))
        return tuple(100 * float(((queries @ gallery.T).argmax(1) == own).float().mean()) for queries in (edits, captions))

    def figures(self, concepts: Tensor) -> Iterator[tuple[str, float]]:
        """All of it, in percent, as it is measured; `concepts` [C, 512] are the targets of training."""
        self.model.eval()
        yield from zip(("emoji to concept", "emoji name to concept"), self.meeting(concepts))
        yield "photos", self.naming(self.photos, "en")
        for language in LANGUAGES:
            yield f"emoji {language}", self.naming(self.emoji, language)
        yield "picture to picture", self.same_concept()
        yield "word to gloss", self.meaning()
        yield from zip(("order, pictures", "order, captions"), self.order())
        yield from zip(("edits", "captions of things"), self.described())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--runs", type=Path, default=Path("training/runs"))
    parser.add_argument("--name", default="mini")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    rows, synsets = read_rows(arguments.data), read_synsets(arguments.data)
    sampler = Sampler(rows, read_pixels(arguments.data, arguments.runs / "cache", len(rows)))
    texts = Texts(sampler, Tokenizer.from_file(str(arguments.runs / "tokenizer.json")))
    state = torch.load(arguments.runs / arguments.name / "space.pt", weights_only=True)
    model = Fusion()
    model.load_state_dict(state["model"])
    print(state["counts"])
    for name, value in Development(model, texts, synsets).figures(state["targets"]["concepts"]):
        print(f"{name}: {value:.1f}", flush=True)


if __name__ == "__main__":
    main()
