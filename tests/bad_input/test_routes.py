"""Paths, methods, ids and queries that are not part of the API, or not served."""

from urllib.parse import quote

import pytest

from expectations import assert_refused
from harness import pictures
from harness.wire import UNKNOWN_ID, Client, text_request

NOT_SERVED = [
    ("POST", "/search"),
    ("GET", "/search/sometoken"),
    ("GET", "/indexes"),
    ("POST", "/indexes"),
    ("GET", f"/indexes/{UNKNOWN_ID}/indexed-assets"),
    ("GET", "/tasks"),
    ("POST", "/tasks"),
    ("POST", "/embed/tasks"),
    ("GET", "/embed/tasks"),
    ("GET", f"/embed/tasks/{UNKNOWN_ID}/status"),
    ("POST", "/analyze"),
    ("POST", "/analyze/tasks"),
    ("GET", "/analyze/batches"),
    ("GET", "/entity-collections"),
    ("GET", "/knowledge-stores"),
    ("POST", "/responses"),
    ("GET", "/connections"),
    ("POST", "/connections:authorize"),
    ("POST", "/summarize"),
    ("POST", "/gist"),
    ("GET", "/engines"),
    ("GET", "/nothing-of-this-name"),
    ("GET", "/"),
    ("GET", "/embed-v2/"),
    ("GET", "/assets/"),
    ("GET", f"/assets/{UNKNOWN_ID}/nothing"),
]


@pytest.mark.parametrize(("method", "path"), NOT_SERVED, ids=lambda value: value)
def test_routes_that_are_not_served(raw, method, path):
    reply = raw.request(method, path)
    nested = path.startswith("/embed-v2")
    assert_refused(reply, (400, 404), ("not_found", "resource_not_exist", "parameter_invalid"), nested=nested)
    if reply.json()["code"] == "not_found":
        assert path.rstrip("/") in reply.json()["message"]


@pytest.mark.parametrize("path", [f"/assets/{UNKNOWN_ID}/transcription", f"/assets/{UNKNOWN_ID}/indexed-assets"])
def test_sub_resources_that_pictures_do_not_have(raw, path):
    assert_refused(raw.get(path), 404, ("not_found", "resource_not_exist"))


@pytest.mark.parametrize("path", ["/v1.2/assets", "/v1.3x/assets", "/assets", "/V1.3/assets", "/favicon.ico", "/console", "/console/files"])
def test_outside_of_the_api(raw, server, path):
    host, port = server.address
    reply = Client(f"http://{host}:{port}", raw.key).get(path)
    assert_refused(reply, 404, "not_found")


WRONG_METHODS = [
    ("GET", "/embed-v2", "POST"),
    ("PUT", "/embed-v2", "POST"),
    ("DELETE", "/embed-v2", "POST"),
    ("DELETE", "/embed-v2/tasks", "POST"),
    ("GET", "/embed", "POST"),
    ("PUT", "/assets", "POST"),
    ("DELETE", "/assets", "POST"),
    ("POST", f"/assets/{UNKNOWN_ID}", "DELETE"),
    ("GET", f"/assets/{UNKNOWN_ID}/user-metadata", "PATCH"),
    ("DELETE", "/assets/multipart-uploads", "POST"),
    ("TRACE", "/assets", "POST"),
    ("FROBNICATE", "/assets", "POST"),
]


@pytest.mark.parametrize(("method", "path", "allowed"), WRONG_METHODS, ids=lambda value: value)
def test_methods_that_a_route_does_not_have(raw, method, path, allowed):
    reply = raw.request(method, path)
    assert_refused(reply, 405, "method_not_allowed", nested=path.startswith("/embed-v2"))
    assert allowed in reply.headers["allow"]


@pytest.mark.parametrize(("method", "path"), [("GET", "/assets"), ("POST", "/embed-v2"), ("GET", "/nothing"), ("PUT", "/assets")])
def test_without_a_key_nothing_is_told(server, method, path):
    reply = Client(server.base_url, None).request(method, path)
    assert_refused(reply, (401, 404, 405), ("api_key_invalid", "not_found", "method_not_allowed"), nested="v2" in path)


BAD_KEYS = ["", "x", "osk_", "osk_" + "A" * 60, "tlk_ABCDEFGH", "é", "a b", "osk_" + "x" * 10_000, "null", "'; --"]


