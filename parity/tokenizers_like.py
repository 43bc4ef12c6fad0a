"""Tokenizers of the same kind as the published ones, trained on words made up here.

The files are written by the classes of `transformers` themselves, so that their shape (normaliser,
pre-tokeniser, post-processor, added tokens) is that of the real ones; only the vocabulary is not.
"""

import random

from tokenizers import Regex, Tokenizer, normalizers, pre_tokenizers, trainers
from tokenizers.models import BPE

SYLLABLES = "ba be bi bo bu ca ce da de di do fa fi ga go ha he jo ka ki la le lo ma me mi mo na ne no".split()
WORDS = (
    "a photo of the red cat on mat and dog by sea house with tree in rain it's they'll don't "
    "left right above below blue green small large two three naïve café Straße 東京 привет"
).split()


def corpus(seed: int, lines: int) -> list[str]:
    """Lines of real and made-up words, digits and marks; the same for the same seed."""
    source = random.Random(seed)
    invented = ["".join(source.choices(SYLLABLES, k=source.randint(1, 4))) for _ in range(20_000)]
    marks = [",", ".", "!", "?", "...", "--", "(", ")", "12", "2026", "7"]

    def word() -> str:
        kind = source.random()
        return source.choice(WORDS if kind < 0.4 else invented if kind < 0.9 else marks)

    return [" ".join(word() for _ in range(12)) for _ in range(lines)]


def _parts(trained: Tokenizer) -> tuple[dict[str, int], list[tuple[str, str]]]:
    import json

    model = json.loads(trained.to_str())["model"]
    merges = [tuple(pair.split(" ")) if isinstance(pair, str) else tuple(pair) for pair in model["merges"]]
    return model["vocab"], merges


def _fill(vocab: dict[str, int], size: int) -> dict[str, int]:
    """Adds unreachable tokens until the vocabulary has `size` ids."""
    next_id = max(vocab.values()) + 1
    filled = dict(vocab)
    for index in range(next_id, size):
        filled[f"<unused{index}>"] = index
    return filled


def clip(seed: int, size: int):
    """A `CLIPTokenizer` of `size` tokens: byte-level BPE with `</w>`, the two specials last."""
    from transformers import CLIPTokenizer

    trained = Tokenizer(BPE(end_of_word_suffix="</w>"))
    trained.normalizer = normalizers.Sequence(
        [normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()]
    )
    pattern = r"""'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"""
    trained.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(pattern), behavior="removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    # Every byte also as the end of a word.
    trainer = trainers.BpeTrainer(
        vocab_size=min(size - 300, 6000),
        special_tokens=[],
        initial_alphabet=alphabet,
        end_of_word_suffix="</w>",
        show_progress=False,
    )
    trained.train_from_iterator(corpus(seed, 4000), trainer)
    vocab, merges = _parts(trained)
    for letter in sorted(alphabet):
        vocab.setdefault(letter + "</w>", len(vocab))
    vocab = _fill(vocab, size - 2)
    vocab |= {"<|startoftext|>": size - 2, "<|endoftext|>": size - 1}
    return CLIPTokenizer(vocab=vocab, merges=merges, model_max_length=77)


def siglip2(seed: int, size: int):
    """A `Siglip2Tokenizer` of `size` tokens: BPE over `▁` with bytes to fall back to, `<eos>` last."""
    from transformers import Siglip2Tokenizer

    trained = Tokenizer(BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True))
    trained.normalizer = normalizers.Sequence([normalizers.Lowercase(), normalizers.Replace(" ", "▁")])
    trained.pre_tokenizer = pre_tokenizers.Split("▁", behavior="merged_with_next")
    specials = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>"]
    trainer = trainers.BpeTrainer(
        vocab_size=min(size, 6000),
        special_tokens=specials + [f"<0x{byte:02X}>" for byte in range(256)],
        limit_alphabet=200,
        show_progress=False,
    )
    trained.train_from_iterator(corpus(seed, 4000), trainer)
    vocab, merges = _parts(trained)
    vocab = _fill(vocab, size)
    return Siglip2Tokenizer(
        vocab=vocab,
        merges=merges,
        add_bos_token=False,
        add_eos_token=True,
        padding_side="right",
        model_max_length=64,
    )
