"""One batch of pictures with what may be done to them, and sequences of similar length packed together."""

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from .augment import Traits
from .data import CACHE_SIDE_PX

TEXT_TOKENS_MAX = 256  # longer texts are cut in training only
BUCKET_LENGTHS = (4, 6, 8, 12, 20, 40, 80, 600)  # positions, CLS included


@dataclass
class Step:
    """Collects pictures, their traits and their labels."""

    pictures: list[np.ndarray] = field(default_factory=list)
    traits: list[tuple[bool, ...]] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)

    def picture(self, pixels: np.ndarray, traits: tuple[bool, ...] = (False, False, True, False, False), label: int = -1) -> int:
        """Adds [72, 72, 4] pixels with (glyph, photo, scene, recolour, mirror); the default is a generated scene."""
        self.pictures.append(pixels)
        self.traits.append(traits)
        self.labels.append(label)
        return len(self.pictures) - 1

    def pixels(self) -> tuple[np.ndarray, Traits]:
        """All pictures [B, 72, 72, 4] and what may be done to them."""
        stacked = np.stack(self.pictures) if self.pictures else np.zeros((0, CACHE_SIDE_PX, CACHE_SIDE_PX, 4), np.uint8)
        return stacked, Traits(*np.array(self.traits, bool).reshape(-1, 5).T.copy())


@dataclass
class Bucket:
    """Members of similar length. `sources` [N, L] indexes [CLS, visual tokens..., text tokens...]."""

    members: Tensor
    sources: Tensor
    lengths: Tensor


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
