"""Golden values that pin the exported weights for implementations in other languages.

Pictures are given by a formula, so the file holds no pixels; vectors are rounded to seven decimals.
"""

import json
from pathlib import Path

import numpy as np
import torch

from .inference import Exported

DESCRIPTION = (
    "Golden values of onespace-mini, computed with PyTorch in float32 from the float16 weights in "
    "model.safetensors. Written by `python -m training.export`; never edit by hand. "
    "Picture n (64x64 RGB, u8): value(x, y, c) = (a*x + b*y + 31*c*(1 + x/8 + y/8) + d*((x/16 + y/16) % 2)) % 256 "
    "with integer division, where x is the column, y the row, c the channel (0 = R), and a, b, d are the picture's "
    "own. Normalised as x/255, then (x - 0.5)/0.5; no resize. A sequence is a list of parts: a string is one "
    "text part, {\"image\": n} a picture. `pooled` is the unit vector; the 128- and 256-value forms are its "
    "first values, normalised again."
)
PICTURES = ({"a": 7, "b": 13, "d": 90}, {"a": 3, "b": 5, "d": 160})
TEXTS = (
    "dog", "A picture of a RED circle to the left of a blue square", "Ｆｕｌｌ　ｗｉｄｔｈ ﬁne", "perro", "chien qui court",
    "Straßenbahn", "ワニ", "笔记本电脑", "guarda-chuva", "악어", "تمساح", "मगरमच्छ", "🐊🎈", "👩‍🚀 in space", "", " ",
    " to the left of ", "tab\tand\nnew line", "12,345.67 €", "e\u0301cole", "it's the cat's",
)
SEQUENCES = {
    "text": ["a red circle"],
    "text, several languages": ["dog perro chien Hund 犬 狗 cachorro 개 كلب कुत्ता 🐕"],
    "text in two parts": ["a red", " circle"],
    "image 0": [{"image": 0}],
    "image 1": [{"image": 1}],
    "image, then text": [{"image": 0}, "but blue"],
    "text, then image": ["but blue", {"image": 0}],
    "image between texts": ["a photo of", {"image": 1}, "in the snow"],
    "two images": [{"image": 0}, " to the left of ", {"image": 1}],
    "two images swapped": [{"image": 1}, " to the left of ", {"image": 0}],
    "long text": ["a dog, a cat and a small house under a blue sky; " * 40],
}


def formula_picture(a: int, b: int, d: int) -> np.ndarray:
    """[64, 64, 3] uint8 by the formula in DESCRIPTION."""
    y, x, c = np.meshgrid(np.arange(64), np.arange(64), np.arange(3), indexing="ij")
    value = a * x + b * y + 31 * c * (1 + x // 8 + y // 8) + d * ((x // 16 + y // 16) % 2)
    return (value % 256).astype(np.uint8)


def rounded(values: torch.Tensor) -> list:
    return np.round(values.numpy().astype(np.float64), 7).tolist()


@torch.inference_mode()
def write_golden(exported: Exported, path: Path) -> None:
    """Writes token ids, pooled vectors and intermediate values."""
    pixels = np.stack([formula_picture(**p) for p in PICTURES])
    images = (torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255 - 0.5) / 0.5
    maps, tokens = exported.feature_map(images), exported.visual_tokens(images)
    stem = exported.convolve("vision.stem", images, 2).relu()
    sequences = []
    for name, parts in SEQUENCES.items():
        built = exported.sequence([p if isinstance(p, str) else tokens[p["image"]] for p in parts])
        sequences.append({"name": name, "parts": parts, "length": len(built), "pooled": rounded(exported.pooled([built])[0])})
    first = exported.sequence([SEQUENCES["text"][0]])
    hidden = exported.transformer(first[None], torch.ones(1, len(first), dtype=torch.bool))[0]
    golden = {
        "description": DESCRIPTION,
        "revision": exported.config["revision"],
        "pictures": list(PICTURES),
        "picture_checks": [
            {"row": 10, "column": 20, "rgb": p[10, 20].tolist(), "sum": int(p.astype(np.int64).sum())} for p in pixels
        ],
        "tokens": [{"text": text, "ids": exported.tokens(text)} for text in TEXTS],
        "image_0": {
            "stem_row_0_column_0": rounded(stem[0, :, 0, 0]),
            "feature_map_row_0_column_0": rounded(maps[0, :, 0, 0]),
            "visual_tokens": rounded(tokens[0]),
        },
        "text_final_norm_cls": rounded(hidden[0]),
        "sequences": sequences,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(golden, ensure_ascii=False, separators=(",", ":")).replace("},{", "},\n{") + "\n")
