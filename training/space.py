"""The shared space: the transformer learns from cached features of pictures and scenes, and from texts.

Four kinds of material in every step, each with a loss of its own:
names (pictures and texts of a concept near the concept's vector, a softmax over all concepts), meanings (words and
glosses of WordNet), edits (picture and "but blue" near the blue one, captions) and relations (two things in a place
each, as scene, caption and pictures between words, the mirrored scene always among the candidates).
"""

import random
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from . import scenes
from .data import Synset
from .model import Fusion
from .progress import Stage, parameter_groups
from .step import buckets
from .texts import Texts
from .views import Views

PICTURES, NAMES, MEANINGS, MIXED = 112, 176, 24, 16
EDITS, PICTURE_RELATIONS, SHAPE_RELATIONS = 32, 28, 12
MIRROR_SCALE = 20.0
SCALE_START, SCALE_MAX = 16.0, 60.0
RATES = {"layers": 8e-4, "head": 4e-4, "text": 7e-4, "visual": 4e-4, "targets": 4e-4}
LABEL_SMOOTHING = 0.05


class Targets(nn.Module):
    """A vector for every concept, and the sharpness of each loss."""

    def __init__(self, concepts: Tensor):
        super().__init__()
        self.concepts = nn.Parameter(concepts.clone())
        self.scales = nn.Parameter(torch.full((4,), SCALE_START).log())

    def scale(self, which: int) -> Tensor:
        return self.scales[which].exp().clamp(max=SCALE_MAX)


class Sequences:
    """Sequences of one loss: lists of token ids and pictures (features [5, C]), in any order."""

    def __init__(self):
        self.features: list[Tensor] = []
        self.rows: list[list] = []

    def picture(self, features: Tensor) -> int:
        self.features.append(features)
        return len(self.features) - 1

    def add(self, parts: list) -> int:
        """A part is token ids (list) or a picture's number (int). Returns the sequence's number."""
        self.rows.append(parts)
        return len(self.rows) - 1

    def encode(self, model: Fusion) -> Tensor:
        """Unnormalised vectors [N, 512]."""
        tokens = model.visual.from_pooled(torch.stack(self.features).float()) if self.features else torch.zeros(0, 5, model.shape.width)
        count = tokens.shape[1]
        first_text = 1 + count * len(tokens)
        flat, rows = [], []
        for parts in self.rows:
            row = [0]
            for part in parts:
                if isinstance(part, int):
                    row += range(1 + count * part, 1 + count * (part + 1))
                else:
                    row += range(first_text + len(flat), first_text + len(flat) + len(part))
                    flat += part
            rows.append(row)
        table = torch.cat([model.cls[None], tokens.flatten(0, 1), model.text(torch.tensor(flat, dtype=torch.long))])
        packed = buckets(rows)
        vectors = [model.encode(table.index_select(0, b.sources.flatten()).view(*b.sources.shape, -1), b.lengths) for b in packed]
        return torch.cat(vectors).index_select(0, torch.cat([b.members for b in packed]).argsort())


def nested(vectors: Tensor, sizes: tuple[int, ...]) -> Iterator[tuple[Tensor, int]]:
    for size in sizes:
        yield F.normalize(vectors[:, :size], dim=1), size


def matching(queries: Tensor, candidates: Tensor, same: Tensor, scale: Tensor, sizes: tuple[int, ...]) -> Tensor:
    """Both ways contrast of [N, 512] with [M, 512]; `same` [N, M] marks what belongs together (at least one each way)."""
    total = 0.0
    for size in sizes:
        logits = scale * F.normalize(queries[:, :size], dim=1) @ F.normalize(candidates[:, :size], dim=1).T
        for scores, right in ((logits, same), (logits.T, same.T)):
            total = total + (scores.logsumexp(1) - scores.masked_fill(~right, -torch.inf).logsumexp(1)).mean()
    return total / (2 * len(sizes))


