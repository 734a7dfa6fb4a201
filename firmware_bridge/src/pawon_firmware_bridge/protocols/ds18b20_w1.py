"""The text in which Linux hands over a DS18B20: one read of `w1_slave`, two lines.

The first line shows the bytes of this reading and the kernel's verdict on them, the second the bytes of the last good
reading and its temperature. Source: Linux Documentation/w1/slaves/w1_therm.rst and drivers/w1/slaves/w1_therm.c.
"""

from __future__ import annotations

import re
from dataclasses import replace

from pawon_firmware_bridge.ds18b20 import STEPS_PER_DEGREE, crc8, measurement
from pawon_firmware_bridge.measurement import MAX_RAW, BadFrame, Measurement
from pawon_firmware_bridge.protocols.resynchroniser import REJECT, WAIT, Frame, Reject, Resynchroniser, Verdict

LONGEST_TEXT = 96
"""Bytes of the two lines; the longest real text has 76 (39 and 37)."""

_TEXT = re.compile(
    rb"(?P<first>(?:[0-9a-f]{2} ){9}): crc=(?P<crc>[0-9a-f]{2}) (?P<verdict>YES|NO)\r?\n"
    rb"(?P<second>(?:[0-9a-f]{2} ){9})t=(?P<millidegrees>-?[0-9]{1,6})(?:\r?\n)?"
)
_FIRST_BYTES = re.compile(rb"(?:[0-9a-f]{2} ){0,9}(?:[0-9a-f]{0,2})|(?:[0-9a-f]{2} ){9}:.*", re.DOTALL)


def read_w1_text(text: bytes, channel: str) -> Measurement | BadFrame:
    """The whole content of one `w1_slave` file; `channel` is the name of its directory, such as `28-00000a1b2c3d`.

    An empty file is what the kernel gives when the probe vanished during the read.
    """
    if not text.strip():
        return BadFrame(reason="empty", raw=b"")
    match = _TEXT.fullmatch(text)
    if match is None:
        return BadFrame(reason="not a w1_slave text", raw=text[:MAX_RAW])
    event = _read(match)
    return replace(event, channel=channel) if isinstance(event, Measurement) else event


def parser() -> Resynchroniser:
    """For a stream of `w1_slave` texts one after another, as a logger or `cat` in a loop gives them."""
    return Resynchroniser(judge, longest=LONGEST_TEXT)


def judge(buffer: bytes) -> Verdict:
    """One text at the start of the buffer, or the reason why there is none."""
    if _FIRST_BYTES.fullmatch(buffer) is None:
        return REJECT
    second_line = buffer.find(b"\n") + 1
    end = buffer.find(b"\n", second_line) + 1
    if not (second_line and end):
        return WAIT if len(buffer) < LONGEST_TEXT else REJECT
    match = _TEXT.fullmatch(buffer[:end])
    if match is None:
        return REJECT
    event = _read(match)
    return Reject(event.reason) if isinstance(event, BadFrame) else Frame(length=end, event=event)


def _read(match: re.Match[bytes]) -> Measurement | BadFrame:
    first, second = bytes.fromhex(match["first"].decode()), bytes.fromhex(match["second"].decode())
    raw = match[0][:MAX_RAW]
    if match["verdict"] == b"NO":
        # The second line of a failed read shows the last good one: an old value, never to be used.
        return Measurement(quantity="temperature_c", value=None, state="crc", raw=raw)
    event = measurement(first, raw=raw)
    if event.state == "crc" or int(match["crc"], 16) != first[8]:
        return BadFrame(reason="checksum", raw=raw)
    millidegrees = int.from_bytes(first[:2], "little", signed=True) * 1000 / STEPS_PER_DEGREE
    # The kernel cuts the half millidegree off; more difference means that not all bytes are of one reading.
    if first != second or abs(millidegrees - int(match["millidegrees"])) >= 1:
        return BadFrame(reason="the two lines disagree", raw=raw)
    return event


def encode_w1_text(scratchpad: bytes, *, last_good: bytes | None = None) -> bytes:
    """The text the kernel's w1_therm driver gives for a scratchpad, with its own CRC verdict."""
    crc = crc8(scratchpad[:8])
    good = crc == scratchpad[8]
    shown = scratchpad if good or last_good is None else last_good
    steps = int.from_bytes(shown[:2], "little", signed=True)
    millidegrees = int(steps * 1000 / STEPS_PER_DEGREE)
    first = f"{scratchpad.hex(' ')} : crc={crc:02x} {'YES' if good else 'NO'}\n"
    return (first + f"{shown.hex(' ')} t={millidegrees}\n").encode()
