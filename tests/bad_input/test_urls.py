"""URLs that are refused as they stand, and origins that misbehave; on both routes that take a URL."""

import time

import pytest

from expectations import assert_refused, refuse_embed
from harness import pictures
from harness.origin import Page
from harness.wire import Part, image_request

FETCH_DEADLINE_S = 15.0

REFUSED = {
    "empty": "",
    "blank": " ",
    "relative": "/cat.png",
    "no scheme": "example.com/cat.png",
    "no host": "http:///cat.png",
    "scheme relative": "//127.0.0.1/cat.png",
    "file": "file:///etc/passwd",
    "ftp": "ftp://example.com/cat.png",
    "gopher": "gopher://127.0.0.1:6379/_INFO",
    "data": "data:image/png;base64,iVBORw0KGgo=",
    "javascript": "javascript:alert(1)",
    "credentials": "http://user:secret@127.0.0.1/cat.png",
    "back slash": "http://127.0.0.1\\@example.com/cat.png",
    "control character": "http://127.0.0.1/ca\tt.png",
    "line end": "http://127.0.0.1/cat.png\r\nX-Injected: 1",
    "full-width digits": "http://１２７.0.0.1/cat.png",
    "localhost": "http://localhost/cat.png",
    "single label": "http://db/cat.png",
    "internal name": "http://metadata.google.internal/",
    "metadata address": "http://169.254.169.254/latest/meta-data/",
    "private address": "http://10.0.0.5/cat.png",
    "private IPv6 address": "http://[fd00::1]/cat.png",
    "bad port": "http://127.0.0.1:99999/cat.png",
    "long": "http://example.com/" + "a" * 5000,
}


def refused_on_both_routes(raw, url: str, *codes: str) -> None:
    refuse_embed(raw, image_request({"url": url}), codes, "image.media_source")
    parts = [Part("method", b"url"), Part("url", url.encode())]
    assert_refused(raw.send_form("/assets", parts), 400, codes, "url")


@pytest.mark.parametrize("url", REFUSED.values(), ids=REFUSED)
def test_refused_urls(raw, url):
    started = time.monotonic()
    refused_on_both_routes(raw, url, "parameter_invalid", "parameter_not_provided")
    assert time.monotonic() - started < FETCH_DEADLINE_S


CAT = pictures.drawn("cat.png")
MISBEHAVING = {
    "401": Page(CAT, status=401),
    "403": Page(CAT, status=403),
    "404": Page(CAT, status=404),
    "500": Page(CAT, status=500),
    "206": Page(CAT, status=206),
    "redirect without location": Page(status=302),
    "redirect to a file": Page(status=302, headers={"Location": "file:///etc/passwd"}),
    "redirect to the metadata address": Page(status=302, headers={"Location": "http://169.254.169.254/"}),
    "redirect to itself": Page(status=302, headers={"Location": "/misbehaving"}),
    "empty page": Page(b""),
    "web page": Page(b"<html><meta http-equiv=refresh content='0;url=/cat.png'></html>", "text/html"),
    "compressed": Page(CAT, headers={"Content-Encoding": "gzip"}),
    "two lengths": Page(CAT, headers={"Content-Length": "10"}),
}


@pytest.mark.parametrize("page", MISBEHAVING.values(), ids=MISBEHAVING)
def test_misbehaving_origins(raw, origin, page):
    origin.pages["/misbehaving"] = page
    refused_on_both_routes(raw, origin.url("/misbehaving"), "parameter_invalid")


def test_the_text_of_a_remote_page_is_not_repeated(raw, origin):
    origin.pages["/secret"] = Page(b"the-secret-of-the-remote-page", "text/plain")
    reply = raw.embed(image_request({"url": origin.url("/secret")}))
    assert reply.status == 400 and b"the-secret-of-the-remote-page" not in reply.body


def test_a_slow_origin_is_given_up(raw, origin):
    origin.pages["/slow"] = Page(CAT, delay_s=FETCH_DEADLINE_S + 5)
    started = time.monotonic()
    refuse_embed(raw, image_request({"url": origin.url("/slow")}), "parameter_invalid", "url")
    assert time.monotonic() - started < FETCH_DEADLINE_S


def test_an_origin_that_refuses_connections(raw):
    refused_on_both_routes(raw, "http://127.0.0.1:8443/nobody-listens-here.png", "parameter_invalid")


def test_redirects_and_odd_content_types_of_good_pictures_are_fine(raw, origin):
    origin.pages["/moved"] = Page(status=302, headers={"Location": "/odd"})
    origin.pages["/odd"] = Page(CAT, "text/html")
    raw.embed(image_request({"url": origin.url("/moved")})).embedding()


def test_the_origin_sees_no_secret(raw, origin):
    raw.embed(image_request({"url": origin.url("/cat.png?once")})).embedding()
    sent = {name.lower(): value for name, value in origin.request_headers[-1].items()}
    assert not {"x-api-key", "authorization", "cookie", "referer"} & set(sent), sent
    assert raw.key not in str(sent)
