"""Frames of a Pawon sensor board -> events.

The board sends what its chips gave and judges nothing; saturated load cells are named here, and scratchpads go to the
one place that judges them (`ds18b20`). Frames that are missing are reported, because a hole must be seen.
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from pawon_firmware_bridge import ds18b20
from pawon_firmware_bridge.firmware import frame
from pawon_firmware_bridge.measurement import MAX_RAW, BadFrame, BoardHello, Event, Measurement

HX711_HIGHEST, HX711_LOWEST = 0x7FFFFF, -0x800000
"""Counts at which the HX711 saturates (datasheet p. 4): beyond them it says nothing about the load."""

MAX_ANSWERS = 16
"""Answers kept for `take_answers`; a host that never asks must not make the parser grow."""

BACKWARDS = 0x8000
"""Half of the sequence's range: a jump beyond it is a board that counts anew, not 32,768 lost frames."""

_HELLO = struct.Struct("<8s3BB")
_ANSWER = struct.Struct("<HB")
_RECORD = struct.Struct("<BBB")


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardAnswer:
    """A board's word on a command: `status` 0 done, 1 unknown command, 2 refused arguments."""

    command_sequence: int
    status: int


class BoardParser:
    """The stream of one board; a new one for every opening of the port."""

    def __init__(self) -> None:
        self._buffer = b""
        self._overlong = False
        self._expected: int | None = None
        self._probes: dict[int, str] = {}
        self._answers: deque[BoardAnswer] = deque(maxlen=MAX_ANSWERS)
        self.wasted = 0

    @property
    def waiting(self) -> int:
        """Bytes at the end of the stream that may become a frame."""
        return len(self._buffer)

    @property
    def held(self) -> int:
        """Bytes held between two calls of `feed`."""
        return len(self._buffer)

    def take_answers(self) -> list[BoardAnswer]:
        """Answers since the last call, oldest first, at most `MAX_ANSWERS`."""
        answers = list(self._answers)
        self._answers.clear()
        return answers

    def feed(self, data: bytes, /) -> list[Event]:
        """Take bytes as they come; return what they complete."""
        events: list[Event] = []
        *whole, rest = data.split(frame.DELIMITER)
        for piece in whole:
            events += self._end_frame(self._buffer + piece)
            self._buffer, self._overlong = b"", False
        self._buffer += rest
        if len(self._buffer) > frame.MAX_ENCODED:
            # Endless bytes without a delimiter (a wrong baud rate) are one bad frame, told at once.
            events += [] if self._overlong else [BadFrame(reason="overlong", raw=self._buffer[:MAX_RAW])]
            self._overlong = True
            self.wasted += len(self._buffer) - frame.MAX_ENCODED
            self._buffer = self._buffer[: frame.MAX_ENCODED]
        return events

    def finish(self) -> list[Event]:
        """No more bytes will come: report what is left."""
        rest, self._buffer = self._buffer, b""
        return [BadFrame(reason="cut off", raw=rest[:MAX_RAW])] if rest and not self._overlong else []

    def _end_frame(self, encoded: bytes) -> list[Event]:
        if not encoded:
            return []
        if len(encoded) > frame.MAX_ENCODED:
            self.wasted += len(encoded)
            return [] if self._overlong else [BadFrame(reason="overlong", raw=encoded[:MAX_RAW])]
        decoded = frame.decode(encoded)
        if decoded is None:
            self.wasted += len(encoded)
            return [BadFrame(reason="checksum", raw=encoded[:MAX_RAW])]
        kind, sequence, body = decoded
        hello = kind == frame.HELLO
        restarted = hello and sequence == 0 and self._expected not in (None, 0)
        events = [] if restarted else self._notice_gap(sequence, encoded)
        self._expected = (sequence + 1) & 0xFFFF
        if hello:
            return events + self._read_hello(body, restarted)
        if kind == frame.SAMPLES:
            return events + self._read_samples(body, encoded)
        if kind == frame.ANSWER and len(body) == _ANSWER.size:
            command_sequence, status = _ANSWER.unpack(body)
            self._answers.append(BoardAnswer(command_sequence=command_sequence, status=status))
            return events
        return [*events, BadFrame(reason=f"unknown type {kind} of {len(body)} bytes", raw=encoded[:MAX_RAW])]

    def _notice_gap(self, sequence: int, encoded: bytes) -> list[Event]:
        if self._expected is None:
            return []
        lost = (sequence - self._expected) & 0xFFFF
        if not lost:
            return []
        if lost >= BACKWARDS:
            self._probes.clear()
            return [BadFrame(reason="board restarted unheard", raw=encoded[:MAX_RAW])]
        return [BadFrame(reason=f"lost {lost} frames", raw=encoded[:MAX_RAW])]

    def _read_hello(self, body: bytes, restarted: bool) -> list[Event]:
        if len(body) != _HELLO.size:
            return [BadFrame(reason="hello of a wrong length", raw=body[:MAX_RAW])]
        if restarted:
            self._probes.clear()
        board_id, major, minor, patch, reset_cause = _HELLO.unpack(body)
        version = (major, minor, patch)
        return [BoardHello(board_id=board_id.hex(), version=version, reset_cause=reset_cause, restarted=restarted)]

    def _read_samples(self, body: bytes, encoded: bytes) -> list[Event]:
        if len(body) < 4:
            return [BadFrame(reason="samples without a time", raw=encoded[:MAX_RAW])]
        return [self._read_record(*record) for record in _records(body[4:])]

    def _read_record(self, channel: int, kind: int, data: bytes) -> Event:
        if kind == frame.KIND_HX711 and len(data) == 4:
            return _load_cell(f"hx711-{channel}", int.from_bytes(data, "little", signed=True), data)
        if kind == frame.KIND_DS18B20 and len(data) == 17:
            self._probes[channel] = w1_name(data[:8])
            return ds18b20.measurement(data[8:], channel=self._probes[channel], raw=data)
        if kind == frame.KIND_FAULT and len(data) in (1, 9):
            return self._fault(channel, data)
        return BadFrame(reason=f"unknown record {kind} of {len(data)} bytes", raw=data[:MAX_RAW])

    def _fault(self, channel: int, data: bytes) -> Measurement:
        if len(data) == 9:
            self._probes[channel] = w1_name(data[1:])
        if data[0] in (frame.FAULT_NOT_READY, frame.FAULT_STUCK_LOW):
            quantity, name = "raw_counts", f"hx711-{channel}"
        else:
            quantity, name = "temperature_c", self._probes.get(channel, f"onewire-{channel}")
        return Measurement(quantity=quantity, value=None, state="disconnected", channel=name, raw=data)


def w1_name(rom: bytes) -> str:
    """A 1-wire id as Linux names its directory: eight bytes as on the bus -> `28-00000a1b2c3d`."""
    return f"{rom[0]:02x}-{rom[6:0:-1].hex()}"


def _load_cell(channel: str, counts: int, raw: bytes) -> Measurement:
    state = {HX711_HIGHEST: "overload", HX711_LOWEST: "underload"}.get(counts, "ok")
    value = float(counts) if state == "ok" else None
    return Measurement(quantity="raw_counts", value=value, state=state, channel=channel, raw=raw)


def _records(body: bytes) -> Iterator[tuple[int, int, bytes]]:
    at = 0
    while at + _RECORD.size <= len(body):
        channel, kind, length = _RECORD.unpack_from(body, at)
        at += _RECORD.size
        yield channel, kind, body[at : at + length]
        at += length
