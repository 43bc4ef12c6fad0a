"""The losses of the space: what belongs together lies together, at every size that a user may cut a vector to."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

MIRROR_SCALE = 20.0
SCALED = ("names", "pairs", "meanings", "edits", "relations")  # losses with a sharpness of their own
SCALE_START, SCALE_MAX = 16.0, 60.0
LABEL_SMOOTHING = 0.05
PICTURE_WEIGHT = 0.35  # pictures against the vectors of all concepts
SPOKEN_WEIGHT = 0.7  # pictures against the same, with texts of the step in their concepts' places
TEXT_WEIGHT = 0.15  # texts against the vectors of all concepts
APART_WEIGHT = 12.0  # one minus the cosine of a text and its concept


class Targets(nn.Module):
    """A vector for every concept, what a vector says of the teacher's, and the sharpness of each loss."""

    def __init__(self, concepts: Tensor, taught: int):
        super().__init__()
        self.concepts = nn.Parameter(concepts.clone())
        self.taught = nn.Linear(concepts.shape[1], taught, bias=False)
        self.scales = nn.ParameterDict({loss: torch.tensor(SCALE_START).log() for loss in SCALED})

    def scale(self, loss: str) -> Tensor:
        return self.scales[loss].exp().clamp(max=SCALE_MAX)


def cut(vectors: Tensor, size: int) -> Tensor:
    """The first values, as unit vectors."""
    return F.normalize(vectors[:, :size], dim=1)


def spoken(concepts: Tensor, texts: Tensor, labels: Tensor) -> Tensor:
    """The concepts [C, D], some replaced by what a text [T, D] says of them; the last text of a concept counts."""
    last = {label: place for place, label in enumerate(labels.tolist())}
    return concepts.index_copy(0, torch.tensor(list(last)), texts[list(last.values())])


def naming(pictures: tuple[Tensor, Tensor], texts: tuple[Tensor, Tensor], targets: Targets, sizes: tuple[int, ...]) -> Tensor:
    """Pictures and texts, (vectors, numbers of concepts) each, near their concepts and far from all others.

    To be nearest among the concepts is not enough for two modalities to meet: a text may keep a third of its length for
    itself and still win, and that part is noise to every picture. So texts are also pulled onto their concepts, and
    pictures choose among texts.
    """
    total = 0.0
    for size in sizes:
        concepts = cut(targets.concepts, size)
        seen, said = cut(pictures[0], size), cut(texts[0], size)

        def against(vectors: Tensor, candidates: Tensor, labels: Tensor) -> Tensor:
            return F.cross_entropy(targets.scale("names") * vectors @ candidates.T, labels, label_smoothing=LABEL_SMOOTHING)

        total = total + PICTURE_WEIGHT * against(seen, concepts, pictures[1])
        total = total + SPOKEN_WEIGHT * against(seen, spoken(concepts, said, texts[1]), pictures[1])
        total = total + TEXT_WEIGHT * against(said, concepts, texts[1])
        total = total + APART_WEIGHT * (1 - (said * concepts[texts[1]]).sum(1).mean())
    return total / len(sizes)


def matching(queries: Tensor, candidates: Tensor, same: Tensor, scale: Tensor, sizes: tuple[int, ...]) -> Tensor:
    """Both ways contrast of [N, 512] with [M, 512]; `same` [N, M] marks what belongs together (at least one each way)."""
    total = 0.0
    for size in sizes:
        logits = scale * cut(queries, size) @ cut(candidates, size).T
        for scores, right in ((logits, same), (logits.T, same.T)):
            total = total + (scores.logsumexp(1) - scores.masked_fill(~right, -torch.inf).logsumexp(1)).mean()
    return total / (2 * len(sizes))


def beaten_by_mirror(queries: Tensor, scenes_seen: Tensor, marks: Tensor, unlike: Tensor) -> Tensor:
    """How far each query is from preferring its scene, number `marks`, to the opposite one beside it (marks ^ 1)."""
    queries, scenes_seen = F.normalize(queries, dim=1), F.normalize(scenes_seen, dim=1)
    lead = (queries * (scenes_seen[marks] - scenes_seen[marks ^ 1])).sum(1)
    return F.softplus(-MIRROR_SCALE * lead[unlike]).mean()


def unlike_teacher(vectors: Tensor, known: Tensor, targets: Targets) -> Tensor:
    """One minus the cosine of what the vectors [N, 512] say of the teacher's, and the teacher's [N, taught]."""
    return (1 - F.cosine_similarity(targets.taught(F.normalize(vectors, dim=1)), known, dim=1)).mean()
