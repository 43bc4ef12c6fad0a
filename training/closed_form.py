"""Sets up the space in closed form, so that gradient learning starts from something that already works.

Every concept gets a vector of two parts: what the text teacher says of its name, and what the tower's classifier tells apart
in pictures, in fewer values. Word embeddings start as the teacher's vectors of the tokens, rare ones weighing more (smooth
inverse frequency: Arora et al. 2017), corrected by a ridge regression so that the mean over a text meets the concept, and
the means over a WordNet word and its gloss meet half way between what the teacher says of either; visual tokens by a ridge
regression onto what the teacher says of a picture's name and the classifier of the picture. The layers start as the identity.
"""

from collections import Counter
from pathlib import Path

import torch
import torch.nn.functional as F
from tokenizers import Tokenizer
from torch import Tensor, nn

from .data import Row
from .meanings import Meanings
from .model import Fusion, VisualTokens
from .teacher import taught
from .texts import Texts
from .tower import TowerHeads
from .views import Views

SEMANTIC, VISUAL = 160, 94  # values of a concept's vector; one more direction of the width is the filler's, one the mean's
VISUAL_SHARE = 0.5  # of the squared length
FREQUENCY = 1e-3
RIDGE = 0.1
VIEWS_AT_ONCE = 8192
CONJUGATE_STEPS = 40
MEANING_WEIGHT = 0.5  # of a WordNet word or gloss; an English name has 3
WORD_STD = 0.15  # of the elements of a token
FEATURE_SHARE = 0.3  # of a visual token that is left to whatever else the tower sees


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


def told_apart(tokens: Tensor, classifier: nn.Linear, size: int) -> tuple[Tensor, Tensor]:
    """What a classifier [D -> classes] tells apart in tokens [N, D], as codes of the pictures [N, size] and of the classes
    [classes, size] whose products are the logits as nearly as so few values can give them (truncated singular values)."""
    tokens = tokens - tokens.mean(0)
    values, vectors = torch.linalg.eigh(tokens.T @ tokens / len(tokens))
    spread = values.clamp(min=1e-8).sqrt()
    weights = classifier.weight - classifier.weight.mean(0)
    classes, strength, directions = torch.linalg.svd((weights @ vectors) * spread, full_matrices=False)
    return tokens @ ((vectors / spread) @ directions[:size].T), (classes * strength)[:, :size]


def token_weights(words: Tokenizer, texts: list[str], rows: list[Row]) -> Tensor:
    """[V]: smooth inverse frequency over these texts and the names that are trained on."""
    counts: Counter[int] = Counter()
    texts = texts + [text for row in rows[::5] if row.trained_on for names in row.texts.values() for text in names[:1]]
    for encoding in words.encode_batch(texts, add_special_tokens=False):
        counts.update(encoding.ids)
    total = sum(counts.values())
    shares = torch.tensor([counts[i] / total for i in range(words.get_vocab_size())])
    return FREQUENCY / (FREQUENCY + shares)


def scaled(vectors: Tensor, energy: float) -> Tensor:
    """The same with this mean squared length (rows of zeros left out)."""
    lengths = vectors.square().sum(1)
    return vectors * (energy / lengths[lengths > 0].mean()).sqrt()


