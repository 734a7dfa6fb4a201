"""Frames of a Pawon sensor board -> events.

The board sends what its chips gave and judges nothing; saturated load cells are named here; scratchpads and words of
thermocouples go to the places that judge them (`ds18b20`, `thermocouple`). Frames that are missing are reported,
because a hole must be seen.
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Iterator

from pawon_firmware_bridge import ds18b20, thermocouple
from pawon_firmware_bridge.board.answers import BoardAnswer, BoardSelfTest, channel_name, read_self_test, w1_name
from pawon_firmware_bridge.firmware import frame
from pawon_firmware_bridge.measurement import MAX_RAW, BadFrame, BoardHello, BoardZero, Event, Measurement

__all__ = ["BoardAnswer", "BoardParser", "BoardSelfTest", "w1_name"]

HX711_HIGHEST, HX711_LOWEST = 0x7FFFFF, -0x800000
"""Counts at which the HX711 saturates (datasheet p. 4): beyond them it says nothing about the load."""

MAX_ANSWERS = 16
"""Answers kept for `take_answers`, and self-tests for `take_self_tests`; a host that never asks must not make the
parser grow."""

BACKWARDS = 0x8000
"""Half of the sequence's range: a jump beyond it is a board that counts anew, not 32,768 lost frames."""

_HELLO = struct.Struct("<8s3BB")
_ANSWER = struct.Struct("<HB")
_RECORD = struct.Struct("<BBB")


class BoardParser:
    """The stream of one board; a new one for every opening of the port."""

    def __init__(self) -> None:
        self._buffer = b""
        self._overlong = False
        self._expected: int | None = None
        self._probes: dict[int, str] = {}
        self._answers: deque[BoardAnswer] = deque(maxlen=MAX_ANSWERS)
        self._self_tests: deque[BoardSelfTest] = deque(maxlen=MAX_ANSWERS)
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

    def take_self_tests(self) -> list[BoardSelfTest]:
        """Self-tests since the last call, oldest first, at most `MAX_ANSWERS`."""
        tests = list(self._self_tests)
        self._self_tests.clear()
        return tests

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
        if kind == frame.TESTED and (test := read_self_test(body, self._probes)) is not None:
            self._self_tests.append(test)
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
        return [event for record in _records(body[4:]) for event in self._read_record(*record)]

    def _read_record(self, channel: int, kind: int, data: bytes) -> list[Event]:
        name = channel_name(channel, self._probes)
        match kind, len(data):
            case frame.KIND_HX711, 4:
                return [_load_cell(name, int.from_bytes(data, "little", signed=True), data)]
            case frame.KIND_ZERO, 4:
                return [BoardZero(channel=name, counts=int.from_bytes(data, "little", signed=True))]
            case frame.KIND_DS18B20, 17:
                self._probes[channel] = w1_name(data[:8])
                return [ds18b20.measurement(data[8:], channel=self._probes[channel], raw=data)]
            case frame.KIND_MAX31855, thermocouple.MAX31855_LENGTH:
                word = thermocouple.judge_max31855(data)
                return [
                    thermocouple.measurement(word.thermocouple, channel=name, raw=data),
                    thermocouple.measurement(word.junction, channel=f"{name}-junction", raw=data),
                ]
            case frame.KIND_MAX6675, thermocouple.MAX6675_LENGTH:
                return [thermocouple.measurement(thermocouple.judge_max6675(data), channel=name, raw=data)]
            case frame.KIND_SWITCH, 1 if data[0] in (0, 1):
                return [Measurement(quantity="door", value=float(data[0]), channel=name, raw=data)]
            case frame.KIND_FAULT, 1 | 9:
                return [self._fault(channel, data)]
        return [BadFrame(reason=f"unknown record {kind} of {len(data)} bytes", raw=data[:MAX_RAW])]

    def _fault(self, channel: int, data: bytes) -> Measurement:
        if len(data) == 9:
            self._probes[channel] = w1_name(data[1:])
        quantity = "raw_counts" if data[0] in (frame.FAULT_NOT_READY, frame.FAULT_STUCK_LOW) else "temperature_c"
        # A shorted bus reads as zeros; it is told as they are, whether the board noticed it or a scratchpad shows it.
        state = "zeros" if data[0] == frame.FAULT_BUS_SHORTED else "disconnected"
        name = channel_name(channel, self._probes)
        return Measurement(quantity=quantity, value=None, state=state, channel=name, raw=data)


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
