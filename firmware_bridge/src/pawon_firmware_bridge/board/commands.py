"""What a host can tell a board: ready bytes for its port.

A command carries a sequence chosen by the host; the board's answer repeats it (`BoardParser.take_answers`). A buzzer
that was told to sound stops by itself after its repeats, so a dead host does not leave it howling.
"""

from __future__ import annotations

import struct

from pawon_firmware_bridge.firmware import frame

MAX_MS = 0xFFFF
MAX_REPEATS = 0xFF
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
    if not (0 <= on_ms <= MAX_MS and 0 <= off_ms <= MAX_MS and 0 <= repeats <= MAX_REPEATS):
        raise ValueError(f"buzzer({on_ms=}, {off_ms=}, {repeats=}): times are 0-{MAX_MS}, repeats 0-{MAX_REPEATS}")
    return encode_command(frame.BUZZER, struct.pack("<HHB", on_ms, off_ms, repeats), sequence=sequence)


def interval(interval_ms: int, *, sequence: int) -> bytes:
    """Send samples every `interval_ms` (50-65535). ValueError beyond."""
    if not SHORTEST_INTERVAL_MS <= interval_ms <= MAX_MS:
        raise ValueError(f"interval({interval_ms}): {SHORTEST_INTERVAL_MS}-{MAX_MS} ms")
    return encode_command(frame.INTERVAL, struct.pack("<H", interval_ms), sequence=sequence)
