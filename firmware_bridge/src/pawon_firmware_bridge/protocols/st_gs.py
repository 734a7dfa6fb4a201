r"""The `ST,GS,+ 0.876kg` family: A&D, CAS 18 and 22 bytes, Brecknell, Digiweigh, Dini Argeo, many rebadged indicators.

`ST` stable, `US` moving, `OL` over, `UL` under; `GS`/`G` gross, `NT`/`N` net, `TR` tare (absent in the A&D 17-byte
format); in the CAS 22-byte format an id byte and a lamp byte; seven or eight characters of weight; the unit; CR LF.
Sources: A&D EK-L and GC manuals, CAS CI-400 and CI-600D manuals, Brecknell S122, Dini Argeo DGT.

The format has no checksum: a frame of another length than the one before has probably lost a digit, see `Habits`. An
indicator that prints its lines in yet another order is read with a pattern of the installer's, see `line_pattern`.
"""

from __future__ import annotations

import re

from pawon_firmware_bridge.measurement import Measurement
from pawon_firmware_bridge.protocols.line_pattern import HEADS, LOADS, PatternParser
from pawon_firmware_bridge.protocols.marked_line import marked_line
from pawon_firmware_bridge.protocols.printed_mass import grams
from pawon_firmware_bridge.protocols.resynchroniser import REJECT, Frame, Resynchroniser, Verdict

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
_MARKS = (b"ST,", b"US,", b"OL,", b"UL,", b"OL\r", b"UL\r", b"OL\n", b"UL\n")


def parser(pattern: str | None = None, unit: str = "kg") -> Resynchroniser:
    """One indicator's stream. `PatternError` for a pattern that cannot be used; `unit` where a pattern names none."""
    return Resynchroniser(judge, longest=MAX_LENGTH) if pattern is None else PatternParser(pattern, unit=unit)


def _read(line: bytes) -> Verdict:
    match = _LINE.fullmatch(line)
    if match is not None and match["head"] in (b"ST", b"US"):
        unit = match["unit"].decode().lower()
        value = grams((match["sign"] + match["number"]).decode(), unit)
        stable, load = match["head"] == b"ST", LOADS.get(match["load"])
        event = Measurement(quantity="mass_g", value=value, stable=stable, load=load, raw=line)
        return Frame(length=len(line), event=event, unit=unit, shape=len(line))
    error = _ERROR.fullmatch(line)
    if error is None:
        return REJECT
    state, load = HEADS[error["head"]], LOADS.get(error["load"])
    return Frame(length=len(line), event=Measurement(quantity="mass_g", value=None, state=state, load=load, raw=line))


judge = marked_line(*_MARKS, longest=MAX_LENGTH, read=_read)


def encode(kilograms: str, *, stable: bool, load: str = "gross") -> bytes:
    """The frame of a weight printed as seven or eight characters, such as `+  0.876`; used by the simulator."""
    head = b"ST" if stable else b"US"
    return head + (b",GS," if load == "gross" else b",NT,") + kilograms.encode() + b"kg\r\n"


def encode_error(state: str) -> bytes:
    """The frame of `overload` or `underload`."""
    return (b"OL" if state == "overload" else b"UL") + b",GS,+0000000kg\r\n"
