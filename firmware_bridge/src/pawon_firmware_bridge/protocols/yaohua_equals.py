"""Yaohua indicators' `=` formats: nine bytes, no checksum, no unit, no word on stability; 8N1, usually 9600 baud.

Reversed (A26 format 1): `=`, seven characters low digit first, `0` or `-`: 3.000 is `=000.3000`. Forward (format 2):
`=`, `0` or `-`, seven characters high digit first: `=0003.000`. Many bytes are good in both directions and mean
different weights, so a person chooses, with a known mass on the scale. Source: XK3190-A9+ manual; kilograms are taken.

A frame says where it begins and not where it ends: `=0012.` and `0086.790` with some bytes lost between them look like
one of 12.008. So a frame is believed when the next one begins, a tenth of a second later.
"""

from __future__ import annotations

from pawon_firmware_bridge.measurement import BadFrame, Measurement
from pawon_firmware_bridge.protocols.fixed_frame import fixed_frame
from pawon_firmware_bridge.protocols.printed_mass import field_grams
from pawon_firmware_bridge.protocols.resynchroniser import REJECT, Frame, Judge, Resynchroniser, Skip, Verdict

LENGTH = 9
UNIT = "kg"


class EqualsParser(Resynchroniser):
    """One direction's stream."""

    def __init__(self, judge: Judge) -> None:
        super().__init__(lambda buffer: Skip(1) if buffer[:1] in (b"\r", b"\n") else judge(buffer), longest=LENGTH + 1)

    def finish(self) -> list[Measurement | BadFrame]:
        """The last frame of a capture has nothing behind it and is believed for that."""
        return [*self.feed(b"\n"), *super().finish()]


def reversed_parser() -> EqualsParser:
    return EqualsParser(judge_reversed)


def forward_parser() -> EqualsParser:
    return EqualsParser(judge_forward)


def _read(frame: bytes, field: bytes) -> Verdict:
    value = field_grams(field, UNIT)
    if value is None:
        return REJECT
    return Frame(length=LENGTH, event=Measurement(quantity="mass_g", value=value, raw=frame))


# Some indicators set to these formats end their lines.
_END = rb"[=\r\n]"
judge_reversed = fixed_frame(
    rb"=[0-9.]{7}[0-]" + _END, read=lambda frame: _read(frame[:LENGTH], frame[LENGTH - 1 : 0 : -1])
)
judge_forward = fixed_frame(rb"=[0-][0-9.]{7}" + _END, read=lambda frame: _read(frame[:LENGTH], frame[1:LENGTH]))


def encode_forward(kilograms: str) -> bytes:
    """The frame of a weight printed as eight characters, such as `0003.000` or `-0001.00`; used by the simulator."""
    return b"=" + kilograms.encode()


def encode_reversed(kilograms: str) -> bytes:
    """The same weight, low digit first."""
    return b"=" + kilograms.encode()[::-1]
