"""A push that things happen to: network, server, microphone, service, and the power of the whole machine."""

from __future__ import annotations

import time

from tests.vm.board import STATUS_LIGHT, wait_until
from tests.vm.scenes.pushing import TONE_HZ
from tests.vm.stage import STATE_S, Stage, need

CARD = "/sys/bus/platform/drivers/snd_aloop"
LAN = "$(basename $(grep -l 52:54:00:00:00:01 /sys/class/net/*/address | xargs dirname))"
WATCHDOG_S = 30


def network_cut(stage: Stage) -> None:
    """the network's plug is pulled from an unattended box: 1102; put back in: live again"""
    stage.start()
    stage.board.patch(autopush=True)  # attended, three attempts within some seconds are all there are
    stage.machine.plug(inserted=False)
    try:
        stage.board.wait_for(1102, 40)
        light = stage.board.light(STATUS_LIGHT, looks=14)
        need(light == "blinking", f"the status light is {light} while reconnecting")
        need(stage.board.state != "PUSHING", "it believes to push without a network")
    finally:
        stage.machine.plug(inserted=True)
    stage.board.wait_state("PUSHING", timeout_s=2 * STATE_S)
    stage.sees("bars")
    stage.board.patch(autopush=False)


def network_bad(stage: Stage) -> None:
    """300 ms of delay and 3 % of loss: it stays live, on the same session"""
    stage.live()
    sessions = stage.sessions()
    stage.machine.run(f"tc qdisc add dev {LAN} root netem delay 300ms 40ms loss 3%")
    try:
        for _ in range(3):
            stage.sees("bars")
            need(stage.board.state == "PUSHING", stage.board.state)
    finally:
        stage.machine.run(f"tc qdisc del dev {LAN} root")
    need(stage.sessions() == sessions, f"{stage.sessions()} sessions instead of {sessions}")


def server_killed(stage: Stage) -> None:
    """the server is killed: 1102; back again: live again"""
    stage.live()
    stage.server.stop(kill=True)
    try:
        stage.board.wait_for(1102, 20)
    finally:
        stage.server.start()
    stage.board.wait_state("PUSHING", timeout_s=STATE_S)
    stage.sees("bars")


def microphone_removed(stage: Stage) -> None:
    """the sound card is removed: silence and a warning, the picture goes on; returned: the tone"""
    stage.live()
    board, sessions = stage.board, stage.sessions()
    # as when a USB card is pulled out: at once for who has it open, and the driver waits for them to close it
    stage.machine.run(f"systemctl stop tone.service; echo snd_aloop.0 > {CARD}/unbind")
    try:
        board.wait_for(-1302, 30)
        stage.hears(0)
        need(board.state == "PUSHING", board.state)
    finally:
        stage.machine.run(f"echo snd_aloop.0 > {CARD}/bind; systemctl start tone.service")
    stage.hears(TONE_HZ, within_s=60)
    need(stage.sessions() == sessions, f"{stage.sessions()} sessions instead of {sessions}")


def service_hung(stage: Stage) -> None:
    """the service hangs: the watchdog restarts it, and with autopush it is live by itself"""
    stage.live()
    board = stage.board
    board.patch(autopush=True)
    pid, before = board.pid, int(board.property("NRestarts"))
    board.mark()
    stage.machine.run(f"kill -STOP {pid}")
    wait_until(
        "the watchdog restarts it", lambda: int(board.property("NRestarts")) > before, WATCHDOG_S + 40, every_s=2
    )
    board.wait_ready()
    need(board.pid != pid, "the process is the same")
    journal = board.journal(200)
    need("atchdog timeout" in journal, journal)
    board.wait_state("PUSHING", timeout_s=STATE_S)
    stage.sees("bars")


def power_cut(stage: Stage) -> None:
    """the power is cut in mid-push; back again, as a Pi 5: settings and log whole, live by itself, software by choice"""
    stage.live()
    board = stage.board
    board.patch(autopush=True)
    time.sleep(3)  # events are in the file within a second or two
    settings, events = board.get("settings")["settings"], board.all_events()
    stage.machine.cut_power()
    stage.booted_s = stage.machine.power_on(board=5)
    board.wait_ready()
    board.wait_state("PUSHING", timeout_s=STATE_S)
    stage.sees("bars")
    stage.hears(TONE_HZ)
    after = board.all_events()
    need(
        [event["id"] for event in after[: len(events)]] == [event["id"] for event in events], "the log has lost events"
    )
    need(after[: len(events)] == events, "the log has changed")
    need(board.get("settings")["settings"] == settings, "the settings have changed")
    new = after[len(events) :]
    need(1103 not in [event["code"] for event in new], "1103 on a Pi 5, which has no hardware encoder to fail")
    encoders = [event["details"] for event in new if event["code"] == 1008]
    need(encoders and encoders[0]["kind"] == "software", f"{encoders}")


SCENES = (network_cut, network_bad, server_killed, microphone_removed, service_hung, power_cut)
