"""Which protocol captured bytes speak: every parser reads them, and the one that explains them best is named.

Pure: bytes in, a ranking out. Three seconds of a scale are enough. Where bytes fit two protocols equally well, both are
named and a person decides, with a known mass on the scale; a wrong guess here would be a wrong weight for years.
"""

from __future__ import annotations

from dataclasses import dataclass

from pawon_firmware_bridge.measurement import BadFrame, Measurement
from pawon_firmware_bridge.protocols import PROTOCOLS, ProtocolRow

FEWEST_FRAMES = 3
"""Frames without a checksum that make a protocol credible: as many as a slow indicator gives in three seconds."""

FEWEST_CHECKED_FRAMES = 2

CREDIBLE = 0.6
"""Share of the bytes that must be frames: a noisy cable still passes, another protocol's accidental frames do not."""

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

    `candidates` are all that found a frame, the best first.
    """

    protocols: tuple[str, ...]
    candidates: tuple[Candidate, ...]

    def __str__(self) -> str:
        if not self.protocols:
            return "unknown"
        if len(self.protocols) == 1:
            return self.protocols[0]
        return f"cannot tell apart: {', '.join(self.protocols)}"


def identify(captured: bytes) -> Identification:
    """Score every protocol over bytes that may begin and end anywhere."""
    scored = [_score(row, captured) for row in PROTOCOLS.values()]
    ranked = sorted(
        (one for one in scored if one.frames), key=lambda one: (-one.confidence, PROTOCOLS[one.protocol].general)
    )
    best = max((one.confidence for one in ranked), default=0.0)
    near = [one.protocol for one in ranked if one.confidence >= max(CREDIBLE, best - TIE)]
    # The stricter says more: accidental frames seldom have a good checksum, a catch-all fits what it was made for.
    for stricter in (_is_checked, _is_special):
        near = [name for name in near if stricter(name)] or near
    return Identification(protocols=tuple(near), candidates=tuple(ranked))


def _is_checked(name: str) -> bool:
    return PROTOCOLS[name].checked


def _is_special(name: str) -> bool:
    return not PROTOCOLS[name].general


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
