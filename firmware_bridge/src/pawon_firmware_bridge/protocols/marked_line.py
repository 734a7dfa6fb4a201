"""Lines of varying length that begin with a mark and end with a line feed."""

from __future__ import annotations

from collections.abc import Callable

from pawon_firmware_bridge.protocols.resynchroniser import REJECT, WAIT, Judge, Verdict


def marked_line(*marks: bytes, longest: int, read: Callable[[bytes], Verdict]) -> Judge:
    """A judge for lines of at most `longest` bytes; `read` gets a whole one, line feed included."""

    def judge(buffer: bytes) -> Verdict:
        if not buffer.startswith(marks) and not any(mark.startswith(buffer) for mark in marks):
            return REJECT
        end = buffer.find(b"\n", 0, longest) + 1
        if end:
            return read(buffer[:end])
        return WAIT if len(buffer) < longest else REJECT

    return judge
