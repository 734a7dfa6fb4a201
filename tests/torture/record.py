"""What a spool must hold: the oracle of the torture runs.

The writer tells it before each append what it is about to accept, and after it that ``append`` returned. After the
fault the spool is read as the uplink reads it and compared: every accepted row, byte for byte, in order, once, chained
from the spool's beginning; of the append that was cut short, a beginning at most; nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from pawon_contract import chain, codec
from pawon_contract.messages import Gap, Reading
from pawon_edge.spool import Spool, SpooledRow


class BrokenPromiseError(Exception):
    """The promise is broken; the text says how."""


def item(number: int, salt: int) -> bytes:
    """A row that no other append of a run makes."""
    reading = Reading(at_ms=number, sensor=f"chiller-{salt % 997}", quantity="temperature_c", value=(number % 200) / 10)
    return codec.encode_item(reading)


def all_rows(spool: Spool, first: int) -> list[SpooledRow]:
    """Everything from ``first`` on, as the uplink reads it."""
    rows: list[SpooledRow] = []
    while part := spool.read(first, limit=500, max_bytes=64_000):
        rows += part
        first = part[-1].last + 1
    return rows


@dataclass(slots=True, kw_only=True)
class Record:
    """One spool's truth. ``accepted``: sequence -> (boot, bytes)."""

    spool: str = ""
    accepted: dict[int, tuple[str, bytes]] = field(default_factory=dict)
    coming: dict[int, tuple[str, bytes]] = field(default_factory=dict)
    last: int = 0
    refused: set[int] = field(default_factory=set)
    confirmed: int = 0

    def about_to_append(self, boot: str, items: list[bytes]) -> None:
        """``append`` is called now."""
        self.coming = {self.last + 1 + n: (boot, raw) for n, raw in enumerate(items)}

    def appended(self, last: int) -> None:
        """``append`` returned."""
        if last != self.last + len(self.coming):
            raise BrokenPromiseError(f"append of {len(self.coming)} rows after {self.last} returned {last}")
        self.accepted |= self.coming
        self.last, self.coming = last, {}

    def check(self, spool: Spool) -> int:
        """Compare, and go on from what the spool says; how many rows of the append cut short it kept."""
        if self.spool and spool.id != self.spool:
            raise BrokenPromiseError(f"another spool: {spool.id} for {self.spool}")
        if spool.upto > spool.last:
            raise BrokenPromiseError(f"the cursor {spool.upto} is beyond the last row {spool.last}")
        if not self.last <= spool.last <= self.last + len(self.coming):
            raise BrokenPromiseError(f"last row {spool.last}; accepted {self.last}, coming {len(self.coming)}")
        value, sequence = chain.genesis(spool.id), 1
        for row in all_rows(spool, 1):
            if row.sequence != sequence:
                raise BrokenPromiseError(f"row {row.sequence} stands where {sequence} should")
            gap = codec.decode_item(row.item)
            if isinstance(gap, Gap):
                self._check_gap(row, gap)
                value = bytes.fromhex(gap.chain)
            else:
                wanted = self.accepted.get(sequence) or self.coming.get(sequence)
                if wanted != (row.boot, row.item):
                    raise BrokenPromiseError(f"row {sequence} is {row.boot} {row.item!r}, not {wanted}")
                value = chain.link(value, row.sequence, row.boot, row.item)
            if value != row.chain:
                raise BrokenPromiseError(f"row {sequence}: the chain breaks")
            sequence = row.last + 1
        if sequence != spool.last + 1:
            raise BrokenPromiseError(f"rows end at {sequence - 1}, last is {spool.last}")
        kept = spool.last - self.last
        self.accepted |= {number: row for number, row in self.coming.items() if number <= spool.last}
        self.last, self.coming, self.spool = spool.last, {}, spool.id
        return kept

    def _check_gap(self, row: SpooledRow, gap: Gap) -> None:
        if gap.reason == "pruned":
            if row.last > self.confirmed:
                raise BrokenPromiseError(f"pruned through {row.last}, confirmed only {self.confirmed}")
        elif gap.reason == "refused":
            if row.sequence not in self.refused:
                raise BrokenPromiseError(f"row {row.sequence} was never refused")
        elif gap.reason != "damaged" or row.sequence <= self.last:
            raise BrokenPromiseError(f"a gap nobody made: {gap}")
