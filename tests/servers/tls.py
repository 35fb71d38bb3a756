"""TLS in front of a plain server: certificates of a CA of the test's own, and a proxy that ends TLS."""

from __future__ import annotations

import select
import socket
import ssl
import subprocess
import threading
from contextlib import suppress
from pathlib import Path
from typing import Self


class TestCa:
    """A CA that nobody knows but who is given ``file`` (``SSL_CERT_FILE``)."""

    __test__ = False

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.file = folder / "ca.pem"
        self._key = folder / "ca.key"
        _openssl(
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
            "-subj", "/CN=Test CA", "-keyout", str(self._key), "-out", str(self.file),
        )  # fmt: skip

    def issue(self, *names: str) -> Path:
        """One file with key and certificate for ``names`` (subject alternative names, like ``DNS:localhost``)."""
        stem = self._folder / f"leaf-{abs(hash(names))}"
        key, request, certificate, extensions = (stem.with_suffix(s) for s in (".key", ".csr", ".crt", ".ext"))
        extensions.write_text(f"subjectAltName={','.join(names)}\n")
        _openssl(
            "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=server",
            "-keyout", str(key), "-out", str(request),
        )  # fmt: skip
        _openssl(
            "x509", "-req", "-in", str(request), "-CA", str(self.file), "-CAkey", str(self._key), "-CAcreateserial",
            "-days", "2", "-extfile", str(extensions), "-out", str(certificate),
        )  # fmt: skip
        together = stem.with_suffix(".pem")
        together.write_text(key.read_text() + certificate.read_text())
        return together


def _openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True, timeout=20)


class TlsProxy:
    """Takes TLS connections on a free port and hands their bytes on to ``target`` in plain."""

    def __init__(self, certificate: Path, target: tuple[str, int]) -> None:
        self._target = target
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._accept, daemon=True)]

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(3)
        self._listener.close()

    def _accept(self) -> None:
        while not self._stop.is_set():
            if select.select([self._listener], [], [], 0.1)[0]:
                plain, _ = self._listener.accept()
                thread = threading.Thread(target=self._serve, args=(plain,), daemon=True)
                thread.start()
                self._threads.append(thread)

    def _serve(self, plain: socket.socket) -> None:
        plain.settimeout(3)
        try:
            secured = self._context.wrap_socket(plain, server_side=True)
        except OSError:
            plain.close()
            return
        with secured, suppress(OSError), socket.create_connection(self._target, 3) as target:
            secured.settimeout(0.05)
            target.settimeout(3)
            while not self._stop.is_set():
                ready = select.select([secured, target], [], [], 0.1)[0] if not secured.pending() else [secured]
                if secured in ready:
                    with suppress(TimeoutError):
                        data = secured.recv(65536)
                        if not data:
                            return
                        target.sendall(data)
                if target in ready:
                    data = target.recv(65536)
                    if not data:
                        return
                    secured.sendall(data)
