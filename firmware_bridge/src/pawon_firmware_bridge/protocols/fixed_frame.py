r"""Frames of one length in which every place has its own set of allowed bytes.

A layout is written as a regular expression of single bytes and sets, each with an optional count:
`\x02[+-][0-9]{6}[0-4][0-9A-F]{2}\x03`. A start that cannot become such a frame is known at its first wrong byte, so a
frame that was cut off never delays the good one behind it.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from pawon_firmware_bridge.protocols.resynchroniser import REJECT, WAIT, Judge, Verdict

_ITEM = re.compile(rb"(\[(?:\\.|[^\]\\])+\]|\\x[0-9a-f]{2}|\\.|[^\\])(?:\{([0-9]+)\})?", re.DOTALL)


def fixed_frame(*layouts: bytes, read: Callable[[bytes], Verdict]) -> Judge:
    """A judge for frames of any of the layouts, all of one length; `read` says what a whole frame means."""
    columns = [[item for item, count in _ITEM.findall(layout) for _ in range(int(count or 1))] for layout in layouts]
    length = len(columns[0])
    assert all(len(row) == length for row in columns), "layouts of several lengths"
    whole = re.compile(b"|".join(layouts)).fullmatch
    # Each place is optional, but only as long as all places before it are there.
    beginning = re.compile(b"|".join(b"(?:".join(row) + b")?" * (length - 1) for row in columns)).fullmatch

    def judge(buffer: bytes) -> Verdict:
        frame = buffer[:length]
        if whole(frame):
            return read(frame)
        return WAIT if len(frame) < length and beginning(frame) else REJECT

    return judge
