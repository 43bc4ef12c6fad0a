"""Joins the transformer to a vision tower that has learnt alone.

Before this point the tower names pictures and the transformer knows nothing. Learning the space from there by gradient
alone was slow: all vectors first fell into one narrow cone. So the space is set up in closed form instead: the layers
start as the identity, the head becomes the linear discriminant of the pictures' mean token (most telling directions
first, which is also what the nested dimensions want), every proxy the mean of its concept's pictures, and the word
embeddings the ridge regression from bags of tokens to those means. Gradient learning goes on from there.
"""

import math
import random

import torch
import torch.nn.functional as F
from torch import Tensor

from .augment import augment
from .batches import Sampler
from .model import Fusion
from .objective import TEMPERATURE_START, Objective
from .step import Step, pack

PICTURES_PER_CONCEPT = 3
PICTURES_PER_PHOTO_CONCEPT = 16
BATCH = 256
ADAPTING_BATCHES = 24  # forward passes that bring the normalisation statistics to the new picture side
SHRINKAGE = 0.1
SETTLING_SEED = 77
HEAD_STD = 0.04
WORD_STD = 0.15  # of the elements of a word embedding
RIDGE = 0.1
CONJUGATE_STEPS = 30
NAME_WEIGHT, ENGLISH_WEIGHT, KEYWORD_WEIGHT = 1.0, 3.0, 0.15


def batches_of_pictures(sampler: Sampler, side: int, seed: int):
    """Yields augmented pictures [B, 3, side, side] and their labels [B], every labelled concept in turn."""
    rng, generator = random.Random(seed), torch.Generator().manual_seed(seed)
    indices = []
    for concept in sampler.label:
        members = sampler.by_concept[concept]
        photo = any(sampler.rows[i].kind == "photo" for i in members)
        most = PICTURES_PER_PHOTO_CONCEPT if photo else PICTURES_PER_CONCEPT
        indices += rng.sample(members, min(most, len(members)))
    rng.shuffle(indices)
    for start in range(0, len(indices), BATCH):
        step = Step()
        for index in indices[start : start + BATCH]:
            sampler.add_row(step, index)
        yield augment(*step.pixels(), side, generator), torch.tensor(step.labels)


@torch.no_grad()
def mean_tokens(model: Fusion, sampler: Sampler, side: int, seed: int) -> tuple[Tensor, Tensor]:
    """Mean normalised visual token [N, D] of pictures of every labelled concept, and the labels [N]."""
    model.train()
    for number, (pictures, _) in enumerate(batches_of_pictures(sampler, side, seed + 1)):
        if number == ADAPTING_BATCHES:
            break
        model.image_tokens(pictures)
    model.eval()
    features, labels = [], []
    for pictures, marks in batches_of_pictures(sampler, side, seed):
        features.append(model.final_norm(model.image_tokens(pictures)).mean(1))
        labels.append(marks)
    model.train()
    return torch.cat(features), torch.cat(labels)


def discriminant(means: Tensor, within: Tensor, along: Tensor) -> Tensor:
    """Linear discriminant [D, D] from centred concept means [C, D] and deviations from them [N, D]: whitens the spread
    within concepts, sorts its rows by the spread between them, and is blind to the direction `along` [D]."""
    values, vectors = torch.linalg.eigh(within.T @ within / len(within))
    whitening = vectors @ torch.diag((values + SHRINKAGE * values.mean()).rsqrt()) @ vectors.T
    _, _, directions = torch.linalg.svd(means @ whitening, full_matrices=len(means) < means.shape[1])
    rows = directions @ whitening
    return rows - (rows @ along)[:, None] * along


def named_concepts(sampler: Sampler) -> list[tuple[str, int, float]]:
    """Every text of every labelled concept, once: (text, label, weight)."""
    found: dict[tuple[str, int], float] = {}
    for concept, label in sampler.label.items():
        for index in sampler.by_concept[concept]:
            for language, texts in sampler.rows[index].texts.items():
                for place, text in enumerate(texts):
                    name = ENGLISH_WEIGHT if language == "en" else NAME_WEIGHT
                    weight = name if place == 0 else KEYWORD_WEIGHT
                    found[text, label] = max(weight, found.get((text, label), 0))
    return [(text, label, weight) for (text, label), weight in found.items()]


def ridge(design: Tensor, weights: Tensor, targets: Tensor) -> Tensor:
    """Solves (X'WX + RIDGE) E = X'W targets for sparse X [N, V], W [N], targets [N, D] by conjugate gradients."""
    transposed = design.t().coalesce().to_sparse_csr()
    design = design.coalesce().to_sparse_csr()
    residual = transposed @ (weights[:, None] * targets)
    solution, direction = torch.zeros_like(residual), residual.clone()
    energy = residual.square().sum(0)
    for _ in range(CONJUGATE_STEPS):
        image = transposed @ (weights[:, None] * (design @ direction)) + RIDGE * direction
        length = energy / (direction * image).sum(0).clamp(min=1e-20)
        solution += length * direction
        residual -= length * image
        energy, before = residual.square().sum(0), energy
        direction = residual + energy / before.clamp(min=1e-20) * direction
    return solution


