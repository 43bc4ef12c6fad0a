"""The exported model, run from model.safetensors alone.

This is a second, independent statement of the forward pass: folded convolutions, float16 weights widened to float32,
no module of the training code. Golden files and every reported figure come from here.
"""

import json
import math
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import Tensor


class Exported:
    """config.json, tokenizer.json and model.safetensors of one folder."""

    def __init__(self, folder: Path):
        self.config = json.loads((folder / "config.json").read_text())
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.weights = {name: value.float() for name, value in load_file(folder / "model.safetensors").items()}

    def tokens(self, text: str) -> list[int]:
        """Token ids of one text part."""
        return self.tokenizer.encode(text, add_special_tokens=False).ids

    def linear(self, name: str, x: Tensor) -> Tensor:
        return x @ self.weights[name + ".weight"].T + self.weights[name + ".bias"]

    def norm(self, name: str, x: Tensor) -> Tensor:
        mean = x.mean(-1, keepdim=True)
        variance = ((x - mean) ** 2).mean(-1, keepdim=True)
        scaled = (x - mean) / torch.sqrt(variance + self.config["norm_eps"])
        return scaled * self.weights[name + ".weight"] + self.weights[name + ".bias"]

    def convolve(self, name: str, x: Tensor, stride: int) -> Tensor:
        """x [B, C, h, w]; the stored weight is [out, kh, kw, in]."""
        weight = self.weights[name + ".weight"].permute(0, 3, 1, 2).contiguous()
        return F.conv2d(x, weight, self.weights[name + ".bias"], stride, 1)

    def feature_map(self, images: Tensor) -> Tensor:
        """[B, 3, 64, 64] in -1..1 -> [B, 256, 4, 4]."""
        x = self.convolve("vision.stem", images, 2).relu()
        for s, (_, blocks) in enumerate(self.config["vision_stages"]):
            x = self.convolve(f"vision.stages.{s}.down", x, 2).relu()
            for b in range(blocks):
                block = f"vision.stages.{s}.blocks.{b}"
                y = self.convolve(block + ".conv1", x, 1).relu()
                x = (x + self.convolve(block + ".conv2", y, 1)).relu()
        return x

    def visual_tokens(self, images: Tensor) -> Tensor:
        """[B, 3, 64, 64] -> [B, 5, 256]."""
        x = self.feature_map(images)
        quadrants = [x[:, :, r : r + 2, c : c + 2].mean((2, 3)) for r in (0, 2) for c in (0, 2)]
        pooled = torch.stack([*quadrants, x.amax((2, 3))], 1)
        return self.norm("visual.norm", self.linear("visual.proj", pooled)) + self.weights["visual.position"]

    def attention(self, name: str, x: Tensor, valid: Tensor) -> Tensor:
        """Full attention of x [N, L, D] over the positions where `valid` [N, L] holds."""
        n, length, width = x.shape
        heads = self.config["heads"]
        head = width // heads
        split = self.linear(name + ".qkv", x).view(n, length, 3, heads, head).permute(2, 0, 3, 1, 4)
        q, k, v = rope(split[0], self.config["rope_base"]), rope(split[1], self.config["rope_base"]), split[2]
        scores = q @ k.transpose(-1, -2) / math.sqrt(head)
        scores = scores.masked_fill(~valid[:, None, None, :], -torch.inf)
        mixed = (scores.softmax(-1) @ v).transpose(1, 2).reshape(n, length, width)
        return self.linear(name + ".out", mixed)

    def transformer(self, x: Tensor, valid: Tensor) -> Tensor:
        """[N, L, D] -> [N, L, D] after the final norm."""
        for layer in range(self.config["layers"]):
            name = f"layers.{layer}"
            x = x + self.attention(name, self.norm(name + ".norm1", x), valid)
            x = x + self.linear(name + ".down", gelu(self.linear(name + ".up", self.norm(name + ".norm2", x))))
        return self.norm("final_norm", x)

    def sequence(self, parts: list) -> Tensor:
        """Parts in order (text, or visual tokens [5, 256]) -> [L, D], CLS first."""
        rows = [self.weights["cls"][None]]
        for part in parts:
            if isinstance(part, str):
                rows.append(self.weights["text.embedding"][torch.tensor(self.tokens(part), dtype=torch.long)])
            else:
                rows.append(part)
        return torch.cat(rows)

    def pooled(self, sequences: list[Tensor]) -> Tensor:
        """Sequences [L_i, D] -> unit vectors [N, 512]."""
        lengths = torch.tensor([len(s) for s in sequences])
        x = torch.nn.utils.rnn.pad_sequence(sequences, batch_first=True)
        valid = torch.arange(x.shape[1])[None] < lengths[:, None]
        x = self.transformer(x, valid) * valid[..., None]
        rest = x[:, 1:].sum(1) / (lengths - 1).clamp(min=1)[:, None]
        return F.normalize(torch.cat([x[:, 0], rest], 1) @ self.weights["head.weight"].T, dim=1)

    @torch.inference_mode()
    def embed(self, inputs: list[list], batch: int = 128) -> Tensor:
        """Embeds lists of parts; batched by length so that little is padded. Returns [N, 512] in input order."""
        sequences = [self.sequence(parts) for parts in inputs]
        order = sorted(range(len(sequences)), key=lambda i: len(sequences[i]))
        vectors = torch.empty(len(sequences), self.config["dimension"])
        for start in range(0, len(order), batch):
            chosen = order[start : start + batch]
            vectors[chosen] = self.pooled([sequences[i] for i in chosen])
        return vectors

    @torch.inference_mode()
    def embed_texts(self, texts: list[str]) -> Tensor:
        """[N, 512] for plain texts."""
        return self.embed([[text] for text in texts])

    @torch.inference_mode()
    def look(self, images: Tensor, batch: int = 256) -> Tensor:
        """Visual tokens [B, 5, 256] of many images [B, 3, 64, 64]."""
        return torch.cat([self.visual_tokens(images[i : i + batch]) for i in range(0, len(images), batch)])


def gelu(x: Tensor) -> Tensor:
    """The tanh approximation."""
    return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def rope(x: Tensor, base: float) -> Tensor:
    """Rotary embedding of x [..., L, head], rotate-half convention, position = index in the sequence."""
    half = x.shape[-1] // 2
    angle = torch.arange(x.shape[-2])[:, None] * base ** (-torch.arange(half) / half)
    a, b = x[..., :half], x[..., half:]
    return torch.cat([a * angle.cos() - b * angle.sin(), b * angle.cos() + a * angle.sin()], -1)


def prepared(picture: Image.Image, side: int = 64) -> np.ndarray:
    """The inference preprocessing: composited on white, squashed to side x side, -1..1, [3, side, side]."""
    if picture.mode != "RGB":
        picture = picture.convert("RGBA")
        ground = Image.new("RGBA", picture.size, (255, 255, 255, 255))
        ground.alpha_composite(picture)
        picture = ground.convert("RGB")
    resized = np.asarray(picture.resize((side, side), Image.BICUBIC), np.float32)
    return ((resized / 255 - 0.5) / 0.5).transpose(2, 0, 1)
