"""The towers that are measured: their folders with random weights, and their PyTorch form."""

import json
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from . import fusion


@dataclass(frozen=True)
class Case:
    """One tower of one model folder."""

    name: str
    model: str
    input: str
    # Length of a text, the special tokens of the tokenizer included.
    tokens: int = 0

    @property
    def has_candle(self) -> bool:
        """Whether candle has the architecture."""
        return self.model != EMBEDDED


# The model inside the program; the others have random weights.
EMBEDDED = "onespace-mini"
CASES = (
    Case("siglip-b16-image", "siglip-b16-224", "image"),
    Case("clip-b32-image", "clip-b32", "image"),
    Case("clip-b32-text", "clip-b32", "text", 77),
    Case("minilm-size-text", "siglip-minilm-text", "text", 64),
    Case("onespace-mini-image", EMBEDDED, "image"),
    Case("onespace-mini-text", EMBEDDED, "text", 64),
)


class ImageTower(nn.Module):
    """Pixels `[batch, 3, side, side]` to vectors `[batch, dimension]`, not normalised."""

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = model

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return pooled(self.model.get_image_features(pixel_values=pixels))


class TextTower(nn.Module):
    """Token ids `[batch, tokens]` without padding to vectors `[batch, dimension]`."""

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = model

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        return pooled(self.model.get_text_features(input_ids=ids))


def pooled(output) -> torch.Tensor:
    """The vectors of an output: newer releases wrap them."""
    return output if isinstance(output, torch.Tensor) else output.pooler_output


def load(folder: Path, input_kind: str) -> nn.Module:
    """The tower for `image` or `text`, in f32, ready to run."""
    if is_fusion(folder):
        tower = fusion.ImageTower(folder) if input_kind == "image" else fusion.TextTower(folder)
        return tower.eval()
    from transformers import AutoModel

    model = AutoModel.from_pretrained(folder, dtype=torch.float32)
    model.eval().requires_grad_(False)
    # The other tower is not part of the measurement, nor of its memory.
    unused = "vision_model" if input_kind == "text" else "text_model"
    setattr(model, unused, None)
    tower = ImageTower(model) if input_kind == "image" else TextTower(model)
    return tower.eval()


def is_fusion(folder: Path) -> bool:
    """Whether the folder holds the architecture of the embedded model."""
    return "architecture" in json.loads((folder / "config.json").read_text())


def multiply_adds(folder: Path, case: Case) -> float:
    """Multiply-adds of one input: every matrix product of the tower, attention included."""
    if is_fusion(folder):
        config = json.loads((folder / "config.json").read_text())
        return fusion.multiply_adds(config, case.input, case.tokens)
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(folder)
    tower = config.vision_config if case.input == "image" else config.text_config
    width, hidden = tower.hidden_size, tower.intermediate_size
    if case.input == "image":
        patches = (tower.image_size // tower.patch_size) ** 2
        places = patches + (config.model_type == "clip")
        ends = patches * width * 3 * tower.patch_size**2
        if config.model_type == "siglip":
            # One query over all places, and a perceptron on the one result.
            ends += 2 * places * width**2 + 2 * width**2 + 2 * width * hidden + 2 * places * width
        else:
            ends += width * config.projection_dim
    else:
        places = case.tokens
        ends = width * getattr(config, "projection_dim", width)
    layer = places * (4 * width**2 + 2 * width * hidden) + 2 * places**2 * width
    return tower.num_hidden_layers * layer + ends
