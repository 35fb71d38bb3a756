"""What could be delivered at best over a link: the measures that a rate controller is compared with.

All of them are fluids, without frames and keyframes, and computed exactly. The sound goes first, as it does in the
product, so that what is compared is the picture. Rates in kbit/s of payload; the link's own are those of the wire.
"""

from __future__ import annotations

from tests.bench.uplink.links import Link

PAYLOAD_SHARE = 0.96
"""Of what the wire carries: the rest are headers of TCP, IP and the link (52 of 1500 bytes with timestamps), and of
RTMP's chunks."""


def video_kbps(wire_kbps: float, audio_kbps: float) -> float:
    """What is left for the picture."""
    return max(0.0, PAYLOAD_SHARE * wire_kbps - audio_kbps)


def oracle_kbps(link: Link, ceiling_kbps: float, budget_s: float, *, audio_kbps: float = 0.0) -> float:
    """What a controller that knows the future could deliver, on average over the run, each bit within `budget_s` of its
    making.

    It may at each moment make anything up to the ceiling, and knows what will arrive in time. That is a queue of
    tokens, each the right to have made a bit: filled at the ceiling, capped at what the ceiling makes within the budget
    (older ones have expired), and drained by the link. The time to the server is not taken off the budget, nor the
    stalls of a link off what it carries: for a budget of half a second that flatters the oracle a little.
    """
    return _drained(link, ceiling_kbps, budget_s, audio_kbps)[0] / link.duration_s


def no_queue_bound_kbps(link: Link, ceiling_kbps: float, audio_kbps: float) -> float:
    """What a sender without any queue could deliver, on average over the run: at each moment the ceiling, or what the
    link carries."""
    total = sum(for_s * min(ceiling_kbps, video_kbps(kbps, audio_kbps)) for _, for_s, kbps in link.segments())
    return total / link.duration_s


def unavoidable_share(link: Link, min_kbps: float, budget_s: float, *, audio_kbps: float = 0.0) -> float:
    """The share of its pictures that no sender can deliver within `budget_s`, as none makes them smaller than
    `min_kbps` does: what expires in a queue filled at that rate. 0 on a link that always carries it, and on one whose
    gaps the budget bridges."""
    delivered, waiting = _drained(link, min_kbps, budget_s, audio_kbps)
    return max(0.0, 1 - (delivered + waiting) / (min_kbps * link.duration_s))


def _drained(link: Link, fill_kbps: float, budget_s: float, audio_kbps: float) -> tuple[float, float]:
    """What left the queue of tokens during the run, and what still waits in it at the end, in kbit."""
    cap = fill_kbps * budget_s
    waiting = drained = 0.0
    for _, for_s, wire_kbps in link.segments():
        drain_kbps = video_kbps(wire_kbps, audio_kbps)
        if drain_kbps <= fill_kbps:
            drained += drain_kbps * for_s
            waiting = min(cap, waiting + (fill_kbps - drain_kbps) * for_s)
        else:
            left = min(waiting, (drain_kbps - fill_kbps) * for_s)
            drained += fill_kbps * for_s + left
            waiting -= left
    return drained, waiting
