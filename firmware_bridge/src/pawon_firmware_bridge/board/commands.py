"""What a host can tell a board: ready bytes for its port.

A command carries a sequence chosen by the host; the board's answer repeats it (`BoardParser.take_answers`). A buzzer or
light that was told to begin stops by itself after its repeats, so a dead host does not leave it howling. A tare and a
self-test are answered when they have ended.
"""

from __future__ import annotations

import struct

from pawon_firmware_bridge.firmware import frame

MAX_MS = 0xFFFF
MAX_REPEATS = 0xFF
CELLS = frame.MAX_CELLS
TARE_S = 18.0
"""A tare has ended by then: 16 conversions, each of which comes within a second or is a fault."""

SELF_TEST_S = 5.0
"""A self-test has ended by then: at most the rest of one round of the probes and one whole round, 1 s each."""

SHORTEST_INTERVAL_MS = 50
"""An HX711 gives at most 80 conversions a second, usually 10; faster frames would carry nothing new."""


def encode_command(number: int, arguments: bytes, *, sequence: int) -> bytes:
    """Any command as one frame; `sequence` 0-65535."""
    encoded: bytes = frame.encode(frame.COMMAND, sequence, bytes([number]) + arguments)
    # Ends whatever half a frame the board may hold, for instance from a host that died while writing.
    return bytes(frame.DELIMITER) + encoded


def identify(*, sequence: int) -> bytes:
    """Ask for a hello."""
    return encode_command(frame.IDENTIFY, b"", sequence=sequence)


def buzzer(on_ms: int, off_ms: int, repeats: int, *, sequence: int) -> bytes:
    """Sound `repeats` times for `on_ms` with pauses of `off_ms` (0-65535 ms); 0 repeats silences. ValueError beyond."""
    return _timed("buzzer", frame.BUZZER, on_ms, off_ms, repeats, sequence)


def light(on_ms: int, off_ms: int, repeats: int, *, sequence: int) -> bytes:
    """The same for the light."""
    return _timed("light", frame.LIGHT, on_ms, off_ms, repeats, sequence)


def self_test(*, sequence: int) -> bytes:
    """Ask the board to try every chip; the result comes as a `BoardSelfTest`, then the answer."""
    return encode_command(frame.SELF_TEST, b"", sequence=sequence)


def tare(channel: int, *, sequence: int) -> bytes:
    """Store the present load of load cell `channel` (0-3) as its zero. ValueError beyond.

    The answer comes when it is done (after 1.6 s at 10 Hz): 0, 3 if the load moved, 4 if there were no readings.
    """
    if not 0 <= channel < CELLS:
        raise ValueError(f"tare({channel}): load cells are 0-{CELLS - 1}")
    return encode_command(frame.TARE, bytes([channel]), sequence=sequence)


def interval(interval_ms: int, *, sequence: int) -> bytes:
    """Send samples every `interval_ms` (50-65535). ValueError beyond."""
    if not SHORTEST_INTERVAL_MS <= interval_ms <= MAX_MS:
        raise ValueError(f"interval({interval_ms}): {SHORTEST_INTERVAL_MS}-{MAX_MS} ms")
    return encode_command(frame.INTERVAL, struct.pack("<H", interval_ms), sequence=sequence)


def _timed(name: str, number: int, on_ms: int, off_ms: int, repeats: int, sequence: int) -> bytes:
    if not (0 <= on_ms <= MAX_MS and 0 <= off_ms <= MAX_MS and 0 <= repeats <= MAX_REPEATS):
        raise ValueError(f"{name}({on_ms=}, {off_ms=}, {repeats=}): times are 0-{MAX_MS}, repeats 0-{MAX_REPEATS}")
    return encode_command(number, struct.pack("<HHB", on_ms, off_ms, repeats), sequence=sequence)
