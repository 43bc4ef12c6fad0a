"""Which forms of base64 are taken, and which are refused before anything is decoded."""

import base64

import pytest

from expectations import refuse_embed
from harness import pictures
from harness.wire import base64_text, image_request

# A length that needs padding, and samples whose base64 holds both letters that differ between alphabets.
PICTURE = pictures.noise(16, 16, seed=3)
while len(PICTURE) % 3 != 1:
    PICTURE += b"\x00"
PLAIN = base64_text(PICTURE)
assert "+" in PLAIN and "/" in PLAIN and PLAIN.endswith("==")


def in_lines(text: str, line_end: str) -> str:
    return line_end.join(text[start : start + 76] for start in range(0, len(text), 76)) + line_end


TAKEN = {
    "no padding": PLAIN.rstrip("="),
    "half the padding": PLAIN[:-1],
    "lines": in_lines(PLAIN, "\n"),
    "lines with carriage returns": in_lines(PLAIN, "\r\n"),
    "blanks around": f"  \t{PLAIN}\n",
    "data URL": f"data:image/png;base64,{PLAIN}",
    "data URL with another type": f"data:image/jpeg;base64,{PLAIN}",
    "data URL without type": f"data:;base64,{PLAIN}",
}

REFUSED = {
    "one letter": "A",
    "rest of one letter": PLAIN.rstrip("=")[:-1],
    "words": "this is *not* base64!",
    "padding in the middle": PLAIN[:40] + "==" + PLAIN[40:],
    "only padding": "====",
    "URL-safe alphabet": base64.urlsafe_b64encode(PICTURE).decode(),
    "letter beyond ASCII": PLAIN[:40] + "é" + PLAIN[40:],
    "full-width letters": "ＡＡＡＡ" + PLAIN,
    "NUL": PLAIN[:40] + "\x00" + PLAIN[40:],
    "data URL that is not base64": "data:image/png,rawbytes",
    "two data prefixes": f"data:image/png;base64,data:image/png;base64,{PLAIN}",
    "hexadecimal with prefix": "0x" + PICTURE.hex() + "!",
    "percent-encoded": PLAIN.replace("+", "%2B"),
    "file path": "../../etc/passwd.png",
}

EMPTY = {"empty": "", "data URL with nothing behind": "data:image/png;base64,", "blanks": " \n"}


@pytest.fixture(scope="module")
def vector(raw):
    return raw.embed(image_request({"base64_string": PLAIN})).embedding()


@pytest.mark.parametrize("text", TAKEN.values(), ids=TAKEN)
def test_taken(raw, vector, text):
    assert raw.embed(image_request({"base64_string": text})).embedding() == vector


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED)
def test_refused(raw, text):
    refuse_embed(raw, image_request({"base64_string": text}), "parameter_invalid", "image.media_source.base64_string")


@pytest.mark.parametrize("text", EMPTY.values(), ids=EMPTY)
def test_nothing(raw, text):
    refuse_embed(
        raw, image_request({"base64_string": text}), ("parameter_not_provided", "parameter_invalid"), "image.media_source"
    )
