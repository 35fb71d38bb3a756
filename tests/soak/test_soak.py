"""A minute of it with every run of the tests; ``make soak MINUTES=n`` for longer."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.servers import nginx
from tests.soak.__main__ import Soak
from tests.soak.checks import log_problems

MOST_THREADS, MOST_DESCRIPTORS, MOST_MB = 90, 45, 180.0
"""In a minute what grows is mostly warming up, each encoder and filter for the first time: so bounds instead of growth. They
leave half as much again as is seen."""


@pytest.mark.soak
@pytest.mark.timeout(240)
def test_soak(tmp_path: Path) -> None:
    if not nginx.available():
        pytest.fail("nginx with its RTMP module is missing: apt install nginx libnginx-mod-rtmp")
    seed = random.SystemRandom().randrange(10**6)
    soak = Soak(tmp_path, seed)
    soak.run(1.2)
    grown = soak.resources.problems()
    assert [problem for problem in soak.problems if problem not in grown] == [], f"seed {seed}"
    assert max(soak.resources.threads) < MOST_THREADS, soak.resources
    assert max(soak.resources.descriptors) < MOST_DESCRIPTORS, soak.resources
    assert max(soak.resources.memory_mb) < MOST_MB, soak.resources


def test_the_judges_see_what_is_wrong() -> None:
    good = "IDLE -> CONNECTING (start)\nCONNECTING -> PUSHING (published)"
    assert log_problems(good, ["key"]) == []
    assert log_problems("IDLE -> PUSHING (published)", []) == ["illegal change of state IDLE -> PUSHING"]
    assert log_problems(f"{good}\nPAUSED -> PUSHING (resume)", []) == ["state jumped from PUSHING to PAUSED"]
    assert len(log_problems("x\nTraceback (most recent call last):\nkey", ["key"])) == 2
