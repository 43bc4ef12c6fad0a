"""What interleaved models are measured with: their folders, and the inputs of each case."""

import io
import json
import sys
from pathlib import Path

import numpy
from PIL import Image

# The folders are those of the parity tests, whose files import each other as neighbours.
sys.path.insert(0, str(Path(__file__).parents[1] / "parity"))

SEED = 20261122
# Width and height in pixels.
PICTURE_SIZE = (640, 480)
PICTURE = "bench.png"
INPUTS = "bench.jsonl"
# 32 words, as long as a caption is.
WORDS = " ".join(["a small red boat lies on the calm water below an old stone bridge, and"] * 3).split()[:32]
# Of each case: the text, and whether the picture stands in front of it.
CASES = {
    "32 words": (" ".join(WORDS), False),
    "640 x 480 picture and 32 words": (" ".join(WORDS), True),
}


def make_folder(architecture: str, folder: Path) -> None:
    """Writes a Hugging Face folder with random weights and the inputs, once."""
    if (folder / "complete").exists():
        return
    import interleaved_models

    interleaved_models.make_folder(architecture, folder, SEED)
    noise(0).save(folder / PICTURE)
    (folder / INPUTS).write_text("".join(json.dumps(line(folder, case)) + "\n" for case in CASES))
    (folder / "complete").touch()


def noise(index: int) -> Image.Image:
    """One of several pictures: speed does not depend on what is to be seen."""
    width, height = PICTURE_SIZE
    source = numpy.random.default_rng(SEED + index)
    return Image.fromarray(source.integers(0, 256, (height, width, 3), dtype=numpy.uint8))


def jpeg(index: int) -> bytes:
    """The same as a file."""
    file = io.BytesIO()
    noise(index).save(file, "JPEG", quality=88)
    return file.getvalue()


def line(folder: Path, case: str) -> dict:
    """The case as `onespace embed --jsonl` reads it."""
    words, picture = CASES[case]
    if not picture:
        return {"id": case, "text": words}
    source = {"name": "picture", "path": str((folder / PICTURE).resolve())}
    return {"id": case, "multi_input": {"input_text": words, "media_sources": [source]}}


def text_tokens(folder: Path, case: str) -> int:
    """How many tokens the text of a case has."""
    from tokenizers import Tokenizer

    return len(Tokenizer.from_file(str(folder / "tokenizer.json")).encode(CASES[case][0], add_special_tokens=False))
