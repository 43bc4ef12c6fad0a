"""Random models of the published architectures and sizes, as ordinary Hugging Face folders.

`make_folder(architecture, directory, seed)` writes `config.json`, `model.safetensors`,
`preprocessor_config.json` and a tokenizer. Every tensor is random, norm weights, biases, position
tables and the pooling probe included: what an initialiser leaves at 0 or 1 would hide a mistake.
"""

from dataclasses import dataclass, field
from pathlib import Path

import torch

import tokenizers_like

OPENAI_MEAN = [0.48145466, 0.4578275, 0.40821073]
OPENAI_STD = [0.26862954, 0.26130258, 0.27577711]


@dataclass(frozen=True)
class Architecture:
    """What to build: the model type, its sizes, and how its pictures are prepared."""

    model_type: str
    text: dict
    vision: dict
    top: dict = field(default_factory=dict)
    #: Extra keys of `config.json`.
    config: dict = field(default_factory=dict)


def _clip(patch: int, act: str = "gelu", **text) -> Architecture:
    return Architecture(
        "clip",
        dict(hidden_act=act, eos_token_id=49407) | text,
        dict(hidden_act=act, patch_size=patch),
        dict(projection_dim=512),
    )


ARCHITECTURES = {
    # OpenAI's configurations have eos_token_id 2, which means "the highest id" when pooling.
    "clip-b32": _clip(32, "quick_gelu", eos_token_id=2),
    "clip-b16-laion": _clip(16),
    "tinyclip-8m-16": Architecture(
        "clip",
        dict(hidden_act="gelu", hidden_size=256, intermediate_size=1024, num_hidden_layers=3,
             num_attention_heads=4, eos_token_id=49407),
        dict(hidden_act="gelu", hidden_size=256, intermediate_size=1024, num_hidden_layers=10,
             num_attention_heads=4, patch_size=16),
        dict(projection_dim=512),
    ),
    "bge-vl-base": Architecture(
        "clip",
        dict(hidden_act="quick_gelu", eos_token_id=2),
        dict(hidden_act="quick_gelu", patch_size=16),
        dict(projection_dim=512),
        dict(auto_map={"AutoModel": "modeling_MMRet_CLIP.CLIPModel"}),
    ),
    "siglip-b16-224": Architecture(
        "siglip",
        dict(vocab_size=32000, pad_token_id=0, bos_token_id=2, eos_token_id=1),
        dict(image_size=224, patch_size=16),
    ),
    "siglip2-b16-224": Architecture(
        "siglip",
        dict(vocab_size=256000, projection_size=768, pad_token_id=0, bos_token_id=2, eos_token_id=1),
        dict(image_size=224, patch_size=16),
    ),
    "siglip2-b16-naflex": Architecture(
        "siglip2",
        dict(vocab_size=256000, projection_size=768, pad_token_id=0, bos_token_id=2, eos_token_id=1),
        dict(num_patches=256, patch_size=16),
    ),
    # Small ones with odd sizes, for tests with stored files.
    "clip-small": Architecture(
        "clip",
        dict(hidden_act="quick_gelu", hidden_size=24, intermediate_size=52, num_hidden_layers=2,
             num_attention_heads=3, vocab_size=900, max_position_embeddings=19, eos_token_id=2),
        dict(hidden_act="quick_gelu", hidden_size=40, intermediate_size=76, num_hidden_layers=3,
             num_attention_heads=5, image_size=21, patch_size=7),
        dict(projection_dim=20),
    ),
    "clip-small-gelu": Architecture(
        "clip",
        dict(hidden_act="gelu", hidden_size=24, intermediate_size=52, num_hidden_layers=2,
             num_attention_heads=3, vocab_size=900, max_position_embeddings=19, eos_token_id=899),
        dict(hidden_act="gelu", hidden_size=40, intermediate_size=76, num_hidden_layers=2,
             num_attention_heads=5, image_size=21, patch_size=7),
        dict(projection_dim=20),
        dict(auto_map={"AutoModel": "modeling_MMRet_CLIP.CLIPModel"}),
    ),
    "siglip-small": Architecture(
        "siglip",
        dict(hidden_size=24, intermediate_size=52, num_hidden_layers=2, num_attention_heads=3,
             vocab_size=900, max_position_embeddings=13, projection_size=24, pad_token_id=0,
             bos_token_id=2, eos_token_id=1),
        dict(hidden_size=24, intermediate_size=44, num_hidden_layers=3, num_attention_heads=3,
             image_size=20, patch_size=5),
    ),
    "siglip2-small": Architecture(
        "siglip2",
        dict(hidden_size=24, intermediate_size=52, num_hidden_layers=2, num_attention_heads=3,
             vocab_size=900, max_position_embeddings=13, projection_size=24, pad_token_id=0,
             bos_token_id=2, eos_token_id=1),
        dict(hidden_size=24, intermediate_size=44, num_hidden_layers=2, num_attention_heads=3,
             num_patches=25, patch_size=4),
    ),
}


