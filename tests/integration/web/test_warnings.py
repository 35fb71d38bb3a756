"""What the live page warns of: a push address that runs out, a webhook that does not get through."""

# ruff: noqa: F811
from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.integration.web.test_page import browser, context, page, playwright, pytestmark  # noqa: F401
from tests.unit.web.fakes import Fakes


def show(fakes: Fakes, monkeypatch: pytest.MonkeyPatch, **more: Any) -> None:
    """Have the status say more."""
    plain = type(fakes.operations).status
    monkeypatch.setattr(fakes.operations, "status", lambda: {**plain(fakes.operations), **more})


def iso(in_s: float) -> str:
    return datetime.fromtimestamp(time.time() + in_s, UTC).isoformat(timespec="seconds")


@pytest.mark.parametrize(
    ("in_s", "words"),
    [(2990, r"^The push address expires in 50 min \(\d{4}-\d\d-\d\d .*\): get a new one$"),
     (-5, r"^The push address has expired \(\d{4}-\d\d-\d\d .*\): get a new one$")],
)  # fmt: skip
def test_an_address_that_runs_out(
    page: Page, fakes: Fakes, monkeypatch: pytest.MonkeyPatch, in_s: float, words: str
) -> None:
    show(fakes, monkeypatch, urlExpires=iso(in_s))
    expect(page.locator("#troubles")).to_have_text(re.compile(words))


def test_one_that_lasts_is_no_trouble(page: Page, fakes: Fakes, monkeypatch: pytest.MonkeyPatch) -> None:
    show(fakes, monkeypatch, urlExpires=iso(3700), errors=["something else"])
    expect(page.locator("#troubles")).to_have_text("something else")
    show(fakes, monkeypatch, urlExpires=None, errors=[])
    expect(page.locator("#troubles")).to_be_hidden()


def test_a_webhook_that_fails(page: Page, fakes: Fakes, monkeypatch: pytest.MonkeyPatch) -> None:
    show(fakes, monkeypatch, webhook={"state": "failing", "lastError": "the receiver answers 500", "behind": 7})
    expect(page.locator("#troubles")).to_have_text(
        "The webhook does not get through: the receiver answers 500 (7 events wait)"
    )
    show(fakes, monkeypatch, webhook={"state": "ok", "lastError": None, "behind": 0})
    expect(page.locator("#troubles")).to_be_hidden()
