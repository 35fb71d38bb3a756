"""The kernel's own word on links, addresses and routes: rtnetlink (rtnetlink(7), linux/rtnetlink.h), by the standard library.

:func:`subscribe` gives a socket that becomes readable when something changes, :func:`look` asks how things stand, and
:func:`understand` is the pure part: from the kernel's messages to a :class:`NetworkPicture`.
"""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass

_GROUPS = 0x1 | 0x10 | 0x40 | 0x100 | 0x400
"""RTMGRP_LINK, IPV4_IFADDR, IPV4_ROUTE, IPV6_IFADDR, IPV6_ROUTE."""

_NEWLINK, _GETLINK = 16, 18
_NEWADDR, _GETADDR = 20, 22
_NEWROUTE, _GETROUTE = 24, 26
_ERROR, _DONE = 2, 3
_REQUEST_DUMP = 0x1 | 0x300
_DUMP_INTERRUPTED = 0x10

_HEADER = struct.Struct("=IHHII")  # length, type, flags, sequence number, port
_LINK = struct.Struct("=BxHiII")  # ifinfomsg: family, type, index, flags, change
_ADDRESS = struct.Struct("=BBBBI")  # ifaddrmsg: family, prefix length, flags, scope, index
_ROUTE = struct.Struct("=8BI")  # rtmsg: family, dst_len, src_len, tos, table, protocol, scope, type; flags
_ATTRIBUTE = struct.Struct("=HH")  # length, type
_NUMBER = struct.Struct("=I")

_IFF_UP, _IFF_RUNNING = 0x1, 0x40
_IFA_ADDRESS, _IFA_LOCAL, _IFA_FLAGS = 1, 2, 8
_NOT_YET_USABLE = 0x40 | 0x8  # IFA_F_TENTATIVE, IFA_F_DADFAILED: IPv6 still looks whether somebody else has it
_RTA_DST, _RTA_OIF, _RTA_GATEWAY = 1, 4, 5
_MAIN_TABLE, _UNICAST = 254, 1
_CLONED = 0x200

_ANSWER_S = 2.0
_READ_BYTES = 65536
_TRIES = 3


@dataclass(frozen=True, slots=True)
class NetworkPicture:
    """How things stand at one moment."""

    held: frozenset[str] = frozenset()
    """Every address on an interface that is switched on, also while its cable is out."""
    ways: frozenset[tuple[object, ...]] = frozenset()
    """What there is to reach others by: addresses and routes on interfaces that run, those good for the own link or
    machine alone left out."""


def subscribe() -> socket.socket:
    """A non-blocking socket that is readable after every change. Raises OSError where there is no rtnetlink."""
    sock = _open()
    try:
        sock.bind((0, _GROUPS))
        sock.setblocking(False)
    except OSError:
        sock.close()
        raise
    return sock


def drain(sock: socket.socket) -> None:
    """Read away what has come: it said that something changed, and :func:`look` says what there is."""
    while True:
        try:
            if not sock.recv(_READ_BYTES):
                return
        except BlockingIOError:
            return
        except OSError as error:
            if error.errno != errno.ENOBUFS:  # more changes than the socket holds: one reason more to look
                raise


def look() -> NetworkPicture:
    """Ask the kernel; takes a millisecond. Raises OSError."""
    with _open() as sock:
        sock.settimeout(_ANSWER_S)
        sock.bind((0, 0))
        for _ in range(_TRIES):
            answers = [_dump(sock, kind, number) for number, kind in enumerate((_GETLINK, _GETADDR, _GETROUTE), 1)]
            if None not in answers:
                return understand(b"".join(answer or b"" for answer in answers))
    raise OSError(errno.EAGAIN, "the network changes all the time")


def _open() -> socket.socket:
    if not hasattr(socket, "AF_NETLINK"):
        raise OSError(errno.EAFNOSUPPORT, os.strerror(errno.EAFNOSUPPORT))
    return socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE)


