"""``pawon-edge wizard``: which scale hangs on which port, and the lines of ``gateway.toml`` that say so.

It listens at the usual speeds and framings until a protocol explains what came; a port that stays silent is asked in
every polled protocol. Where bytes fit two protocols a known mass on the scale decides. Nothing is written anywhere.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import serial

from pawon_firmware_bridge.identify import identify
from pawon_firmware_bridge.measurement import Measurement
from pawon_firmware_bridge.protocols import ProtocolRow, all_protocols

LISTEN_S = 3.0
# Enough to see that somebody talks; a port that says less in this time is asked, not listened to.
FIRST_LOOK_S = 0.7
# Nearly every byte belongs to a frame: this is the right speed.
SURE = 0.9
# A scale's reading may differ from a known mass by its own error and the mass's.
MASS_TOLERANCE = 0.02
MAX_CAPTURE_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What was heard on one port. ``protocols``: one when sure, two when a known mass must decide, none for noise."""

    path: str
    baud: int = 0
    frame_format: str = "8N1"
    protocols: tuple[str, ...] = ()
    confidence: float = 0.0
    grams: tuple[float, ...] = ()
    heard_bytes: int = 0
    trouble: str = ""


def explore(path: str, *, listen_s: float = LISTEN_S, say: Callable[[str], None] = lambda _: None) -> Finding:
    """Listen at every usual speed and framing, then ask; the first answer that is sure, or the best there was."""
    best = Finding(path=path)
    try:
        for baud, frame_format in _usual():
            say(f"  {path}: {baud} {frame_format} ...")
            captured = _capture(path, baud, frame_format, listen_s)
            found = _judge(path, baud, frame_format, captured)
            # Two that fit equally well will fit at no other speed: a known mass must decide.
            if len(found.protocols) == 1 or found.confidence >= SURE:
                return found
            if (len(found.protocols), found.heard_bytes) > (len(best.protocols), best.heard_bytes):
                best = found
        if not best.protocols:
            for row in all_protocols().values():
                if row.poll is not None:
                    say(f"  {path}: asking in {row.name} ...")
                    asked = _ask(path, row, listen_s)
                    if asked is not None:
                        return asked
    except (OSError, ValueError) as error:
        return Finding(path=path, trouble=str(error))
    return best


def decide(finding: Finding, known_g: float) -> Finding:
    """Of several protocols, the one that reads the known mass; unchanged when none or several do."""
    fitting = [
        (name, grams)
        for name, grams in zip(finding.protocols, finding.grams, strict=True)
        if abs(grams - known_g) <= MASS_TOLERANCE * known_g
    ]
    if len(fitting) != 1:
        return finding
    name, grams = fitting[0]
    return Finding(
        path=finding.path, baud=finding.baud, frame_format=finding.frame_format, protocols=(name,),
        confidence=finding.confidence, grams=(grams,), heard_bytes=finding.heard_bytes,
    )  # fmt: skip


def block(finding: Finding, number: int, names: list[str]) -> str:
    """The lines of ``gateway.toml`` for a port whose protocol is sure. ``names``: the port's, the best first."""
    path = f'"{names[0]}"' if len(names) == 1 else "[" + ", ".join(f'"{name}"' for name in names) + "]"
    return "\n".join(
        (
            "[[serial]]",
            f'name = "scale-{number}"',
            f"path = {path}",
            f'protocol = "{finding.protocols[0]}"',
            f"baud = {finding.baud}",
            f'format = "{finding.frame_format}"',
            "[[serial.sensor]]",
            f'id = "timbangan-{number}"',
            "division_g = 20  # as printed on the scale's plate (d or e)",
            "",
        )
    )


def _usual() -> Iterator[tuple[int, str]]:
    """Speeds and framings of the streaming protocols, the commonest first, each once."""
    seen: dict[tuple[int, str], int] = {}
    for row in all_protocols().values():
        if row.stream:
            for place, baud in enumerate(row.bauds):
                for later, frame_format in enumerate(row.formats):
                    key = (baud, frame_format)
                    seen[key] = seen.get(key, 0) + 100 - 10 * place - 20 * later
    yield from sorted(seen, key=lambda key: -seen[key])


def _open(path: str, baud: int, frame_format: str) -> serial.Serial:
    bits, parity, stop = tuple(frame_format)
    port = serial.Serial(
        path, baud, bytesize=int(bits), parity=parity, stopbits=int(stop), timeout=0.1, write_timeout=1, exclusive=True
    )
    port.reset_input_buffer()
    return port


def _capture(path: str, baud: int, frame_format: str, listen_s: float) -> bytes:
    """What comes by itself; a port that is silent is not waited for."""
    captured = b""
    with _open(path, baud, frame_format) as port:
        began = time.monotonic()
        while (spent := time.monotonic() - began) < listen_s and len(captured) < MAX_CAPTURE_BYTES:
            captured += port.read(4096)
            if not captured and spent > min(FIRST_LOOK_S, listen_s):
                break
    return captured


def _judge(path: str, baud: int, frame_format: str, captured: bytes) -> Finding:
    said = identify(captured)
    if said.frame_format:
        frame_format, captured = said.frame_format, bytes(byte & 0x7F for byte in captured)
    confidence = max((c.confidence for c in said.candidates if c.protocol in said.protocols), default=0.0)
    return Finding(
        path=path, baud=baud, frame_format=frame_format, protocols=tuple(said.protocols), confidence=confidence,
        grams=tuple(_last_grams(all_protocols()[name], captured) for name in said.protocols),
        heard_bytes=len(captured),
    )  # fmt: skip


def _last_grams(row: ProtocolRow, captured: bytes) -> float:
    parser = row.parser()
    events = [*parser.feed(captured), *parser.finish()]
    values = [event.value for event in events if isinstance(event, Measurement) and event.value is not None]
    return values[-1] if values else 0.0


def _ask(path: str, row: ProtocolRow, listen_s: float) -> Finding | None:
    """Ask at the protocol's usual speeds; a measurement is an answer."""
    assert row.poll is not None
    for baud in row.bauds:
        parser = row.parser()
        dialogue = row.poll.dialogue(address=row.poll.addresses[0]) if row.poll.addresses else row.poll.dialogue()
        with _open(path, baud, row.formats[0]) as port:
            port.write(dialogue.ask())
            until = time.monotonic() + min(1.0, listen_s)
            while time.monotonic() < until:
                data = port.read(4096)
                if not data:
                    continue
                port.write(dialogue.hear(data))
                for event in parser.feed(data):
                    if isinstance(event, Measurement) and event.value is not None:
                        return Finding(
                            path=path, baud=baud, frame_format=row.formats[0], protocols=(row.name,), confidence=1.0,
                            grams=(event.value,), heard_bytes=len(data),
                        )  # fmt: skip
    return None
