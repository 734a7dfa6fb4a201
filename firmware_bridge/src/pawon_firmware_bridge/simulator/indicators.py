"""What simulated indicators send and what they answer: one row for each scale protocol."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pawon_firmware_bridge.protocols import (
    PROTOCOLS,
    and_standard,
    cas_indicator,
    cas_pos,
    mettler_sics,
    ohaus,
    st_gs,
    toledo_continuous,
    yaohua_a9,
    yaohua_a9_command,
    yaohua_a12_wg,
    yaohua_a12_ww,
    yaohua_equals,
)
from pawon_firmware_bridge.scenarios.weighing_platform import Reading
from pawon_firmware_bridge.simulator.rows import ScaleRow

LONGEST_REQUEST = 16
"""Bytes; the longest request (a Yaohua command) has six."""

FrameOf = Callable[[ScaleRow, Reading], bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Bytes that an indicator obeys: it says `reply`, then a frame if `weighs`, and streams (or not) from then on."""

    pattern: bytes
    reply: bytes = b""
    weighs: bool = False
    streams: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Indicator:
    """`frame` gives the bytes of a reading, none where the format cannot say it (`overloads` is then False)."""

    frame: FrameOf
    overloads: bool = True
    requests: tuple[Request, ...] = ()


class Listener:
    """Finds requests in what an indicator is told; pure."""

    def __init__(self, requests: tuple[Request, ...]) -> None:
        self._requests = requests
        self._patterns = [re.compile(request.pattern) for request in requests]
        self._heard = b""

    def hear(self, data: bytes) -> list[Request]:
        """The requests that `data` completes, in order."""
        found = []
        self._heard += data
        while True:
            matches = [(pattern.search(self._heard), at) for at, pattern in enumerate(self._patterns)]
            known = [(match.start(), at, match.end()) for match, at in matches if match is not None]
            if not known:
                break
            _, at, end = min(known)
            found.append(self._requests[at])
            self._heard = self._heard[end:]
        self._heard = self._heard[-LONGEST_REQUEST:]
        return found


def _kilograms(row: ScaleRow, mass_g: float, width: int, *, plus: str = "", fill: str = "0") -> str:
    sign = "-" if mass_g < 0 else plus
    digits = f"{abs(mass_g) / 1000:.{row.decimals}f}"
    return sign + digits.rjust(width - len(sign), fill)


def _a12_wg(row: ScaleRow, reading: Reading) -> bytes:
    if reading.mass_g is None:
        return yaohua_a12_wg.encode_error(reading.state)
    return yaohua_a12_wg.encode(_kilograms(row, reading.mass_g, 7 if row.decimals else 6), load=reading.load)


def _a12_ww(row: ScaleRow, reading: Reading) -> bytes:
    return (
        b"" if reading.mass_g is None else yaohua_a12_ww.encode(_kilograms(row, reading.mass_g, 7), load=reading.load)
    )


def _steps(row: ScaleRow, mass_g: float) -> int:
    steps: int = round(mass_g * 10**row.decimals / 1000)
    return steps


def _a9(row: ScaleRow, reading: Reading) -> bytes:
    if reading.mass_g is None:
        return b""
    steps = _steps(row, reading.mass_g)
    return yaohua_a9.encode("-" if steps < 0 else "+", f"{abs(steps):06d}", row.decimals)


def _a9_command(row: ScaleRow, reading: Reading) -> bytes:
    if reading.mass_g is None:
        return b""
    steps = _steps(row, reading.mass_g)
    return yaohua_a9_command.encode("-" if steps < 0 else "+", f"{abs(steps):06d}", row.decimals)


def _equals_reversed(row: ScaleRow, reading: Reading) -> bytes:
    return b"" if reading.mass_g is None else yaohua_equals.encode_reversed(_kilograms(row, reading.mass_g, 8))


def _equals_forward(row: ScaleRow, reading: Reading) -> bytes:
    return b"" if reading.mass_g is None else yaohua_equals.encode_forward(_kilograms(row, reading.mass_g, 8))


def _sics(row: ScaleRow, reading: Reading) -> bytes:
    if reading.mass_g is None:
        return mettler_sics.encode_error(reading.state)
    return mettler_sics.encode(_kilograms(row, reading.mass_g, 0), stable=reading.stable)


def _toledo(row: ScaleRow, reading: Reading) -> bytes:
    return _toledo_frame(row, reading, checked=False)


def _toledo_checked(row: ScaleRow, reading: Reading) -> bytes:
    return _toledo_frame(row, reading, checked=True)


def _toledo_frame(row: ScaleRow, reading: Reading, *, checked: bool) -> bytes:
    steps = 0 if reading.mass_g is None else _steps(row, reading.mass_g)
    return toledo_continuous.encode(
        steps, row.decimals, stable=reading.stable, load=reading.load, state=reading.state, checked=checked
    )


