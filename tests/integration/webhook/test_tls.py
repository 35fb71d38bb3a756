"""Certificates are verified."""

from __future__ import annotations

import pytest

from tests.integration.webhook.conftest import Box
from tests.integration.webhook.receiver import Receiver, until
from tests.servers.tls import TestCa


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> TestCa:
    return TestCa(tmp_path_factory.mktemp("ca"))


def test_a_known_certificate_is_taken(box: Box, ca: TestCa, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(ca.file))
    with Receiver(ca.issue("DNS:localhost")) as receiver:
        box.follow(receiver.url)
        box.mute(3)
        receiver.wait_for(3)
        assert receiver.ids == [1, 2, 3]


def test_an_unknown_one_is_not(box: Box, ca: TestCa) -> None:
    with Receiver(ca.issue("DNS:localhost")) as receiver:
        box.follow(receiver.url)
        box.mute(1)
        until(lambda: box.webhook.status()["state"] == "failing")
        assert "certificate is not accepted" in box.webhook.status()["lastError"]
        assert receiver.requests == []


def test_nor_one_for_another_name(box: Box, ca: TestCa, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(ca.file))
    with Receiver(ca.issue("DNS:other.example")) as receiver:
        box.follow(receiver.url)
        box.mute(1)
        until(lambda: box.webhook.status()["state"] == "failing")
        assert "certificate is not accepted" in box.webhook.status()["lastError"]
        assert receiver.requests == []


def test_a_receiver_without_tls_is_told_of(box: Box, receiver: Receiver) -> None:
    box.follow(receiver.url.replace("http://", "https://"))
    box.mute(1)
    until(lambda: box.webhook.status()["state"] == "failing")
    assert box.webhook.status()["lastError"].startswith("TLS failed")
