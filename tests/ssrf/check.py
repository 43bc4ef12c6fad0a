"""Runs rows against a server and says what is wrong with each."""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from jail import OPENED, PUB, PUB6, PUB_MORE
from origins import ECHO_MARK
from rows import OK, TYPE

ENTRY_POINTS = ("asset", "embed")
# What origins may see of a fetch.
FETCH_HEADERS = {"host", "user-agent", "accept", "accept-encoding", "connection"}
PUBLIC_PORTS = {80, 443, 8080, 8443}


@dataclass
class Result:
    """One check; passed if nothing is wrong."""

    name: str
    wrong: list = field(default_factory=list)
    skipped: str = ""


class Checker:
    """Knows the jail's observers."""

    def __init__(self, dns, origins, canaries, sniffer, has_v6):
        self.dns, self.origins, self.canaries = dns, origins, canaries
        self.sniffer, self.has_v6 = sniffer, has_v6
        self._rows_run = 0

    def run(self, server, rows, threads=8):
        """Every row on every entry point. Failures of one entry point must read alike."""
        checks = []
        for row in rows:
            for entry in ENTRY_POINTS:
                self._rows_run += 1
                checks.append((row, entry, f"{row.id}-{entry}-{self._rows_run}".lower()))
        # The slow ones first, so that they run beside the others.
        order = sorted(checks, key=lambda check: -check[0].seconds_max)
        with ThreadPoolExecutor(threads) as pool:
            results = list(pool.map(lambda check: self._check(server, *check), order))
        self._wordings(results)
        return [result for result, _, _ in results]

    def _check(self, server, row, entry, token):
        # `replace`, not `format`: URLs of the table hold braces of no meaning.
        url = row.url.replace("{tok}", token)
        shown = url if len(url) < 100 else url[:97] + "..."
        result = Result(f"{row.id} {entry} {shown!r}")
        if row.needs_v6 and not self.has_v6:
            result.skipped = "no IPv6 here"
            return result, None, entry
        started = time.monotonic()
        try:
            answer = getattr(server, entry)(url)
        except OSError as error:
            result.wrong.append(f"no answer: {error!r}")
            return result, None, entry
        result.wrong += self._answer_wrong(row, answer)
        result.wrong += self._network_wrong(row, token, started)
        uniform = row.expect not in (OK, TYPE) and not row.too_large and not row.empty
        return result, (answer.message if uniform else None), entry

    def _answer_wrong(self, row, answer):
        wrong = []
        said = f"{answer.status} {answer.code} {answer.message!r}"
        if row.expect == OK:
            if not answer.ok:
                wrong.append(f"refused: {said}")
        else:
            allowed = {400, 413} if row.too_large else {400}
            codes = {"parameter_invalid"} | ({"parameter_not_provided"} if row.empty else set())
            if answer.status not in allowed or answer.code not in codes or not answer.message:
                wrong.append(f"expected a 400 parameter_invalid, got {said}")
            # A delay class of its own would tell what was met; successes may be quick.
            if answer.seconds < row.seconds_min:
                wrong.append(f"answered after {answer.seconds:.2f} s, before {row.seconds_min} s")
        if answer.seconds > row.seconds_max:
            wrong.append(f"answered after {answer.seconds:.1f} s, limit {row.seconds_max} s")
        if ECHO_MARK in answer.body:
            wrong.append("text of the remote page in the answer")
        return wrong

    def _network_wrong(self, row, token, started):
        wrong = []
        if row.aim:
            aim, port = row.aim
            syns = [
                syn for syn in self.sniffer.seen(started)
                if syn.target == aim and (port is None or syn.port == port) and syn.port != 53
            ]
            if syns:
                wrong.append(f"SYN to {aim}:{syns[0].port}")
        queries = dict(self.dns.queries(token))
        if row.dns is not None and queries != row.dns:
            wrong.append(f"DNS queries {queries}, expected {row.dns}")
        hits = self.origins.hits(token)
        if row.hits is not None and len(hits) != row.hits:
            wrong.append(f"{len(hits)} requests at origins, expected {row.hits}")
        sent = sum(hit.sent_bytes for hit in hits)
        if row.sent_max is not None and sent > row.sent_max:
            wrong.append(f"the origin got rid of {sent} bytes, limit {row.sent_max}")
        if row.look and hits and (found := row.look(hits[0])):
            wrong.append(found)
        return wrong

    @staticmethod
    def _wordings(results):
        """All failures of one entry point say the same: compared with the most common wording."""
        for entry in ENTRY_POINTS:
            said = [(result, text) for result, text, where in results if text and where == entry]
            texts = [text for _, text in said]
            usual = max(set(texts), key=texts.count, default="")
            for result, text in said:
                if text != usual:
                    result.wrong.append(f"says {text!r}, others say {usual!r}")

    def verdicts_on_the_whole(self, opened_port):
        """What must hold over all that was ever fetched. `opened_port` is the source's view: only
        a server with an opened range may have gone to `jail.OPENED`."""
        public = {PUB, PUB6, *PUB_MORE}
        syn_result = Result("ALL no SYN outside the policy")
        for syn in self.sniffer.seen():
            allowed = (
                (syn.target in public and syn.port in PUBLIC_PORTS)
                or (syn.target == "127.0.0.1" and syn.port == 53)
                or (opened_port and syn.target == OPENED)
            )
            if not allowed:
                syn_result.wrong.append(f"SYN to {syn.target}:{syn.port}")
        canary_result = Result("ALL no canary reached")
        canary_result.wrong += [f"{address}:{port}" for address, port in self.canaries.reached()]
        return [syn_result, canary_result, self._headers_seen()]

    def _headers_seen(self):
        """S88: fixed headers, one User-Agent, nothing of the client."""
        result = Result("S88 request headers seen by origins")
        hits, agents = self.origins.all_hits(), set()
        for hit in hits:
            agents.add(hit.headers.get("user-agent"))
            if extra := set(hit.headers) - FETCH_HEADERS:
                result.wrong.append(f"{hit.path}: headers {sorted(extra)}")
            if hit.headers.get("accept-encoding", "identity") != "identity":
                result.wrong.append(f"{hit.path}: asks for {hit.headers['accept-encoding']}")
            if "CLIENT-" in hit.head:
                result.wrong.append(f"{hit.path}: a client's header came through")
        if not hits:
            result.skipped = "no request reached an origin"
        elif len(agents) != 1 or not all(str(a).startswith("onespace") for a in agents):
            result.wrong.append(f"{len(hits)} requests with User-Agents {agents}")
        return result
