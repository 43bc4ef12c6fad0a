"""The contrastive objective: one space for all modalities, groups of equal meaning, nested dimensions."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .step import IMAGE, TEXT

SAME_IMAGE_WEIGHT = 0.4  # picture to picture of a group, against 1 for pairs across modalities
SAME_TEXT_WEIGHT = 0.5
TEMPERATURE_START = 0.07
TEMPERATURE_MIN = 0.02
PROXY_SCALE = 24.0
CENTRE_WEIGHT = 2.0


def pair_weights(groups: Tensor, modalities: Tensor, weights: Tensor) -> Tensor:
    """[M, M]: how much each member wants each other one of its group near; 0 for itself and other groups."""
    same = groups[:, None] == groups[None]
    same.fill_diagonal_(False)
    both_image = (modalities[:, None] == IMAGE) & (modalities[None] == IMAGE)
    both_text = (modalities[:, None] == TEXT) & (modalities[None] == TEXT)
    strength = torch.ones(same.shape).masked_fill(both_image, SAME_IMAGE_WEIGHT).masked_fill(both_text, SAME_TEXT_WEIGHT)
    return same * strength * weights[:, None]


def negatives(groups: Tensor, texts: Tensor, other_groups: Tensor, other_texts: Tensor) -> Tensor:
    """[M, K]: which candidates count as negatives: another group, and not word for word the same text."""
    return (groups[:, None] != other_groups[None]) & (texts[:, None] != other_texts[None])


def grouped_contrast(logits: Tensor, wanted: Tensor, negative: Tensor, extra: Tensor | None, extra_negative: Tensor | None) -> Tensor:
    """Mean over wanted pairs of -log(e^s / (e^s + sum over negatives)). Pairs of one group never compete."""
    rest = logits.masked_fill(~negative, -torch.inf).logsumexp(1)
    if extra is not None:
        rest = torch.logaddexp(rest, extra.masked_fill(~extra_negative, -torch.inf).logsumexp(1))
    loss = F.softplus(rest[:, None] - logits)
    share = wanted / wanted.sum(1, keepdim=True).clamp(min=1e-6)
    anchors = wanted.amax(1)
    return (loss * share).sum(1).mul(anchors).sum() / anchors.sum().clamp(min=1e-6)


class Memory:
    """The last few steps' vectors, detached: more negatives than one step holds."""

    def __init__(self, size: int):
        self.size = size
        self.vectors, self.groups, self.texts = (torch.empty(0),) * 3

    def extend(self, vectors: Tensor, groups: Tensor, texts: Tensor) -> None:
        texts = torch.where(texts < 0, torch.full_like(texts, -(2**62)), texts)
        kept = (vectors.detach(), groups, texts)
        if len(self.vectors):
            kept = tuple(torch.cat([new, old])[: self.size] for new, old in zip(kept, (self.vectors, self.groups, self.texts)))
        self.vectors, self.groups, self.texts = kept


class Objective(nn.Module):
    """Learned temperature, nested dimensions, a memory of negatives, and two aids that are thrown away: a classifier
    on the visual tokens, and one learned vector (a proxy) per concept, near which its pictures and its texts belong."""

    def __init__(self, dimensions: tuple[int, ...], classes: int, width: int, memory: int):
        super().__init__()
        self.dimensions = dimensions
        self.scale = nn.Parameter(torch.tensor(1 / TEMPERATURE_START).log())
        self.classifier = nn.Linear(2 * width, max(classes, 1))
        self.proxies = nn.Parameter(torch.randn(max(classes, 1), dimensions[-1]) * 0.05)
        self.memory = Memory(memory)

    def contrast(self, vectors: Tensor, marks: tuple[Tensor, Tensor, Tensor, Tensor], remember: bool) -> Tensor:
        """Vectors [M, 512] and (groups, texts, modalities, weights) [M] -> loss."""
        groups, texts, modalities, weights = marks
        wanted = pair_weights(groups, modalities, weights)
        negative = negatives(groups, texts, groups, texts)
        past = self.memory if remember and len(self.memory.vectors) else None
        past_negative = negatives(groups, texts, past.groups, past.texts) if past else None
        scale = self.scale.exp().clamp(max=1 / TEMPERATURE_MIN)
        total = torch.zeros(())
        for size in self.dimensions:
            part = F.normalize(vectors[:, :size], dim=1)
            extra = scale * part @ F.normalize(past.vectors[:, :size], dim=1).T if past else None
            total = total + grouped_contrast(scale * part @ part.T, wanted, negative, extra, past_negative)
        if remember:
            self.memory.extend(vectors, groups, texts)
        return total / len(self.dimensions)

    def off_centre(self, vectors: Tensor, modalities: Tensor) -> Tensor:
        """Squared length of each modality's mean unit vector: large when all vectors share one narrow cone."""
        means = [F.normalize(vectors[modalities == m], dim=1).mean(0) for m in modalities.unique()]
        return CENTRE_WEIGHT * torch.stack([mean.square().sum() for mean in means]).mean()

    def gather(self, vectors: Tensor, labels: Tensor, texts: Tensor) -> Tensor:
        """Vectors [M, 512] of any modality against every concept's proxy (label -1: none). Texts weigh as much as the rest."""
        losses = []
        for chosen in ((labels >= 0) & texts, (labels >= 0) & ~texts):
            for size in (self.dimensions[-1], self.dimensions[0]) if chosen.any() else ():
                near = F.normalize(vectors[chosen, :size], dim=1) @ F.normalize(self.proxies[:, :size], dim=1).T
                losses.append(F.cross_entropy(PROXY_SCALE * near, labels[chosen]))
        return torch.stack(losses).mean() if losses else torch.zeros(())

    def classify(self, tokens: Tensor, labels: Tensor) -> Tensor:
        """Visual tokens [B, 5, D] against the concept of each picture (-1: none)."""
        seen = labels >= 0
        if not seen.any():
            return torch.zeros(())
        features = torch.cat([tokens[seen, :4].mean(1), tokens[seen, 4]], 1)
        return F.cross_entropy(self.classifier(features), labels[seen], label_smoothing=0.1)
