"""Rows about many fetches at once (S91, S92), and two about the server as a whole (S95, logs)."""

import json
import random
from concurrent.futures import ThreadPoolExecutor

from check import ENTRY_POINTS, Result
from jail import PUB, PUB_MORE

URLS_TO_ONE_ORIGIN = 1_000
PER_ORIGIN_MAX, TOTAL_MAX = 8, 64


def one_origin(server, origins):
    """S91: a thousand URLs to one origin; half as assets, half as images to embed."""
    result = Result(f"S91 {URLS_TO_ONE_ORIGIN} URLs to one origin")
    origins.reset_peaks()

    def fetch(n):
        url = f"http://s91-{n}.pub.example.com/slow-html/s91?n={n}"
        return getattr(server, ENTRY_POINTS[n % 2])(url)

    with ThreadPoolExecutor(48) as pool:
        answers = list(pool.map(fetch, range(URLS_TO_ONE_ORIGIN)))
    peak = origins.peaks().get((PUB, 80), 0)
    if not 2 <= peak <= PER_ORIGIN_MAX:
        result.wrong.append(f"{peak} connections at once, limit {PER_ORIGIN_MAX}")
    _statuses(result, answers, {400, 429})
    return result


def many_origins(server, origins, rng):
    """S91: more origins than the total limit can serve at once."""
    result = Result("S91 many origins at once")
    origins.reset_peaks()
    targets = [(address, port) for address in (PUB, *PUB_MORE) for port in (80, 443, 8080, 8443)]
    urls = [
        f"http://{address}:{port}/slow-html/s91all?n={n}" for address, port in targets for n in range(40)
    ]
    rng.shuffle(urls)
    with ThreadPoolExecutor(160) as pool:
        answers = list(pool.map(server.asset, urls))
    peaks = origins.peaks()
    total = peaks.pop("all", 0)
    if not 9 <= total <= TOTAL_MAX:
        result.wrong.append(f"{total} connections at once in all, limit {TOTAL_MAX}")
    if peaks and max(peaks.values()) > PER_ORIGIN_MAX:
        result.wrong.append(f"{max(peaks.values())} connections to one origin")
    _statuses(result, answers, {400, 429, 503})
    return result


def _statuses(result, answers, allowed):
    statuses = {answer.status for answer in answers}
    if not statuses <= allowed or 400 not in statuses:
        result.wrong.append(f"statuses {sorted(statuses)}")


def same_url_ten_times(server, origins):
    """S92: one URL in all ten slots."""
    result = Result("S92 embed, one URL in ten slots")
    answer = server.embed_many([f"http://{PUB}/png/s92"] * 10)
    if not answer.ok:
        result.wrong.append(f"refused: {answer.status} {answer.message!r}")
    hits = len(origins.hits("s92"))
    if not 1 <= hits <= 10:
        result.wrong.append(f"{hits} fetches")
    return result


def bad_slot_first(server, origins):
    """A request with one URL that the string refuses fetches none of its others."""
    result = Result("S92 embed, one refused URL among ten")
    urls = [f"http://{PUB}/png/s92bad"] * 9 + ["http://localhost/"]
    answer = server.embed_many(urls)
    if answer.status != 400 or answer.code != "parameter_invalid":
        result.wrong.append(f"{answer.status} {answer.code} {answer.message!r}")
    if hits := len(origins.hits("s92bad")):
        result.wrong.append(f"{hits} fetches before the refusal")
    return result


def upload_urls_ignore_host(server):
    """S95: the URLs that the server makes for uploads come from its configuration."""
    result = Result("S95 upload URLs and the Host header")
    body = json.dumps({"filename": "a.png", "type": "image", "total_size": 10}).encode()
    for headers in (
        {"Host": "evil.example.org"},
        {"X-Forwarded-Host": "evil.example.org"},
        {"Forwarded": "host=evil.example.org"},
    ):
        answer = server.post("/assets/multipart-uploads", body, "application/json", headers)
        if "evil.example.org" in answer.body:
            result.wrong.append(f"{headers}: URLs of a host that the client named")
        elif answer.status != 201:
            result.wrong.append(f"{headers}: {answer.status} {answer.body[:200]}")
    return result


def log_is_clean(server):
    """No query string of a URL and no key in the log."""
    result = Result("LOG no secrets")
    with open(server.log, errors="replace") as log:
        text = log.read()
    for secret in ("QUERY-CANARY", "CLIENT-COOKIE", "CLIENT-BEARER", server.key):
        if secret in text:
            shown = "the API key" if secret == server.key else secret
            result.wrong.append(f"{shown} is in the log")
    return result


def rng_for(seed):
    """The one source of randomness."""
    return random.Random(seed)
