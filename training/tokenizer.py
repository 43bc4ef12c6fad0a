"""Trains the byte-level BPE tokenizer: NFKC, lower case, 16,384 entries, no special tokens."""

from pathlib import Path

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from .data import Row, Synset

VOCABULARY = 16384


def corpus(rows: list[Row], synsets: list[Synset], captions: list[str]):
    """Each distinct text once, English names four times so that common words become single tokens."""
    seen: set[str] = set()
    for row in rows:
        for language, texts in row.texts.items():
            for text in texts:
                if (key := language + text) not in seen:
                    seen.add(key)
                    yield from [text] * (4 if language == "en" else 2)
        yield from (g for g in row.glosses if g not in seen and not seen.add(g))
    for synset in synsets:
        if not synset.held_out:
            yield from synset.words
            yield synset.gloss
    yield from captions


def train_tokenizer(texts, vocabulary: int = VOCABULARY) -> Tokenizer:
    """A tokenizer with exactly `vocabulary` entries; fails when the corpus is too small for that."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        special_tokens=[],
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    if tokenizer.get_vocab_size() != vocabulary:
        raise SystemExit(f"the corpus gave {tokenizer.get_vocab_size()} entries, {vocabulary} are needed")
    return tokenizer


def load_or_train(path: Path, texts) -> Tokenizer:
    """The tokenizer stored at `path`; trained from `texts` (any iterable, read only then) when there is none."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        train_tokenizer(texts).save(str(path))
    return Tokenizer.from_file(str(path))
