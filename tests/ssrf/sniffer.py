"""Sees every attempt to open a TCP connection in the jail, answered or not."""

import ctypes
import socket
import struct
import threading
import time
from dataclasses import dataclass

from jail import HARNESS

_SO_ATTACH_FILTER = 26
_PACKET_OUTGOING = 4
# IPv4 or IPv6, TCP, SYN without ACK: (code, jump if true, jump if false, operand).
_SYN_ONLY = [
    (0x30, 0, 0, 0),  # ldb [0]
    (0x54, 0, 0, 0xF0),
    (0x15, 2, 0, 0x40),
    (0x15, 7, 0, 0x60),
    (0x06, 0, 0, 0),  # ret 0
    (0x30, 0, 0, 9),  # IPv4 protocol
    (0x15, 1, 0, 6),
    (0x06, 0, 0, 0),
    (0xB1, 0, 0, 0),  # x = header length
    (0x50, 0, 0, 13),  # flags
    (0x05, 0, 0, 4),
    (0x30, 0, 0, 6),  # IPv6 next header
    (0x15, 1, 0, 6),
    (0x06, 0, 0, 0),
    (0x30, 0, 0, 53),  # flags
    (0x54, 0, 0, 0x12),
    (0x15, 0, 1, 0x02),
    (0x06, 0, 0, 0xFFFF),
    (0x06, 0, 0, 0),
]


@dataclass(frozen=True)
class Syn:
    """One SYN; `time` is of the monotonic clock."""

    time: float
    source: str
    target: str
    port: int


class Sniffer:
    """Collects SYNs of everybody but the harness itself, which binds `jail.HARNESS`."""

    def __init__(self):
        self._syns, self._lock = [], threading.Lock()
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3))
        program = b"".join(struct.pack("=HBBI", *line) for line in _SYN_ONLY)
        self._program = ctypes.create_string_buffer(program)
        address = ctypes.addressof(self._program)
        self._socket.setsockopt(
            socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("@HP", len(_SYN_ONLY), address)
        )
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self):
        while True:
            packet, (_, _, direction, *_) = self._socket.recvfrom(65536)
            if direction != _PACKET_OUTGOING:
                continue
            if packet[0] >> 4 == 4:
                family, source, target = socket.AF_INET, packet[12:16], packet[16:20]
                port = struct.unpack_from("!H", packet, (packet[0] & 15) * 4 + 2)[0]
            else:
                family, source, target = socket.AF_INET6, packet[8:24], packet[24:40]
                port = struct.unpack_from("!H", packet, 42)[0]
            source = socket.inet_ntop(family, source)
            if source == HARNESS:
                continue
            syn = Syn(time.monotonic(), source, socket.inet_ntop(family, target), port)
            with self._lock:
                self._syns.append(syn)

    def seen(self, since=0.0):
        with self._lock:
            return [syn for syn in self._syns if syn.time >= since]
