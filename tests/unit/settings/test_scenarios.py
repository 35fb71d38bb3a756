"""The seven rows against the contract's table."""

from __future__ import annotations

from appliance.settings.scenarios import SCENARIOS
from appliance.settings.validate import validate

CONTRACT = """标清直播 SD 300 800 high
高清直播 HD 600 1200 high
超清直播 FHD 600 1800 high
视频客服(用户) RTC 200 500 high
车险定损(车主) RTC 200 1200 high
多人会议(主讲) RTC 200 1000 high
多人会议(参与) RTC 150 300 low"""


def test_the_rows_are_the_contracts() -> None:
    rows = [f"{s.contract_name} {s.mode} {s.min_bitrate} {s.max_bitrate} {s.audio_quality}" for s in SCENARIOS]
    assert rows == CONTRACT.splitlines()


def test_every_row_can_be_set() -> None:
    for scenario in SCENARIOS:
        settings = validate(scenario.settings)
        assert settings.mode == scenario.mode
        assert settings.max_bitrate == scenario.max_bitrate
    assert len({scenario.id for scenario in SCENARIOS}) == 7
