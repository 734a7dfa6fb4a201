r"""CAS indicators (CI-400, CI-600D and others) and what they imitate: 22 bytes, 10 bytes, and AND's 18 bytes.

22 bytes: `ST`/`US`/`OL`, `GS`/`NT`, an id byte and a lamp byte (neither is text), eight characters, a space, unit,
CR LF. 10 bytes: eight characters, CR LF, nothing else; kilograms are taken, and a line is believed only as a whole.
18 bytes: `ST,GS,`, eight characters filled with zeros, unit, CR LF. No checksum in any. 8N1, usually 9600 baud.
Sources: CAS CI-400 and CI-600D manuals.
"""

from __future__ import annotations

import re

from pawon_firmware_bridge.measurement import Measurement
from pawon_firmware_bridge.protocols.fixed_frame import fixed_frame
from pawon_firmware_bridge.protocols.printed_mass import GRAMS_PER_UNIT, field_grams
from pawon_firmware_bridge.protocols.resynchroniser import REJECT, Frame, Resynchroniser, Verdict
from pawon_firmware_bridge.protocols.whole_lines import WholeLines

CAS_22_LENGTH = 22
CAS_10_LENGTH = 10
AND_18_LENGTH = 18
CAS_10_UNIT = "kg"
LOADS = {b"GS": "gross", b"NT": "net"}

_CAS_10 = re.compile(rb"[-+ 0-9.]{8}\r\n")


def cas_22_parser() -> Resynchroniser:
    return Resynchroniser(judge_cas_22, longest=CAS_22_LENGTH)


def cas_10_parser() -> Resynchroniser:
    return WholeLines(read_cas_10, longest=CAS_10_LENGTH)


def and_18_parser() -> Resynchroniser:
    return Resynchroniser(judge_and_18, longest=AND_18_LENGTH)


def _read(frame: bytes, field: bytes, unit: str) -> Verdict:
    head, load = frame[:2], LOADS.get(frame[3:5])
    if load is None:
        return REJECT
    if head == b"OL":
        event = Measurement(quantity="mass_g", value=None, state="overload", load=load, raw=frame)
        return Frame(length=len(frame), event=event)
    if unit not in GRAMS_PER_UNIT or (value := field_grams(field, unit)) is None:
        return REJECT
    event = Measurement(quantity="mass_g", value=value, stable=head == b"ST", load=load, raw=frame)
    return Frame(length=len(frame), event=event, unit=unit)


def read_cas_10(line: bytes) -> Verdict:
    """A whole line, CR LF included."""
    value = field_grams(line[:8], CAS_10_UNIT) if _CAS_10.fullmatch(line) else None
    if value is None:
        return REJECT
    return Frame(length=CAS_10_LENGTH, event=Measurement(quantity="mass_g", value=value, raw=line))


_CAS_22_REST = rb",[GN][ST],[\x00-\xff][\x80-\xff],[-+ 0-9.]{8} [ kgl][gb ]\r\n"
_AND_18_REST = rb",[GN][ST],[-+ 0-9][0-9.]{7}[ kgl][gb ]\r\n"
judge_cas_22 = fixed_frame(
    rb"ST" + _CAS_22_REST,
    rb"US" + _CAS_22_REST,
    rb"OL,[GN][ST],[\x00-\xff][\x80-\xff],[\x20-\x7e]{11}\r\n",
    read=lambda frame: _read(frame, frame[9:17], frame[18:20].decode().strip()),
)
judge_and_18 = fixed_frame(
    rb"ST" + _AND_18_REST,
    rb"US" + _AND_18_REST,
    rb"OL,[GN][ST],[\x20-\x2b\x2d-\x7e]{8}[ kgl][gb ]\r\n",
    read=lambda frame: _read(frame, frame[6:14], frame[14:16].decode().strip()),
)

LAMPS, LAMP_STABLE, LAMP_GROSS, LAMP_TARE, LAMP_ZERO = 0x80, 0x40, 0x04, 0x02, 0x01


def encode_cas_22(field: str, *, state: str = "ST", load: str = "gross", id_byte: int = 0x31) -> bytes:
    """The frame of eight characters such as `000013.5`; `state` is `ST`, `US` or `OL`; used by the simulator."""
    lamps = LAMPS | (LAMP_STABLE if state == "ST" else 0) | (LAMP_GROSS if load == "gross" else LAMP_TARE)
    kind = "GS" if load == "gross" else "NT"
    return f"{state},{kind},".encode() + bytes([id_byte, lamps]) + f",{field} kg\r\n".encode()


def encode_cas_10(field: str) -> bytes:
    """The frame of eight characters."""
    return field.encode() + b"\r\n"


def encode_and_18(field: str, *, state: str = "ST", load: str = "gross") -> bytes:
    """The frame of eight characters such as `+00013.5`."""
    return f"{state},{'GS' if load == 'gross' else 'NT'},{field}kg\r\n".encode()