def build(architecture: str):
    """The model, as its class initialises it."""
    from transformers import (CLIPConfig, CLIPModel, Siglip2Config, Siglip2Model, SiglipConfig,
                              SiglipModel)

    classes = {
        "clip": (CLIPConfig, CLIPModel),
        "siglip": (SiglipConfig, SiglipModel),
        "siglip2": (Siglip2Config, Siglip2Model),
    }
    wanted = ARCHITECTURES[architecture]
    config_class, model_class = classes[wanted.model_type]
    config = config_class(text_config=wanted.text, vision_config=wanted.vision, **wanted.top)
    return model_class(config).eval()


def randomise(model: torch.nn.Module, seed: int) -> None:
    """Fills every parameter: matrices with a spread of 1/sqrt(inputs), norms around 1."""
    source = torch.Generator().manual_seed(seed)
    norms = {
        f"{name}.weight"
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.LayerNorm)
    }
    with torch.no_grad():
        for name, tensor in model.named_parameters():
            if name in norms:
                tensor.normal_(1.0, 0.2, generator=source)
            elif "embedding.weight" in name and "patch" not in name:
                tensor.normal_(0.0, 0.5, generator=source)
            elif name.endswith("probe"):
                tensor.normal_(0.0, 1.0, generator=source)
            elif tensor.dim() >= 2:
                tensor.normal_(0.0, tensor[0].numel() ** -0.5, generator=source)
            else:
                tensor.normal_(0.0, 0.1, generator=source)


def image_processor(architecture: str):
    """The processor of `transformers` that prepares pictures for the architecture."""
    from transformers import CLIPImageProcessor, Siglip2ImageProcessor, SiglipImageProcessor

    wanted = ARCHITECTURES[architecture]
    if wanted.model_type == "clip":
        side = wanted.vision.get("image_size", 224)
        return CLIPImageProcessor(
            size={"shortest_edge": side}, crop_size={"height": side, "width": side},
            image_mean=OPENAI_MEAN, image_std=OPENAI_STD,
        )
    if wanted.model_type == "siglip":
        side = wanted.vision.get("image_size", 224)
        return SiglipImageProcessor(size={"height": side, "width": side}, resample=2)
    return Siglip2ImageProcessor(
        patch_size=wanted.vision["patch_size"], max_num_patches=wanted.vision["num_patches"]
    )


def tokenizer(architecture: str, seed: int):
    """A tokenizer of the architecture's kind and vocabulary size."""
    wanted = ARCHITECTURES[architecture]
    if wanted.model_type == "clip":
        return tokenizers_like.clip(seed, wanted.text.get("vocab_size", 49408))
    return tokenizers_like.siglip2(seed, wanted.text["vocab_size"])


def make_folder(
    architecture: str,
    directory: Path | str,
    seed: int = 0,
    dtype: torch.dtype = torch.float32,
    max_shard_size: str = "50GB",
):
    """Writes the folder and returns the model, whose weights are those in the files.

    `dtype` is that of the stored weights; the returned model computes in `float32` with them.
    """
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    model = build(architecture)
    randomise(model, seed)
    model.to(dtype).save_pretrained(directory, max_shard_size=max_shard_size)
    image_processor(architecture).save_pretrained(directory)
    tokenizer(architecture, seed).save_pretrained(directory)
    _add_to_config(directory / "config.json", ARCHITECTURES[architecture].config)
    return model.float()


def _add_to_config(path: Path, extra: dict) -> None:
    import json

    if extra:
        path.write_text(json.dumps(json.loads(path.read_text()) | extra, indent=2))