class ClosedForm:
    """Everything that the set-up reads."""

    def __init__(self, texts: Texts, views: Views, meanings: Meanings, classifier: nn.Linear, teacher: Path):
        self.texts, self.views, self.meanings, self.classifier, self.teacher = texts, views, meanings, classifier, teacher
        rows = texts.sampler.rows
        numbers = torch.tensor([texts.number.get(row.concept, -1) for row in rows])
        self.labels = numbers[views.rows]

    def semantic(self) -> tuple[Tensor, Tensor, Tensor]:
        """Token embeddings [V, SEMANTIC], weighted, and vectors of concepts [classes, SEMANTIC] and of WordNet's meanings
        [synsets, SEMANTIC], from the teacher."""
        words = self.texts.words
        pieces = [words.decode([i]).strip() or "." for i in range(words.get_vocab_size())]
        tokens, named = (
            taught(self.teacher, texts, self.teacher / f"{name}.pt").float()
            for name, texts in (("tokens", pieces), ("concepts", list(self.texts.number)))
        )
        meanings = self.meanings.words + self.meanings.glosses
        meanings = meanings - meanings.mean(0)
        basis = torch.linalg.svd(meanings, full_matrices=False).Vh[:SEMANTIC].T
        weights = token_weights(words, self.meanings.called + self.meanings.explained, self.texts.sampler.rows)
        return (tokens - tokens.mean(0)) @ basis * weights[:, None], (named - named.mean(0)) @ basis, meanings @ basis

    def visual(self, tower: VisualTokens) -> tuple[Tensor, Tensor]:
        """What the tower's classifier tells apart, of the views [N, VISUAL] and of the concepts [classes, VISUAL] (zeros for
        those that it does not know)."""
        tokens = torch.cat([
            TowerHeads.pooled(tower.from_pooled(some.float())) for some in self.views.features.split(VIEWS_AT_ONCE)
        ])
        seen, known = told_apart(tokens, self.classifier, VISUAL)
        return seen, F.pad(known, (0, 0, 0, len(self.texts.number) - len(known)))

    def words(self, tokens: Tensor, concepts: Tensor, meanings: Tensor) -> Tensor:
        """Word vectors [V, SEMANTIC + VISUAL] whose mean over a text meets the text's concept or, as far as the teacher
        goes, its meaning."""
        texts = self.texts.everything()
        ids = [self.texts.ids(text) for text in [text for text, *_ in texts] + self.meanings.called + self.meanings.explained]
        entries = torch.tensor([(number, token) for number, row in enumerate(ids) for token in row]).T
        shares = torch.tensor([1 / len(row) for row in ids for _ in row])
        design = torch.sparse_coo_tensor(entries, shares, (len(ids), len(tokens)))
        named = concepts[torch.tensor([n for _, n, _ in texts])]
        wanted = torch.cat([named, F.pad(meanings, (0, VISUAL)).repeat(2, 1)])
        weights = torch.tensor([w for *_, w in texts] + [MEANING_WEIGHT] * (2 * len(meanings)))
        of_names = weights * (torch.arange(len(ids)) < len(texts))  # nothing is known of how a meaning looks
        start = F.pad(tokens, (0, VISUAL))
        said = design.to_sparse_csr() @ start
        scale = (said * wanted)[:, :SEMANTIC].sum() / said.square().sum()
        missing = wanted - scale * said
        corrections = ridge(design, weights, missing[:, :SEMANTIC]), ridge(design, of_names, missing[:, SEMANTIC:])
        return scale * start + torch.cat(corrections, 1)

    def pictures(self, meant: Tensor, seen: Tensor) -> tuple[Tensor, Tensor]:
        """Weight [SEMANTIC + VISUAL, C] and bias by which the mean of a picture's features says what is `meant` by its
        concept [classes, SEMANTIC] and what is `seen` in it [N, VISUAL]."""
        gram, cross = 0, 0
        for start in range(0, len(self.labels), VIEWS_AT_ONCE):
            some = slice(start, start + VIEWS_AT_ONCE)
            known = F.pad(self.views.features[some].float().mean(1), (0, 1), value=1.0)
            wanted = torch.cat([meant[self.labels[some]], seen[some]], 1)
            gram, cross = gram + known.T @ known, cross + known.T @ wanted
        gram = gram + 1e-4 * gram.diagonal().mean() * torch.eye(len(gram))
        solution = torch.linalg.solve(gram, cross)
        return solution[:-1].T, solution[-1]

    @torch.no_grad()
    def set_up(self, model: Fusion) -> Tensor:
        """Resets everything but the tower; returns the concept vectors [classes, 512]."""
        width, dimension = model.shape.width, model.shape.dimension
        tokens, semantic, meanings = self.semantic()
        semantic = scaled(semantic, 1 - VISUAL_SHARE)
        seen, known = (scaled(codes, VISUAL_SHARE) for codes in self.visual(model.visual))
        weight, bias = self.pictures(semantic, seen)
        concepts = torch.cat([semantic, known], 1)
        turn = torch.linalg.svd(concepts, full_matrices=False).Vh.T  # most telling first: the nested dimensions want it
        word_vectors = self.words(tokens, concepts, scaled(meanings, 1 - VISUAL_SHARE)) @ turn
        weight, bias, concepts = turn.T @ weight, turn.T @ bias, concepts @ turn
        fresh = torch.linalg.qr(torch.cat([torch.ones(width, 1), torch.randn(width, width - 1)], 1)).Q[:, 1:]
        telling, filler = fresh[:, :-1], fresh[:, -1]  # both blind to the mean, which layer norms take away
        whole = WORD_STD * width**0.5
        lengths = word_vectors.norm(dim=1, keepdim=True)
        word_vectors = word_vectors * (0.9 * whole / torch.quantile(lengths, 0.99))
        word_vectors = word_vectors * (0.95 * whole / word_vectors.norm(dim=1, keepdim=True).clamp(min=0.95 * whole))
        rest = (whole**2 - word_vectors.square().sum(1, keepdim=True)).sqrt()
        model.text.weight.copy_(word_vectors @ telling.T + rest * filler)
        model.visual.proj.weight.copy_(telling @ weight)
        model.visual.proj.bias.copy_(telling @ bias)
        other = torch.randn_like(model.visual.proj.weight)
        model.visual.proj.weight.add_(other * (FEATURE_SHARE * (telling @ weight).std()))
        model.visual.norm.weight.fill_(WORD_STD)
        model.visual.norm.bias.zero_()
        model.visual.position.mul_(0.0).add_(0.02 * torch.randn_like(model.visual.position))
        model.head.weight.normal_(std=0.02)
        model.head.weight[:, :width] = 0
        model.head.weight[: telling.shape[1], width:] = telling.T
        return F.normalize(F.pad(concepts, (0, dimension - concepts.shape[1])), dim=1)
