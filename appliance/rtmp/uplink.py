"""The connected socket: writes and reads that never wait, and what the kernel knows about the way (DESIGN, fact 5).

The backlog must stay where frames can be dropped whole, in front of the socket: ``TCP_NOTSENT_LOWAT`` keeps the kernel
from taking much more than what is on its way, without limiting that (as a small ``SO_SNDBUF`` would on a long link).
"""

from __future__ import annotations

import fcntl
import selectors
import socket
import ssl
import struct
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass

NOT_SENT_BYTES = 16_384
"""What the kernel may hold that is not yet on its way: some 80 ms at 1.6 Mbit/s."""
READ_BYTES = 16_384

# Linux's own numbers, which the socket module has in part or not at all.
_TCP_NOTSENT_LOWAT = 25
_SIOCOUTQ = 0x5411
# struct tcp_info (linux/tcp.h): offsets of tcpi_unacked and tcpi_sacked (segments), tcpi_rtt, tcpi_bytes_acked,
# tcpi_notsent_bytes
_UNACKED_SACKED = struct.Struct("@24xII")
_RTT = struct.Struct("@68xI")
_BYTES_ACKED = struct.Struct("@120xQ")
_NOT_SENT = struct.Struct("@144xI")
_INFO_BYTES = _NOT_SENT.size  # as far as these are
_INT = struct.Struct("@i")
# struct tcp_bbr_info (linux/inet_diag.h): bandwidth low and high, min_rtt, pacing_gain, cwnd_gain; a cwnd_gain of one is
# PROBE_RTT's alone (net/ipv4/tcp_bbr.c)
_TCP_CC_INFO = 26
_BBR_INFO = struct.Struct("@5I")
_BBR_UNIT = 1 << 8


@dataclass(frozen=True, slots=True)
class LinkStatistics:
    """What is known about the connection now. All zero before there is one; the last values after it has ended."""

    sent_bytes: int = 0
    """Taken by the kernel since the connection began."""
    acked_bytes: int = 0
    """Acknowledged by the server's kernel (TCP), TLS' own bytes included."""
    sacked_bytes: int = 0
    """Acknowledged beyond those, behind a gap that a lost segment left: still queued here, but no longer on the way. The
    kernel counts segments, so this is an estimate, which may turn out to be too high."""
    queued_bytes: int = 0
    """Not yet acknowledged or not yet written: the kernel's send queue and ours."""
    rtt_ms: float = 0.0
    """Smoothed round trip time."""
    probing: bool = False
    """The kernel sends next to nothing for a moment, to see the way without a queue (BBR's PROBE_RTT)."""
    blocked: bool = False
    """What is due has to wait, because the socket takes no more or enough is underway."""
    rtmp_acked_bytes: int = 0
    """Acknowledged by the server by RTMP's own count, modulo 2**32; 0 where it never does."""


