"""Abuse of `/assets/multipart-uploads` and of the URLs that it gives out."""

import hashlib

import pytest

from expectations import assert_refused
from harness import pictures
from harness.wire import UNKNOWN_ID, Client

ROOT = "/assets/multipart-uploads"


def session(raw, content: bytes) -> dict:
    reply = raw.send_json(ROOT, {"filename": "a.png", "type": "image", "total_size": len(content)})
    assert reply.status == 201, reply
    return reply.json()


def put(raw, url: str, content: bytes):
    return raw.request("PUT", url, content, {"content-type": "application/octet-stream"})


def report(raw, created: dict, *chunks: dict):
    return raw.send_json(f"{ROOT}/{created['upload_id']}", {"completed_chunks": list(chunks)})


def chunk(proof: str, size: int, index: int = 1) -> dict:
    return {"chunk_index": index, "proof": proof, "proof_type": "etag", "chunk_size": size}


def sent_chunk(raw, created: dict, content: bytes) -> dict:
    answer = put(raw, created["upload_urls"][0]["url"], content)
    assert answer.status == 200, answer
    return chunk(answer.headers["etag"].strip('"'), len(content))


CREATIONS = [
    ({"filename": None}, "parameter_not_provided", "filename"),
    ({"filename": ""}, "parameter_not_provided", "filename"),
    ({"filename": "x" * 256}, "parameter_invalid", "filename"),
    ({"filename": 5}, "parameter_invalid", "filename"),
    ({"type": None}, "parameter_not_provided", "type"),
    ({"type": "video"}, "parameter_invalid", "type"),
    ({"type": "spreadsheet"}, "parameter_invalid", "type"),
    ({"total_size": None}, "parameter_not_provided", "total_size"),
    ({"total_size": 0}, "parameter_invalid", "total_size"),
    ({"total_size": -1}, "parameter_invalid", "total_size"),
    ({"total_size": 32 * 1024 * 1024 + 1}, "parameter_invalid", "total_size"),
    ({"total_size": 2**63}, "parameter_invalid", "total_size"),
    ({"total_size": "1000"}, "parameter_invalid", "total_size"),
    ({"total_size": 10.5}, "parameter_invalid", "total_size"),
    ({"user_metadata": "{}"}, "parameter_invalid", "user_metadata"),
    ({"user_metadata": {"a": {"b": 1}}}, "parameter_invalid", "user_metadata"),
    ({"colour": "red"}, "parameter_unknown", "colour"),
]


@pytest.mark.parametrize(("change", "code", "named"), CREATIONS, ids=lambda value: str(value)[:40])
def test_refused_creations(raw, change, code, named):
    body = {"filename": "a.png", "type": "image", "total_size": 1000, **change}
    assert_refused(raw.send_json(ROOT, body), 400, code, named)


def test_malformed_creation(raw):
    assert_refused(raw.send_json_text(ROOT, "{"), 400, "parameter_invalid")
    assert_refused(raw.request("POST", ROOT, b"{}", {"content-type": "text/plain"}), 400, "content_type_invalid")


def forged(url: str) -> list[str]:
    """The URL with each letter and digit behind its last slash changed in turn, cut short, and made longer."""
    start = url.rindex("/") + 1
    changed = [
        url[:place] + ("1" if url[place] != "1" else "2") + url[place + 1 :]
        for place in range(start, len(url))
        if url[place].isalnum()
    ]
    return [*changed, url[:-1], url[:-20], url[:start], url + "0", url + "/2"]


def test_forged_urls(raw):
    content = pictures.stripes(11)
    created = session(raw, content)
    url = created["upload_urls"][0]["url"]
    for changed in forged(url):
        assert_refused(put(raw, changed, content), (400, 401, 403, 404, 405), (
            "api_not_allowed", "api_key_invalid", "not_found", "resource_not_exist", "parameter_invalid",
            "parameter_not_provided", "method_not_allowed",
        ))  # fmt: skip
    status = raw.get(f"{ROOT}/{created['upload_id']}").json()
    assert status["chunks_completed"] == 0


def test_a_chunk_of_the_wrong_size(raw):
    content = pictures.stripes(12)
    created = session(raw, content)
    url = created["upload_urls"][0]["url"]
    for wrong in (content + b"x", content[:-1], b""):
        assert_refused(put(raw, url, wrong), (400, 413), "parameter_invalid")
    done = sent_chunk(raw, created, content)
    assert report(raw, created, done).json()["url"], "the right chunk still goes through"


def test_get_and_post_to_a_chunk_url(raw):
    content = pictures.stripes(13)
    url = session(raw, content)["upload_urls"][0]["url"]
    for method in ("GET", "POST", "DELETE"):
        assert_refused(raw.request(method, url), (403, 404, 405), ("method_not_allowed", "not_found", "api_not_allowed"))


