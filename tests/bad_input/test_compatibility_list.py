"""docs/API-COMPATIBILITY.md by behaviour: each field that it calls refused is refused by name, each that it calls
without effect changes nothing. (That the list is complete is checked against the routes in Rust.)"""

import copy
import re
from pathlib import Path

import pytest

from expectations import assert_refused
from harness import pictures
from harness.wire import UNKNOWN_ID, Part, base64_text

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "API-COMPATIBILITY.md"
CAT = pictures.drawn("cat.png")
SOURCE = {"base64_string": base64_text(CAT)}
IMAGE = {"input_type": "image", "image": {"media_source": SOURCE}}

EMBED, TASKS = "POST /v1.3/embed-v2", "POST /v1.3/embed-v2/tasks"
EMBED_V1, ASSETS = "POST /v1.3/embed", "POST /v1.3/assets"
UPLOADS, DELETE = "POST /v1.3/assets/multipart-uploads", "DELETE /v1.3/assets/{asset_id}"

# A good request of each route, to which the field is added.
JSON_BASES = {
    EMBED: {"model_name": "onespace-mini", **IMAGE},
    TASKS: {"model_name": "marengo3.5", **IMAGE},
    UPLOADS: {"filename": "a.png", "type": "image", "total_size": 10},
}
FORM_BASES = {
    EMBED_V1: [Part("model_name", b"marengo3.0"), Part("text", b"a cat")],
    ASSETS: [Part("method", b"direct"), Part("file", CAT, "cat.png")],
}
# What is sent as the value of a field, by its last name.
VALUES = {
    "embedding_option": ["visual"], "embedding_scope": ["asset"], "embedding_type": ["separate_embedding"],
    "embedding_uncertainty": True, "auto_truncate": True, "enable_hls": True, "enable_thumbnail": True,
    "audio": {}, "video": {"media_source": {}}, "document": {}, "text": {}, "text_image": {}, "multi_input": {},
    "media_source": {}, "media_sources": [], "input_text": "a dog", "name": "a", "media_type": "image",
    "url": "http://203.0.113.1/never-fetched.png", "base64_string": "%%%", "asset_id": UNKNOWN_ID,
    "audio_url": b"https://example.com/a.mp3", "audio_start_offset_sec": b"1", "instruction": "Find it.",
}


def rows(fate: str) -> list[tuple[str, str]]:
    """(route, field) of every row of the table of fields with this fate."""
    section = DOCUMENT.read_text().split("\n## Fields\n")[1].split("\n## ")[0]
    found = re.findall(r"^\| `([^`]+)` \| `([^`]+)` \| ([a-z ]+) \|", section, re.M)
    return [(route, field) for route, field, its_fate in found if its_fate == fate]


def with_field(body: dict, path: str) -> dict:
    """`body` with a value at a path such as `multi_input.media_sources[].name`."""
    body = copy.deepcopy(body)
    *parents, last = path.split(".")
    place = body
    for parent in parents:
        if parent.endswith("[]"):
            entries = place.setdefault(parent[:-2], [])
            entries.append({})
            place = entries[0]
        else:
            place = place.setdefault(parent, {})
    place[last] = VALUES[last]
    return body


def send(raw, route: str, field: str | None):
    """The good request of the route, with the field added."""
    path = route.split(" ")[1].removeprefix("/v1.3")
    if route in JSON_BASES:
        body = JSON_BASES[route]
        return raw.send_json(path, with_field(body, field) if field else body)
    parts = list(FORM_BASES[route])
    if field:
        value = VALUES[field]
        parts.append(Part(field, b"true" if value is True else value))
    return raw.send_form(path, parts)


@pytest.mark.parametrize(("route", "field"), rows("refused"))
def test_refused_fields_are_refused_by_name(raw, route, field):
    assert send(raw, route, None).status < 300
    reply = send(raw, route, field)
    assert_refused(reply, 400, ("parameter_invalid", "parameter_unknown"), field, nested="embed-v2" in route)


@pytest.mark.parametrize(("route", "field"), [row for row in rows("no effect") if row[0] != DELETE])
def test_fields_without_effect_change_nothing(raw, route, field):
    plain, added = send(raw, route, None), send(raw, route, field)
    assert plain.status < 300 and added.status == plain.status, added
    if route == EMBED:
        assert added.embedding() == plain.embedding()


def test_force_changes_nothing(raw):
    assert (DELETE, "force") in rows("no effect")
    for query in ("", "?force=true"):
        asset = send(raw, ASSETS, None).json()["_id"]
        assert raw.request("DELETE", f"/assets/{asset}{query}").status == 204