def word_embeddings(sampler: Sampler, words, means: Tensor, along: Tensor) -> Tensor:
    """[V, D], all of one length: the part that predicts pictures, and the rest in the direction the head is blind to,
    so that words that tell little weigh little in the mean over a text."""
    texts = named_concepts(sampler)
    ids = [encoding.ids for encoding in words.encode_batch([text for text, *_ in texts], add_special_tokens=False)]
    entries = torch.tensor([(number, token) for number, row in enumerate(ids) for token in row]).T
    shares = torch.tensor([1 / len(row) for row in ids for _ in row])
    design = torch.sparse_coo_tensor(entries, shares, (len(texts), words.get_vocab_size()))
    labels, weights = torch.tensor([label for _, label, _ in texts]), torch.tensor([weight for *_, weight in texts])
    telling = ridge(design, weights, means[labels])
    whole = WORD_STD * means.shape[1] ** 0.5
    lengths = telling.norm(dim=1, keepdim=True)
    telling = telling * (0.9 * whole / torch.quantile(lengths, 0.99))
    telling = telling * (0.95 * whole / telling.norm(dim=1, keepdim=True).clamp(min=0.95 * whole))
    return telling + (whole**2 - telling.square().sum(1, keepdim=True)).sqrt() * along


@torch.no_grad()
def join(model: Fusion, objective: Objective, sampler: Sampler, words, side: int, seed: int = 0) -> None:
    """Resets everything but the vision tower and its tokens, and sets up the space around the pictures."""
    torch.manual_seed(seed)
    fresh = Fusion(model.shape).state_dict()
    kept = {name: value for name, value in model.state_dict().items() if name.startswith(("vision.", "visual."))}
    model.load_state_dict(fresh | kept)
    features, labels = mean_tokens(model, sampler, side, seed)
    width, classes, centre = model.shape.width, len(sampler.label), features.mean(0)
    along = centre / centre.norm()
    counts = torch.bincount(labels, minlength=classes).clamp(min=1)[:, None]
    means = torch.zeros(classes, width).index_add(0, labels, features) / counts
    within = features - means[labels]
    means = means - centre
    means = means - (means @ along)[:, None] * along
    rows = discriminant(means, within, along)
    head = model.head.weight
    head[:, :width] = 0  # CLS says the same of every input at first
    head[:width, width:] = rows * (HEAD_STD / rows.std())
    head[width:, width:] *= 0.1
    head[:, width:] -= (head[:, width:] @ along)[:, None] * along
    model.text.weight.copy_(word_embeddings(sampler, words, means, along) + 0.01 * torch.randn_like(model.text.weight))
    vectors = F.normalize(features @ head[:, width:].T, dim=1)
    objective.proxies.zero_().index_add_(0, labels, vectors)
    objective.proxies.copy_(F.normalize(objective.proxies, dim=1))
    objective.scale.fill_(math.log(1 / TEMPERATURE_START))


@torch.no_grad()
def pooled_material(model: Fusion, sampler: Sampler, words, side: int) -> tuple[list[Tensor], list[Tensor]]:
    """What the head reads for pictures and for texts of the labelled concepts: ([N, 2 D], [M, 2 D]), and their labels."""
    model.eval()
    pictures, labels = [], []
    for batch, marks in batches_of_pictures(sampler, side, SETTLING_SEED):
        tokens = model.image_tokens(batch)
        embedded = torch.cat([model.cls.expand(len(tokens), 1, -1), tokens], 1)
        pictures.append(model.pool(embedded, torch.full((len(tokens),), embedded.shape[1])))
        labels.append(marks)
    names = [(text, label) for text, label, weight in named_concepts(sampler) if weight >= NAME_WEIGHT]
    texts = torch.empty(len(names), 2 * model.shape.width)
    for start in range(0, len(names), 4 * BATCH):
        step = Step()
        for text, label in names[start : start + 4 * BATCH]:
            step.add([text], label)
        flat, buckets = pack(step, words)
        table = torch.cat([model.cls[None], model.text(flat)])
        for bucket in buckets:
            texts[start + bucket.members] = model.pool(table[bucket.sources], bucket.lengths)
    return [torch.cat(pictures), texts], [torch.cat(labels), torch.tensor([label for _, label in names])]


@torch.no_grad()
def settle(model: Fusion, sampler: Sampler, words, side: int) -> None:
    """Replaces the head by the linear discriminant of pictures and names together, after the last step: directions in
    which a concept's pictures and names disagree are shrunk, the most telling ones come first."""
    features, labels = pooled_material(model, sampler, words, side)
    classes = len(sampler.label)
    averages = torch.linalg.qr(torch.stack([f.mean(0) for f in features]).T).Q
    features = [f - (f @ averages) @ averages.T for f in features]
    means = []
    for f, marks in zip(features, labels):
        counts = torch.bincount(marks, minlength=classes).clamp(min=1)[:, None]
        means.append(torch.zeros(classes, f.shape[1]).index_add(0, marks, f) / counts)
    centres = (means[0] + means[1]) / 2
    spread = sum((f - centres[marks]).T @ (f - centres[marks]) / len(f) for f, marks in zip(features, labels)) / 2
    values, vectors = torch.linalg.eigh(spread)
    whitening = vectors @ torch.diag((values + SHRINKAGE * values.mean()).rsqrt()) @ vectors.T
    _, strength, directions = torch.linalg.svd(centres @ whitening, full_matrices=classes < len(whitening))
    signal = F.pad(strength.square() / classes, (0, len(directions) - len(strength)))
    rows = (signal / (1 + signal))[:, None] * (directions @ whitening)
    rows = rows - (rows @ averages) @ averages.T
    model.head.weight.copy_(rows * (HEAD_STD / rows.std()))
