"""A minute of it with every run of the tests; ``make soak MINUTES=n`` for longer."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.servers import nginx
from tests.soak.__main__ import Soak
from tests.soak.checks import log_problems


@pytest.mark.soak
@pytest.mark.timeout(240)
def test_soak(tmp_path: Path) -> None:
    if not nginx.available():
        pytest.fail("nginx with its RTMP module is missing: apt install nginx libnginx-mod-rtmp")
    seed = random.SystemRandom().randrange(10**6)
    soak = Soak(tmp_path, seed)
    soak.run(1.2)
    assert not soak.problems, f"seed {seed}: {soak.problems}"


def test_the_judges_see_what_is_wrong() -> None:
    good = "IDLE -> CONNECTING (start)\nCONNECTING -> PUSHING (published)"
    assert log_problems(good, ["key"]) == []
    assert log_problems("IDLE -> PUSHING (published)", []) == ["illegal change of state IDLE -> PUSHING"]
    assert log_problems(f"{good}\nPAUSED -> PUSHING (resume)", []) == ["state jumped from PUSHING to PAUSED"]
    assert len(log_problems("x\nTraceback (most recent call last):\nkey", ["key"])) == 2
