"""Abuse of multipart/form-data on `POST /assets` (and `POST /embed`)."""

import json
import time

import pytest

from expectations import assert_refused
from harness import pictures
from harness.wire import BOUNDARY, FORM_TYPE, Part, form

CAT = pictures.drawn("cat.png")
METHOD = Part("method", b"direct")
FILE = Part("file", CAT, "cat.png", "image/png")
REFUSED_WITHIN_S = 5.0


def post(raw, body: bytes, content_type: str = FORM_TYPE):
    return raw.request("POST", "/assets", body, {"content-type": content_type})


@pytest.mark.parametrize(
    "content_type",
    [
        "multipart/form-data",
        "multipart/form-data; boundary=",
        'multipart/form-data; boundary=""',
        "multipart/form-data; charset=utf-8",
        "multipart/mixed; boundary=" + BOUNDARY,
        "application/x-www-form-urlencoded",
        "application/octet-stream",
    ],
)
def test_no_boundary_or_another_type(raw, content_type):
    reply = post(raw, form([METHOD, FILE]), content_type)
    assert_refused(reply, 400, ("content_type_invalid", "parameter_invalid"), "form")


def raw_part(headers: bytes, content: bytes = b"x") -> bytes:
    return b"--" + BOUNDARY.encode() + b"\r\n" + headers + b"\r\n\r\n" + content + b"\r\n"


END = b"--" + BOUNDARY.encode() + b"--\r\n"
BROKEN_BODIES = {
    "nothing": b"",
    "only the end": END,
    "another boundary": form([METHOD, FILE]).replace(BOUNDARY.encode(), b"other"),
    "no end": form([METHOD, FILE], closed=False),
    "cut in the file": form([METHOD, FILE])[:-200],
    "cut in the headers": form([METHOD, FILE])[:60],
    "no disposition": raw_part(b"Content-Type: text/plain") + END,
    "no name": raw_part(b"Content-Disposition: form-data") + END,
    "attachment": raw_part(b'Content-Disposition: attachment; name="method"', b"direct") + END,
    "headers without end": b"--" + BOUNDARY.encode() + b"\r\n" + b"X-A: b\r\n" * 100_000,
    "one huge header": raw_part(b"X-A: " + b"b" * 1_000_000) + END,
    "bare line feeds": form([METHOD, FILE]).replace(b"\r\n", b"\n"),
    "JSON": json.dumps({"method": "direct"}).encode(),
    "NUL bytes": bytes(10_000),
}


@pytest.mark.parametrize("body", BROKEN_BODIES.values(), ids=BROKEN_BODIES)
def test_broken_bodies(raw, body):
    started = time.monotonic()
    assert_refused(post(raw, body), 400, ("parameter_invalid", "parameter_not_provided"))
    assert time.monotonic() - started < REFUSED_WITHIN_S


FAULTY_PARTS = {
    "no method": ([FILE], "parameter_not_provided", "method"),
    "empty method": ([Part("method", b""), FILE], ("parameter_not_provided", "parameter_invalid"), "method"),
    "unknown method": ([Part("method", b"pigeon"), FILE], "parameter_invalid", "method"),
    "method in capitals": ([Part("method", b"DIRECT"), FILE], "parameter_invalid", "method"),
    "method twice": ([METHOD, Part("method", b"url"), FILE], "parameter_invalid", "method"),
    "no file": ([METHOD], "parameter_not_provided", "file"),
    "url instead of file": ([METHOD, Part("url", b"http://example.com/x.png")], "parameter_not_provided", "file"),
    "file instead of url": ([Part("method", b"url"), FILE], "parameter_not_provided", "url"),
    "empty file": ([METHOD, Part("file", b"", "x.png")], ("parameter_not_provided", "parameter_invalid"), "file"),
    "file twice": ([METHOD, FILE, FILE], "parameter_invalid", "file"),
    "url twice": (
        [Part("method", b"url"), Part("url", b"http://a.example/"), Part("url", b"http://b.example/")],
        "parameter_invalid",
        "url",
    ),
    "unknown part": ([METHOD, FILE, Part("colour", b"red")], "parameter_unknown", "colour"),
    "long filename": ([METHOD, Part("filename", b"x" * 256), FILE], "parameter_invalid", "filename"),
    "enable_hls is no boolean": ([METHOD, Part("enable_hls", b"perhaps"), FILE], "parameter_invalid", "enable_hls"),
    "enable_thumbnail is no boolean": (
        [METHOD, Part("enable_thumbnail", b"1"), FILE],
        "parameter_invalid",
        "enable_thumbnail",
    ),
    "metadata is no JSON": ([METHOD, Part("user_metadata", b"{a"), FILE], "parameter_invalid", "user_metadata"),
    "metadata is a list": ([METHOD, Part("user_metadata", b"[1]"), FILE], "parameter_invalid", "user_metadata"),
    "metadata is nested": (
        [METHOD, Part("user_metadata", b'{"a":{"b":1}}'), FILE],
        "parameter_invalid",
        "user_metadata",
    ),
    "metadata is deep": (
        [METHOD, Part("user_metadata", b'{"a":' + b"[" * 50_000), FILE],
        "parameter_invalid",
        "user_metadata",
    ),
    "metadata is no UTF-8": ([METHOD, Part("user_metadata", b'{"a":"\xff"}'), FILE], "parameter_invalid", "user_metadata"),
    "huge metadata": (
        [METHOD, Part("user_metadata", b'{"a":"' + b"x" * 4_000_000 + b'"}'), FILE],
        "parameter_invalid",
        "user_metadata",
    ),
    "huge method": ([Part("method", b"direct" * 500_000), FILE], "parameter_invalid", "method"),
    "huge part name": ([METHOD, Part("n" * 60_000, b"x"), FILE], ("parameter_unknown", "parameter_invalid"), "n"),
    "many parts": (
        [METHOD, *(Part(f"p{number}", b"x") for number in range(10_000)), FILE],
        ("parameter_unknown", "parameter_invalid"),
        "p",
    ),
}


