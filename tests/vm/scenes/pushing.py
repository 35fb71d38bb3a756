"""A push by the buttons, from the first press to the hold that ends it."""

from __future__ import annotations

import io
import shutil

from PIL import Image
from playwright.sync_api import sync_playwright

from tests.vm.board import ON_AIR_LIGHT, PAUSE, START, STATUS_LIGHT, SWITCH, wait_until
from tests.vm.stage import STATE_S, Stage, need

TONE_HZ = 1000
PASSWORD = "correct horse"


def started(stage: Stage) -> None:
    """a press of the start button lights the lights and brings front camera and tone"""
    board = stage.board
    need(board.light(STATUS_LIGHT) == "off", "the status light is on in IDLE")
    need(not board.camera_users(), "somebody has a camera open in IDLE")
    board.mark()
    board.press(START)
    board.wait_state("PUSHING", timeout_s=STATE_S)
    need(board.light(STATUS_LIGHT) == "on", "the status light is not steady while pushing")
    need(board.light(ON_AIR_LIGHT) == "on", "the on-air light is not on")
    need(board.camera_users(), "no camera is open by the kernel's lists: the later look at them means nothing")
    view = stage.sees("bars")
    stage.hears(TONE_HZ)
    need(view.size == (640, 360), f"size {view.size}")
    stage.in_order(1001, 1002)
    stage.in_order(1003, 1007)


def as_a_pi_4(stage: Stage) -> None:
    """taken for a Pi 4 whose encoder is missing: 1103, and libx264"""
    events = stage.board.events(1103, 1008)
    need([event["code"] for event in events][:2] in ([1103, 1008], [1008, 1103]), f"{stage.board.codes()}")
    need(stage.board.status()["net"]["encoder"] == "libx264", f"{stage.board.status()['net']}")


def switched(stage: Stage) -> None:
    """the camera button brings the other camera, on the same session"""
    sessions = stage.sessions()
    stage.board.press(SWITCH)
    stage.sees("lines")
    stage.board.press(SWITCH)
    stage.sees("bars")
    need(stage.sessions() == sessions, f"{stage.sessions()} sessions instead of {sessions}")


def paused(stage: Stage) -> None:
    """pause closes the camera and shows the waiting image, resume brings it back, on the same session"""
    board, sessions = stage.board, stage.sessions()
    board.press(PAUSE)
    board.wait_state("PAUSED", timeout_s=15)
    stage.wait_closed()
    need(board.light(STATUS_LIGHT, looks=14) == "blinking", "the status light does not blink while paused")
    stage.sees("waiting")
    need(not board.camera_users(), f"a camera is open while paused: {board.camera_users()}")
    board.press(PAUSE)
    board.wait_state("PUSHING", timeout_s=15)
    stage.sees("bars")
    need(stage.sessions() == sessions, f"{stage.sessions()} sessions instead of {sessions}")


def muted(stage: Stage) -> None:
    """mute brings silence, unmute the tone"""
    stage.board.do("mute")
    stage.hears(0)
    stage.board.do("unmute")
    stage.hears(TONE_HZ)


def snapshot(stage: Stage) -> None:
    """a snapshot taken on the page, in a browser, is a JPEG of what is pushed, at its size"""
    address = f"http://127.0.0.1:{stage.machine.page}"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        page = browser.new_page()
        page.set_default_timeout(60_000)
        page.goto(address, wait_until="domcontentloaded")
        page.get_by_label("New password").fill(PASSWORD)
        page.get_by_label("The same again").fill(PASSWORD)
        page.get_by_role("button", name="Set the password").click()
        page.locator("#state").filter(has_text="Live").wait_for()
        page.locator(".buttons [data-operation=snapshot]").click()
        taken = page.locator("#snapshots a").first
        taken.wait_for()
        answer = page.request.get(f"{address}{taken.get_attribute('href')}")
        content = answer.body()
        browser.close()
    need(answer.ok, f"{answer.url}: {answer.status}")
    with Image.open(io.BytesIO(content)) as picture:
        need(picture.format == "JPEG" and picture.size == (640, 360), f"{picture}")


def stopped(stage: Stage) -> None:
    """holding the start button stops: idle, lights off, camera and microphone closed"""
    board = stage.board
    board.hold(START)
    board.wait_state("IDLE", timeout_s=15)
    stage.wait_closed()
    wait_until("the microphone is closed", lambda: not board.sound_users(), 10)
    need(board.light(STATUS_LIGHT) == "off", "the status light is on in IDLE")
    need(board.light(ON_AIR_LIGHT) == "off", "the on-air light is on in IDLE")
    need(stage.sessions() == 1, f"one push made {stage.sessions()} sessions")


SCENES = (started, as_a_pi_4, switched, paused, muted, snapshot, stopped)
