r"""The `ST,GS,+ 0.876kg` family: A&D, CAS 18 and 22 bytes, Brecknell, Digiweigh, Dini Argeo, many rebadged indicators.

`ST` stable, `US` moving, `OL` over, `UL` under; `GS`/`G` gross, `NT`/`N` net, `TR` tare (absent in the A&D 17-byte
format); in the CAS 22-byte format an id byte and a lamp byte; seven or eight characters of weight; the unit; CR LF.
Sources: A&D EK-L and GC manuals, CAS CI-400 and CI-600D manuals, Brecknell S122, Dini Argeo DGT.

The format has no checksum, so two more things are watched. A device sends frames of one length: a frame of another
length has probably lost a digit, and is refused until a second one in a row has the same length. And a device
measures in one unit: a frame in another one is refused, because somebody pressed the unit key and the labels, limits
and stock of this place are written for the old one; opening the port again accepts the new unit.
"""

from __future__ import annotations

import re
from dataclasses import replace

from pawon_firmware_bridge.measurement import MAX_RAW, BadFrame, Measurement
from pawon_firmware_bridge.protocols.printed_mass import grams
from pawon_firmware_bridge.protocols.resynchroniser import REJECT, WAIT, Frame, Resynchroniser, Verdict

MAX_LENGTH = 32
"""Bytes; the longest known format (CAS) has 22."""

_LINE = re.compile(
    rb"(?P<head>ST|US|OL|UL),"
    rb"(?:(?P<load>GS|NT|TR|G|N|T),)?"
    rb"(?:[\x20-\x7e][\x80-\xff],)?"
    rb" *(?P<sign>[+-]?) *(?P<number>[0-9]+\.?[0-9]*|\.[0-9]+) *,? *(?P<unit>kg|KG|g|lb) *\r?\n"
)
# What is in the weight field of an overload frame differs by maker and means nothing; no comma, so that a cut-off head
# cannot swallow the good frame behind it.
_ERROR = re.compile(
    rb"(?P<head>OL|UL)(?:,(?P<load>GS|NT|TR|G|N|T))?(?:,[\x20-\x7e][\x80-\xff])?(?:,[\x20-\x2b\x2d-\x7e]{0,16})?\r?\n"
)
_LOADS = {b"GS": "gross", b"G": "gross", b"NT": "net", b"N": "net", b"TR": "tare", b"T": "tare"}
_STATES = {b"OL": "overload", b"UL": "underload"}
_HEADS = (b"ST,", b"US,", b"OL,", b"UL,", b"OL\r", b"UL\r", b"OL\n", b"UL\n")


class StGsParser(Resynchroniser):
    """One indicator's stream; remembers its unit and frame length from its first frame."""

    def __init__(self) -> None:
        super().__init__(self._judge_line, longest=MAX_LENGTH)
        self._unit = ""
        self._length = 0
        self._strange_length = 0

    def _judge_line(self, buffer: bytes) -> Verdict:
        verdict = _judge(buffer)
        if not isinstance(verdict, Frame) or isinstance(verdict.event, BadFrame) or verdict.event.value is None:
            return verdict
        reason = self._refuse_unit(_unit_of(verdict.event.raw)) or self._refuse_length(verdict.length)
        return replace(verdict, event=BadFrame(reason=reason, raw=verdict.event.raw)) if reason else verdict

    def _refuse_unit(self, unit: str) -> str:
        self._unit = self._unit or unit
        return "" if unit == self._unit else f"unit changed from {self._unit} to {unit}"

    def _refuse_length(self, length: int) -> str:
        if self._length in (0, length) or self._strange_length == length:
            self._length, self._strange_length = length, 0
            return ""
        self._strange_length = length
        return f"frame of {length} bytes in a stream of {self._length}"


def _judge(buffer: bytes) -> Verdict:
    if not any(buffer.startswith(head[: len(buffer)]) for head in _HEADS):
        return REJECT
    end = buffer.find(b"\n", 0, MAX_LENGTH)
    if end < 0:
        return WAIT if len(buffer) < MAX_LENGTH else REJECT
    line = buffer[: end + 1]
    error = _ERROR.fullmatch(line)
    if error is not None:
        state, load = _STATES[error["head"]], _LOADS.get(error["load"])
        event = Measurement(quantity="mass_g", value=None, state=state, load=load, raw=line[:MAX_RAW])
        return Frame(length=len(line), event=event)
    match = _LINE.fullmatch(line)
    if match is None:
        return REJECT
    value = grams((match["sign"] + match["number"]).decode(), match["unit"].decode().lower())
    stable, load = match["head"] == b"ST", _LOADS.get(match["load"])
    event = Measurement(quantity="mass_g", value=value, stable=stable, load=load, raw=line[:MAX_RAW])
    return Frame(length=len(line), event=event)


def _unit_of(line: bytes) -> str:
    match = _LINE.fullmatch(line)
    assert match is not None
    return match["unit"].decode().lower()


def encode(kilograms: str, *, stable: bool, load: str = "gross") -> bytes:
    """The AND 18-byte frame of a weight printed as eight characters, such as `+00013.5`; used by the simulator."""
    head = b"ST" if stable else b"US"
    return head + (b",GS," if load == "gross" else b",NT,") + kilograms.encode() + b"kg\r\n"


def encode_error(state: str) -> bytes:
    """The frame of `overload` or `underload`."""
    return (b"OL" if state == "overload" else b"UL") + b",GS,+0000000kg\r\n"
