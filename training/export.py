"""Writes the shipped form of a checkpoint, and the golden files that pin it.

    python -m training.export [--checkpoint training/runs/mini/space.pt]

Batch normalisation is folded into the convolutions, everything is stored as float16, and the result is reloaded
through inference.py and compared with the training module before anything is reported as done.
"""

import argparse
import hashlib
import json
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor

from .golden import write_golden
from .inference import Exported
from .model import Fusion, NormedConv, Shape

EMBEDDED = Path("crates/models/embedded")
GOLDEN = Path("crates/models/tests/golden/onespace_mini.json")
AGREEMENT_COSINE_MIN = 0.9995  # training module in float32 against the float16 export


def folded(block: NormedConv) -> tuple[Tensor, Tensor]:
    """Weight [out, kh, kw, in] and bias [out] of convolution and normalisation as one convolution."""
    scale = block.norm.weight / torch.sqrt(block.norm.running_var + block.norm.eps)
    weight = block.conv.weight * scale[:, None, None, None]
    return weight.permute(0, 2, 3, 1), block.norm.bias - block.norm.running_mean * scale


def exported_weights(model: Fusion) -> dict[str, Tensor]:
    """All weights under their shipped names, float16."""
    weights: dict[str, Tensor] = {}

    def convolution(name: str, block: NormedConv) -> None:
        weights[name + ".weight"], weights[name + ".bias"] = folded(block)

    convolution("vision.stem", model.vision.stem)
    for s, stage in enumerate(model.vision.stages):
        convolution(f"vision.stages.{s}.down", stage.down)
        for b, block in enumerate(stage.blocks):
            convolution(f"vision.stages.{s}.blocks.{b}.conv1", block.conv1)
            convolution(f"vision.stages.{s}.blocks.{b}.conv2", block.conv2)
    weights |= {"visual." + name: value for name, value in model.visual.state_dict().items()}
    weights |= {"text.embedding": model.text.weight, "cls": model.cls, "head.weight": model.head.weight}
    weights |= {"layers." + name: value for name, value in model.layers.state_dict().items()}
    weights |= {"final_norm." + name: value for name, value in model.final_norm.state_dict().items()}
    return {name: value.detach().half().contiguous() for name, value in weights.items()}


def configuration(shape: Shape, revision: str) -> dict:
    """The contents of config.json."""
    return {
        "architecture": "onespace_fusion", "name": "onespace-mini", "revision": revision,
        "image_side_px": shape.image_side_px, "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5],
        "vision_stem": shape.stem, "vision_stages": [list(stage) for stage in shape.stages],
        "visual_tokens": shape.visual_tokens, "width": shape.width, "layers": shape.layers, "heads": shape.heads,
        "mlp": shape.mlp, "rope_base": shape.rope_base, "norm_eps": shape.norm_eps, "vocabulary": shape.vocabulary,
        "dimension": shape.dimension, "dimensions": list(shape.dimensions), "text_tokens_max": 2000, "images_max": 10,
    }


def write_export(model: Fusion, tokenizer: str, folder: Path) -> None:
    """Writes config.json, tokenizer.json and model.safetensors. The revision is a hash of weights and tokenizer."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file(exported_weights(model), folder / "model.safetensors")
    (folder / "model.safetensors").chmod(0o644)
    (folder / "tokenizer.json").write_text(tokenizer, encoding="utf-8")
    content = hashlib.sha256((folder / "model.safetensors").read_bytes() + tokenizer.encode())
    config = configuration(model.shape, content.hexdigest()[:12])
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")


@torch.inference_mode()
def agreement(model: Fusion, exported: Exported) -> float:
    """Least cosine between both forward passes over text, image and mixed sequences."""
    model.eval()
    generator = torch.Generator().manual_seed(5)
    images = torch.rand(4, 3, 64, 64, generator=generator) * 2 - 1
    ids = torch.randint(0, model.shape.vocabulary, (4, 9), generator=generator)
    mine, theirs = model.image_tokens(images), exported.visual_tokens(images)
    cosines = []
    for i in range(4):
        for with_image in (False, True):
            words = ids[i][: 3 + 2 * i]
            head, table = model.cls[None], model.text(words)
            other = exported.weights["cls"][None], exported.weights["text.embedding"][words]
            a = torch.cat([head, table[:2], mine[i], table[2:]] if with_image else [head, table])
            b = torch.cat([other[0], other[1][:2], theirs[i], other[1][2:]] if with_image else list(other))
            vector = F.normalize(model.encode(a[None], torch.tensor([len(a)])), dim=1)
            cosines.append(float((vector * exported.pooled([b])).sum()))
    return min(cosines)


def export(model: Fusion, tokenizer: str, folder: Path = EMBEDDED, golden: Path = GOLDEN) -> None:
    """Export, independent check, golden file."""
    write_export(model, tokenizer, folder)
    exported = Exported(folder)
    least = agreement(model, exported)
    if not least >= AGREEMENT_COSINE_MIN:
        raise SystemExit(f"the export disagrees with the training module: least cosine {least:.6f}")
    write_golden(exported, golden)
    size = (folder / "model.safetensors").stat().st_size / 1e6
    print(f"exported {exported.config['revision']}: {size:.1f} MB, least cosine to the training module {least:.6f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--checkpoint", type=Path, default=Path("training/runs/mini/space.pt"))
    parser.add_argument("--tokenizer", type=Path, default=Path("training/runs/tokenizer.json"))
    arguments = parser.parse_args()
    model = Fusion()
    model.load_state_dict(torch.load(arguments.checkpoint, weights_only=True)["model"])
    export(model, arguments.tokenizer.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
