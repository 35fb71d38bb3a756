"""The page in a real browser, over a real server; what is behind it are fakes."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, ViewportSize, expect, sync_playwright

from appliance import event_codes
from appliance.pusher.operations import Answer, Failure, Operation
from appliance.web.app import create_app
from appliance.web.server import WebServer
from tests.integration.web.conftest import eventually
from tests.unit.web.fakes import Fakes

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
PHONE: ViewportSize = {"width": 360, "height": 740}
DESKTOP: ViewportSize = {"width": 1280, "height": 900}
PASSWORD = "correct horse"

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium (apt install chromium)")
expect.set_options(timeout=10_000)


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
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport=PHONE)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext, web: WebServer) -> Iterator[Page]:
    """The live page, signed in by the demonstration's link; no test may leave an error in the console."""
    page = context.new_page()
    troubles: list[str] = []
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on(
        "console", lambda m: troubles.append(m.text) if m.type == "error" and "Failed to load" not in m.text else None
    )
    page.goto(f"{web.url}welcome/welcome-token")
    expect(page.locator("#state")).to_have_text("Ready")
    yield page
    assert troubles == []


def button(page: Page, operation: str):  # type: ignore[no-untyped-def]
    return page.locator(f".buttons [data-operation={operation}]")


def seen(page: Page, figure: str) -> bool:
    """Whether the figure's picture has arrived and is shown."""
    return bool(page.evaluate(
        """(id) => { const i = document.querySelector(`#${id} img`);
        return !i.hidden && i.naturalWidth > 0 && !i.classList.contains("waiting") && i.getClientRects().length > 0 }""",
        figure,
    ))  # fmt: skip


# -- getting in -------------------------------------------------------------------------------------------------


def test_first_use_sign_out_and_sign_in_without_javascript(browser: Browser, web: WebServer) -> None:
    context = browser.new_context(viewport=PHONE, java_script_enabled=False)
    page = context.new_page()
    page.goto(web.url)
    expect(page).to_have_url(f"{web.url}first-use")
    page.get_by_label("New password").fill(PASSWORD)
    page.get_by_label("The same again").fill("another one")
    page.get_by_role("button", name="Set the password").click()
    expect(page.get_by_role("alert")).to_have_text("The two passwords differ.")
    page.get_by_label("New password").fill(PASSWORD)
    page.get_by_label("The same again").fill(PASSWORD)
    page.get_by_role("button", name="Set the password").click()
    expect(page).to_have_url(web.url)
    page.get_by_role("link", name="Account").click()
    page.get_by_role("button", name="Sign out on this device").click()
    expect(page).to_have_url(f"{web.url}sign-in")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_have_text("That is not the password.")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(web.url)
    context.close()


def test_who_is_signed_out_elsewhere_is_led_to_the_entrance(page: Page, web: WebServer, fakes: Fakes) -> None:
    page.goto(f"{web.url}account")
    page.get_by_label("New password").fill(PASSWORD)
    page.get_by_label("The same again").fill(PASSWORD)
    page.get_by_role("button", name="Set it").click()
    expect(page.get_by_text("The password is changed")).to_be_visible()
    page.goto(web.url)
    fakes.access.set_password("changed elsewhere")
    expect(page).to_have_url(f"{web.url}sign-in?next=%2F")


# -- the live page ------------------------------------------------------------------------------------------------


def test_start_shows_both_ends_and_stop_ends_it(page: Page, web: WebServer) -> None:
    expect(button(page, "stop")).to_be_disabled()
    button(page, "start").click()
    expect(page.locator("#state")).to_have_text("Live")
    expect(page.locator("#answer")).to_have_text("Live.")
    assert eventually(lambda: seen(page, "camera") and seen(page, "arrived"))
    expect(page.locator("#arrived .figures")).to_contain_text("960 × 540 · 30 fps · 805 + 48 kbit/s")
    expect(page.locator("#status")).to_contain_text("rtmp://live.example/app/***")
    expect(page.locator("#log li").first).to_contain_text("The server accepted the push")
    expect(button(page, "start")).to_be_disabled()
    assert web.slots.taken == 3
    button(page, "stop").click()
    expect(page.locator("#state")).to_have_text("Ready")
    expect(page.locator("#camera .placeholder p")).to_have_text("The camera is off.")
    assert eventually(lambda: web.slots.taken == 1)