@pytest.mark.parametrize("key", BAD_KEYS, ids=lambda key: ascii(key)[:30])
def test_bad_keys(server, key):
    reply = Client(server.base_url, None).request("GET", "/assets", headers={"x-api-key": key})
    assert_refused(reply, 401, "api_key_invalid")
    assert not key or len(key) < 4 or key not in reply.json()["message"], "a key is not repeated"


def test_a_key_with_one_letter_changed(server, raw):
    for position in (5, len(raw.key) // 2, len(raw.key) - 1):
        letter = "A" if raw.key[position] != "A" else "B"
        changed = raw.key[:position] + letter + raw.key[position + 1 :]
        assert_refused(Client(server.base_url, changed).get("/assets"), 401, "api_key_invalid")


def test_two_different_keys_at_once(server, raw):
    reply = Client(server.base_url, "osk_junk", extra_headers={"authorization": f"Bearer {raw.key}"}).get("/assets")
    assert_refused(reply, 401, "api_key_invalid")


MALFORMED_IDS = [
    "x",
    "0123456789ABCDEF01234567",
    "0123456789abcdef0123456",
    "0123456789abcdef012345678",
    "0123456789abcdef0123456g",
    "%00",
    "..%2f..%2fetc%2fpasswd",
    "%2e%2e",
    "a" * 5000,
    "%ff%fe",
    "'%20OR%201=1",
    "é".encode().decode("latin-1"),
]


@pytest.mark.parametrize("asset_id", MALFORMED_IDS, ids=lambda value: ascii(value)[:40])
def test_malformed_ids(raw, asset_id):
    path = "/assets/" + asset_id.encode("latin-1").decode("ascii", "ignore") if not asset_id.isascii() else f"/assets/{asset_id}"
    for method in ("GET", "DELETE"):
        reply = raw.request(method, path)
        assert_refused(reply, (400, 404, 405), ("parameter_invalid", "not_found", "method_not_allowed", "resource_not_exist"))
        assert reply.status != 404 or reply.json()["code"] == "not_found", "a malformed id is not an unknown one"


@pytest.mark.parametrize("asset_id", ["x", "0123456789ABCDEF01234567", "a" * 5000, "", "../../x", "a\x00", "é"])
def test_malformed_ids_in_a_body(raw, asset_id):
    body = {"input_type": "image", "model_name": "marengo3.0", "image": {"media_source": {"asset_id": asset_id}}}
    reply = raw.embed(body)
    assert_refused(reply, 400, ("parameter_invalid", "parameter_not_provided"), "asset_id", nested=True)


BAD_QUERIES = [
    ("page=0", "page"),
    ("page=-1", "page"),
    ("page=one", "page"),
    ("page=1.5", "page"),
    ("page=99999999999999999999", "page"),
    ("page_limit=0", "page_limit"),
    ("page_limit=51", "page_limit"),
    ("page_limit=-5", "page_limit"),
    ("asset_types=smell", "asset_types"),
]


@pytest.mark.parametrize(("query", "named"), BAD_QUERIES, ids=lambda value: value)
def test_bad_queries(raw, query, named):
    assert_refused(raw.get(f"/assets?{query}"), 400, "parameter_invalid", named)


@pytest.mark.parametrize("page", [2**31 - 1, 2**32 - 1, 2**31, 1_000_000])
def test_pages_far_past_the_end(raw, page):
    reply = raw.get(f"/assets?page={page}&page_limit=50")
    assert (reply.status, reply.json()["data"]) == (200, [])


@pytest.mark.parametrize("text", ["%", "_", "%%", "\x00", "';--", "\\", "*", "x" * 5000], ids=lambda text: ascii(text)[:20])
def test_filename_filters_are_plain_text(raw, text):
    raw.upload(pictures.stripes(1), "nothing special.png")
    reply = raw.get(f"/assets?page_limit=50&filename={quote(text)}")
    if reply.status == 200:
        assert all(text in item["filename"] for item in reply.json()["data"])
    else:
        assert_refused(reply, 400, "parameter_invalid", "filename")


def test_many_ids_in_a_filter(raw):
    query = "&".join(f"asset_ids={number:024x}" for number in range(500))
    reply = raw.get(f"/assets?{query}")
    if reply.status == 200:
        assert reply.json()["data"] == []
    else:
        assert_refused(reply, 400, "parameter_invalid", "asset_ids")


def test_query_on_a_post_route_is_harmless(raw):
    assert raw.send_json("/embed-v2?colour=red", text_request("x")).status in (200, 400)
