"""From what was made and what arrived to frames."""

from __future__ import annotations

from pathlib import Path

import pytest

from appliance.media.tags import Tag, TagKind
from tests.bench.uplink.records import Line, Recorder, frames, read

PICTURE, SOUND = TagKind.VIDEO, TagKind.AUDIO


def _line(at_s: float, crc: int, kind: TagKind = PICTURE, *, header: bool = False) -> Line:
    return Line(at_s, kind, round(at_s * 1000), 100, keyframe=crc == 1, header=header, crc=crc)


def test_what_is_made_and_does_not_arrive_was_dropped() -> None:
    made = [_line(10.0, 1), _line(10.1, 2), _line(10.2, 3)]
    found = frames(made, [_line(10.5, 1), _line(10.9, 3)], begin_s=10.0)
    assert [frame.arrived_s for frame in found] == [0.5, None, pytest.approx(0.9)]
    assert [frame.made_s for frame in found] == [0, pytest.approx(0.1), pytest.approx(0.2)]
    assert [frame.keyframe for frame in found] == [True, False, False]


def test_a_run_begins_with_the_first_that_arrived() -> None:
    made = [_line(9.0, 7), _line(10.0, 1), _line(9.5, 8, SOUND), _line(10.1, 9, SOUND)]
    found = frames(made, [_line(10.5, 1), _line(10.4, 9, SOUND)], begin_s=10.0)
    assert [(frame.video, frame.made_s) for frame in found] == [(True, 0), (False, pytest.approx(0.1))]


def test_silence_is_told_apart_by_its_order() -> None:
    made = [_line(10 + number / 10, 5, SOUND) for number in range(3)]
    found = frames(made, [_line(11 + number / 10, 5, SOUND) for number in range(3)], begin_s=10.0)
    assert [frame.arrived_s for frame in found] == pytest.approx([1.0, 1.1, 1.2])


def test_headers_are_no_frames_and_the_way_that_was_not_built_is_added() -> None:
    made = [_line(10.0, 6, header=True), _line(10.0, 1)]
    (found,) = frames(made, [_line(10.1, 6, header=True), _line(10.1, 1)], begin_s=10.0, late_s=0.025)
    assert found.arrived_s == pytest.approx(0.125)


def test_what_nobody_made_is_an_error() -> None:
    with pytest.raises(ValueError, match="not made"):
        frames([_line(10.0, 1)], [_line(10.1, 1), _line(10.2, 4)], begin_s=10.0)


def test_a_record_reads_as_written_but_for_a_line_that_was_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "record"
    recorder = Recorder(path)
    recorder.put(Tag(PICTURE, 40, b"\x17\x01abc", keyframe=True))
    recorder.put(Tag(SOUND, 44, b"\xaf\x00", header=True))
    path.write_text(path.read_text() + "12.5 9 4")
    picture, sound = read(path)
    assert (picture.kind, picture.time_ms, picture.size, picture.keyframe, picture.header) == (
        PICTURE,
        40,
        5,
        True,
        False,
    )
    assert (sound.kind, sound.size, sound.keyframe, sound.header) == (SOUND, 2, False, True)
    assert picture.crc != sound.crc
    assert picture.at_s <= sound.at_s