def test_pause_and_resume(page: Page) -> None:
    button(page, "start").click()
    button(page, "pause").click()
    expect(page.locator("#state")).to_have_text("Paused")
    expect(page.locator("#camera .placeholder p")).to_have_text("Paused: the camera is off.")
    expect(button(page, "pause")).to_be_disabled()
    button(page, "resume").click()
    expect(page.locator("#state")).to_have_text("Live")


def test_a_failure_is_told_in_plain_words(page: Page, fakes: Fakes) -> None:
    reason = "the server refused the stream name"
    fakes.operations.answers[Operation.START] = Answer(Operation.START, False, reason, 3004, Failure.FAILED)
    button(page, "start").click()
    expect(page.locator("#answer")).to_have_text("The server refused the stream name.")
    fakes.operations.errors = ["the server refused the stream name"]
    fakes.operations.to("FAILED")
    expect(page.locator("#state")).to_have_text("Failed")
    expect(page.locator("#troubles")).to_have_text("the server refused the stream name")
    expect(button(page, "start")).to_be_enabled()


def test_stop_works_while_start_waits(page: Page, fakes: Fakes) -> None:
    fakes.operations.hold.clear()
    button(page, "start").click()
    expect(page.locator("#answer")).to_have_text("Starting…")
    fakes.operations.to("CONNECTING")
    expect(page.locator("#state")).to_have_text("Connecting")
    button(page, "stop").click()
    expect(page.locator("#state")).to_have_text("Ready")
    fakes.operations.hold.set()


def test_preview_mute_switch_and_snapshot(page: Page, fakes: Fakes) -> None:
    page.get_by_role("button", name="Show preview").click()
    assert eventually(lambda: seen(page, "camera"))
    page.get_by_role("button", name="Mute").click()
    expect(page.get_by_role("button", name="Muted")).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="Muted").click()
    expect(page.get_by_role("button", name="Mute", exact=True)).to_have_attribute("aria-pressed", "false")
    button(page, "switchCamera").click()
    expect(page.locator("#answer")).to_have_text("The back camera is on.")
    expect(page.locator("#camera .figures")).to_have_text("back · test camera back")
    expect(page.locator("#snapshots-empty")).to_be_visible()
    fakes.snapshots.add("a.jpg")
    button(page, "snapshot").click()
    expect(page.locator("#answer")).to_have_text("Snapshot saved, 640 × 360.")
    expect(page.locator("#snapshots img")).to_have_count(1)
    assert page.locator("#snapshots a").get_attribute("href") == "/api/v1/snapshots/a.jpg"
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_role("button", name="Show preview")).to_be_visible()


def test_the_debug_window(page: Page, fakes: Fakes) -> None:
    button(page, "start").click()
    expect(page.locator("#debug")).to_be_hidden()
    page.get_by_role("button", name="Figures").click()
    expect(page.locator("#debug")).to_contain_text("target850 kbit/s")
    expect(page.locator("#debug li").first).to_contain_text("1002 The server accepted the push")
    assert eventually(lambda: fakes.settings.current.debug)
    page.reload()
    expect(page.locator("#debug")).to_be_visible()
    background = page.locator("#debug").evaluate("e => getComputedStyle(e).backgroundColor")
    assert 0 < float(background.rpartition(",")[2].strip(" )")) < 1


def test_the_event_log(page: Page, fakes: Fakes) -> None:
    for n in range(70):
        fakes.events.emit(event_codes.CHANGE_BITRATE, kbps=n)
    fakes.events.emit(event_codes.DNS_FAIL, reason="<b>no such name</b>")
    expect(page.locator("#log li").first).to_contain_text("<b>no such name</b>")
    assert page.locator("#log b").count() == 0
    page.reload()
    expect(page.locator("#log li")).to_have_count(30)
    page.get_by_role("button", name="Older").click()
    expect(page.locator("#log li")).to_have_count(60)
    page.locator("#log summary").first.click()
    expect(page.locator("#log .more").first).to_contain_text("3001 PUSH_WARNING_DNS_FAIL")
    page.get_by_label("Severity").select_option("warnings and errors")
    expect(page.locator("#log li")).to_have_count(1)
    fakes.events.emit(event_codes.PUSH_BEGIN)
    fakes.events.emit(event_codes.OPEN_CAMERA_FAIL, camera="front", reason="gone")
    expect(page.locator("#log li")).to_have_count(2)
    assert page.locator("#csv").get_attribute("href") == "/api/v1/events.csv?severity=warning%2Cerror"
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    assert download.value.suggested_filename == "events.csv"
    assert len(Path(download.value.path()).read_text().splitlines()) == 3
    page.get_by_label("Severity").select_option("all")
    page.get_by_label("Kind").select_option("3001")
    expect(page.locator("#log li")).to_have_count(1)


