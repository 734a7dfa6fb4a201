"""Lines without a mark at their start: one is believed only as a whole, from line feed to line feed.

The tail of a spoiled line may look like a good one (`1` and `0013.500` are not 0013.500), so what follows garbage waits
for the next line. The first line of a stream is believed too: it is whole, or its shape is wrong.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from pawon_firmware_bridge.protocols.resynchroniser import WAIT, Reject, Resynchroniser, Skip, Verdict


class WholeLines(Resynchroniser):
    """`read` gets a line of at most `longest` bytes, its end (one of `ends`) included; a refused one is garbage."""

    def __init__(self, read: Callable[[bytes], Verdict], *, longest: int, ends: bytes = b"\n") -> None:
        super().__init__(self._judge_line, longest=longest)
        self._read = read
        self._end = re.compile(b"[" + re.escape(ends) + b"]").search
        self._inside = False

    def _judge_line(self, buffer: bytes) -> Verdict:
        match = self._end(buffer)
        end = match.end() if match else 0
        if self._inside or (not end and len(buffer) >= self._longest):
            self._inside = not end
            return Reject(length=end or len(buffer))
        if not end:
            return WAIT
        line = buffer[:end]
        if not line.strip():
            return Skip(end)
        verdict = self._read(line)
        return Reject(verdict.reason, end) if isinstance(verdict, Reject) else verdict
