"""A&D standard format: 17 bytes; 8N1 at 9600, older models 7E1 at 2400 baud; `Q` CR LF asks for one.

`ST` stable, `US` moving, `QT` counting mode (pieces, refused), a comma, nine characters of weight with sign, three of
unit, CR LF. Overload is `OL,+9999999E+19`, with a minus underload. Sources: A&D EK-L and GC manuals. The format does
not say gross or net.
"""

from __future__ import annotations

from pawon_firmware_bridge.measurement import BadFrame, Measurement
from pawon_firmware_bridge.protocols.fixed_frame import fixed_frame
from pawon_firmware_bridge.protocols.poll import AskWhenSilent, Dialogue
from pawon_firmware_bridge.protocols.printed_mass import GRAMS_PER_UNIT, field_grams
from pawon_firmware_bridge.protocols.resynchroniser import REJECT, Frame, Resynchroniser, Verdict

LENGTH = 17


def parser() -> Resynchroniser:
    return Resynchroniser(judge, longest=LENGTH)


def _read(frame: bytes) -> Verdict:
    head = frame[:2]
    if head == b"OL":
        state = "underload" if frame[3] == ord("-") else "overload"
        return Frame(length=LENGTH, event=Measurement(quantity="mass_g", value=None, state=state, raw=frame))
    if head == b"QT":
        return Frame(length=LENGTH, event=BadFrame(reason="counting mode", raw=frame))
    unit = frame[12:15].decode().strip()
    if unit not in GRAMS_PER_UNIT:
        return Frame(length=LENGTH, event=BadFrame(reason=f"unit {unit} is no mass", raw=frame))
    value = field_grams(frame[3:12], unit)
    if value is None:
        return REJECT
    event = Measurement(quantity="mass_g", value=value, stable=head == b"ST", raw=frame)
    return Frame(length=LENGTH, event=event, unit=unit)


judge = fixed_frame(
    rb"ST,[+-][ 0-9.]{8}[ A-Za-z%]{3}\r\n",
    rb"US,[+-][ 0-9.]{8}[ A-Za-z%]{3}\r\n",
    rb"QT,[+-][ 0-9.]{8}[ A-Za-z%]{3}\r\n",
    rb"OL,[+-][ 0-9.E+-]{11}\r\n",
    read=_read,
)


def dialogue() -> Dialogue:
    """Most of these scales are set to send by themselves; one in command mode is asked."""
    return AskWhenSilent(b"Q\r\n", answer_length=LENGTH)


def encode(number: str, unit: str = "kg", *, stable: bool) -> bytes:
    """The frame of a weight printed as nine characters, such as `+001234.5`; used by the simulator."""
    return f"{'ST' if stable else 'US'},{number}{unit:>3}\r\n".encode()


def encode_error(state: str) -> bytes:
    """The frame of `overload` or `underload`."""
    return b"OL,%b9999999E+19\r\n" % (b"-" if state == "underload" else b"+")
