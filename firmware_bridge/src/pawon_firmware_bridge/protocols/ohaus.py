"""Ohaus Defender 3000 (T31, T32 indicators): 21 bytes; 8N1, usually 9600 baud; answers commands.

Polarity, space, seven characters of weight right-aligned, space, five of unit, `?` if moving, three of legend (`G`,
`NET`, `T`), CR LF. `IP` asks for one at once, `CP` for a stream, `0P` ends it. Source: Ohaus Defender 3000 manual.
No checksum, no mark at the start (a line is believed only as a whole), no frame for overload.
"""

from __future__ import annotations

import re

from pawon_firmware_bridge.measurement import BadFrame, Measurement
from pawon_firmware_bridge.protocols.poll import AskWhenSilent, Dialogue
from pawon_firmware_bridge.protocols.printed_mass import GRAMS_PER_UNIT, field_grams
from pawon_firmware_bridge.protocols.resynchroniser import REJECT, Frame, Resynchroniser, Verdict
from pawon_firmware_bridge.protocols.whole_lines import WholeLines

LENGTH = 21
_LAYOUT = re.compile(rb"[ -] [ 0-9.]{7} [A-Za-z:% ]{5}[ ?][GNET ]{3}\r\n")
LOADS = {b"G": "gross", b"NET": "net", b"T": "tare", b"": None}


def parser() -> Resynchroniser:
    return WholeLines(read, longest=LENGTH)


def read(frame: bytes) -> Verdict:
    """A whole line, CR LF included."""
    if _LAYOUT.fullmatch(frame) is None:
        return REJECT
    legend, unit = frame[16:19].strip(), frame[10:15].decode().strip()
    if legend not in LOADS:
        return REJECT
    if unit not in GRAMS_PER_UNIT:
        return Frame(length=LENGTH, event=BadFrame(reason=f"unit {unit} is no mass", raw=frame))
    value = field_grams(frame[:9], unit)
    if value is None:
        return REJECT
    stable = frame[15] != ord("?")
    event = Measurement(quantity="mass_g", value=value, stable=stable, load=LOADS[legend], raw=frame)
    return Frame(length=LENGTH, event=event, unit=unit)


def dialogue() -> Dialogue:
    """Ask for a stream; a scale that does not know `CP` is asked for single weights."""
    return AskWhenSilent(b"CP\r\n", answer_length=LENGTH, refusal=b"ES\r\n", fallback=b"IP\r\n")


def encode(kilograms: str, *, stable: bool, load: str = "gross") -> bytes:
    """The frame of a printed number such as `-12.345`; used by the simulator."""
    legend = next(legend for legend, name in LOADS.items() if name == load).decode()
    polarity = "-" if kilograms.startswith("-") else " "
    return f"{polarity} {kilograms.lstrip('-'):>7} {'kg':5}{' ' if stable else '?'}{legend:3}\r\n".encode()
