"""What `transformers` makes of interleaved requests: ids, sizes, positions, states and vectors.

`write(architecture, directory, seed)` builds the folder and puts beside the model's files:

* `requests.json`: the requests, their ids, and the size of each picture after resizing;
* `pictures/`: the picture files;
* `expected.safetensors`: positions and the vector of every request; states of some of them and of
  some pictures; tables of cosines and sines.

Text that spells a special token is ordinary text: ids are made span by span between the specials
that the prompt itself has, with the tokenizer's matching of specials off. Where a request's text
spells none, they must be those of the processor of `transformers`, or this ends with an error.
"""

import json
import re
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file

import interleaved_models as models
from reference import picture, unit

#: Places that a request may take.
CONTEXT = 8192
DEFAULT_INSTRUCTION = "Represent the user's input."
#: Width and height. The smallest possible, and the most elongated ones, among them.
SMALL_SIZES = [(37, 29), (24, 50), (1, 1), (200, 1), (3, 590), (64, 64), (9, 30), (31, 12), (16, 16), (20, 21)]
LARGE_SIZES = [(320, 256), (190, 260), (1, 1), (2000, 10), (64, 64), (250, 120), (96, 160), (33, 31), (224, 224), (320, 50), (640, 480)]
TEN = [{"image": index} for index in range(10)]
#: Name, parts, instruction.
REQUESTS = [
    ("text only", [{"text": "a photo of the red cat, and of nothing else"}], None),
    ("white space", [{"text": "\n\n  two  spaces,\ta tab\n"}, {"image": 1}, {"text": "\n\nend \n"}], None),
    ("other scripts", [{"text": "naïve café e\u0301 東京 2026 привет 🗼🏽"}], None),
    ("image only", [{"image": 0}], None),
    ("image first", [{"image": 0}, {"text": " left of the house"}], None),
    ("image last", [{"text": "the house right of "}, {"image": 1}], None),
    ("between", [{"text": "the "}, {"image": 0}, {"text": " left of the "}, {"image": 1}, {"text": "."}], None),
    ("swapped", [{"text": "the "}, {"image": 1}, {"text": " left of the "}, {"image": 0}, {"text": "."}], None),
    ("adjacent and again", [{"image": 0}, {"image": 1}, {"text": " and "}, {"image": 0}], None),
    ("instruction", [{"text": "the red cat"}, {"image": 8}], " Find the picture of it "),
    ("ended instruction", [{"text": "the red cat"}], "Which one?"),
    ("specials spelt", [{"text": "x<|im_end|>\n<|im_start|>system<|image_pad|>"}, {"image": 2},
                        {"text": "<|vision_end|><|endoftext|>"}], "<|im_end|>"),
    ("smallest and longest", [{"image": 2}, {"text": "a"}, {"image": 3}, {"image": 4}], None),
    ("ten images", TEN + [{"text": " are ten"}], None),
]
#: At real size only: a picture of usual size with 32 words.
LARGE_REQUESTS = REQUESTS + [
    ("usual", [{"image": 10}, {"text": " and" + " some words of it" * 8}], None),
]
#: Of models that bring every picture to the same number of places, which is many: fewer requests at
#: real size, and a text longer than their window.
CELL_REQUESTS = [request for request in LARGE_REQUESTS if request[0] in {
    "text only", "image first", "between", "specials spelt",
}] + [("longer than the window", [{"text": "some words of a long text, and " * 120}], None)]
#: Requests and pictures whose states are kept.
STATES_OF = {"between", "text only"}
STATES_OF_PICTURES = {0, 3}


class Keep:
    """Keeps what modules give or take, by hooks."""

    def __init__(self):
        self.kept = {}

    def output(self, name, module):
        module.register_forward_hook(lambda _m, _i, out: self._keep(name, out))

    def input(self, name, module):
        module.register_forward_pre_hook(lambda _m, given: self._keep(name, given))

    def _keep(self, name, state):
        while isinstance(state, tuple):
            state = state[0]
        self.kept[name] = state.squeeze(0).clone()


def instruction_of(given: str | None) -> str:
    """With a full stop unless it ends with punctuation."""
    import unicodedata

    text = (given or DEFAULT_INSTRUCTION).strip()
    return text if unicodedata.category(text[-1]).startswith("P") else text + "."


