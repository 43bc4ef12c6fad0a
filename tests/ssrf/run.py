"""Does the server let a client reach what it must not? 96 cases in a network of the suite's own.

    python3 tests/ssrf/run.py --server PATH [--seed N] [--only S67,S68]
    python3 tests/ssrf/run.py --self-test

Makes a user, network and mount namespace, plays the public Internet, the name server and the
forbidden neighbours in it, starts the server there and asks it for URLs. `--self-test` does the
same to a server that fetches without any care, and passes only if the table catches it.
"""

import argparse
import os
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import jail
import load
import self_test
from check import Checker, Result
from dns_server import DnsServer
from origins import Canaries, Origins
from rows import DISABLED_ROWS, OPENED_ROWS, ROWS, SELF_ROWS
from server import Server
from sniffer import Sniffer

PORTS = (80, 443, 8080, 8443)


def build_world(scratch):
    """The jail with everything in it but the server."""
    has_v6 = jail.enter(scratch)
    sniffer, dns = Sniffer(), DnsServer()
    public = [jail.PUB, *jail.PUB_MORE, *([jail.PUB6] if has_v6 else [])]
    endpoints = [(address, port) for address in public for port in PORTS]
    origins = Origins([*endpoints, (jail.OPENED, 80), (jail.OPENED, 9000)])
    guarded = [*jail.CANARIES, *(jail.CANARIES6 if has_v6 else [])]
    canaries = [(address, port) for address in guarded for port in PORTS]
    canaries += [jail.PROXY, ("127.0.0.1", 6379), (jail.PUB, 22), (jail.PUB, 25), (jail.PUB, 6379)]
    return Checker(dns, origins, Canaries(canaries), sniffer, has_v6)


def wanted(rows, only):
    return [row for row in rows if not only or row.id in only]


def check_server(binary, checker, scratch, seed, only):
    """All phases; one server per setting."""
    results = []

    def phase(name, address, port, flags, rows, more=()):
        rows = wanted(rows, only)
        if not rows and only:
            return
        started = time.monotonic()
        server = Server(binary, name, address, port, scratch, flags)
        results.extend(checker.run(server, rows))
        results.extend(check(server) for check in (more if not only else ()))
        alive = Result(f"ALL the {name} server still answers")
        if not server.alive():
            alive.wrong.append("it does not")
        results.append(alive)
        if not server.stop():
            results.append(Result(f"ALL the {name} server stops on SIGTERM", ["it had to be killed"]))
        results.append(load.log_is_clean(server))
        print(f"{name}: {time.monotonic() - started:.0f} s", flush=True)

    rng = load.rng_for(seed)
    rows = list(ROWS)
    rng.shuffle(rows)
    more = [
        lambda server: load.same_url_ten_times(server, checker.origins),
        lambda server: load.bad_slot_first(server, checker.origins),
        load.upload_urls_ignore_host,
        lambda server: load.one_origin(server, checker.origins),
        lambda server: load.many_origins(server, checker.origins, rng),
    ]
    phase("plain", "127.0.0.1", 18080, [], rows, more)
    proxied = [syn for syn in checker.sniffer.seen() if (syn.target, syn.port) == jail.PROXY]
    results.append(Result("S87 proxies of the environment are ignored", proxied[:1]))
    phase("disabled", "127.0.0.1", 18082, ["--disable-fetch"], DISABLED_ROWS)
    phase("self", jail.SELF, 8080, [], SELF_ROWS)
    results += checker.verdicts_on_the_whole(opened_port=False)
    phase("opened", "127.0.0.1", 18081, ["--allow-private-fetch", "10.1.0.0/16"], OPENED_ROWS)
    results += checker.verdicts_on_the_whole(opened_port=True)
    return results


def report(results):
    """Every failing row, then the line that counts them."""
    failed = [result for result in results if result.wrong and not result.skipped]
    skipped = [result for result in results if result.skipped]
    for result in skipped:
        print(f"skip {result.name}: {result.skipped}")
    for result in sorted(failed, key=lambda each: each.name):
        print(f"FAIL {result.name}")
        for wrong in dict.fromkeys(map(str, result.wrong)):
            print(f"     {wrong}")
    passed = len(results) - len(failed) - len(skipped)
    print(f"{passed} passed, {len(failed)} failed, {len(skipped)} skipped", flush=True)
    return 1 if failed or not passed else 0


def watchdog(seconds):
    """The suite never hangs a build: past its time it says so and ends, its servers with it."""

    def end():
        print(f"the suite took more than {seconds} s: gave up", flush=True)
        os._exit(1)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--server", help="path of the onespace binary")
    parser.add_argument("--seed", type=int, default=1, help="order of the rows")
    parser.add_argument("--only", default="", help="comma-separated row numbers, e.g. S67,S68")
    parser.add_argument("--self-test", action="store_true", help="test the suite itself")
    options = parser.parse_args()
    if not options.self_test and not options.server:
        parser.error("--server or --self-test")
    binary = os.path.abspath(options.server) if options.server else None
    if binary and not os.access(binary, os.X_OK):
        parser.error(f"no executable at {binary}")

    with tempfile.TemporaryDirectory(prefix="onespace-ssrf-") as scratch:
        try:
            checker = build_world(scratch)
        except jail.JailRefused as refused:
            print(refused)
            return 1
        watchdog(420)
        if options.self_test:
            return report(self_test.results(checker, scratch))
        print(f"seed {options.seed}", flush=True)
        only = set(filter(None, options.only.split(",")))
        return report(check_server(binary, checker, scratch, options.seed, only))


if __name__ == "__main__":
    sys.exit(main())
