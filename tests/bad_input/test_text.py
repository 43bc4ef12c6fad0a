"""Texts that trip parsers, tokenizers and models."""

import time

import pytest

from expectations import assert_refused, refuse_embed
from harness import pictures
from harness.wire import Part, assert_unit_vector, base64_text, multi_input_request, text_request

CAT = base64_text(pictures.drawn("cat.png"))
REFUSED_WITHIN_S = 5.0

# Each of these is a text like any other: it gets a vector.
ODD_TEXTS = {
    **{
        word: word
        for word in ("<|endoftext|>", "<|image_pad|>", "<|vision_start|><|image_pad|><|vision_end|>", "[CLS] [SEP]")
    },
    **{word: word for word in ("<s></s>", "<pad>", "<unk>", "[MASK]", "<image>", "<img>", "[IMG]", "<eos>", "<bos>")},
    **{word: word for word in ("<@", "<@>", "<@ name>", "<@" + "x" * 65 + ">", "@>", "<@näme>")},
    "one letter": "x",
    "one dot": ".",
    "control characters": "\x01\x02\x1b[31m red \x7f",
    "right to left": "\u202eabc\u202c שלום",
    "zero width": "a\u200bb\u200cc\ufeffd",
    "combining": "e" + "\u0301" * 50,
    "ligature that expands": "\ufdfa" * 20,
    "emoji of several parts": "👩‍👩‍👧‍👦🏳️‍🌈",
    "private use": "\ue000\U000f0000",
    "noncharacter": "\uffff\ufffe",
    "line ends": "a\r\nb\u2028c\x0bd",
    "SQL": "'; DROP TABLE assets; --",
    "template": "{{7*7}} ${7*7} %s %n",
    "null word": "null",
}


@pytest.mark.parametrize("text", ODD_TEXTS.values(), ids=[repr(name)[:40] for name in ODD_TEXTS])
def test_odd_text_gets_a_vector(raw, text):
    raw.embed(text_request(text)).embedding()


@pytest.mark.parametrize("word", ["<|image_pad|>", "<image>", "[CLS]", "<pad>", "</s>"])
def test_words_that_look_like_control_tokens_are_text(raw, word):
    """Such a word must neither stand for a picture nor vanish."""
    alone, with_word = raw.embed(text_request("a cat")), raw.embed(text_request(f"a cat {word}"))
    assert alone.embedding() != with_word.embedding()


@pytest.mark.parametrize("text", [" ", "\n\t\r", "\u3000\u00a0"], ids=ascii)
def test_white_space_alone(raw, text):
    reply = raw.embed(text_request(text))
    if reply.status == 200:
        reply.embedding()
    else:
        assert_refused(reply, 400, ("parameter_not_provided", "parameter_invalid"), "input_text", nested=True)


def test_nul_in_text(raw):
    for text in ("\x00", "a\x00b", "\x00" * 50):
        reply = raw.embed(text_request(text))
        if reply.status == 200:
            assert_unit_vector(reply.json()["data"][0]["embedding"])
        else:
            assert_refused(reply, 400, "parameter_invalid", "input_text", nested=True)


@pytest.mark.parametrize("escape", [r"\ud800", r"\udc00", r"a\ud83d", r"\udc00\ud800", r"\ud800A"])
def test_lone_surrogate_escapes(raw, escape):
    body = '{"input_type":"text","model_name":"marengo3.0","text":{"input_text":"%s"}}' % escape
    assert_refused(raw.send_json_text("/embed-v2", body), 400, "parameter_invalid", nested=True)


def test_paired_surrogate_escapes_are_one_letter(raw):
    body = r'{"input_type":"text","model_name":"marengo3.0","text":{"input_text":"\ud83d\udea4"}}'
    assert raw.send_json_text("/embed-v2", body).embedding() == raw.embed(text_request("🚤")).embedding()


@pytest.mark.parametrize("text", ["a" * 1_000_000, "boat " * 200_000, "\u0301" * 500_000, " " * 999_999 + "x", "🚤" * 250_000])
def test_a_megabyte_of_text(raw, text):
    """Refused in good time, or (when it is a few tokens only) answered."""
    started = time.monotonic()
    reply = raw.embed(text_request(text))
    assert time.monotonic() - started < REFUSED_WITHIN_S
    if reply.status == 200:
        reply.embedding()
    else:
        assert_refused(reply, 400, "parameter_invalid", "input_text", nested=True)


def test_a_megabyte_of_words_is_too_long(raw):
    refuse_embed(raw, text_request("boat " * 200_000), "parameter_invalid", "input_text")


def test_ten_thousand_placeholders(raw):
    started = time.monotonic()
    sources = [{"name": "a", "media_type": "image", "base64_string": CAT}]
    refuse_embed(raw, multi_input_request(sources, "<@a>" * 10_000), "parameter_invalid", "input_text")
    refuse_embed(raw, multi_input_request(sources, "<@ghost>" * 10_000), "parameter_invalid", "input_text")
    refuse_embed(raw, multi_input_request(sources, "<@" * 10_000), "parameter_invalid", "input_text")
    assert time.monotonic() - started < 3 * REFUSED_WITHIN_S


@pytest.mark.parametrize("name", ["", "a b", "ä", "x" * 65, "a>b", "<@a>", "a\x00", "../x"], ids=ascii)
def test_names_outside_the_grammar(raw, name):
    """A name that no placeholder could spell."""
    sources = [{"name": name, "media_type": "image", "base64_string": CAT}]
    reply = raw.embed(multi_input_request(sources, "a cat"))
    assert_refused(reply, 400, ("parameter_invalid", "parameter_not_provided"), "name", nested=True)


def test_placeholders_inside_placeholders(raw):
    sources = [{"name": "a", "media_type": "image", "base64_string": CAT}]
    raw.embed(multi_input_request(sources, "<@<@a>>")).embedding()
    raw.embed(multi_input_request(sources, "<@a><@a> <@a")).embedding()


def test_text_in_a_form(raw):
    reply = raw.send_form("/embed", [Part("model_name", b"marengo3.0"), Part("text", b"\xff\xfe not UTF-8")])
    assert_refused(reply, 400, "parameter_invalid", "text")
    reply = raw.send_form("/embed", [Part("model_name", b"marengo3.0"), Part("text", b"")])
    assert_refused(reply, 400, "parameter_not_provided", "text")
    reply = raw.send_form("/embed", [Part("model_name", b"marengo3.0")])
    assert_refused(reply, 400, "parameter_not_provided", "text")
    reply = raw.send_form("/embed", [Part("text", b"x")])
    assert_refused(reply, 400, "parameter_not_provided", "model_name")
    reply = raw.send_form("/embed", [Part("model_name", b"marengo9"), Part("text", b"x")])
    assert_refused(reply, 400, "parameter_invalid", "model_name")
