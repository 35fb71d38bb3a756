from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from appliance.web.app import create_app
from appliance.web.server import LOCAL_KEY
from tests.unit.web.fakes import Fakes

PASSWORD = "correct horse"
LOCAL = {LOCAL_KEY: "yes"}
"""In the environment of a client that comes over the control socket."""


@pytest.fixture(autouse=True)
def quick_scrypt(monkeypatch: pytest.MonkeyPatch) -> None:
    """The real cost is the real thing's to pay; one test in test_access looks at it."""
    monkeypatch.setattr("appliance.web.access.HASH", "scrypt:1024:8:1")


@pytest.fixture
def fakes(tmp_path: Path) -> Fakes:
    return Fakes(tmp_path, simulated=True, welcome="welcome-token")


@pytest.fixture
def app(fakes: Fakes) -> Flask:
    return create_app(fakes.services)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """Nobody is signed in."""
    return app.test_client()


@pytest.fixture
def local(app: Flask) -> FlaskClient:
    """As over the control socket."""
    client = app.test_client()
    client.environ_base.update(LOCAL)
    return client


@pytest.fixture
def csrf() -> Callable[[FlaskClient, str], str]:
    def read(client: FlaskClient, page: str) -> str:
        found = re.search(r'name="csrf" (?:content|value)="([^"]+)"', client.get(page).text)
        assert found is not None
        return found[1]

    return read


@pytest.fixture
def signed_in(fakes: Fakes, client: FlaskClient, csrf: Callable[[FlaskClient, str], str]) -> FlaskClient:
    """By password, with the session's CSRF token as a header in every request."""
    fakes.access.set_password(PASSWORD)
    token = csrf(client, "/sign-in")
    answer = client.post("/sign-in", data={"csrf": token, "password": PASSWORD})
    assert answer.status_code == 303
    client.environ_base["HTTP_X_CSRF_TOKEN"] = csrf(client, "/")
    return client