def _and_standard(row: ScaleRow, reading: Reading) -> bytes:
    if reading.mass_g is None:
        return and_standard.encode_error(reading.state)
    return and_standard.encode(_kilograms(row, reading.mass_g, 9, plus="+"), stable=reading.stable)


def _head(reading: Reading) -> str:
    return "OL" if reading.mass_g is None else "ST" if reading.stable else "US"


def _cas_22(row: ScaleRow, reading: Reading) -> bytes:
    return cas_indicator.encode_cas_22(
        _kilograms(row, reading.mass_g or 0.0, 8), state=_head(reading), load=reading.load
    )


def _cas_10(row: ScaleRow, reading: Reading) -> bytes:
    return b"" if reading.mass_g is None else cas_indicator.encode_cas_10(_kilograms(row, reading.mass_g, 8))


def _and_18(row: ScaleRow, reading: Reading) -> bytes:
    return cas_indicator.encode_and_18(
        _kilograms(row, reading.mass_g or 0.0, 8, plus="+"), state=_head(reading), load=reading.load
    )


def _cas_pos(row: ScaleRow, reading: Reading) -> bytes:
    mass_g = reading.mass_g or 0.0
    sign = "F" if reading.mass_g is None else "-" if mass_g < 0 else " "
    return cas_pos.encode(_kilograms(row, abs(mass_g), 6), stable=reading.stable, sign=sign)


def _ohaus(row: ScaleRow, reading: Reading) -> bytes:
    if reading.mass_g is None:
        return b""
    return ohaus.encode(_kilograms(row, reading.mass_g, 0), stable=reading.stable, load=reading.load)


def _st_gs(row: ScaleRow, reading: Reading) -> bytes:
    if reading.mass_g is None:
        return st_gs.encode_error(reading.state)
    sign = "-" if reading.mass_g < 0 else "+"
    return st_gs.encode(
        sign + _kilograms(row, abs(reading.mass_g), 7, fill=" "), stable=reading.stable, load=reading.load
    )


INDICATORS: Mapping[str, Indicator] = {
    "yaohua-a12-wg": Indicator(frame=_a12_wg),
    "yaohua-a12-ww": Indicator(frame=_a12_ww, overloads=False),
    "yaohua-a9": Indicator(frame=_a9, overloads=False),
    "yaohua-a9-command": Indicator(
        frame=_a9_command,
        overloads=False,
        requests=(
            Request(pattern=re.escape(yaohua_a9_command.encode_command("A", "B")), weighs=True),
            Request(
                pattern=re.escape(yaohua_a9_command.encode_command("A", "A")),
                reply=yaohua_a9_command.encode_command("A", "A"),
            ),
        ),
    ),
    "yaohua-equals-reversed": Indicator(frame=_equals_reversed, overloads=False),
    "yaohua-equals-forward": Indicator(frame=_equals_forward, overloads=False),
    "mettler-sics": Indicator(
        frame=_sics,
        requests=(
            Request(pattern=rb"SIR\r\n", streams=True),
            Request(pattern=rb"SI?\r\n", weighs=True, streams=False),
            Request(pattern=rb"@\r\n", streams=False),
            Request(pattern=rb"[^\r\n]*\r\n", reply=b"ES\r\n"),
        ),
    ),
    "toledo-continuous": Indicator(frame=_toledo),
    "toledo-continuous-checksum": Indicator(frame=_toledo_checked),
    "and-standard": Indicator(frame=_and_standard, requests=(Request(pattern=rb"Q\r\n", weighs=True),)),
    "cas-22": Indicator(frame=_cas_22),
    "cas-10": Indicator(frame=_cas_10, overloads=False),
    "cas-pos": Indicator(
        frame=_cas_pos,
        requests=(Request(pattern=cas_pos.ENQ, reply=cas_pos.ACK), Request(pattern=cas_pos.DC1, weighs=True)),
    ),
    "and-18": Indicator(frame=_and_18),
    "ohaus": Indicator(
        frame=_ohaus,
        overloads=False,
        requests=(
            Request(pattern=rb"CP\r\n", streams=True),
            Request(pattern=rb"IP\r\n", weighs=True),
            Request(pattern=rb"0P\r\n", streams=False),
            Request(pattern=rb"[^\r\n]*\r\n", reply=b"ES\r\n"),
        ),
    ),
    "st-gs": Indicator(frame=_st_gs),
}


def streams_unasked(protocol: str) -> bool:
    """True for an indicator that sends by itself from the moment it has power."""
    return PROTOCOLS[protocol].stream
