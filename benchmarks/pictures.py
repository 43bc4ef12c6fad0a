"""JPEG files that cost about as much to decode as photographs of their size."""

from io import BytesIO
from pathlib import Path

import numpy
from PIL import Image

# Cameras and phones write about this quality with half the colour resolution.
QUALITY = 88
SIZES = {"1mp": (1152, 864), "12mp": (4032, 3024)}


def photograph(width: int, height: int, seed: int) -> bytes:
    """Noise of all scales, strongest in the large ones as in photographs, with a grain on top."""
    generator = numpy.random.default_rng(seed)
    picture = numpy.zeros((height, width, 3), numpy.float32)
    cells = 4
    while cells < width // 2:
        coarse = generator.integers(0, 256, (max(2, cells * height // width), cells, 3), numpy.uint8)
        layer = Image.fromarray(coarse).resize((width, height), Image.BICUBIC)
        picture += (numpy.asarray(layer, numpy.float32) - 127.5) * (4 / cells) ** 0.75
        cells *= 2
    picture += generator.normal(0, 9, picture.shape)
    picture = (picture * 0.8 + 127.5).clip(0, 255).astype(numpy.uint8)
    out = BytesIO()
    Image.fromarray(picture).save(out, "JPEG", quality=QUALITY, subsampling="4:2:0")
    return out.getvalue()


def make(into: Path, size: str, count: int) -> list[Path]:
    """`count` pictures of a size, made once."""
    into.mkdir(parents=True, exist_ok=True)
    paths = [into / f"{size}-{index:02}.jpg" for index in range(count)]
    for seed, path in enumerate(paths):
        if not path.exists():
            path.write_bytes(photograph(*SIZES[size], seed))
    return paths