def test_it_survives_a_restart_of_the_service(page: Page, web: WebServer, fakes: Fakes) -> None:
    button(page, "start").click()
    assert eventually(lambda: seen(page, "camera"))
    web.stop(1)
    expect(page.locator("#offline")).to_be_visible()
    expect(page.locator("#state")).to_have_text("No connection")
    fakes.events.emit(event_codes.PAUSED, by="somebody meanwhile")
    again = WebServer(create_app(fakes.services), "127.0.0.1", web.port)
    again.start()
    try:
        expect(page.locator("#offline")).to_be_hidden()
        expect(page.locator("#state")).to_have_text("Live")
        assert eventually(lambda: seen(page, "camera") and seen(page, "arrived"), within_s=10)
        expect(page.locator("#log li").first).to_contain_text("somebody meanwhile")
        assert page.locator("#log li", has_text="somebody meanwhile").count() == 1
    finally:
        page.goto("about:blank")
        again.stop(1)


def test_a_page_nobody_sees_holds_no_stream(page: Page, web: WebServer) -> None:
    button(page, "start").click()
    assert eventually(lambda: web.slots.taken == 3)
    hide = """(hidden) => { Object.defineProperty(document, "hidden", {value: hidden, configurable: true});
                            document.dispatchEvent(new Event("visibilitychange")); }"""
    page.evaluate(hide, True)
    assert eventually(lambda: web.slots.taken == 0)
    page.evaluate(hide, False)
    assert eventually(lambda: web.slots.taken == 3 and seen(page, "camera"))


def test_the_simulated_board(page: Page, fakes: Fakes) -> None:
    page.get_by_role("heading", name="Simulated board").click()
    row = page.locator("#simulated .row", has_text="start-stop")
    row.get_by_role("button", name="Press").click()
    row.get_by_role("button", name="Hold").click()
    assert eventually(lambda: fakes.hands.done == [("press", "start-stop"), ("hold", "start-stop", 1.6)])
    expect(page.locator("[data-light=on-air]")).to_have_attribute("data-lit", "true")
    device = page.locator("#simulated .row", has_text="front").get_by_role("button")
    device.click()
    expect(device).to_have_text("Plug in")
    assert fakes.hands.devices["front"] is False
    device.click()
    expect(device).to_have_text("Unplug")


# -- settings -----------------------------------------------------------------------------------------------------


@pytest.fixture
def settings(page: Page, web: WebServer) -> Page:
    page.goto(f"{web.url}settings")
    expect(page.locator(".field").first).to_be_visible()
    return page


def test_settings_are_saved(settings: Page, fakes: Fakes) -> None:
    expect(settings.locator(".save")).to_be_hidden()
    settings.get_by_label("Max bitrate").fill("800")
    settings.get_by_label("Mode").select_option("HD")
    settings.get_by_label("Muted").check()
    settings.get_by_role("button", name="Save 3 changes").click()
    expect(settings.locator("#answer")).to_have_text("Saved. In effect from the next start.")
    assert fakes.settings.changes == [({"mode": "HD", "muted": True, "max-bitrate": 800}, "the page")]
    mode = settings.locator("[data-name=mode]")
    expect(mode).to_contain_text("In use: RTC. The change takes effect at the next start.")
    settings.get_by_label("Max bitrate").fill("900")
    settings.get_by_role("button", name="Discard").click()
    expect(settings.get_by_label("Max bitrate")).to_have_value("800")


def test_errors_stand_beside_their_fields(settings: Page, fakes: Fakes) -> None:
    settings.get_by_label("Max bitrate").fill("99999")
    settings.get_by_label("Device name").fill("x" * 5, force=True)
    settings.locator("#setting-video-fps").evaluate("e => { e.value = ''; e.dispatchEvent(new Event('input')) }")
    settings.locator("#save").click()
    field = settings.locator("[data-name=max-bitrate]")
    expect(field.get_by_role("alert")).to_have_text("Given 99999; allowed: a whole number from 50 to 20000 (kbit/s)")
    expect(settings.get_by_label("Max bitrate")).to_be_focused()
    expect(settings.locator("[data-name='video.fps'] .error")).to_contain_text("allowed: a whole number from 1 to 30")
    expect(settings.locator("#answer")).to_have_text("2 values are refused; nothing was changed.")
    assert fakes.settings.current.max_bitrate == 1000
    settings.get_by_label("Max bitrate").fill("900")
    expect(field.get_by_role("alert")).to_be_empty()


