from __future__ import annotations

import pytest

from appliance.web.throttle import BURST, FORGET_S, LONGEST_WAIT_S, REFILL_S, REMEMBERED, Throttle, TooManyTries


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def throttle(clock: Clock) -> Throttle:
    return Throttle(clock)


def wait_of(throttle: Throttle, address: str) -> int:
    with pytest.raises(TooManyTries) as refused:
        throttle.begin(address)
    return refused.value.retry_after_s


def test_three_tries_are_free_then_each_wait_doubles(throttle: Throttle, clock: Clock) -> None:
    for _ in range(3):
        throttle.begin("192.0.2.1")
    waits = []
    for _ in range(12):
        waits.append(wait_of(throttle, "192.0.2.1"))
        clock.now += waits[-1]
        throttle.begin("192.0.2.1")
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]


def test_coming_too_early_does_not_lengthen_the_wait(throttle: Throttle, clock: Clock) -> None:
    for _ in range(3):
        throttle.begin("192.0.2.1")
    for _ in range(1000):
        wait_of(throttle, "192.0.2.1")
    clock.now += 1
    throttle.begin("192.0.2.1")


def test_another_address_is_not_held_back(throttle: Throttle) -> None:
    for _ in range(3):
        throttle.begin("192.0.2.1")
    wait_of(throttle, "192.0.2.1")
    throttle.begin("192.0.2.2")


@pytest.mark.parametrize("other", ["::ffff:192.0.2.1", "192.0.2.1"])
def test_one_address_has_one_name(throttle: Throttle, other: str) -> None:
    for _ in range(3):
        throttle.begin("192.0.2.1")
    wait_of(throttle, other)


def test_the_right_password_forgives(throttle: Throttle) -> None:
    for _ in range(20):
        throttle.begin("192.0.2.1")
        throttle.begin("192.0.2.1")
        throttle.forgive("192.0.2.1")


def test_many_addresses_together_are_bounded(throttle: Throttle, clock: Clock) -> None:
    for n in range(BURST):
        throttle.begin(f"2001:db8::{n:x}")
    assert wait_of(throttle, "2001:db8::ffff") == REFILL_S
    clock.now += REFILL_S
    throttle.begin("2001:db8::ffff")
    wait_of(throttle, "2001:db8::fffe")


def test_who_has_signed_in_before_is_not_locked_out_by_others(throttle: Throttle) -> None:
    throttle.begin("192.0.2.9")
    throttle.forgive("192.0.2.9")
    for n in range(BURST):
        throttle.begin(f"2001:db8::{n:x}")
    wait_of(throttle, "2001:db8::ffff")
    throttle.begin("192.0.2.9")


def test_one_address_alone_never_locks_out_the_rest(throttle: Throttle, clock: Clock) -> None:
    end = clock.now + 86400
    while clock.now < end:
        try:
            throttle.begin("192.0.2.1")
        except TooManyTries as refused:
            clock.now += refused.retry_after_s
        throttle.begin("192.0.2.2")
        throttle.forgive("192.0.2.2")


def test_after_an_hour_of_peace_an_address_starts_afresh(throttle: Throttle, clock: Clock) -> None:
    for _ in range(3):
        throttle.begin("192.0.2.1")
    clock.now += FORGET_S + 1
    for _ in range(3):
        throttle.begin("192.0.2.1")
    wait_of(throttle, "192.0.2.1")


def test_memory_is_bounded(throttle: Throttle, clock: Clock) -> None:
    for n in range(5 * REMEMBERED):
        clock.now += REFILL_S
        throttle.begin(f"2001:db8::{n:x}")
        if n % 2:
            throttle.forgive(f"2001:db8::{n:x}")
    assert len(throttle._records) <= REMEMBERED
    assert len(throttle._trusted) <= REMEMBERED
    assert max(record.next_s - clock.now for record in throttle._records.values()) <= LONGEST_WAIT_S