def beaten_by_mirror(queries: Tensor, scenes_seen: Tensor, marks: Tensor, unlike: Tensor) -> Tensor:
    """How far each query is from preferring its scene, number `marks`, to the opposite one beside it (marks ^ 1)."""
    queries, scenes_seen = F.normalize(queries, dim=1), F.normalize(scenes_seen, dim=1)
    lead = (queries * (scenes_seen[marks] - scenes_seen[marks ^ 1])).sum(1)
    return F.softplus(-MIRROR_SCALE * lead[unlike]).mean()


class SpaceStage:
    """Trains everything but the tower."""

    def __init__(self, model: Fusion, texts: Texts, views: Views, synsets: list[Synset], path: Path, seed: int):
        self.model, self.texts, self.views = model, texts, views
        self.synsets = [s for s in synsets if not s.held_out]
        self.index()
        self.targets = Targets(torch.zeros(len(texts.number), model.shape.dimension))
        model.vision.requires_grad_(False)
        groups = parameter_groups([
            (model.layers, RATES["layers"]), (model.final_norm, RATES["layers"]), (model.head, RATES["head"]),
            (model.text, RATES["text"]), (model.visual, RATES["visual"]),
        ])
        for parameters, rate in (([model.cls], RATES["layers"]), (list(self.targets.parameters()), RATES["targets"])):
            groups.append({"params": parameters, "rate": rate, "lr": rate, "weight_decay": 0.0})
        self.stage = Stage(path, {"model": model, "targets": self.targets}, groups, seed)

    def index(self) -> None:
        """Which views belong to which concept, which scenes show what."""
        self.views_of: dict[str, list[int]] = defaultdict(list)
        self.views_of_row: dict[int, list[int]] = defaultdict(list)
        for number, row in enumerate(self.views.rows.tolist()):
            self.views_of[self.texts.sampler.rows[row].concept].append(number)
            self.views_of_row[row].append(number)
        self.counted: dict[tuple, list[int]] = defaultdict(list)
        self.inked: dict[int, dict[str, int]] = defaultdict(dict)
        self.shape_pairs, self.picture_pairs = [], []
        for number, (what, *shown) in enumerate(self.views.shown):
            if what == "counted":
                self.counted[tuple(shown)].append(number)
            elif what == "glyph":
                self.inked[shown[0]][shown[1]] = number
            else:
                (self.shape_pairs if what == "shapes" else self.picture_pairs).append(number)
        self.picture_pairs = [number for number in self.picture_pairs if self.parts_known(number)]
        self.things = list(self.counted)
        self.glyphs = list(self.inked)

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
        yield "meanings", self.meanings(rng), 0.25

    def view(self, rng: random.Random, concept: str) -> Tensor:
        return self.views.features[rng.choice(self.views_of[concept])]

    def names(self, rng: random.Random) -> Tensor:
        """Pictures, texts and pictures with texts against all concepts."""
        sequences, numbers = Sequences(), []
        sampler = self.texts.sampler
        while len(numbers) < PICTURES:
            concept = sampler.rows[sampler.two_rows(rng)[0]].concept
            if concept not in self.views_of:
                continue
            picture = sequences.picture(self.view(rng, concept))
            parts = [picture]
            if len(numbers) < MIXED:
                words = self.texts.ids(self.texts.text(rng, concept))
                parts = [picture, words] if rng.random() < 0.5 else [words, picture]
            sequences.add(parts)
            numbers.append(self.texts.number[concept])
        ids, labels = self.texts.draw(rng, NAMES)
        for row in ids:
            sequences.add([row])
        vectors = sequences.encode(self.model)
        self.stage.counts["sequences"] += len(vectors)
        self.stage.counts["pictures"] += PICTURES
        labels = torch.cat([torch.tensor(numbers), labels])
        size = rng.choice((128, 256))
        total = 0.0
        for part in (512, size):
            near = F.normalize(vectors[:, :part], dim=1) @ F.normalize(self.targets.concepts[:, :part], dim=1).T
            total = total + 0.5 * F.cross_entropy(self.targets.scale(0) * near, labels, label_smoothing=LABEL_SMOOTHING)
        return total

    def meanings(self, rng: random.Random) -> Tensor:
        """Words and glosses."""
        some = {s.words[0].casefold(): s for s in rng.sample(self.synsets, MEANINGS)}
        sequences = Sequences()
        for synset in some.values():
            sequences.add([self.texts.ids(synset.words[0] if rng.random() < 0.8 else rng.choice(synset.words))])
            sequences.add([self.texts.ids(synset.gloss)])
        vectors = sequences.encode(self.model)
        self.stage.counts["sequences"] += len(vectors)
        return matching(vectors[::2], vectors[1::2], torch.eye(len(some), dtype=torch.bool), self.targets.scale(1), (512, 128))

    def edited(self, rng: random.Random) -> Iterator[tuple[tuple, int, str, str]]:
        """Both sides of one edit: (what it shows, its picture, its caption, the words that lead to it)."""
        pick = rng.random()
        if pick < 0.35:
            glyph = rng.choice(self.glyphs)
            one, two = rng.sample(list(self.inked[glyph]), 2)
            template = rng.choice(scenes.COLOUR_EDITS)
            name = self.texts.sampler.rows[glyph].texts["en"][0]
            for new, old in ((one, two), (two, one)):
                yield (glyph, new), self.inked[glyph][new], f"{new} {name}", template.format(c=new, o=old)
            return
        colour, shape, count = one = rng.choice(self.things)
        change = rng.choices(("colour", "shape", "count"), (0.6, 0.2, 0.2))[0]
        while True:
            other = rng.choice(self.things)
            two = {"colour": (other[0], shape, count), "shape": (colour, other[1], count), "count": (colour, shape, other[2])}[change]
            if two != one and two in self.counted:
                break
        template = rng.choice({"colour": scenes.COLOUR_EDITS, "shape": scenes.SHAPE_EDITS, "count": scenes.COUNT_EDITS}[change])
        for new, old in ((one, two), (two, one)):
            words = template.format(c=new[0], o=old[0], s=new[1], n=scenes.COUNTS[new[2]], m=scenes.COUNTS[old[2]])
            yield new, rng.choice(self.counted[new]), scenes.counted_name(*new), words

    def edits(self, rng: random.Random) -> Tensor:
        """Captions, and pictures with words that change them, against the pictures meant."""
        sequences, shown, targets, queries = Sequences(), [], [], []
        for _ in range(EDITS):
            pair = list(self.edited(rng))
            numbers = [sequences.picture(self.views.scenes[picture]) for _, picture, *_ in pair]
            for (what, _, caption, words), mine, other in zip(pair, numbers, numbers[::-1]):
                shown.append(what)
                targets.append(sequences.add([mine]))
                queries.append(sequences.add([self.texts.ids(caption)]))
                queries.append(sequences.add([other, self.texts.ids(words)]))
        vectors = sequences.encode(self.model)
        self.stage.counts["sequences"] += len(vectors)
        numbers = {what: n for n, what in enumerate(dict.fromkeys(shown))}
        marks = torch.tensor([numbers[what] for what in shown])
        same = marks.repeat_interleave(2)[:, None] == marks[None]
        return matching(vectors[queries], vectors[targets], same, self.targets.scale(2), (512, 128))

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
                parts = [sequences.picture(self.part(rng, i)) for i in (one, two)]
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
        return matching(vectors[queries], vectors[targets], same, self.targets.scale(3), (512, 128)) + beaten_by_mirror(
            vectors[queries], vectors[targets], marks, number[marks] != number[marks ^ 1]
        )

    def part(self, rng: random.Random, row: int) -> Tensor:
        """A view of the very picture, or of another of its concept."""
        own = self.views_of_row.get(row)
        if own and rng.random() < 0.7:
            return self.views.features[rng.choice(own)]
        return self.view(rng, self.texts.sampler.rows[row].concept)

    def go(self, budget_s: float, every_s: float) -> None:
        self.model.train()
        self.stage.go(budget_s, every_s, self.losses)
