"""Bodies that are no JSON, not the right JSON, or not JSON of this API."""

import json

import pytest

from expectations import assert_refused, refuse_embed
from harness import pictures
from harness.wire import FORM_TYPE, Client, base64_text, image_request, multi_input_request, text_request

CAT = base64_text(pictures.drawn("cat.png"))
GOOD = json.dumps(text_request("x"))

MALFORMED = {
    "empty": b"",
    "white space": b" \n\t ",
    "word": b"hello",
    "cut off": GOOD[:-5].encode(),
    "two values": (GOOD + GOOD).encode(),
    "trailing comma": b'{"input_type":"text",}',
    "single quotes": b"{'input_type':'text'}",
    "comment": b'{"input_type":"text"} // please',
    "byte order mark of UTF-16": GOOD.encode("utf-16"),
    "not UTF-8": b'{"input_type":"\xff\xfe"}',
    "NUL bytes": b"\x00" * 100,
    "deep arrays": b"[" * 100_000,
    "deep objects": b'{"text":' * 100_000,
    "deep inside": b'{"input_type":"text","text":' + b"[" * 5_000 + b"]" * 5_000 + b"}",
    "number beyond floats": b'{"input_type":"text","model_name":1e400}',
    "NaN": b'{"input_type":NaN}',
}


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED)
def test_malformed_json(raw, body):
    assert_refused(raw.send_json_text("/embed-v2", body), 400, "parameter_invalid", nested=True)


@pytest.mark.parametrize("body", [b"[]", b"5", b'"text"', b"null", b"true"], ids=bytes.decode)
def test_json_that_is_no_object(raw, body):
    assert_refused(raw.send_json_text("/embed-v2", body), 400, "parameter_invalid", nested=True)


def with_member(path: str, value) -> dict:
    """A good multi_input body with the member at `path` (dots and numbers) replaced."""
    body = multi_input_request([{"name": "a", "media_type": "image", "base64_string": CAT}], "see <@a>", "marengo3.5")
    *parents, last = path.split(".")
    target = body
    for parent in parents:
        target = target[int(parent) if parent.isdigit() else parent]
    target[int(last) if last.isdigit() else last] = value
    return body


WRONG_TYPES = [
    ("input_type", 5, "input_type"),
    ("input_type", ["multi_input"], "input_type"),
    ("model_name", {"name": "marengo3.5"}, "model_name"),
    ("multi_input", "see the cat", "multi_input"),
    ("multi_input", [], "multi_input"),
    ("multi_input.input_text", 7, "input_text"),
    ("multi_input.input_text", ["a"], "input_text"),
    ("multi_input.media_sources", {}, "media_sources"),
    ("multi_input.media_sources", "cat.png", "media_sources"),
    ("multi_input.media_sources.0", "cat.png", "media_sources"),
    ("multi_input.media_sources.0", None, "media_sources"),
    ("multi_input.media_sources.0.media_type", 1, "media_type"),
    ("multi_input.media_sources.0.name", 1, "name"),
    ("multi_input.media_sources.0.base64_string", 1, "base64_string"),
    ("embedding_dimension", "256", "embedding_dimension"),
    ("embedding_dimension", 256.5, "embedding_dimension"),
    ("embedding_dimension", 10**30, "embedding_dimension"),
    ("embedding_dimension", True, "embedding_dimension"),
    ("auto_truncate", "yes", "auto_truncate"),
    ("auto_truncate", 1, "auto_truncate"),
    ("embedding_uncertainty", "no", "embedding_uncertainty"),
]


@pytest.mark.parametrize(("path", "value", "named"), WRONG_TYPES, ids=lambda value: str(value)[:40])
def test_wrong_json_types_name_the_member(raw, path, value, named):
    refuse_embed(raw, with_member(path, value), "parameter_invalid", named)


@pytest.mark.parametrize(
    "path",
    ["colour", "multi_input.colour", "multi_input.media_sources.0.colour", "multi_input.media_sources.0.media_source"],
)
def test_unknown_members_are_named(raw, path):
    refuse_embed(raw, with_member(path, "red"), "parameter_unknown", path.split(".")[-1])


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({**text_request("x"), "text": {"input_text": "x", "tone": "calm"}}, "tone"),
        ({**image_request({"base64_string": CAT, "size": 3})}, "size"),
        ({**text_request("x"), "Input_Type": "text"}, "Input_Type"),
        ({**text_request("x"), "embedding_dimensions": 256}, "embedding_dimensions"),
    ],
    ids=["text", "media_source", "case", "misspelt"],
)
def test_unknown_members_of_other_objects(raw, body, named):
    refuse_embed(raw, body, "parameter_unknown", named)


