"""The table: URLs and what must become of them, on each entry point.

`{tok}` is a token of the row and entry point: it names hosts and paths, so that queries and hits
can be counted per row. A name `{tok}.SCRIPT.example.com` resolves as `dns_server.SCRIPTS` says.
"""

import urllib.parse
from dataclasses import dataclass

from jail import PUB, PUB6

# Refused by the string: no DNS query, no connection.
U = "U"
# Refused by address: at most one lookup, no connection.
A = "A"
# The first hop is fetched, the next is refused: no connection to it.
R = "R"
# Cut by a limit.
L = "L"
# Fetched, but not a picture: refused by what the bytes are.
TYPE = "TYPE"
OK = "OK"

MIB = 1024 * 1024
NAME = "{tok}.pub.example.com"


@dataclass
class Row:
    """One check, run once per entry point."""

    id: str
    url: str
    expect: str
    # Address that must get no SYN while the row runs: (address, port or None for any).
    aim: tuple | None = None
    # Requests that origins must have seen.
    hits: int | None = None
    # Address queries by type: one lookup per hop is one of each. None: not looked at.
    dns: dict | None = None
    seconds_min: float = 0.0
    seconds_max: float = 9.0
    # Most bytes that the origin may have got rid of.
    sent_max: int | None = None
    # May be reported as too large, in words of its own and with 413.
    too_large: bool = False
    # May be reported as an absent field.
    empty: bool = False
    needs_v6: bool = False
    # Further check on the first hit: a function that returns what is wrong, or None.
    look: object = None

    def __post_init__(self):
        if self.hits is None:
            self.hits = {U: 0, A: 0, R: 1, OK: 1, TYPE: 1}.get(self.expect)
        if self.dns is None:
            if self.expect == U:
                self.dns = {}
            elif self.hits == 1 and NAME in self.url and self.aim is None:
                self.dns = {"A": 1, "AAAA": 1}


def literal(number, host, aim, port=80):
    """A literal that is refused by address."""
    return Row(number, f"http://{host}/png/{{tok}}", A, aim=(aim, port))


def name(number, script, aim, queries=None):
    """A name that resolves to something refused: looked up once, not dialled."""
    dns = queries or {"A": 1, "AAAA": 1}
    url = f"http://{{tok}}.{script}.example.com/png/{{tok}}"
    # What needed the network is reported at a whole step of the delay class.
    return Row(number, url, A, aim=(aim, 80), dns=dns, seconds_min=0.2)


def redirect(number, to, aim=None, status=302, expect=R, **more):
    """A redirect from a public host to `to`."""
    to = urllib.parse.quote(to, safe="{}")
    url = f"http://{NAME}/redirect/{{tok}}/{status}?to={to}"
    return Row(number, url, expect, aim=aim, **more)


def public(number, behaviour, expect, **more):
    """A behaviour of the public origin."""
    return Row(number, f"http://{NAME}/{behaviour}", expect, **more)


def _no_added_header(hit):
    if "%0d%0aX-Api-Key:1".lower() not in hit.path.lower():
        return f"path became {hit.path!r}"
    return "x-api-key header arrived" if "x-api-key" in hit.headers else None


def _sni_is_name(hit):
    host = hit.headers.get("host")
    if hit.sni != host or hit.address != PUB:
        return f"SNI {hit.sni!r}, Host {host!r}, address {hit.address}"
    return None


def _by_v6(hit):
    return None if hit.address == PUB6 else f"reached {hit.address}"


LOOP4, META = ("127.0.0.1", None), ("169.254.169.254", None)

