"""Tokenizers of the kinds of interleaved models; see `tokenizers_like.py`."""

from tokenizers import Tokenizer, pre_tokenizers, processors, trainers
from tokenizers.models import BPE

from tokenizers_like import _fill, _parts, corpus


def qwen(seed: int, size: int, first_special: int, specials: list[str], ends_text: bool):
    """A `Qwen2Tokenizer`: byte-level BPE below `first_special`, the specials from there on.

    With `ends_text` its post-processor ends every sequence with `<|endoftext|>`.
    """
    from tokenizers import AddedToken
    from transformers import Qwen2Tokenizer

    shape = Qwen2Tokenizer(vocab={"<|endoftext|>": 0}, merges=[]).backend_tokenizer
    trained = Tokenizer(BPE())
    trained.normalizer, trained.pre_tokenizer = shape.normalizer, shape.pre_tokenizer
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=min(first_special, 6000), special_tokens=[], initial_alphabet=alphabet,
        show_progress=False,
    )
    # Runs of line ends and of spaces are tokens of their own in the published vocabulary.
    lines = [line + ending for line, ending in zip(corpus(seed, 4000), ["\n", "\n\n", "  x"] * 2000)]
    trained.train_from_iterator(lines, trainer)
    vocab, merges = _parts(trained)
    # Room for what merges with the line end that the template puts before a user's text.
    tokenizer = Qwen2Tokenizer(vocab=_fill(vocab, first_special), merges=merges)
    tokenizer.add_special_tokens(
        {"additional_special_tokens": [AddedToken(token, normalized=False, special=True) for token in specials]},
    )
    backend = tokenizer.backend_tokenizer
    if ends_text:
        end = "<|endoftext|>"
        backend.post_processor = processors.Sequence([
            processors.ByteLevel(trim_offsets=False),
            processors.TemplateProcessing(
                single=f"$A {end}", special_tokens=[(end, backend.token_to_id(end))]
            ),
        ])
    assert backend.token_to_id(specials[-1]) == first_special + len(specials) - 1, "ids moved"
    assert size > first_special + len(specials) - 1
    return tokenizer


def gemma(seed: int, size: int, specials: dict[str, int]):
    """A `GemmaTokenizer`: BPE over `▁` with bytes to fall back to, `<bos>` and `<eos>` around a text."""
    from tokenizers import AddedToken, normalizers
    from transformers import GemmaTokenizer

    trained = Tokenizer(BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True))
    trained.normalizer = normalizers.Replace(" ", "▁")
    trained.pre_tokenizer = pre_tokenizers.Split(" ", behavior="merged_with_previous")
    named = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>"]
    first = min(specials.values())
    trainer = trainers.BpeTrainer(
        vocab_size=min(first, 4000), special_tokens=named + [f"<0x{byte:02X}>" for byte in range(256)],
        limit_alphabet=150, show_progress=False,
    )
    trained.train_from_iterator(corpus(seed, 4000), trainer)
    vocab, merges = _parts(trained)
    vocab = _fill(vocab, size)
    # Specials stand inside of the vocabulary, at their own ids.
    by_id = {index: token for token, index in vocab.items()}
    for token, index in specials.items():
        del vocab[by_id[index]]
        vocab[token] = index
    tokenizer = GemmaTokenizer(vocab=vocab, merges=merges)
    tokenizer.add_special_tokens(
        {"additional_special_tokens": [AddedToken(token, normalized=False, special=True) for token in specials]}
    )
    backend = tokenizer.backend_tokenizer
    ends = [(token, backend.token_to_id(token)) for token in ("<bos>", "<eos>")]
    backend.post_processor = processors.TemplateProcessing(single="<bos> $A <eos>", special_tokens=ends)
    assert all(backend.token_to_id(token) == index for token, index in specials.items()), "ids moved"
    return tokenizer
