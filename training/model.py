"""The training form of onespace-mini: a convolutional vision tower feeding a small bidirectional transformer.

Shapes are written as comments with B = images, N = sequences, L = positions in a sequence, D = width.
The exported form (batch normalisation folded, float16) is described in export.py and run by inference.py.
"""

from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class Shape:
    """Sizes of every part. Only the defaults are shipped; tests use smaller ones."""

    image_side_px: int = 64
    stem: int = 32
    stages: tuple[tuple[int, int], ...] = ((64, 1), (128, 1), (256, 2))
    visual_tokens: int = 5
    width: int = 256
    layers: int = 2
    heads: int = 4
    mlp: int = 1024
    rope_base: float = 10000.0
    norm_eps: float = 1e-5
    vocabulary: int = 16384
    dimension: int = 512
    dimensions: tuple[int, ...] = field(default=(128, 256, 512))


class NormedConv(nn.Module):
    """A 3x3 convolution without bias followed by batch normalisation; the export folds the two into one."""

    def __init__(self, inputs: int, outputs: int, stride: int):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.conv(x))


class ResidualBlock(nn.Module):
    """y = relu(x + conv2(relu(conv1(x))))."""

    def __init__(self, channels: int):
        super().__init__()
        self.conv1 = NormedConv(channels, channels, 1)
        self.conv2 = NormedConv(channels, channels, 1)
        nn.init.constant_(self.conv2.norm.weight, 0.2)  # blocks start near the identity

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv2(F.relu_(self.conv1(x)))
        return F.relu_(y.add_(x))


class Stage(nn.Module):
    """Halves the side of the map, then refines it with residual blocks."""

    def __init__(self, inputs: int, channels: int, blocks: int):
        super().__init__()
        self.down = NormedConv(inputs, channels, 2)
        self.blocks = nn.ModuleList(ResidualBlock(channels) for _ in range(blocks))

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu_(self.down(x))
        for block in self.blocks:
            x = block(x)
        return x


class VisionTower(nn.Module):
    """[B, 3, 64, 64] in -1..1 -> [B, 256, 4, 4]. Other sides divisible by 16 also run (used early in training)."""

    def __init__(self, shape: Shape):
        super().__init__()
        self.stem = NormedConv(3, shape.stem, 2)
        stages, inputs = [], shape.stem
        for channels, blocks in shape.stages:
            stages.append(Stage(inputs, channels, blocks))
            inputs = channels
        self.stages = nn.ModuleList(stages)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu_(self.stem(x))
        for stage in self.stages:
            x = stage(x)
        return x


class VisualTokens(nn.Module):
    """[B, C, h, w] -> [B, 5, D]: four quadrant means (row-major), then the maximum over the whole map."""

    def __init__(self, shape: Shape):
        super().__init__()
        self.proj = nn.Linear(shape.stages[-1][0], shape.width)
        self.norm = nn.LayerNorm(shape.width, eps=shape.norm_eps)
        self.position = nn.Parameter(torch.randn(shape.visual_tokens, shape.width) * 0.02)

    @staticmethod
    def pooled(feature_map: Tensor) -> Tensor:
        """[B, C, h, w] -> [B, 5, C], which is all that later parts see of a picture."""
        quadrants = F.adaptive_avg_pool2d(feature_map, 2).flatten(2).transpose(1, 2)
        return torch.cat([quadrants, feature_map.amax((2, 3)).unsqueeze(1)], 1)

    def from_pooled(self, pooled: Tensor) -> Tensor:
        """[B, 5, C] -> [B, 5, D]."""
        return self.norm(self.proj(pooled)) + self.position

    def forward(self, feature_map: Tensor) -> Tensor:
        return self.from_pooled(self.pooled(feature_map))


def rotary_angles(length: int, head: int, base: float) -> tuple[Tensor, Tensor]:
    """Cosine and sine [length, head] of the rotary embedding, halves repeated (rotate-half convention)."""
    inverse = base ** (-torch.arange(0, head, 2, dtype=torch.float32) / head)
    angle = torch.arange(length, dtype=torch.float32)[:, None] * inverse
    return torch.cat([angle, angle], -1).cos(), torch.cat([angle, angle], -1).sin()


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Applies the rotary embedding to x [..., L, head]."""
    first, second = x.chunk(2, -1)
    return x * cos + torch.cat([-second, first], -1) * sin


class Layer(nn.Module):
    """One pre-normalised transformer layer with full attention over the valid positions."""

    def __init__(self, shape: Shape):
        super().__init__()
        self.heads = shape.heads
        self.norm1 = nn.LayerNorm(shape.width, eps=shape.norm_eps)
        self.qkv = nn.Linear(shape.width, 3 * shape.width)
        self.out = nn.Linear(shape.width, shape.width)
        self.norm2 = nn.LayerNorm(shape.width, eps=shape.norm_eps)
        self.up = nn.Linear(shape.width, shape.mlp)
        self.down = nn.Linear(shape.mlp, shape.width)
        for linear in (self.out, self.down):
            nn.init.zeros_(linear.weight)  # every layer starts as the identity
            nn.init.zeros_(linear.bias)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, valid: Tensor) -> Tensor:
        n, length, width = x.shape
        qkv = self.qkv(self.norm1(x)).view(n, length, 3, self.heads, width // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(
            rotate(q, cos, sin), rotate(k, cos, sin), v, attn_mask=valid[:, None, None, :]
        )
        x = x + self.out(mixed.transpose(1, 2).reshape(n, length, width))
        return x + self.down(F.gelu(self.up(self.norm2(x)), approximate="tanh"))


class Fusion(nn.Module):
    """The whole model: visual tokens and text tokens in one sequence -> one 512-d vector."""

    def __init__(self, shape: Shape = Shape()):
        super().__init__()
        self.shape = shape
        self.vision = VisionTower(shape)
        self.visual = VisualTokens(shape)
        self.text = nn.Embedding(shape.vocabulary, shape.width)
        nn.init.normal_(self.text.weight, std=0.15)
        self.cls = nn.Parameter(torch.randn(shape.width) * 0.3)
        self.layers = nn.ModuleList(Layer(shape) for _ in range(shape.layers))
        self.final_norm = nn.LayerNorm(shape.width, eps=shape.norm_eps)
        self.head = nn.Linear(2 * shape.width, shape.dimension, bias=False)

    def image_tokens(self, images: Tensor) -> Tensor:
        """[B, 3, side, side] -> [B, 5, D]."""
        return self.visual(self.vision(images.contiguous(memory_format=torch.channels_last)))

    def encode(self, embedded: Tensor, lengths: Tensor) -> Tensor:
        """Padded sequences [N, L, D] that start with CLS, and their lengths [N] -> unnormalised [N, 512]."""
        return self.head(self.pool(embedded, lengths))

    def pool(self, embedded: Tensor, lengths: Tensor) -> Tensor:
        """What the head reads, [N, 2 D]: CLS beside the mean of all other positions."""
        length = embedded.shape[1]
        cos, sin = rotary_angles(length, self.shape.width // self.shape.heads, self.shape.rope_base)
        valid = torch.arange(length)[None] < lengths[:, None]
        x = embedded
        for layer in self.layers:
            x = layer(x, cos, sin, valid)
        x = self.final_norm(x)
        rest = (x * valid[..., None])[:, 1:].sum(1) / (lengths - 1).clamp(min=1)[:, None]
        return torch.cat([x[:, 0], rest], -1)
