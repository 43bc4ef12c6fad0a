"""A request with several faults is refused for the earliest one, and never causes a fetch.

The order: key, content type, body size, JSON, input_type, model_name, model against type, members of
3.5, payload, text, number of sources, each source, placeholders, assets, base64, URLs, pictures.
"""

import json

import pytest

from expectations import assert_refused, refuse_embed
from harness import pictures
from harness.wire import (
    UNKNOWN_ID,
    Client,
    base64_text,
    image_request,
    multi_input_request,
    text_request,
)

CAT = base64_text(pictures.drawn("cat.png"))
LONG_TEXT = "boat " * 1200
BAD_BASE64 = "this is *not* base64!"


def image(**members) -> dict:
    return {"media_type": "image", **members}


GOOD = image(base64_string=CAT)
TWO_ORIGINS = image(base64_string=CAT, asset_id=UNKNOWN_ID)
VIDEO = {"media_type": "video", "base64_string": CAT}

# (what is wrong, in order: body, code of the first fault, words that name it)
STAGES = {
    "input_type before model_name": (
        {"input_type": "smell", "model_name": "marengo9"},
        "parameter_invalid",
        ["input_type"],
    ),
    "model_name before payload": ({"input_type": "text", "model_name": "marengo9"}, "parameter_invalid", ["model_name"]),
    "model_name before members of 3.5": (
        {**text_request("x", "marengo9"), "embedding_dimension": 7},
        "parameter_invalid",
        ["model_name"],
    ),
    "model against type before members of 3.5": (
        {**text_request("x", "marengo3.5"), "embedding_dimension": 7},
        "parameter_invalid",
        ["input_type"],
    ),
    "members of 3.5 before payload": (
        {"input_type": "text", "model_name": "marengo3.0", "embedding_dimension": 256},
        "parameter_invalid",
        ["embedding_dimension"],
    ),
    "members of 3.5 before text": (
        {**multi_input_request([GOOD] * 11, LONG_TEXT, "marengo3.5"), "embedding_dimension": 7},
        "parameter_invalid",
        ["embedding_dimension"],
    ),
    "text before number of sources": (
        multi_input_request([GOOD] * 11, LONG_TEXT),
        "parameter_invalid",
        ["input_text"],
    ),
    "number of sources before each source": (
        multi_input_request([TWO_ORIGINS, VIDEO] + [GOOD] * 9, "<@ghost>"),
        "parameter_invalid",
        ["media_sources", "10"],
    ),
    "origins before media_type": (
        multi_input_request([{"media_type": "video", "base64_string": CAT, "asset_id": UNKNOWN_ID}]),
        "parameter_invalid",
        ["base64_string", "asset_id"],
    ),
    "the first faulty source": (
        multi_input_request([GOOD, TWO_ORIGINS, VIDEO], "<@ghost>"),
        "parameter_invalid",
        ["media_sources[1]"],
    ),
    "media_type before placeholders": (
        multi_input_request([VIDEO], "<@ghost>"),
        "parameter_invalid",
        ["media_type"],
    ),
    "names before placeholders": (
        multi_input_request([image(name="twin", base64_string=CAT)] * 2, "<@ghost>"),
        "parameter_invalid",
        ["name", "twin"],
    ),
    "placeholders before assets": (
        multi_input_request([image(asset_id=UNKNOWN_ID)], "<@ghost>"),
        "parameter_invalid",
        ["<@ghost>"],
    ),
    "placeholders before base64": (
        multi_input_request([image(base64_string=BAD_BASE64)], "<@ghost>"),
        "parameter_invalid",
        ["<@ghost>"],
    ),
    "assets before base64": (
        multi_input_request([image(base64_string=BAD_BASE64), image(asset_id=UNKNOWN_ID)]),
        "resource_not_exist",
        [UNKNOWN_ID],
    ),
}


@pytest.mark.parametrize(("body", "code", "named"), STAGES.values(), ids=STAGES)
def test_the_earlier_fault_is_reported(raw, body, code, named):
    refuse_embed(raw, body, code, *named)


def test_key_before_content_type_before_json(server, raw):
    stranger = Client(server.base_url, "osk_junk")
    reply = stranger.request("POST", "/embed-v2", b"{{{", {"content-type": "text/plain"})
    assert_refused(reply, 401, "api_key_invalid", nested=True)
    reply = raw.request("POST", "/embed-v2", b"{{{", {"content-type": "text/plain"})
    assert_refused(reply, 400, "content_type_invalid", nested=True)


def faulty_requests(url: str) -> dict[str, dict]:
    """Requests that hold a good URL and one fault that is found without fetching it."""
    by_url = image(url=url)
    named = image(url=url, name="web")
    return {
        "unknown input_type": {**multi_input_request([by_url]), "input_type": "smell"},
        "unknown model": multi_input_request([by_url], "x", "marengo9"),
        "single type on 3.5": image_request({"url": url}, "marengo3.5"),
        "dimension on 3.0": {**multi_input_request([by_url]), "embedding_dimension": 256},
        "unknown member": {**multi_input_request([by_url]), "colour": "red"},
        "wrong type": {**multi_input_request([by_url]), "embedding_dimension": "x"},
        "long text": multi_input_request([by_url], LONG_TEXT),
        "eleven sources": multi_input_request([by_url] * 11),
        "two origins": multi_input_request([by_url, image(url=url, base64_string=CAT)]),
        "no origin": multi_input_request([by_url, image()]),
        "video": multi_input_request([by_url, VIDEO]),
        "no media_type": multi_input_request([by_url, {"base64_string": CAT}]),
        "duplicate name": multi_input_request([named, named]),
        "unknown placeholder": multi_input_request([named], "<@web> <@ghost>"),
        "unknown asset": multi_input_request([by_url, image(asset_id=UNKNOWN_ID)]),
        "malformed asset id": multi_input_request([by_url, image(asset_id="nonsense")]),
        "bad base64": multi_input_request([by_url, image(base64_string=BAD_BASE64)]),
        "bad url": multi_input_request([by_url, image(url="ftp://example.com/x.png")]),
        "empty text of text_image": {
            "input_type": "text_image",
            "model_name": "marengo3.0",
            "text_image": {"media_source": {"url": url}, "input_text": ""},
        },
    }


@pytest.mark.parametrize("fault", faulty_requests(""))
def test_a_bad_request_never_causes_a_fetch(raw, origin, fault):
    before = len(origin.hits)
    reply = raw.embed(faulty_requests(origin.url("/cat.png"))[fault])
    assert reply.status == 400, reply
    assert len(origin.hits) == before, origin.hits[before:]


def test_malformed_json_never_causes_a_fetch(raw, origin):
    before = len(origin.hits)
    good = json.dumps(multi_input_request([image(url=origin.url("/cat.png"))]))
    assert_refused(raw.send_json_text("/embed-v2", good[:-1]), 400, "parameter_invalid", nested=True)
    assert len(origin.hits) == before


def test_a_refused_key_never_causes_a_fetch(server, origin):
    before = len(origin.hits)
    stranger = Client(server.base_url, "osk_junk")
    assert stranger.embed(multi_input_request([image(url=origin.url("/cat.png"))])).status == 401
    assert len(origin.hits) == before


def test_the_same_request_without_a_fault_does_fetch(raw, origin):
    """Or else the tests above would prove nothing."""
    before = len(origin.hits)
    raw.embed(multi_input_request([image(url=origin.url("/cat.png"))])).embedding()
    assert len(origin.hits) == before + 1
