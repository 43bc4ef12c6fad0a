"""A network of the suite's own: namespaces with nothing in them but a loopback interface.

Everything is done with system calls and netlink from here, so that neither iproute2 nor util-linux
is needed. Nothing outside the process and its children is changed.
"""

import ctypes
import os
import socket
import struct

CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWNET = 0x0002_0000, 0x1000_0000, 0x4000_0000
MS_BIND, MS_REC, MS_PRIVATE = 0x1000, 0x4000, 0x4_0000

PUB = "93.184.216.34"
SELF = "93.184.216.35"
PUB_MORE = ["93.184.216.36", "93.184.216.37"]
PUB6 = "2606:2800:220:1::1"
OPENED = "10.1.0.7"
CANARIES = ["127.0.0.1", "127.0.0.2", "127.0.0.77", "169.254.169.254", "10.0.0.5", "192.168.0.1"]
CANARIES6 = ["::1"]
PROXY = ("127.0.0.77", 3128)
HARNESS = "127.0.0.9"

RESOLV_CONF = "nameserver 127.0.0.1\nsearch .\noptions ndots:1 timeout:30 attempts:1\n"
NSSWITCH = "passwd: files\ngroup: files\nhosts: files dns\nservices: files\n"
HOSTS = "127.0.0.1 localhost\n::1 localhost\n"

_libc = ctypes.CDLL(None, use_errno=True)


class JailRefused(Exception):
    """The kernel does not let this user make namespaces."""


def _check(result, what):
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def enter(scratch):
    """Moves this process into the jail. `scratch` is a directory for the files mounted over /etc.
    Returns whether the jail has IPv6."""
    _unshare()
    _check(_libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None), "make mounts private")
    _lay_over("/etc/resolv.conf", RESOLV_CONF, scratch)
    _lay_over("/etc/nsswitch.conf", NSSWITCH, scratch)
    _lay_over("/etc/hosts", HOSTS, scratch)
    # A name cache of the host would answer over its socket, past the jail.
    for cache in ("/run/nscd", "/run/systemd/resolve"):
        if os.path.isdir(cache):
            _check(_libc.mount(b"tmpfs", os.fsencode(cache), b"tmpfs", 0, None), f"hide {cache}")
    return _raise_network()


def _unshare():
    uid, gid = os.geteuid(), os.getegid()
    if _libc.unshare(CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWNS) == 0:
        with open("/proc/self/setgroups", "w") as file:
            file.write("deny")
        with open("/proc/self/uid_map", "w") as file:
            file.write(f"0 {uid} 1")
        with open("/proc/self/gid_map", "w") as file:
            file.write(f"0 {gid} 1")
        return
    reason = os.strerror(ctypes.get_errno())
    # Root may make the other two where user namespaces are switched off.
    if uid == 0 and _libc.unshare(CLONE_NEWNET | CLONE_NEWNS) == 0:
        return
    raise JailRefused(
        f"the kernel refuses a user namespace ({reason}). The suite needs one for its own network: "
        "run it as root, or allow unprivileged user namespaces (sysctl "
        "kernel.unprivileged_userns_clone=1, kernel.apparmor_restrict_unprivileged_userns=0; in a "
        "container, a seccomp profile that allows unshare)."
    )


def _lay_over(path, text, scratch):
    """Mounts a file with `text` over `path`. Where there is no such file, the C library's own
    defaults serve (name server 127.0.0.1, `dns` then `files`)."""
    target = os.path.realpath(path)
    if not os.path.exists(target):
        return
    source = os.path.join(scratch, os.path.basename(path))
    with open(source, "w") as file:
        file.write(text)
    _check(
        _libc.mount(os.fsencode(source), os.fsencode(target), None, MS_BIND, None), f"lay over {path}"
    )


class _Netlink:
    """As much of rtnetlink as the jail needs."""

    NEWLINK, NEWADDR, NEWROUTE = 16, 20, 24

    def __init__(self):
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
        self._sequence = 0

    def ask(self, kind, payload):
        self._sequence += 1
        flags = 0x1 | 0x4  # request, acknowledge
        if kind != self.NEWLINK:
            flags |= 0x400 | 0x100  # create, replace
        header = struct.pack("=IHHII", 16 + len(payload), kind, flags, self._sequence, 0)
        self._socket.send(header + payload)
        answer = self._socket.recv(65536)
        error = struct.unpack_from("=i", answer, 16)[0]
        if error:
            raise OSError(-error, os.strerror(-error))

    @staticmethod
    def attribute(kind, data):
        padding = -len(data) % 4
        return struct.pack("=HH", 4 + len(data), kind) + data + b"\0" * padding


def _raise_network():
    """Brings `lo` up with all addresses of the suite, and routes everything else to it: a packet to
    an address that nobody has is then seen on `lo`, instead of failing for want of a route."""
    netlink, lo = _Netlink(), socket.if_nametoindex("lo")
    netlink.ask(_Netlink.NEWLINK, struct.pack("=BxHiII", 0, 0, lo, 1, 1))
    families = [(socket.AF_INET, 32, [PUB, SELF, *PUB_MORE, OPENED, *CANARIES[3:]])]
    has_v6 = os.path.exists("/proc/net/if_inet6")
    if has_v6:
        families.append((socket.AF_INET6, 128, [PUB6]))
    for family, bits, addresses in families:
        for address in addresses:
            packed = socket.inet_pton(family, address)
            payload = struct.pack("=BBBBi", family, bits, 0x02, 0, lo)  # no duplicate detection
            payload += _Netlink.attribute(1, packed) + _Netlink.attribute(2, packed)
            netlink.ask(_Netlink.NEWADDR, payload)
        # (table, scope, type): main, link, unicast for IPv4. IPv6 drops what such a route sends to
        # `lo`; there every address is made local, which shows as well: local, universe, local.
        table, scope, kind = (254, 253, 1) if family == socket.AF_INET else (255, 0, 2)
        payload = struct.pack("=BBBBBBBBI", family, 0, 0, 0, table, 4, scope, kind, 0)
        netlink.ask(_Netlink.NEWROUTE, payload + _Netlink.attribute(4, struct.pack("=i", lo)))
    return has_v6
