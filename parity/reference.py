"""What `transformers` makes of a folder: ids, prepared pictures, states and vectors.

`write(architecture, directory, seed)` builds the folder and puts beside the model's files:

* `inputs.json`: texts with the ids that the tokenizer gives them (special ones left out), names of
  picture files, and which of both each mixed input has;
* `pictures/`: the picture files;
* `expected.safetensors`: for text `i` and picture `i` the states after the embeddings, the first and
  the last block, and the vector; for pictures also the prepared pixels; for mixed inputs the vector.
"""

import json
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file

import models

TEXTS = [
    "a photo of the red cat",
    "Two  spaces,\ta tab and\na line",
    "it's what THEY'LL say; don't we've I'm you'd",
    "naïve café Straße ÉCOLE",
    "東京 2026 привет, мир!",
    "x",
    "left of the blue house -- by the sea... (12345) #7",
    "emoji 🗼🏽 and ﬁ ligature, e\u0301 combined",
]
#: Longer than any of the text towers reads at a time.
LONG_TEXT = "the small dog by the sea, " * 40
#: Width and height of the pictures.
SMALL_SIZES = [(37, 29), (24, 50), (90, 11)]
LARGE_SIZES = [(640, 480), (333, 500), (1000, 37), (41, 30)]
#: Text index (-1: none) and picture indices.
MIXED = [(0, [0]), (5, [0, 1, 2]), (-1, [1, 2])]


