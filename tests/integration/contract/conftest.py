from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers import nginx as nginx_server
from tests.servers.appliance import ApplianceProcess
from tests.servers.nginx import Nginx

FAST = {"mode": "SD", "max-bitrate": 400, "orientation": "horizontal"}
"""A small picture, so that several appliances fit beside each other on a small machine."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("contract")


@pytest.fixture(scope="module")
def nginx(folder: Path) -> Iterator[Nginx]:
    """A running nginx-rtmp; a test that stops it starts it again."""
    if not nginx_server.available():
        pytest.fail("nginx with its RTMP module is missing: apt install nginx libnginx-mod-rtmp")
    with Nginx(folder / "nginx") as server:
        yield server


@pytest.fixture(scope="module")
def shared(folder: Path) -> Iterator[ApplianceProcess]:
    """One attended appliance for the tests of a module."""
    with ApplianceProcess(folder / "shared", FAST) as appliance:
        yield appliance


@pytest.fixture
def appliance(shared: ApplianceProcess) -> ApplianceProcess:
    """It, idle, with the events counted from here on."""
    shared.do("stop")
    until = time.monotonic() + 3
    while shared.get("simulated")["open"]:  # privacy: whoever stops has the devices closed
        assert time.monotonic() < until, shared.get("simulated")
        time.sleep(0.02)
    shared.mark()
    return shared
