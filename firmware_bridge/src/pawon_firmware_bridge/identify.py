"""Which protocol captured bytes speak: every parser reads them, and the one that explains them best is named.

Pure: bytes in, a ranking out. Three seconds of a scale are enough. Where bytes fit two protocols equally well, both are
named and a person decides, with a known mass on the scale; a wrong guess here would be a wrong weight for years.
"""

from __future__ import annotations

from dataclasses import dataclass

from pawon_firmware_bridge.measurement import BadFrame, Measurement
from pawon_firmware_bridge.protocols import ProtocolRow, all_protocols

FEWEST_FRAMES = 3
"""Frames without a checksum that make a protocol credible: as many as a slow indicator gives in three seconds."""

FEWEST_CHECKED_FRAMES = 2

CREDIBLE = 0.6
"""Share of the bytes that must be frames: a noisy cable still passes, another protocol's accidental frames do not."""

FEWEST_PARITY_BYTES = 32
"""So many bytes whose eighth bit makes the parity even (or odd) throughout are no accident: 2 to the power of -32."""

PARITY_SHARE = 0.98
"""A capture may begin and end with a broken byte, and noise hits some."""

TIE = 0.05
"""Less difference than this is an accident of noise, not a reason to prefer a protocol."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """How well one protocol explains the bytes: `confidence` 0-1 is the share that are its frames, 0 if those are too
    few; `bad_bytes` are not; `why` says it for people."""

    protocol: str
    confidence: float
    frames: int
    bad_bytes: int
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Identification:
    """`protocols` are the possible ones: one is the answer, none is "unknown", several cannot be told apart.

    `candidates` are all that found a frame, the best first. `frame_format` is `7E1` or `7O1` where the capture was made
    with eight bits and no parity of a device that sends seven with one; empty where the bytes show nothing of it.
    """

    protocols: tuple[str, ...]
    candidates: tuple[Candidate, ...]
    frame_format: str = ""

    def __str__(self) -> str:
        if not self.protocols:
            return "unknown"
        sent = f", sent as {self.frame_format}" if self.frame_format else ""
        if len(self.protocols) == 1:
            return self.protocols[0] + sent
        return f"cannot tell apart: {', '.join(self.protocols)}{sent}"


def identify(captured: bytes) -> Identification:
    """Score every protocol over bytes that may begin and end anywhere."""
    frame_format = _parity(captured)
    if frame_format:
        captured = bytes(byte & 0x7F for byte in captured)
    rows = all_protocols()
    scored = [_score(row, captured) for row in rows.values()]
    ranked = sorted(
        (one for one in scored if one.frames), key=lambda one: (-one.confidence, rows[one.protocol].general)
    )
    best = max((one.confidence for one in ranked), default=0.0)
    near = [one.protocol for one in ranked if one.confidence >= max(CREDIBLE, best - TIE)]
    # The stricter says more: accidental frames seldom have a good checksum, a catch-all fits what it was made for.
    near = [name for name in near if rows[name].checked] or near
    near = [name for name in near if not rows[name].general] or near
    return Identification(protocols=tuple(near), candidates=tuple(ranked), frame_format=frame_format)


def _parity(captured: bytes) -> str:
    """The seven-bit framing whose parity stands in the eighth bit of the bytes; empty if there is none.

    Seven bits that are all of one parity (a device that says one character) show nothing."""
    if len(captured) < FEWEST_PARITY_BYTES:
        return ""
    odd = sum(byte.bit_count() & 1 for byte in captured)
    odd_of_seven = sum((byte & 0x7F).bit_count() & 1 for byte in captured)
    least = PARITY_SHARE * len(captured)
    if max(odd_of_seven, len(captured) - odd_of_seven) >= least:
        return ""
    return "7E1" if len(captured) - odd >= least else "7O1" if odd >= least else ""


def _score(row: ProtocolRow, captured: bytes) -> Candidate:
    parser = row.parser()
    events = parser.feed(captured)
    waiting = parser.waiting
    said = [event for event in events if isinstance(event, Measurement)]
    refused = [event for event in events if isinstance(event, BadFrame)]
    # A capture begins and ends anywhere: half a frame at either end is nobody's fault.
    whole = max((len(event.raw) for event in said), default=0)
    bad_bytes = max(parser.wasted - whole, 0)
    explained = len(captured) - parser.wasted - waiting
    enough = len(said) >= (FEWEST_CHECKED_FRAMES if row.checked else FEWEST_FRAMES) and explained > 0
    confidence = explained / (explained + bad_bytes) if enough else 0.0
    return Candidate(
        protocol=row.name,
        confidence=round(confidence, 3),
        frames=len(said),
        bad_bytes=parser.wasted,
        why=_why(row, said, len(refused), enough=enough),
    )


def _why(row: ProtocolRow, said: list[Measurement], refused: int, *, enough: bool) -> str:
    if not said:
        return "no frame"
    last = said[-1]
    value = last.state if last.value is None else f"{last.value:g} {last.quantity.rpartition('_')[2]}"
    kind = "with checksum" if row.checked else "without checksum"
    few = "" if enough else "too few: "
    return f"{few}{len(said)} frames {kind}, last {value}" + (f"; {refused} bad" if refused else "")
