"""Yaohua XK3190-A12 and A12E, continuous output in the `ww` format: 13 bytes, 8N1, usually 9600 baud.

`ww` gross, `wn` net or `wt` tare, seven characters of weight (the first is `-` if negative), `kg`, CR LF. Seen in
public driver code. No checksum, no word on stability or overload.
"""

from __future__ import annotations

from pawon_firmware_bridge.measurement import Measurement
from pawon_firmware_bridge.protocols.fixed_frame import fixed_frame
from pawon_firmware_bridge.protocols.printed_mass import field_grams
from pawon_firmware_bridge.protocols.resynchroniser import REJECT, Frame, Resynchroniser, Verdict

LENGTH = 13
UNIT = "kg"
LOADS = {ord("w"): "gross", ord("n"): "net", ord("t"): "tare"}


def parser() -> Resynchroniser:
    return Resynchroniser(judge, longest=LENGTH)


def _read(frame: bytes) -> Verdict:
    value = field_grams(frame[2:9], UNIT)
    if value is None:
        return REJECT
    event = Measurement(quantity="mass_g", value=value, load=LOADS[frame[1]], raw=frame)
    return Frame(length=LENGTH, event=event)


judge = fixed_frame(rb"w[wnt][-0-9][0-9.]{6}kg\r\n", read=_read)


def encode(kilograms: str, *, load: str = "gross") -> bytes:
    """The frame of a weight printed as seven characters, such as `004.139`; used by the simulator."""
    letter = next(letter for letter, name in LOADS.items() if name == load)
    return b"w%c%bkg\r\n" % (letter, kilograms.encode())
