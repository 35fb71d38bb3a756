"""The seven rows of the contract's table of recommended parameters (SPEC 1, scenarios)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Scenario:
    """One row: a name to choose it by, the contract's own name, what it is for, and the settings it stands for."""

    id: str
    name: str
    contract_name: str
    help: str
    mode: str
    min_bitrate: int
    max_bitrate: int
    audio_quality: str

    @property
    def settings(self) -> dict[str, object]:
        """The values by the settings' names, ready to be changed to."""
        return {
            "mode": self.mode,
            "min-bitrate": self.min_bitrate,
            "max-bitrate": self.max_bitrate,
            "audio-quality": self.audio_quality,
        }

    def describe(self) -> dict[str, object]:
        """The row as the JSON API gives it."""
        return {
            "id": self.id,
            "name": self.name,
            "contract-name": self.contract_name,
            "help": self.help,
            "settings": self.settings,
        }


SCENARIOS: tuple[Scenario, ...] = (
    Scenario("sd-live", "SD live", "标清直播", "Narrow uplinks: outdoors, unsteady networks", "SD", 300, 800, "high"),
    Scenario("hd-live", "HD live", "高清直播", "What most apps use; ordinary live streams", "HD", 600, 1200, "high"),
    Scenario("fhd-live", "FHD live", "超清直播", "Where sharpness matters most", "FHD", 600, 1800, "high"),
    Scenario(
        "video-support", "Video support, user", "视频客服(用户)", "Sound first, the picture helps",
        "RTC", 200, 500, "high",
    ),
    Scenario(
        "damage-assessment", "Vehicle-damage assessment, owner", "车险定损(车主)", "A picture with details to look at",
        "RTC", 200, 1200, "high",
    ),
    Scenario(
        "conference-presenter", "Conference, presenter", "多人会议(主讲)", "The one whom the others watch",
        "RTC", 200, 1000, "high",
    ),
    Scenario(
        "conference-participant", "Conference, participant", "多人会议(参与)", "One of many: small picture, voice",
        "RTC", 150, 300, "low",
    ),
)  # fmt: skip
"""In the contract's order."""
