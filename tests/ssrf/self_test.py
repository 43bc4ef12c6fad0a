"""Tests of the suite itself: the observers see what happens, the origins do what rows count on, and
the table catches a server without a policy."""

import http.client
import os
import socket
import ssl
import time

import jail
from check import Result
from origins import CERTS, PNG
from rows import ROWS
from server import Server

# Rows that a server which fetches anything must fail, among others.
MUST_CATCH = {
    "S4", "S8", "S9", "S11", "S12", "S13", "S14", "S17", "S19", "S24", "S28", "S31", "S35", "S37",
    "S49", "S51", "S53", "S54", "S55", "S56", "S59", "S65", "S67", "S68", "S69", "S71",
    "S72", "S74", "S81", "S86",
}
# Rows that it passes, or the jail would be at fault.
MUST_PASS = {"S10", "S73", "S85", "S90"}


def results(checker, scratch):
    """All checks. The careless server comes last: it leaves a mess."""
    checks = [dns_answers, origins_behave, tls_by_name, observers_see]
    found = []
    for check in checks:
        result = Result(f"self-test: {check.__name__}")
        try:
            check(checker)
        except (AssertionError, OSError) as error:
            result.wrong.append(repr(error))
        found.append(result)
    return found + careless(checker, scratch)


def dns_answers(checker):
    def look(name):
        try:
            infos = socket.getaddrinfo(name, 80, type=socket.SOCK_STREAM)
        except socket.gaierror:
            return []
        return sorted(info[4][0] for info in infos)

    assert look("d1.pub.example.com") == [jail.PUB]
    assert checker.dns.queries("d1") == {"A": 1, "AAAA": 1}, checker.dns.queries("d1")
    assert look("d2.mixed.example.com") == ["10.0.0.5", jail.PUB]
    assert look("d3.loop6.example.com") == ["::1"]
    assert look("d4.cname.example.com") == ["127.0.0.1"]
    assert look("d5.rebind.example.com") == [jail.PUB]
    assert look("d5.rebind.example.com") == ["127.0.0.1"]
    assert look("d6.no-such-script.example.com") == []
    assert len(look("d7.many.example.com")) == 1000
    assert look("minio") == [jail.OPENED]
    assert look("localhost")


def _get(path, port=80, seconds=3):
    connection = http.client.HTTPConnection(
        jail.PUB, port, timeout=seconds, source_address=(jail.HARNESS, 0)
    )
    connection.request("GET", path)
    return connection.getresponse()


def origins_behave(checker):
    for port in (80, 443, 8080, 8443):
        assert _get("/png/o1", port).read() == PNG
    assert len(checker.origins.hits("o1")) == 4
    response = _get("/redirect/o2/307?to=http%3A%2F%2F127.0.0.1%2F")
    assert (response.status, response.headers["Location"]) == (307, "http://127.0.0.1/")
    assert _get("/hops/o3/2").headers["Location"] == "/hops/o3/1"
    assert _get("/status/o4/304").status == 304
    assert _get("/gzip-png/o5").headers["Content-Encoding"] == "gzip"
    assert _get("/length-10gb/o6").headers["Content-Length"] == "10737418240"
    assert len(_get("/endless/o7").read(1 << 20)) == 1 << 20
    for path, wrong in (("/silent/o8", TimeoutError), ("/long-header/o9", http.client.LineTooLong)):
        try:
            _get(path, seconds=1)
        except wrong:
            continue
        raise AssertionError(f"{path} answered")


def tls_by_name(_checker):
    def hello(name):
        context = ssl.create_default_context(cafile=os.path.join(CERTS, "ca.pem"))
        with socket.create_connection((jail.PUB, 443), 3, (jail.HARNESS, 0)) as plain:
            context.wrap_socket(plain, server_hostname=name).close()

    hello("t1.tls.example.com")
    hello(jail.PUB)
    for script in ("self-signed", "wrong-name", "expired", "sha1"):
        try:
            hello(f"t2.{script}.example.com")
        except ssl.SSLError:
            continue
        raise AssertionError(f"{script} was accepted")


def observers_see(checker):
    """A SYN to nobody, a SYN to a canary, and none of the harness."""
    started = time.monotonic()
    for address in ("168.63.129.16", "64:ff9b::a9fe:a9fe" if checker.has_v6 else "10.9.9.9"):
        try:
            socket.create_connection((address, 80), 0.3).close()
        except OSError:
            pass
    with socket.create_connection(("10.0.0.5", 8080), 3) as canary:
        canary.sendall(b"x")
        assert canary.recv(4) == b"HTTP"
    time.sleep(0.3)
    seen = {(syn.target, syn.port) for syn in checker.sniffer.seen(started)}
    assert ("168.63.129.16", 80) in seen and ("10.0.0.5", 8080) in seen and len(seen) == 3, seen
    assert ("10.0.0.5", 8080) in checker.canaries.reached()


def careless(checker, scratch):
    """The whole table against a server without a policy, as failures of the suite where it passes
    what it must catch."""
    binary = os.path.join(os.path.dirname(os.path.abspath(__file__)), "careless_server.py")
    server = Server(binary, "careless", "127.0.0.1", 18080, scratch)
    found = checker.run(server, ROWS, threads=16)
    server.stop()
    caught = {result.name.split(" ")[0] for result in found if result.wrong}
    clean = {result.name.split(" ")[0] for result in found} - caught
    whole = {result.name: result.wrong for result in checker.verdicts_on_the_whole(False)}
    return [
        Result(f"self-test: careless server fails {row}", [] if row in caught else ["it passed"])
        for row in sorted(MUST_CATCH)
    ] + [
        Result(f"self-test: careless server passes {row}", [] if row in clean else ["it failed"])
        for row in sorted(MUST_PASS)
    ] + [
        Result(f"self-test: caught by {name}", [] if wrong else ["it was not"])
        for name, wrong in whole.items()
    ]
