"""Pictures made on the spot (PNG, written with zlib), and the drawn ones of `examples/pictures`."""

import random
import struct
import zlib
from pathlib import Path

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
DRAWN = EXAMPLES / "pictures"
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
GREY, RGB = 0, 2


def drawn(name: str) -> bytes:
    """The bytes of a picture of `examples/pictures`."""
    return (DRAWN / name).read_bytes()


def chunk(kind: bytes, content: bytes) -> bytes:
    """One PNG chunk with its length and checksum."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def header(width: int, height: int, depth: int = 8, colour: int = RGB) -> bytes:
    """The signature and the IHDR chunk: the first 33 bytes of a PNG."""
    return PNG_SIGNATURE + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))


def png(width: int, height: int, rows: bytes, depth: int = 8, colour: int = RGB, level: int = 6) -> bytes:
    """A PNG of `rows`: for each row the filter byte 0 and then its samples."""
    return header(width, height, depth, colour) + chunk(b"IDAT", zlib.compress(rows, level)) + chunk(b"IEND", b"")


def solid(width: int, height: int, colour: tuple[int, int, int] = (200, 30, 30)) -> bytes:
    """An RGB picture of one colour."""
    return png(width, height, (b"\x00" + bytes(colour) * width) * height)


def blank(width: int, height: int) -> bytes:
    """A black picture of one bit per pixel: tiny as a file whatever its size in pixels."""
    compressor = zlib.compressobj(9)
    row = b"\x00" * (1 + (width + 7) // 8)
    content = b"".join(compressor.compress(row) for _ in range(height)) + compressor.flush()
    return header(width, height, 1, GREY) + chunk(b"IDAT", content) + chunk(b"IEND", b"")


def noise(width: int, height: int, seed: int) -> bytes:
    """An RGB picture of random samples, stored: about 3 bytes per pixel, different for every seed."""
    source = random.Random(seed)
    rows = b"".join(b"\x00" + source.randbytes(3 * width) for _ in range(height))
    return png(width, height, rows, level=0)


def stripes(seed: int, side: int = 64) -> bytes:
    """A small picture of random coloured stripes, different for every seed."""
    source = random.Random(seed)
    row = b"\x00" + b"".join(source.randbytes(3) * 4 for _ in range(side // 4))
    return png(side, side, row * side)
