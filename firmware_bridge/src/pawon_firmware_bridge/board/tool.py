"""`pawon-bridge board PORT ...`: an installer's talk with one board, while the gateway is stopped."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime

from pawon_firmware_bridge.board import commands
from pawon_firmware_bridge.board.answers import FAULTS, STATUSES, BoardSelfTest
from pawon_firmware_bridge.board.calibration import READINGS, CalibrationError, calibrate
from pawon_firmware_bridge.board.port import ANSWER_S, BoardPort, PortError
from pawon_firmware_bridge.firmware import frame
from pawon_firmware_bridge.measurement import BadFrame, BoardHello, BoardZero, Event, Measurement

FAILED = 1
USAGE_ERROR = 2
READINGS_S = 15.0
"""For the readings of one load: at the slowest interval worth calibrating with, once a second, less one lost."""

PASSED_OVER = 3
"""Readings after Enter that are not used: the board may hold one from before, and the hand still shakes the table."""

RESET_CAUSES = {1: "power", 2: "reset button", 3: "watchdog", 4: "deep sleep", 5: "soft reset"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Talk:
    """Where words go: `say` prints a line of the result, `tell` one for the person, `wait` prompts and waits."""

    say: Callable[[str], None]
    tell: Callable[[str], None]
    wait: Callable[[str], None]


def add_board_parser(parsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> argparse.ArgumentParser:
    """The `board` subcommand's arguments."""
    board: argparse.ArgumentParser = parsers.add_parser(
        "board",
        help="talk to a sensor board: identify, self-test, tare, calibrate, watch",
        description="Talk to a sensor board. Stop the gateway first. Exit status 1 if the board refuses or fails.",
    )
    board.add_argument("port", metavar="PORT", help="such as /dev/serial/by-id/usb-...")
    actions = board.add_subparsers(required=True, dest="action", metavar="ACTION")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--json", action="store_true", help="print JSON lines")

    def add(name: str, text: str) -> argparse.ArgumentParser:
        return actions.add_parser(name, help=text, description=text, parents=[common])

    add("identify", "print the board's id, firmware, last reset, and stored zeros")
    add("self-test", "let the board try every chip, sound its buzzer and light its light")
    add("interval", "send readings so often, until its next start").add_argument("ms", type=int, metavar="MS")
    add("tare", "store the present load of a load cell as its zero").add_argument("channel", type=int)
    for name in ("buzzer", "light"):
        timed = add(name, f"switch the {name} on and off; --repeats 0 ends it")
        timed.add_argument("--on-ms", type=int, default=400)
        timed.add_argument("--off-ms", type=int, default=200)
        timed.add_argument("--repeats", type=int, default=3)
    watch = add("watch", "print what the board says, until Ctrl-C")
    watch.add_argument("--duration", type=float, metavar="SECONDS", default=float("inf"))
    weigh = add("calibrate", "find counts_per_g and zero_counts of a load cell with a known mass")
    weigh.add_argument("--channel", type=int, required=True, help="load cell 0-3")
    weigh.add_argument("--mass-g", type=float, required=True, help="the known mass in grams")
    return board


def run_board(options: argparse.Namespace, talk: Talk) -> int:
    """Do it; returns the exit status: 0 done, 1 the board refuses or fails, 2 asked wrongly or no port."""
    try:
        if options.action == "calibrate" and not (options.mass_g > 0 and 0 <= options.channel < commands.CELLS):
            raise ValueError(f"calibrate: --mass-g must be over 0 and --channel 0-{commands.CELLS - 1}")
        # Built before the port is opened, so that what no board can do disturbs none.
        command = _command(options)
        with BoardPort(options.port) as port:
            if options.action == "watch":
                return _watch(port, options, talk)
            if options.action == "calibrate":
                return _calibrate(port, options, talk)
            return _ask(port, command, options, talk)
    except (ValueError, PortError) as error:
        talk.tell(str(error))
        return USAGE_ERROR


def _command(options: argparse.Namespace) -> Callable[[int], bytes]:
    makers: dict[str, Callable[[int], bytes]] = {
        "identify": lambda sequence: commands.identify(sequence=sequence),
        "self-test": lambda sequence: commands.self_test(sequence=sequence),
        "interval": lambda sequence: commands.interval(options.ms, sequence=sequence),
        "tare": lambda sequence: commands.tare(options.channel, sequence=sequence),
        "buzzer": lambda sequence: commands.buzzer(options.on_ms, options.off_ms, options.repeats, sequence=sequence),
        "light": lambda sequence: commands.light(options.on_ms, options.off_ms, options.repeats, sequence=sequence),
    }
    maker = makers.get(options.action, makers["identify"])
    maker(0)
    return maker


