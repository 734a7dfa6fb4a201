"""Which candidates are rows of the spool: those the chain proves. Pure.

A row is proven by the value before it. Behind a hole that value is gone, so the first row there cannot be proven
itself; its stored chain value can, by the row that follows from it. The ``Gap`` then reaches over that row and carries
its value, and everything behind is as it was accepted. What cannot be proven is not sent: nothing is invented.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field, replace

from pawon_contract import chain, codec
from pawon_contract.messages import Gap, Weighing

from .carving import Candidate, Carved

# More than any card holds rows: how far the numbers jump when the end is not certain, so that no number that the
# server may know already is used for another row. A ``Gap`` may reach over rows the server has.
JUMP = 10_000_000


@dataclass(slots=True)
class Salvaged:
    """``rows`` continue each other, gaps among them. ``lost``: numbers whose rows are gone for certain."""

    rows: list[Candidate] = field(default_factory=list)
    lost: int = 0


def follow(carved: Carved, after: int, value: bytes) -> list[Candidate]:
    """The longest run of candidates that the chain proves from ``value`` at ``after`` on."""
    run: list[Candidate] = []
    while True:
        found = [row for row in carved.rows.get(after + 1, []) if _continues(value, row)]
        found = found or [row for row in _mended(carved, after + 1, value) if _next(carved, row)]
        if not found:
            return run
        if len(found) > 1:  # an append that was taken back left its twin: the one that goes on is the row
            found = [max(found, key=lambda row: len(_next(carved, row)))]
        run.append(found[0])
        after, value = found[0].last, found[0].chain


def salvage(carved: Carved, after: int, value: bytes, *, at_ms: int, detail: str) -> Salvaged:
    """Everything that is proven, from ``value`` at ``after`` on (genesis when the beginning is not known), with a
    ``Gap`` for each hole, and one at the end that no number is used twice."""
    out, numbers = Salvaged(), sorted(carved.rows)
    while True:
        run = follow(carved, after, value)
        if run:
            out.rows += run
            after, value = run[-1].last, run[-1].chain
        behind = _proven_behind(carved, numbers, after)
        if behind is None:
            break
        out.lost += behind.last - after
        out.rows.append(_gap(after + 1, behind.last, behind.chain, at_ms, detail))
        after, value = behind.last, behind.chain
    highest = max((row.last for rows in carved.rows.values() for row in rows if row.last - after < JUMP), default=after)
    out.lost += max(0, highest - after)
    # Nothing follows from this value yet, so any will do that all can compute.
    end = chain.link(value, max(after, highest) + JUMP, "", b"damaged")
    words = "the end is not certain: these numbers are left out, so that none is used twice"
    out.rows.append(_gap(after + 1, max(after, highest) + JUMP, end, at_ms, words))
    return out


def plateaus(rows: list[Candidate]) -> dict[str, int]:
    """The newest plateau of each scale as its weighings tell it, in grams."""
    known: dict[str, int] = {}
    for row in rows:
        item = codec.decode_item(row.item)
        if isinstance(item, Weighing):
            known[item.sensor] = item.after_g
    return known


def sound(previous: bytes, row: Candidate) -> bool:
    """Whether a stored row follows from the value before it."""
    return _continues(previous, row)


def _continues(value: bytes, row: Candidate) -> bool:
    if row.last == row.sequence and chain.link(value, row.sequence, row.boot, row.item) == row.chain:
        return True
    # A gap took the place of rows; its bytes and its column must tell the same value.
    gap = codec.decode_item(row.item) if b'"k":"gap"' in row.item[:16] else None
    if not isinstance(gap, Gap):
        return False
    return (gap.from_, gap.to, gap.chain) == (row.sequence, row.last, row.chain.hex())


def _mended(carved: Carved, sequence: int, value: bytes) -> list[Candidate]:
    """Rows with the chain value they should have, should their stored one be what was damaged."""
    rows = [row for row in carved.rows.get(sequence, []) if row.last == sequence]
    return [replace(row, chain=chain.link(value, sequence, row.boot, row.item)) for row in rows]


def _next(carved: Carved, row: Candidate) -> list[Candidate]:
    return [other for other in carved.rows.get(row.last + 1, []) if _continues(row.chain, other)]


def _proven_behind(carved: Carved, numbers: list[int], after: int) -> Candidate | None:
    """The nearest candidate beyond ``after`` whose chain value the row behind it proves."""
    for sequence in numbers[bisect_right(numbers, after) :]:
        for row in carved.rows[sequence]:
            if row.last >= sequence and _next(carved, row):
                return row
    return None


def _gap(first: int, last: int, value: bytes, at_ms: int, detail: str) -> Candidate:
    gap = Gap(at_ms=at_ms, from_=first, to=last, reason="damaged", chain=value.hex(), detail=detail[:200])
    return Candidate(first, last, "", codec.encode_item(gap), value)