def _dump(sock: socket.socket, kind: int, number: int) -> bytes | None:
    """All messages of an answer; None when things changed while the kernel wrote it."""
    body = bytes(16)  # AF_UNSPEC, and as long as the longest of the three requests' heads
    sock.send(_HEADER.pack(_HEADER.size + len(body), kind, _REQUEST_DUMP, number, 0) + body)
    answer = b""
    interrupted = False
    while True:
        data = sock.recv(_READ_BYTES)
        for type_, flags, payload in _messages(data):
            interrupted = interrupted or bool(flags & _DUMP_INTERRUPTED)
            if type_ == _ERROR:
                raise OSError(-struct.unpack_from("=i", payload)[0], "rtnetlink refused")
            if type_ == _DONE:
                return None if interrupted else answer
        answer += data


def _messages(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Type, flags and payload of each message."""
    position = 0
    while position + _HEADER.size <= len(data):
        length, type_, flags, _, _ = _HEADER.unpack_from(data, position)
        if length < _HEADER.size or position + length > len(data):
            return
        yield type_, flags, data[position + _HEADER.size : position + length]
        position += length + 3 & ~3


def _attributes(payload: bytes, position: int) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    while position + _ATTRIBUTE.size <= len(payload):
        length, type_ = _ATTRIBUTE.unpack_from(payload, position)
        if length < _ATTRIBUTE.size or position + length > len(payload):
            break
        found[type_] = payload[position + _ATTRIBUTE.size : position + length]
        position += length + 3 & ~3
    return found


def understand(data: bytes) -> NetworkPicture:
    """The picture in the kernel's answers about links, addresses and routes. What is cut short or unknown is left out."""
    up: set[int] = set()
    running: set[int] = set()
    addresses: list[tuple[int, str, bool]] = []
    routes: list[tuple[int, tuple[object, ...]]] = []
    for type_, _, payload in _messages(data):
        if type_ == _NEWLINK and len(payload) >= _LINK.size:
            _, _, index, flags, _ = _LINK.unpack_from(payload)
            up |= {index} if flags & _IFF_UP else set()
            running |= {index} if flags & _IFF_UP and flags & _IFF_RUNNING else set()
        elif type_ == _NEWADDR and len(payload) >= _ADDRESS.size:
            addresses += _address(payload)
        elif type_ == _NEWROUTE and len(payload) >= _ROUTE.size:
            routes += _route(payload)
    ways: set[tuple[object, ...]] = {(text, index) for index, text, usable in addresses if usable and index in running}
    ways |= {way for index, way in routes if index in running}
    return NetworkPicture(frozenset(text for index, text, _ in addresses if index in up), frozenset(ways))


def _address(payload: bytes) -> list[tuple[int, str, bool]]:
    """Index of the interface, the address, and whether others can be reached by it."""
    _, _, flags, _, index = _ADDRESS.unpack_from(payload)
    attributes = _attributes(payload, _ADDRESS.size)
    address = _ip(attributes.get(_IFA_LOCAL) or attributes.get(_IFA_ADDRESS) or b"")
    if address is None:
        return []
    if len(attributes.get(_IFA_FLAGS, b"")) == _NUMBER.size:
        flags = _NUMBER.unpack(attributes[_IFA_FLAGS])[0]
    usable = not (address.is_loopback or address.is_link_local or flags & _NOT_YET_USABLE)
    return [(index, str(address), usable)]


def _route(payload: bytes) -> list[tuple[int, tuple[object, ...]]]:
    """Index of the interface, and what tells the route from others; only for those of the main table that lead out."""
    family, prefix, _, _, table, _, _, type_, flags = _ROUTE.unpack_from(payload)
    attributes = _attributes(payload, _ROUTE.size)
    if table != _MAIN_TABLE or type_ != _UNICAST or flags & _CLONED or len(attributes.get(_RTA_OIF, b"")) != 4:
        return []
    target = _ip(attributes.get(_RTA_DST, b""))
    if target is not None and (target.is_link_local or target.is_multicast):
        return []
    index = _NUMBER.unpack(attributes[_RTA_OIF])[0]
    return [(index, (family, str(target), prefix, str(_ip(attributes.get(_RTA_GATEWAY, b""))), index))]


def _ip(packed: bytes) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    return ipaddress.ip_address(packed) if len(packed) in (4, 16) else None
