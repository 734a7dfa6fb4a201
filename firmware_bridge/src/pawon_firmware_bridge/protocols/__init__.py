"""Every protocol the bridge speaks, one row each: the only place where a new one is announced."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import entry_points

from pawon_firmware_bridge.board.parser import BoardParser
from pawon_firmware_bridge.measurement import StreamParser
from pawon_firmware_bridge.protocols import (
    and_standard,
    cas_indicator,
    cas_pos,
    ds18b20_w1,
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
from pawon_firmware_bridge.protocols.ds18b20_w1 import read_w1_text
from pawon_firmware_bridge.protocols.poll import Poll

__all__ = ["PROTOCOLS", "ProtocolRow", "all_protocols", "find_protocol", "read_w1_text"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtocolRow:
    """What a driver and a person need to know of a protocol.

    `kind` is `scale`, `temperature` or `board`. `bauds` are the rates to try, the usual one first, none where there is
    no port; `formats` likewise. `stream`: it sends without being asked; `poll`: how to ask it, None if it cannot be.
    `checked`: each frame carries a checksum. `general`: a catch-all that loses against a protocol that fits as well.
    `settings` are keyword arguments that `parser` takes. `example` is one whole frame as captured or printed in
    `source`.
    """

    name: str
    title: str
    kind: str
    parser: Callable[..., StreamParser]
    example: bytes
    source: str
    checked: bool
    bauds: tuple[int, ...] = (9600, 4800, 2400, 1200)
    formats: tuple[str, ...] = ("8N1",)
    stream: bool = True
    poll: Poll | None = None
    general: bool = False
    settings: tuple[str, ...] = ()

    @property
    def baud(self) -> int:
        """The usual rate, 0 where there is no port."""
        return self.bauds[0] if self.bauds else 0


_ROWS = (
    ProtocolRow(
        name="yaohua-a12-wg",
        title="Yaohua XK3190-A12/A12E, WG format",
        kind="scale",
        parser=yaohua_a12_wg.parser,
        example=b"WG004.139kg3D\r\n",
        source="XK3190-A12/A12E manual p. 13",
        checked=True,
    ),
    ProtocolRow(
        name="yaohua-a12-ww",
        title="Yaohua XK3190-A12/A12E, ww format",
        kind="scale",
        parser=yaohua_a12_ww.parser,
        example=b"ww000.000kg\r\n",
        source="public driver code",
        checked=False,
    ),
    ProtocolRow(
        name="yaohua-a9",
        title="Yaohua XK3190-A9/A9+/A26/DS and clones (Keli), continuous format 0",
        kind="scale",
        parser=yaohua_a9.parser,
        example=b"\x02+001560019\x03",
        source="XK3190-A9+ manual p. 10; frame captured by a public driver",
        checked=True,
    ),
    ProtocolRow(
        name="yaohua-a9-command",
        title="Yaohua XK3190-A9/A9+/A26/DS and clones (Keli), command mode",
        kind="scale",
        parser=yaohua_a9_command.parser,
        example=b"\x02AB+01234521B\x03",
        source="XK3190-A9+ manual p. 11",
        checked=True,
        stream=False,
        poll=Poll(dialogue=yaohua_a9_command.dialogue, addresses=yaohua_a9_command.ADDRESSES),
    ),
    ProtocolRow(
        name="yaohua-equals-reversed",
        title="Yaohua indicators, = format, low digit first (A26 format 1)",
        kind="scale",
        parser=yaohua_equals.reversed_parser,
        example=b"=000.3000",
        source="XK3190-A9+ manual",
        checked=False,
    ),
    ProtocolRow(
        name="yaohua-equals-forward",
        title="Yaohua indicators, = format, high digit first (format 2)",
        kind="scale",
        parser=yaohua_equals.forward_parser,
        example=b"=0003.000",
        source="XK3190-A9+ manual",
        checked=False,
    ),
    ProtocolRow(
        name="mettler-sics",
        title="Mettler Toledo MT-SICS level 0: most of their balances and bench scales",
        kind="scale",
        parser=mettler_sics.parser,
        example=b"S S     100.00 g\r\n",
        source="MT-SICS reference manual",
        checked=False,
        formats=("8N1", "7E1"),
        bauds=(9600, 4800, 2400, 1200, 19200),
        stream=False,
        poll=Poll(dialogue=mettler_sics.dialogue),
    ),
    ProtocolRow(
        name="toledo-continuous",
        title="Toledo continuous output without checksum, 17 bytes",
        kind="scale",
        parser=toledo_continuous.parser,
        example=b"\x02,0   1234     0\r",
        source="Mettler Toledo IND560 technical manual, appendix D",
        checked=False,
        formats=("8N1", "7E1"),
        bauds=(9600, 4800, 2400, 1200, 19200),
    ),
    ProtocolRow(
        name="toledo-continuous-checksum",
        title="Toledo continuous output with checksum, 18 bytes",
        kind="scale",
        parser=toledo_continuous.checked_parser,
        example=b"\x02,0   1234     0\r\x1b",
        source="Mettler Toledo IND560 technical manual, appendix D",
        checked=True,
        formats=("8N1", "7E1"),
        bauds=(9600, 4800, 2400, 1200, 19200),
    ),
    ProtocolRow(
        name="and-standard",
        title="A&D standard format, 17 bytes",
        kind="scale",
        parser=and_standard.parser,
        example=b"ST,+001234.5  g\r\n",
        source="A&D EK-L manual",
        checked=False,
        formats=("8N1", "7E1"),
        bauds=(9600, 2400, 4800, 1200),
        poll=Poll(dialogue=and_standard.dialogue),
    ),
    ProtocolRow(
        name="cas-22",
        title="CAS CI-400, CI-600D and other indicators, 22 bytes",
        kind="scale",
        parser=cas_indicator.cas_22_parser,
        example=b"ST,GS,1\xe4,000013.5 kg\r\n",
        source="CAS CI-400 manual",
        checked=False,
    ),
    ProtocolRow(
        name="cas-10",
        title="CAS indicators, 10 bytes: the weight alone",
        kind="scale",
        parser=cas_indicator.cas_10_parser,
        example=b"000013.5\r\n",
        source="CAS CI-400 manual",
        checked=False,
    ),
    ProtocolRow(
        name="cas-pos",
        title="CAS AP, PD, ER retail scales, asked as by a till",
        kind="scale",
        parser=cas_pos.parser,
        example=b"\x01\x02S 01.234kge\x03\x04",
        source="CAS PD-II manual",
        checked=True,
        stream=False,
        poll=Poll(dialogue=cas_pos.dialogue),
    ),
    ProtocolRow(
        name="and-18",
        title="AND 18-byte format of CAS and other indicators",
        kind="scale",
        parser=cas_indicator.and_18_parser,
        example=b"ST,GS,+00013.5kg\r\n",
        source="CAS CI-400 manual, AND format",
        checked=False,
    ),
    ProtocolRow(
        name="ohaus",
        title="Ohaus Defender 3000 (T31, T32)",
        kind="scale",
        parser=ohaus.parser,
        example=b"   12.345 kg    NET\r\n",
        source="Ohaus Defender 3000 manual",
        checked=False,
        stream=False,
        poll=Poll(dialogue=ohaus.dialogue),
    ),
    ProtocolRow(
        name="st-gs",
        title="ST,GS family: Brecknell, Digiweigh, Dini Argeo, many rebadged indicators; or a pattern of your own",
        kind="scale",
        parser=st_gs.parser,
        example=b"ST,GS,+ 0.876kg\r\n",
        source="Brecknell S122 manual; Dini Argeo DGT manual",
        checked=False,
        formats=("8N1", "7E1"),
        general=True,
        settings=("pattern", "unit"),
    ),
    ProtocolRow(
        name="ds18b20-w1",
        title="DS18B20 on a Raspberry Pi pin, Linux w1_slave text",
        kind="temperature",
        parser=ds18b20_w1.parser,
        example=b"72 01 4b 46 7f ff 0e 10 57 : crc=57 YES\n72 01 4b 46 7f ff 0e 10 57 t=23125\n",
        source="Linux Documentation/w1/slaves/w1_therm.rst",
        checked=True,
        bauds=(),
    ),
    ProtocolRow(
        name="pawon-board",
        title="Pawon sensor board (ESP32, RP2040): load cells, DS18B20, thermocouples, doors",
        kind="board",
        parser=BoardParser,
        example=bytes.fromhex(
            "03 02 07 03 60 ea 01 01 0e 01 04 2e fb ff ff 10 02 11 28 0c 0b 0a 01 01 01 0c"
            "72 01 4b 46 7f ff 0e 10 57 ff fe 00"
        ),
        source="docs/boards.md",
        checked=True,
        bauds=(115200,),
    ),
)

PROTOCOLS: dict[str, ProtocolRow] = {row.name: row for row in _ROWS}

ENTRY_POINTS = "pawon.protocols"


def find_protocol(name: str) -> ProtocolRow | None:
    """A row of ours, or one that an installed package announces: an entry point of the group `pawon.protocols` that
    names a `ProtocolRow`, under the row's name. None if nobody has it; what does not load raises as it likes."""
    if name in PROTOCOLS:
        return PROTOCOLS[name]
    for point in entry_points(group=ENTRY_POINTS, name=name):
        row = point.load()
        if isinstance(row, ProtocolRow):
            return row
    return None


def all_protocols() -> dict[str, ProtocolRow]:
    """Ours and those of installed packages, by name; ours cannot be replaced."""
    foreign = {point.name: find_protocol(point.name) for point in entry_points(group=ENTRY_POINTS)}
    return {**{name: row for name, row in foreign.items() if row is not None}, **PROTOCOLS}
