"""Is this batch the continuation of what is stored? Pure: the stored state comes in, a judgement comes out."""

from __future__ import annotations

from dataclasses import dataclass

from pawon_contract import chain, codec
from pawon_contract.messages import Envelope


@dataclass(frozen=True, slots=True, kw_only=True)
class SpoolState:
    """How far a spool is stored without a hole, and its chain value there."""

    upto: int
    chain: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Continuation:
    """The rows above what is stored, proven by the chain."""

    rows: list[codec.Row]
    state: SpoolState


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Every row is stored already; ``last`` and the hash the sender claims there are to be compared with the record."""

    last: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Hole:
    """Rows between what is stored and this batch are missing: it is not taken, the sender will rewind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """The chain does not lead from what is stored to what the sender claims: it has other rows."""

    reason: str


def beginning(spool: str) -> SpoolState:
    """The state of a spool of which nothing is stored."""
    return SpoolState(upto=0, chain=chain.genesis(spool))


def judge(envelope: Envelope, stored: SpoolState) -> Continuation | Known | Hole | Broken:
    """Place a batch against the record."""
    if envelope.first > stored.upto + 1:
        return Hole()
    rows = codec.rows(envelope, stored.chain, after=stored.upto)
    if not rows:
        return Known(last=envelope.first - 1 + _width(envelope))
    if rows[-1].chain.hex() != envelope.hash:
        return Broken(reason=f"chain: rows {rows[0].sequence}..{rows[-1].last} do not continue the record")
    return Continuation(rows=rows, state=SpoolState(upto=rows[-1].last, chain=rows[-1].chain))


def state_at(envelope: Envelope, before: SpoolState, sequence: int) -> SpoolState:
    """The state at ``sequence`` inside a stored batch, ``before`` being the state it continued; at the end of the gap
    that covers it where there is one, for within a gap nothing is known."""
    for row in codec.rows(envelope, before.chain, after=before.upto):
        if row.last >= sequence:
            return SpoolState(upto=row.last, chain=row.chain)
    raise ValueError(f"row {sequence} is not in the batch from {envelope.first}")


def _width(envelope: Envelope) -> int:
    """How many sequence numbers a batch covers; its gaps cover more than one."""
    whole = codec.rows(envelope, b"")
    return whole[-1].last - envelope.first + 1
