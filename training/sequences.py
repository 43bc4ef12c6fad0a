"""Sequences of text and pictures, given in any order and encoded in batches of similar length."""

import torch
from torch import Tensor

from .model import Fusion
from .step import buckets


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
