"""The embedded model in PyTorch, as the other engines get it: from its exported files alone."""

import json
import math
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Fusion(nn.Module):
    """One picture or one text a row; `training/inference.py` says the same without regard to speed."""

    def __init__(self, folder: Path):
        super().__init__()
        from safetensors.torch import load_file

        self.config = json.loads((folder / "config.json").read_text())
        for name, value in load_file(folder / "model.safetensors").items():
            value = value.float()
            if name.startswith("vision.") and name.endswith("weight"):
                # Stored as [out, height, width, in].
                value = value.permute(0, 3, 1, 2).contiguous()
            self.register_buffer(name.replace(".", "_"), value)

    def weights(self, name: str) -> tuple[Tensor, Tensor]:
        """Weight and bias of one part."""
        name = name.replace(".", "_")
        return getattr(self, f"{name}_weight"), getattr(self, f"{name}_bias")

    def linear(self, name: str, x: Tensor) -> Tensor:
        """A dense layer."""
        return F.linear(x, *self.weights(name))

    def norm(self, name: str, x: Tensor) -> Tensor:
        """A layer norm."""
        return F.layer_norm(x, x.shape[-1:], *self.weights(name), self.config["norm_eps"])

    def convolve(self, name: str, x: Tensor, stride: int) -> Tensor:
        """A 3x3 convolution."""
        return F.conv2d(x, *self.weights(name), stride, 1)

    def visual_tokens(self, pixels: Tensor) -> Tensor:
        """[batch, 3, 64, 64] to [batch, 5, width]: four quadrant means and the maximum."""
        x = F.relu(self.convolve("vision.stem", pixels, 2))
        for stage, (_, blocks) in enumerate(self.config["vision_stages"]):
            x = F.relu(self.convolve(f"vision.stages.{stage}.down", x, 2))
            for index in range(blocks):
                block = f"vision.stages.{stage}.blocks.{index}"
                y = F.relu(self.convolve(f"{block}.conv1", x, 1))
                x = F.relu(x + self.convolve(f"{block}.conv2", y, 1))
        quadrants = F.avg_pool2d(x, 2).flatten(2).transpose(1, 2)
        pooled = torch.cat([quadrants, x.amax((2, 3))[:, None]], 1)
        return self.norm("visual.norm", self.linear("visual.proj", pooled)) + self.visual_position

    def rotate(self, x: Tensor) -> Tensor:
        """The rotary embedding of [batch, heads, places, head]."""
        half = x.shape[-1] // 2
        powers = self.config["rope_base"] ** (-torch.arange(half) / half)
        angle = torch.arange(x.shape[-2])[:, None] * powers
        first, second = x[..., :half], x[..., half:]
        cos, sin = angle.cos().to(x.dtype), angle.sin().to(x.dtype)
        return torch.cat([first * cos - second * sin, second * cos + first * sin], -1)

    def attention(self, name: str, x: Tensor) -> Tensor:
        """Full attention of [batch, places, width]."""
        heads = self.config["heads"]
        split = self.linear(f"{name}.qkv", x).unflatten(-1, (3, heads, -1)).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(self.rotate(split[0]), self.rotate(split[1]), split[2])
        return self.linear(f"{name}.out", mixed.transpose(1, 2).flatten(2))

    def vectors(self, tokens: Tensor) -> Tensor:
        """[batch, places, width] without the class vector to [batch, dimension], not normalised."""
        begin = self.cls.expand(tokens.shape[0], 1, -1)
        x = torch.cat([begin, tokens], 1)
        for index in range(self.config["layers"]):
            name = f"layers.{index}"
            x = x + self.attention(name, self.norm(f"{name}.norm1", x))
            hidden = F.gelu(self.linear(f"{name}.up", self.norm(f"{name}.norm2", x)), approximate="tanh")
            x = x + self.linear(f"{name}.down", hidden)
        x = self.norm("final_norm", x)
        return F.linear(torch.cat([x[:, 0], x[:, 1:].mean(1)], -1), self.head_weight)


class ImageTower(Fusion):
    """Pixels `[batch, 3, 64, 64]` to vectors."""

    def forward(self, pixels: Tensor) -> Tensor:
        """The whole way of one picture."""
        return self.vectors(self.visual_tokens(pixels))


class TextTower(Fusion):
    """Token ids `[batch, tokens]` to vectors."""

    def forward(self, ids: Tensor) -> Tensor:
        """The whole way of one text."""
        return self.vectors(F.embedding(ids, self.text_embedding))


def multiply_adds(config: dict, input_kind: str, tokens: int) -> float:
    """Multiply-adds of one input."""
    width, hidden = config["width"], config["mlp"]
    places, total = 1 + tokens, 2 * width * config["dimension"]
    if input_kind == "image":
        places = 1 + config["visual_tokens"]
        side, inputs = config["image_side_px"] // 2, config["vision_stem"]
        total += side**2 * 27 * inputs
        for channels, blocks in config["vision_stages"]:
            side //= 2
            total += side**2 * 9 * channels * (inputs + 2 * blocks * channels)
            inputs = channels
        total += config["visual_tokens"] * inputs * width
    layer = places * (4 * width**2 + 2 * width * hidden) + 2 * places**2 * width
    return total + config["layers"] * layer
