"""Who gets in, and who does not."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from appliance import event_codes
from appliance.web.app import create_app
from tests.unit.web.conftest import PASSWORD
from tests.unit.web.fakes import Fakes

Csrf = Callable[[FlaskClient, str], str]


def codes(fakes: Fakes) -> list[int]:
    return [record["code"] for record in fakes.log.records]


# -- without sign-in ------------------------------------------------------------------------------------------


def test_without_a_password_the_api_says_what_to_do(client: FlaskClient) -> None:
    answer = client.get("/api/v1/status")
    assert answer.status_code == 401
    assert "open the page first" in answer.get_json()["errMsg"]
    assert "control socket" in answer.get_json()["errMsg"]
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_every_route_of_the_api_needs_a_sign_in(app: Flask, client: FlaskClient, fakes: Fakes) -> None:
    fakes.access.set_password(PASSWORD)
    rules = [rule for rule in app.url_map.iter_rules() if rule.rule.startswith("/api/")]
    assert len(rules) > 30
    for rule in rules:
        path = rule.rule.replace("<name>", "a.jpg")
        for method in (rule.methods or set()) - {"OPTIONS"}:
            answer = client.open(path, method=method, json={} if method in ("POST", "PATCH") else None)
            assert answer.status_code == 401, (method, path)
    assert fakes.operations.calls == []
    assert fakes.settings.changes == []


def test_unknown_paths_of_the_api_tell_strangers_nothing(client: FlaskClient) -> None:
    assert client.get("/api/v1/nothing").status_code == 401
    assert client.delete("/api/v1/status").status_code == 401


@pytest.mark.parametrize("page", ["/", "/settings", "/account", "/nothing"])
def test_pages_lead_to_the_entrance(client: FlaskClient, fakes: Fakes, page: str) -> None:
    assert client.get(page).location == "/first-use"
    fakes.access.set_password(PASSWORD)
    answer = client.get(page)
    assert answer.status_code == 303
    assert answer.location.partition("?")[0] == "/sign-in"


def test_health_and_static_are_open(client: FlaskClient) -> None:
    for path in ("/healthz", "/metrics", "/static/base.css", "/static/js/api.js"):
        assert client.get(path).status_code == 200


def test_the_control_socket_needs_no_sign_in(local: FlaskClient, fakes: Fakes) -> None:
    assert local.post("/api/v1/start").get_json()["errMsg"] == "start:ok"
    assert fakes.operations.calls[0][2] == "the command line"


def test_a_header_does_not_make_one_local(client: FlaskClient) -> None:
    headers = {"live_pusher.local": "True", "Live-Pusher-Local": "True", "X-Forwarded-For": "127.0.0.1"}
    assert client.get("/api/v1/status", headers=headers).status_code == 401


# -- tokens ---------------------------------------------------------------------------------------------------


def test_tokens(client: FlaskClient, fakes: Fakes) -> None:
    token = fakes.access.create_token("monitoring")
    headers = {"Authorization": f"Bearer {token}"}
    assert client.get("/api/v1/status", headers=headers).status_code == 200
    assert client.post("/api/v1/mute", headers=headers).status_code == 200
    assert fakes.operations.calls[0][2] == "token monitoring"
    fakes.access.revoke_token("monitoring")
    answer = client.get("/api/v1/status", headers=headers)
    assert answer.status_code == 401
    assert "token" in answer.get_json()["errMsg"]
    assert token not in answer.text


@pytest.mark.parametrize("value", ["Bearer", "Bearer ", "Bearer x", "Basic YTpi", "bearer \udcff", "Digest a=b", "x"])
def test_what_is_no_token(client: FlaskClient, fakes: Fakes, value: str) -> None:
    fakes.access.create_token("monitoring")
    answer = client.get("/api/v1/status", environ_overrides={"HTTP_AUTHORIZATION": value})
    assert answer.status_code == 401


def test_a_bad_token_is_not_saved_by_a_session(signed_in: FlaskClient) -> None:
    assert signed_in.get("/api/v1/status", headers={"Authorization": "Bearer x"}).status_code == 401


# -- first use ------------------------------------------------------------------------------------------------


def test_first_use_sets_the_password_and_signs_in(client: FlaskClient, fakes: Fakes, csrf: Csrf) -> None:
    token = csrf(client, "/first-use")
    answer = client.post("/first-use", data={"csrf": token, "password": PASSWORD, "again": PASSWORD})
    assert answer.status_code == 303
    assert client.get("/api/v1/status").status_code == 200
    assert fakes.access.check_password(PASSWORD, "a")
    assert codes(fakes) == [event_codes.PASSWORD_SET]
    assert client.get("/first-use").location == "/sign-in"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"password": "short", "again": "short"}, "allowed: 8 to 1024 characters"),
        ({"password": "long enough", "again": "another one"}, "The two passwords differ."),
        ({}, "allowed: 8"),
    ],
)
def test_first_use_says_what_is_wrong(
    client: FlaskClient, fakes: Fakes, csrf: Csrf, given: dict[str, str], words: str
) -> None:
    answer = client.post("/first-use", data={"csrf": csrf(client, "/first-use"), **given})
    assert answer.status_code == 422
    assert words in answer.text
    assert not fakes.access.password_set


def test_nobody_else_can_be_first_again(client: FlaskClient, fakes: Fakes, csrf: Csrf) -> None:
    token = csrf(client, "/first-use")
    fakes.access.set_password(PASSWORD)
    client.post("/first-use", data={"csrf": token, "password": "another password", "again": "another password"})
    assert fakes.access.check_password(PASSWORD, "a")


@pytest.mark.parametrize(
    "host", ["evil.example", "live-pusher.evil.example", "local", "192.168.1.2.evil.example", "1.2.3"]
)
def test_first_use_is_closed_under_names_of_others(client: FlaskClient, fakes: Fakes, csrf: Csrf, host: str) -> None:
    headers = {"Host": host, "Origin": f"http://{host}"}
    page = client.get("/first-use", headers=headers)
    assert page.status_code == 403
    assert "<form" not in page.text
    token = csrf(client, "/first-use")
    answer = client.post("/first-use", headers=headers, data={"csrf": token, "password": PASSWORD, "again": PASSWORD})
    assert answer.status_code == 403
    assert not fakes.access.password_set


@pytest.mark.parametrize(
    "host",
    ["192.168.1.20", "192.168.1.20:8080", "[fe80::1]:8080", "booth.local:8080", "localhost", socket.gethostname()],
)
def test_first_use_is_open_under_names_of_its_own(client: FlaskClient, host: str) -> None:
    assert "<form" in client.get("/first-use", headers={"Host": host}).text


# -- sign-in --------------------------------------------------------------------------------------------------


def test_sign_in(signed_in: FlaskClient, fakes: Fakes) -> None:
    assert signed_in.get("/").status_code == 200
    assert codes(fakes)[-1] == event_codes.SIGNED_IN
    assert fakes.log.records[-1]["details"] == {"address": "127.0.0.1"}


def test_wrong_passwords(client: FlaskClient, fakes: Fakes, csrf: Csrf) -> None:
    fakes.access.set_password(PASSWORD)
    token = csrf(client, "/sign-in")
    for _ in range(3):
        answer = client.post("/sign-in", data={"csrf": token, "password": "wrong-secret"})
        assert answer.status_code == 403
        assert "That is not the password." in answer.text
    answer = client.post("/sign-in", data={"csrf": token, "password": PASSWORD})
    assert answer.status_code == 429
    assert answer.headers["Retry-After"] == "1"
    assert "Too many wrong passwords; try again in 1 s." in answer.text
    assert codes(fakes) == [event_codes.SIGN_IN_REFUSED] * 3
    assert "wrong-secret" not in str(fakes.log.records)


def test_the_cookie(client: FlaskClient, fakes: Fakes, csrf: Csrf) -> None:
    fakes.access.set_password(PASSWORD)
    answer = client.post("/sign-in", data={"csrf": csrf(client, "/sign-in"), "password": PASSWORD})
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("live_pusher_")
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert "Expires" in cookie


def test_two_boxes_on_one_machine_have_two_cookies(
    fakes: Fakes, app: Flask, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = create_app(Fakes(tmp_path_factory.mktemp("other")).services)
    assert other.config["SESSION_COOKIE_NAME"] != app.config["SESSION_COOKIE_NAME"]


@pytest.mark.parametrize(
    "place", ["https://evil.example/", "//evil.example", "/\\evil.example", "/api/v1/status", "javascript:x"]
)
def test_sign_in_leads_nowhere_else(client: FlaskClient, fakes: Fakes, csrf: Csrf, place: str) -> None:
    fakes.access.set_password(PASSWORD)
    token = csrf(client, "/sign-in")
    answer = client.post("/sign-in", data={"csrf": token, "password": PASSWORD, "next": place})
    assert answer.location == "/"


def test_sign_in_leads_back(client: FlaskClient, fakes: Fakes, csrf: Csrf) -> None:
    fakes.access.set_password(PASSWORD)
    entrance = client.get("/settings").location
    page = client.get(entrance)
    assert 'value="/settings"' in page.text


def test_sign_out(signed_in: FlaskClient) -> None:
    csrf = signed_in.environ_base["HTTP_X_CSRF_TOKEN"]
    assert signed_in.post("/sign-out", data={"csrf": csrf}).status_code == 303
    assert signed_in.get("/api/v1/status").status_code == 401


def test_a_session_outlives_the_process(signed_in: FlaskClient, fakes: Fakes) -> None:
    again = create_app(fakes.services).test_client()
    again._cookies = signed_in._cookies
    assert again.get("/api/v1/status").status_code == 200


def test_changing_the_password_ends_other_sessions(
    signed_in: FlaskClient, app: Flask, fakes: Fakes, csrf: Csrf
) -> None:
    other = app.test_client()
    other.post("/sign-in", data={"csrf": csrf(other, "/sign-in"), "password": PASSWORD})
    assert other.get("/api/v1/status").status_code == 200
    form = {"current": "not it", "password": "a new password", "again": "a new password"}
    answer = signed_in.post("/account/password", data=form)
    assert answer.status_code == 403
    assert "not the present password" in answer.text
    answer = signed_in.post("/account/password", data={**form, "current": PASSWORD})
    assert "The password is changed" in answer.text
    assert signed_in.get("/api/v1/status").status_code == 200
    assert other.get("/api/v1/status").status_code == 401
    assert fakes.access.check_password("a new password", "b")


def test_a_forged_cookie_is_none(signed_in: FlaskClient, app: Flask) -> None:
    name = app.config["SESSION_COOKIE_NAME"]
    cookie = signed_in.get_cookie(name)
    assert cookie is not None
    other = app.test_client()
    other.set_cookie(name, cookie.value[:-4] + "AAAA")
    assert other.get("/api/v1/status").status_code == 401


# -- the demonstration's link ------------------------------------------------------------------------------------


def test_the_welcome_link_signs_in(client: FlaskClient, fakes: Fakes) -> None:
    answer = client.get("/welcome/welcome-token")
    assert (answer.status_code, answer.location) == (303, "/")
    assert client.get("/api/v1/status").status_code == 200
    assert "Set a password" in client.get("/account").text


@pytest.mark.parametrize("token", ["wrong", "welcome-toke", "welcome-tokenn", "ü", "%00"])
def test_another_link_does_not(client: FlaskClient, token: str) -> None:
    client.get(f"/welcome/{token}")
    assert client.get("/api/v1/status").status_code == 401


def test_the_link_ends_with_the_process(client: FlaskClient, fakes: Fakes, tmp_path: object) -> None:
    client.get("/welcome/welcome-token")
    for welcome in ("another-token", None):
        later = create_app(Fakes(fakes.snapshots.folder.parent, simulated=True, welcome=welcome).services).test_client()
        later._cookies = client._cookies
        assert later.get("/api/v1/status").status_code == 401
        assert later.get("/welcome/welcome-token").location != "/"


# -- other pages ------------------------------------------------------------------------------------------------


def test_a_session_needs_the_csrf_token(signed_in: FlaskClient, fakes: Fakes) -> None:
    right = signed_in.environ_base.pop("HTTP_X_CSRF_TOKEN")
    for headers in ({}, {"X-CSRF-Token": "wrong"}, {"X-CSRF-Token": ""}, {"X-CSRF-Token": "ü"}):
        answer = signed_in.post("/api/v1/start", headers=headers)
        assert answer.status_code == 403
        assert answer.get_json()["errMsg"].startswith("start:fail the CSRF token")
    answer = signed_in.patch("/api/v1/settings", json={"debug": True})
    assert answer.status_code == 403
    assert fakes.operations.calls == []
    assert signed_in.post("/api/v1/start", headers={"X-CSRF-Token": right}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [{"Origin": "http://evil.example"}, {"Origin": "null"}, {"Origin": "http://localhost:81"},
     {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}],
)  # fmt: skip
def test_another_page_cannot_use_a_session(signed_in: FlaskClient, fakes: Fakes, headers: dict[str, str]) -> None:
    answer = signed_in.post("/api/v1/start", headers=headers)
    assert answer.status_code == 403
    assert fakes.operations.calls == []


@pytest.mark.parametrize("headers", [{"Origin": "http://localhost"}, {"Sec-Fetch-Site": "same-origin"}])
def test_the_own_page_can(signed_in: FlaskClient, headers: dict[str, str]) -> None:
    assert signed_in.post("/api/v1/start", headers=headers).status_code == 200


@pytest.mark.parametrize("path", ["/sign-in", "/first-use"])
def test_forms_before_sign_in_are_guarded_too(client: FlaskClient, fakes: Fakes, csrf: Csrf, path: str) -> None:
    if path == "/sign-in":
        fakes.access.set_password(PASSWORD)
    token = csrf(client, path)
    form = {"password": PASSWORD, "again": PASSWORD}
    assert client.post(path, data=form).status_code == 403
    assert client.post(path, data={**form, "csrf": "wrong"}).status_code == 403
    evil = {"Origin": "http://evil.example"}
    assert client.post(path, data={**form, "csrf": token}, headers=evil).status_code == 403
    assert client.get("/api/v1/status").status_code == 401


def test_tokens_need_no_csrf_token(client: FlaskClient, fakes: Fakes) -> None:
    headers = {"Authorization": f"Bearer {fakes.access.create_token('a')}", "Origin": "http://panel.example"}
    assert client.post("/api/v1/start", headers=headers).status_code == 200


# -- headers ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["/", "/sign-in", "/settings", "/api/v1/status", "/api/v1/nothing", "/healthz", "/nothing"]
)
def test_headers(signed_in: FlaskClient, path: str) -> None:
    headers = signed_in.get(path).headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cache-Control"] == "no-store"


def test_static_files_are_asked_for_again(client: FlaskClient) -> None:
    answer = client.get("/static/base.css")
    assert answer.headers["Cache-Control"] == "no-cache"
    again = client.get("/static/base.css", headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 304


@pytest.mark.parametrize("page", ["/", "/settings", "/account"])
def test_pages_keep_to_the_policy_and_the_box(signed_in: FlaskClient, page: str) -> None:
    text = signed_in.get(page).text
    assert not re.search(r"<script(?![^>]*\bsrc=)|\son\w+=|\sstyle=|javascript:", text)
    assert not re.search(r'(?:src|href)="(?:https?:)?//', text)
    assert "secret-stream-name" not in text
