"""Finds frames in a stream of bytes that may begin anywhere and contain anything.

A format supplies one pure function that looks at the start of the buffer and says `Frame`, `Wait` or `Reject`.
A rejected start costs one byte, never a whole frame: the next good frame often begins inside a broken one. A run of
rejected bytes becomes one `BadFrame`. For any chunking to give the same events, a format's verdict on a longer buffer
must not differ from the one it gave on a shorter one, except after `Wait`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pawon_firmware_bridge.measurement import MAX_RAW, BadFrame, Measurement

GARBAGE_REPORT = 256
"""Bytes of endless garbage after which one BadFrame is given: about four a second at 9600 baud, so that a wrong baud
rate is noticed at once and does not flood the log."""

NOISE = "not a frame"


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """A whole frame starts the buffer: it is `length` bytes long and says `event`."""

    length: int
    event: Measurement | BadFrame


@dataclass(frozen=True, slots=True)
class Reject:
    """No frame starts here, whatever may follow."""

    reason: str = NOISE


class Wait:
    """A frame may start here; more bytes will tell."""


WAIT = Wait()
REJECT = Reject()
Verdict = Frame | Reject | Wait


class Resynchroniser:
    """Feeds a format's judge and coalesces garbage; the buffer never holds more than `longest` bytes and one chunk.

    `longest` is the length in bytes from which the judge no longer answers `Wait`.
    """

    def __init__(self, judge: Callable[[bytes], Verdict], *, longest: int) -> None:
        self._judge = judge
        self._longest = longest
        self._buffer = b""
        self._garbage = b""
        self._garbage_length = 0
        self._garbage_reason = NOISE

    @property
    def held(self) -> int:
        """Bytes held between two calls of `feed`."""
        return len(self._buffer) + len(self._garbage)

    def feed(self, data: bytes, /) -> list[Measurement | BadFrame]:
        """Take bytes as they come; return what they complete."""
        buffer = self._buffer + data
        events: list[Measurement | BadFrame] = []
        start = 0
        while start < len(buffer):
            verdict = self._judge(buffer[start : start + self._longest])
            if isinstance(verdict, Wait):
                break
            if isinstance(verdict, Reject):
                events += self._waste(buffer[start : start + 1], verdict.reason)
                start += 1
                continue
            events += self._report_garbage()
            events.append(verdict.event)
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

    def _waste(self, byte: bytes, reason: str) -> list[Measurement | BadFrame]:
        if len(self._garbage) < MAX_RAW:
            self._garbage += byte
        if self._garbage_reason == NOISE:
            self._garbage_reason = reason
        self._garbage_length += 1
        return self._report_garbage() if self._garbage_length >= GARBAGE_REPORT else []

    def _report_garbage(self) -> list[Measurement | BadFrame]:
        if not self._garbage_length:
            return []
        bad = BadFrame(reason=self._garbage_reason, raw=self._garbage)
        self._garbage, self._garbage_length, self._garbage_reason = b"", 0, NOISE
        return [bad]
