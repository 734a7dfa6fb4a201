"""Yaohua XK3190-A12 and A12E, continuous output in the `WG` format: 15 bytes, 8N1, usually 9600 baud.

`W`, `G` gross or `N` net, seven characters of weight (the first is `-` if negative, the last a space if there is no
point), `kg`, the exclusive or of bytes 1-11 as two hex characters, CR LF. Overload and under -20 divisions are nine
spaces and `OL` or `LO`. Source: XK3190-A12/A12E manual p. 13. The format does not say whether the weight is stable.
"""

from __future__ import annotations

import re

from pawon_firmware_bridge.measurement import Measurement
from pawon_firmware_bridge.protocols.exclusive_or import checksum
from pawon_firmware_bridge.protocols.printed_mass import grams
from pawon_firmware_bridge.protocols.resynchroniser import REJECT, WAIT, Frame, Reject, Resynchroniser, Verdict

LENGTH = 15
ERRORS = {b" " * 9 + b"OL": "overload", b" " * 9 + b"LO": "underload"}

_WEIGHT = re.compile(rb"W([GN])(-?[0-9]+(?:\.[0-9]+| )?)kg")
_STARTS = (b"WG", b"WN", b" " * 9 + b"OL", b" " * 9 + b"LO")


def parser() -> Resynchroniser:
    return Resynchroniser(judge, longest=LENGTH)


def judge(buffer: bytes) -> Verdict:
    """One frame at the start of the buffer, or the reason why there is none."""
    if not any(buffer.startswith(start[: len(buffer)]) for start in _STARTS):
        return REJECT
    if len(buffer) < LENGTH:
        return WAIT
    body, check, end = buffer[:11], buffer[11:13], buffer[13:LENGTH]
    error = ERRORS.get(body)
    weight = _WEIGHT.fullmatch(body)
    if (error is None and weight is None) or end != b"\r\n":
        return REJECT
    if check != checksum(body):
        return Reject("checksum")
    raw = buffer[:LENGTH]
    if weight is None:
        return Frame(length=LENGTH, event=Measurement(quantity="mass_g", value=None, state=error or "", raw=raw))
    load = "gross" if weight[1] == b"G" else "net"
    value = grams(weight[2].decode().strip(), "kg")
    return Frame(length=LENGTH, event=Measurement(quantity="mass_g", value=value, load=load, raw=raw))


def encode(kilograms: str, *, load: str = "gross") -> bytes:
    """The frame of a weight printed as seven characters, such as `004.139` or `-12.450`; used by the simulator."""
    body = b"W" + (b"G" if load == "gross" else b"N") + kilograms.encode().ljust(7)[:7] + b"kg"
    return body + checksum(body) + b"\r\n"


def encode_error(state: str) -> bytes:
    """The frame of `overload` or `underload`."""
    body = next(body for body, name in ERRORS.items() if name == state)
    return body + checksum(body) + b"\r\n"