def _ask(port: BoardPort, command: Callable[[int], bytes], options: argparse.Namespace, talk: Talk) -> int:
    waits = {"tare": commands.TARE_S, "self-test": commands.SELF_TEST_S}
    if options.action == "tare":
        talk.tell("Keep the load still ...")
    answer, heard, tests = port.ask(command, wait_s=waits.get(options.action, ANSWER_S))
    wanted: dict[str, tuple[type, ...]] = {"identify": (BoardHello, BoardZero), "tare": (BoardZero,)}
    for event in heard:
        if isinstance(event, wanted.get(options.action, ())):
            talk.say(_line(event, as_json=options.json))
    for test in tests:
        _print_self_test(test, options, talk)
    if answer.status != frame.STATUS_OK:
        talk.tell(f"{options.port}: {STATUSES.get(answer.status, f'unknown status {answer.status}')}")
        return FAILED
    return FAILED if any(fault for test in tests for fault in test.faults.values()) else 0


def _print_self_test(test: BoardSelfTest, options: argparse.Namespace, talk: Talk) -> None:
    words = {name: FAULTS.get(fault, f"unknown fault {fault}") for name, fault in test.faults.items()}
    if options.json:
        talk.say(json.dumps({**asdict(test), "words": words}))
        return
    for name, fault in test.faults.items():
        talk.say(f"{name:<18} {words[name]}{f' (fault {fault})' if fault else ''}")
    up_s = test.uptime_ms // 1000
    talk.say(f"free memory {test.free_memory_bytes} bytes, up {up_s} s, {test.overruns} passes over 100 ms")


def _watch(port: BoardPort, options: argparse.Namespace, talk: Talk) -> int:
    port.ask(lambda sequence: commands.identify(sequence=sequence))
    end = time.monotonic() + options.duration
    while (left := end - time.monotonic()) > 0:
        for event in port.events(min(left, 1.0)):
            talk.say(_line(event, as_json=options.json))
    return 0


def _calibrate(port: BoardPort, options: argparse.Namespace, talk: Talk) -> int:
    name = f"hx711-{options.channel}"
    try:
        talk.wait(f"Take everything off {name}, wait until it is still, then press Enter: ")
        empty = _readings(port, name)
        talk.wait(f"Put {options.mass_g:g} g on it, wait until it is still, then press Enter: ")
        found = calibrate(empty, _readings(port, name), options.mass_g)
    except (CalibrationError, EOFError) as error:
        talk.tell(f"{options.port}: {str(error) or 'nobody pressed Enter'}")
        return FAILED
    if options.json:
        talk.say(json.dumps({"channel": name, **asdict(found)}))
    else:
        talk.tell("For this sensor in gateway.toml:")
        talk.say(f"counts_per_g = {found.counts_per_g:.6g}")
        talk.say(f"zero_counts = {found.zero_counts}")
    return 0


def _readings(port: BoardPort, name: str) -> list[float]:
    # The answer marks what the board measures from now on: what waited in the port is from before.
    port.ask(lambda sequence: commands.identify(sequence=sequence))
    counts: list[float] = []
    for event in port.events(READINGS_S):
        if isinstance(event, Measurement) and event.channel == name:
            if event.value is None:
                raise CalibrationError(f"{name} is {event.state}; `pawon-bridge board {port.path} self-test` says more")
            counts.append(event.value)
            if len(counts) == PASSED_OVER + READINGS:
                return counts[PASSED_OVER:]
    raise CalibrationError(f"{len(counts)} readings of {name} within {READINGS_S:g} s; is it in wiring.json?")


def _line(event: Event, *, as_json: bool) -> str:
    if as_json:
        return json.dumps(event_fields(event))
    now = f"{datetime.now():%H:%M:%S}"  # noqa: DTZ005 - an installer's own clock
    match event:
        case BoardHello():
            version = ".".join(map(str, event.version))
            cause = RESET_CAUSES.get(event.reset_cause, str(event.reset_cause))
            return f"{now} board {event.board_id}, firmware {version}, last start: {cause}"
        case BoardZero():
            return f"{now} {event.channel:<22} stored zero {event.counts}"
        case Measurement():
            value = (
                event.state if event.value is None else f"{event.value:g}" if event.value % 1 else f"{event.value:.0f}"
            )
            return f"{now} {event.channel:<22} {event.quantity} {value}"
        case BadFrame():
            text = event.raw.decode("ascii", "replace")
            shown = text.strip() if text.isascii() and text.strip().isprintable() else event.raw.hex(" ")
            return f"{now} {event.reason}: {shown}"


def event_fields(event: Event) -> dict[str, object]:
    """An event as `pawon-bridge decode` and `board --json` print it."""
    match event:
        case BadFrame():
            return {"bad": event.reason, "raw": event.raw.hex(" ")}
        case BoardHello():
            return {"hello": event.board_id, **asdict(event)}
        case BoardZero():
            return {"zero": event.channel, **asdict(event)}
        case Measurement():
            return {**asdict(event), "raw": event.raw.hex(" ")}
