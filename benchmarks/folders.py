"""Model folders with random weights, and the inputs that go through them.

Speed does not depend on what weights say, so random ones measure as well as trained ones. Accuracy
does: cosines printed beside the speeds tell whether an engine computes the same function, not how
good it would be with trained weights.
"""

import json
import random
import shutil
import sys
from pathlib import Path

import numpy
from PIL import Image
from safetensors.numpy import save_file

from .towers import EMBEDDED, Case

# The folders are those of the parity tests, whose files import each other as neighbours.
sys.path.insert(0, str(Path(__file__).parents[1] / "parity"))

EMBEDDED_FILES = Path(__file__).parents[1] / "crates/models/embedded"
INPUTS = 32
SEED = 20261122
# Texts are made of these, a space between them: few tokens each with every tokenizer.
LETTERS = "abcdefghiklmnoprstu"
TRIES_MAX = 1_000


def make_folder(model: str, folder: Path) -> None:
    """Writes a Hugging Face folder for `model` with random weights, once."""
    if (folder / "complete").exists():
        return
    if model == EMBEDDED:
        folder.mkdir(parents=True, exist_ok=True)
        for file in EMBEDDED_FILES.iterdir():
            shutil.copy(file, folder)
        (folder / "complete").touch()
        return
    import models

    models.ARCHITECTURES["siglip-minilm-text"] = minilm_text(models.Architecture)
    models.make_folder(model, folder, SEED)
    (folder / "complete").touch()


def minilm_text(architecture: type):
    """A SigLIP folder whose text tower has the size of all-MiniLM-L6-v2; the image tower is tiny."""
    common = {"hidden_size": 384, "num_attention_heads": 12, "intermediate_size": 1536}
    special = {"pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 1}
    text = common | special | {"num_hidden_layers": 6, "vocab_size": 32000, "projection_size": 384}
    vision = common | {"num_hidden_layers": 1, "image_size": 224, "patch_size": 16}
    return architecture("siglip", text, vision)


def make_inputs(folder: Path, case: Case) -> numpy.ndarray:
    """Writes `inputs.safetensors` for the engines and the same as `inputs.jsonl` for onespace."""
    into = folder / case.input
    into.mkdir(exist_ok=True)
    inputs, lines = (images if case.input == "image" else texts)(folder, case, into)
    save_file({case.input: inputs}, into / "inputs.safetensors")
    lines = [json.dumps({"id": str(index)} | line) for index, line in enumerate(lines)]
    (into / "inputs.jsonl").write_text("\n".join(lines) + "\n")
    return inputs


def images(folder: Path, _case: Case, into: Path) -> tuple[numpy.ndarray, list[dict]]:
    """Pictures at the model's own size, so that nobody's resize takes part."""
    config = json.loads((folder / "config.json").read_text())
    side = config.get("image_side_px") or config["vision_config"].get("image_size", 224)
    preprocessor = folder / "preprocessor_config.json"
    settings = json.loads(preprocessor.read_text()) if preprocessor.exists() else config
    mean, std = (numpy.array(settings[name], numpy.float32) for name in ("image_mean", "image_std"))
    generator = numpy.random.default_rng(SEED)
    pixels, lines = [], []
    for index in range(INPUTS):
        coarse = generator.integers(0, 256, (5, 5, 3), numpy.uint8)
        smooth = numpy.asarray(Image.fromarray(coarse).resize((side, side), Image.BICUBIC), numpy.float32)
        noisy = smooth + generator.normal(0, 20, (side, side, 3))
        picture = noisy.clip(0, 255).astype(numpy.uint8)
        path = (into / f"{index:02}.png").resolve()
        Image.fromarray(picture).save(path)
        lines.append({"image": str(path)})
        normalised = (picture.astype(numpy.float32) / 255 - mean) / std
        pixels.append(normalised.transpose(2, 0, 1))
    return numpy.ascontiguousarray(numpy.stack(pixels), numpy.float32), lines


def texts(folder: Path, case: Case, _into: Path) -> tuple[numpy.ndarray, list[dict]]:
    """Texts of exactly as many tokens as the case has, so that nothing is padded."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    letters, ids, lines = random.Random(SEED), [], []
    for _ in range(TRIES_MAX):
        text, row = "", tokenizer.encode("").ids
        while len(row) < case.tokens:
            text = f"{text} {letters.choice(LETTERS)}".strip()
            row = tokenizer.encode(text).ids
        if len(row) == case.tokens:
            ids.append(row)
            lines.append({"text": text})
        if len(ids) == INPUTS:
            return numpy.array(ids, numpy.int64), lines
    raise SystemExit(f"{case.name}: no texts of {case.tokens} tokens are found")