def prepare(sock: socket.socket, *, no_progress_s: float) -> None:
    """Set the options of a socket before it connects."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.IPPROTO_TCP, _TCP_NOTSENT_LOWAT, NOT_SENT_BYTES)
    # A second line behind the session's own watch, which says the reason better: hence later.
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int((no_progress_s + 2) * 1000))
    # While nothing is sent nobody would notice that the server is gone.
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 10)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 5)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)


def _congestion_control(sock: socket.socket) -> str:
    try:
        return sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, 16).rstrip(b"\0").decode("ascii", "replace")
    except OSError:
        return ""


def _local_address(sock: socket.socket) -> str:
    try:
        return str(sock.getsockname()[0]).partition("%")[0]
    except OSError:
        return ""


def _sacked_bytes(info: bytes, in_kernel: int) -> int:
    """By the mean size of the segments that are on their way: frames are sent at once, and most segments are not full."""
    unacked, sacked = _UNACKED_SACKED.unpack_from(info)
    on_the_way = max(0, in_kernel - _NOT_SENT.unpack_from(info)[0])
    return on_the_way * min(sacked, unacked) // unacked if unacked else 0


class Uplink:
    """A connected, non-blocking socket, plain or TLS, with what is still to be written to it.

    Owned by the session's thread; ``statistics`` alone is for any thread.
    """

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.local_address = _local_address(sock)
        """This machine's side of the connection; empty when it has gone already."""
        self.unwritten = 0
        """Bytes added and not yet taken by the kernel."""
        self.flight_limit: int | None = None
        """The kernel gets no more while so many bytes are underway, unacknowledged; None: no limit."""
        self.capped = False
        """Whether the last :meth:`flush` left something for that reason: nobody tells when there is room again."""
        self._pending: list[bytes | memoryview] = []
        self._sent = 0
        self._lock = threading.Lock()  # between statistics() and close(): a closed descriptor may be somebody else's
        self._last = LinkStatistics()
        self._bbr = _congestion_control(sock) == "bbr"
        # TLS may have to read before it can write, and the other way round.
        self._write_needs_read = self._read_needs_write = False

    def add(self, data: bytes) -> None:
        """Queue ``data`` behind what is unwritten."""
        if data:
            self._pending.append(data)
            self.unwritten += len(data)

    def flush(self) -> None:
        """Write what the kernel takes now and may have underway. Raises OSError."""
        self._write_needs_read = False
        while self._pending:
            data = self._pending[0] if len(self._pending) == 1 else b"".join(self._pending)
            try:
                written = self._send(data)
            except (BlockingIOError, ssl.SSLWantWriteError):
                written = 0
            except ssl.SSLWantReadError:
                self._write_needs_read = True
                written = 0
            self._sent += written
            self.unwritten -= written
            if written == len(data):
                self._pending.clear()
            else:
                self._pending = [memoryview(data)[written:]]
            if not written:
                return

    def _send(self, data: bytes | memoryview) -> int:
        room = self.room()
        self.capped = room <= 0
        if self.capped:
            return 0
        if isinstance(self.sock, ssl.SSLSocket) or room >= len(data):  # TLS must be given again what it has begun
            return self.sock.send(data)
        return self.sock.send(memoryview(data)[:room])

    def room(self) -> int:
        """Bytes that may still get underway. Raises OSError."""
        return sys.maxsize if self.flight_limit is None else self.flight_limit - self.in_kernel()

    def read(self) -> bytes | None:
        """What has arrived, at most ``READ_BYTES``; None when nothing has, empty at the end. Raises OSError."""
        self._read_needs_write = False
        try:
            data = self.sock.recv(READ_BYTES)
            if data:
                # Many servers leave Nagle's algorithm on and send an answer in two writes: the second waits for our
                # acknowledgement, which the kernel would delay by 40 ms at each step of the way to the push.
                self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
            return data
        except (BlockingIOError, ssl.SSLWantReadError):
            return None
        except ssl.SSLWantWriteError:
            self._read_needs_write = True
            return None

    @property
    def readable_now(self) -> bool:
        """Whether TLS holds decrypted bytes, which no selector knows of."""
        return isinstance(self.sock, ssl.SSLSocket) and self.sock.pending() > 0

    def events(self, *, reading: bool) -> int:
        """What to wait for: always the way out when something is unwritten, and the way in when ``reading``."""
        blocked = self._write_needs_read or self.capped
        writing = (self.unwritten and not blocked) or self._read_needs_write
        reading = reading or self._write_needs_read
        return (selectors.EVENT_WRITE if writing else 0) | (selectors.EVENT_READ if reading else 0)

    def in_kernel(self) -> int:
        """Bytes that the kernel holds until the server's has acknowledged them. Raises OSError."""
        size: int = _INT.unpack(fcntl.ioctl(self.sock.fileno(), _SIOCOUTQ, bytes(_INT.size)))[0]
        return size

    def statistics(self) -> LinkStatistics:
        """What the kernel says now; from any thread, never waits for the session or the server."""
        with self._lock:
            if self.sock.fileno() < 0:
                return self._last
            try:
                info = self.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _INFO_BYTES)
                in_kernel = self.in_kernel()
            except OSError:
                return self._last
            self._last = LinkStatistics(
                sent_bytes=self._sent,
                acked_bytes=max(_BYTES_ACKED.unpack_from(info)[0] - 1, 0),  # the kernel counts the SYN too
                sacked_bytes=_sacked_bytes(info, in_kernel),
                queued_bytes=in_kernel + self.unwritten,
                rtt_ms=_RTT.unpack_from(info)[0] / 1000,
                probing=self._bbr and self._probes(),
            )
            return self._last

    def _probes(self) -> bool:
        state = self.sock.getsockopt(socket.IPPROTO_TCP, _TCP_CC_INFO, _BBR_INFO.size)
        if len(state) != _BBR_INFO.size:
            return False
        low, high, _, _, cwnd_gain = _BBR_INFO.unpack(state)
        return bool(low or high) and cwnd_gain == _BBR_UNIT  # before it has measured anything, all gains are one

    def half_close(self) -> None:
        """Say that nothing more will be written; what is written still arrives."""
        if isinstance(self.sock, ssl.SSLSocket):
            with suppress(OSError, ValueError):
                self.sock.unwrap()  # sends TLS' close_notify; that the server's is not there yet is no matter
        with suppress(OSError):
            self.sock.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Close the socket. The kernel goes on delivering what it has taken."""
        self.statistics()
        with self._lock:
            self.sock.close()
            self._pending.clear()
