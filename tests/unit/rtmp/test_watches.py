from __future__ import annotations

from appliance.rtmp.watches import ProgressWatch, ReadBudget


def test_a_link_that_stands_still_is_told_after_the_limit() -> None:
    watch = ProgressWatch(8.0)
    assert not watch.stalled(100.0, acked_bytes=10, queued_bytes=5)
    assert not watch.stalled(107.9, acked_bytes=10, queued_bytes=500)
    assert watch.stalled(108.0, acked_bytes=10, queued_bytes=500)


def test_a_slow_link_makes_progress() -> None:
    watch = ProgressWatch(8.0)
    assert not any(watch.stalled(float(at), acked_bytes=at // 7, queued_bytes=9) for at in range(100))


def test_time_without_anything_to_send_does_not_count() -> None:
    watch = ProgressWatch(8.0)
    assert not watch.stalled(0.0, acked_bytes=10, queued_bytes=5)
    assert not watch.stalled(7.0, acked_bytes=10, queued_bytes=0)
    assert not watch.stalled(50.0, acked_bytes=10, queued_bytes=5)
    assert not watch.stalled(57.0, acked_bytes=10, queued_bytes=5)
    assert watch.stalled(58.0, acked_bytes=10, queued_bytes=5)


def test_a_process_that_was_stopped_measures_before_it_judges() -> None:
    watch = ProgressWatch(8.0)
    watch.stalled(0.0, acked_bytes=10, queued_bytes=5)
    assert not watch.stalled(60.0, acked_bytes=15, queued_bytes=5)


def test_reading_is_held_to_its_budget() -> None:
    budget = ReadBudget(0.0)
    now, read = 0.0, 0
    while now < 10.0:
        pause = budget.pause_s(now)
        now += pause
        budget.spend(now, 16_384)
        read += 16_384
    assert 10 * ReadBudget.BYTES_PER_S < read <= ReadBudget.BURST_BYTES + 11 * ReadBudget.BYTES_PER_S


def test_a_quiet_server_never_waits() -> None:
    budget = ReadBudget(0.0)
    for second in range(1000):
        budget.spend(float(second), 1000)
        assert budget.pause_s(float(second)) == 0.0