def test_nulls_are_absent(raw):
    plain = raw.embed(image_request({"base64_string": CAT})).embedding()
    body = {
        **image_request({"base64_string": CAT, "url": None, "asset_id": None}),
        **dict.fromkeys(("text", "text_image", "multi_input", "audio", "video")),
        **dict.fromkeys(("embedding_dimension", "embedding_uncertainty", "auto_truncate")),
    }
    assert raw.embed(body).embedding() == plain
    sources = [{"media_type": "image", "base64_string": CAT, "url": None, "asset_id": None, "name": None}]
    assert raw.embed(multi_input_request(sources, "x")).embedding()
    body = multi_input_request(None, "only text")
    body["multi_input"]["media_sources"] = None
    assert raw.embed(body).embedding()


def test_a_null_for_a_required_member_is_its_absence(raw):
    refuse_embed(raw, {**text_request("x"), "input_type": None}, "parameter_not_provided", "input_type")
    refuse_embed(raw, {**text_request("x"), "text": None}, "parameter_not_provided", "text")
    refuse_embed(raw, {**text_request("x"), "text": {"input_text": None}}, "parameter_not_provided", "input_text")


def test_absent_model_name_is_marengo30(raw):
    body = text_request("x")
    del body["model_name"]
    assert raw.embed(body).embedding() == raw.embed(text_request("x")).embedding()


def test_objects_of_other_input_types_are_ignored(raw):
    body = {**text_request("x"), "image": {"media_source": {"url": "http://192.0.2.1/never.png"}}}
    assert raw.embed(body).embedding() == raw.embed(text_request("x")).embedding()


def test_repeated_members_do_no_harm(raw):
    """JSON leaves the meaning of a repeated member open: an answer or a refusal, but no failure."""
    reply = raw.send_json_text("/embed-v2", GOOD[:-1] + ',"input_type":"image"}')
    assert_refused(reply, 400, ("parameter_invalid", "parameter_not_provided"), nested=True)


def test_many_members(raw):
    members = ",".join(f'"k{number}":0' for number in range(100_000))
    reply = raw.send_json_text("/embed-v2", GOOD[:-1] + f",{members}}}")
    assert_refused(reply, 400, ("parameter_unknown", "parameter_invalid"), nested=True)


@pytest.mark.parametrize(
    "content_type",
    [None, "", "text/plain", "application/x-www-form-urlencoded", FORM_TYPE, "application/jsonp", "json", "image/png"],
    ids=str,
)
def test_wrong_content_type_for_json(raw, content_type):
    headers = {} if content_type is None else {"content-type": content_type}
    reply = raw.request("POST", "/embed-v2", GOOD.encode(), headers)
    assert_refused(reply, 400, "content_type_invalid", "application/json", nested=True)


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "APPLICATION/JSON"])
def test_right_content_type_in_other_forms(raw, content_type):
    assert raw.request("POST", "/embed-v2", GOOD.encode(), {"content-type": content_type}).embedding()


@pytest.mark.parametrize("path", ["/assets", "/embed"])
def test_json_to_a_form_route(raw, path):
    assert_refused(raw.send_json(path, {"method": "direct"}), 400, "content_type_invalid", "multipart/form-data")


METADATA_BODIES = [
    ({}, "parameter_not_provided", "user_metadata"),
    ({"user_metadata": None}, "parameter_not_provided", "user_metadata"),
    ({"user_metadata": "text"}, "parameter_invalid", "user_metadata"),
    ({"user_metadata": []}, "parameter_invalid", "user_metadata"),
    ({"user_metadata": {"a": {"nested": 1}}}, "parameter_invalid", "a"),
    ({"user_metadata": {"numbers": [1, 2]}}, "parameter_invalid", "numbers"),
    ({"user_metadata": {}, "extra": 1}, "parameter_unknown", "extra"),
]


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
@pytest.mark.parametrize(("body", "code", "named"), METADATA_BODIES, ids=lambda value: str(value)[:50])
def test_user_metadata_bodies(raw, method, body, code, named):
    asset_id = raw.upload(pictures.stripes(1)).json()["_id"]
    path = f"/assets/{asset_id}/user-metadata"
    assert_refused(raw.send_json(path, body, method), 400, code, named)
    assert "user_metadata" not in raw.get(f"/assets/{asset_id}").json()


def test_no_key_comes_before_everything(server):
    stranger = Client(server.base_url, None)
    assert_refused(stranger.send_json_text("/embed-v2", b"{{{"), 401, "api_key_invalid", nested=True)