@pytest.mark.parametrize(("parts", "code", "named"), FAULTY_PARTS.values(), ids=FAULTY_PARTS)
def test_faulty_parts(raw, parts, code, named):
    started = time.monotonic()
    before = raw.get("/assets").json()["page_info"]["total_results"]
    assert_refused(raw.send_form("/assets", parts), (400, 413), code, named)
    assert raw.get("/assets").json()["page_info"]["total_results"] == before, "nothing was stored"
    assert time.monotonic() - started < REFUSED_WITHIN_S


def test_any_order_and_any_content_type(raw):
    parts = [Part("file", CAT, "cat.png", "text/html"), Part("enable_hls", b"true"), METHOD]
    reply = raw.send_form("/assets", parts)
    assert (reply.status, reply.json()["file_type"]) == (201, "image/png")


def test_a_preamble_and_an_epilogue_are_ignored(raw):
    body = b"This is a message in several parts.\r\n" + form([METHOD, FILE]) + b"And that was it."
    assert post(raw, body).status == 201


# The name that was sent, and the name that it is stored as.
FILENAMES = {
    "../../x.png": "x.png",
    "..\\..\\x.png": "x.png",
    "/etc/passwd": "passwd",
    "C:\\pictures\\x.png": "x.png",
    "a/b/c/": None,
    "..": None,
    ".": None,
    "%22quoted%22.png": None,
    "%2e%2e%2fx.png": None,
    "CON": "CON",
    "x.png;rm -rf": "x.png;rm -rf",
    "<script>.png": "<script>.png",
    "x" * 4000 + ".png": None,
    "\u202egnp.exe": None,
    "a\x00b.png": None,
    "a\tb.png": None,
}


@pytest.mark.parametrize(("sent", "stored"), FILENAMES.items(), ids=lambda value: ascii(value)[:40])
def test_path_names(raw, server, sent, stored):
    """A name is data: it never reaches the file system, and it holds no directories."""
    reply = raw.send_form("/assets", [METHOD, Part("file", CAT, sent)])
    if reply.status != 201:
        assert_refused(reply, 400, "parameter_invalid")
        assert stored is None, f"{sent!r} should have been stored as {stored!r}"
        return
    name = raw.get(f"/assets/{reply.json()['_id']}").json()["filename"]
    assert 1 <= len(name) <= 255 and not set("/\\\x00\r\n") & set(name), name
    assert stored is None or name == stored
    outside = [path for path in server.data_dir.parent.rglob("*") if path.name.endswith(("x.png", "passwd"))]
    assert outside == []


@pytest.mark.parametrize("name", ["../../y.png", "a/b.png", "a\x00.png", "x" * 255])
def test_filename_parameter(raw, name):
    reply = raw.send_form("/assets", [METHOD, Part("filename", name.encode()), FILE])
    if reply.status == 201:
        stored = reply.json()["filename"]
        assert not set("/\\\x00") & set(stored) and len(stored) <= 255
    else:
        assert_refused(reply, 400, "parameter_invalid", "filename")


def test_embed_v1_parts(raw):
    model = Part("model_name", b"marengo3.0")
    cases = [
        ([model, Part("image_file", b"words", "x.png")], "parameter_invalid", "image_file"),
        ([model, Part("image_url", b"ftp://x/")], "parameter_invalid", "image_url"),
        ([model, Part("audio_url", b"http://example.com/a.wav")], "parameter_invalid", "audio_url"),
        ([model, Part("text", b"x"), Part("colour", b"red")], "parameter_unknown", "colour"),
        ([model, Part("text", b"boat " * 1200)], "parameter_invalid", "text"),
    ]
    for parts, code, named in cases:
        reply = raw.send_form("/embed", parts)
        if reply.status == 200:  # §8.1: a failure of one kind may be told in its error_message
            (result,) = [value for name, value in reply.json().items() if name.endswith("_embedding")]
            assert result["error_message"] and not result.get("segments"), reply
        else:
            assert_refused(reply, 400, code, named)
