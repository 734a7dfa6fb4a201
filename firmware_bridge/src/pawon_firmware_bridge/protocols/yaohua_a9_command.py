"""Yaohua XK3190-A9, A9+, A26, DS and clones in command mode: they answer when their address is called.

Host: STX, address `A`-`Z`, letter (`A` hello, `B` gross, `C` tare, `D` net), the exclusive or of both as two hex
characters, ETX. Answer: STX, address, letter, sign, six digits, decimals `0`-`4`, the exclusive or of bytes 2-11, ETX:
14 bytes. Source: XK3190-A9+ manual p. 11. Kilograms are taken, as for the continuous format.
"""

from __future__ import annotations

from pawon_firmware_bridge.measurement import Measurement
from pawon_firmware_bridge.protocols.exclusive_or import checksum
from pawon_firmware_bridge.protocols.fixed_frame import fixed_frame
from pawon_firmware_bridge.protocols.poll import Dialogue
from pawon_firmware_bridge.protocols.printed_mass import scaled_grams
from pawon_firmware_bridge.protocols.resynchroniser import REJECT, Frame, Reject, Resynchroniser, Skip, Verdict

LENGTH = 14
UNIT = "kg"
ADDRESSES = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
LOADS = {"B": "gross", "C": "tare", "D": "net"}

_CHECKSUM = Reject("checksum")


def parser() -> Resynchroniser:
    return Resynchroniser(judge, longest=LENGTH)


def judge(buffer: bytes) -> Verdict:
    """One answer, or a command or hello that a two-wire line echoes and that says nothing."""
    verdict = _judge_answer(buffer)
    return _judge_echo(buffer) if verdict is REJECT else verdict


def _read(frame: bytes) -> Verdict:
    if frame[11:13] != checksum(frame[1:11]):
        return _CHECKSUM
    number = -int(frame[4:10]) if frame[3] == ord("-") else int(frame[4:10])
    value = scaled_grams(number, frame[10] - ord("0"), UNIT)
    address, load = chr(frame[1]), LOADS[chr(frame[2])]
    return Frame(
        length=LENGTH, event=Measurement(quantity="mass_g", value=value, load=load, channel=address, raw=frame)
    )


_judge_answer = fixed_frame(rb"\x02[A-Z][BCD][+-][0-9]{6}[0-4][0-9A-F]{2}\x03", read=_read)
_judge_echo = fixed_frame(
    rb"\x02[A-Z][A-D][0-9A-F]{2}\x03",
    read=lambda frame: Skip(len(frame)) if frame[3:5] == checksum(frame[1:3]) else _CHECKSUM,
)


def encode_command(address: str, letter: str) -> bytes:
    """The six bytes that ask one indicator; ValueError for an address or letter that does not exist."""
    if len(address) != 1 or address not in ADDRESSES or letter not in ("A", *LOADS):
        raise ValueError(f"address {address!r} is not one of A-Z, or letter {letter!r} not one of A-D")
    body = (address + letter).encode()
    return b"\x02" + body + checksum(body) + b"\x03"


class Commands:
    """Asks one indicator for each of `letters` in turn; most places need the gross weight alone."""

    def __init__(self, *, address: str = "A", letters: str = "B") -> None:
        self._commands = [encode_command(address, letter) for letter in letters]
        self._next = 0

    def ask(self) -> bytes:
        command = self._commands[self._next % len(self._commands)]
        self._next += 1
        return command

    def hear(self, _: bytes, /) -> bytes:
        return b""


def dialogue(address: str = "A") -> Dialogue:
    return Commands(address=address)


def encode(sign: str, digits: str, decimals: int, *, address: str = "A", load: str = "gross") -> bytes:
    """The answer of six digits, such as `+`, `012345`, 2 for +123.45; used by the simulator."""
    letter = next(letter for letter, name in LOADS.items() if name == load)
    body = f"{address}{letter}{sign}{digits}{decimals}".encode()
    return b"\x02" + body + checksum(body) + b"\x03"
