"""CAS retail scales (AP, PD, ER) asked by a till: ENQ, the scale says ACK, DC1, and the scale sends 15 bytes.

SOH, STX, `S` stable or `U` moving, sign (space, `-`, `F` over), six characters of weight, two of unit, the exclusive or
of bytes 3-12 as one byte, ETX, EOT. 8N1, usually 9600 baud. Source: CAS PD-II manual, protocol of point-of-sale tills.
"""

from __future__ import annotations

from functools import reduce
from operator import xor

from pawon_firmware_bridge.measurement import BadFrame, Measurement
from pawon_firmware_bridge.protocols.fixed_frame import fixed_frame
from pawon_firmware_bridge.protocols.poll import Dialogue
from pawon_firmware_bridge.protocols.printed_mass import GRAMS_PER_UNIT, field_grams
from pawon_firmware_bridge.protocols.resynchroniser import REJECT, Frame, Reject, Resynchroniser, Skip, Verdict

LENGTH = 15
ENQ, ACK, DC1, NAK = b"\x05", b"\x06", b"\x11", b"\x15"

_CHECKSUM = Reject("checksum")


def parser() -> Resynchroniser:
    return Resynchroniser(judge, longest=LENGTH)


def judge(buffer: bytes) -> Verdict:
    """One frame, or a byte of the conversation around it."""
    first = buffer[:1]
    if first == b"\x01":
        return _judge_frame(buffer)
    if first in (ENQ, ACK, DC1):
        return Skip(1)
    return Frame(length=1, event=BadFrame(reason="not ready", raw=NAK)) if first == NAK else REJECT


def _read(frame: bytes) -> Verdict:
    if frame[12] != reduce(xor, frame[2:12]):
        return _CHECKSUM
    stable = frame[2] == ord("S")
    if frame[3] == ord("F"):
        return Frame(length=LENGTH, event=Measurement(quantity="mass_g", value=None, state="overload", raw=frame))
    unit = frame[10:12].decode().strip()
    if unit not in GRAMS_PER_UNIT:
        return Frame(length=LENGTH, event=BadFrame(reason=f"unit {unit} is no mass", raw=frame))
    value = field_grams(frame[3:10], unit)
    if value is None:
        return REJECT
    event = Measurement(quantity="mass_g", value=value, stable=stable, raw=frame)
    return Frame(length=LENGTH, event=event, unit=unit)


_judge_frame = fixed_frame(rb"\x01\x02[SU][ F-][ 0-9.]{6}[ a-z]{2}[\x00-\x7f]\x03\x04", read=_read)


class Enquiry:
    """ENQ, and DC1 once the scale has said ACK; an ACK that was not asked for is left alone."""

    def __init__(self) -> None:
        self._open = False

    def ask(self) -> bytes:
        self._open = True
        return ENQ

    def hear(self, data: bytes, /) -> bytes:
        # Only the first byte after ENQ is the scale's word on it.
        answered, self._open = self._open and bool(data), self._open and not data
        return DC1 if answered and data[:1] == ACK else b""


def dialogue() -> Dialogue:
    return Enquiry()


def encode(field: str, unit: str = "kg", *, stable: bool, sign: str = " ") -> bytes:
    """The frame of six characters such as `01.234`; sign `F` is overload; used by the simulator."""
    body = f"{'S' if stable else 'U'}{sign}{field}{unit:>2}".encode()
    return b"\x01\x02" + body + bytes([reduce(xor, body)]) + b"\x03\x04"
