"""Every protocol the bridge speaks, one row each: the only place where a new one is announced."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pawon_firmware_bridge.board.parser import BoardParser
from pawon_firmware_bridge.measurement import StreamParser
from pawon_firmware_bridge.protocols import ds18b20_w1, yaohua_a9, yaohua_a12_wg
from pawon_firmware_bridge.protocols.ds18b20_w1 import read_w1_text
from pawon_firmware_bridge.protocols.st_gs import StGsParser

__all__ = ["PROTOCOLS", "ProtocolRow", "read_w1_text"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtocolRow:
    """What a driver and a person need to know of a protocol.

    `kind` is `scale`, `temperature` or `board`; `baud` the usual rate (8N1), 0 where there is no port; `example` one
    whole frame as captured or printed in `source`.
    """

    name: str
    title: str
    kind: str
    baud: int
    parser: Callable[[], StreamParser]
    example: bytes
    source: str


_ROWS = (
    ProtocolRow(
        name="yaohua-a12-wg",
        title="Yaohua XK3190-A12/A12E, WG format",
        kind="scale",
        baud=9600,
        parser=yaohua_a12_wg.parser,
        example=b"WG004.139kg3D\r\n",
        source="XK3190-A12/A12E manual p. 13",
    ),
    ProtocolRow(
        name="yaohua-a9",
        title="Yaohua XK3190-A9/A9+/A26/DS and clones (Keli), continuous format 0",
        kind="scale",
        baud=9600,
        parser=yaohua_a9.parser,
        example=b"\x02+001560019\x03",
        source="XK3190-A9+ manual p. 10; frame captured by a public driver",
    ),
    ProtocolRow(
        name="st-gs",
        title="ST,GS family: A&D, CAS, Brecknell, Digiweigh, Dini Argeo, many rebadged indicators",
        kind="scale",
        baud=9600,
        parser=StGsParser,
        example=b"ST,GS,+00013.5kg\r\n",
        source="CAS CI-400 manual, AND format; A&D EK-L manual; Brecknell S122 manual",
    ),
    ProtocolRow(
        name="ds18b20-w1",
        title="DS18B20 on a Raspberry Pi pin, Linux w1_slave text",
        kind="temperature",
        baud=0,
        parser=ds18b20_w1.parser,
        example=b"72 01 4b 46 7f ff 0e 10 57 : crc=57 YES\n72 01 4b 46 7f ff 0e 10 57 t=23125\n",
        source="Linux Documentation/w1/slaves/w1_therm.rst",
    ),
    ProtocolRow(
        name="pawon-board",
        title="Pawon sensor board (ESP32, RP2040) with HX711 and DS18B20",
        kind="board",
        baud=115200,
        parser=BoardParser,
        example=bytes.fromhex(
            "03 02 07 03 60 ea 01 01 0e 01 04 2e fb ff ff 10 02 11 28 0c 0b 0a 01 01 01 0c"
            "72 01 4b 46 7f ff 0e 10 57 ff fe 00"
        ),
        source="docs/boards.md",
    ),
)

PROTOCOLS: dict[str, ProtocolRow] = {row.name: row for row in _ROWS}