def test_secrets_are_written_and_never_read(settings: Page, fakes: Fakes) -> None:
    key = settings.get_by_label("Stream key")
    assert key.get_attribute("type") == "password"
    expect(key).to_have_attribute("placeholder", "not set")
    settings.get_by_label("Server address").fill("rtmp://live.example/app")
    key.fill("secret-key")
    settings.get_by_role("button", name="Save 2 changes").click()
    expect(settings.locator("#answer")).to_contain_text("Saved.")
    assert fakes.settings.current.stream_key == "secret-key"
    expect(key).to_have_value("")
    expect(key).to_have_attribute("placeholder", "***  (set)")
    assert "secret-key" not in settings.content()
    settings.locator("[data-name=stream-key]").get_by_role("button", name="Remove").click()
    settings.get_by_role("button", name="Save", exact=True).click()
    assert eventually(lambda: fakes.settings.current.stream_key == "")
    assert fakes.settings.current.url == "rtmp://live.example/app"


def test_a_scenario_is_one_click(settings: Page, fakes: Fakes) -> None:
    scenario = settings.get_by_role("button", name="HD live")
    expect(scenario).to_have_attribute("aria-pressed", "false")
    scenario.click()
    expect(settings.locator("#answer")).to_contain_text("HD live is set.")
    expect(scenario).to_have_attribute("aria-pressed", "true")
    expect(settings.get_by_label("Min bitrate")).to_have_value("600")
    assert fakes.settings.current.audio_quality == "high"


def test_every_setting_is_on_the_page(settings: Page, fakes: Fakes) -> None:
    described = fakes.settings.describe()["settings"]
    names = settings.locator(".field").evaluate_all("all => all.map(f => f.dataset.name)")
    assert sorted(names) == sorted(described)
    disabled = settings.locator(".field .control > :disabled:not(button)").evaluate_all(
        "all => all.map(e => e.closest('.field').dataset.name)"
    )
    assert sorted(disabled) == sorted(name for name, setting in described.items() if not setting["available"])


# -- looks ----------------------------------------------------------------------------------------------------------

_LOOKS = """() => {
  const problems = [], width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth > width) problems.push(`scrolls sideways: ${document.documentElement.scrollWidth}`);
  for (const e of document.querySelectorAll("input, select, button, a")) {
    if (!e.checkVisibility()) continue;
    const r = e.getBoundingClientRect();
    if (r.right > width + 1 || r.left < -1) problems.push(`outside: ${e.outerHTML.slice(0, 80)}`);
    if (["INPUT", "SELECT"].includes(e.tagName) && e.type !== "hidden" && !e.labels.length) problems.push(`no label: ${e.id}`);
    if (e.tagName === "BUTTON" && !e.textContent.trim()) problems.push(`no name: ${e.outerHTML.slice(0, 80)}`);
    if (e.tagName === "BUTTON" && r.height < 30) problems.push(`small: ${e.textContent}`);
    if (e.tagName === "BUTTON" && e.scrollWidth > e.clientWidth + 1) problems.push(`cut off: ${e.textContent}`);
  }
  for (const i of document.images) if (!i.hasAttribute("alt")) problems.push(`no alt: ${i.src}`);
  return problems;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, DESKTOP, {"width": 768, "height": 1024}], ids=["phone", "desktop", "tablet"])
def test_nothing_is_cut_off(browser: Browser, web: WebServer, fakes: Fakes, size: ViewportSize, scheme: str) -> None:
    fakes.events.emit(event_codes.SERVER_DISCONNECT, reason="x" * 200)
    fakes.operations.errors = ["https://a-very-long-name.example/" + "y" * 200]
    fakes.snapshots.add("a.jpg")
    context = browser.new_context(viewport=size, color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(f"{web.url}first-use")
    assert page.evaluate(_LOOKS) == []
    page.goto(f"{web.url}welcome/welcome-token")
    button(page, "start").click()
    page.get_by_role("button", name="Figures").click()
    page.get_by_role("heading", name="Simulated board").click()
    assert eventually(lambda: seen(page, "camera") and page.locator("#simulated .row").count() > 3)
    assert page.evaluate(_LOOKS) == []
    shot = os.environ.get("SCREENSHOTS")
    if shot:
        page.screenshot(path=f"{shot}/live-{size['width']}-{scheme}.png", full_page=True)
    page.goto(f"{web.url}settings")
    expect(page.locator(".field").first).to_be_visible()
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert page.evaluate(_LOOKS) == []
    page.goto(f"{web.url}account")
    assert page.evaluate(_LOOKS) == []
    context.close()
