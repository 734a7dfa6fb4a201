"""`pawon-bridge`: decode and identify captures, list protocols, simulate devices, make signals, talk to boards."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

from pawon_firmware_bridge.board.tool import Talk, add_board_parser, event_fields, run_board
from pawon_firmware_bridge.identify import Identification, identify
from pawon_firmware_bridge.measurement import BadFrame, Event
from pawon_firmware_bridge.modbus import frame
from pawon_firmware_bridge.modbus.maps import MAPS
from pawon_firmware_bridge.modbus.register_map import RegisterMap, read_words
from pawon_firmware_bridge.protocols import PROTOCOLS
from pawon_firmware_bridge.scenarios.classes import CLASSES
from pawon_firmware_bridge.scenarios.files import write_signal
from pawon_firmware_bridge.scenarios.signals import make
from pawon_firmware_bridge.simulator.command import shipped_scenarios, simulate

UNDECIDED = 1
USAGE_ERROR = 2
INTERRUPTED = 128 + 2
"""As a shell reports a program that Ctrl-C has ended."""

CHUNK = 65_536
LONGEST_SIGNAL_H = 24 * 366
"""A year is 300 million samples; nobody wants more by mistake."""

LONGEST_CAPTURE = 1_000_000
"""Bytes that are looked at to name a protocol: a quarter of an hour at 9600 baud, where three seconds are enough."""


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit status: 0 done, 1 undecided, 2 asked wrongly."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except BrokenPipeError:
        # `pawon-bridge decode ... | head`: the reader has seen enough. What is still buffered goes nowhere, silently.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="pawon-bridge", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    decode = commands.add_parser("decode", help="print what captured bytes say, one JSON line each")
    decode.add_argument("--protocol", required=True, help=f"one of {', '.join(PROTOCOLS)}")
    decode.add_argument("--hex", metavar="BYTES", help='hex digits, such as "57 47 30"')
    decode.add_argument("file", nargs="?", metavar="FILE", help="a file of raw bytes, or - for standard input")
    decode.set_defaults(run=_decode)

    name = commands.add_parser(
        "identify",
        help="name the protocol of captured bytes",
        description="Name the protocol of captured bytes; three seconds are enough. Exit status 1 if it is unknown or "
        "several cannot be told apart.",
    )
    name.add_argument("file", metavar="FILE", help="a file of raw bytes, or - for standard input")
    name.add_argument("--json", action="store_true", help="print one JSON object with every candidate")
    name.set_defaults(run=_identify)

    protocols = commands.add_parser("protocols", help="list the protocols with an example and its source")
    protocols.set_defaults(run=_list_protocols)

    modbus = commands.add_parser(
        "modbus",
        help="print what a Modbus RTU answer means, or list the register maps",
        description="Print what a Modbus RTU answer means: by --map its measurements, without one its registers in "
        "every reading, to find out how a device of one's own counts. Without an answer: list the register maps.",
    )
    modbus.add_argument("frame", nargs="?", metavar="HEX", help='one whole answer, such as "01 03 02 00 FA 38 07"')
    modbus.add_argument("--map", metavar="NAME", help=f"one of {', '.join(MAPS)}")
    modbus.set_defaults(run=_modbus)

    run = commands.add_parser("simulate", help="simulate the devices of a scenario")
    run.add_argument("scenario", metavar="FILE.toml", help=f"a file, or one of {', '.join(shipped_scenarios())}")
    run.add_argument("--dir", type=Path, default=Path("devices"), help="where the devices appear (default: devices)")
    run.add_argument("--duration", type=float, metavar="SECONDS", help="end after so long (default: at a signal)")
    run.add_argument("--truth", type=Path, metavar="FILE", help="append what the devices really said, as JSON lines")
    run.set_defaults(run=_simulate)

    signals = commands.add_parser(
        "signals",
        help="write scale signals with their truth, or list the classes of them",
        description="Write samples (CSV: time,mass_g) and truth (JSON lines) of a made scale signal. Without a class: "
        "list the classes.",
    )
    signals.add_argument("--class", dest="name", metavar="NAME", help="one of the listed")
    signals.add_argument("--seed", type=int, default=1, metavar="N", help="the same seed gives the same (default: 1)")
    signals.add_argument("--out", type=Path, default=Path(), metavar="DIR", help="where the files go (default: here)")
    signals.add_argument("--hours", type=float, metavar="H", help="instead of the class's own length")
    signals.set_defaults(run=_signals)

    add_board_parser(commands).set_defaults(run=_board)
    return parser


def _board(options: argparse.Namespace) -> int:
    def wait(text: str) -> None:
        print(text, end="", file=sys.stderr, flush=True)
        if not sys.stdin.readline():
            raise EOFError

    return run_board(
        options,
        Talk(
            say=lambda line: print(line, flush=True),
            tell=lambda line: print(line, file=sys.stderr, flush=True),
            wait=wait,
        ),
    )


def _decode(options: argparse.Namespace) -> int:
    row = PROTOCOLS.get(options.protocol)
    if row is None:
        return _refuse(f"unknown protocol {options.protocol!r}; known: {', '.join(PROTOCOLS)}")
    if (options.hex is None) == (options.file is None):
        return _refuse("give either --hex or a file (- for standard input)")
    try:
        typed = None if options.hex is None else bytes.fromhex(options.hex)
    except ValueError:
        return _refuse(f"--hex: not pairs of hex digits: {options.hex!r}")
    parser = row.parser()
    try:
        for chunk in _read(options.file) if typed is None else (typed,):
            _print(parser.feed(chunk))
    except BrokenPipeError:
        raise
    except OSError as error:
        return _refuse(f"{options.file}: {error.strerror}")
    _print(parser.finish())
    return 0


def _identify(options: argparse.Namespace) -> int:
    captured = b""
    try:
        for chunk in _read(options.file):
            captured = (captured + chunk)[:LONGEST_CAPTURE]
            if len(captured) == LONGEST_CAPTURE:
                break
    except OSError as error:
        return _refuse(f"{options.file}: {error.strerror}")
    found = identify(captured)
    if options.json:
        print(json.dumps({"answer": str(found), "bytes": len(captured), **asdict(found)}))
    else:
        _print_identification(found, len(captured))
    return 0 if len(found.protocols) == 1 else UNDECIDED


def _print_identification(found: Identification, length: int) -> None:
    print(found)
    for one in found.candidates:
        print(f"  {one.confidence:4.0%} {one.protocol}: {one.why}; {one.bad_bytes} of {length} bytes left over")
    if len(found.protocols) > 1:
        print("Put a known mass on the scale: the protocol that shows it is the right one.")


def _read(name: str) -> Iterator[bytes]:
    """Bytes as they come, so that `cat /dev/ttyUSB0 | pawon-bridge decode ... -` shows each frame at once."""
    with ExitStack() as stack:
        file = sys.stdin.fileno() if name == "-" else stack.enter_context(Path(name).open("rb")).fileno()
        while chunk := os.read(file, CHUNK):
            yield chunk


def _print(events: Iterable[Event]) -> None:
    for event in events:
        print(json.dumps(event_fields(event)), flush=True)


def _list_protocols(_: argparse.Namespace) -> int:
    for row in PROTOCOLS.values():
        rate = f", {row.baud} baud {row.formats[0]}" if row.baud else ""
        asked = "" if row.stream else ", answers when asked"
        print(f"{row.name} ({row.kind}{rate}{asked}): {row.title}")
        print(f"    example {row.example.hex(' ')}")
        print(f"    source  {row.source}")
    return 0


def _modbus(options: argparse.Namespace) -> int:
    row = MAPS.get(options.map) if options.map else None
    if options.map and row is None:
        return _refuse(f"unknown map {options.map!r}; known: {', '.join(MAPS)}")
    if options.frame is None:
        for one in MAPS.values() if row is None else [row]:
            _print_map(one)
        return 0
    try:
        answer = frame.read_answer(bytes.fromhex(options.frame))
    except ValueError:
        return _refuse(f"not pairs of hex digits: {options.frame!r}")
    if isinstance(answer, BadFrame):
        _print([answer])
        return UNDECIDED
    if isinstance(answer, frame.Refusal):
        print(json.dumps({"refused": answer.meaning, "unit": answer.unit, "function": answer.function}))
    elif row is None:
        for at, word in enumerate(answer.words):
            signed = word - 0x10000 if word & 0x8000 else word
            print(
                json.dumps({"unit": answer.unit, "register": at, "hex": f"{word:04X}", "uint16": word, "int16": signed})
            )
    elif answer.function != row.function:
        return _refuse(f"map {row.name} asks function {row.function}, this answers function {answer.function}")
    else:
        said = read_words(row, answer.words, bytes.fromhex(options.frame))
        _print([said] if isinstance(said, BadFrame) else said)
        return UNDECIDED if isinstance(said, BadFrame) else 0
    return 0


def _print_map(row: RegisterMap) -> None:
    question = frame.encode_question(1, row.function, row.address, row.count)
    print(f"{row.name} ({', '.join(row.channel_names)}; {' or '.join(row.formats)}): {row.title}")
    print(f"    asks    {question.hex(' ')}")
    for answer, values in row.examples:
        said = ", ".join(f"{name} {value:g}" for name, value in values.items())
        print(f"    example {answer.hex(' ')} = {said}")
    print(f"    source  {row.source}")


def _simulate(options: argparse.Namespace) -> int:
    return simulate(
        options.scenario,
        options.dir,
        duration_s=options.duration,
        truth=options.truth,
        say=lambda line: print(line, flush=True),
    )


def _signals(options: argparse.Namespace) -> int:
    if options.name is None:
        for row in CLASSES.values():
            print(f"{row.name:<16} {row.length_s / 3600:>5g} h  {row.title}")
        return 0
    if options.name not in CLASSES:
        return _refuse(f"unknown class {options.name!r}; known: {', '.join(CLASSES)}")
    if options.hours is not None and not 0 < options.hours <= LONGEST_SIGNAL_H:
        return _refuse(f"--hours: {options.hours:g} is not above 0 and up to {LONGEST_SIGNAL_H}")
    try:
        for path in write_signal(make(options.name, options.seed, hours=options.hours), options.out):
            print(path)
    except BrokenPipeError:
        raise
    except OSError as error:
        return _refuse(f"{options.out}: {error.strerror}")
    return 0


def _refuse(message: str) -> int:
    print(f"pawon-bridge: {message}", file=sys.stderr)
    return USAGE_ERROR


if __name__ == "__main__":
    sys.exit(main())