class QwenReference:
    """Qwen3-VL of `transformers` with its processor."""

    def __init__(self, architecture: str, directory: Path, model):
        from transformers import (AutoImageProcessor, AutoTokenizer, Qwen3VLProcessor,
                                  Qwen3VLVideoProcessor)

        self.architecture, self.model = architecture, model
        self.wanted = models.INTERLEAVED[architecture]
        self.tokenizer = AutoTokenizer.from_pretrained(directory)
        self.processor = Qwen3VLProcessor(
            image_processor=AutoImageProcessor.from_pretrained(directory), tokenizer=self.tokenizer,
            video_processor=Qwen3VLVideoProcessor(),
            chat_template=(directory / "chat_template.jinja").read_text(),
        )
        self.vision, self.text = Keep(), Keep()
        visual, language = model.visual, model.language_model
        self.vision.output("patches", visual.patch_embed)
        self.vision.input("embeddings", visual.blocks[0])
        self.vision.output("block 0", visual.blocks[0])
        self.vision.output("last block", visual.blocks[-1])
        for index, merger in enumerate(visual.deepstack_merger_list):
            self.vision.output(f"deepstack {index}", merger)
        self.vision.output("merged", visual.merger)
        self.text.input("embeddings", language.layers[0])
        for index in range(3):
            self.text.output(f"layer {index}", language.layers[index])
        self.text.output("last layer", language.layers[-1])

    def rendered(self, parts, instruction) -> str:
        content = [{"type": "text", "text": part["text"]} if "text" in part else {"type": "image"} for part in parts]
        messages = [
            {"role": "system", "content": instruction_of(instruction)},
            {"role": "user", "content": content},
        ]
        return self.processor.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)

    def tail(self) -> list[int]:
        plain = self.tokenizer("a", add_special_tokens=False).input_ids
        return self.tokenizer("a").input_ids[len(plain):]

    def ids(self, parts, instruction, image_tokens: list[int]) -> list[int]:
        """Span by span; the texts are put in after the prompt was cut at its own specials."""
        texts = [instruction_of(instruction)] + [part["text"] for part in parts if "text" in part]
        marks = [f"\ue000{index}\ue001" for index in range(len(texts))]
        marked = iter(marks[1:])
        with_marks = [{"text": next(marked)} if "text" in part else part for part in parts]
        # A stop behind the mark of the instruction would be added to it.
        prompt = self.rendered(with_marks, marks[0] + "!").replace(marks[0] + "!", marks[0])
        pattern = "(" + "|".join(re.escape(token) for token in models.QWEN_SPECIALS) + ")"
        ids, images = [], iter(image_tokens)
        for span in re.split(pattern, prompt):
            if span == "<|image_pad|>":
                ids += [models.special_id(self.architecture, span)] * next(images)
            elif span in models.QWEN_SPECIALS:
                ids.append(models.special_id(self.architecture, span))
            else:
                for mark, text in zip(marks, texts):
                    span = span.replace(mark, text)
                ids += self.tokenizer(span, add_special_tokens=False, split_special_tokens=True).input_ids
        return ids + self.tail()

    def prepared(self, pixels: np.ndarray) -> torch.Tensor:
        """The 8-bit pixels that the image processor makes, `[height, width, 3]`."""
        processor = self.processor.image_processor
        raw = processor(Image.fromarray(pixels), do_rescale=False, do_normalize=False, return_tensors="pt")
        (_, down, across), side = raw["image_grid_thw"][0].tolist(), processor.patch_size
        patches = raw["pixel_values"].reshape(down // 2, across // 2, 2, 2, 3, 2, side, side)[:, :, :, :, :, 0]
        image = patches.permute(0, 2, 5, 1, 3, 6, 4).reshape(down * side, across * side, 3)
        return image.to(torch.uint8).contiguous()

    def picture_states(self, pixels: np.ndarray) -> dict:
        given = self.processor.image_processor(Image.fromarray(pixels), return_tensors="pt")
        self.model.visual(given["pixel_values"], grid_thw=given["image_grid_thw"])
        return self.vision.kept

    def tables(self, positions) -> dict:
        language = self.model.language_model
        half = self.model.config.text_config.head_dim // 2
        tables = language.rotary_emb(language.norm.weight, positions[:, None])
        return {kind: table[0, :, :half] for kind, table in zip(["cosines", "sines"], tables)}

    def frequencies(self) -> dict:
        return {"text": self.model.language_model.rotary_emb.inv_freq, "vision": self.model.visual.rotary_pos_emb.inv_freq}

    def given(self, name, parts, instruction, pixels):
        """Ids, sizes of the pictures, positions, and what the model is called with."""
        images = [Image.fromarray(pixels[part["image"]]) for part in parts if "image" in part]
        given = self.processor.image_processor(images, return_tensors="pt") if images else {}
        grids = given.get("image_grid_thw")
        counts = [int(grid.prod()) // 4 for grid in grids] if images else []
        ids = self.ids(parts, instruction, counts)
        if not any("<|" in part.get("text", "") for part in parts):
            text = self.rendered(parts, instruction)
            theirs = self.processor(text=[text], images=images or None, return_tensors="pt")
            assert theirs["input_ids"][0].tolist() == ids, f"{name}: ids differ from the processor's"
        input_ids = torch.tensor([ids])
        types = (input_ids == self.model.config.image_token_id).int()
        arguments = dict(input_ids=input_ids, attention_mask=torch.ones_like(input_ids))
        positions, _ = self.model.get_rope_index(input_ids, types, grids)
        if images:
            arguments |= dict(
                pixel_values=given["pixel_values"], image_grid_thw=grids, mm_token_type_ids=types
            )
        patch = self.processor.image_processor.patch_size
        sizes = [[int(grid[2]) * patch, int(grid[1]) * patch] for grid in grids] if images else []
        return ids, sizes, positions[:, 0], arguments

    def vector(self, arguments) -> torch.Tensor:
        """Of unit length."""
        return unit(self.model(**arguments).last_hidden_state[0, -1])


class GemmaReference:
    """EmbeddingGemma 2 of `transformers`; its audio tower is left out."""

    def __init__(self, architecture: str, directory: Path, model):
        from transformers import AutoTokenizer

        self.architecture, self.model = architecture, model
        self.tokenizer = AutoTokenizer.from_pretrained(directory)
        self.processor = models.image_processor(architecture)
        self.vision, self.text = Keep(), Keep()
        tower, language = model.vision_tower, model.language_model
        self.vision.output("embeddings", tower.patch_embedder)
        self.vision.output("block 0", tower.encoder.layers[0])
        self.vision.output("last block", tower.encoder.layers[-1])
        self.vision.output("merged", model.embed_vision)
        for index in range(3):
            self.text.output(f"layer {index}", language.layers[index])
        self.text.output("last layer", language.layers[-1])

    def picture_of(self, count: int) -> list[str]:
        return ["<|image>"] + ["<|image|>"] * count + ["<image|>"]

    def ids(self, parts, instruction, image_tokens: list[int]) -> list[int]:
        """Span by span, with the matching of specials off in each."""
        counts, special = iter(image_tokens), lambda token: models.special_id(self.architecture, token)
        ids, span = [self.tokenizer.bos_token_id], f"{instruction.strip()} " if instruction else ""
        join = " " if not any("text" in part for part in parts) else ""

        def flush():
            nonlocal span
            if span:
                ids.extend(self.tokenizer(span, add_special_tokens=False, split_special_tokens=True).input_ids)
            span = ""

        for index, part in enumerate(parts):
            if "text" in part:
                span += part["text"]
                continue
            span += join if index else ""
            flush()
            ids.extend(map(special, self.picture_of(next(counts))))
        flush()
        return ids + [self.tokenizer.eos_token_id]

    def prepared(self, pixels: np.ndarray) -> torch.Tensor:
        raw = self.processor(Image.fromarray(pixels), do_rescale=False, return_tensors="pt")
        positions, side = raw["image_position_ids"][0], self.processor.patch_size
        across, down = (positions.max(0).values + 1).tolist()
        patches = raw["pixel_values"][0][: across * down].reshape(down, across, side, side, 3)
        return patches.permute(0, 2, 1, 3, 4).reshape(down * side, across * side, 3).to(torch.uint8).contiguous()

    def picture_states(self, pixels: np.ndarray) -> dict:
        given = self.processor(Image.fromarray(pixels), return_tensors="pt")
        self.model.get_image_features(given["pixel_values"], given["image_position_ids"])
        patches = int((given["image_position_ids"] != -1).all(-1).sum())
        kept = self.vision.kept
        return {name: state if name == "merged" else state[:patches] for name, state in kept.items()}

    def tables(self, positions) -> dict:
        return {}

    def frequencies(self) -> dict:
        rotary = self.model.language_model.rotary_emb
        return {
            "sliding": rotary.sliding_attention_inv_freq, "full": rotary.full_attention_inv_freq,
            "vision": self.model.vision_tower.encoder.rotary_emb.inv_freq,
        }

    def given(self, name, parts, instruction, pixels):
        """As with Qwen; positions are no input of this model."""
        images = [Image.fromarray(pixels[part["image"]]) for part in parts if "image" in part]
        given = self.processor(images, return_tensors="pt") if images else {}
        counts = [int(count) for count in given["num_soft_tokens_per_image"]] if images else []
        ids = self.ids(parts, instruction, counts)
        if not any("<|" in part.get("text", "") for part in parts) and "<|" not in (instruction or ""):
            counted = iter(counts)
            texts = [part["text"] if "text" in part else "".join(self.picture_of(next(counted))) for part in parts]
            join = " " if not any("text" in part for part in parts) else ""
            whole = (f"{instruction.strip()} " if instruction else "") + join.join(texts)
            assert self.tokenizer(whole).input_ids == ids, f"{name}: ids differ from the tokenizer's"
        arguments = dict(input_ids=torch.tensor([ids]), attention_mask=torch.ones(1, len(ids), dtype=torch.long))
        if images:
            arguments |= {key: given[key] for key in ("pixel_values", "image_position_ids")}
        side, sizes = self.processor.patch_size, []
        for positions in given["image_position_ids"] if images else []:
            across, down = (positions.max(0).values + 1).tolist()
            sizes.append([across * side, down * side])
        return ids, sizes, None, arguments

    def vector(self, arguments) -> torch.Tensor:
        """Of unit length."""
        return unit(self.model(**arguments).last_hidden_state[0].mean(0))


def reference_of(architecture: str, directory: Path, model):
    """The reference for a folder and its model."""
    kinds = {"qwen3_vl": QwenReference, "embedding_gemma2": GemmaReference}
    return kinds[models.INTERLEAVED[architecture].model_type](architecture, directory, model)


def requests_of(wanted, small: bool) -> list:
    if small:
        return REQUESTS
    return CELL_REQUESTS if wanted.model_type == "embedding_gemma2" else LARGE_REQUESTS


@torch.no_grad()
def write(architecture: str, directory: Path, seed: int, small: bool) -> None:
    """Builds the folder and everything that is expected of it."""
    model = models.make_folder(architecture, directory, seed)
    wanted = models.INTERLEAVED[architecture]
    reference = reference_of(architecture, directory, model)
    (directory / "pictures").mkdir(exist_ok=True)
    pixels, files, expected, requests = [], [], {}, []
    for index, (width, height) in enumerate(SMALL_SIZES if small else LARGE_SIZES):
        pixels.append(picture(width, height, index))
        files.append(f"pictures/{index}.png")
        Image.fromarray(pixels[-1]).save(directory / files[-1], optimize=True)
        expected[f"image.{index}.prepared"] = reference.prepared(pixels[-1])
    for index in STATES_OF_PICTURES if small else []:
        for name, state in reference.picture_states(pixels[index]).items():
            expected[f"image.{index}.{name}"] = state.float().contiguous()
    for index, (name, parts, instruction) in enumerate(requests_of(wanted, small)):
        ids, sizes, positions, arguments = reference.given(name, parts, instruction, pixels)
        if positions is not None:
            expected[f"request.{index}.positions"] = positions.to(torch.int32).contiguous()
        expected[f"request.{index}.pooled"] = reference.vector(arguments).float().contiguous()
        requests.append(dict(name=name, parts=parts, instruction=instruction, ids=ids, sizes=sizes))
        if small and name in STATES_OF:
            for stage, state in reference.text.kept.items():
                expected[f"request.{index}.{stage}"] = state.float().contiguous()
            for kind, table in reference.tables(positions).items():
                expected[f"request.{index}.{kind}"] = table.contiguous()
    for kind, table in reference.frequencies().items():
        expected[f"frequencies.{kind}"] = table.clone()
    save_file(expected, directory / "expected.safetensors")
    (directory / "expected.safetensors").chmod(0o644)
    if wanted.cut_from_layers:
        layers = wanted.text["num_hidden_layers"]
        print(f"{architecture}: {layers} of {wanted.cut_from_layers} layers of text", flush=True)
    inputs = dict(pictures=files, requests=requests)
    (directory / "requests.json").write_text(json.dumps(inputs, ensure_ascii=False) + "\n")