ROWS = [
    Row("S1", "file:///etc/passwd", U),
    Row("S2", f"ftp://{NAME}/x.png", U),
    Row("S3", "gopher://127.0.0.1:6379/_INFO", U, aim=LOOP4),
    Row("S4", "data:image/png;base64,iVBORw0KGgo=", U),
    Row("S5", "//127.0.0.1/x", U, aim=LOOP4),
    Row("S5", "", U, empty=True),
    Row("S5", " ", U, empty=True),
    Row("S6", f"http://{NAME}/png/{{tok}}?" + "x" * 5000, U),
    Row("S7", "http:127.0.0.1/x", U, aim=LOOP4),
    Row("S8", f"http://user:pw@{NAME}/png/{{tok}}", U),
    *(Row("S9", f"http://{NAME}:{port}/png/{{tok}}", U, aim=(PUB, port)) for port in (22, 25, 6379)),
    Row("S9", f"http://{NAME}:0/png/{{tok}}", U),
    *(Row("S10", f"http://{PUB}:{port}/png/{{tok}}", OK) for port in (80, 443, 8080, 8443)),
    *(Row("S10", f"http://{NAME}:{port}/png/{{tok}}", OK) for port in (80, 443, 8080, 8443)),
    literal("S11", "127.0.0.1", "127.0.0.1"),
    literal("S12", "127.1", "127.0.0.1"),
    literal("S13", "2130706433", "127.0.0.1"),
    literal("S14", "0x7f000001", "127.0.0.1"),
    literal("S14", "0x7f.1", "127.0.0.1"),
    literal("S15", "0177.0.0.1", "127.0.0.1"),
    literal("S16", "192.0x00A80001", "192.168.0.1"),
    literal("S17", "0", "127.0.0.1"),
    literal("S17", "0.0.0.0", "127.0.0.1"),
    Row("S17", "https://0x.0x.0/png/{tok}", A, aim=("127.0.0.1", 443)),
    literal("S18", "256", "0.0.1.0"),
    literal("S19", "127.0.0.1.", "127.0.0.1"),
    Row("S20", "http://%30%78%63%30%2e%30%32%35%30.01/", U, aim=("192.168.0.1", None)),
    Row("S21", "http://０Ｘｃ０．０２５０．０１/", U, aim=("192.168.0.1", None)),
    Row("S22", "http://127。0。0。1/", U, aim=LOOP4),
    Row("S22", "http://①②⑦.0.0.1/", U, aim=LOOP4),
    literal("S23", "127.255.255.254", "127.255.255.254"),
    literal("S24", "10.0.0.5", "10.0.0.5"),
    literal("S25", "172.16.0.1", "172.16.0.1"),
    literal("S25", "172.31.255.255", "172.31.255.255"),
    literal("S26", "192.168.1.1", "192.168.1.1"),
    literal("S27", "100.64.0.1", "100.64.0.1"),
    literal("S27", "100.100.100.200", "100.100.100.200"),
    Row("S28", "http://169.254.169.254/latest/meta-data/", A, aim=META),
    literal("S29", "169.254.170.2", "169.254.170.2"),
    literal("S30", "192.0.0.192", "192.0.0.192"),
    literal("S30", "192.0.0.170", "192.0.0.170"),
    literal("S31", "168.63.129.16", "168.63.129.16"),
    *(literal("S32", host, host) for host in ("192.0.2.1", "198.51.100.1", "203.0.113.1")),
    *(literal("S33", host, host) for host in ("198.18.0.1", "192.88.99.1")),
    *(literal("S34", host, host) for host in ("224.0.0.1", "240.0.0.1", "255.255.255.255")),
    literal("S35", "[::1]", "::1"),
    literal("S36", "[::]", "::1"),
    literal("S37", "[::ffff:127.0.0.1]", "127.0.0.1"),
    literal("S38", "[::ffff:a9fe:a9fe]", "169.254.169.254"),
    literal("S39", "[::127.0.0.1]", "::127.0.0.1"),
    literal("S40", "[::ffff:0:7f00:1]", "::ffff:0:7f00:1"),
    literal("S41", "[64:ff9b::a9fe:a9fe]", "64:ff9b::a9fe:a9fe"),
    literal("S42", "[64:ff9b:1::7f00:1]", "64:ff9b:1::7f00:1"),
    literal("S43", "[2002:7f00:1::]", "2002:7f00:1::"),
    literal("S44", "[2001::80ff:fffe]", "2001::80ff:fffe"),
    literal("S45", "[fe80::1]", "fe80::1"),
    Row("S45", "http://[fe80::1%25eth0]/", U, aim=("fe80::1", None)),
    literal("S46", "[fc00::1]", "fc00::1"),
    literal("S46", "[fd00:ec2::254]", "fd00:ec2::254"),
    literal("S47", "[fec0::1]", "fec0::1"),
    literal("S47", "[ff02::1]", "ff02::1"),
    literal("S48", "[2001:db8::1]", "2001:db8::1"),
    literal("S48", "[100::1]", "100::1"),
    literal("S48", "[5f00::1]", "5f00::1"),
    *(Row("S49", f"http://{host}/", U, aim=LOOP4) for host in ("localhost", "LOCALHOST.", "a.localhost")),
    Row("S49", "http://{tok}.localhost:8080/", U, aim=LOOP4),
    Row("S50", "http://metadata.google.internal/", U, aim=META),
    Row("S50", "http://{tok}.internal/", U),
    Row("S50", "http://{tok}.local/", U),
    Row("S51", "http://{tok}/", U),
    Row("S51", "http://db/", U, aim=("10.0.0.5", None)),
    Row("S51", "http://minio:9000/", U, aim=("10.1.0.7", None)),
    name("S53", "loop4", "127.0.0.1"),
    name("S53", "zero", "127.0.0.1"),
    name("S53", "meta", "169.254.169.254"),
    name("S53", "ten", "10.0.0.5"),
    name("S54", "loop6", "::1"),
    name("S54", "ula", "fd00::1"),
    name("S54", "mapped", "10.0.0.5"),
    name("S54", "nat64", "64:ff9b::a9fe:a9fe"),
    name("S54", "sixtofour", "2002:7f00:1::"),
    name("S55", "mixed", "10.0.0.5"),
    name("S55", "mixed-last", "127.0.0.1"),
    name("S55", "mixed6", "::1"),
    name("S56", "cname", "127.0.0.1"),
    Row("S57", "http://{tok}.rebind.example.com/png/{tok}", OK, aim=LOOP4, dns={"A": 1, "AAAA": 1}),
    Row("S58", "http://xn--bcher-kva.{tok}.private.example.com/", A, aim=("192.168.0.1", None),
        dns={"A": 1, "AAAA": 1}),
    Row("S59", "http://{tok}.no-such-script.example.com/", L, hits=0, seconds_max=3.5),
    Row("S59", "http://{tok}.silent.example.com/", L, hits=0, seconds_min=2.5, seconds_max=4.5),
    Row("S59", "http://{tok}.many.example.com/png/{tok}", L, hits=0, seconds_max=3.5),
    Row("S60", f"http://{NAME}\\@127.0.0.1/", U, aim=LOOP4),
    Row("S61", f"http://127.0.0.1\\@{NAME}/png/{{tok}}", U, aim=LOOP4),
    Row("S62", f"http://{PUB}#@127.0.0.1/", OK, aim=LOOP4, hits=0),
    Row("S62", f"http://{NAME}/png/{{tok}}#@127.0.0.1/", OK, aim=LOOP4),
    Row("S63", f"http://{NAME}/png/{{tok}}?@127.0.0.1/", OK, aim=LOOP4),
    Row("S64", f"http://127.0.0.1:80@{NAME}/png/{{tok}}", U, aim=LOOP4),
    Row("S65", "http://{tok}.pub\t.example.com/", U),
    Row("S65", "ht\ttp://{tok}.pub.example.com/", U),
    Row("S65", "http://{tok}.pub\n.example.com/", U),
    Row("S65", "\u0001http://{tok}.pub.example.com/", U),
    Row("S66", f"http://{NAME}/png/{{tok}}/%0d%0aX-Api-Key:1", OK, look=_no_added_header),
    redirect("S67", "http://169.254.169.254/", META),
    redirect("S67", "//169.254.169.254/", META),
    redirect("S67", "http://2852039166/", META, status=301),
    redirect("S68", "http://to.{tok}.loop4.example.com/", LOOP4, status=307,
             dns={"A": 2, "AAAA": 2}),
    redirect("S68", "http://localhost/", LOOP4, status=308),
    redirect("S69", "http://[::ffff:7f00:1]/", LOOP4),
    redirect("S70", "file:///etc/passwd"),
    redirect("S70", "data:image/png;base64,iVBORw0KGgo="),
    Row("S71", "https://{tok}.tls.example.com/redirect/{tok}?to="
        + urllib.parse.quote(f"http://{PUB}/png/") + "{tok}", R),
    public("S72", "hops/{tok}/3", OK, hits=4),
    public("S72", "hops/{tok}/4", L, hits=4),
    public("S72", "loop/{tok}", L, hits=4),
    redirect("S73", "/png/{tok}/img.png", expect=OK, hits=2),
    redirect("S73", "../../png/{tok}/img.png", expect=OK, hits=2),
    redirect("S74", f"http://{PUB}:22/", (PUB, 22)),
    redirect("S74", f"http://user@{PUB}/png/{{tok}}"),
    *(public("S75", f"status/{{tok}}/{status}", L, hits=1)
      for status in (302, 304, 204, 206, 401, 403, 500)),
    public("S76", "refresh/{tok}", TYPE),
    public("S77", "endless/{tok}", L, hits=1, sent_max=44 * MIB, too_large=True),
    public("S78", "length-10gb/{tok}", L, hits=1, sent_max=6 * MIB, too_large=True, seconds_max=3),
    # Ten bytes are the whole body by HTTP; what is refused is that they are no picture.
    public("S79", "length-10/{tok}", TYPE, sent_max=6 * MIB, seconds_max=3),
    # Below the floor when its grace ends, at 3 s; above the floor for as long as it likes, till 10 s.
    public("S80", "drip/{tok}", L, hits=1, seconds_max=6),
    public("S80", "steady/{tok}", L, hits=1, seconds_max=11.5),
    public("S81", "silent/{tok}", L, hits=1, seconds_max=6.5),
    public("S82", "long-header/{tok}", L, hits=1, seconds_max=4.5),
    public("S82", "informational-flood/{tok}", L, hits=1, seconds_max=4.5),
    public("S83", "gzip-bomb/{tok}", L, hits=1, sent_max=6 * MIB, seconds_max=3),
    public("S83", "gzip-png/{tok}", L, hits=1),
    public("S84", "html-as-png/{tok}", TYPE),
    public("S84", "svg-as-png/{tok}", TYPE),
    public("S85", "png-as-html/{tok}", OK),
    public("S86", "html/{tok}?secret=QUERY-CANARY", TYPE),
    *(Row("S89", f"https://{{tok}}.{script}.example.com/png/{{tok}}", L, hits=0)
      for script in ("self-signed", "wrong-name", "expired", "sha1")),
    Row("S90", "https://{tok}.tls.example.com/png/{tok}?secret=QUERY-CANARY", OK, look=_sni_is_name),
    Row("S90", "https://{tok}.tls.example.com:8443/png/{tok}", OK),
    Row("S90", f"https://{PUB}/png/{{tok}}", OK),
    Row("S96", "http://{tok}.pub6.example.com/png/{tok}", OK, needs_v6=True, look=_by_v6),
    Row("S96", f"http://[{PUB6}]/png/{{tok}}", OK, needs_v6=True, look=_by_v6),
    Row("S96", "http://{tok}.pub46.example.com/png/{tok}", OK, needs_v6=True),
]

