"""Random interleaved models, text and pictures in one sequence, as ordinary Hugging Face folders.

Like `models.py`, for `qwen3_vl` (Qwen3-VL-Embedding) and `embedding_gemma2`: every tensor is random, and the file has the
tensor names and the spelling of the configuration that published files have.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors.torch import save_file

import interleaved_tokenizers

#: The specials of the published vocabulary, from its first special id on.
QWEN_SPECIALS = [
    "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|object_ref_start|>", "<|object_ref_end|>",
    "<|box_start|>", "<|box_end|>", "<|quad_start|>", "<|quad_end|>", "<|vision_start|>",
    "<|vision_end|>", "<|vision_pad|>", "<|image_pad|>", "<|video_pad|>",
]
#: The specials of EmbeddingGemma 2 and their published ids.
GEMMA_SPECIALS = {
    "<|image>": 255_999, "<|audio>": 256_000, "<|image|>": 258_880, "<|audio|>": 258_881,
    "<image|>": 258_882, "<audio|>": 258_883, "<|video|>": 258_884,
}
#: A prompt of the published form. The wording of the file is our own.
QWEN_TEMPLATE = """{%- if messages[0].role != "system" -%}
<|im_start|>system
Represent the user's input.<|im_end|>
{% endif -%}
{%- for message in messages -%}
<|im_start|>{{ message.role }}
{% if message.content is string -%}
{{ message.content }}
{%- else -%}
{%- for part in message.content -%}
{%- if part.type == "image" or "image" in part -%}
<|vision_start|><|image_pad|><|vision_end|>
{%- elif part.type == "video" or "video" in part -%}
<|vision_start|><|video_pad|><|vision_end|>
{%- elif "text" in part -%}
{{ part.text }}
{%- endif -%}
{%- endfor -%}
{%- endif -%}
<|im_end|>
{% endfor -%}
{%- if add_generation_prompt -%}
<|im_start|>assistant
{% endif -%}
"""


@dataclass(frozen=True)
class Interleaved:
    """What to build."""

    model_type: str
    text: dict
    vision: dict | None
    #: Smallest and largest picture, in pixels, as in `preprocessor_config.json`.
    pixels: tuple[int, int] = (4096, 1_310_720)
    #: Whether the tokenizer ends every sequence with `<|endoftext|>`.
    ends_text: bool = True
    #: `rope_theta` and `rope_scaling`, as files of 2025 have it, and names led by `model.`.
    older_spelling: bool = False
    #: The model has more layers than this; said where results are printed.
    cut_from_layers: int | None = None
    top: dict = field(default_factory=dict)


def _qwen_rope(theta: float, section: list[int]) -> dict:
    return dict(rope_type="default", rope_theta=theta, mrope_section=section, mrope_interleaved=True)


def _qwen(width: int, mlp: int, layers: int, heads: int, **kwargs) -> Interleaved:
    large = width == 4096
    vision = dict(
        depth=27 if large else 24, hidden_size=1152 if large else 1024,
        intermediate_size=4304 if large else 4096, num_heads=16, out_hidden_size=width,
        deepstack_visual_indexes=[8, 16, 24] if large else [5, 11, 17],
        num_position_embeddings=2304,
    )
    text = dict(
        hidden_size=width, intermediate_size=mlp, num_hidden_layers=layers,
        num_attention_heads=heads, num_key_value_heads=8, head_dim=128, vocab_size=151936,
        rms_norm_eps=1e-6, rope_parameters=_qwen_rope(5e6, [24, 20, 20]),
    )
    return Interleaved("qwen3_vl", text, vision, older_spelling=True, **kwargs)


def _qwen_small(**kwargs) -> Interleaved:
    text = dict(
        hidden_size=40, intermediate_size=56, num_hidden_layers=4, num_attention_heads=4,
        num_key_value_heads=2, head_dim=16, vocab_size=700, rms_norm_eps=1e-6,
        rope_parameters=_qwen_rope(5e6, [4, 2, 2]),
    )
    vision = dict(
        depth=4, hidden_size=24, intermediate_size=36, num_heads=2, out_hidden_size=40,
        deepstack_visual_indexes=[0, 1, 3], num_position_embeddings=36, patch_size=4,
    )
    return Interleaved("qwen3_vl", text, vision, pixels=(256, 1536), **kwargs)


def _gemma_small(**kwargs) -> Interleaved:
    text = dict(
        hidden_size=32, intermediate_size=40, num_hidden_layers=6, num_attention_heads=4,
        num_key_value_heads=2, head_dim=8, global_head_dim=16, num_global_key_value_heads=1,
        sliding_window=8, sliding_window_pattern=3, hidden_size_per_layer_input=12, embedding_dim=48,
        vocab_size=900,
    )
    vision = dict(
        hidden_size=24, intermediate_size=28, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=2, head_dim=12, patch_size=2, position_embedding_size=256,
    )
    return Interleaved("embedding_gemma2", text, vision, **kwargs)


INTERLEAVED = {
    "qwen3-vl-2b": _qwen(2048, 6144, 28, 16),
    "qwen3-vl-8b-4-layers": _qwen(4096, 12288, 4, 32, cut_from_layers=36),
    # The class has the published sizes.
    "embeddinggemma2": Interleaved("embedding_gemma2", {}, {}),
    "embeddinggemma2-small": _gemma_small(),
    "qwen3-vl-small": _qwen_small(older_spelling=True),
    "qwen3-vl-small-open": _qwen_small(ends_text=False),
}


def first_special(architecture: str) -> int:
    """The id of `<|endoftext|>`: the real one in a vocabulary of real size."""
    size = INTERLEAVED[architecture].text["vocab_size"]
    return 151643 if size > 151643 else size - len(QWEN_SPECIALS)


def special_id(architecture: str, token: str) -> int:
    if INTERLEAVED[architecture].model_type == "embedding_gemma2":
        if "vocab_size" not in INTERLEAVED[architecture].text:
            return GEMMA_SPECIALS[token]
        return INTERLEAVED[architecture].text["vocab_size"] - 7 + list(GEMMA_SPECIALS).index(token)
    return first_special(architecture) + QWEN_SPECIALS.index(token)


def build(architecture: str):
    """The model, as its class initialises it."""
    from transformers import Qwen3VLConfig, Qwen3VLModel

    wanted = INTERLEAVED[architecture]
    if wanted.model_type == "embedding_gemma2":
        return _build_gemma(architecture)
    ids = {
        f"{name}_token_id": special_id(architecture, f"<|{token}|>")
        for name, token in [("image", "image_pad"), ("video", "video_pad"),
                            ("vision_start", "vision_start"), ("vision_end", "vision_end")]
    }
    config = Qwen3VLConfig(
        text_config=wanted.text, vision_config=wanted.vision, tie_word_embeddings=True, **ids
    )
    return Qwen3VLModel(config).eval()


def _build_gemma(architecture: str):
    from transformers import EmbeddingGemma2Config, EmbeddingGemma2Model, Gemma4VisionConfig
    from transformers.models.embedding_gemma2.configuration_embedding_gemma2 import EmbeddingGemma2TextConfig

    wanted = INTERLEAVED[architecture]
    ids = dict(
        boi_token_id=special_id(architecture, "<|image>"), eoi_token_id=special_id(architecture, "<image|>"),
        image_token_id=special_id(architecture, "<|image|>"), video_token_id=special_id(architecture, "<|video|>"),
        audio_token_id=special_id(architecture, "<|audio|>"),
    )
    config = EmbeddingGemma2Config(
        text_config=EmbeddingGemma2TextConfig(**wanted.text), vision_config=Gemma4VisionConfig(**wanted.vision),
        audio_config=None, **ids,
    )
    return EmbeddingGemma2Model(config).eval()


def randomise(model: torch.nn.Module, seed: int) -> None:
    """Fills every parameter: matrices with a spread of 1/sqrt(inputs), norms around 1."""
    source = torch.Generator().manual_seed(seed)
    gemma = model.config.model_type == "embedding_gemma2"
    with torch.no_grad():
        for name, tensor in model.named_parameters():
            if "norm" in name and name.endswith("weight") and tensor.dim() == 1:
                # Scores that are not scaled must be so small that they do not pick one key each: a
                # stack of such layers would turn the last bit of a pixel into another vector.
                unscaled = gemma and name.endswith(("q_norm.weight", "k_norm.weight"))
                mean = len(tensor) ** -0.25 if unscaled else 1.0
                tensor.normal_(mean, 0.2 * mean, generator=source)
            elif name.endswith(("embed_tokens.weight", "pos_embed.weight", "position_embedding_table")):
                tensor.normal_(0.0, 0.5, generator=source)
            elif tensor.dim() >= 2:
                tensor.normal_(0.0, tensor[0].numel() ** -0.5, generator=source)
            else:
                tensor.normal_(0.0, 0.1, generator=source)
        for name, tensor in model.named_buffers():
            if name.endswith("layer_scalar"):
                tensor.uniform_(0.6, 1.4, generator=source)


def image_processor(architecture: str):
    from transformers import Gemma4ImageProcessor, Qwen2VLImageProcessor

    wanted = INTERLEAVED[architecture]
    if wanted.model_type == "embedding_gemma2":
        tokens = 70 if "small" in architecture else 280
        return Gemma4ImageProcessor(patch_size=wanted.vision.get("patch_size", 16), max_soft_tokens=tokens)
    low, high = wanted.pixels
    return Qwen2VLImageProcessor(
        size={"shortest_edge": low, "longest_edge": high}, patch_size=wanted.vision.get("patch_size", 16),
        temporal_patch_size=2, merge_size=2, image_mean=[0.5] * 3, image_std=[0.5] * 3,
    )


def make_folder(architecture: str, directory: Path, seed: int, dtype=torch.bfloat16):
    """Writes the folder and returns the model, which computes in `float32` with the stored weights."""
    wanted = INTERLEAVED[architecture]
    directory.mkdir(parents=True, exist_ok=True)
    model = build(architecture)
    randomise(model, seed)
    # Parameters only: tables of frequencies are not stored and stay as exact as they are.
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(parameter.to(dtype))
        for name, buffer in model.named_buffers():
            if name.endswith("layer_scalar"):
                buffer.copy_(buffer.to(dtype))
    config = json.loads(model.config.to_json_string(use_diff=False))
    tensors = {name: tensor.to(dtype).contiguous() for name, tensor in model.state_dict().items()}
    if wanted.older_spelling:
        tensors = {f"model.{name}": tensor for name, tensor in tensors.items()}
        rope = config["text_config"].pop("rope_parameters")
        config["text_config"]["rope_theta"] = rope["rope_theta"]
        config["text_config"]["rope_scaling"] = {
            "mrope_interleaved": True, "mrope_section": rope["mrope_section"], "rope_type": "default",
        }
        config["vision_config"].pop("rope_parameters")
    save_file(tensors, directory / "model.safetensors", metadata={"format": "pt"})
    del tensors
    if wanted.model_type == "embedding_gemma2":
        return _finish_gemma(architecture, directory, (seed, config, model))
    kept = ["architectures", "model_type", "text_config", "vision_config", "image_token_id",
            "video_token_id", "vision_start_token_id", "vision_end_token_id", "tie_word_embeddings"]
    config["architectures"] = ["Qwen3VLForConditionalGeneration"]
    text = json.dumps({key: config[key] for key in kept}, indent=1)
    (directory / "config.json").write_text(text + "\n")
    image_processor(architecture).save_pretrained(directory)
    tokenizer = interleaved_tokenizers.qwen(
        seed, wanted.text["vocab_size"], first_special(architecture), QWEN_SPECIALS, wanted.ends_text
    )
    tokenizer.save_pretrained(directory)
    (directory / "chat_template.jinja").write_text(QWEN_TEMPLATE)
    for file in directory.glob("*.safetensors"):
        file.chmod(0o644)
    return model


def _finish_gemma(architecture: str, directory: Path, made):
    """What is not weights; pictures are configured in `processor_config.json`, as newer folders do."""
    seed, config, model = made
    (directory / "config.json").write_text(json.dumps(config, indent=1) + "\n")
    processor = {"image_processor": image_processor(architecture).to_dict()}
    (directory / "processor_config.json").write_text(json.dumps(processor, indent=1, default=str) + "\n")
    ids = {token: special_id(architecture, token) for token in GEMMA_SPECIALS}
    size = model.config.text_config.vocab_size
    interleaved_tokenizers.gemma(seed, size, ids).save_pretrained(directory)
    (directory / "model.safetensors").chmod(0o644)
    return model
