"""Mettler Toledo MT-SICS level 0: the scale answers commands; lines end with CR LF; 8N1, usually 9600 baud.

`S` asks for a stable weight, `SI` for one at once, `SIR` for a stream of them, `@` and `S` end it. Answer: `S`, status
(`S` stable, `D` moving), ten characters right-aligned, unit. `S I` not ready, `S +` over, `S -` under; `ES` syntax,
`ET` transmission, `EL` logical error; `TA A` with a weight is the tare. Source: MT-SICS reference manual.
"""

from __future__ import annotations

import re

from pawon_firmware_bridge.measurement import BadFrame, Measurement
from pawon_firmware_bridge.protocols.marked_line import marked_line
from pawon_firmware_bridge.protocols.poll import AskWhenSilent, Dialogue
from pawon_firmware_bridge.protocols.printed_mass import GRAMS_PER_UNIT, field_grams
from pawon_firmware_bridge.protocols.resynchroniser import REJECT, Frame, Resynchroniser, Verdict

MAX_LENGTH = 24
"""Bytes; the longest known line, a tare in milligrams, has 20."""

ANSWER_LENGTH = 19
STATES = {b"S +": "overload", b"S -": "underload"}
FAULTS = {b"S I": "not ready", b"ES": "syntax error", b"ET": "transmission error", b"EL": "logical error"}

_WEIGHT = re.compile(rb"(S S|S D|TA A) ([ 0-9.+-]{10}) ([A-Za-z]{1,3}) *")


def parser() -> Resynchroniser:
    return Resynchroniser(judge, longest=MAX_LENGTH)


def _read(line: bytes) -> Verdict:
    text = line[:-2]
    if not line.endswith(b"\r\n"):
        return REJECT
    if text in FAULTS:
        return Frame(length=len(line), event=BadFrame(reason=FAULTS[text], raw=line))
    if text in STATES:
        return Frame(length=len(line), event=Measurement(quantity="mass_g", value=None, state=STATES[text], raw=line))
    match = _WEIGHT.fullmatch(text)
    if match is None:
        return REJECT
    unit = match[3].decode()
    if unit not in GRAMS_PER_UNIT:
        return Frame(length=len(line), event=BadFrame(reason=f"unit {unit} is no mass", raw=line))
    value = field_grams(match[2], unit)
    if value is None:
        return REJECT
    tare = match[1] == b"TA A"
    event = Measurement(
        quantity="mass_g",
        value=value,
        stable=None if tare else match[1] == b"S S",
        load="tare" if tare else None,
        raw=line,
    )
    return Frame(length=len(line), event=event, unit=unit)


judge = marked_line(
    b"S S ", b"S D ", b"TA A ", *(text + b"\r" for text in (*STATES, *FAULTS)), longest=MAX_LENGTH, read=_read
)


def dialogue() -> Dialogue:
    """Ask for a stream; a scale that does not know `SIR` is asked for single weights."""
    return AskWhenSilent(b"SIR\r\n", answer_length=ANSWER_LENGTH, refusal=b"ES\r\n", fallback=b"SI\r\n")


def encode(number: str, unit: str = "kg", *, stable: bool) -> bytes:
    """The line of a printed number such as `13.500`; used by the simulator."""
    return f"S {'S' if stable else 'D'} {number:>10} {unit}\r\n".encode()


def encode_error(state: str) -> bytes:
    """The line of `overload` or `underload`."""
    return next(text for text, name in STATES.items() if name == state) + b"\r\n"
