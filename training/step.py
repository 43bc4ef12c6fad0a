"""One optimizer step's material: pictures, and members (sequences of parts) gathered in groups of equal meaning."""

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from .augment import Traits
from .data import CACHE_SIDE_PX, stable_hash

IMAGE, TEXT, MIXED = 0, 1, 2
TEXT_TOKENS_MAX = 256  # longer texts are cut in training only
BUCKET_LENGTHS = (6, 8, 12, 20, 40, 80, 600)  # positions, CLS included
VISUAL_TOKENS = 5


@dataclass
class Step:
    """Collects pictures and members. A part is a picture's index in `pictures`, or a text."""

    pictures: list[np.ndarray] = field(default_factory=list)
    traits: list[tuple[bool, ...]] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)
    members: list[list] = field(default_factory=list)
    groups: list[int] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)

    @staticmethod
    def group(meaning: str) -> int:
        """The number of a meaning; equal meanings get equal numbers in all steps."""
        return stable_hash(meaning)

    def picture(self, pixels: np.ndarray, traits: tuple[bool, ...] = (False, False, True, False, False), label: int = -1) -> int:
        """Adds [72, 72, 4] pixels with (glyph, photo, scene, recolour, mirror); the default is a generated scene."""
        self.pictures.append(pixels)
        self.traits.append(traits)
        self.labels.append(label)
        return len(self.pictures) - 1

    def add(self, parts: list, group: int, weight: float = 1.0) -> None:
        """Adds a sequence as a member of a group."""
        self.members.append(parts)
        self.groups.append(group)
        self.weights.append(weight)

    def pixels(self) -> tuple[np.ndarray, Traits]:
        """All pictures [B, 72, 72, 4] and what may be done to them."""
        stacked = np.stack(self.pictures) if self.pictures else np.zeros((0, CACHE_SIDE_PX, CACHE_SIDE_PX, 4), np.uint8)
        return stacked, Traits(*np.array(self.traits, bool).reshape(-1, 5).T.copy())

    def modalities(self) -> Tensor:
        """[M]: IMAGE, TEXT or MIXED."""
        def modality(parts: list) -> int:
            texts = sum(isinstance(p, str) for p in parts)
            return TEXT if texts == len(parts) else IMAGE if texts == 0 else MIXED
        return torch.tensor([modality(parts) for parts in self.members])

    def text_numbers(self) -> Tensor:
        """[M]: equal for members whose parts are the same text, unique negative numbers for all others."""
        return torch.tensor([
            stable_hash(parts[0].casefold()) if len(parts) == 1 and isinstance(parts[0], str) else -1 - i
            for i, parts in enumerate(self.members)
        ])


@dataclass
class Bucket:
    """Members of similar length. `sources` [N, L] indexes [CLS, visual tokens..., text tokens...]."""

    members: Tensor
    sources: Tensor
    lengths: Tensor


def pack(step: Step, tokenizer) -> tuple[Tensor, list[Bucket]]:
    """All text token ids of the step in one row, and the padded buckets of source indices."""
    texts = list(dict.fromkeys(p for parts in step.members for p in parts if isinstance(p, str)))
    ids = [e.ids[:TEXT_TOKENS_MAX] for e in tokenizer.encode_batch(texts, add_special_tokens=False)]
    first_text = 1 + VISUAL_TOKENS * len(step.pictures)
    place, flat = {}, []
    for text, tokens in zip(texts, ids):
        place[text] = range(first_text + len(flat), first_text + len(flat) + len(tokens))
        flat.extend(tokens)
    rows = []
    for parts in step.members:
        row = [0]
        for part in parts:
            row.extend(place[part] if isinstance(part, str) else range(1 + VISUAL_TOKENS * part, 6 + VISUAL_TOKENS * part))
        rows.append(row)
    return torch.tensor(flat, dtype=torch.long), buckets(rows)


def buckets(rows: list[list[int]]) -> list[Bucket]:
    """Pads rows to the longest of their bucket; the padding index 0 is masked by `lengths`."""
    packed = []
    lower = 0
    for upper in BUCKET_LENGTHS:
        chosen = [i for i, row in enumerate(rows) if lower < len(row) <= upper]
        lower = upper
        if chosen:
            longest = max(len(rows[i]) for i in chosen)
            sources = torch.tensor([rows[i] + [0] * (longest - len(rows[i])) for i in chosen])
            packed.append(Bucket(torch.tensor(chosen), sources, torch.tensor([len(rows[i]) for i in chosen])))
    if sum(len(b.members) for b in packed) != len(rows):
        raise ValueError(f"a sequence is longer than {BUCKET_LENGTHS[-1]} positions")
    return packed
