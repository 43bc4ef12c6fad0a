"""Pictures that are none, are broken, or would eat memory; as asset, as base64 and by URL."""

import struct
import time
import zlib

import pytest

from expectations import assert_refused, refuse_embed
from harness import pictures
from harness.pictures import GREY, RGB, chunk
from harness.wire import Part, base64_text, image_request

IMAGE_BYTES_MAX = 32 * 1024 * 1024
REFUSED_WITHIN_S = 3.0
HUGE = 2**31 - 1


def jpeg_of_size(width: int, height: int) -> bytes:
    """The drawn JPEG with another size written into its frame header."""
    content = bytearray(pictures.drawn("house.jpg"))
    frame = content.index(b"\xff\xc0")
    content[frame + 5 : frame + 9] = struct.pack(">HH", height, width)
    return bytes(content)


def gif_of_size(width: int, height: int) -> bytes:
    content = bytearray(pictures.drawn("boat.gif"))
    content[6:10] = struct.pack("<HH", width, height)
    return bytes(content)


def png_with_text_bomb() -> bytes:
    """A compressed text chunk that grows to a gigabyte."""
    compressor = zlib.compressobj(9)
    block = b"a" * 1_000_000
    text = b"".join(compressor.compress(block) for _ in range(1000)) + compressor.flush()
    rest = pictures.solid(64, 64)
    return rest[:33] + chunk(b"zTXt", b"Comment\x00\x00" + text) + rest[33:]


def png_with_more_samples_than_pixels() -> bytes:
    """64 x 64 pixels by its header, half a gigabyte of samples in its body."""
    compressor = zlib.compressobj(9)
    block = bytes(1_000_000)
    samples = b"".join(compressor.compress(block) for _ in range(500)) + compressor.flush()
    return pictures.header(64, 64) + chunk(b"IDAT", samples) + chunk(b"IEND", b"")


CAT, HOUSE, TREE, BOAT = (pictures.drawn(name) for name in ("cat.png", "house.jpg", "tree.webp", "boat.gif"))
SVG = b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9"/></svg>'

