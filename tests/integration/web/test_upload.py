"""Uploading a waiting image over the real servers, and with the page."""

from __future__ import annotations

import http.client
import json
import re
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, Playwright, expect, sync_playwright

from appliance.events import EventBus
from appliance.media.waiting_image import WaitingImages
from appliance.web.app import create_app
from appliance.web.server import WebServer
from tests.integration.web.conftest import Connect, eventually
from tests.integration.web.test_page import CHROMIUM, PHONE
from tests.unit.media.pictures import encoded, near, quarters
from tests.unit.web.fakes import Fakes

PATH = "/api/v1/waiting-image"


@pytest.fixture
def shown() -> list[Image.Image | None]:
    return []


@pytest.fixture
def real(fakes: Fakes, tmp_path: Path, shown: list[Image.Image | None]) -> Iterator[WebServer]:
    """The real keeper of pictures behind the real server; the settings are fakes that tell it."""
    images = WaitingImages(tmp_path, EventBus(), shown.append)
    images.want("", "")
    images.start()
    change = fakes.settings.change

    def follow(changes: dict[str, object], *, by: str) -> list[str]:
        names = change(changes, by=by)
        images.want(fakes.settings.current.waiting_image, fakes.settings.current.waiting_image_hash)
        return names

    fakes.settings.change = follow  # type: ignore[method-assign,assignment]
    server = WebServer(create_app(replace(fakes.services, waiting_image=images)), "127.0.0.1", 0)
    server.start()
    yield server
    server.stop(1)
    images.close()


def ask(web: WebServer, method: str, token: str, body: bytes | None = None, path: str = PATH) -> tuple[int, bytes]:
    """Status and body; 413 too when the server hangs up on a body that it does not want."""
    connection = http.client.HTTPConnection("127.0.0.1", web.port, timeout=20)
    try:
        connection.request(method, path, body, {"Authorization": f"Bearer {token}"})
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (BrokenPipeError, ConnectionResetError):
        assert body is not None and len(body) > 1 << 20
        return 413, b""
    finally:
        connection.close()


def test_a_large_picture(real: WebServer, token: str, shown: list[Image.Image | None]) -> None:
    picture = encoded(quarters(1900, 1400), "BMP")
    assert 7 << 20 < len(picture) < 8 << 20
    status, data = ask(real, "POST", token, picture)
    assert status == 200, data
    assert {key: json.loads(data)[key] for key in ("width", "height")} == {"width": 1900, "height": 1400}
    in_use = shown[-1]
    assert in_use is not None and near(in_use.getpixel((5, 5)), (220, 40, 40)), "when the answer is there"
    assert ask(real, "GET", token)[1].startswith(b"\xff\xd8")
    assert ask(real, "DELETE", token)[0] == 200
    assert [image is None for image in shown[-2:]] == [False, True]
    assert ask(real, "GET", token)[0] == 404


def test_too_large_a_body(real: WebServer, token: str) -> None:
    assert ask(real, "POST", token, bytes((8 << 20) + 5))[0] == 413
    assert ask(real, "POST", token, bytes(2 << 20), "/api/v1/start")[0] == 413
    assert ask(real, "POST", token, bytes(2 << 20), f"{PATH}x")[0] == 413


def test_bodies_of_strangers_are_few_at_a_time(real: WebServer, token: str, connect: Connect) -> None:
    head = f"POST {PATH} HTTP/1.1\r\nHost: a\r\nContent-Length: {6 << 20}\r\n\r\n".encode()
    slow = [connect(real.port) for _ in range(3)]
    for client in slow:
        client.socket.sendall(head + bytes(1000))
    picture = encoded(quarters(1000, 700), "BMP")
    assert len(picture) > 1 << 20
    assert eventually(lambda: ask(real, "POST", token, picture)[0] == 413)
    assert ask(real, "POST", token, encoded(quarters(), "PNG"))[0] == 200, "small ones still"
    for client in slow:
        client.socket.close()
    assert eventually(lambda: ask(real, "POST", token, picture)[0] == 200)


def test_many_at_once(real: WebServer, token: str) -> None:
    picture = encoded(quarters(3000, 2000), "PNG")
    statuses: list[int] = []
    threads = [threading.Thread(target=lambda: statuses.append(ask(real, "POST", token, picture)[0])) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert statuses == [200] * 6


# -- the page ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="module")
def browser(playwright: Playwright) -> Iterator[Browser]:
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"])
    yield browser
    browser.close()


@pytest.fixture
def page(browser: Browser, real: WebServer) -> Iterator[Page]:
    context = browser.new_context(viewport=PHONE)
    page = context.new_page()
    troubles: list[str] = []
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.goto(f"{real.url}welcome/welcome-token")
    page.goto(f"{real.url}settings")
    yield page
    context.close()
    assert troubles == []


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium (apt install chromium)")
def test_with_the_page(page: Page, fakes: Fakes, tmp_path: Path, shown: list[Image.Image | None]) -> None:
    box = page.locator(".waiting-image")
    expect(box).to_contain_text("None: a neutral picture is shown.")
    expect(box.locator("img")).to_be_hidden()
    good, bad = tmp_path / "wait.png", tmp_path / "bad.png"
    good.write_bytes(encoded(quarters(), "PNG"))
    bad.write_bytes(b"<html>")
    box.locator("input[type=file]").set_input_files(bad)
    expect(box).to_contain_text("It is no picture of a known format")
    assert fakes.settings.current.waiting_image == ""
    box.locator("input[type=file]").set_input_files(good)
    expect(box).to_contain_text("In use: 640×360.")
    expect(box.locator("img")).to_be_visible()
    expect(page.locator("#setting-waiting-image")).to_have_value("upload")
    assert shown[-1] is not None
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "on a phone"
    expect(page.locator(".save")).to_be_hidden()
    page.locator("#setting-waiting-image").fill("http://127.0.0.1:9/wait.png?sig=very-secret")
    page.locator("#save").click()
    expect(box).to_contain_text("127.0.0.1:9: connection refused", timeout=10_000)
    expect(box).not_to_contain_text("very-secret")
    page.locator("#setting-waiting-image").fill("upload")
    page.locator("#save").click()
    expect(box).to_contain_text("In use: 640×360.")
    box.get_by_role("button", name="Remove").click()
    expect(box).to_contain_text("None: a neutral picture is shown.")
    expect(page.locator("#setting-waiting-image")).to_have_value(re.compile("^$"))
    assert shown[-1] is None
