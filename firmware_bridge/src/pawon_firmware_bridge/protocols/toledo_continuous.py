"""Toledo continuous output: 17 bytes, or 18 with a checksum; 8N1 or 7E1, usually 9600 baud.

STX, status words A, B and C, six characters of weight, six of tare, CR, and the two's complement of the low seven bits
of the sum of all before. A: bits 0-2 place of the point (2 X, 3 .X, 4 .XX), 3-4 step, 5 set. B: bit 0 net, 1 negative,
2 out of range, 3 motion, 4 kilograms (else pounds), 5 set, 6 not zeroed since power-up. C: bits 0-2 other units, 4
display expanded tenfold (refused: what the digits then mean differs by model), 5 set.
Source: Mettler Toledo IND560 technical manual, appendix D.
"""

from __future__ import annotations

from pawon_firmware_bridge.measurement import BadFrame, Measurement
from pawon_firmware_bridge.protocols.fixed_frame import fixed_frame
from pawon_firmware_bridge.protocols.printed_mass import scaled_grams
from pawon_firmware_bridge.protocols.resynchroniser import REJECT, Frame, Reject, Resynchroniser, Verdict

LENGTH = 17
CHECKED_LENGTH = 18

NET, NEGATIVE, OUT_OF_RANGE, MOTION, KILOGRAMS, NOT_ZEROED = 1, 2, 4, 8, 16, 64
POINT_OF_WHOLE_NUMBERS = 2
OTHER_UNITS = {1: "g", 2: "t", 3: "oz"}

_LAYOUT = rb"\x02[\x20-\x3f][\x20-\x3f\x60-\x7f][\x20-\x2f\x60-\x6f][ 0-9]{6}[ 0-9]{6}\r"
_CHECKSUM = Reject("checksum")


def parser() -> Resynchroniser:
    return Resynchroniser(judge, longest=LENGTH)


def checked_parser() -> Resynchroniser:
    return Resynchroniser(judge_checked, longest=CHECKED_LENGTH)


def checksum(data: bytes) -> int:
    """Two's complement of the low seven bits of the sum."""
    return -sum(data) & 0x7F


def _read_checked(frame: bytes) -> Verdict:
    return _read(frame) if frame[LENGTH] == checksum(frame[:LENGTH]) else _CHECKSUM


def _read(frame: bytes) -> Verdict:
    word_a, word_b, word_c = frame[1:4]
    length = len(frame)
    unit = OTHER_UNITS.get(word_c & 7, "") if word_c & 7 else ("kg" if word_b & KILOGRAMS else "lb")
    if not unit:
        return Frame(length=length, event=BadFrame(reason=f"unit {word_c & 7} is not known", raw=frame))
    state = _state(word_b)
    load = "net" if word_b & NET else "gross"
    decimals = (word_a & 7) - POINT_OF_WHOLE_NUMBERS
    tare_g = _field(frame[10:16], decimals, unit)
    if state != "ok":
        event = Measurement(quantity="mass_g", value=None, state=state, load=load, tare_g=tare_g, raw=frame)
        return Frame(length=length, event=event)
    value = _field(frame[4:10], decimals, unit, negative=bool(word_b & NEGATIVE))
    if value is None:
        return REJECT
    stable = not word_b & MOTION
    event = Measurement(quantity="mass_g", value=value, stable=stable, load=load, tare_g=tare_g, raw=frame)
    # Without a checksum a flipped bit in word A would move the point.
    return Frame(length=length, event=event, unit=unit, shape=word_a)


def _state(word_b: int) -> str:
    if word_b & OUT_OF_RANGE:
        return "underload" if word_b & NEGATIVE else "overload"
    return "power_on" if word_b & NOT_ZEROED else "ok"


def _field(field: bytes, decimals: int, unit: str, *, negative: bool = False) -> float | None:
    digits = field.lstrip(b" ")
    if not digits.isdigit():
        return None
    number = int(digits)
    return scaled_grams(-number if negative else number, decimals, unit)


judge = fixed_frame(_LAYOUT, read=_read)
judge_checked = fixed_frame(_LAYOUT + rb"[\x00-\x7f]", read=_read_checked)


def encode(
    number: int, decimals: int, *, stable: bool, load: str = "gross", tare: int = 0, state: str = "ok", checked: bool
) -> bytes:
    """The frame of `number` steps of the last digit, in kilograms; used by the simulator."""
    word_b = 0x20 | KILOGRAMS | (NET if load == "net" else 0) | (0 if stable else MOTION)
    word_b |= NEGATIVE if number < 0 or state == "underload" else 0
    word_b |= OUT_OF_RANGE if state in ("overload", "underload") else 0
    words = bytes([0x28 | (decimals + POINT_OF_WHOLE_NUMBERS), word_b, 0x20])
    frame = b"\x02" + words + f"{abs(number):6d}{tare:6d}\r".encode()
    return frame + bytes([checksum(frame)]) if checked else frame