# With `--allow-private-fetch 10.1.0.0/16`.
OPENED_ROWS = [
    Row("S93", "http://10.1.0.7/png/{tok}", OK),
    Row("S93", "http://10.1.0.7:9000/png/{tok}", OK),
    Row("S93", "http://minio:9000/png/{tok}", OK),
    Row("S93", "http://{tok}.opened.example.com:9000/png/{tok}", OK, dns={"A": 1, "AAAA": 1}),
    Row("S93", f"http://{NAME}/png/{{tok}}", OK),
    redirect("S93", "http://10.1.0.7:9000/png/{tok}", expect=OK, hits=2),
    redirect("S93", "http://10.0.0.5/", ("10.0.0.5", None)),
    literal("S93", "10.0.0.5", "10.0.0.5"),
    literal("S93", "10.2.0.1", "10.2.0.1"),
    literal("S93", "127.0.0.1", "127.0.0.1"),
    literal("S93", "169.254.169.254", "169.254.169.254"),
    literal("S93", "[::ffff:10.0.0.5]", "10.0.0.5"),
    Row("S93", "http://localhost/", A, aim=LOOP4),
    Row("S93", "http://db/", A, aim=("10.0.0.5", None)),
    Row("S93", f"http://{PUB}:22/", A, aim=(PUB, 22)),
    Row("S93", f"http://{NAME}:6379/", A, aim=(PUB, 6379)),
    name("S93", "half-opened", "10.1.0.7"),
    name("S93", "loop4", "127.0.0.1"),
    Row("S93", "http://user@10.1.0.7/png/{tok}", U, aim=("10.1.0.7", None)),
    Row("S93", "file:///etc/passwd", U),
]

# With `--disable-fetch`: nothing at all, in one sentence.
DISABLED_ROWS = [
    Row("S94", "file:///etc/passwd", U),
    Row("S94", f"http://{NAME}/png/{{tok}}", U),
    Row("S94", f"http://{PUB}/png/{{tok}}", U),
    Row("S94", "https://{tok}.tls.example.com/png/{tok}", U),
    Row("S94", "http://127.0.0.1/", U, aim=LOOP4),
    Row("S94", "http://{tok}.loop4.example.com/", U, aim=LOOP4),
]

# On a server that listens on `jail.SELF`:8080.
SELF_ROWS = [
    Row("S52", "http://93.184.216.35:8080/healthz", A, aim=("93.184.216.35", 8080)),
    Row("S52", "http://{tok}.self.example.com:8080/healthz", A, aim=("93.184.216.35", 8080),
        dns={"A": 1, "AAAA": 1}),
    redirect("S52", "http://{tok}.self.example.com:8080/healthz", ("93.184.216.35", 8080)),
    Row("S52", f"http://{NAME}:8080/png/{{tok}}", OK),
]