REFUSED = {
    "text": b"These are only words, whatever the name says.",
    "SVG": SVG,
    "HTML": b"<!doctype html><html><body><img src=x></body></html>",
    "PDF": b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n",
    "ZIP": b"PK\x03\x04" + bytes(60),
    "BMP": b"BM" + struct.pack("<IHHI", 58, 0, 0, 54) + struct.pack("<IiiHHIIiiII", 40, 1, 1, 1, 24, 0, 4, 0, 0, 0, 0) + bytes(4),
    "TIFF": b"II*\x00\x08\x00\x00\x00" + bytes(40),
    "HEIC": b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic" + bytes(60),
    "MP4": b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom" + bytes(60),
    "PNG signature alone": pictures.PNG_SIGNATURE,
    "PNG header alone": pictures.header(64, 64),
    "JPEG signature alone": b"\xff\xd8\xff",
    "GIF signature alone": b"GIF89a",
    "WebP signature alone": b"RIFF\x10\x00\x00\x00WEBPVP8 ",
    "PNG cut in half": CAT[: len(CAT) // 2],
    "JPEG cut in half": HOUSE[: len(HOUSE) // 2],
    "WebP cut in half": TREE[: len(TREE) // 2],
    "GIF cut in half": BOAT[: len(BOAT) // 2],
    "JPEG cut after the header": HOUSE[:200],
    "PNG with a wrong checksum": CAT[:29] + b"\x00\x00\x00\x00" + CAT[33:],
    "PNG with wrong samples": pictures.header(64, 64) + chunk(b"IDAT", b"not zlib at all") + chunk(b"IEND", b""),
    "PNG without samples": pictures.header(64, 64) + chunk(b"IEND", b""),
    "PNG with too few samples": pictures.png(64, 64, b"\x00" * 100),
    "PNG of 41 bytes that claims a huge size": pictures.header(HUGE, HUGE) + struct.pack(">I", HUGE) + b"IDAT",
    "PNG of zero width": pictures.header(0, 64) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b""),
    "PNG of zero size": pictures.header(0, 0) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b""),
    "PNG with a bad bit depth": pictures.header(64, 64, 3, RGB) + chunk(b"IDAT", b"") + chunk(b"IEND", b""),
    "PNG with a chunk longer than the file": pictures.header(64, 64) + struct.pack(">I", HUGE) + b"IDAT" + bytes(50),
    "too many pixels": pictures.blank(16_000, 16_000),
    "a side that is too long": pictures.blank(100_000, 1),
    "claimed 65535 x 65535 JPEG": jpeg_of_size(65535, 65535),
    "claimed 0 x 0 JPEG": jpeg_of_size(0, 0),
    "claimed 65535 x 65535 GIF": gif_of_size(65535, 65535),
}
NOT_EVEN_BYTES = {"no bytes": b""}


@pytest.mark.parametrize("content", (REFUSED | NOT_EVEN_BYTES).values(), ids=REFUSED | NOT_EVEN_BYTES)
def test_refused_as_asset(raw, content):
    started = time.monotonic()
    before = raw.get("/assets").json()["page_info"]["total_results"]
    assert_refused(raw.upload(content, "picture.png"), 400, ("parameter_invalid", "parameter_not_provided"), "file")
    assert time.monotonic() - started < REFUSED_WITHIN_S
    assert raw.get("/assets").json()["page_info"]["total_results"] == before, "nothing was stored"


@pytest.mark.parametrize("content", REFUSED.values(), ids=REFUSED)
def test_refused_in_an_embed_request(raw, content):
    started = time.monotonic()
    refuse_embed(raw, image_request({"base64_string": base64_text(content)}), "parameter_invalid", "image.media_source")
    assert time.monotonic() - started < REFUSED_WITHIN_S


def test_refused_by_url(raw, origin):
    for name in ("SVG", "HTML", "PNG cut in half", "PNG of 41 bytes that claims a huge size", "too many pixels"):
        url = origin.serve("/bad.png", REFUSED[name], "image/png")
        refuse_embed(raw, image_request({"url": url}), "parameter_invalid", "image.media_source")
        reply = raw.send_form("/assets", [Part("method", b"url"), Part("url", url.encode())])
        assert_refused(reply, 400, "parameter_invalid", "url")


GROWING = {"text bomb": png_with_text_bomb, "more samples than pixels": png_with_more_samples_than_pixels}


@pytest.mark.parametrize("make", GROWING.values(), ids=GROWING)
def test_bodies_that_grow_when_unpacked(raw, make):
    """Refused, or read without what grows: but quickly, and without the memory that it asks for."""
    content = make()
    started = time.monotonic()
    reply = raw.embed(image_request({"base64_string": base64_text(content)}))
    assert time.monotonic() - started < REFUSED_WITHIN_S
    if reply.status == 200:
        reply.embedding()
    else:
        assert_refused(reply, 400, "parameter_invalid", nested=True)


def peak_memory_bytes(server) -> int:
    status = (server.process.pid and open(f"/proc/{server.process.pid}/status").read()) or ""
    (line,) = [line for line in status.splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) * 1024


def test_a_claimed_size_costs_no_memory(raw, server):
    before = peak_memory_bytes(server)
    for name in ("PNG of 41 bytes that claims a huge size", "too many pixels", "claimed 65535 x 65535 JPEG"):
        for _ in range(5):
            raw.upload(REFUSED[name])
    assert peak_memory_bytes(server) - before < 64 * 1024 * 1024


def test_one_byte_above_the_cap_as_asset(raw):
    content = CAT + bytes(IMAGE_BYTES_MAX + 1 - len(CAT))
    assert_refused(raw.upload(content), (400, 413), "parameter_invalid", "32")


def test_one_byte_above_the_cap_in_an_embed_request(raw):
    content = CAT + bytes(IMAGE_BYTES_MAX + 1 - len(CAT))
    refuse_embed(raw, image_request({"base64_string": base64_text(content)}), "parameter_invalid", "32", status=413)


def test_one_byte_above_the_cap_by_url(raw, origin):
    url = origin.serve("/large.png", CAT + bytes(IMAGE_BYTES_MAX + 1 - len(CAT)))
    reply = raw.embed(image_request({"url": url}))
    assert_refused(reply, (400, 413), "parameter_invalid", "url", nested=True)
    origin.pages.pop("/large.png")


SMALL_AND_LONG = {
    "1 x 1": pictures.solid(1, 1),
    "1 x 2": pictures.solid(1, 2),
    "2 x 1": pictures.solid(2, 1),
    "3 x 22": pictures.solid(3, 22),
    "1 x 4000": pictures.solid(1, 4000),
    "4000 x 1": pictures.solid(4000, 1),
    "16384 x 1": pictures.blank(16384, 1),
    "7 x 3 grey": pictures.png(7, 3, (b"\x00" + bytes(7)) * 3, 8, GREY),
    "5 x 5 of 16 bits": pictures.png(5, 5, (b"\x00" + bytes(30)) * 5, 16, RGB),
}


@pytest.mark.parametrize("content", SMALL_AND_LONG.values(), ids=SMALL_AND_LONG)
def test_degenerate_sizes_get_a_vector_or_a_clear_error(raw, content):
    reply = raw.embed(image_request({"base64_string": base64_text(content)}))
    if reply.status == 200:
        reply.embedding()
    else:
        assert_refused(reply, 400, "parameter_invalid", "image.media_source", "pixel", nested=True)


def test_the_smallest_picture_is_a_picture(raw):
    """The minimum is 1 x 1 unless the operator raises it."""
    raw.embed(image_request({"base64_string": base64_text(pictures.solid(1, 1))})).embedding()
    assert raw.upload(pictures.solid(1, 1)).status == 201


def test_trailing_bytes_after_a_good_picture_do_no_harm(raw):
    plain = raw.embed(image_request({"base64_string": base64_text(CAT)})).embedding()
    reply = raw.embed(image_request({"base64_string": base64_text(CAT + b"<script>alert(1)</script>")}))
    assert reply.embedding() == plain
