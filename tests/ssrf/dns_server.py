"""The only name server of the jail. A name says itself how it resolves.

`<token>.<script>.example.com` follows `script` (see `SCRIPTS`); the token tells the rows apart in
the count of queries. Every other name but those in `FIXED` does not exist.
"""

import collections
import socket
import struct
import threading

from jail import OPENED, PUB, PUB6, SELF

A, CNAME, AAAA = 1, 5, 28
TYPE_NAMES = {A: "A", AAAA: "AAAA"}

# Script -> (IPv4 answers, IPv6 answers).
SCRIPTS = {
    "pub": ([PUB], []),
    "pub6": ([], [PUB6]),
    "pub46": ([PUB], [PUB6]),
    "tls": ([PUB], []),
    "expired": ([PUB], []),
    "wrong-name": ([PUB], []),
    "sha1": ([PUB], []),
    "self-signed": ([PUB], []),
    "loop4": (["127.0.0.1"], []),
    "loop6": ([], ["::1"]),
    "zero": (["0.0.0.0"], []),
    "meta": (["169.254.169.254"], []),
    "private": (["192.168.0.1"], []),
    "ten": (["10.0.0.5"], []),
    "mixed": ([PUB, "10.0.0.5"], []),
    "mixed-last": ([PUB, "93.184.216.36", "127.0.0.1"], []),
    "mixed6": ([PUB], ["::1"]),
    "mapped": ([], ["::ffff:10.0.0.5"]),
    "nat64": ([], ["64:ff9b::a9fe:a9fe"]),
    "sixtofour": ([], ["2002:7f00:1::"]),
    "ula": ([], ["fd00::1"]),
    "self": ([SELF], []),
    "opened": ([OPENED], []),
    "half-opened": ([PUB, OPENED], []),
    "many": ([PUB] + [f"93.184.{n // 250}.{n % 250 + 1}" for n in range(999)], []),
    "closed-port": (["93.184.216.38"], []),
}
FIXED = {"minio": ([OPENED], []), "db": (["10.0.0.5"], [])}


class DnsServer:
    """Answers on 127.0.0.1:53, UDP and TCP."""

    def __init__(self):
        self._lock = threading.Lock()
        self._queries = collections.Counter()
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.bind(("127.0.0.1", 53))
        self._tcp = socket.create_server(("127.0.0.1", 53))
        threading.Thread(target=self._serve_udp, daemon=True).start()
        threading.Thread(target=self._serve_tcp, daemon=True).start()

    def queries(self, token):
        """Queries for names that hold `token`, by type: {"A": 1, "AAAA": 1}."""
        counts = collections.Counter()
        with self._lock:
            for (name, kind), count in self._queries.items():
                if token in name.split("."):
                    counts[TYPE_NAMES.get(kind, str(kind))] += count
        return counts

    def _serve_udp(self):
        while True:
            query, peer = self._udp.recvfrom(4096)
            answer = self._answer(query, count=True)
            if answer is not None and len(answer) > 512:
                answer = answer[:2] + struct.pack("!H", 0x8780) + answer[4:6] + b"\0" * 6
                answer += query[12 : _question_end(query)]
            if answer is not None:
                self._udp.sendto(answer, peer)

    def _serve_tcp(self):
        while True:
            connection, _ = self._tcp.accept()
            threading.Thread(target=self._serve_stream, args=(connection,), daemon=True).start()

    def _serve_stream(self, connection):
        with connection, connection.makefile("rb") as reader:
            connection.settimeout(30)
            while len(length := reader.read(2)) == 2:
                # A repeat of a truncated UDP query: counted there.
                answer = self._answer(reader.read(struct.unpack("!H", length)[0]), count=False)
                if answer is not None:
                    connection.sendall(struct.pack("!H", len(answer)) + answer)

    def _answer(self, query, count):
        end = _question_end(query)
        name, kind = _name(query), struct.unpack_from("!H", query, end - 4)[0]
        with self._lock:
            self._queries[name, kind] += count
            asked = self._queries[name, kind]
        records = self._records(name, kind, asked)
        if records == "silent":
            return None
        code = 0x8183 if records is None else 0x8180
        records = records or []
        answer = query[:2] + struct.pack("!HHHHH", code, 1, len(records), 0, 0) + query[12:end]
        owner = b"\xc0\x0c"
        for kind, data in records:
            answer += owner + struct.pack("!HHIH", kind, 1, 0, len(data)) + data
            if kind == CNAME:
                owner = data
        return answer

    def _records(self, name, kind, asked):
        """(type, data) pairs with TTL 0; None: no such name; "silent": no answer at all."""
        labels = name.split(".")
        script = labels[-3] if labels[-2:] == ["example", "com"] and len(labels) >= 4 else None
        if script == "silent":
            return "silent"
        if script == "rebind":
            v4, v6 = ([PUB] if asked == 1 else ["127.0.0.1"]), []
        elif script == "cname":
            alias = [(CNAME, b"\x09localhost\x00")]
            return alias + ([(A, socket.inet_aton("127.0.0.1"))] if kind == A else [])
        elif script in SCRIPTS:
            v4, v6 = SCRIPTS[script]
        elif name in FIXED:
            v4, v6 = FIXED[name]
        else:
            return None
        if kind == A:
            return [(A, socket.inet_aton(address)) for address in v4]
        if kind == AAAA:
            return [(AAAA, socket.inet_pton(socket.AF_INET6, address)) for address in v6]
        return []


def _question_end(query):
    at = 12
    while query[at]:
        at += 1 + query[at]
    return at + 5


def _name(query):
    labels, at = [], 12
    while query[at]:
        labels.append(query[at + 1 : at + 1 + query[at]].decode("latin-1").lower())
        at += 1 + query[at]
    return ".".join(labels)
