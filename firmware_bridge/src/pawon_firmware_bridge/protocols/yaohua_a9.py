"""Yaohua XK3190-A9, A9+, A26, DS and clones (Keli), continuous format 0: 12 bytes, 8N1, often 1200, 4800 or 9600 baud.

STX, sign, six digits with the high one first, the number of decimals `0`-`4`, the exclusive or of bytes 2-9 as two
hex characters, ETX. Source: XK3190-A9+ manual p. 10 and captured frames of public drivers. The unit is not in the
frame; these indicators show kilograms. The format says neither stability nor overload.
"""

from __future__ import annotations

import re

from pawon_firmware_bridge.measurement import Measurement
from pawon_firmware_bridge.protocols.exclusive_or import checksum
from pawon_firmware_bridge.protocols.printed_mass import grams
from pawon_firmware_bridge.protocols.resynchroniser import REJECT, WAIT, Frame, Reject, Resynchroniser, Verdict

LENGTH = 12
UNIT = "kg"

_BODY = re.compile(rb"([+-])([0-9]{6})([0-4])")


def parser() -> Resynchroniser:
    return Resynchroniser(judge, longest=LENGTH)


def judge(buffer: bytes) -> Verdict:
    """One frame at the start of the buffer, or the reason why there is none."""
    # A second STX cannot be part of a frame: the first one was cut off, and waiting would delay the good one.
    if buffer[:1] != b"\x02" or b"\x02" in buffer[1:LENGTH]:
        return REJECT
    if len(buffer) < LENGTH:
        return WAIT
    body, check, end = buffer[1:9], buffer[9:11], buffer[11:LENGTH]
    match = _BODY.fullmatch(body)
    if match is None or end != b"\x03":
        return REJECT
    if check != checksum(body):
        return Reject("checksum")
    digits, decimals = match[2].decode(), int(match[3])
    number = match[1].decode() + digits[: 6 - decimals] + "." + digits[6 - decimals :]
    value = grams(number.rstrip("."), UNIT)
    return Frame(length=LENGTH, event=Measurement(quantity="mass_g", value=value, raw=buffer[:LENGTH]))


def encode(sign: str, digits: str, decimals: int) -> bytes:
    """The frame of six digits, such as `+`, `012345`, 2 for +123.45; used by the simulator."""
    body = f"{sign}{digits}{decimals}".encode()
    return b"\x02" + body + checksum(body) + b"\x03"