def picture(width: int, height: int, seed: int) -> np.ndarray:
    """Waves, edges and noise: what resampling can get wrong."""
    source = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    waves = 128 + 100 * np.sin(x / (3 + seed) + y / 7)
    edges = 255.0 * (((x // 9) + (y // 5)) % 2)
    noise = source.uniform(0, 255, (height, width))
    channels = [0.6 * waves + 0.4 * edges, 0.5 * edges + 0.5 * noise, 0.3 * waves + 0.7 * noise]
    return np.clip(np.stack(channels, -1), 0, 255).astype(np.uint8)


class Stages:
    """Keeps what modules give, by hooks."""

    def __init__(self, tower):
        self.kept = {}
        layers = tower.encoder.layers
        places = {"embeddings": tower.embeddings, "block 0": layers[0], "last block": layers[-1]}
        for name, module in places.items():
            module.register_forward_hook(self._keep(name))

    def _keep(self, name):
        def hook(_module, _inputs, output):
            state = output[0] if isinstance(output, tuple) else output
            self.kept[name] = state[0].clone()

        return hook


class Reference:
    """A model of `transformers` with its processors."""

    def __init__(self, architecture: str, directory: Path, model):
        from transformers import AutoImageProcessor, AutoTokenizer

        self.kind = models.ARCHITECTURES[architecture].model_type
        self.model = model
        self.tokenizer = AutoTokenizer.from_pretrained(directory)
        self.processor = AutoImageProcessor.from_pretrained(directory)
        self.places = model.config.text_config.max_position_embeddings
        self.text_stages = Stages(model.text_model)
        self.image_stages = Stages(model.vision_model)

    def ids(self, text: str) -> list[int]:
        return self.tokenizer(text, add_special_tokens=False).input_ids

    def text_features(self, text: str) -> torch.Tensor:
        """Of a text that fits."""
        if self.kind == "clip":
            return self._text_features(self.tokenizer(text).input_ids)
        padded = self.tokenizer(text, padding="max_length", max_length=self.places)
        return self._text_features(padded.input_ids)

    def chunk_features(self, ids: list[int]) -> torch.Tensor:
        """Of ids without special ones."""
        tokenizer = self.tokenizer
        if self.kind == "clip":
            framed = [tokenizer.bos_token_id, *ids, tokenizer.eos_token_id]
        else:
            framed = [*ids, tokenizer.eos_token_id]
            framed += [tokenizer.pad_token_id] * (self.places - len(framed))
        return self._text_features(framed)

    def _text_features(self, ids: list[int]) -> torch.Tensor:
        pooled = self.model.text_model(input_ids=torch.tensor([ids])).pooler_output
        return (self.model.text_projection(pooled) if self.kind == "clip" else pooled)[0]

    def prepared(self, pixels: np.ndarray) -> torch.Tensor:
        """The 8-bit pixels that the processor makes, `[height, width, 3]`."""
        raw = self.processor(
            Image.fromarray(pixels), do_rescale=False, do_normalize=False, return_tensors="pt"
        )
        values = raw["pixel_values"][0]
        if self.kind != "siglip2":
            return values.permute(1, 2, 0).to(torch.uint8).contiguous()
        down, across = raw["spatial_shapes"][0].tolist()
        side = self.processor.patch_size
        patches = values[: down * across].reshape(down, across, side, side, 3)
        image = patches.permute(0, 2, 1, 3, 4).reshape(down * side, across * side, 3)
        return image.to(torch.uint8).contiguous()

    def image_features(self, pixels: np.ndarray) -> torch.Tensor:
        inputs = self.processor(Image.fromarray(pixels), return_tensors="pt")
        if self.kind == "siglip2":
            pooled = self.model.vision_model(
                pixel_values=inputs["pixel_values"],
                pixel_attention_mask=inputs["pixel_attention_mask"],
                spatial_shapes=inputs["spatial_shapes"],
            ).pooler_output
            places = int(inputs["spatial_shapes"][0].prod())
            kept = self.image_stages.kept
            self.image_stages.kept = {name: state[:places] for name, state in kept.items()}
        else:
            pooled = self.model.vision_model(pixel_values=inputs["pixel_values"]).pooler_output
        return (self.model.visual_projection(pooled) if self.kind == "clip" else pooled)[0]


def unit(vector: torch.Tensor) -> torch.Tensor:
    return vector / vector.norm()


def fuse(architecture: str, texts: list[torch.Tensor], images: list[torch.Tensor]) -> torch.Tensor:
    """Late fusion: unit vectors weighed equally, or the sum that `BGE-VL` is trained for."""
    if "auto_map" in models.ARCHITECTURES[architecture].config:
        sides = [torch.stack(side).mean(0) for side in (texts, images) if side]
        return unit(sum(sides))
    sides = [unit(torch.stack([unit(x) for x in side]).mean(0)) for side in (texts, images) if side]
    return unit(sum(sides))


def balanced(ids: list[int], most: int) -> list[list[int]]:
    """As few chunks as it takes, of about equal length."""
    count = -(-len(ids) // most)
    size = -(-len(ids) // count)
    return [ids[at : at + size] for at in range(0, len(ids), size)]


@torch.no_grad()
def write(architecture: str, directory: Path, seed: int, small: bool, dtype=torch.float32) -> None:
    """Builds the folder and everything that is expected of it."""
    model = models.make_folder(architecture, directory, seed, dtype)
    reference = Reference(architecture, directory, model)
    (directory / "pictures").mkdir(exist_ok=True)
    expected, features = {}, {"text": [], "image": []}
    limit = reference.places - (2 if reference.kind == "clip" else 1)
    ids = [reference.ids(text) for text in TEXTS]

    def keep(kind: str, index: int, stages: Stages, vector: torch.Tensor) -> None:
        features[kind].append(vector)
        for name, state in (stages.kept | {"pooled": unit(vector)}).items():
            expected[f"{kind}.{index}.{name}"] = state.float().contiguous()

    for index, text in enumerate(TEXTS):
        if len(ids[index]) <= limit:
            keep("text", index, reference.text_stages, reference.text_features(text))
        else:
            features["text"].append(None)
    files = []
    for index, (width, height) in enumerate(SMALL_SIZES if small else LARGE_SIZES):
        pixels = picture(width, height, index)
        files.append(f"pictures/{index}.png")
        Image.fromarray(pixels).save(directory / files[-1], optimize=True)
        expected[f"image.{index}.prepared"] = reference.prepared(pixels)
        keep("image", index, reference.image_stages, reference.image_features(pixels))
    for index, (text, images) in enumerate(MIXED):
        chosen = [features["text"][text]] if text >= 0 else []
        images = [features["image"][image] for image in images]
        expected[f"mixed.{index}.pooled"] = fuse(architecture, chosen, images)
    chunks = [reference.chunk_features(part) for part in balanced(reference.ids(LONG_TEXT), limit)]
    expected["long.0.pooled"] = fuse(architecture, chunks, [])
    save_file(expected, directory / "expected.safetensors")
    for file in directory.glob("*.safetensors"):
        file.chmod(0o644)
    inputs = {
        "texts": [{"text": text, "ids": ids} for text, ids in zip(TEXTS, ids)],
        "long_text": LONG_TEXT,
        "chunks": len(chunks),
        "pictures": files,
        "mixed": [{"text": text if text >= 0 else None, "pictures": images} for text, images in MIXED],
    }
    (directory / "inputs.json").write_text(json.dumps(inputs, ensure_ascii=False, indent=1) + "\n")
