"""The shared space: the transformer learns from cached features of pictures and scenes, and from texts.

Four kinds of material in every step, each with a loss of its own:
names (pictures and texts of a concept near the concept's vector, and pictures among texts), meanings (words and glosses
of WordNet near each other and near what the text teacher says), edits (picture and "but blue" near the blue one,
captions) and relations (two things in a place each, as scene, caption and pictures between words, the mirrored scene
always among the candidates).
"""

import random
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from . import scenes
from .contrast import Targets, beaten_by_mirror, matching, naming, unlike_teacher
from .edits import EditMaterial
from .meanings import TAUGHT, Meanings
from .model import Fusion
from .progress import Stage, parameter_groups
from .sequences import Sequences
from .texts import Texts
from .views import Views

PICTURES, NAMES, MEANINGS, MIXED = 192, 288, 80, 16  # a third of the names are those of the very pictures
TAUGHT_WEIGHT = 3.0  # of the teacher, beside words among glosses
PAIR_WEIGHT = 0.35  # of pictures against others of their concepts
PICTURE_RELATIONS, SHAPE_RELATIONS = 14, 6
RATES = {"layers": 8e-4, "head": 4e-4, "text": 7e-4, "visual": 4e-4, "targets": 4e-4, "taught": 2e-3}


class SpaceStage:
    """Trains everything but the tower."""

    def __init__(self, model: Fusion, texts: Texts, views: Views, meanings: Meanings, path: Path, seed: int):
        self.model, self.texts, self.views, self.of_wordnet = model, texts, views, meanings
        self.index()
        self.targets = Targets(torch.zeros(len(texts.number), model.shape.dimension), TAUGHT)
        model.vision.requires_grad_(False)
        groups = parameter_groups([
            (model.layers, RATES["layers"]), (model.final_norm, RATES["layers"]), (model.head, RATES["head"]),
            (model.text, RATES["text"]), (model.visual, RATES["visual"]),
        ])
        targets = self.targets
        single = {"layers": [model.cls], "targets": [targets.concepts, *targets.scales.parameters()], "taught": [targets.taught.weight]}
        for rate, parameters in single.items():
            groups.append({"params": parameters, "rate": RATES[rate], "lr": RATES[rate], "weight_decay": 0.0})
        self.stage = Stage(path, {"model": model, "targets": self.targets}, groups, seed)

    def index(self) -> None:
        """Which views belong to which concept, which scenes show a relation."""
        self.views_of: dict[str, list[int]] = defaultdict(list)
        self.views_of_row: dict[int, list[int]] = defaultdict(list)
        for number, row in enumerate(self.views.rows.tolist()):
            self.views_of[self.texts.sampler.rows[row].concept].append(number)
            self.views_of_row[row].append(number)
        pairs = {"shapes": [], "pictures": []}
        for number, (what, *_) in enumerate(self.views.shown):
            if what in pairs:
                pairs[what].append(number)
        self.shape_pairs = pairs["shapes"]
        self.picture_pairs = [number for number in pairs["pictures"] if self.parts_known(number)]
        self.edit_material = EditMaterial(self.views, self.texts.sampler)

    def parts_known(self, number: int) -> bool:
        """Whether there are views of both concepts of a scene."""
        return all(self.texts.sampler.rows[row].concept in self.views_of for row in self.views.shown[number][2:])

    def begin(self, concepts: Tensor) -> None:
        with torch.no_grad():
            self.targets.concepts.copy_(concepts)

    def losses(self, seed: int, progress: float) -> Iterator[tuple[str, Tensor, float]]:
        rng = random.Random(seed)
        yield "names", self.names(rng), 1.0
        yield "edits", self.edits(rng), 0.35
        yield "relations", self.relations(rng), 0.35
        yield "meanings", self.meanings(rng), 0.5

    def view(self, rng: random.Random, concept: str) -> Tensor:
        return self.views.features[rng.choice(self.views_of[concept])]

    def pictures(self, rng: random.Random, sequences: Sequences) -> list[str]:
        """Adds pictures, two of a concept side by side and of different sources where there are any, some with a text;
        returns their concepts."""
        concepts = []
        while len(concepts) < PICTURES:
            rows = self.texts.sampler.two_rows(rng)
            concept = self.texts.sampler.rows[rows[0]].concept
            if concept not in self.views_of:
                continue
            for row in rows:
                parts = [sequences.picture(self.part(rng, row, 1.0))]
                if len(concepts) < MIXED:
                    parts.insert(rng.randrange(2), self.texts.ids(self.texts.text(rng, concept)))
                sequences.add(parts)
                concepts.append(concept)
        return concepts

    def names(self, rng: random.Random) -> Tensor:
        """Pictures, texts and pictures with texts against all concepts, pictures against texts and against pictures."""
        sequences = Sequences()
        seen = self.pictures(rng, sequences)
        said = seen[1::2] + [self.texts.concept(rng) for _ in range(NAMES - PICTURES // 2)]
        for concept in said:
            sequences.add([self.texts.ids(self.texts.text(rng, concept))])
        vectors = sequences.encode(self.model)
        self.stage.counts["sequences"] += len(vectors)
        self.stage.counts["pictures"] += PICTURES
        seen, said = (torch.tensor([self.texts.number[c] for c in concepts]) for concepts in (seen, said))
        sizes = (512, rng.choice((128, 256)))
        pictures = vectors[:PICTURES]
        pairs = matching(pictures[::2], pictures[1::2], seen[::2, None] == seen[None, 1::2], self.targets.scale("pairs"), sizes)
        return naming((pictures, seen), (vectors[PICTURES:], said), self.targets, sizes) + PAIR_WEIGHT * pairs

    def meanings(self, rng: random.Random) -> Tensor:
        """Words against glosses, and both against what the teacher says."""
        texts, known = self.of_wordnet.draw(rng, MEANINGS)
        sequences = Sequences()
        for text in texts:
            sequences.add([self.texts.ids(text)])
        vectors = sequences.encode(self.model)
        self.stage.counts["sequences"] += len(vectors)
        same = torch.eye(len(vectors) // 2, dtype=torch.bool)
        matched = matching(vectors[::2], vectors[1::2], same, self.targets.scale("meanings"), (512, 128))
        return matched + TAUGHT_WEIGHT * unlike_teacher(vectors, known, self.targets)

    def edits(self, rng: random.Random) -> Tensor:
        """Captions, and pictures with words that change them, against the pictures meant."""
        sequences, shown = Sequences(), self.edit_material.draw(rng)
        pictures = [sequences.picture(self.views.scenes[one.scene]) for one in shown]
        targets = [sequences.add([picture]) for picture in pictures]
        queries, marks = [], []
        for mark, one in enumerate(shown):
            ways = [[self.texts.ids(one.caption)]]
            if one.edit:
                start, words = one.edit
                ways.append([pictures[start], self.texts.ids(words)])
            queries += [sequences.add(way) for way in ways]
            marks += [mark] * len(ways)
        vectors = sequences.encode(self.model)
        self.stage.counts["sequences"] += len(vectors)
        same = torch.tensor([[shown[mark].what == one.what for one in shown] for mark in marks])
        return matching(vectors[queries], vectors[targets], same, self.targets.scale("edits"), (512, 128))

    def relations(self, rng: random.Random) -> Tensor:
        """Scenes against captions and pictures between words."""
        sequences, shown, targets, queries, marks = Sequences(), [], [], [], []
        chosen = [2 * rng.randrange(len(self.picture_pairs) // 2) for _ in range(PICTURE_RELATIONS)]
        pool = [self.picture_pairs[n + side] for n in chosen for side in (0, 1)]
        chosen = [2 * rng.randrange(len(self.shape_pairs) // 2) for _ in range(SHAPE_RELATIONS)]
        pool += [self.shape_pairs[n + side] for n in chosen for side in (0, 1)]
        for number in pool:
            kind, relation, one, two = self.views.shown[number]
            template = rng.choice(scenes.RELATIONS[relation])
            shown.append((relation, one, two))
            targets.append(sequences.add([sequences.picture(self.views.scenes[number])]))
            if kind == "shapes":
                names = scenes.counted_name(*one, 1), scenes.counted_name(*two, 1)
            else:
                names = tuple(self.texts.sampler.rows[i].texts["en"][0] for i in (one, two))
                parts = [sequences.picture(self.part(rng, i, 0.7)) for i in (one, two)]
                pieces = scenes.fill(rng.choice(scenes.RELATIONS[relation]), *parts)
                strip = rng.random() < 0.5
                pieces = [p if isinstance(p, int) else self.texts.ids(p.strip() if strip else p) for p in pieces]
                queries.append(sequences.add(pieces))
                marks.append(len(shown) - 1)
            queries.append(sequences.add([self.texts.ids(template.format(a=names[0], b=names[1]))]))
            marks.append(len(shown) - 1)
        vectors = sequences.encode(self.model)
        self.stage.counts["sequences"] += len(vectors)
        numbers = {what: n for n, what in enumerate(dict.fromkeys(shown))}
        number = torch.tensor([numbers[what] for what in shown])
        same = number[torch.tensor(marks)][:, None] == number[None]
        marks = torch.tensor(marks)
        return matching(vectors[queries], vectors[targets], same, self.targets.scale("relations"), (512, 128)) + beaten_by_mirror(
            vectors[queries], vectors[targets], marks, number[marks] != number[marks ^ 1]
        )

    def part(self, rng: random.Random, row: int, own_share: float) -> Tensor:
        """A view of the very picture or, as far as there is none, of another of its concept."""
        own = self.views_of_row.get(row)
        if own and rng.random() < own_share:
            return self.views.features[rng.choice(own)]
        return self.view(rng, self.texts.sampler.rows[row].concept)

    def go(self, budget_s: float, every_s: float) -> None:
        self.model.train()
        self.stage.go(budget_s, every_s, self.losses)
