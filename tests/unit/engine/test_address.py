"""Which address a connection gets, and what is said of one that runs out."""

from __future__ import annotations

import pytest

from appliance import event_codes as codes
from appliance.engine.address import PushAddresses
from appliance.errors import ClockNotSynchronised, LinkBroken, ServerRefused
from appliance.events import Event, EventBus
from appliance.settings.declaration import Settings

UNTIL = 0x5C271099  # 2018-12-29 06:13:45 UTC
KEY = "e12c46f2612d5106e2034781ab261ca3"
URL = "rtmp://push.example/live/test?txSecret=f85a2ab363fe4deaffef9754d79da6fe&txTime=5C271099"


class Bench:
    """Push addresses whose settings and clock a test sets."""

    def __init__(self) -> None:
        self.settings = Settings(url=URL)
        self.now, self.right = UNTIL - 86400.0, True
        self.raised: list[Event] = []
        bus = EventBus()
        bus.subscribe(self.raised.append)
        self.calls = 0
        self.addresses = PushAddresses(lambda: self.settings, bus, self, on_clock=self.called)

    def called(self) -> None:
        self.calls += 1

    def monotonic(self) -> float:
        return 0.0

    def wall(self) -> float:
        return self.now

    def synchronised(self) -> bool:
        return self.right

    def look(self, remaining_s: float) -> list[int]:
        """The codes raised by a look so long before the end."""
        self.raised.clear()
        self.now = UNTIL - remaining_s
        self.addresses.look()
        return [event.code for event in self.raised]


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_without_a_key_the_address_stays_as_it_is(bench: Bench) -> None:
    assert bench.addresses.current().stream == URL.rpartition("/")[2]
    assert bench.addresses.status() == {"urlExpires": "2018-12-29T06:13:45+00:00"}


def test_with_a_key_each_connection_is_signed_afresh(bench: Bench) -> None:
    bench.settings = Settings(url="rtmp://push.example/live/test?a=1", push_key=KEY, push_key_validity=3600)
    bench.now = UNTIL - 3600 + 0.5
    wanted = "test?a=1&txSecret=f85a2ab363fe4deaffef9754d79da6fe&txTime=5C271099"
    assert bench.addresses.current().stream == wanted
    bench.now += 1
    assert bench.addresses.current().stream.endswith("&txTime=5C27109A")
    assert bench.addresses.status() == {"urlExpires": None}, "what is signed at each connect does not run out"


def test_nothing_is_signed_by_a_wrong_clock(bench: Bench) -> None:
    bench.settings = Settings(url=URL, push_key=KEY)
    bench.right = False
    with pytest.raises(ClockNotSynchronised, match="the clock is not synchronised"):
        bench.addresses.current()
    bench.look(1000)
    assert bench.calls == 0
    bench.right = True
    bench.look(1000)
    bench.look(1000)
    assert bench.calls == 1, "whoever waits for the clock is told, once"
    assert bench.addresses.current().stream.startswith("test?txSecret=")


def test_each_warning_comes_once(bench: Bench) -> None:
    assert bench.look(3601) == []
    assert bench.look(3600) == [codes.URL_EXPIRES_SOON]
    assert bench.raised[0].text == "The push address expires in 60 min (2018-12-29T06:13:45+00:00): get a new one"
    assert bench.look(3595) == bench.look(301) == []
    assert bench.look(300) == [codes.URL_EXPIRES_SOON]
    assert bench.raised[0].details["minutes"] == 5
    assert bench.look(1) == []
    assert bench.look(0) == [codes.URL_EXPIRED]
    assert bench.look(-1000) == []


def test_a_jump_of_the_clock_warns_once_too(bench: Bench) -> None:
    assert bench.look(10) == [codes.URL_EXPIRES_SOON]
    assert bench.look(4000) == bench.look(3000) == []


def test_another_address_is_warned_of_anew(bench: Bench) -> None:
    assert bench.look(-5) == [codes.URL_EXPIRED]
    bench.settings = Settings(url=URL.replace("5C271099", "5C271100"))
    assert bench.look(-5) == [codes.URL_EXPIRES_SOON]


@pytest.mark.parametrize(
    "settings",
    [Settings(), Settings(url="rtmp://push.example/live/test"), Settings(url=URL, push_key=KEY), Settings(url="x")],
)
def test_where_nothing_runs_out_nothing_is_said(bench: Bench, settings: Settings) -> None:
    bench.settings = settings
    assert bench.look(-5) == []
    assert bench.addresses.status() == {"urlExpires": None}


def test_a_wrong_clock_warns_of_nothing(bench: Bench) -> None:
    bench.right = False
    assert bench.look(-5) == []
    refused = ServerRefused("no", "NetStream.Publish.Denied")
    assert bench.addresses.explained(refused) is refused


def test_times_are_in_the_boxs_zone(bench: Bench) -> None:
    bench.settings = Settings(url=URL, time_zone="Asia/Shanghai")
    assert bench.addresses.status() == {"urlExpires": "2018-12-29T14:13:45+08:00"}


def test_a_refusal_after_the_end_says_why(bench: Bench) -> None:
    bench.now = UNTIL + 1
    error = bench.addresses.explained(ServerRefused("the server denied the push", "NetStream.Publish.BadName", "no"))
    assert isinstance(error, ServerRefused)
    assert error.reason.startswith("the push address has expired (txTime 2018-12-29T06:13:45+00:00)")
    assert error.details == {
        "status": "NetStream.Publish.BadName", "description": "no", "expired": "2018-12-29T06:13:45+00:00",
    }  # fmt: skip
    assert error.name_in_use, "what the server said still counts"
    assert "f85a2ab3" not in error.reason


def test_other_failures_are_left_as_they_are(bench: Bench) -> None:
    bench.now = UNTIL + 1
    broken = LinkBroken("reset")
    assert bench.addresses.explained(broken) is broken
    bench.now = UNTIL - 1
    refused = ServerRefused("no")
    assert bench.addresses.explained(refused) is refused
