from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.media.tags import Tag
from tests.servers import nginx as nginx_server
from tests.servers.media import flv_tags, make_clip
from tests.servers.nginx import Nginx
from tests.servers.tls import TestCa


@pytest.fixture(scope="session")
def clip() -> list[Tag]:
    """Two seconds of H.264 and AAC."""
    return flv_tags(make_clip())


@pytest.fixture
def nginx(tmp_path: Path) -> Iterator[Nginx]:
    """A running nginx-rtmp on IPv4 and IPv6."""
    if not nginx_server.available():
        pytest.fail("nginx with its RTMP module is missing: apt install nginx libnginx-mod-rtmp")
    with Nginx(tmp_path / "nginx", ipv6=True) as server:
        yield server


@pytest.fixture(scope="session")
def ca(tmp_path_factory: pytest.TempPathFactory) -> TestCa:
    """A certificate authority of the tests' own."""
    return TestCa(tmp_path_factory.mktemp("ca"))