REPORTS = [
    ({}, "parameter_not_provided", "completed_chunks"),
    ({"completed_chunks": []}, ("parameter_not_provided", "parameter_invalid"), "completed_chunks"),
    ({"completed_chunks": "all"}, "parameter_invalid", "completed_chunks"),
    ({"completed_chunks": [chunk("x", 1)] * 51}, "parameter_invalid", "completed_chunks"),
    ({"completed_chunks": [{}]}, "parameter_not_provided", "chunk_index"),
    ({"completed_chunks": [chunk("x", 1, 0)]}, "parameter_invalid", "chunk_index"),
    ({"completed_chunks": [chunk("x", 1, 2)]}, "parameter_invalid", "chunk"),
    ({"completed_chunks": [chunk("x", 1, 2**40)]}, "parameter_invalid", "chunk_index"),
    ({"completed_chunks": [{**chunk("x", 1), "proof_type": "promise"}]}, "parameter_invalid", "proof_type"),
    ({"completed_chunks": [{**chunk("x", 1), "proof": None}]}, "parameter_not_provided", "proof"),
    ({"completed_chunks": [{**chunk("x", 1), "colour": "red"}]}, "parameter_unknown", "colour"),
    ({"completed_chunks": [chunk("x", 1)]}, "parameter_invalid", "completed_chunks"),
]


@pytest.mark.parametrize(("body", "code", "named"), REPORTS, ids=lambda value: str(value)[:60])
def test_refused_reports(raw, body, code, named):
    created = session(raw, pictures.stripes(14))
    assert_refused(raw.send_json(f"{ROOT}/{created['upload_id']}", body), 400, code, named)


def test_a_report_before_the_chunk_was_sent(raw):
    content = pictures.stripes(15)
    created = session(raw, content)
    proof = hashlib.sha256(content).hexdigest()
    assert_refused(report(raw, created, chunk(proof, len(content))), 400, "parameter_invalid")


def test_a_report_with_the_wrong_size(raw):
    content = pictures.stripes(16)
    created = session(raw, content)
    done = sent_chunk(raw, created, content)
    assert_refused(
        report(raw, created, {**done, "chunk_size": len(content) + 1}), 400, "parameter_invalid", "chunk_size"
    )


def test_completing_twice(raw):
    content = pictures.stripes(17)
    created = session(raw, content)
    done = sent_chunk(raw, created, content)
    assert report(raw, created, done).json()["url"]
    again = report(raw, created, done)
    if again.status == 200:
        assert again.json()["duplicate_chunks"] == 1
    else:
        assert_refused(again, 400, "parameter_invalid")
    late = put(raw, created["upload_urls"][0]["url"], pictures.stripes(99)[: len(content)].ljust(len(content), b"\x00"))
    assert late.status in (200, 400, 403, 404, 409)
    assert raw.get(f"/assets/{created['asset_id']}").json()["sha256"] == hashlib.sha256(content).hexdigest()


def test_a_file_that_is_no_picture(raw):
    """Refused at the end, or an asset that says that it failed; never one that is ready."""
    content = b"These are only words, sent in chunks."
    created = session(raw, content)
    reply = report(raw, created, sent_chunk(raw, created, content))
    detail = raw.get(f"/assets/{created['asset_id']}")
    if reply.status == 200:
        assert detail.json()["status"] == "failed" and detail.json()["error"]["message"]
    else:
        assert_refused(reply, 400, "parameter_invalid")
        assert_refused(detail, 404, "resource_not_exist")


PRESIGNED = [
    ({}, "parameter_not_provided", "start"),
    ({"start": 1}, "parameter_not_provided", "count"),
    ({"start": 0, "count": 1}, "parameter_invalid", "start"),
    ({"start": -1, "count": 1}, "parameter_invalid", "start"),
    ({"start": 1, "count": 0}, "parameter_invalid", "count"),
    ({"start": 1, "count": 51}, "parameter_invalid", "count"),
    ({"start": 2, "count": 1}, "parameter_invalid", "start"),
    ({"start": "1", "count": 1}, "parameter_invalid", "start"),
    ({"start": 2**62, "count": 50}, "parameter_invalid", "start"),
    ({"start": 1, "count": 1, "colour": "red"}, "parameter_unknown", "colour"),
]


@pytest.mark.parametrize(("body", "code", "named"), PRESIGNED, ids=lambda value: str(value)[:40])
def test_refused_requests_for_urls(raw, body, code, named):
    created = session(raw, pictures.stripes(18))
    assert_refused(raw.send_json(f"{ROOT}/{created['upload_id']}/presigned-urls", body), 400, code, named)


def test_unknown_and_malformed_uploads(raw):
    for upload_id, status, code in ((UNKNOWN_ID, 404, "resource_not_exist"), ("nonsense", 400, "parameter_invalid")):
        assert_refused(raw.get(f"{ROOT}/{upload_id}"), status, code)
        assert_refused(raw.send_json(f"{ROOT}/{upload_id}", {"completed_chunks": [chunk("x", 1)]}), status, code)
        assert_refused(raw.send_json(f"{ROOT}/{upload_id}/presigned-urls", {"start": 1, "count": 1}), status, code)


def test_another_account(raw, server):
    content = pictures.stripes(19)
    created = session(raw, content)
    stranger = Client(server.base_url, server.create_key("stranger", account="stranger")["key"])
    assert_refused(stranger.get(f"{ROOT}/{created['upload_id']}"), 404, "resource_not_exist")
    done = sent_chunk(raw, created, content)
    assert_refused(report(stranger, created, done), 404, "resource_not_exist")
    assert_refused(stranger.get(f"/assets/{created['asset_id']}"), 404, "resource_not_exist")
    assert report(raw, created, done).json()["url"]
