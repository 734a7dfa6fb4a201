"""Finds frames in a stream of bytes that may begin anywhere and contain anything.

A format supplies one pure function that looks at the start of the buffer and says `Frame`, `Skip`, `Wait` or `Reject`.
A rejected start costs one byte, never a whole frame: the next good frame often begins inside a broken one. A run of
rejected bytes becomes one `BadFrame`. For any chunking to give the same events, a format's verdict on a longer buffer
must not differ from the one it gave on a shorter one, except after `Wait`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pawon_firmware_bridge.measurement import MAX_RAW, BadFrame, Measurement
from pawon_firmware_bridge.protocols.habits import Habits

GARBAGE_REPORT = 256
"""Bytes of endless garbage after which one BadFrame is given: about four a second at 9600 baud, so that a wrong baud
rate is noticed at once and does not flood the log."""

NOISE = "not a frame"


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """A whole frame starts the buffer: it is `length` bytes long and says `event`.

    `unit` and `shape` are for `Habits`: a frame that differs from the stream's others in them is not believed. Left
    out by formats that carry no unit; `shape` also by those of fixed width, in which nothing can move unnoticed.
    """

    length: int
    event: Measurement | BadFrame
    unit: str = ""
    shape: int = 0


@dataclass(frozen=True, slots=True)
class Skip:
    """Bytes that belong to the protocol and say nothing: an acknowledgement, a blank line."""

    length: int


@dataclass(frozen=True, slots=True)
class Reject:
    """No frame starts here, whatever may follow; `length` bytes of the buffer are garbage."""

    reason: str = NOISE
    length: int = 1


class Wait:
    """A frame may start here; more bytes will tell."""


WAIT = Wait()
REJECT = Reject()
Verdict = Frame | Skip | Reject | Wait
Judge = Callable[[bytes], Verdict]


class Resynchroniser:
    """Feeds a format's judge and coalesces garbage; the buffer never holds more than `longest` bytes and one chunk.

    `longest` is the length in bytes from which the judge no longer answers `Wait`. A judge with a memory is asked about
    each start until it answers something else than `Wait`, then never again.
    """

    def __init__(self, judge: Judge, *, longest: int) -> None:
        self._judge = judge
        self._longest = longest
        self._habits = Habits()
        self._buffer = b""
        self._garbage = b""
        self._garbage_length = 0
        self._garbage_reason = NOISE
        self.wasted = 0

    @property
    def held(self) -> int:
        """Bytes held between two calls of `feed`."""
        return len(self._buffer) + len(self._garbage)

    @property
    def waiting(self) -> int:
        """Bytes at the end of the stream that may become a frame."""
        return len(self._buffer)

    def feed(self, data: bytes, /) -> list[Measurement | BadFrame]:
        """Take bytes as they come; return what they complete."""
        buffer = self._buffer + data
        events: list[Measurement | BadFrame] = []
        start = 0
        judge, longest = self._judge, self._longest
        while start < len(buffer):
            verdict = judge(buffer[start : start + longest])
            if isinstance(verdict, Frame):
                if self._garbage_length:
                    events += self._report_garbage()
                events.append(self._believe(verdict) if verdict.unit else verdict.event)
            elif isinstance(verdict, Reject):
                events += self._waste(buffer[start : start + verdict.length], verdict.reason)
            elif isinstance(verdict, Wait):
                break
            start += verdict.length
        self._buffer = buffer[start:]
        return events

    def finish(self) -> list[Measurement | BadFrame]:
        """No more bytes will come: report what is left as garbage."""
        events: list[Measurement | BadFrame] = []
        while self._buffer:
            first, rest, self._buffer = self._buffer[:1], self._buffer[1:], b""
            events += self._waste(first, "cut off")
            events += self.feed(rest)
        return events + self._report_garbage()

    def _believe(self, frame: Frame) -> Measurement | BadFrame:
        event = frame.event
        if isinstance(event, BadFrame) or event.value is None:
            return event
        reason = self._habits.refuse(frame.unit, frame.shape)
        return BadFrame(reason=reason, raw=event.raw) if reason else event

    def _waste(self, run: bytes, reason: str) -> list[Measurement | BadFrame]:
        events: list[Measurement | BadFrame] = []
        self.wasted += len(run)
        while run:
            # Cut where a report is due, so that a run judged at once is told like one judged byte by byte.
            part, run = run[: GARBAGE_REPORT - self._garbage_length], run[GARBAGE_REPORT - self._garbage_length :]
            self._garbage += part[: MAX_RAW - len(self._garbage)]
            if self._garbage_reason == NOISE:
                self._garbage_reason = reason
            self._garbage_length += len(part)
            if self._garbage_length >= GARBAGE_REPORT:
                events += self._report_garbage()
        return events

    def _report_garbage(self) -> list[Measurement | BadFrame]:
        if not self._garbage_length:
            return []
        bad = BadFrame(reason=self._garbage_reason, raw=self._garbage)
        self._garbage, self._garbage_length, self._garbage_reason = b"", 0, NOISE
        return [bad]
