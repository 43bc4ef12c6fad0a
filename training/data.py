"""The training pack: rows, names, pixels, and what is held out.

Pictures are decoded once into a cache of 72 px RGBA arrays (72 so that a 64 px random crop has room), which is
memory-mapped afterwards. Nothing here is random: the held-out parts depend on hashes of identifiers alone.
"""

import glob
import hashlib
import io
import json
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as parquet
from PIL import Image

CACHE_SIDE_PX = 72
LANGUAGES = ("en", "es", "fr", "de", "ja", "zh", "pt", "ko", "ar", "hi")
HELD_OUT_SOURCE = "emojione"
HELD_OUT_PHOTO_PERCENT = 10
HELD_OUT_SYNSET_PERCENT = 5
DEVELOPMENT_PERCENT = 5  # of the emoji, photos and nouns that are not held out: what decisions are taken on
BIDI_MARKS = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
COLUMNS = ["id", "source", "kind", "concept", "texts", "langs", "alpha"]


def stable_hash(text: str) -> int:
    """A 63-bit hash that is the same in every run and on every machine."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little") >> 1


def for_development(identifier: str) -> bool:
    """Whether decisions are taken on it, unless it is held out for the figures of the card."""
    return stable_hash("development|" + identifier) % 100 < DEVELOPMENT_PERCENT


def held_out_pair(first: str, second: str) -> bool:
    """Whether the generator must never show these two concepts together in training (10 % of all pairs)."""
    return stable_hash("pair|" + "|".join(sorted((first, second)))) % 100 < 10


class Split:
    """What a row or a noun is for."""

    held_out: bool
    development: bool

    @property
    def trained_on(self) -> bool:
        """Neither held out for the figures of the card nor for decisions."""
        return not (self.held_out or self.development)


@dataclass
class Row(Split):
    """One picture. `concept` is its plain English name in lower case; `texts` maps a language to its texts."""

    identifier: str
    source: str
    kind: str
    concept: str
    alpha: bool
    texts: dict[str, list[str]]
    glosses: list[str]
    held_out: bool
    skin_tone: bool
    development: bool = False


def read_row(raw: dict) -> Row:
    """Splits the parallel lists of a raw row by language and moves `name: gloss` texts into `glosses`."""
    texts: dict[str, list[str]] = {}
    glosses: list[str] = []
    name = raw["texts"][0]
    for place, (text, language) in enumerate(zip(raw["texts"], raw["langs"])):
        clean = BIDI_MARKS.sub("", text).strip()
        if place > 0 and language == "en" and ": " in clean and len(clean) > 24:  # names too may hold a colon
            glosses.append(clean.split(": ", 1)[1])
        elif clean:
            pieces = [p.strip() for p in clean.split(",")] if language == "hi" else [clean]
            texts.setdefault(language, []).extend(p for p in pieces if p)
    photo = raw["kind"] == "photo" and stable_hash(raw["id"]) % 100 < HELD_OUT_PHOTO_PERCENT
    tone = raw["concept"].startswith("emoji:") and re.search("1f3f[b-f]", raw["concept"]) is not None
    held_out = photo or raw["source"] == HELD_OUT_SOURCE
    chosen = raw["kind"] in ("emoji", "photo") and for_development(raw["id"])
    return Row(
        raw["id"], raw["source"], raw["kind"], name.casefold(), raw["alpha"], texts, glosses,
        held_out, tone, chosen and not held_out,
    )


def parquet_files(data: Path) -> list[str]:
    """The picture files of the pack, in a fixed order."""
    files = sorted(glob.glob(str(data / "permissive-*.parquet")))
    if not files:
        raise SystemExit(f"no permissive-*.parquet in {data}: pass the training pack with --data")
    return files


def read_rows(data: Path) -> list[Row]:
    """Every row's texts, without pixels, in the order of the pixel cache."""
    return [
        read_row(raw)
        for file in parquet_files(data)
        for raw in parquet.read_table(file, columns=COLUMNS).to_pylist()
    ]


def encoded_images(data: Path):
    """Yields every row's encoded picture, in the order of `read_rows`."""
    for file in parquet_files(data):
        for batch in parquet.ParquetFile(file).iter_batches(512, columns=["image"]):
            yield from batch.column(0).to_pylist()


def read_pixels(data: Path, cache: Path, rows: int) -> np.ndarray:
    """[rows, 72, 72, 4] uint8, memory-mapped; decoded on the first call (about two minutes on one core)."""
    shape = (rows, CACHE_SIDE_PX, CACHE_SIDE_PX, 4)
    path = cache / "pixels.u8"
    if not path.exists():
        cache.mkdir(parents=True, exist_ok=True)
        partial = cache / "pixels.partial"
        pixels = np.memmap(partial, np.uint8, "w+", shape=shape)
        for index, encoded in enumerate(encoded_images(data)):
            picture = Image.open(io.BytesIO(encoded)).convert("RGBA")
            pixels[index] = np.asarray(picture.resize((CACHE_SIDE_PX, CACHE_SIDE_PX), Image.BICUBIC))
        pixels.flush()
        partial.rename(path)
    return np.memmap(path, np.uint8, "r", shape=shape)


@dataclass
class Synset(Split):
    """A WordNet noun: its words, its gloss and what it is a kind of."""

    words: list[str]
    gloss: str
    hypernyms: list[str]
    held_out: bool
    development: bool = False


def read_synset(raw: dict) -> Synset:
    """What is held out depends on a hash of the identifier."""
    held_out = stable_hash(raw["synset"]) % 100 < HELD_OUT_SYNSET_PERCENT
    chosen = for_development(raw["synset"])
    return Synset(raw["words"], raw["gloss"], raw["hypernyms"], held_out, chosen and not held_out)


def read_synsets(data: Path) -> list[Synset]:
    """The concrete nouns of WordNet."""
    return [read_synset(raw) for raw in parquet.read_table(data / "text-wordnet-nouns.parquet").to_pylist()]


def read_emoji_names(data: Path) -> dict[str, dict]:
    """CLDR names by lower-case code points: {"name", "group", "sub", "names": {language: name}}."""
    return json.loads((data / "emoji_names.json").read_text(encoding="utf-8"))
